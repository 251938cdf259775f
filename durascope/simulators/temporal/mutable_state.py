"""A run's mutable state: what history knows of it beside its events. Durable, one write per transition.

workflow task:  none ─▶ scheduled(kind, queue, attempt) ─▶ started(worker) ─▶ completed · failed · timed out ─▶ none
activity:       scheduled ─▶ started ─▶ closed
                    ▲           └─(failed, retry left)─▶ backoff ─┐
                    └──────────── attempt + 1 ◀──────────────────┘
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from durascope.models.steps import Retry
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import Call
from durascope.simulators.temporal.activity_options import ActivityOptions
from durascope.simulators.temporal.commands import Failure
from durascope.simulators.temporal.history import BUFFERABLE, EventHistory, HistoryEvent
from durascope.simulators.temporal.timer_queue import TimerTask


class WorkflowTask:
    """The one pending workflow task (W1)."""

    __slots__ = (
        "attempt", "events_at_schedule", "kind", "queue_kind", "queue_name", "scheduled_at", "scheduled_id",
        "started_at", "started_id", "unstarted", "worker", "writer",
    )  # fmt: skip

    def __init__(self, kind: str, queue_kind: str, queue_name: str, attempt: int, at: int, events: int) -> None:
        self.kind = kind
        """normal · transient (W7) · speculative (§8)"""
        self.queue_kind = queue_kind
        self.queue_name = queue_name
        self.attempt = attempt
        self.scheduled_at = at
        self.events_at_schedule = events
        self.scheduled_id = 0
        """0: not written."""
        self.started_id = 0
        self.started_at: int | None = None
        self.worker = ""
        self.unstarted: Call | None = None
        """What gives a speculative task up that nobody starts; only in memory."""
        self.writer: Callable[[MutableState, WorkflowTask], object] | None = None
        """Writes a speculative task's events, before anything else is written (U3)."""


class Activity:
    """A pending activity (A1)."""

    __slots__ = (
        "attempt", "backing_off", "cancel_requested", "heartbeat_at", "key", "last_failure", "name", "policy",
        "queue", "retry_timer", "run", "scheduled_at", "scheduled_id", "started_at", "step", "timeouts", "worker",
    )  # fmt: skip

    def __init__(
        self, event: HistoryEvent, run: RunInfo, name: str, key: str, options: ActivityOptions,
        timeouts: tuple[int, int, int, int],
    ) -> None:  # fmt: skip
        self.scheduled_id = event.id
        self.run = run
        """Whose step it is: the run's, or that of a request which an entity works off."""
        self.name = name
        self.key = key
        self.step = options.step
        self.queue = options.queue
        self.policy = options.policy
        self.timeouts = timeouts
        """schedule-to-close, schedule-to-start, start-to-close, heartbeat; 0: none."""
        self.scheduled_at = event.at
        self.attempt = 1
        self.started_at: int | None = None
        self.heartbeat_at = 0
        self.worker = ""
        self.last_failure: Failure | None = None
        self.cancel_requested = False
        self.backing_off = False
        self.retry_timer: TimerTask | None = None


@dataclass(slots=True)
class Child:
    """A pending child workflow."""

    initiated: HistoryEvent
    seq: int
    name: str
    key: str
    workflow_id: str
    abandoned: bool = False
    run_id: int = 0
    """0: not started yet."""
    started: HistoryEvent | None = None


@dataclass(frozen=True, slots=True)
class Parent:
    """Where a child reports to."""

    run_id: int
    initiated_id: int
    abandoned: bool


@dataclass(slots=True, eq=False)
class StartOptions:
    """What a run is started with; a run that continues or retries another takes over most of it.

    Nothing of it is ever changed; that it is not frozen only makes it cheaper to make.
    """

    run: RunInfo
    workflow_id: str
    parent: Parent | None = None
    execution: int = 1
    """Its place in the chain of executions of one logical run."""
    attempt: int = 1
    """Of the workflow's retry policy."""
    initiator: str | None = None
    """workflow (continue-as-new) · retry"""
    resume_at: int = 0
    """How many rounds the runs before it have done."""
    carried: tuple[Any, ...] = ()
    """Workflow variables that are handed to the next run."""
    delay: int = 0
    """First-task backoff."""
    run_timeout: int = 0
    """0: none."""
    retry: Retry | None = None
    entity: bool = False
    """It works off requests that come as updates, one at a time."""

    def task_timeout(self, asked: int) -> int:
        """Of a workflow task: what the client asks for, but no longer than the run may take."""
        return min(asked, self.run_timeout or asked)


