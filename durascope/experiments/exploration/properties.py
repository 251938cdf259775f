"""Properties: what must hold after every disturbance, and what must be seen, or the exploration was vacuous."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from durascope.experiments.expectations import verdicts
from durascope.models.durations import format_duration
from durascope.models.scenario import Scenario
from durascope.models.starts import merged, not_begun
from durascope.models.trace import Kind, Trace
from durascope.models.unended import sentence


@dataclass(frozen=True, slots=True)
class Calm:
    """What is needed of the undisturbed simulation."""

    durations: Mapping[str, int]
    effects: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, trace: Trace) -> Calm:
        ended = {run.name: run.ended_at - run.started_at for run in trace.started if run.ended_at is not None}
        return cls(ended, effects_per_run(trace))


Check = Callable[[Scenario, Calm, Trace], str | None]
"""What was found that breaks the property; None: it holds."""


def effects_per_run(trace: Trace) -> dict[tuple[str, str], int]:
    """How many effects each step of each run had; calls that a service recognised are none."""
    return dict(Counter((each.run, each.step) for each in trace.ledger if not each.deduplicated))


def recorded_once(_scenario: Scenario, calm: Calm, trace: Trace) -> str | None:
    """A step that has one effect undisturbed has none after its result is recorded."""
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


def none_lost(scenario: Scenario, calm: Calm, trace: Trace) -> str | None:
    """Every run that ends undisturbed ends; one that does not is named with what it waits for. A start that is merged
    with another, as the scenario asks, is not lost."""
    left = {run.name: run.status for run in trace.started if run.ended_at is None}
    known = {run.name for run in trace.started}
    known.update(name for name, status in not_begun(trace).items() if status in merged(scenario))
    gone = next((name for name in calm.durations if name in left or name not in known), None)
    if gone is None:
        return None
    why = next((each for each in trace.unended if each.run == gone), None)
    if why is not None:
        return sentence(why).rstrip(".")
    if gone in left:
        return f"{gone} never ends: {left[gone]}"
    refused = trace.no_runs.get(gone) == "refused"
    return f"{gone} never begins: {'its start is refused' if refused else 'the engine does not know it'}"


def all_undone(scenario: Scenario, _calm: Calm, trace: Trace) -> str | None:
    """Whatever a run had done that ends as failed or cancelled has been undone, where the scenario has an undo."""
    had = effects_per_run(trace)
    undo = {(name, step.label): step.undo_step for name, step in scenario.runs() if step.undo_step is not None}
    for run in trace.started:
        if run.status not in ("failed", "cancelled"):
            continue
        for (workflow, label), undoing in undo.items():
            if workflow == run.workflow and had.get((run.name, label), 0) and not had.get((run.name, undoing.label), 0):
                return f"{run.name} ended as {run.status} and {label} is not undone"
    return None


def undone_last(scenario: Scenario, _calm: Calm, trace: Trace) -> str | None:
    """No effect of a step comes after the effect of its undo."""
    undoing = {step.undo_step.label: step.label for _, step in scenario.runs() if step.undo_step is not None}
    undone: dict[tuple[str, str], str] = {}
    for event in trace.events if undoing else ():
        if event.kind is not Kind.STEP_AFTER_EFFECT or event.run is None or event.step is None:
            continue
        if event.step in undoing:
            undone[event.run, undoing[event.step]] = event.step
        elif (event.run, event.step) in undone:
            return f"{event.step} of {event.run} happened after {undone[event.run, event.step]} had undone it"
    return None


def no_early_timer(_scenario: Scenario, _calm: Calm, trace: Trace) -> str | None:
    """No timer fires before the moment for which it was last set."""
    due: dict[tuple[str | None, str | None], int] = {}
    for _, event in trace.of_kind(Kind.TIMER_SET, Kind.TIMER_FIRED):
        key = (event.run, event.step)
        if event.kind is Kind.TIMER_SET and isinstance(event.detail, int):
            due[key] = event.detail
        elif event.kind is Kind.TIMER_FIRED and event.at < due.get(key, 0):
            early = format_duration(due[key] - event.at)
            return f"the timer {event.step} of {event.run} fires {early} early"
    return None


def one_at_a_time(scenario: Scenario, _calm: Calm, trace: Trace) -> str | None:
    """Runs of one key do not overlap, where a workflow says `one_at_a_time`."""
    if not any(workflow.one_at_a_time for workflow in scenario.workflows.values()):
        return None
    expect = scenario.expect.model_copy(update={"one_at_a_time": True})
    asked = verdicts(scenario.model_copy(update={"expect": expect}), trace)
    return next((v.found for v in asked if v.expected.startswith("one at a time") and not v.held), None)


def expected(scenario: Scenario, _calm: Calm, trace: Trace) -> str | None:
    """The scenario's own expectations."""
    wrong = [verdict for verdict in verdicts(scenario, trace) if not verdict.held]
    return f"{wrong[0].expected}: {wrong[0].found}" if wrong else None


ALWAYS: Final[Mapping[str, tuple[str, Check]]] = {
    "recorded-once": ("a step whose result is recorded never has its effect again", recorded_once),
    "no-run-lost": ("every run that ends undisturbed also ends when disturbed", none_lost),
    "all-undone": ("what a failed or cancelled run began is undone", all_undone),
    "undone-last": ("no step happens after it was undone", undone_last),
    "no-early-timer": ("no timer fires early", no_early_timer),
    "one-at-a-time": ("runs with the same key do not overlap where that is promised", one_at_a_time),
    "expect": ("the scenario's expectations hold", expected),
}
"""What must hold after every disturbance: the sentence, and what checks it."""

SOMETIMES: Final[Mapping[str, str]] = {
    "replayed": "something was replayed",
    "retried": "something was retried",
    "duplicated": "an effect happened twice",
}
"""What must be seen at least once, or the exploration was vacuous."""
