"""A recorded history, in Temporal's proto JSON, as lines of the conformance cases' grammar.

The grammar is described in `tests/conformance/temporal/README.md`: the event's own name, then only what a model can
predict. This is the form that `temporal workflow show --output json` and `WorkflowHistory.to_json` write.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

Event = Mapping[str, Any]

_INSIDE: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
"""Where a word begins inside of a name."""


def lines(history: Sequence[Event]) -> list[str]:
    """One line per event, in order."""
    names = _Names(history)
    return [_line(event, names) for event in history]


def kind(event: Event) -> str:
    """The event's own name: `ActivityTaskScheduled`; older tools write just that."""
    return _own_name(event["eventType"])


@lru_cache(maxsize=1024)
def _own_name(written: str) -> str:
    if not written.startswith("EVENT_TYPE_"):
        return written
    return "".join(word.capitalize() for word in written.removeprefix("EVENT_TYPE_").split("_"))


def attributes(event: Event) -> Mapping[str, Any]:
    """What the event carries."""
    return next((value for key, value in event.items() if key.endswith("EventAttributes")), {})


def time_of(event: Event) -> int:
    """When it happened, in microseconds of the Unix epoch."""
    seconds, _, fraction = event["eventTime"].removesuffix("Z").partition(".")
    whole = datetime.fromisoformat(f"{seconds}+00:00").timestamp()
    return int(whole) * 1_000_000 + int(f"{fraction[:6]:0<6}")


def microseconds(duration: str) -> int:
    """A duration of proto JSON (`2s`, `0.600s`) in microseconds."""
    return round(float(duration.removesuffix("s")) * 1_000_000)


def payload(payloads: Mapping[str, Any] | None, index: int = 0) -> Any:
    """A payload's value, where it is JSON; else None."""
    each = (payloads or {}).get("payloads", [])
    if index >= len(each):
        return None
    try:
        return json.loads(base64.b64decode(each[index].get("data", "")))
    except ValueError:
        return None


def step_name(scheduled: Mapping[str, Any]) -> str:
    """The scenario's name of a scheduled activity: the step in its input, or else its type."""
    given = payload(scheduled.get("input"))
    return str(given["step"]) if isinstance(given, dict) and "step" in given else scheduled["activityType"]["name"]


def completions_of(history: Sequence[Event], step: str) -> Iterator[int]:
    """The completions of workflow tasks that have scheduled the step, told what became of it, or started that child."""
    for event in history:
        a = attributes(event)
        match kind(event):
            case "ActivityTaskScheduled":
                name = step_name(a)
            case "MarkerRecorded":
                name = _marker(a, _Names(())).removeprefix(" local-activity ").removesuffix(" failed")
            case "StartChildWorkflowExecutionInitiated":
                name = a["workflowId"].rsplit("/", 1)[-1]
            case _:
                continue
        if name == step:
            yield int(a["workflowTaskCompletedEventId"])


def _line(event: Event, names: _Names) -> str:
    name = kind(event)
    detail = _DETAIL.get(name)
    return name if detail is None else f"{name}{detail(attributes(event), names)}"


class _Names:
    """The names of what later events refer to by number."""

    def __init__(self, history: Sequence[Event]) -> None:
        self._activities: dict[str, str] = {}
        self._updates: dict[str, str] = {}
        self._admitted: dict[str, str] = {}
        """By update id: what a reset has admitted again."""
        self._signals: dict[str, str] = {}
        for event in history:
            a = attributes(event)
            if kind(event) == "ActivityTaskScheduled":
                self._activities[event["eventId"]] = step_name(a)
            elif kind(event) == "WorkflowExecutionUpdateAdmitted":
                self._admitted[a["request"]["meta"]["updateId"]] = a["request"]["input"]["name"]
            elif kind(event) == "WorkflowExecutionUpdateAccepted":
                self._updates[event["eventId"]] = self.accepted(a)
            elif kind(event) == "SignalExternalWorkflowExecutionInitiated":
                self._signals[event["eventId"]] = a["signalName"]

    def activity(self, a: Mapping[str, Any]) -> str:
        return self._activities[a["scheduledEventId"]]

    def accepted(self, a: Mapping[str, Any]) -> str:
        request = a.get("acceptedRequest")
        return self._admitted[a["protocolInstanceId"]] if request is None else str(request["input"]["name"])

    def update(self, a: Mapping[str, Any]) -> str:
        return self._updates[a["acceptedEventId"]]

    def signal(self, a: Mapping[str, Any]) -> str:
        return self._signals[a["initiatedEventId"]]


def _started(a: Mapping[str, Any], _names: _Names) -> str:
    match word(a.get("initiator"), "CONTINUE_AS_NEW_INITIATOR_"):
        case "workflow":
            return " continued-as-new"
        case "retry":
            return f" retry attempt={a['attempt']}"
        case _:
            return ""


def word(value: str | None, prefix: str) -> str:
    """`RETRY_STATE_IN_PROGRESS` as `in-progress`; as older tools write it: `InProgress`."""
    written = value or ""
    if written.startswith(prefix):
        return written.removeprefix(prefix).lower().replace("_", "-")
    return _INSIDE.sub("-", written).lower()


