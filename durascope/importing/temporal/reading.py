"""Event histories out of files: the forms of Temporal's CLI, its UI and its SDKs, checked event by event.

A history is `{"events": […]}` or the bare list, in proto JSON with the names of enums in either style
(`EVENT_TYPE_TIMER_FIRED`, `TimerFired`). A file may hold several, one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from durascope.importing.temporal.lines import kind, time_of
from durascope.importing.unreadable import UnreadableRecording

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_KIND: Final = re.compile(r"[A-Z][A-Za-z]{2,80}")
EXPORT: Final = "export one with: temporal workflow show --workflow-id ID --output json"


class Event(NamedTuple):
    """One event of a history."""

    id: int
    at: int
    """Microseconds since the history's first event."""
    kind: str
    """`ActivityTaskScheduled`"""
    a: Mapping[str, Any]
    """Its attributes, as the file has them."""


@dataclass(frozen=True, slots=True)
class History:
    """One execution's events, from the first on without a gap."""

    file: str
    begun: int
    """When its first event was, in microseconds of the Unix epoch."""
    events: Sequence[Event]
    raw: Sequence[Mapping[str, Any]]
    """The same events, as the file has them."""

    def at(self, number: int) -> Event:
        return self.events[number - 1]

    @property
    def first(self) -> Mapping[str, Any]:
        """What it was started with."""
        return self.events[0].a

    @property
    def last(self) -> Event:
        return self.events[-1]


def looks_like(document: object) -> bool:
    """Whether a JSON document may be a history."""
    events = _events_of(document)
    return bool(events) and isinstance(events[0], dict) and "eventType" in events[0]


def _events_of(document: object) -> list[Any] | None:
    """The list of events in a document of any form."""
    if isinstance(document, dict):
        inner = cast("dict[str, object]", document)
        return _events_of(inner.get("events", inner.get("history")))
    return cast("list[Any]", document) if isinstance(document, list) else None


def histories(documents: Sequence[object], file: str) -> Iterator[History]:
    """The histories among the documents of a file. Raises `UnreadableRecording`."""
    for document in documents:
        events = _events_of(document)
        if events is None:
            raise UnreadableRecording(file, "this JSON has no events: it is not a workflow history", EXPORT)
        yield _history(events, file)


def _history(events: Sequence[Any], file: str) -> History:
    if not events:
        raise UnreadableRecording(file, "the history has no events", EXPORT)
    found: list[Event] = []
    raw: list[Mapping[str, Any]] = []
    begun = 0
    for number, written in enumerate(events, 1):
        event = _event(written, number, file)
        if number == 1:
            begun = event.at
            if event.kind != "WorkflowExecutionStarted":
                raise UnreadableRecording(
                    file, f"event 1 is {event.kind}: a history begins with WorkflowExecutionStarted", EXPORT
                )
        found.append(event._replace(at=event.at - begun))
        raw.append(written)
    found = _readmitted(found)
    _complete(found, file)
    _linked(found, file)
    return History(file, begun, found, raw)


def _readmitted(events: Sequence[Event]) -> list[Event]:
    """With the request in every accepted update: one that a reset has admitted again has it in that event only."""
    admitted: dict[str, Any] = {}
    found: list[Event] = []
    for event in events:
        request = event.a.get("request")
        if event.kind == "WorkflowExecutionUpdateAdmitted" and isinstance(request, dict):
            meta: Any = cast("dict[str, Any]", request).get("meta")
            admitted[str(meta.get("updateId") if isinstance(meta, dict) else "")] = request
        known = admitted.get(str(event.a.get("protocolInstanceId")))
        again = event.kind == "WorkflowExecutionUpdateAccepted" and known is not None
        found.append(event._replace(a={"acceptedRequest": known, **event.a}) if again else event)
    return found


def _event(written: Any, number: int, file: str) -> Event:
    """The event that stands at that place."""

    def wrong(what: str) -> UnreadableRecording:
        return UnreadableRecording(file, f"event {number} {what}", EXPORT)

    if not isinstance(written, dict):
        raise wrong("is not an object")
    event = cast("dict[str, Any]", written)
    name = event.get("eventType")
    if not isinstance(name, str):
        raise wrong("has no eventType")
    told = str(event.get("eventId", ""))
    if told != str(number):
        raise wrong(f"is missing: event {told[:20] or 'without a number'} is in its place")
    own_name = kind(event)
    if not _KIND.fullmatch(own_name):
        raise wrong(f"has the type {name[:60]!r}, which no event has")
    if not isinstance(event.get("eventTime"), str) or not _TIME.fullmatch(event["eventTime"]):
        raise wrong("has no time")
    inner = [each for key, each in event.items() if key.endswith("EventAttributes")]
    if len(inner) > 1 or any(not isinstance(each, dict) for each in inner):
        raise wrong("has attributes that are not one object")
    event["eventId"] = told
    try:
        at = time_of(event)
    except (ValueError, OverflowError):
        raise wrong(f"has no time: {event['eventTime'][:40]!r}") from None
    return Event(number, at, own_name, inner[0] if inner else {})


