"""Questions that people ask of an engine, each answered by an experiment: one disturbance under a few seeds.

Each experiment takes the scenario without its own faults, changes one thing, and compares run by run. It exists only
where the scenario is touched by the question: a workflow that waits for no event has no approval that could be late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from durascope.experiments.expectations import overlapping
from durascope.experiments.metrics import by_status, latest_us, recovery_ms
from durascope.experiments.pool import mapped
from durascope.experiments.statistics import Interval, mean
from durascope.models.faults import Crash, Deploy
from durascope.models.run_step import Fails, Run
from durascope.models.scenario import OWN_STEP, Scenario, Workflow
from durascope.models.starts import counted
from durascope.models.steps import Parallel, Race, Step, Steps, WaitFor
from durascope.models.trace import Trace
from durascope.models.units import MILLISECOND, SECOND
from durascope.models.workload import Arrivals, WorkloadEvent
from durascope.simulators.simulate import FULL_UP_TO, simulate

AWAY_US: Final = 5 * SECOND
"""How long the engine is down."""
DOWN_US: Final = 2 * SECOND
"""How long a killed app is down."""
SOON_US: Final = SECOND
"""An approval on time comes so long after the wait has begun; a second one as long after the first."""
EARLY_US: Final = 10 * MILLISECOND
"""An early one comes so long after the run was asked for."""
LATE_US: Final = 60 * SECOND
"""A late one comes so long after the wait has timed out."""


class Changed(NamedTuple):
    """One experiment, made for one scenario."""

    what: str
    """The disturbance in words: `the engine is killed halfway through a run and is back after 5 s`."""
    calm: Scenario
    """What it is compared with."""
    disturbed: Callable[[int], Scenario]
    """The same with the disturbance; it is told when half of a run is over, in microseconds."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a disturbance led to on one engine. None: there was nothing to make the figure of."""

    what: str
    seeds: int
    statuses: Mapping[str, int]
    """How the runs ended, of all seeds."""
    delay_us: Interval | None
    """By how much the run that is hit hardest ends later, of those that end as without the disturbance."""
    recovery_us: Interval | None
    """How long interrupted work took to resume."""
    duplicates: Interval | None
    """Effects that happened again because of it, per simulation."""
    overlapping: int = 0
    """Pairs of runs of one key that were at work at the same time, of all seeds."""


def what_ifs(
    scenario: Scenario,
    engines: Sequence[str],
    questions: Sequence[str],
    *,
    seed: int,
    seeds: int,
    processes: int | None = None,
) -> dict[str, dict[str, WhatIf]]:
    """By question and engine, the answers to those of the questions that touch the scenario."""
    if not scenario.workload.runs:
        return {}
    calm = _calm(scenario)
    asked = {name: changed for name in questions if (changed := QUESTIONS[name](calm)) is not None}
    places = [(name, engine) for name in asked for engine in engines]
    tasks = [(name, engine, seed + number) for name, engine in places for number in range(seeds)]
    done = mapped(partial(_struck, calm), tasks, processes=processes)
    found: dict[tuple[str, str], list[_Outcome]] = {place: [] for place in places}
    for (name, engine, _), outcome in zip(tasks, done, strict=True):
        found[name, engine].append(outcome)
    return {name: {engine: _told(asked[name].what, found[name, engine]) for engine in engines} for name in asked}


def _calm(scenario: Scenario) -> Scenario:
    """Without faults, and no larger than what is kept in full."""
    workload = scenario.workload.model_copy(update={"runs": min(scenario.workload.runs, FULL_UP_TO)})
    return scenario.model_copy(update={"faults": (), "workload": workload})


class _Outcome(NamedTuple):
    """Of one seed."""

    statuses: Mapping[str, int]
    delay_us: float | None
    recovery_us: float | None
    duplicates: float
    overlapping: int


def _struck(scenario: Scenario, task: tuple[str, str, int]) -> _Outcome:
    name, engine, seed = task
    changed = QUESTIONS[name](scenario)
    assert changed is not None
    calm = simulate(changed.calm, engine, seed=seed, full=True, records=False)
    trace = simulate(changed.disturbed(_middle(calm)), engine, seed=seed, full=True, records=False)
    recovery = recovery_ms(trace)
    return _Outcome(
        counted(changed.calm, by_status(trace)),
        latest_us(trace, calm),
        None if recovery is None else recovery * MILLISECOND,
        trace.counters.get("duplicate_effects", 0.0) - calm.counters.get("duplicate_effects", 0.0),
        len(overlapping(trace)),
    )


