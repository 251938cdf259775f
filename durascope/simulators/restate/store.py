"""The store of a partition: invocations, virtual objects, timers and the outbox, beside the log that it is made of.

It is a cache of the log (restate.md §1): both survive the death of the process that leads the partition. All of it is
data; nothing in it runs, and nothing in it knows who leads.

An invocation, a row of `sys_invocation` (restate.md §7):

accept ─┬─ delay ─────────────▶ scheduled ──(timer)──┐
        ├─ key is locked ─────▶ inboxed ◀────────────┘
        └────────────▶ invoked ─┬─ end ───────────────────▶ completed
                       ▲  ▲     ├─ suspension ▶ suspended ─▶ invoked
                       │  └─────┴─ pause ─────▶ paused ───(resume)

An object's lock is held from *invoked* to *completed*, through sleeps, suspensions, back-offs and pauses; who finds it
taken waits in the inbox, first come first served (restate.md §10).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple
from zlib import crc32

from durascope.models.serving import ServiceKind
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.states import after
from durascope.simulators.restate.journal import Failure, Journal, NotificationId
from durascope.simulators.restate.log import PartitionLog, Record
from durascope.simulators.restate.tally import Tally
from durascope.simulators.restate.waiting import Waiting


class Status(StrEnum):
    """The stored states; `free` is the absence of a row."""

    SCHEDULED = "scheduled"
    INBOXED = "inboxed"
    INVOKED = "invoked"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    COMPLETED = "completed"
    FREE = "free"


IN_FLIGHT = (Status.INVOKED, Status.SUSPENDED, Status.PAUSED)

NEXT: Final = {
    (Status.FREE, "delay"): Status.SCHEDULED,
    (Status.FREE, "wait for the lock"): Status.INBOXED,
    (Status.FREE, "invocation"): Status.INVOKED,
    (Status.SCHEDULED, "wait for the lock"): Status.INBOXED,
    (Status.SCHEDULED, "invocation"): Status.INVOKED,
    (Status.SCHEDULED, "removal"): Status.FREE,
    (Status.INBOXED, "invocation"): Status.INVOKED,
    (Status.INBOXED, "removal"): Status.FREE,
    (Status.INVOKED, "suspension"): Status.SUSPENDED,
    (Status.INVOKED, "pause"): Status.PAUSED,
    (Status.INVOKED, "end"): Status.COMPLETED,
    (Status.SUSPENDED, "resumption"): Status.INVOKED,
    (Status.SUSPENDED, "end"): Status.COMPLETED,
    (Status.PAUSED, "resumption"): Status.INVOKED,
    (Status.PAUSED, "end"): Status.COMPLETED,
}
"""The transitions: what each state becomes with an event. One that has not begun can be removed; one that has ended
stays so."""


HandlerKind = Literal["run", "complete-promise", "send-signal", "query", "update"]


@dataclass(frozen=True, slots=True)
class Target:
    """What is invoked: a handler of a service, for objects and workflows of a key."""

    workflow: str
    """The workflow of the scenario whose code, or beside whose run, the handler is."""
    handler: str
    """The name by which journals and paths call it."""
    kind: HandlerKind = "run"
    service: str = ""
    service_kind: ServiceKind = "service"
    key: str | None = None
    """Of the virtual object or workflow; None: a plain service."""
    exclusive: bool = False
    """Whether it holds the object's lock while it lasts."""
    stateful: bool = False
    """Whether the key has K/V state."""

    @property
    def of_workflow(self) -> bool:
        """Whether its service is a workflow, whose key has promises and runs once."""
        return self.service_kind == "workflow"

    @property
    def writes_state(self) -> bool:
        """Whether it may: a workflow's other handlers run beside its own, and only read."""
        return self.exclusive or (self.of_workflow and self.kind == "run")


class Event(NamedTuple):
    """A row of `sys_journal_events`: beside the journal, tied to it by the index of the last entry."""

    type: str
    code: str | None
    message: str | None
    after: int
    at: int

    @property
    def line(self) -> str:
        return " ".join([self.type, *([self.code] if self.code and self.type == "TransientError" else [])]) + (
            f" after {self.after}"
        )


