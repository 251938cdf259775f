"""How executions begin and end."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from durascope.render.exports.temporal_history.execution import NAMESPACE, Execution, argument
from durascope.render.exports.temporal_history.failures import run_failure
from durascope.render.exports.temporal_history.values import (
    Event,
    History,
    Json,
    by_task,
    duration,
    payloads,
    policy,
    queue,
    retry_state,
    time,
)

RETENTION: Final = timedelta(days=1)
"""How long the server keeps what is closed."""


def started(execution: Execution, event: Event) -> Json:
    history, runs = execution.history, execution.runs
    before = runs.in_chain(history, history["begins_as"] - 1)
    first = runs.in_chain(history, 1) or history
    parent, child = history["parent"], history["parent"] is not None
    untold = not (history["run_timeout"] or child or history["initiator"] == "workflow")
    return {
        "workflowType": {"name": history["run"]["workflow"]},
        "parentWorkflowNamespace": NAMESPACE if child else None,
        "parentWorkflowExecution": runs.execution(parent["name"]) if child else None,
        "parentInitiatedEventId": str(parent["initiated_event_id"]) if child else None,
        "taskQueue": queue(history["queue"]),
        "input": argument(history),
        "workflowRunTimeout": None if untold else duration(history["run_timeout"]),
        "workflowTaskTimeout": duration(execution.task_timeout),
        "continuedExecutionRunId": runs.id("run", before["name"]) if before else None,
        "initiator": f"CONTINUE_AS_NEW_INITIATOR_{history['initiator'].upper()}" if before else None,
        "continuedFailure": continued_failure(execution, before) if before else None,
        "originalExecutionRunId": runs.id("run", history["name"]),
        "identity": None if child or before else "worker" if event.get("eager_execution_accepted") else "client",
        "firstExecutionRunId": runs.id("run", first["name"]),
        "retryPolicy": policy(history["retry_policy"]) if history["retry_policy"] else None,
        "attempt": history["attempt"],
        "firstWorkflowTaskBackoff": duration(history["delay"]),
        "prevAutoResetPoints": reset_points(execution, first, before) if before else None,
        "header": {} if child else None,
        "parentWorkflowNamespaceId": execution.namespace["namespaceId"] if child else None,
        "workflowId": history["workflow_id"],
        "rootWorkflowExecution": runs.execution(runs.root(history)) if child else None,
        "priority": {},
        "eagerExecutionAccepted": event.get("eager_execution_accepted"),
    }


def continued_failure(execution: Execution, before: History) -> Json | None:
    last = before["events"][-1]
    if last["kind"] != "WorkflowExecutionFailed":
        return None
    return run_failure(Execution(execution.runs, before), last)


def reset_points(execution: Execution, first: History, before: History) -> Json | None:
    """Where the chain could be reset to: the first task that this build of the worker has completed."""
    done = next((each for each in first["events"] if each["kind"] == "WorkflowTaskCompleted"), None)
    if done is None:
        return None
    following = execution.runs.in_chain(first, 2) or before
    return {
        "points": [
            {
                "runId": execution.runs.id("run", first["name"]),
                "firstWorkflowTaskCompletedId": str(done["id"]),
                "createTime": time(done["at"]),
                "expireTime": time(following["events"][0]["at"], RETENTION),
                "resettable": True,
                **execution.version,
            }
        ]
    }


def completed(_it: Execution, event: Event) -> Json:
    return {"result": payloads(event["result"]), **by_task(event)}


def cancelled(_it: Execution, event: Event) -> Json:
    return by_task(event)


def failed(execution: Execution, event: Event) -> Json:
    state = event.get("retry_state") or "retry-policy-not-set"
    following = execution.next_in_chain() if event.get("new_execution") else None
    return {
        "failure": run_failure(execution, event),
        "retryState": retry_state(state),
        **by_task(event),
        "newExecutionRunId": None if following is None else execution.runs.id("run", following["name"]),
    }


def continued_as_new(execution: Execution, event: Event) -> Json:
    following = execution.next_in_chain() or execution.history
    return {
        "newExecutionRunId": execution.runs.id("run", following["name"]),
        "workflowType": {"name": execution.history["run"]["workflow"]},
        "taskQueue": queue(execution.history["queue"]),
        "input": argument(following),
        "workflowRunTimeout": duration(execution.history["run_timeout"]),
        "workflowTaskTimeout": duration(execution.task_timeout),
        **by_task(event),
        "inheritBuildId": True,
    }


def timed_out(_it: Execution, event: Event) -> Json:
    return {"retryState": retry_state(event.get("retry_state") or "retry-policy-not-set")}


def terminated(_it: Execution, event: Event) -> Json:
    by_client = event["reason"] == "kill"
    return {
        "reason": "terminated by user via frontend" if by_client else event["reason"],
        "identity": "client" if by_client else "history-service",
    }
