"""An event as proto JSON: what every kind has, and what its own writer gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from durascope.render.exports.temporal_history import activities, commands, messages, other_runs, starts_and_ends, tasks
from durascope.render.exports.temporal_history.execution import Execution
from durascope.render.exports.temporal_history.values import Event, Json, time

FIRST_TASK_ID: Final = 1 << 20
"""Numbers of a shard's tasks begin anew with each of its leases, 2²⁰ apart."""


def written(execution: Execution, event: Event) -> Json:
    """The event, as `temporal workflow show --output json` writes it."""
    kind: str = event["kind"]
    words = re.sub(r"(?<!^)([A-Z])", r"_\1", kind).upper()
    told: Json = {
        "eventId": str(event["id"]),
        "eventTime": time(event["at"]),
        "eventType": f"EVENT_TYPE_{words}",
        "taskId": str(FIRST_TASK_ID + 4 * event["id"]),
    }
    attributes = _HOW[kind](execution, event)
    name = f"{kind[0].lower()}{kind[1:]}EventAttributes"
    told[name] = {key: value for key, value in attributes.items() if value is not None}
    return told


_HOW: Final[dict[str, Callable[[Execution, Event], Json]]] = {
    "WorkflowExecutionStarted": starts_and_ends.started,
    "WorkflowExecutionCompleted": starts_and_ends.completed,
    "WorkflowExecutionFailed": starts_and_ends.failed,
    "WorkflowExecutionCanceled": starts_and_ends.cancelled,
    "WorkflowExecutionContinuedAsNew": starts_and_ends.continued_as_new,
    "WorkflowExecutionTimedOut": starts_and_ends.timed_out,
    "WorkflowExecutionTerminated": starts_and_ends.terminated,
    "WorkflowTaskScheduled": tasks.task_scheduled,
    "WorkflowTaskStarted": tasks.task_started,
    "WorkflowTaskCompleted": tasks.task_completed,
    "WorkflowTaskFailed": tasks.task_failed,
    "WorkflowTaskTimedOut": tasks.task_timed_out,
    "ActivityTaskScheduled": activities.activity_scheduled,
    "ActivityTaskStarted": activities.activity_started,
    "ActivityTaskCompleted": activities.activity_completed,
    "ActivityTaskFailed": activities.activity_failed,
    "ActivityTaskTimedOut": activities.activity_timed_out,
    "ActivityTaskCancelRequested": activities.activity_cancel_requested,
    "ActivityTaskCanceled": activities.activity_cancelled,
    "TimerStarted": commands.timer_started,
    "TimerFired": commands.timer_fired,
    "TimerCanceled": commands.timer_cancelled,
    "MarkerRecorded": commands.marker,
    "UpsertWorkflowSearchAttributes": commands.search_attributes,
    "WorkflowExecutionSignaled": messages.signaled,
    "WorkflowExecutionCancelRequested": messages.cancel_wanted,
    "WorkflowExecutionUpdateAdmitted": messages.update_admitted,
    "WorkflowExecutionUpdateAccepted": messages.update_accepted,
    "WorkflowExecutionUpdateCompleted": messages.update_completed,
    "StartChildWorkflowExecutionInitiated": other_runs.child_initiated,
    "StartChildWorkflowExecutionFailed": other_runs.child_not_started,
    "ChildWorkflowExecutionStarted": other_runs.child_started,
    "ChildWorkflowExecutionCompleted": other_runs.child_completed,
    "ChildWorkflowExecutionFailed": other_runs.child_failed,
    "ChildWorkflowExecutionCanceled": other_runs.child_cancelled,
    "ChildWorkflowExecutionTimedOut": other_runs.child_timed_out,
    "ChildWorkflowExecutionTerminated": other_runs.child_cancelled,
    "SignalExternalWorkflowExecutionInitiated": other_runs.signal_initiated,
    "SignalExternalWorkflowExecutionFailed": other_runs.not_delivered,
    "ExternalWorkflowExecutionSignaled": other_runs.signal_delivered,
    "RequestCancelExternalWorkflowExecutionInitiated": other_runs.cancel_initiated,
    "RequestCancelExternalWorkflowExecutionFailed": other_runs.not_delivered,
    "ExternalWorkflowExecutionCancelRequested": other_runs.cancel_delivered,
}
