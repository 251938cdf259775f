"""An event of the history as a line of the conformance cases' grammar (conformance/temporal/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from durascope.simulators.temporal.history import HistoryEvent

Attributes = dict[str, Any]


def line(event: HistoryEvent) -> str:
    """The event's own name, then only what a model can predict."""
    detail = _DETAIL.get(event.kind)
    return event.kind if detail is None else f"{event.kind}{detail(event.attributes)}"


def milliseconds(us: int) -> str:
    """Whole seconds as `2s`, else milliseconds: `600ms`."""
    return f"{us // 1_000_000}s" if us % 1_000_000 == 0 else f"{us // 1000}ms"


def _name(a: Attributes) -> str:
    return f" {a['name']}"


def _attempt(a: Attributes) -> str:
    return f" attempt={a['attempt']}" if a.get("attempt", 1) > 1 else ""


def _state(a: Attributes) -> str:
    return f" {a['retry_state']}" if a.get("retry_state") else ""


def _started(a: Attributes) -> str:
    match a.get("initiator"):
        case "workflow":
            return " continued-as-new"
        case "retry":
            return f" retry attempt={a['attempt']}"
        case _:
            return ""


def _marker(a: Attributes) -> str:
    if a["marker"] == "patch":
        return f" patch {a['name']}"
    return f" local-activity {a['name']}{' failed' if a.get('failure') is not None else ''}"


_DETAIL: Final[dict[str, Callable[[Attributes], str]]] = {
    "WorkflowExecutionStarted": _started,
    "WorkflowTaskScheduled": lambda a: f" {a['queue_kind']}{_attempt(a)}",
    "WorkflowTaskTimedOut": lambda a: f" {a['timeout_type']}",
    "WorkflowTaskFailed": lambda a: f" {a['cause']}",
    "ActivityTaskScheduled": _name,
    "ActivityTaskStarted": lambda a: f" {a['name']}{_attempt(a)}",
    "ActivityTaskCompleted": _name,
    "ActivityTaskFailed": lambda a: f" {a['name']}{_state(a)}",
    "ActivityTaskTimedOut": lambda a: f" {a['name']} {a['timeout_type']}{_state(a)}",
    "ActivityTaskCancelRequested": _name,
    "ActivityTaskCanceled": _name,
    "TimerStarted": lambda a: f" {a['timer_id']} {milliseconds(a['start_to_fire_timeout'])}",
    "TimerFired": lambda a: f" {a['timer_id']}",
    "TimerCanceled": lambda a: f" {a['timer_id']}",
    "MarkerRecorded": _marker,
    "UpsertWorkflowSearchAttributes": lambda _: " TemporalChangeVersion",
    "WorkflowExecutionSignaled": _name,
    "WorkflowExecutionUpdateAdmitted": _name,
    "WorkflowExecutionUpdateAccepted": _name,
    "WorkflowExecutionUpdateCompleted": _name,
    "StartChildWorkflowExecutionInitiated": _name,
    "StartChildWorkflowExecutionFailed": _name,
    "ChildWorkflowExecutionStarted": _name,
    "ChildWorkflowExecutionCompleted": _name,
    "ChildWorkflowExecutionFailed": _name,
    "ChildWorkflowExecutionCanceled": _name,
    "ChildWorkflowExecutionTimedOut": _name,
    "ChildWorkflowExecutionTerminated": _name,
    "SignalExternalWorkflowExecutionInitiated": _name,
    "SignalExternalWorkflowExecutionFailed": _name,
    "ExternalWorkflowExecutionSignaled": _name,
    "WorkflowExecutionFailed": _state,
}
