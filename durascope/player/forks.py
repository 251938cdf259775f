"""Forks: what would happen if something crashed now, at every moment of a story, each simulated by the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from durascope.experiments.exploration.disturbances import Disturbance, What, disturbances
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.player.packing import shared
from durascope.simulators.simulate import FULL_UP_TO, simulate

WHATS: Final[tuple[What, ...]] = ("crash",)
MOST_EVENTS: Final = 1_000_000
"""So many events are simulated for the forks of one story on one engine, about: ten seconds."""


@dataclass(frozen=True, slots=True)
class Fork:
    """One disturbance more, after any of these events of the story, and what came of it."""

    disturbance: Disturbance
    first: int
    last: int
    trace: Trace = field(repr=False)
    remedy: str | None = None
    """What was changed in the scenario before; None: nothing."""


def planned(scenario: Scenario, story: Trace) -> tuple[list[Disturbance], int]:
    """What may happen in the story besides, the scenario's own; and how much more that is not asked for.

    Of a long story there is as much as is simulated in some seconds: everything at the moments of steps, and of what
    lies between them every other one, or every third, …
    """
    if not 0 < scenario.workload.runs <= FULL_UP_TO or not story.events:
        return [], 0
    points = disturbances(scenario, story, WHATS)
    most = MOST_EVENTS // len(story.events)
    if len(points) <= most:
        return points, 0
    at_steps = [each for each in points if each.step is not None]
    between = [each for each in points if each.step is None]
    every = -(-len(between) // max(1, most - len(at_steps)))
    kept = [*at_steps, *between[::every]]
    return kept, len(points) - len(kept)


def forks(scenario: Scenario, engine: str, story: Trace, seed: int, points: Iterable[Disturbance]) -> Iterator[Fork]:
    """A fork of the story, which is the scenario's own, for each of the disturbances that changes it."""
    for each in points:
        trace = simulate(each.applied_to(scenario), engine, seed=seed, full=True, records=False)
        last = shared(story.events, trace.events) - 1
        if last >= 0:
            yield Fork(each, last, last, trace)


def by_interest(found: Sequence[Fork], story: Trace) -> list[Fork]:
    """What a reader would look for first: runs that never end, effects that happen twice, the longest delays."""
    usual = story.counters.get("duplicate_effects", 0)
    ended = {run.name: run.ended_at for run in story.runs if run.ended_at is not None}

    def interest(fork: Fork) -> tuple[int, float, int]:
        ends = {run.name: run.ended_at for run in fork.trace.runs}
        stuck = sum(ends.get(name) is None for name in ended)
        late = max(((ends.get(name) or 0) - at for name, at in ended.items()), default=0)
        return stuck, fork.trace.counters.get("duplicate_effects", 0) - usual, late

    return sorted(found, key=interest, reverse=True)