class Sink(NamedTuple):
    """Who gets the result: the caller, as the completion of its call."""

    caller: Invocation
    completion: int


@dataclass(slots=True, eq=False)
class Invocation:
    """A durable row; whatever is not in it is lost with the process."""

    run: RunInfo
    target: Target
    partition: Partition
    journal: Journal
    status: Status
    accepted_at: int
    vobject: VirtualObject | None
    sinks: tuple[Sink, ...] = ()
    source: str = "ingress"
    events: list[Event] | None = None
    pinned: int | None = None
    """The number of the deployment that its attempts go to (restate.md §12)."""
    waiting: Waiting | None = None
    """What it is suspended on."""
    due: int | None = None
    """When a scheduled one is to begin."""
    timers: list[int] | None = None
    """Its rows in the timer table."""
    children: list[Invocation] | None = None
    """What it has called and sent to, in order of the commands."""
    ended: str | None = None
    """How it ended, in the words of the cases: completed · failed · cancelled · killed · removed."""
    failure: Failure | None = None
    completed_at: int | None = None
    modified_at: int = 0
    requests: int = 0
    """How many requests have been made to the app for it."""
    started_at: int | None = None

    @property
    def name(self) -> str:
        return self.run.name

    def become(self, event: str) -> None:
        """Takes the transition that the event stands for. Raises `UnexpectedEvent` if the table has none."""
        self.status = after(NEXT, self.name, self.status, event)

    def knows(self, notification: NotificationId) -> bool:
        return notification in self.journal.notified


@dataclass(slots=True)
class Promise:
    """A durable promise of a workflow's key: completed once, awaited by any number."""

    completed: bool = False
    value: Any = None
    failure: Failure | None = None
    listeners: list[tuple[Invocation, int]] = field(default_factory=list["tuple[Invocation, int]"])


@dataclass(slots=True, eq=False)
class VirtualObject:
    """What the partition keeps of one key of a service. Durable."""

    service: str
    key: str
    holder: Invocation | None = None
    inbox: deque[Invocation] = field(default_factory=deque["Invocation"])
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    promises: dict[str, Promise] = field(default_factory=dict[str, Promise])

    def promise(self, name: str) -> Promise:
        return self.promises.setdefault(name, Promise())

    def clear(self) -> None:
        """A workflow whose retention is over leaves nothing."""
        self.state.clear()
        self.promises.clear()

    @property
    def unused(self) -> bool:
        """Whether nothing would be lost if it were forgotten."""
        return self.holder is None and not self.inbox and not self.state and not self.promises


class Timer(NamedTuple):
    """A row of the timer table: the record that is appended once it is due."""

    due: int
    label: str
    invocation: Invocation
    record: Record


class Message(NamedTuple):
    """A row of the outbox: a record for the log of the partition that it goes to."""

    to: Partition
    record: Record


@dataclass(slots=True, eq=False)
class Partition:
    """One partition's log and tables."""

    number: int
    log: PartitionLog
    invocations: dict[str, Invocation] = field(default_factory=dict[str, Invocation])
    objects: dict[tuple[str, str], VirtualObject] = field(default_factory=dict[tuple[str, str], VirtualObject])
    timers: dict[int, Timer] = field(default_factory=dict[int, Timer])
    outbox: dict[int, Message] = field(default_factory=dict[int, Message])
    idempotency: dict[tuple[str, str | None, str], Invocation] = field(
        default_factory=dict[tuple[str, str | None, str], Invocation]
    )
    """By handler, key and idempotency key; a workflow's run is found by its key alone."""
    tally: Tally = field(default_factory=Tally)
    sequence: int = 0

    def next(self) -> int:
        """The next sequence number of a timer or a message."""
        self.sequence += 1
        return self.sequence

    def vobject(self, service: str, key: str) -> VirtualObject:
        found = self.objects.get((service, key))
        if found is None:
            found = self.objects[service, key] = VirtualObject(service, key)
        return found


def partition_number(key: str, partitions: int) -> int:
    """Which partition a key belongs to (restate.md §2): its hash.

    >>> partition_number("order-42", 24)
    22
    """
    return crc32(key.encode()) % partitions
