"""Timers, markers of local activities and patches, and the search attributes that come with these."""

from __future__ import annotations

from durascope.render.exports.temporal_history.execution import Execution
from durascope.render.exports.temporal_history.failures import failure
from durascope.render.exports.temporal_history.values import (
    Event,
    Json,
    by_task,
    duration,
    encoded,
    payload,
    payloads,
    result,
    span,
    stamp,
)


def timer_started(_it: Execution, event: Event) -> Json:
    return {
        "timerId": str(event["timer_id"]),
        "startToFireTimeout": duration(event["start_to_fire_timeout"]),
        **by_task(event),
    }


def timer_fired(_it: Execution, event: Event) -> Json:
    return {"timerId": str(event["timer_id"]), "startedEventId": str(event["started_event_id"])}


def timer_cancelled(execution: Execution, event: Event) -> Json:
    return {
        "timerId": str(event["timer_id"]),
        "startedEventId": str(event["started_event_id"]),
        **by_task(event),
        "identity": execution.worker_before(event),
    }


def marker(execution: Execution, event: Event) -> Json:
    if event["marker"] == "patch":
        details = {"patch-data": payloads({"id": event["name"], "deprecated": False}, sort=False)}
        return {"markerName": "core_patch", "details": details, **by_task(event)}
    why = event.get("failure")
    backoff = event.get("backoff")
    task = execution.at(execution.at(event["workflow_task_completed_event_id"])["started_event_id"])
    data = {
        "seq": event["seq"],
        "attempt": event.get("attempt", 1),
        "activity_id": str(event["seq"]),
        "activity_type": event["name"],
        "complete_time": stamp(event["at"]),
        "backoff": None if backoff is None else span(backoff[0]),
        "original_schedule_time": stamp(task["at"]),
        "activation_index": _activation(execution, event),
    }
    details = {"data": payloads(data, sort=False)}
    if why is None:
        details = {"result": payloads(result(event["name"], event["values"], event.get("size"))), **details}
    return {
        "markerName": "core_local_activity",
        "details": details,
        **by_task(event),
        "failure": None if why is None else failure(why),
    }


def _activation(execution: Execution, event: Event) -> int:
    """How often the code had run in the task when the local activity ended: at its begin, if there was news for it,
    and after each local activity before this one."""
    completed = event["workflow_task_completed_event_id"]
    scheduled = execution.at(completed)["scheduled_event_id"]
    heartbeat = execution.at(scheduled - 1)["kind"] == "WorkflowTaskCompleted"
    markers = (execution.at(number).get("marker") == "local-activity" for number in range(completed + 1, event["id"]))
    return sum(markers) + (not heartbeat)


def search_attributes(execution: Execution, event: Event) -> Json:
    """Every patch of the run so far, as the SDK sends them."""
    known = (execution.at(number) for number in range(1, event["id"]))
    ids = sorted({each["name"] for each in known if each.get("marker") == "patch"})
    value = payload(ids)
    value["metadata"] = {"type": encoded("KeywordList"), **value["metadata"]}
    return {**by_task(event), "searchAttributes": {"indexedFields": {"TemporalChangeVersion": value}}}
