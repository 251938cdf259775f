"""A run's mutable state: what history knows of it beside its events. Durable, one write per transition.

workflow task:  none ─▶ scheduled(kind, queue, attempt) ─▶ started(worker) ─▶ completed · failed · timed out ─▶ none
activity:       scheduled ─▶ started ─▶ closed (or closed from any state: timed out, cancelled, the run has ended)
                    ▲           └─(failed, retry left)─▶ backoff ─┐
                    └──────────── attempt + 1 ◀──────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from durascope.models.steps import Retry
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.events import (
    ActivityTaskScheduled,
    ChildWorkflowExecutionStarted,
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecutionInitiated,
    StartChildWorkflowExecutionInitiated,
    TimerStarted,
    WorkflowExecutionUpdateAccepted,
)
from durascope.simulators.temporal.failure import Failure
from durascope.simulators.temporal.history import EventHistory
from durascope.simulators.temporal.task_queues import TaskQueueKind
from durascope.simulators.temporal.timer_queue import TimerTask

External = SignalExternalWorkflowExecutionInitiated | RequestCancelExternalWorkflowExecutionInitiated


class TaskKind(StrEnum):
    """What of a workflow task is written. One that is not becomes normal where something has to be (W7, U2, U3)."""

    NORMAL = "normal"
    """Its events, when it is scheduled and started."""
    TRANSIENT = "transient"
    """Nothing until it completes: the attempt before it has failed (W7)."""
    SPECULATIVE = "speculative"
    """Nothing, unless an update that goes with it is accepted (§8); it is only in memory."""


@dataclass(slots=True, eq=False)
class WorkflowTask:
    """The one pending workflow task (W1)."""

    kind: TaskKind
    queue_kind: TaskQueueKind
    queue_name: str
    attempt: int
    scheduled_at: int
    events_at_schedule: int
    scheduled_id: int = 0
    """0: not written."""
    started_id: int = 0
    started_at: int | None = None
    worker: str = ""


class ActivityStatus(StrEnum):
    """See the sketch above."""

    SCHEDULED = "scheduled"
    STARTED = "started"
    BACKOFF = "backoff"
    CLOSED = "closed"


NEXT: Final = {
    (ActivityStatus.SCHEDULED, "start"): ActivityStatus.STARTED,
    (ActivityStatus.STARTED, "retry"): ActivityStatus.BACKOFF,
    (ActivityStatus.BACKOFF, "schedule"): ActivityStatus.SCHEDULED,
    (ActivityStatus.SCHEDULED, "close"): ActivityStatus.CLOSED,
    (ActivityStatus.STARTED, "close"): ActivityStatus.CLOSED,
    (ActivityStatus.BACKOFF, "close"): ActivityStatus.CLOSED,
}
"""The transitions of an activity: what each state becomes with an event."""


class RunStatus(StrEnum):
    """Of a run: it is running, or it has ended so, in the words of the trace."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CONTINUED_AS_NEW = "continued-as-new"
    TERMINATED = "terminated"
    TIMED_OUT = "timed-out"


class Activity:
    """A pending activity (A1)."""

    __slots__ = (
        "attempt", "cancel_requested", "heartbeat_at", "key", "last_failure", "name", "policy", "queue", "retry_timer",
        "run", "scheduled_at", "scheduled_id", "started_at", "status", "step", "timeouts", "worker",
    )  # fmt: skip

    def __init__(self, event: ActivityTaskScheduled, execution: StartOptions) -> None:
        asked = event.asked
        options = asked.options
        self.scheduled_id = event.id
        self.run = asked.run
        """Whose step it is: the run's, or that of a request which an entity works off."""
        self.name = event.name
        self.key = execution.effect_key(asked.key)
        """Of its effects in the ledger."""
        self.step = options.step
        self.queue = options.queue
        self.policy = options.policy
        self.timeouts = event.timeouts
        """schedule-to-close, schedule-to-start, start-to-close, heartbeat; 0: none."""
        self.scheduled_at = event.at
        self.status = ActivityStatus.SCHEDULED
        self.attempt = 1
        self.started_at: int | None = None
        """Of this attempt."""
        self.heartbeat_at = 0
        self.worker = ""
        self.last_failure: Failure | None = None
        self.cancel_requested = False
        self.retry_timer: TimerTask | None = None

    def __str__(self) -> str:
        return f"activity {self.name}"


@dataclass(slots=True)
class Child:
    """A pending child workflow."""

    initiated: StartChildWorkflowExecutionInitiated
    run_id: int = 0
    """0: not started yet."""
    started: ChildWorkflowExecutionStarted | None = None


