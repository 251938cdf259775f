"""What happened to each step of a scenario in a run, for the workflow view that is coloured with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.steps import Call, Run
from durascope.models.trace import Kind, Trace
from durascope.render.theme import State

_WORST_FIRST: Final[tuple[State, ...]] = ("crashed", "undone", "retried", "replayed", "done", "never-reached")
_REACHED: Final = frozenset({Kind.STEP_SCHEDULED, Kind.STEP_STARTED, Kind.STEP_RECORDED, Kind.TIMER_SET})


def painted(trace: Trace, scenario: Scenario, all_spans: Iterable[Span] | None = None) -> dict[str, State]:
    """Each step's label with the worst that happened to it, over all runs of the trace."""
    found: dict[str, set[State]] = {}
    for span in spans(trace, scenario) if all_spans is None else all_spans:
        if span.kind == "running" and span.step is not None:
            states = found.setdefault(span.step, set())
            states.add("crashed" if span.ended == "crashed" else "done")
            if span.ended in ("failed", "dropped", "abandoned") or (span.attempt or 1) > 1:
                states.add("retried")
    for event in trace.events:
        if event.step is None:
            continue
        if event.kind is Kind.REPLAY_STEP:
            found.setdefault(event.step, set()).add("replayed")
        elif event.kind in _REACHED:
            found.setdefault(event.step, set()).add("done")
    for label, undo in _undo(scenario).items():
        if undo in found:
            found.setdefault(label, set()).add("undone")
    return {label: _worst(label, found) for label in _labels(scenario)}


def _labels(scenario: Scenario) -> list[str]:
    return [step.label for workflow in scenario.workflows.values() for step in workflow.walk()] + list(
        _undo(scenario).values()
    )


def _undo(scenario: Scenario) -> dict[str, str]:
    """The label of what undoes a step, by the step's."""
    steps = (step for workflow in scenario.workflows.values() for step in workflow.walk())
    undoable = (step for step in steps if isinstance(step, Run | Call))
    return {step.label: undo.label for step in undoable if (undo := step.undo_step) is not None}


def _worst(label: str, found: Mapping[str, set[State]]) -> State:
    """A label with loop variables stands for all steps that it may have named."""
    states = set(found.get(label, ()))
    if "{" in label:
        named = re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(label)))
        for name, theirs in found.items():
            if named.fullmatch(name):
                states |= theirs
    for state in _WORST_FIRST:
        if state in states:
            return state
    return "never-reached"
