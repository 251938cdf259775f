"""A run's event history: numbered events that are only ever appended, and the buffer for those that have to wait.

record ──(no workflow task started)──▶ events: 1, 2, 3, …
   └──(workflow task started, §5)────▶ buffer ── flush ──▶ others first, then the closing kinds, then numbered
"""

from __future__ import annotations

from typing import Any, Final

BUFFERABLE: Final = frozenset((
    "WorkflowExecutionSignaled", "WorkflowExecutionCancelRequested", "TimerFired",
    "ActivityTaskStarted", "ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskTimedOut",
    "ActivityTaskCanceled", "ChildWorkflowExecutionStarted", "StartChildWorkflowExecutionFailed",
    "ChildWorkflowExecutionCompleted", "ChildWorkflowExecutionFailed", "ChildWorkflowExecutionCanceled",
    "ChildWorkflowExecutionTimedOut", "ChildWorkflowExecutionTerminated",
    "ExternalWorkflowExecutionSignaled", "SignalExternalWorkflowExecutionFailed",
    "ExternalWorkflowExecutionCancelRequested", "RequestCancelExternalWorkflowExecutionFailed",
))  # fmt: skip
"""Kinds that wait in the buffer while a workflow task is started (§5)."""

CLOSING: Final = frozenset((
    "ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskTimedOut", "ActivityTaskCanceled",
    "ChildWorkflowExecutionCompleted", "ChildWorkflowExecutionFailed", "ChildWorkflowExecutionCanceled",
    "ChildWorkflowExecutionTimedOut", "ChildWorkflowExecutionTerminated",
))  # fmt: skip
"""Kinds that a flush puts last."""

COMMAND_EVENTS: Final = frozenset((
    "ActivityTaskScheduled", "ActivityTaskCancelRequested", "TimerStarted", "TimerCanceled", "MarkerRecorded",
    "StartChildWorkflowExecutionInitiated", "SignalExternalWorkflowExecutionInitiated",
    "RequestCancelExternalWorkflowExecutionInitiated", "UpsertWorkflowSearchAttributes",
    "WorkflowExecutionCompleted", "WorkflowExecutionFailed", "WorkflowExecutionCanceled",
    "WorkflowExecutionContinuedAsNew", "WorkflowExecutionUpdateAccepted", "WorkflowExecutionUpdateCompleted",
))  # fmt: skip
"""Kinds that stem from a command of the workflow's code."""


LONG: Final = 1_000
LARGE: Final = 1_000_000
"""A history of no more events and bytes of payloads than these is far from every limit (§13)."""


class HistoryEvent:
    """One event; `attributes` are named as in Temporal's API, in snake case, durations in microseconds.

    Where an event points to one that may still be unnumbered (`started`), the attribute holds that event itself.
    """

    __slots__ = ("at", "attributes", "id", "kind")

    def __init__(self, kind: str, at: int, attributes: dict[str, Any], number: int = 0) -> None:
        self.kind = kind
        self.at = at
        """When it happened, which may be before events of lower number (E3)."""
        self.attributes = attributes
        self.id = number
        """From 1, without gaps; 0 while it is buffered (E1)."""

    def __repr__(self) -> str:
        return f"{self.id} {self.kind} {self.attributes}"


class EventHistory:
    """The durable list of a run's events."""

    __slots__ = ("buffer", "committed", "events", "payload_bytes")

    def __init__(self) -> None:
        self.events: list[HistoryEvent] = []
        self.buffer: list[HistoryEvent] = []
        self.committed = 0
        """How many of the events are part of finished transitions."""
        self.payload_bytes = 0

    @property
    def next_id(self) -> int:
        return len(self.events) + 1

    @property
    def size(self) -> int:
        """Its bytes, roughly."""
        return self.payload_bytes + 90 * len(self.events)

    def append(self, kind: str, at: int, attributes: dict[str, Any]) -> HistoryEvent:
        """Appends an event with the next number."""
        events = self.events
        event = HistoryEvent(kind, at, attributes, len(events) + 1)
        events.append(event)
        return event

    def hold(self, kind: str, at: int, attributes: dict[str, Any]) -> HistoryEvent:
        """Puts an event into the buffer: no number yet, invisible."""
        event = HistoryEvent(kind, at, attributes)
        self.buffer.append(event)
        return event

    def flush(self) -> bool:
        """Numbers the buffered events, the closing kinds last (§5); whether there were any."""
        if not self.buffer:
            return False
        held, self.buffer = self.buffer, []
        events = self.events
        for closing in (False, True):
            for event in held:
                if (event.kind in CLOSING) is closing:
                    events.append(event)
                    event.id = len(events)
        return True

    def uncommitted(self) -> list[HistoryEvent]:
        """The events of the transition that is just ending; from now on they are part of the past."""
        new = self.events[self.committed :]
        self.committed = len(self.events)
        return new