def _middle(calm: Trace) -> int:
    """Half of how long a run lasts, from its start."""
    lasted = [run.ended_at - run.started_at for run in calm.started if run.ended_at is not None]
    return sum(lasted) // len(lasted) // 2 if lasted else calm.ended_at // 2


def _told(what: str, outcomes: Sequence[_Outcome]) -> WhatIf:
    statuses: dict[str, int] = {}
    for outcome in outcomes:
        for status, count in outcome.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return WhatIf(
        what,
        len(outcomes),
        statuses,
        mean([each.delay_us for each in outcomes if each.delay_us is not None]),
        mean([each.recovery_us for each in outcomes if each.recovery_us is not None]),
        mean([each.duplicates for each in outcomes]),
        sum(each.overlapping for each in outcomes),
    )


# ---- the disturbances --------------------------------------------------------------------------------------------


def _engine_dies(calm: Scenario) -> Changed:
    def disturbed(middle: int) -> Scenario:
        return _with_crash(calm, {"crash": "engine", "at": f"{middle}us", "down_for": f"{AWAY_US}us"})

    return Changed("the engine is killed halfway through a run and is back after 5 s", calm, disturbed)


def _app_dies(calm: Scenario) -> Changed | None:
    """In the middle of the longest step, before anybody could report it."""
    steps = [step for step in always_run(_workflow(calm).steps) if isinstance(step, Run)]
    if not steps:
        return None
    longest = max(steps, key=lambda step: _takes(calm, step))
    when = {"step": longest.label, "attempt": 1, "moment": "started", "after": f"{_takes(calm, longest) // 2}us"}
    disturbed = _with_crash(calm, {"crash": "app", "when": when, "down_for": f"{DOWN_US}us", "may_miss": True})
    return Changed(f"the app is killed in the middle of {longest.label}", calm, _always(disturbed))


def _deploy(calm: Scenario) -> Changed | None:
    """New code goes live that adds a step before the first one, which a run in flight has already passed."""
    name = calm.started[0]
    steps = [step for step in calm.workflows[name].steps if isinstance(step, Run)]
    if len(steps) < 2:
        return None
    before = steps[0].label
    change = {"insert": {"step": {"run": "added-by-the-deploy", "takes": "10ms"}, "before": before}}

    def disturbed(middle: int) -> Scenario:
        deploy = Deploy.model_validate({"deploy": name, "change": change, "at": f"{middle}us"})
        return calm.model_copy(update={"faults": (deploy,)})

    return Changed(f"a deploy halfway through a run adds a step before {before}", calm, disturbed)


def _compensation_dies(calm: Scenario) -> Changed | None:
    """The last step fails for good, so that what came before is undone; the app is killed after the first undo."""
    workflow = _workflow(calm)
    places = [number for number, step in enumerate(workflow.steps) if isinstance(step, Run)]
    undone = [step for number, step in enumerate(workflow.steps) if isinstance(step, Run) and step.undo is not None
              and number < places[-1]]  # fmt: skip
    if not undone:
        return None
    last = workflow.steps[places[-1]]
    failing = last.model_copy(update={"fails": Fails(always=True, retryable=False)})
    steps = (*workflow.steps[: places[-1]], failing, *workflow.steps[places[-1] + 1 :])
    changed = _with_workflow(calm, workflow.model_copy(update={"steps": steps}))
    undo = undone[-1].undo_step
    assert undo is not None
    when = {"step": undo.label, "attempt": 1, "moment": "after-effect"}
    disturbed = _with_crash(changed, {"crash": "app", "when": when, "down_for": f"{DOWN_US}us", "may_miss": True})
    words = f"{last.label} fails for good, and the app is killed right after {undo.label}, before that is recorded"
    return Changed(words, changed, _always(disturbed))


def _approval(times: Callable[[WaitFor], Sequence[Mapping[str, Any]] | None], words: str) -> _Question:
    """An event that comes at other times than a second after the wait for it has begun."""

    def change(calm: Scenario) -> Changed | None:
        wait = next((step for step in always_run(_workflow(calm).steps) if isinstance(step, WaitFor)), None)
        if wait is None or wait.times != 1:
            return None
        disturbed = times(wait)
        if disturbed is None:
            return None
        name = wait.wait_for
        on_time = _with_events(calm, name, [_after(SOON_US)])
        return Changed(f"{name} {words}", on_time, _always(_with_events(calm, name, disturbed)))

    return change


