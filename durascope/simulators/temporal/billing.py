"""What a run costs on Temporal Cloud, in billable actions, and what its history weighs (§13, §14)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.mutable_state import MutableState

_ACTIONS: Final = {
    "WorkflowExecutionStarted": 1,
    "ActivityTaskScheduled": 1,
    "TimerStarted": 1,
    "WorkflowExecutionSignaled": 1,
    "StartChildWorkflowExecutionInitiated": 2,
    "WorkflowExecutionUpdateAccepted": 1,
    "SignalExternalWorkflowExecutionInitiated": 1,
}


def actions(state: MutableState) -> int:
    """The billable actions of one run (§14); rejected updates are not in it.

    A child's own start is counted with its parent's command; a signal that a workflow has sent is counted there, and
    one that came with the start is part of the start.
    """
    total = state.retries + state.markers_in_tasks + state.heartbeats + state.queries
    for event in state.history.events:
        total += _ACTIONS.get(event.kind, 0)
        if event.kind == "WorkflowExecutionSignaled" and event.attributes["identity"] == "history-service":
            total -= 1
    events = state.history.events
    if len(events) > 1 and events[1].kind == "WorkflowExecutionSignaled":
        total -= 1
    return total - (state.options.parent is not None)


def workflow_tasks(events: Iterable[HistoryEvent]) -> int:
    """How many workflow tasks were completed."""
    return sum(event.kind == "WorkflowTaskCompleted" for event in events)
