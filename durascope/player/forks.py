"""Forks: what would happen if something broke after any event of a story. Each is simulated by the model.

After each event whoever acts dies, and the engine, for a short and for a long time; where a story stands still for
long, whoever acted last dies there, too. At the moments of steps the app hangs, is cut off from the engine, and the
step's service is down. Events after which it is provably the same (`simulators.places`) are one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter

from durascope.experiments.exploration.disturbances import Disturbance, What, downs, long_us, of
from durascope.experiments.exploration.points import AFTER, after_event, over
from durascope.experiments.exploration.remedies import Remedy, against_duplicates, written
from durascope.experiments.pool import Pool
from durascope.models.faults import Fault
from durascope.models.phrases import fault_text
from durascope.models.problems import ScenarioProblems
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.models.workload import MOMENTS
from durascope.player.packing import Telling, Told, shared
from durascope.simulators.places import ENGINE, Undisturbed, same_places
from durascope.simulators.simulate import FULL_UP_TO, simulate

MOST_EVENTS: Final = 600_000
"""How many events are simulated, about, for the forks of one story on one engine; this takes five seconds."""
MOST_REMEDIED: Final = MOST_EVENTS // 4
"""The same, for crashes with remedies."""
TOGETHER: Final = 16
"""So many forks are sent to a process at once: one takes some milliseconds, and sending one is not free."""
STILL_US: Final = 100_000
"""If nothing happens for this long, the story stands still."""

Interest = tuple[int, float, int]
"""(Runs that never end, effects that happen twice, longest delay): the higher, the more interesting to a reader."""


_FAULT: Final[TypeAdapter[Any]] = TypeAdapter(Fault)


@dataclass(frozen=True, slots=True)
class Crash:
    """One more fault. After which event from the first to the last it strikes makes no difference."""

    first: int
    last: int
    fault: Disturbance
    """After the last."""

    @property
    def words(self) -> str:
        """What `--crash` takes, or a sentence, with `{}` for the number of the event."""
        text = self.fault.phrase or fault_text(_FAULT.validate_json(self.fault.fault))
        return text.replace(f"event {self.last}", "event {}")

    @property
    def plain(self) -> dict[str, Any]:
        """The fault as in a scenario, without its moment."""
        return {name: value for name, value in json.loads(self.fault.fault).items() if name != "when"}


@dataclass(frozen=True, slots=True)
class Fork:
    """A fault and its consequences."""

    crash: Crash
    told: Told = field(repr=False)
    """After the story."""
    interest: Interest
    repeated: frozenset[str]
    """The steps whose effect happens again."""
    remedy: str | None = None
    """The remedy that was applied to the scenario first; None: none."""


@dataclass(frozen=True, slots=True)
class Forked:
    """A story on one engine, and the crashes to simulate in it."""

    scenario: Scenario
    """The story's own."""
    engine: str
    story: Trace = field(repr=False)
    crashes: Sequence[Crash] = field(repr=False)