def _after(us: int) -> dict[str, Any]:
    return {"when": {"event": "WaitStarted", "after": f"{us}us"}}


def _early(_wait: WaitFor) -> Sequence[Mapping[str, Any]]:
    return [{"at": f"{EARLY_US}us"}]


def _twice(_wait: WaitFor) -> Sequence[Mapping[str, Any]]:
    return [_after(SOON_US), _after(2 * SOON_US)]


def _late(wait: WaitFor) -> Sequence[Mapping[str, Any]] | None:
    return None if wait.timeout is None else [_after(wait.timeout + LATE_US)]


def _same_key(calm: Scenario) -> Changed | None:
    """Three runs of one key and one of another come at once, and the app is killed in the first step of the first."""
    workflow = _workflow(calm)
    steps = [step for step in workflow.steps if isinstance(step, Run)]
    if not workflow.one_at_a_time or not steps or workflow.key is None:
        return None
    keys = ("a", "a", "a", "b")
    workload = calm.workload.model_copy(update={
        "runs": len(keys), "keys": keys, "arrivals": Arrivals.model_validate({"every": "10ms"}), "events": (),
        "of": (calm.started[0],), "inputs": None, "idempotency_keys": None,
    })  # fmt: skip
    alone = calm.model_copy(update={"workload": workload})
    when = {"step": steps[0].label, "attempt": 1, "moment": "after-effect"}
    disturbed = _with_crash(alone, {"crash": "app", "when": when, "down_for": f"{DOWN_US}us", "may_miss": True})
    words = f"three runs with one key and one with another start at once, and the app is killed after {steps[0].label}"
    return Changed(words, alone, _always(disturbed))


_Question = Callable[[Scenario], Changed | None]

QUESTIONS: Final[Mapping[str, _Question]] = {
    "engine_away": _engine_dies,
    "app_dies": _app_dies,
    "deploy": _deploy,
    "compensation_dies": _compensation_dies,
    "approval_early": _approval(_early, "comes before the run waits for it"),
    "approval_twice": _approval(_twice, "comes twice"),
    "approval_late": _approval(_late, "comes a minute after the wait has timed out"),
    "same_key": _same_key,
}


def _always(disturbed: Scenario) -> Callable[[int], Scenario]:
    """Where the disturbance does not depend on how long a run lasts."""

    def of(_middle: int) -> Scenario:
        return disturbed

    return of


def _workflow(scenario: Scenario) -> Workflow:
    """The one that the first run is of."""
    return scenario.workflows[scenario.started[0]]


def always_run(steps: Steps) -> Iterator[Step]:
    """The steps that every run comes to once: those in parallel branches too, those of choices and rounds not."""
    for step in steps:
        yield step
        if isinstance(step, Parallel | Race):
            for block in step.blocks():
                yield from always_run(block)


def _with_workflow(scenario: Scenario, workflow: Workflow) -> Scenario:
    return scenario.model_copy(update={"workflows": {**scenario.workflows, scenario.started[0]: workflow}})


def _with_crash(scenario: Scenario, crash: Mapping[str, Any]) -> Scenario:
    return scenario.model_copy(update={"faults": (Crash.model_validate(crash),)})


def _with_events(scenario: Scenario, name: str, sent: Sequence[Mapping[str, Any]]) -> Scenario:
    """Those to the first run alone, in place of the workload's own of that name."""
    others = tuple(event for event in scenario.workload.events if event.send != name)
    ours = tuple(WorkloadEvent.model_validate({"send": name, "to": 1, **each}) for each in sent)
    return scenario.model_copy(update={"workload": scenario.workload.model_copy(update={"events": (*others, *ours)})})


def _takes(scenario: Scenario, step: Run) -> int:
    """How long an attempt takes as a rule."""
    spread = step.takes[0] if isinstance(step.takes, tuple) else step.takes
    if spread is None:
        spread = scenario.services.get(step.on, OWN_STEP).latency if step.on else OWN_STEP.latency
    return int(spread.at(0.5))
