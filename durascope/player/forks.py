"""Forks: what would happen if something crashed now, after every event of a story, each simulated by the model.

After each event whoever acts dies, and the engine, for a short and for a long time; where a story stands still for
long, whoever acted last dies there, too. Events after which it is provably the same (`simulators.places`) are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from durascope.experiments.exploration.disturbances import Disturbance, downs
from durascope.experiments.exploration.points import after_event, over
from durascope.experiments.exploration.remedies import against_duplicates
from durascope.experiments.pool import mapped
from durascope.models.problems import ScenarioProblems
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.workload import MOMENTS
from durascope.player.packing import shared
from durascope.simulators.places import ENGINE, Undisturbed, same_places
from durascope.simulators.simulate import FULL_UP_TO, simulate

MOST_EVENTS: Final = 600_000
"""So many events are simulated for the forks of one story on one engine, about: five seconds."""
STILL_US: Final = 100_000
"""Nothing happens for so long: the story stands still."""

Interest = tuple[int, float, int]
"""Runs that never end, effects that happen twice, the longest delay: the higher, the sooner a reader looks for it."""


@dataclass(frozen=True, slots=True)
class Crash:
    """One crash more, after any event from the first to the last: nobody but who dies can tell the difference."""

    first: int
    last: int
    fault: Disturbance
    """After the last."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A crash, and what came of it."""

    crash: Crash
    trace: Trace = field(repr=False)
    remedy: str | None = None
    """What was changed in the scenario before; None: nothing."""


def crashes(scenario: Scenario, story: Undisturbed) -> tuple[list[Crash], int]:
    """The crashes that are asked for after the story's events, and how many more there are.

    Of a long story, only as many as are simulated in some seconds: after the moments of steps, and of the other events
    after every other one, or every third, …
    """
    if not 0 < scenario.workload.runs <= FULL_UP_TO or not story.trace.events:
        return [], 0
    points = list(_points(scenario, story))
    most = MOST_EVENTS // len(story.trace.events)
    if len(points) <= most:
        return points, 0
    moments = [each for each in points if _at_a_moment(story.trace, each)]
    others = [each for each in points if not _at_a_moment(story.trace, each)]
    every = -(-len(others) // max(1, most - len(moments)))
    kept = [*moments, *others[::every]]
    return kept, len(points) - len(kept)


def _at_a_moment(trace: Trace, crash: Crash) -> bool:
    return any(event.kind.value in MOMENTS for event in trace.events[crash.first : crash.last + 1])


def _points(scenario: Scenario, story: Undisturbed) -> Iterator[Crash]:
    """In the order of what dies and for how long: neighbours go on alike, and are packed well."""
    times = downs(scenario, None)
    for down in times:
        for number, until in _engine_places(story):
            yield _crash(story.trace, ENGINE, number, until, down)
    for process in story.processes:
        if process.name == ENGINE:
            continue
        for down in times:
            for number, until in _acting(story, process.lanes):
                yield _crash(story.trace, "app", number, until, down)
    for number in _waiting(story):
        yield _crash(story.trace, "app", number, number, times[-1])


def _crash(trace: Trace, target: str, first: int, last: int, down: int) -> Crash:
    return Crash(first, last, after_event(trace, target, last, down))


def _engine_places(story: Undisturbed) -> Iterator[tuple[int, int]]:
    last = over(story.trace)
    for process in story.processes:
        if process.name == ENGINE:
            yield from ((number, until) for number, until in same_places(story, process) if number <= last)
            return


def _acting(story: Undisturbed, lanes: frozenset[str]) -> Iterator[tuple[int, int]]:
    """The places at which a process can die while it is the one that acts."""
    last, process = over(story.trace), story.process_of(next(iter(lanes)))
    if process is not None:
        for number, until in same_places(story, process):
            if number <= last and story.trace.events[number].lane in lanes:
                yield number, until


def _waiting(story: Undisturbed) -> Iterator[int]:
    """Events after which nothing happens for long, and that are no app's."""
    events = story.trace.events
    apps = {lane for process in story.processes if process.name != ENGINE for lane in process.lanes}
    acted = False
    for number in range(over(story.trace)):
        acted = acted or events[number].lane in apps
        if acted and events[number].lane not in apps and events[number + 1].at - events[number].at >= STILL_US:
            yield number


def forks(
    scenario: Scenario, engine: str, seed: int, asked: Sequence[Crash], *, processes: int | None = None
) -> Iterator[Fork]:
    """A fork for each of the crashes, in their order. The scenario is the story's own."""
    traces = mapped(partial(_simulated, scenario, engine, seed), asked, processes=processes)
    for crash, trace in zip(asked, traces, strict=True):
        yield Fork(crash, trace)


def _simulated(scenario: Scenario, engine: str, seed: int, crash: Crash) -> Trace:
    return simulate(crash.fault.applied_to(scenario), engine, seed=seed, full=True, records=True)


def interest(fork: Fork, story: Trace) -> Interest:
    """What the crash made worse."""
    ends = {run.name: run.ended_at for run in fork.trace.runs}
    ended = {run.name: run.ended_at for run in story.runs if run.ended_at is not None}
    stuck = sum(ends.get(name) is None for name in ended)
    late = max(((ends.get(name) or 0) - at for name, at in ended.items()), default=0)
    return stuck, fork.trace.counters.get("duplicate_effects", 0) - story.counters.get("duplicate_effects", 0), late


def repeated(trace: Trace) -> frozenset[str]:
    """The steps whose effect happened again."""
    return frozenset(each.step for each in trace.ledger if each.again and not each.deduplicated)


def remedied(
    scenario: Scenario, engine: str, story: Trace, seed: int, hurt: Mapping[Crash, frozenset[str]]
) -> Iterator[Fork]:
    """The crashes that made effects happen again, by the steps that they repeat, once more with each remedy for those.

    Only where the remedy has changed nothing until the crash: it is the same moment then.
    """
    for step in sorted(frozenset().union(*hurt.values())):
        for remedy in against_duplicates(scenario, engine, step):
            try:
                changed = remedy.applied_to(scenario)
            except ScenarioProblems:
                continue
            alike = shared(story.events, simulate(changed, engine, seed=seed, full=True, records=True).events)
            for crash, steps in hurt.items():
                if step in steps and crash.last < alike:
                    yield Fork(crash, _simulated(changed, engine, seed, crash), remedy.title)
