"""Failures as proto JSON writes them, wrapped as the SDK wraps what ends a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from durascope.render.exports.temporal_history.execution import NAMESPACE, Execution, links
from durascope.render.exports.temporal_history.values import Event, Json, duration, of_child, retry_state

TIMEOUTS: Final = {
    "start-to-close": ("TIMEOUT_TYPE_START_TO_CLOSE", "StartToClose"),
    "schedule-to-start": ("TIMEOUT_TYPE_SCHEDULE_TO_START", "ScheduleToStart"),
    "schedule-to-close": ("TIMEOUT_TYPE_SCHEDULE_TO_CLOSE", "ScheduleToClose"),
    "heartbeat": ("TIMEOUT_TYPE_HEARTBEAT", "Heartbeat"),
}
CHILD_ENDED: Final = (
    "ChildWorkflowExecutionFailed", "ChildWorkflowExecutionTimedOut", "ChildWorkflowExecutionTerminated",
)  # fmt: skip


def failure(known: Mapping[str, Any], *, type_: str | None = None) -> Json:
    """A failure of the trace; `type_` is the error's type where that is not its message."""
    kind = known["kind"]
    if kind == "timeout":
        which, said = TIMEOUTS[known.get("timeout_type") or "start-to-close"]
        return {
            "message": f"activity {said} timeout",
            "source": "Server",
            "timeoutFailureInfo": {"timeoutType": which},
        }
    if kind == "canceled":
        return {"message": "Cancelled", "stackTrace": "", "canceledFailureInfo": {}}
    info: Json = {"type": known["message"] if type_ is None else type_}
    if known.get("retryable") is False and type_ != "WorkflowFailure":
        info["nonRetryable"] = True
    if known.get("retry_after") is not None:
        info["nextRetryDelay"] = duration(known["retry_after"])
    return {"message": known["message"], "stackTrace": "", "applicationFailureInfo": info}


def run_failure(execution: Execution, event: Event) -> Json:
    """The step's failure, as the SDK wraps it; or the workflow's own."""
    step: str | None = event.get("step")
    if step is None:
        return failure(event["failure"], type_="WorkflowFailure")
    for number in range(event["id"] - 1, 0, -1):
        found = _failure_of_step(execution, execution.at(number), step)
        if found is not None:
            return found
    return failure(event["failure"], type_="WorkflowFailure")


def _failure_of_step(execution: Execution, event: Event, step: str) -> Json | None:
    """What that event says, if it is the end of the step."""
    kind = event["kind"]
    if kind in ("ActivityTaskFailed", "ActivityTaskTimedOut") and event["name"] == step:
        return activity_failure(execution, event)
    if kind == "MarkerRecorded" and event["name"] == step and event.get("failure"):
        return failure(event["failure"])
    if kind in CHILD_ENDED and execution.at(event["initiated_event_id"])["label"] == step:
        return child_failure(execution, event)
    return None


def activity_failure(execution: Execution, event: Event) -> Json:
    """An activity's failure, as workflow code meets it."""
    timed_out = event["kind"] == "ActivityTaskTimedOut"
    scheduled = execution.at(event["scheduled_event_id"])
    return {
        "message": "Activity task timed out" if timed_out else "Activity task failed",
        "cause": activity_cause(event),
        "activityFailureInfo": {
            **links(event),
            **({} if timed_out else {"identity": event["identity"]}),
            "activityType": {"name": event["name"]},
            "activityId": str(scheduled["activity_id"]),
            "retryState": retry_state(event["retry_state"]),
        },
    }


def child_failure(execution: Execution, event: Event) -> Json:
    """A child's failure, as workflow code meets it."""
    return {
        "message": "Child Workflow execution failed",
        "cause": ended_child(execution, event),
        "childWorkflowExecutionFailureInfo": {
            "namespace": NAMESPACE,
            "workflowExecution": execution.runs.execution(event["run"]),
            "workflowType": {"name": event["name"]},
            **of_child(event),
            "retryState": retry_state("retry-policy-not-set"),
        },
    }


def activity_cause(event: Event) -> Json:
    """Why the attempt that closed the activity has failed."""
    if event["kind"] == "ActivityTaskFailed":
        return failure(event["failure"])
    return failure({"kind": "timeout", "timeout_type": event["timeout_type"], "message": ""})


def last_of(execution: Execution, event: Event) -> Event | None:
    """The last event of the child that has ended."""
    child = execution.runs.named(event["run"])
    return None if child is None else child["events"][-1]


def ended_child(execution: Execution, event: Event) -> Json:
    """Why the child has failed: what its own last event says."""
    child, last = execution.runs.named(event["run"]), last_of(execution, event)
    if event["kind"] == "ChildWorkflowExecutionTimedOut":
        return failure({"kind": "timeout", "timeout_type": "start-to-close", "message": ""})
    if event["kind"] == "ChildWorkflowExecutionTerminated":
        return {"message": "terminated", "terminatedFailureInfo": {}}
    if child is None or last is None or last["kind"] != "WorkflowExecutionFailed":
        return failure({"message": "failed", "kind": "application"}, type_="WorkflowFailure")
    return run_failure(Execution(execution.runs, child), last)
