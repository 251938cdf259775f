"""What comes from outside while a run is under way: signals, cancel requests, updates."""

from __future__ import annotations

from durascope.render.exports.temporal_history.execution import Execution
from durascope.render.exports.temporal_history.failures import failure
from durascope.render.exports.temporal_history.values import Event, Json, payloads


def outside(execution: Execution, event: Event) -> Json:
    """Who it comes from: a client, or another run."""
    sender = event.get("sender")
    if sender is None:
        return {"identity": "client"}
    return {"identity": "history-service", "externalWorkflowExecution": execution.runs.execution(sender["name"])}


def signaled(execution: Execution, event: Event) -> Json:
    return {
        "signalName": event["name"],
        "input": payloads(event["payload"] or {}),
        **outside(execution, event),
        "requestId": execution.request_id(event),
    }


def cancel_wanted(execution: Execution, event: Event) -> Json:
    sender = event.get("sender")
    number = None if sender is None else str(sender["initiated_event_id"])
    return {"externalInitiatedEventId": number, **outside(execution, event)}


def update_admitted(execution: Execution, event: Event) -> Json:
    """What a reset has admitted again."""
    return {"request": _request(execution, event), "origin": "UPDATE_ADMITTED_EVENT_ORIGIN_REAPPLY"}


def update_accepted(execution: Execution, event: Event) -> Json:
    id_, number = update_id(execution, event), event["accepted_request_sequencing_event_id"]
    before = execution.history["events"][: event["id"] - 1]
    again = any(each["kind"] == "WorkflowExecutionUpdateAdmitted" and each["subject"] == event["subject"]
                for each in before)  # fmt: skip
    return {
        "protocolInstanceId": id_,
        "acceptedRequestMessageId": f"{id_}/request",
        "acceptedRequestSequencingEventId": str(number),
        "acceptedRequest": None if again else _request(execution, event),
    }


def _request(execution: Execution, event: Event) -> Json:
    return {
        "meta": {"updateId": update_id(execution, event), "identity": "client"},
        "input": {"name": event["name"], "args": payloads(event["payload"] or {})},
    }


def update_id(execution: Execution, event: Event) -> str:
    """The update's id, which is also that of its protocol instance."""
    return execution.runs.id("update", execution.history["name"], event["subject"])


def update_completed(execution: Execution, event: Event) -> Json:
    why = event.get("failure")
    outcome: Json = {"success": payloads(None)}
    if why is not None:
        outcome = {"failure": failure({"message": why, "kind": "application", "retryable": False}, type_="")}
    return {
        "meta": {"updateId": update_id(execution, event), "identity": "client"},
        "outcome": outcome,
        "acceptedEventId": str(event["accepted_event_id"]),
    }