@dataclass(slots=True)
class Update:
    """An update that has been accepted and not completed; durable from its acceptance on."""

    id: str
    name: str
    accepted: HistoryEvent


def _dict() -> dict[Any, Any]:
    """An empty one; `dict[K, V]()` takes ten times as long."""
    return {}


def _list() -> list[Any]:
    return []


@dataclass(slots=True)
class MutableState:
    """One run of a workflow in the history service."""

    run_id: int
    options: StartOptions
    luck: int
    queue: str
    """The normal task queue of its workflow tasks."""
    task_timeout: int
    history: EventHistory = field(default_factory=EventHistory)
    wft: WorkflowTask | None = None
    wft_attempt: int = 1
    sticky: tuple[str, int] | None = None
    """The sticky queue and its schedule-to-start timeout (W2)."""
    wft_timer: TimerTask = field(init=False)
    """Of the pending task: not started in time (sticky), or not closed in time."""
    previous_started_id: int = 0
    activities: dict[int, Activity] = field(default_factory=_dict)
    activity_timeouts: list[tuple[int, int, int, int]] = field(default_factory=_list)
    """A heap of (due, scheduled id, number of the type, attempt): the first that still holds is the next to fire."""
    activity_timers: list[TimerTask] = field(default_factory=_list)
    timers: dict[int, tuple[int, HistoryEvent]] = field(default_factory=_dict)
    """Pending user timers by timer id: when they are due, and their TimerStarted."""
    timer_heap: list[tuple[int, int]] = field(default_factory=_list)
    user_timers: list[TimerTask] = field(default_factory=_list)
    children: dict[int, Child] = field(default_factory=_dict)
    externals: dict[int, tuple[HistoryEvent, str]] = field(default_factory=_dict)
    """Signals and cancel requests to other runs that are under way: the event, the target's workflow id."""
    updates: dict[str, Update] = field(default_factory=_dict)
    updates_total: int = 0
    completed_updates: dict[str, str] = field(default_factory=_dict)
    """How each of them ended."""
    heartbeating_since: int = 0
    """When the first of a chain of workflow tasks was scheduled that only keep local activities alive; 0: none."""
    signals: int = 0
    cancel_requested: bool = False
    open: bool = True
    close_attempted: bool = False
    """The last workflow task was to close the run, and failed because something had been buffered (W10)."""
    status: str = "running"
    started_at: int = 0
    closed_at: int = 0
    run_timer: TimerTask | None = None
    first_task_timer: TimerTask | None = None
    markers_in_tasks: int = 0
    """Workflow tasks that had markers of local activities (§14)."""
    heartbeats: int = 0
    retries: int = 0
    queries: int = 0
    warned: bool = False
    """The history is above a warning threshold (§13)."""
    continue_as_new_suggested: bool = False
    payload_warnings: int = 0

    @property
    def run(self) -> RunInfo:
        return self.options.run

    @property
    def closing(self) -> bool:
        """The code has wanted to close the run, and is at it again: signals and updates have to wait (W10)."""
        return self.close_attempted and self.wft is not None and self.wft.started_at is not None

    def record(self, kind: str, at: int, attributes: dict[str, Any]) -> HistoryEvent:
        """Appends an event, or buffers it while a workflow task is started (§5)."""
        wft = self.wft
        if wft is not None:
            if wft.writer is not None and wft.kind == "speculative":
                wft.writer(self, wft)
            if wft.started_at is not None and kind in BUFFERABLE:
                return self.history.hold(kind, at, attributes)
        return self.history.append(kind, at, attributes)

    def flush(self) -> bool:
        """Numbers what is buffered; an event breaks a chain of transient tasks (W7)."""
        if self.history.flush():
            self.wft_attempt = 1
            return True
        return False
