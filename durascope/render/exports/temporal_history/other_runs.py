"""What a run does to other runs: children, signals, cancel requests."""

from __future__ import annotations

from durascope.render.exports.temporal_history.execution import Execution
from durascope.render.exports.temporal_history.failures import ended_child, last_of
from durascope.render.exports.temporal_history.values import (
    Event,
    Json,
    by_task,
    duration,
    of_child,
    payloads,
    policy,
    queue,
    retry_state,
)

_CLOSE_POLICY = {
    "terminate": "PARENT_CLOSE_POLICY_TERMINATE",
    "cancel": "PARENT_CLOSE_POLICY_REQUEST_CANCEL",
    "abandon": "PARENT_CLOSE_POLICY_ABANDON",
}


def child_initiated(execution: Execution, event: Event) -> Json:
    run = event["run"]
    timeout, task_timeout = event["run_timeout"], execution.history["task_timeout"]
    return {
        **execution.namespace,
        "workflowId": event["workflow_id"],
        "workflowType": {"name": event["name"]},
        "taskQueue": queue(queue_of_child(execution, event)),
        "input": payloads(run),
        "workflowRunTimeout": duration(timeout),
        "workflowTaskTimeout": duration(min(task_timeout, timeout) if timeout else task_timeout),
        "parentClosePolicy": _CLOSE_POLICY[event["on_close"]],
        **by_task(event),
        "workflowIdReusePolicy": "WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE",
        "retryPolicy": policy(event["retry"]) if event["retry"] else None,
        "header": {},
        "inheritBuildId": True,
        "priority": {},
    }


def queue_of_child(execution: Execution, event: Event) -> str:
    found = execution.runs.named(event["run"]["run"]) or execution.runs.in_chain({"run": event["run"]}, 1)
    return execution.history["queue"] if found is None else found["queue"]


def child(execution: Execution, event: Event) -> Json:
    return {
        **execution.namespace,
        "workflowExecution": execution.runs.execution(event["run"]),
        "workflowType": {"name": event["name"]},
    }


def child_started(execution: Execution, event: Event) -> Json:
    return {**child(execution, event), "initiatedEventId": str(event["initiated_event_id"]), "header": {}}


def child_not_started(execution: Execution, event: Event) -> Json:
    initiated = execution.at(event["initiated_event_id"])
    return {
        **execution.namespace,
        "workflowId": initiated["workflow_id"],
        "workflowType": {"name": event["name"]},
        "cause": "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS",
        "initiatedEventId": str(event["initiated_event_id"]),
    }


def child_completed(execution: Execution, event: Event) -> Json:
    last = last_of(execution, event)
    return {
        "result": payloads(None if last is None else last.get("result")),
        **child(execution, event),
        **of_child(event),
    }


def child_cancelled(execution: Execution, event: Event) -> Json:
    return {**child(execution, event), **of_child(event)}


def child_failed(execution: Execution, event: Event) -> Json:
    state = "maximum-attempts-reached" if execution.at(event["initiated_event_id"])["retry"] else "retry-policy-not-set"
    last = last_of(execution, event)
    state = (last or {}).get("retry_state") or state
    return {
        "failure": ended_child(execution, event),
        **child(execution, event),
        **of_child(event),
        "retryState": retry_state(state),
    }


def child_timed_out(execution: Execution, event: Event) -> Json:
    return {**child(execution, event), **of_child(event), "retryState": retry_state("retry-policy-not-set")}


def other(execution: Execution, event: Event) -> Json:
    return {**execution.namespace, "workflowExecution": {"workflowId": event["workflow_id"]}}


def signal_initiated(execution: Execution, event: Event) -> Json:
    return {
        **by_task(event),
        **other(execution, event),
        "signalName": event["name"],
        "input": payloads(event["payload"] or {}),
    }


def cancel_initiated(execution: Execution, event: Event) -> Json:
    return {
        **by_task(event),
        **execution.namespace,
        "workflowExecution": cancelled_child(execution, event),
        "childWorkflowOnly": True,
    }


def cancelled_child(execution: Execution, event: Event) -> Json:
    """The child's execution, as the parent knows it."""
    number = event["initiated_event_id"]
    for later in range(number + 1, event["id"]):
        found = execution.at(later)
        if found["kind"] == "ChildWorkflowExecutionStarted" and found["initiated_event_id"] == number:
            return execution.runs.execution(found["run"])
    return {"workflowId": event["workflow_id"]}


def cancel_delivered(execution: Execution, event: Event) -> Json:
    asked = execution.at(event["initiated_event_id"])
    return {
        "initiatedEventId": str(event["initiated_event_id"]),
        **execution.namespace,
        "workflowExecution": cancelled_child(execution, asked),
    }


def signal_delivered(execution: Execution, event: Event) -> Json:
    return {"initiatedEventId": str(event["initiated_event_id"]), **other(execution, event)}


def not_delivered(execution: Execution, event: Event) -> Json:
    what = "SIGNAL" if event["kind"].startswith("Signal") else "CANCEL"
    return {
        "cause": f"{what}_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND",
        **other(execution, event),
        "initiatedEventId": str(event["initiated_event_id"]),
    }
