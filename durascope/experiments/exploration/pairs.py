"""Pairs: a second thing breaks while the engine recovers from the first.

The second disturbance is taken from the trace that the first gives: every moment that passes after the first has
struck is a point, those of the recovery among them. A moment that has passed before is named by its event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from durascope.experiments.exploration.disturbances import Disturbance, What
from durascope.experiments.exploration.outcomes import judged, outcome, trace_of
from durascope.experiments.exploration.points import after_event, at_moments
from durascope.experiments.exploration.properties import Calm
from durascope.experiments.exploration.tally import Tally
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.models.workload import MOMENTS

_STRUCK: Final = (Kind.CRASHED, Kind.HUNG, Kind.CUT, Kind.OUTAGE_STARTED, Kind.DEPLOYED)


def seconds(scenario: Scenario, trace: Trace, whats: Sequence[What], down_us: int) -> Iterator[Disturbance]:
    """What can break after the first has struck, of the same kinds, in the trace that the first gives."""
    struck = next((number for number, _ in trace.of_kind(*_STRUCK)), None)
    if struck is None:
        return
    yield from at_moments(scenario, trace, whats, down_us=down_us, since=struck)
    seen = {(e.step, e.attempt or 1, e.kind) for e in trace.events[:struck] if e.kind.value in MOMENTS}
    for number in range(struck, len(trace.events)):
        event = trace.events[number]
        again = event.kind.value in MOMENTS and (event.step, event.attempt or 1, event.kind) in seen
        if again and "crash" in whats:
            for target in ("app", "engine"):
                yield after_event(trace, target, number, down_us)


def explore_after(
    scenario: Scenario, engine: str, seed: int, whats: Sequence[What], calm: Calm, tally: Tally, first: Disturbance
) -> Tally:
    """Every pair that begins with this disturbance, in the tally. A pure function but for the tally."""
    trace = trace_of(scenario, engine, seed, (first,))
    for second in seconds(scenario, trace, whats, first.down_us):
        both = (first, second)
        tally.add(both, outcome(scenario, engine, seed, both, calm))
    return tally


def chain(
    scenario: Scenario, engine: str, seed: int, calm: Calm, first: Disturbance, step: str, most: int
) -> list[int]:
    """How often a step's effect happens if the same thing breaks again each time it has happened again.

    One number a disturbance, at most `most` of them; the list ends where the effect is not repeated any more.
    """
    counts: list[int] = []
    disturbances: tuple[Disturbance, ...] = (first,)
    for _ in range(most):
        trace = trace_of(scenario, engine, seed, disturbances)
        counts.append(judged(scenario, calm, trace).effects.get(step, (0, 0))[1])
        if len(counts) > 1 and counts[-1] <= counts[-2]:
            break
        effects = [number for number, e in trace.of_kind(Kind.STEP_AFTER_EFFECT) if e.step == step]
        if len(effects) <= len(disturbances):
            break
        disturbances = (*disturbances, after_event(trace, first.target, effects[-1], first.down_us))
    return counts
