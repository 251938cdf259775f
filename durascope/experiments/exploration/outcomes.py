"""What one disturbance led to, and which promises it broke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from durascope.experiments.expectations import verdicts
from durascope.experiments.exploration.disturbances import Disturbance
from durascope.models.effects import effects, recoveries
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.simulators.simulate import simulate


@dataclass(frozen=True, slots=True)
class Outcome:
    """A disturbed simulation in a few numbers."""

    effects: Mapping[str, tuple[int, int]]
    """By step: the fewest and the most effects that a run had, of the runs that executed it."""
    recovery_us: Mapping[str, int]
    """By interrupted step: how long until it was at work again; the run's own under the empty name."""
    delay_us: int | None
    """By how much the slowest run was later than without the disturbance; None: one did not end that did before."""
    statuses: Mapping[str, int]
    broken: Mapping[str, str]
    """By property: what was found."""
    seen: frozenset[str]
    """What happened at all: replayed, retried, duplicated."""


@dataclass(frozen=True, slots=True)
class Calm:
    """What is needed of the undisturbed simulation."""

    durations: Mapping[str, int]
    effects: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, trace: Trace) -> Calm:
        ended = {run.name: run.ended_at - run.started_at for run in trace.started if run.ended_at is not None}
        return cls(ended, _per_run(trace))


Check = Callable[[Scenario, Calm, Trace], str | None]


def _recorded_once(_scenario: Scenario, calm: Calm, trace: Trace) -> str | None:
    recorded: set[tuple[str, str]] = set()
    for event in trace.events:
        if event.run is None or event.step is None:
            continue
        key = (event.run, event.step)
        if event.kind is Kind.STEP_RECORDED:
            recorded.add(key)
        elif event.kind is Kind.STEP_AFTER_EFFECT and key in recorded and calm.effects.get(key) == 1:
            return f"{event.step} of {event.run} had its effect again after its result was recorded"
    return None


def _none_lost(_scenario: Scenario, calm: Calm, trace: Trace) -> str | None:
    left = {run.name: run.status for run in trace.started if run.ended_at is None}
    gone = [name for name in calm.durations if name in left or name not in {run.name for run in trace.started}]
    if not gone:
        return None
    return f"{gone[0]} never ends: {left.get(gone[0], 'the engine does not know it')}"


def _all_undone(scenario: Scenario, _calm: Calm, trace: Trace) -> str | None:
    had = _per_run(trace)
    undo = {(name, step.label): step.undo_step for name, step in scenario.runs() if step.undo_step is not None}
    for run in trace.started:
        if run.status not in ("failed", "cancelled"):
            continue
        for (workflow, label), undoing in undo.items():
            if workflow == run.workflow and had.get((run.name, label), 0) and not had.get((run.name, undoing.label), 0):
                return f"{run.name} ended as {run.status} and {label} is not undone"
    return None


def _one_at_a_time(scenario: Scenario, _calm: Calm, trace: Trace) -> str | None:
    if not any(workflow.one_at_a_time for workflow in scenario.workflows.values()):
        return None
    expect = scenario.expect.model_copy(update={"one_at_a_time": True})
    asked = verdicts(scenario.model_copy(update={"expect": expect}), trace)
    return next((v.found for v in asked if v.expected.startswith("one at a time") and not v.held), None)


def _expected(scenario: Scenario, _calm: Calm, trace: Trace) -> str | None:
    wrong = [verdict for verdict in verdicts(scenario, trace) if not verdict.held]
    return f"{wrong[0].expected}: {wrong[0].found}" if wrong else None


ALWAYS: Final[Mapping[str, tuple[str, Check]]] = {
    "recorded-once": ("a step whose result is recorded never has its effect again", _recorded_once),
    "no-run-lost": ("every run that ends undisturbed ends disturbed, too", _none_lost),
    "all-undone": ("what a failed or cancelled run began is undone", _all_undone),
    "one-at-a-time": ("runs of one key do not overlap where that is promised", _one_at_a_time),
    "expect": ("the scenario's expectations hold", _expected),
}
"""What must hold after every disturbance: the sentence, and what checks it."""

SOMETIMES: Final[Mapping[str, str]] = {
    "replayed": "something was replayed",
    "retried": "something was tried again",
    "duplicated": "an effect happened twice",
}
"""What must be seen at least once, or the exploration was vacuous."""


def outcome(scenario: Scenario, engine: str, seed: int, disturbance: Disturbance, calm: Calm) -> Outcome:
    """Simulates the scenario with the disturbance. A pure function."""
    disturbed = disturbance.applied_to(scenario)
    trace = simulate(disturbed, engine, seed=seed, full=True, records=False)
    return judged(scenario, calm, trace)


def judged(scenario: Scenario, calm: Calm, trace: Trace) -> Outcome:
    """What a trace shows against the undisturbed one."""
    late: int | None = 0
    for run in trace.started:
        before = calm.durations.get(run.name)
        if before is not None:
            late = None if run.ended_at is None or late is None else max(late, run.ended_at - run.started_at - before)
    recovery: dict[str, int] = {}
    for each in recoveries(trace):
        lasts = each.lasts
        if lasts is not None:
            for step in each.steps or ("",):
                recovery[step] = max(recovery.get(step, 0), lasts)
    broken = {name: found for name, (_, check) in ALWAYS.items() if (found := check(scenario, calm, trace)) is not None}
    kinds = {event.kind for event in trace.events}
    seen = {
        "replayed": Kind.REPLAY_STEP in kinds,
        "retried": Kind.STEP_RETRIED in kinds or any((event.attempt or 1) > 1 for event in trace.events),
        "duplicated": any(mark.duplicate for mark in effects(trace)),
    }
    return Outcome(
        effects=_ranges(trace),
        recovery_us=recovery,
        delay_us=late,
        statuses=Counter(trace.status.get(run.name, run.status) for run in trace.started),
        broken=broken,
        seen=frozenset(name for name, true in seen.items() if true),
    )


def _per_run(trace: Trace) -> dict[tuple[str, str], int]:
    """How many effects each step of each run had; calls that a service recognised are none."""
    return dict(Counter((each.run, each.step) for each in trace.ledger if not each.deduplicated))


def _ranges(trace: Trace) -> dict[str, tuple[int, int]]:
    """By step, over the runs that executed it."""
    had = _per_run(trace)
    ran: dict[tuple[str, str], None] = {}
    for _, event in trace.of_kind(Kind.STEP_STARTED):
        if event.run is not None and event.step is not None:
            ran.setdefault((event.run, event.step))
    found: dict[str, tuple[int, int]] = {}
    for run, step in ran:
        count = had.get((run, step), 0)
        low, high = found.get(step, (count, count))
        found[step] = (min(low, count), max(high, count))
    return found