def _attempt(a: Mapping[str, Any]) -> str:
    return f" attempt={a['attempt']}" if a.get("attempt", 1) > 1 else ""


def _state(a: Mapping[str, Any]) -> str:
    return f" {word(a.get('retryState'), 'RETRY_STATE_')}" if a.get("retryState") else ""


def _timed_out(a: Mapping[str, Any], names: _Names) -> str:
    which = a["failure"]["timeoutFailureInfo"]["timeoutType"]
    return f" {names.activity(a)} {word(which, 'TIMEOUT_TYPE_')}{_state(a)}"


def _queue(a: Mapping[str, Any], _names: _Names) -> str:
    return f" {word(a['taskQueue'].get('kind'), 'TASK_QUEUE_KIND_')}{_attempt(a)}"


def _timer(a: Mapping[str, Any], _names: _Names) -> str:
    us = microseconds(a["startToFireTimeout"])
    return f" {a['timerId']} {f'{us // 1_000_000}s' if us % 1_000_000 == 0 else f'{us // 1000}ms'}"


def _marker(a: Mapping[str, Any], _names: _Names) -> str:
    details = a.get("details", {})
    if a["markerName"] == "core_patch":
        return f" patch {payload(details.get('patch-data'))['id']}"
    if a["markerName"] == "core_local_activity":
        name = payload(details.get("data"))["activity_type"]
        return f" local-activity {name}{' failed' if 'failure' in a else ''}"
    return f" {a['markerName']}"


def local_activity(event: Event) -> str | None:
    """The step whose result a marker records, run as a local activity; None: it is another marker, or a failure."""
    a = attributes(event)
    if a["markerName"] != "core_local_activity" or "failure" in a:
        return None
    return str(payload(a.get("details", {}).get("data"))["activity_type"])


def _workflow_failed(a: Mapping[str, Any], _names: _Names) -> str:
    return "" if a.get("retryState") == "RETRY_STATE_RETRY_POLICY_NOT_SET" else _state(a)


def _searched(a: Mapping[str, Any], _names: _Names) -> str:
    return "".join(f" {name}" for name in a.get("searchAttributes", {}).get("indexedFields", {}))


def _activity(a: Mapping[str, Any], names: _Names) -> str:
    return f" {names.activity(a)}"


def _child(a: Mapping[str, Any], _names: _Names) -> str:
    return f" {a['workflowType']['name']}"


_DETAIL: Final[dict[str, Callable[[Mapping[str, Any], _Names], str]]] = {
    "WorkflowExecutionStarted": _started,
    "WorkflowTaskScheduled": _queue,
    "WorkflowTaskTimedOut": lambda a, _: f" {word(a.get('timeoutType'), 'TIMEOUT_TYPE_')}",
    "WorkflowTaskFailed": lambda a, _: f" {word(a.get('cause'), 'WORKFLOW_TASK_FAILED_CAUSE_')}",
    "ActivityTaskScheduled": lambda a, _: f" {step_name(a)}",
    "ActivityTaskStarted": lambda a, names: f" {names.activity(a)}{_attempt(a)}",
    "ActivityTaskCompleted": _activity,
    "ActivityTaskFailed": lambda a, names: f" {names.activity(a)}{_state(a)}",
    "ActivityTaskTimedOut": _timed_out,
    "ActivityTaskCancelRequested": _activity,
    "ActivityTaskCanceled": _activity,
    "TimerStarted": _timer,
    "TimerFired": lambda a, _: f" {a['timerId']}",
    "TimerCanceled": lambda a, _: f" {a['timerId']}",
    "MarkerRecorded": _marker,
    "UpsertWorkflowSearchAttributes": _searched,
    "WorkflowExecutionSignaled": lambda a, _: f" {a['signalName']}",
    "WorkflowExecutionUpdateAdmitted": lambda a, _: f" {a['request']['input']['name']}",
    "WorkflowExecutionUpdateAccepted": lambda a, names: f" {names.accepted(a)}",
    "WorkflowExecutionUpdateCompleted": lambda a, names: f" {names.update(a)}",
    "StartChildWorkflowExecutionInitiated": _child,
    "StartChildWorkflowExecutionFailed": _child,
    "ChildWorkflowExecutionStarted": _child,
    "ChildWorkflowExecutionCompleted": _child,
    "ChildWorkflowExecutionFailed": _child,
    "ChildWorkflowExecutionCanceled": _child,
    "ChildWorkflowExecutionTimedOut": _child,
    "ChildWorkflowExecutionTerminated": _child,
    "SignalExternalWorkflowExecutionInitiated": lambda a, _: f" {a['signalName']}",
    "SignalExternalWorkflowExecutionFailed": lambda a, names: f" {names.signal(a)}",
    "ExternalWorkflowExecutionSignaled": lambda a, names: f" {names.signal(a)}",
    "WorkflowExecutionFailed": _workflow_failed,
}
