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


def child_initiated(it: Execution, event: Event) -> Json:
    run = event["run"]
    timeout, task_timeout = event["run_timeout"], it.history["task_timeout"]
    return {
        **it.namespace,
        "workflowId": event["workflow_id"],
        "workflowType": {"name": event["name"]},
        "taskQueue": queue(queue_of_child(it, event)),
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


def queue_of_child(it: Execution, event: Event) -> str:
    found = it.runs.named(event["run"]["run"]) or it.runs.in_chain({"run": event["run"]}, 1)
    return it.history["queue"] if found is None else found["queue"]


def child(it: Execution, event: Event) -> Json:
    return {
        **it.namespace,
        "workflowExecution": it.runs.execution(event["run"]),
        "workflowType": {"name": event["name"]},
    }


def child_started(it: Execution, event: Event) -> Json:
    return {**child(it, event), "initiatedEventId": str(event["initiated_event_id"]), "header": {}}


def child_not_started(it: Execution, event: Event) -> Json:
    initiated = it.at(event["initiated_event_id"])
    return {
        **it.namespace,
        "workflowId": initiated["workflow_id"],
        "workflowType": {"name": event["name"]},
        "cause": "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS",
        "initiatedEventId": str(event["initiated_event_id"]),
    }


def child_completed(it: Execution, event: Event) -> Json:
    last = last_of(it, event)
    return {"result": payloads(None if last is None else last.get("result")), **child(it, event), **of_child(event)}


def child_cancelled(it: Execution, event: Event) -> Json:
    return {**child(it, event), **of_child(event)}


def child_failed(it: Execution, event: Event) -> Json:
    state = "maximum-attempts-reached" if it.at(event["initiated_event_id"])["retry"] else "retry-policy-not-set"
    last = last_of(it, event)
    state = (last or {}).get("retry_state") or state
    return {
        "failure": ended_child(it, event),
        **child(it, event),
        **of_child(event),
        "retryState": retry_state(state),
    }


def child_timed_out(it: Execution, event: Event) -> Json:
    return {**child(it, event), **of_child(event), "retryState": retry_state("retry-policy-not-set")}


def other(it: Execution, event: Event) -> Json:
    return {**it.namespace, "workflowExecution": {"workflowId": event["workflow_id"]}}


def signal_initiated(it: Execution, event: Event) -> Json:
    return {
        **by_task(event),
        **other(it, event),
        "signalName": event["name"],
        "input": payloads(event["payload"] or {}),
    }


def cancel_initiated(it: Execution, event: Event) -> Json:
    return {
        **by_task(event),
        **it.namespace,
        "workflowExecution": cancelled_child(it, event),
        "childWorkflowOnly": True,
    }


def cancelled_child(it: Execution, event: Event) -> Json:
    """The child's execution, as the parent knows it."""
    number = event["initiated_event_id"]
    for later in range(number + 1, event["id"]):
        found = it.at(later)
        if found["kind"] == "ChildWorkflowExecutionStarted" and found["initiated_event_id"] == number:
            return it.runs.execution(found["run"])
    return {"workflowId": event["workflow_id"]}


def cancel_delivered(it: Execution, event: Event) -> Json:
    asked = it.at(event["initiated_event_id"])
    return {
        "initiatedEventId": str(event["initiated_event_id"]),
        **it.namespace,
        "workflowExecution": cancelled_child(it, asked),
    }


def signal_delivered(it: Execution, event: Event) -> Json:
    return {"initiatedEventId": str(event["initiated_event_id"]), **other(it, event)}


def not_delivered(it: Execution, event: Event) -> Json:
    what = "SIGNAL" if event["kind"].startswith("Signal") else "CANCEL"
    return {
        "cause": f"{what}_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND",
        **other(it, event),
        "initiatedEventId": str(event["initiated_event_id"]),
    }
