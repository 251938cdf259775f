"""Activities: scheduled, started, closed."""

from __future__ import annotations

from durascope.render.exports.temporal_history.execution import Execution, links
from durascope.render.exports.temporal_history.failures import activity_cause, failure
from durascope.render.exports.temporal_history.values import (
    Event,
    Json,
    by_task,
    duration,
    payloads,
    policy,
    queue,
    result,
    retry_state,
)


def activity_scheduled(execution: Execution, event: Event) -> Json:
    to_close, to_start, start_to_close, heartbeat = event["timeouts"]
    run = event["run"]
    given = {
        "run": run["run"],
        "luck": run["luck"],
        "workflow": run["workflow"],
        "number": run["number"],
        "entity": run["key"],
        "step": event["name"],
        "label": event["label"],
        "key": event["key"],
        "handed": event["handed"],
    }
    return {
        "activityId": str(event["activity_id"]),
        "activityType": {"name": event["name"]},
        "taskQueue": queue(event["queue"]),
        "header": {},
        "input": payloads(given),
        "scheduleToCloseTimeout": duration(to_close),
        "scheduleToStartTimeout": duration(to_start),
        "startToCloseTimeout": duration(start_to_close),
        "heartbeatTimeout": duration(heartbeat),
        **by_task(event),
        "retryPolicy": policy(event["retry_policy"]),
        "useWorkflowBuildId": event["queue"] == execution.history["queue"] or None,
        "priority": {},
    }


def activity_started(execution: Execution, event: Event) -> Json:
    end = execution.ended_by(event)
    reported = end is not None and end["kind"] in ("ActivityTaskCompleted", "ActivityTaskFailed")
    return {
        "scheduledEventId": str(event["scheduled_event_id"]),
        "identity": event["identity"],
        "requestId": execution.request_id(event),
        "attempt": event["attempt"],
        "lastFailure": failure(event["last_failure"]) if event["last_failure"] else None,
        "workerVersion": execution.version if reported else None,
    }


def activity_completed(_it: Execution, event: Event) -> Json:
    return {
        "result": payloads(result(event["name"], event["values"], event.get("size"))),
        **links(event),
        "identity": event["identity"],
    }


def activity_failed(_it: Execution, event: Event) -> Json:
    return {
        "failure": activity_cause(event),
        **links(event),
        "identity": event["identity"],
        "retryState": retry_state(event["retry_state"]),
    }


def activity_timed_out(_it: Execution, event: Event) -> Json:
    return {
        "failure": activity_cause(event),
        **links(event),
        "retryState": retry_state(event["retry_state"]),
    }


def activity_cancel_requested(_it: Execution, event: Event) -> Json:
    return {"scheduledEventId": str(event["scheduled_event_id"]), **by_task(event)}


def activity_cancelled(execution: Execution, event: Event) -> Json:
    begun = event.get("started_event_id")
    return {
        "details": None if begun else payloads("ACTIVITY_ID_NOT_STARTED"),
        "latestCancelRequestedEventId": str(execution.cancel_request(event)["id"]),
        **links(event),
        "identity": event["identity"] or execution.worker_before(event),
    }
