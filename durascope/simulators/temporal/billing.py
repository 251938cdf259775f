"""What a run costs on Temporal Cloud, in billable actions, and what its history weighs (§13, §14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from durascope.simulators.temporal.events import (
    ActivityTaskScheduled,
    SignalExternalWorkflowExecutionInitiated,
    StartChildWorkflowExecutionInitiated,
    TimerStarted,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
    WorkflowExecutionUpdateAccepted,
)
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.mutable_state import MutableState

_ACTIONS: Final[dict[type[HistoryEvent], int]] = {
    WorkflowExecutionStarted: 1,
    ActivityTaskScheduled: 1,
    TimerStarted: 1,
    WorkflowExecutionSignaled: 1,
    StartChildWorkflowExecutionInitiated: 2,
    WorkflowExecutionUpdateAccepted: 1,
    SignalExternalWorkflowExecutionInitiated: 1,
}


def actions_of(events: Mapping[type[HistoryEvent], int]) -> int:
    """The billable actions (§14) that events stand for, given how many there are of each kind."""
    return sum(count * events.get(kind, 0) for kind, count in _ACTIONS.items())


def actions_beside(state: MutableState) -> int:
    """One run's billable actions that are no events, less what is counted elsewhere; rejected updates are not in it.

    A child's own start is counted with its parent's command; a signal that a workflow has sent is counted there, and
    one that came with the start is part of the start.
    """
    total = state.retries + state.markers_in_tasks + state.heartbeats + state.queries
    if state.signals:
        total -= _signals_counted_elsewhere(state.history.events)
    return total - (state.options.parent is not None)


def _signals_counted_elsewhere(events: Sequence[HistoryEvent]) -> int:
    sent = sum(isinstance(event, WorkflowExecutionSignaled) and event.sender is not None for event in events)
    return sent + isinstance(events[1], WorkflowExecutionSignaled)
