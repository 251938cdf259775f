"""One invocation as the partition's store keeps it: a row of `sys_invocation`, with its journal (restate.md §7).

accept ─┬─ delay ─────────────▶ scheduled ──(timer)──┐
        ├─ key is locked ─────▶ inboxed ◀────────────┘
        └────────────▶ invoked ─┬─ end ───────────────────▶ completed
                       ▲  ▲     ├─ suspension ▶ suspended ─▶ invoked
                       │  └─────┴─ pause ─────▶ paused ───(resume)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple

from durascope.models.serving import ServiceKind
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.restate.journal import Failure, Journal, NotificationId
from durascope.simulators.restate.waiting import Waiting

if TYPE_CHECKING:
    from durascope.simulators.restate.deployments import Deployment
    from durascope.simulators.restate.objects import VirtualObject
    from durascope.simulators.restate.partition import Partition


class Status(Enum):
    """The stored states; `free` is the absence of a row."""

    SCHEDULED = "scheduled"
    INBOXED = "inboxed"
    INVOKED = "invoked"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    COMPLETED = "completed"
    FREE = "free"


IN_FLIGHT = (Status.INVOKED, Status.SUSPENDED, Status.PAUSED)

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
    pinned: Deployment | None = None
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

    def knows(self, notification: NotificationId) -> bool:
        return notification in self.journal.notified