def crashes(scenario: Scenario, story: Undisturbed) -> tuple[list[Crash], int]:
    """The crashes to simulate after the story's events, and how many more there are.

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
    yield from _at_moments(scenario, story)


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


def _at_moments(scenario: Scenario, story: Undisturbed) -> Iterator[Crash]:
    """At each moment of each attempt of each step, of whichever run comes first: what does not die."""
    service_of = {step.label: step.on for _, step in scenario.runs() if step.on is not None}
    moments = _moments(story.trace)
    down = long_us(scenario)
    for process in story.processes:
        for first, last in same_places(story, process) if process.name != ENGINE else ():
            if story.trace.events[last].lane in process.lanes and any(n in moments for n in range(first, last + 1)):
                yield _other("hang", "app", {"hang": "app", "for": f"{down}us"}, first, last, down)
    for number in moments:
        yield _other("cut", "app", {"cut": ["app", ENGINE], "for": f"{down}us"}, number, number, down)
    for number in moments:
        event = story.trace.events[number]
        service = service_of.get(event.step or "")
        if event.kind is Kind.STEP_STARTED and service is not None:
            yield _other("outage", service, {"outage": service, "for": f"{down}us"}, number, number, down)


def _other(what: What, target: str, fault: dict[str, Any], first: int, last: int, down: int) -> Crash:
    when = {"event": last}
    return Crash(first, last, of(
        what, fault, when, target=target, step=None, moment=AFTER, attempt=None, down_us=down, event=last,
    ))  # fmt: skip


def _moments(trace: Trace) -> set[int]:
    """The events that are the first to be that moment of that attempt of a step."""
    seen: dict[tuple[str, int, Kind], int] = {}
    for number, event in enumerate(trace.events[: over(trace) + 1]):
        if event.step is not None and event.kind.value in MOMENTS:
            seen.setdefault((event.step, event.attempt or 1, event.kind), number)
    return set(seen.values())


@dataclass(frozen=True, slots=True)
class _Story:
    """What forks are compared with."""

    telling: Telling
    ended: Mapping[str, int]
    duplicates: float

    @classmethod
    def of(cls, trace: Trace) -> _Story:
        ended = {run.name: run.ended_at for run in trace.runs if run.ended_at is not None}
        return cls(Telling(trace), ended, trace.counters.get("duplicate_effects", 0))


def forks(asked: Sequence[Forked], seed: int, *, processes: int | None = None) -> Iterator[tuple[int, Fork]]:
    """Each fork with the number of its story: one for each crash, then those with remedies.

    The forks of one story come in the order of its crashes, and all stories' are simulated by the processes of one
    pool. Crashes that make effects happen again are simulated once more with each remedy against that.
    """
    work = _Work(asked, seed)
    with Pool(work.done, processes=processes) as pool:
        plain = [_Task(story, number) for story, each in enumerate(asked) for number in range(len(each.crashes))]
        remedied: list[_Task] = []
        hurt: dict[int, frozenset[str]] = {}
        for task, done in zip(plain, pool.stream(plain, of=len(plain), together=TOGETHER), strict=True):
            story = asked[task.story]
            crash = story.crashes[task.crash]
            yield task.story, Fork(crash, *done)
            again = done.repeated - repeated(story.story)
            if again and crash.fault.what == "crash":
                hurt[task.crash] = again
            if task.crash == len(story.crashes) - 1:
                remedied += _remedied(task.story, story, seed, hurt)
                hurt = {}
        for task, done in zip(remedied, pool.stream(remedied, of=len(remedied), together=TOGETHER), strict=True):
            crash = asked[task.story].crashes[task.crash]
            yield task.story, Fork(crash, *done, remedy=None if task.remedy is None else task.remedy.title)


class _Task(NamedTuple):
    story: int
    crash: int
    """Its number among the story's."""
    remedy: Remedy | None = None


class _Done(NamedTuple):
    told: Told
    interest: Interest
    repeated: frozenset[str]


class _Work:
    """What each process does: it knows the stories, so that a task names but a crash."""

    def __init__(self, asked: Sequence[Forked], seed: int) -> None:
        self._asked = asked
        self._compared = [_Story.of(each.story) for each in asked]
        self._seed = seed
        self._changed: dict[tuple[int, Remedy], Scenario] = {}
        """Scenarios with a remedy, by the number of their story."""

    def done(self, task: _Task) -> _Done:
        """Simulates a crash."""
        asked, story = self._asked[task.story], self._compared[task.story]
        scenario = asked.crashes[task.crash].fault.applied_to(self._scenario(task))
        trace = simulate(scenario, asked.engine, seed=self._seed, full=True, records=True)
        return _Done(Telling(trace, story.telling).told, _interest(trace, story), repeated(trace))

    def _scenario(self, task: _Task) -> Scenario:
        scenario = self._asked[task.story].scenario
        if task.remedy is None:
            return scenario
        place = (task.story, task.remedy)
        if place not in self._changed:
            self._changed[place] = task.remedy.applied_to(written(scenario))
        return self._changed[place]


def _interest(trace: Trace, story: _Story) -> Interest:
    """What the crash made worse."""
    ends = {run.name: run.ended_at for run in trace.runs}
    stuck = sum(ends.get(name) is None for name in story.ended)
    late = max(((ends.get(name) or 0) - at for name, at in story.ended.items()), default=0)
    return stuck, trace.counters.get("duplicate_effects", 0) - story.duplicates, late


def repeated(trace: Trace) -> frozenset[str]:
    """The steps whose effect happened again."""
    return frozenset(each.step for each in trace.ledger if each.again and not each.deduplicated)


def _remedied(story: int, asked: Forked, seed: int, hurt: Mapping[int, frozenset[str]]) -> list[_Task]:
    """The crashes that made effects happen again, by the steps that they repeat, once more with each remedy for those.

    Only where the remedy changes nothing before the crash, so that the moment is the same. If there are too many, every
    second one is taken, or every third, …
    """
    tasks: dict[_Task, None] = {}
    document = written(asked.scenario)
    for step in sorted(frozenset().union(*hurt.values())):
        for remedy in against_duplicates(asked.scenario, asked.engine, step):
            try:
                changed = remedy.applied_to(document)
            except ScenarioProblems:
                continue
            went = simulate(changed, asked.engine, seed=seed, full=True, records=True)
            alike = shared(asked.story.events, went.events)
            for crash, steps in hurt.items():
                if step in steps and asked.crashes[crash].last < alike:
                    tasks[_Task(story, crash, remedy)] = None
    every = max(1, -(-len(tasks) * len(asked.story.events) // MOST_REMEDIED))
    return list(tasks)[::every]