_NEEDED: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "WorkflowExecutionStarted": (("workflowType", "name"), ("taskQueue", "name")),
    "WorkflowTaskScheduled": (("taskQueue",),),
    "WorkflowTaskStarted": (("scheduledEventId",),),
    "WorkflowTaskCompleted": (("scheduledEventId",), ("startedEventId",)),
    "WorkflowTaskFailed": (("scheduledEventId",), ("startedEventId",)),
    "WorkflowTaskTimedOut": (("scheduledEventId",),),
    "ActivityTaskScheduled": (("activityType", "name"),),
    "ActivityTaskStarted": (("scheduledEventId",),),
    "ActivityTaskCompleted": (("scheduledEventId",),),
    "ActivityTaskFailed": (("scheduledEventId",),),
    "ActivityTaskTimedOut": (("scheduledEventId",), ("failure", "timeoutFailureInfo", "timeoutType")),
    "ActivityTaskCancelRequested": (("scheduledEventId",),),
    "ActivityTaskCanceled": (("scheduledEventId",),),
    "TimerStarted": (("timerId",), ("startToFireTimeout",)),
    "TimerFired": (("startedEventId",), ("timerId",)),
    "TimerCanceled": (("startedEventId",), ("timerId",)),
    "MarkerRecorded": (("markerName",),),
    "WorkflowExecutionSignaled": (("signalName",),),
    "WorkflowExecutionUpdateAccepted": (("acceptedRequest", "input", "name"),),
    "WorkflowExecutionUpdateCompleted": (("acceptedEventId",),),
    "StartChildWorkflowExecutionInitiated": (("workflowType", "name"),),
    "StartChildWorkflowExecutionFailed": (("workflowType", "name"), ("initiatedEventId",)),
    "ChildWorkflowExecutionStarted": (("workflowType", "name"), ("initiatedEventId",)),
    "ChildWorkflowExecutionCompleted": (("workflowType", "name"), ("initiatedEventId",)),
    "ChildWorkflowExecutionFailed": (("workflowType", "name"), ("initiatedEventId",)),
    "ChildWorkflowExecutionCanceled": (("workflowType", "name"), ("initiatedEventId",)),
    "ChildWorkflowExecutionTimedOut": (("workflowType", "name"), ("initiatedEventId",)),
    "ChildWorkflowExecutionTerminated": (("workflowType", "name"), ("initiatedEventId",)),
    "SignalExternalWorkflowExecutionInitiated": (("signalName",),),
    "SignalExternalWorkflowExecutionFailed": (("initiatedEventId",),),
    "ExternalWorkflowExecutionSignaled": (("initiatedEventId",),),
}
"""What an event must have for the rest of it to be understood, by kind."""
_OBJECTS: Final = frozenset({
    "taskQueue", "retryPolicy", "failure", "lastFailure", "workflowExecution", "parentWorkflowExecution", "details",
    "sdkMetadata", "externalWorkflowExecution", "searchAttributes", "input", "workflowType", "activityType",
})  # fmt: skip
"""Attributes that are objects, where they are there."""


def _complete(events: Sequence[Event], file: str) -> None:
    """Every event has what its kind needs, in the form that it needs."""
    for event in events:
        for path in _NEEDED.get(event.kind, ()):
            value: Any = event.a
            for part in path:
                value = cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None
            if not value or (isinstance(value, dict) and path[-1] == "name"):
                what = ".".join(path)
                raise UnreadableRecording(file, f"event {event.id} ({event.kind}) has no {what}", EXPORT)
        for name, value in event.a.items():
            whole = isinstance(value, int) and not isinstance(value, bool)
            if (name in _OBJECTS and not isinstance(value, dict)) or (name == "attempt" and not whole):
                what = f"event {event.id} ({event.kind}) has a {name} of the wrong type"
                raise UnreadableRecording(file, what, EXPORT)


_POINTS: Final = ("scheduledEventId", "startedEventId", "initiatedEventId", "acceptedEventId")
_POINTS_TO: Final = {
    "ActivityTask": ("ActivityTaskScheduled", "ActivityTaskStarted"),
    "WorkflowTask": ("WorkflowTaskScheduled", "WorkflowTaskStarted"),
    "Timer": ("TimerStarted",),
    "ChildWorkflow": ("StartChildWorkflowExecutionInitiated", "ChildWorkflowExecutionStarted"),
}


@lru_cache(maxsize=1024)
def _expected(kind: str) -> tuple[str, ...] | None:
    return next((kinds for begin, kinds in _POINTS_TO.items() if kind.startswith(begin)), None)


def _linked(events: Sequence[Event], file: str) -> None:
    """Every event that refers to an earlier one refers to one that there is, of the right kind."""
    for event in events:
        for key in _POINTS:
            told = event.a.get(key)
            if told in (None, "", "0", 0):
                continue
            if not str(told).isdecimal() or not 0 < int(told) < event.id:
                raise UnreadableRecording(
                    file, f"event {event.id} refers to event {str(told)[:20]}, which is not before it"
                )
            expected = _expected(event.kind)
            found = events[int(told) - 1].kind
            if expected is not None and found not in expected:
                raise UnreadableRecording(
                    file, f"event {event.id} ({event.kind}) refers to event {told}, which is {found}"
                )