@dataclass(frozen=True, slots=True)
class Parent:
    """Where a child reports to."""

    run_id: int
    initiated_id: int


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
    reset: tuple[int, int] = (0, 0)
    """The run that it resets, and the completion of a workflow task that it begins before; 0: none."""
    redoes: int = 0
    """The execution whose effects it has once more, as it was reset to a place in that; 0: it has its own."""

    @property
    def acts_as(self) -> int:
        """The execution as which its steps act on the outside: the same keys stand for the same effects."""
        return self.redoes or self.execution

    def effect_key(self, key: str) -> str:
        """The key of a step's effects in the ledger: a later execution of a chain has its own."""
        return key if self.acts_as == 1 else f"{self.acts_as}/{key}"

    def task_timeout(self, asked: int) -> int:
        """Of a workflow task: what the client asks for, but no longer than the run may take."""
        return min(asked, self.run_timeout or asked)


@dataclass(slots=True)
class Update:
    """An update that has been accepted and not completed; durable from its acceptance on."""

    id: str
    name: str
    accepted: WorkflowExecutionUpdateAccepted


class MutableState:
    """One run of a workflow in the history service."""

    __slots__ = (
        "activities", "activity_timeouts", "activity_timers", "cancel_requested", "children", "close_attempted",
        "closed_at", "completed_updates", "continue_as_new_suggested", "copied", "externals", "first_task_timer",
        "heartbeating_since", "heartbeats", "history", "last_wait", "luck", "markers_in_tasks", "open", "options",
        "payload_warnings", "previous_started_id", "queries", "queue", "reset_to", "retries", "run", "run_id",
        "run_timer", "signals", "started_at", "status", "sticky", "task_failure", "task_timeout", "timer_heap",
        "timers", "updates", "updates_total", "user_timers", "warned", "wft", "wft_attempt", "wft_timer",
    )  # fmt: skip

    def __init__(
        self, run_id: int, options: StartOptions, luck: int, queue: str, task_timeout: int, started_at: int
    ) -> None:
        self.run_id = run_id
        self.options = options
        self.run: RunInfo = options.run
        self.luck = luck
        self.queue = queue
        """The normal task queue of its workflow tasks."""
        self.task_timeout = task_timeout
        self.history = EventHistory()
        self.wft: WorkflowTask | None = None
        self.wft_attempt = 1
        self.sticky: tuple[str, int] | None = None
        """The sticky queue and its schedule-to-start timeout (W2)."""
        self.wft_timer = TimerTask(self)
        """Of the pending task: not started in time (sticky), or not closed in time."""
        self.previous_started_id = 0
        self.activities: dict[int, Activity] = {}
        self.activity_timeouts: list[tuple[int, int, int, int]] = []
        """A heap of (due, scheduled id, number of the type, attempt): the first that still holds fires next."""
        self.activity_timers: list[TimerTask] = []
        self.timers: dict[int, tuple[int, TimerStarted]] = {}
        """Pending user timers by timer id: when they are due, and their TimerStarted."""
        self.timer_heap: list[tuple[int, int]] = []
        self.user_timers: list[TimerTask] = []
        self.children: dict[int, Child] = {}
        self.externals: dict[int, External] = {}
        """Signals and cancel requests to other runs that are under way."""
        self.updates: dict[str, Update] = {}
        self.updates_total = 0
        self.completed_updates: dict[str, str] = {}
        """How each of them ended."""
        self.heartbeating_since = 0
        """When the first of a chain of workflow tasks was scheduled that only keep local activities alive; 0: none."""
        self.signals = 0
        self.cancel_requested = False
        self.open = True
        self.close_attempted = False
        """The last workflow task was to close the run, and failed because something had been buffered (W10)."""
        self.status = RunStatus.RUNNING
        self.started_at = started_at
        self.closed_at = 0
        self.run_timer: TimerTask | None = None
        self.first_task_timer: TimerTask | None = None
        self.markers_in_tasks = 0
        """Workflow tasks that had markers of local activities (§14)."""
        self.heartbeats = 0
        self.retries = 0
        self.queries = 0
        self.warned = False
        """The history is above a warning threshold (§13)."""
        self.continue_as_new_suggested = False
        self.last_wait: tuple[str, str] | None = None
        """The step and the event of the latest wait without a timer: what is told of a run that stands still."""
        self.task_failure = ""
        """Why the latest workflow task has failed, until one completes."""
        self.payload_warnings = 0
        self.copied = 0
        """How many of its first events it shares with the run that it resets."""
        self.reset_to = 0
        """The run that it has been reset to: ends of children are told to that one."""

    @property
    def closing(self) -> bool:
        """The code has wanted to close the run, and is at it again: signals and updates have to wait (W10)."""
        return self.close_attempted and self.wft is not None and self.wft.started_at is not None

    @property
    def first_task_is_put_off(self) -> bool:
        """No workflow task has been there yet, and the first waits for its time.

        The server's IsWorkflowPendingOnWorkflowTaskBackoff. An update does not wait for that: it has a task of its own.
        """
        timer = self.first_task_timer
        return timer is not None and timer.live and self.wft is None and not self.previous_started_id

    def flush(self) -> bool:
        """Numbers what is buffered; an event breaks a chain of transient tasks (W7)."""
        if self.history.flush():
            self.wft_attempt = 1
            return True
        return False
