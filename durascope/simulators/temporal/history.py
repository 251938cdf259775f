"""A run's event history: numbered events that are only ever appended, and the buffer for those that have to wait.

record ──(no workflow task started)──▶ events: 1, 2, 3, …
   └──(workflow task started, §5)────▶ buffer ── flush ──▶ others first, then the closing kinds, then numbered
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar, dataclass_transform

T = TypeVar("T")

LONG: Final = 1_000
LARGE: Final = 1_000_000
"""A history of no more events and bytes of payloads than these is far from every limit (§13)."""


@dataclass_transform(eq_default=False, frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Frozen as far as the type checker sees; at run time it is not checked, which makes a record cheaper to make."""
    return dataclass(slots=True, eq=False)(cls)


class HistoryEvent:
    """One event; the history sets its time and its number, nothing else of it changes."""

    __slots__ = ("at", "id")

    kind: ClassVar[str]
    at: int
    """When it happened, which may be before events of lower number (E3)."""
    id: int
    """From 1, without gaps; 0 while it is buffered (E1)."""

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__


class Bufferable(HistoryEvent):
    """It waits in the buffer while a workflow task is started (§5)."""

    __slots__ = ()


class Closing(Bufferable):
    """It ends what an earlier event has begun: a flush puts it last."""

    __slots__ = ()


class CommandEvent(HistoryEvent):
    """It stems from a command of the workflow's code."""

    __slots__ = ()


class RunEnd(HistoryEvent):
    """The last event of a run."""

    __slots__ = ()


E = TypeVar("E", bound=HistoryEvent)


class EventHistory:
    """The durable list of a run's events.

    >>> from durascope.simulators.temporal.events import TimerFired, WorkflowTaskStarted
    >>> history = EventHistory()
    >>> history.append(WorkflowTaskStarted("sticky", 1), at=0).id
    1
    >>> history.hold(TimerFired(3, "1"), at=5).id
    0
    >>> history.flush(), history.events[-1].id
    (True, 2)
    """

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

    def append(self, event: E, at: int) -> E:
        """Appends an event with the next number."""
        events = self.events
        events.append(event)
        event.at = at
        event.id = len(events)
        return event

    def hold(self, event: E, at: int) -> E:
        """Puts an event into the buffer: no number yet, invisible."""
        event.at = at
        event.id = 0
        self.buffer.append(event)
        return event

    def flush(self) -> bool:
        """Numbers the buffered events, the closing ones last (§5); whether there were any."""
        if not self.buffer:
            return False
        held, self.buffer = self.buffer, []
        events = self.events
        for closing in (False, True):
            for event in held:
                if isinstance(event, Closing) is closing:
                    events.append(event)
                    event.id = len(events)
        return True

    def uncommitted(self) -> list[HistoryEvent]:
        """The events of the transition that is just ending; from now on they are part of the past."""
        new = self.events[self.committed :]
        self.committed = len(self.events)
        return new
