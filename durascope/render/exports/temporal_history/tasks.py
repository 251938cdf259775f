"""Workflow tasks: scheduled, started, completed, failed, timed out."""

from __future__ import annotations

from typing import Final

from durascope.render.exports.temporal_history.execution import Execution
from durascope.render.exports.temporal_history.failures import TIMEOUTS, failure
from durascope.render.exports.temporal_history.values import Event, Json, duration, queue, upper

CORE_FLAGS: Final = (1, 2, 3, 4)
"""Behaviours of the SDK's core that a run is bound to from its first task on."""
SDKS: Final = {
    "python": {"sdkName": "temporal-python", "sdkVersion": "1.35.0"},
    "typescript": {"sdkName": "temporal-typescript", "sdkVersion": "1.24.0"},
}
"""The SDKs that the cases were recorded with; another is told by its name alone."""


def task_scheduled(execution: Execution, event: Event) -> Json:
    where = queue(execution.history["queue"])
    if event["queue_kind"] == "sticky":
        worker = event["queue_name"].split(" #")[0]
        name = f"{worker}-{execution.runs.id('sticky', event['queue_name']).replace('-', '')}"
        where = {"name": name, "kind": "TASK_QUEUE_KIND_STICKY", "normalName": execution.history["queue"]}
    timeout = min(event["start_to_close_timeout"], execution.task_timeout)
    return {"taskQueue": where, "startToCloseTimeout": duration(timeout), "attempt": event["attempt"]}


def task_started(execution: Execution, event: Event) -> Json:
    return {
        "scheduledEventId": str(event["scheduled_event_id"]),
        "identity": event["identity"],
        "requestId": execution.request_id(event),
        "suggestContinueAsNew": event.get("suggest_continue_as_new"),
        "historySizeBytes": str(event["history_size_bytes"]),
        "workerVersion": execution.version,
    }


def task_completed(execution: Execution, event: Event) -> Json:
    told = execution.before(event, "WorkflowTaskCompleted") is not None
    sdk = execution.history["sdk"]
    return {
        "scheduledEventId": str(event["scheduled_event_id"]),
        "startedEventId": str(event["started_event_id"]),
        "identity": event["identity"],
        "workerVersion": execution.version,
        "sdkMetadata": {}
        if told
        else {"coreUsedFlags": [*CORE_FLAGS], **SDKS.get(sdk, {"sdkName": f"temporal-{sdk}"})},
        "meteringMetadata": {},
    }


def task_failed(execution: Execution, event: Event) -> Json:
    why: Json = {"message": event["message"], "serverFailureInfo": {}}
    if event["cause"] == "non-deterministic-error":
        why = {"message": f"[TMPRL1100] Nondeterminism error: {event['message']}", "applicationFailureInfo": {}}
    elif event["cause"] == "workflow-worker-unhandled-failure":
        why = failure({"message": event["message"], "kind": "application"}, type_="RuntimeError")
    elif event["cause"] == "reset-workflow":
        why = {"message": event["message"], "source": "Server", "resetWorkflowFailureInfo": {}}
    base = event.get("base_run")
    return {
        "scheduledEventId": str(event["scheduled_event_id"]),
        "startedEventId": str(event["started_event_id"]),
        "cause": f"WORKFLOW_TASK_FAILED_CAUSE_{upper(event['cause'])}",
        "failure": why,
        "identity": event["identity"],
        "baseRunId": execution.runs.id("run", base) if base else None,
        "newRunId": execution.runs.id("run", execution.history["name"]) if base else None,
    }


def task_timed_out(_it: Execution, event: Event) -> Json:
    return {
        "scheduledEventId": str(event["scheduled_event_id"]),
        "startedEventId": str(event["started_event_id"]) if event["started_event_id"] else None,
        "timeoutType": TIMEOUTS[event["timeout_type"]][0],
    }
