"""What the database keeps: a row for each run, the values of entities, and the outbox. All of it survives a crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from durascope.models.steps import Clear, Get, Set
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.states import UnexpectedEvent


class Status(StrEnum):
    """Of a run, as its row says it.

    running ─┬─▶ completed · failed · cancelled
       ▲     ├─▶ killed
       │     │      ▲
       │     └─▶ paused   its code has thrown too many times in a row
       └──(resumed)─┘
    """

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    KILLED = "killed"


OPEN: Final = (Status.RUNNING, Status.PAUSED)
FOLLOWS: Final = {
    Status.RUNNING: frozenset((Status.PAUSED, Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.KILLED)),
    Status.PAUSED: frozenset((Status.RUNNING, Status.KILLED)),
}
"""What each state can become; a run that has ended becomes nothing."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The result of a state that the run has left."""

    label: str
    """Of the step, as the code calls it."""
    value: Any = None
    failure: str | None = None
    """The message of a step that has failed for good."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who works on a row. A transaction of anybody else is refused."""

    process: str
    incarnation: int
    number: int


@dataclass(frozen=True, slots=True)
class Post:
    """A message in the outbox: it leaves after the transaction that wrote it, at least once."""

    number: int
    event: str
    to: str | None


@dataclass(slots=True)
class Changes:
    """What one transaction writes."""

    saved: dict[str, Saved] = field(default_factory=dict[str, Saved])
    timers: dict[str, int] = field(default_factory=dict[str, int])
    """By step: until when, in microseconds."""
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    drawn: dict[str, int] = field(default_factory=dict[str, int])
    """Values that the code has computed and that are other ones each time."""
    started: list[tuple[RunInfo, str | None]] = field(default_factory=list[tuple[RunInfo, str | None]])
    """New rows, and the step that waits for each one's end (None: nobody waits)."""
    posts: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    """Events for the outbox: name, and to whom."""
    took: int | None = None
    """The number of the event in the row's inbox that a wait has taken."""
    state: Get | Set | Clear | None = None
    """Reads or writes the values of the entity; `saved` gets what is read."""
    cancel_at: int | None = None
    line: str = ""
    """What the run's record says of it."""


@dataclass(slots=True, eq=False)
class Row:
    """A run."""

    run: RunInfo
    caller: tuple[str, str] | None
    """The run that waits for this one's end, and its step."""
    labels: tuple[str, ...] = ()
    """The steps of the code that wrote the row last, in their order."""
    status: Status = Status.RUNNING
    claim: Claim | None = None
    lease_until: int = 0
    wake_at: int | None = 0
    """When somebody is to take it, in microseconds; None: nothing but an event wakes it."""
    bugs: int = 0
    """How many times in a row its code has thrown."""
    saved: dict[str, Saved] = field(default_factory=dict[str, Saved])
    timers: dict[str, int] = field(default_factory=dict[str, int])
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    drawn: dict[str, int] = field(default_factory=dict[str, int])
    inbox: dict[int, tuple[str, Mapping[str, Any]]] = field(default_factory=dict[int, tuple[str, Mapping[str, Any]]])
    delivered: set[int] = field(default_factory=set[int])
    """Numbers of the outbox's messages that have come: a second delivery changes nothing."""
    cancelled: bool = False
    cancel_at: int | None = None
    """The place in the code at which it has noticed that it is cancelled."""
    news: int = 0
    """How many times something has reached it from outside."""
    written_at: int = 0
    written: tuple[Claim, int] | None = None
    """The last transition: a transaction that is sent again, since its answer was lost, changes nothing."""

    @property
    def open(self) -> bool:
        return self.status is Status.RUNNING

    def become(self, status: Status) -> None:
        """Changes its state. Raises `UnexpectedEvent` if there is no such transition."""
        if status not in FOLLOWS.get(self.status, ()):
            raise UnexpectedEvent(self.run.name, self.status, status)
        self.status = status

    def snapshot(self) -> Row:
        """What a query reads of it."""
        return replace(self, saved=dict(self.saved), timers=dict(self.timers), inbox=dict(self.inbox))


@dataclass(slots=True)
class Tables:
    """The database's disk."""

    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    values: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict[tuple[str, str], dict[str, Any]])
    """The state of entities, by workflow and key."""
    outbox: list[Post] = field(default_factory=list[Post])
    posted: int = 0
    record: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    by_key: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    """Open runs of workflows that are `one_at_a_time`, by workflow and key, the oldest first."""
    transactions: int = 0
    bytes: int = 0
    """That were written."""
