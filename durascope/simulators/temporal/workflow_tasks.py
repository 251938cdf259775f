"""Workflow tasks in the history service: scheduled, started, completed, failed, timed out (W1 to W12).

none ─▶ scheduled ─▶ started ─▶ completed ──────────────▶ none (or the next, inline: W9)
          │             ├─▶ failed · start-to-close ─────▶ scheduled: normal if it was sticky, else transient (W6)
          └─(sticky, 10 s)─▶ timed out ─▶ scheduled on the normal queue (W3)
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from durascope.models.units import SECOND
from durascope.simulators.kernel.world import Callback
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.constants import duration, limit
from durascope.simulators.temporal.events import (
    WorkflowTaskFailed,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
    WorkflowTaskTimedOut,
)
from durascope.simulators.temporal.failure import TaskFailedCause, TimeoutType
from durascope.simulators.temporal.history import LARGE, LONG, Bufferable, EventHistory, HistoryEvent
from durascope.simulators.temporal.messages import TaskForWorker
from durascope.simulators.temporal.mutable_state import MutableState, TaskKind, WorkflowTask
from durascope.simulators.temporal.queries import Queries
from durascope.simulators.temporal.shard import Shard
from durascope.simulators.temporal.task_queues import TaskQueueKind
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.update_registry import UpdateRegistry

_NORMAL: Final = TaskQueueKind.NORMAL
_STICKY: Final = TaskQueueKind.STICKY

Happened = tuple[HistoryEvent, int]
"""An event to be recorded, and when it happened."""

HOPELESS_TASK: Final = 200
"""A run whose workflow task has been tried this many times (for a day and more) fails for ever: it is not followed
further, unless something is still to come from outside, or the code has changed within a day."""
MOST_REFUSED: Final = 50_000
"""Neither is one whose commands were refused again and again, this many in all, because they are too many at once."""
DAY: Final = 86_400 * SECOND


class WorkflowTasks:
    """The workflow task state machine of every run."""

    __slots__ = (
        "_queries", "_refused", "_speculative_timeout", "_suggest", "_timers", "_transfer", "_unstarted",
        "code_changed_at", "registry", "shard", "world",
    )  # fmt: skip

    def __init__(self, shard: Shard, transfer: TransferQueue, registry: UpdateRegistry, queries: Queries) -> None:
        self.shard = shard
        self.world = shard.world
        self.registry = registry
        self._queries = queries
        self.code_changed_at = -DAY
        """When workers last got other code."""
        self._refused: Counter[int] = Counter()
        """By run: commands that were too many at once."""
        self._timers = shard.timers
        self._transfer = transfer
        self._suggest = limit("events").suggest, limit("bytes").suggest
        self._speculative_timeout = duration("speculative_timeout")
        shard.on_full_buffer = self.buffer_is_full
        shard.timers.on("workflow_task_not_started", self.not_started)
        shard.timers.on("workflow_task_not_closed", self.not_closed)
        self.reset()

    def reset(self) -> None:
        self._unstarted: dict[int, Callback] = {}
        """By run: what gives a speculative task up that nobody starts."""

    # ---- written -------------------------------------------------------------------------------------------

    def record(self, state: MutableState, *events: Happened) -> None:
        """Appends events, or buffers them while a task is started (§5); a speculative task is written first (U3)."""
        history, task = state.history, state.wft
        if task is not None and task.kind is TaskKind.SPECULATIVE:
            self._convert(state, task)
        is_started = task is not None and task.started_at is not None
        for event, at in events:
            if is_started and isinstance(event, Bufferable):
                history.hold(event, at)
            else:
                history.append(event, at)

    def tell(self, state: MutableState, *events: Happened) -> None:
        """Records what the run's code is to be told of: it needs a workflow task."""
        self.record(state, *events)
        self.need(state)

    # ---- scheduled -----------------------------------------------------------------------------------------

    def need(self, state: MutableState) -> None:
        """A change needs the workflow's attention: schedules a task unless one is pending (W1)."""
        if state.wft is None:
            self.schedule(state)

    def schedule(self, state: MutableState, inline: bool = False) -> WorkflowTask:
        """Puts the next task on the sticky queue if there is one (W2), and tells matching of it."""
        sticky, attempt, now = state.sticky, state.wft_attempt, self.world.now
        queue_kind, name = (_NORMAL, state.queue) if sticky is None else (_STICKY, sticky[0])
        kind = TaskKind.NORMAL if attempt == 1 else TaskKind.TRANSIENT
        task = state.wft = WorkflowTask(kind, queue_kind, name, attempt, now, len(state.history.events))
        if attempt == 1:
            self._write_scheduled(state, task)
        if not inline:
            self._transfer.workflow_task(state, task)
            if sticky is not None:
                self._timers.set(state.wft_timer, now + sticky[1], "workflow_task_not_started", task)
        return task

    def speculative(self, state: MutableState) -> WorkflowTask:
        """A task that is not written unless an update is accepted (U1); only in memory."""
        queue_kind, name = (_NORMAL, state.queue) if state.sticky is None else (_STICKY, state.sticky[0])
        events = len(state.history.events)
        task = WorkflowTask(TaskKind.SPECULATIVE, queue_kind, name, state.wft_attempt, self.world.now, events)
        state.wft = task
        return task

    def offer_speculative(self, state: MutableState) -> None:
        """A speculative task that is given up if nobody polls for it, on the normal queue too (U3)."""
        task = self.speculative(state)
        self._transfer.speculative_task(state, task)
        self._unstarted[state.run_id] = self.shard.after(self._to_start(state), self.not_started, state, task)

    def _no_longer_unstarted(self, state: MutableState) -> None:
        self.shard.cancel(self._unstarted.pop(state.run_id, None))

    def _to_start(self, state: MutableState) -> int:
        """How long a speculative task may wait: what the sticky queue asks for, or 5 s (U3)."""
        return self._speculative_timeout if state.sticky is None else state.sticky[1]

    def _write_scheduled(self, state: MutableState, task: WorkflowTask) -> None:
        task.scheduled_id = state.history.append(_scheduled(state, task), task.scheduled_at).id

    def _is_long(self, history: EventHistory) -> bool:
        """Whether the server advises to continue as new (§13)."""
        return len(history.events) >= self._suggest[0] or history.size >= self._suggest[1]

    def _write_started(self, state: MutableState, task: WorkflowTask, at: int) -> None:
        history = state.history
        long = (len(history.events) > LONG or history.payload_bytes > LARGE) and self._is_long(history)
        if long:
            state.continue_as_new_suggested = True
        task.started_id = history.append(WorkflowTaskStarted(task.scheduled_id, task.worker, long), at).id

    def write(self, state: MutableState, task: WorkflowTask) -> None:
        """Writes a transient or speculative task's own events, with their own times (W7, U2)."""
        if not task.scheduled_id:
            self._write_scheduled(state, task)
        if task.started_at is not None and not task.started_id:
            self._write_started(state, task, task.started_at)
        task.kind = TaskKind.NORMAL

    def write_at_its_end(self, state: MutableState, task: WorkflowTask) -> None:
        """Written this late, its event names the run's present queue: a start off the normal one has changed that."""
        if not task.scheduled_id:
            task.queue_kind = _NORMAL if state.sticky is None else _STICKY
            task.queue_name = state.queue if state.sticky is None else state.sticky[0]
        self.write(state, task)

    def _convert(self, state: MutableState, task: WorkflowTask) -> None:
        """Something else is to be written: a speculative task becomes a normal one, with its timer on disk (U3)."""
        self.write(state, task)
        if task.started_at is None:
            self._no_longer_unstarted(state)
            due = task.scheduled_at + self._to_start(state)
            self._timers.set(state.wft_timer, due, "workflow_task_not_started", task)

    # ---- started -------------------------------------------------------------------------------------------

    def start(
        self, state: MutableState, task: WorkflowTask, link: Link, queue_kind: TaskQueueKind
    ) -> TaskForWorker | None:
        """A poll takes the task; None if it is none any more."""
        if state.wft is not task or task.started_at is not None:
            return None
        if (task.attempt > HOPELESS_TASK and self._fails_for_ever()) or self.refuses_too_much(state):
            return None  # others may still be waiting for something
        if queue_kind is not _STICKY:
            state.sticky = None
        full = state.sticky is None
        if task.kind is TaskKind.TRANSIENT and len(state.history.events) != task.events_at_schedule:
            state.wft_attempt = task.attempt = 1
            task.kind = TaskKind.NORMAL
            self._write_scheduled(state, task)
        self.begin(state, task, link.worker)
        self.shard.commit(state)
        return self.for_worker(state, task, full)

    def refused(self, state: MutableState, commands: int) -> None:
        """That many commands of the run were refused at once; a run that does nothing else is not followed further."""
        self._refused[state.run_id] += commands
        if self.refuses_too_much(state):
            self.world.give_up(state.run)

    def refuses_too_much(self, state: MutableState) -> bool:
        return self._refused[state.run_id] > MOST_REFUSED and not self.world.more_to_come

    def _fails_for_ever(self) -> bool:
        return not self.world.more_to_come and self.world.now - self.code_changed_at >= DAY

    def begin(self, state: MutableState, task: WorkflowTask, worker: str) -> None:
        """Marks it started: its event, unless it is unwritten, and its start-to-close timer (W5)."""
        now = task.started_at = self.world.now
        task.worker = worker
        if self._unstarted:
            self._no_longer_unstarted(state)
        if task.kind is TaskKind.NORMAL:
            self._write_started(state, task, now)
        timeout = state.task_timeout
        if task.attempt > 3:
            timeout += self._patience(state, task.attempt)
            if task.attempt >= HOPELESS_TASK and self._fails_for_ever():
                self.world.give_up(state.run)
        self._timers.set(state.wft_timer, now + timeout, "workflow_task_not_closed", task)

    def for_worker(self, state: MutableState, task: WorkflowTask, full: bool) -> TaskForWorker:
        """The task as it is sent; events of an unwritten one are made up for it (W7)."""
        events = state.history.events
        delta = events[:] if full else events[state.previous_started_id :]
        if not task.started_id:
            first = len(events) + 1
            scheduled, started = _scheduled(state, task), WorkflowTaskStarted(first, task.worker)
            scheduled.at, scheduled.id = task.scheduled_at, first
            started.at, started.id = task.started_at or 0, first + 1
            delta.extend((scheduled, started))
        updates = self.registry.to_send(state) if self.registry.requests else ()
        queries = self._queries.to_send(state) if self._queries.waiting else ()
        return TaskForWorker(
            state.run_id, state.run, state.options, state.luck, task, task.attempt, delta, full, len(events), updates,
            None, queries,
        )  # fmt: skip

    def _patience(self, state: MutableState, attempt: int) -> int:
        """How much longer a task may take that has failed again and again."""
        jitter = 0.8 + 0.2 * self.world.luck("workflow task timeout", state.run_id, attempt)
        grown = 600 * SECOND if attempt > 12 else min(600 * SECOND, 5 * SECOND * 2 ** (attempt - 4))
        return int(grown * jitter)

    # ---- closed --------------------------------------------------------------------------------------------

    def failed(self, state: MutableState, task: WorkflowTask, cause: TaskFailedCause, message: str) -> None:
        """RespondWorkflowTaskFailed, or the server's own refusal of a completion (W6, W7, W10)."""
        self._failed(state, task, cause, message, task.worker)
        self._again(state, task)
        state.close_attempted = cause is TaskFailedCause.UNHANDLED_COMMAND

    def force_close(self, state: MutableState) -> None:
        """The server fails the started task by itself, and numbers what is buffered: the run ends from outside (§5).

        That the events are numbered now, and not when the next task is scheduled, leaves the attempt as it is.
        """
        task = state.wft
        if task is not None and task.started_at is not None:
            self._failed(state, task, TaskFailedCause.FORCE_CLOSE_COMMAND, "", "history-service")
            self._count(state, task)
            state.history.flush()

    def buffer_is_full(self, state: MutableState) -> None:
        """More is buffered than may be: the started task fails, and another one tells of it all (§5)."""
        self.force_close(state)
        self.registry.send_again(state)
        self.schedule(state)

    def _failed(
        self, state: MutableState, task: WorkflowTask, cause: TaskFailedCause, message: str, identity: str
    ) -> None:
        if task.kind is TaskKind.TRANSIENT:
            return
        state.task_failure = message
        self.write_at_its_end(state, task)
        event = WorkflowTaskFailed(task.scheduled_id, task.started_id, cause, message, identity)
        state.history.append(event, self.world.now)

    def not_closed(self, state: MutableState, task: WorkflowTask) -> None:
        """Start-to-close has passed: whoever has it is taken for dead (W5)."""
        if state.wft is not task or task.started_at is None:
            return
        if task.kind is not TaskKind.TRANSIENT:
            self.write_at_its_end(state, task)
            self._timed_out(state, task, TimeoutType.START_TO_CLOSE)
        self._again(state, task)

    def heartbeats_too_long(self, state: MutableState, task: WorkflowTask) -> None:
        """Local activities may not keep a task alive for ever (W12)."""
        state.heartbeating_since = 0
        self.write_at_its_end(state, task)
        self._timed_out(state, task, TimeoutType.START_TO_CLOSE)
        self._again(state, task)

    def not_started(self, state: MutableState, task: WorkflowTask) -> None:
        """Nobody has taken it off the sticky queue in time (W3); a speculative one, off any queue (U3)."""
        if not state.open or state.wft is not task or task.started_at is not None:
            return
        self.write_at_its_end(state, task)
        self._timed_out(state, task, TimeoutType.SCHEDULE_TO_START)
        state.wft = None
        state.sticky = None
        state.wft_attempt = 1
        self.schedule(state)
        self.shard.commit(state)

    def _timed_out(self, state: MutableState, task: WorkflowTask, type_: TimeoutType) -> None:
        state.history.append(WorkflowTaskTimedOut(task.scheduled_id, task.started_id, type_), self.world.now)

    def _again(self, state: MutableState, task: WorkflowTask) -> None:
        """The next try, at once."""
        self._count(state, task)
        state.flush()
        self.registry.send_again(state)
        self.schedule(state)
        self.shard.commit(state)

    def _count(self, state: MutableState, task: WorkflowTask) -> None:
        """The next try is normal and with events if this one was sticky, else transient (W6)."""
        self._timers.cancel(state.wft_timer)
        state.wft = None
        state.close_attempted = False
        if state.sticky is not None:
            state.sticky = None
            state.wft_attempt = 1
        else:
            state.wft_attempt = task.attempt + 1

    def drop(self, state: MutableState) -> None:
        """The run is over: nobody needs the task any more."""
        state.wft = None
        self._no_longer_unstarted(state)


def _scheduled(state: MutableState, task: WorkflowTask) -> WorkflowTaskScheduled:
    return WorkflowTaskScheduled(task.queue_kind, task.queue_name, state.task_timeout, task.attempt)
