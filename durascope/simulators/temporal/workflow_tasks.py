"""Workflow tasks in the history service: scheduled, started, completed, failed, timed out (W1 to W12).

none ─▶ scheduled ─▶ started ─▶ completed ──────────────▶ none (or the next, inline: W9)
          │             ├─▶ failed · start-to-close ─────▶ scheduled: normal if it was sticky, else transient (W6)
          └─(sticky, 10 s)─▶ timed out ─▶ scheduled on the normal queue (W3)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.activity_options import SECOND
from durascope.simulators.temporal.commands import CLOSES, TaskCompletion
from durascope.simulators.temporal.constants import duration, limit
from durascope.simulators.temporal.history import LARGE, LONG, EventHistory, HistoryEvent
from durascope.simulators.temporal.mutable_state import MutableState, WorkflowTask

if TYPE_CHECKING:
    from durascope.simulators.temporal.channel import Call
    from durascope.simulators.temporal.server import Link, Server
    from durascope.simulators.temporal.updates import UpdateRequest


HOPELESS_TASK: Final = 200
"""A run whose workflow task has been tried so many times (for a day and more) fails for ever: it is not followed
further, unless something is still to come from outside, or the code has changed within a day."""
MOST_REFUSED: Final = 50_000
"""Neither is one whose commands were refused again and again, this many in all, because they are too many at once."""
DAY: Final = 86_400 * SECOND


class TaskForWorker:
    """What a worker gets with a workflow task: the events it has not seen (or all), and updates to handle."""

    __slots__ = (
        "attempt", "events", "full", "last_written_id", "luck", "options", "queries", "query", "run", "run_id", "task",
        "updates",
    )  # fmt: skip

    def __init__(
        self, state: MutableState, task: WorkflowTask | None, events: Sequence[HistoryEvent], full: bool,
        updates: Sequence[UpdateRequest] = (), query: Any = None, queries: Sequence[Any] = (),
    ) -> None:  # fmt: skip
        self.run_id = state.run_id
        self.options = state.options
        self.run = state.options.run
        self.luck = state.luck
        self.task = task
        self.attempt = 1 if task is None else task.attempt
        self.events = events
        self.full = full
        self.last_written_id = len(state.history.events)
        """What follows is made up for this task, and may never be written."""
        self.updates = updates
        self.query = query
        self.queries = queries
        """Those that its completion answers."""


class WorkflowTasks:
    """The workflow task state machine of every run."""

    __slots__ = (
        "_dropped_events",
        "_heartbeat_timeout",
        "_refused",
        "_speculative_timeout",
        "_suggest",
        "_timers",
        "_transfer",
        "code_changed_at",
        "server",
        "world",
    )  # fmt: skip

    def __init__(self, server: Server) -> None:
        self.server = server
        self.world = server.world
        self.code_changed_at = -DAY
        """When workers last got other code."""
        self._refused: Counter[int] = Counter()
        """By run: commands that were too many at once."""
        self._timers = server.timers
        self._transfer = server.transfer
        self._suggest = limit("events").suggest, limit("bytes").suggest
        self._speculative_timeout = duration("speculative_timeout")
        self._heartbeat_timeout = duration("heartbeat_timeout")
        self._dropped_events = limit("dropped_events").error

    # ---- scheduled -----------------------------------------------------------------------------------------

    def need(self, state: MutableState) -> None:
        """A change needs the workflow's attention: schedules a task unless one is pending (W1)."""
        if state.wft is None:
            self.schedule(state)

    def schedule(self, state: MutableState, inline: bool = False) -> WorkflowTask:
        """Puts the next task on the sticky queue if there is one (W2), and tells matching of it."""
        sticky, attempt, now = state.sticky, state.wft_attempt, self.world.now
        queue_kind, name = ("normal", state.queue) if sticky is None else ("sticky", sticky[0])
        kind = "normal" if attempt == 1 else "transient"
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
        queue_kind, name = ("normal", state.queue) if state.sticky is None else ("sticky", state.sticky[0])
        events = len(state.history.events)
        task = WorkflowTask("speculative", queue_kind, name, state.wft_attempt, self.world.now, events)
        state.wft = task
        task.writer = self._convert
        return task

    def not_started_soon(self, state: MutableState, task: WorkflowTask) -> None:
        """Nobody may poll: a speculative task is given up, on the normal queue too (U3)."""
        task.unstarted = self.server.after(self._to_start(state), self.not_started, state, task)

    def _to_start(self, state: MutableState) -> int:
        """How long a speculative task may wait: what the sticky queue asks for, or 5 s (U3)."""
        return self._speculative_timeout if state.sticky is None else state.sticky[1]

    def _write_scheduled(self, state: MutableState, task: WorkflowTask) -> None:
        task.scheduled_id = state.history.append(
            "WorkflowTaskScheduled",
            task.scheduled_at,
            {
                "queue_kind": task.queue_kind,
                "queue_name": task.queue_name,
                "start_to_close_timeout": state.task_timeout,
                "attempt": task.attempt,
            },
        ).id

    def _is_long(self, history: EventHistory) -> bool:
        """Whether the server advises to continue as new (§13)."""
        return len(history.events) >= self._suggest[0] or history.size >= self._suggest[1]

    def _write_started(self, state: MutableState, task: WorkflowTask, at: int) -> None:
        history = state.history
        attributes: dict[str, Any] = {"scheduled_event_id": task.scheduled_id, "identity": task.worker}
        if (len(history.events) > LONG or history.payload_bytes > LARGE) and self._is_long(history):
            attributes["suggest_continue_as_new"] = state.continue_as_new_suggested = True
        task.started_id = history.append("WorkflowTaskStarted", at, attributes).id

    def write(self, state: MutableState, task: WorkflowTask) -> None:
        """Writes a transient or speculative task's own events, with their own times (W7, U2)."""
        if not task.scheduled_id:
            self._write_scheduled(state, task)
        if task.started_at is not None and not task.started_id:
            self._write_started(state, task, task.started_at)
        task.kind = "normal"

    def _write_at_its_end(self, state: MutableState, task: WorkflowTask) -> None:
        """So late, the queue that is written is the run's by now: a start by way of the normal one has changed it."""
        if not task.scheduled_id:
            task.queue_kind = "normal" if state.sticky is None else "sticky"
            task.queue_name = state.queue if state.sticky is None else state.sticky[0]
        self.write(state, task)

    def _convert(self, state: MutableState, task: WorkflowTask) -> None:
        """Something else is to be written: a speculative task becomes a normal one, with its timer on disk (U3)."""
        self.write(state, task)
        if task.started_at is None:
            self.server.cancel(task.unstarted)
            due = task.scheduled_at + self._to_start(state)
            self._timers.set(state.wft_timer, due, "workflow_task_not_started", task)

    # ---- started -------------------------------------------------------------------------------------------

    def start(self, state: MutableState, task: WorkflowTask, link: Link, queue_kind: str) -> TaskForWorker | None:
        """A poll takes the task; None if it is none any more."""
        if state.wft is not task or task.started_at is not None:
            return None
        if (task.attempt > HOPELESS_TASK and self._fails_for_ever()) or self._too_much(state):
            return None  # others may still be waiting for something
        if queue_kind != "sticky":
            state.sticky = None
        full = state.sticky is None
        if task.kind == "transient" and len(state.history.events) != task.events_at_schedule:
            state.wft_attempt = task.attempt = 1
            task.kind = "normal"
            self._write_scheduled(state, task)
        self.begin(state, task, link.worker)
        self.server.commit(state)
        return self.for_worker(state, task, full)

    def _too_much(self, state: MutableState) -> bool:
        return self._refused[state.run_id] > MOST_REFUSED and not self.world.more_to_come

    def _fails_for_ever(self) -> bool:
        return not self.world.more_to_come and self.world.now - self.code_changed_at >= DAY

    def begin(self, state: MutableState, task: WorkflowTask, worker: str) -> None:
        """Marks it started: its event, unless it is unwritten, and its start-to-close timer (W5)."""
        now = task.started_at = self.world.now
        task.worker = worker
        if task.unstarted is not None:
            self.server.cancel(task.unstarted)
        if task.kind == "normal":
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
            made_up = (
                HistoryEvent("WorkflowTaskScheduled", task.scheduled_at, {"attempt": task.attempt}),
                HistoryEvent("WorkflowTaskStarted", task.started_at or 0, {"identity": task.worker}),
            )
            for number, event in enumerate(made_up, first):
                event.id = number
            delta.extend(made_up)
        updates = self.server.updates
        sent = updates.to_send(state) if updates.registry else ()
        return TaskForWorker(state, task, delta, full, sent, queries=self.server.queries.to_send(state))

    def _patience(self, state: MutableState, attempt: int) -> int:
        """How much longer a task may take that has failed again and again."""
        jitter = 0.8 + 0.2 * self.world.luck("workflow task timeout", state.run_id, attempt)
        grown = 600 * SECOND if attempt > 12 else min(600 * SECOND, 5 * SECOND * 2 ** (attempt - 4))
        return int(grown * jitter)

    # ---- closed --------------------------------------------------------------------------------------------

    def completed(self, link: Link, call: Call) -> None:
        """RespondWorkflowTaskCompleted: the events of its commands, what was buffered, and maybe the next task."""
        run_id: int
        task: WorkflowTask
        done: TaskCompletion
        run_id, task, done = call.args
        server = self.server
        state = server.store.runs.get(run_id)
        if state is None or state.wft is not task or task.started_at is None:
            link.reply(call, "not found")
            return
        history = state.history
        if history.buffer and any(command.kind in CLOSES for command in done.commands):
            self.failed(state, task, "unhandled-command", "UnhandledCommand")
            link.reply(call, "failed")
            return
        if len(done.commands) + len(state.activities) + len(state.children) + len(state.externals) > 100:
            refusal = server.commands.refusal(state, done.commands)
            if refusal is not None:
                self._refused[state.run_id] += len(done.commands)
                if self._too_much(state):
                    self.world.give_up(state.run)
                self.failed(state, task, refusal, "too many pending")
                link.reply(call, "failed")
                return
        if done.wants_another:
            since = state.heartbeating_since = state.heartbeating_since or task.scheduled_at
            if self.world.now - since > self._heartbeat_timeout:
                self._heartbeats_too_long(state, task)
                link.reply(call, "failed")
                return
        else:
            state.heartbeating_since = 0
        self._timers.cancel(state.wft_timer)
        if task.kind != "normal":
            if task.kind == "speculative" and self._leaves_nothing(state, done):
                state.wft = None
                state.sticky = done.sticky
                server.updates.answered(state, done.commands)
                self._go_on(state, link, call, (), False, ())
                server.queries.task_completed(state, done.queries)
                return
            self._write_at_its_end(state, task)
        completed = history.append(
            "WorkflowTaskCompleted",
            self.world.now,
            {
                "scheduled_event_id": task.scheduled_id,
                "started_event_id": task.started_id,
                "identity": task.worker,
            },
        )
        state.wft = None
        state.wft_attempt = 1
        state.close_attempted = False
        state.task_failure = ""
        state.previous_started_id = task.started_id
        state.sticky = done.sticky
        eager, cancelled = server.commands.apply(state, completed.id, done, link)
        if not state.open:
            server.commit(state)
            link.reply(call, "completed")
            server.queries.task_completed(state, done.queries)
            return
        inline = cancelled or done.wants_another
        if history.buffer and state.flush():
            inline = True
        self._go_on(state, link, call, eager, inline, done.waits)
        server.queries.task_completed(state, done.queries)

    def _leaves_nothing(self, state: MutableState, done: TaskCompletion) -> bool:
        """A speculative task that only rejects is dropped, unless it brought many events with it (U2)."""
        brought = state.history.next_id - state.previous_started_id - 2
        return brought <= self._dropped_events and all(command.kind == "RejectUpdate" for command in done.commands)

    def _go_on(
        self,
        state: MutableState,
        link: Link,
        call: Call,
        eager: Sequence[Any],
        inline: bool,
        waits: Sequence[tuple[str, str, RunInfo]],
    ) -> None:
        """After a completion: the next task travels back in the answer if there already is reason for one (W9, U1)."""
        server = self.server
        task = None
        if inline:
            task = self.schedule(state, True)
            self.begin(state, task, link.worker)
        elif server.updates.registry and server.updates.waiting(state):
            task = self.speculative(state)
            self.begin(state, task, link.worker)
        server.commit(state)
        if waits:
            state.last_wait = waits[-1][:2]
        inline_task = None if task is None else self.for_worker(state, task, state.sticky is None)
        link.reply(call, ("completed", eager, inline_task, state.previous_started_id))
        # nobody can see what was written, and strike then, before the answer has left
        server.commands.pass_moments(state, waits)

    def failed(self, state: MutableState, task: WorkflowTask, cause: str, message: str) -> None:
        """RespondWorkflowTaskFailed, or the server's own refusal of a completion (W6, W7, W10)."""
        self._failed(state, task, cause, message, task.worker)
        self._again(state, task)
        state.close_attempted = cause == "unhandled-command"

    def force_close(self, state: MutableState) -> None:
        """The server fails the started task by itself, and numbers what is buffered: the run ends from outside (§5).

        That the events are numbered now, and not when the next task is scheduled, leaves the attempt as it is.
        """
        task = state.wft
        if task is not None and task.started_at is not None:
            self._failed(state, task, "force-close-command", "", "history-service")
            self._count(state, task)
            state.history.flush()

    def buffer_is_full(self, state: MutableState) -> None:
        """More is buffered than may be: the started task fails, and another one tells of it all (§5)."""
        self.force_close(state)
        self.server.updates.send_again(state)
        self.schedule(state)

    def _failed(self, state: MutableState, task: WorkflowTask, cause: str, message: str, identity: str) -> None:
        if task.kind == "transient":
            return
        state.task_failure = message
        self._write_at_its_end(state, task)
        state.history.append(
            "WorkflowTaskFailed",
            self.world.now,
            {
                "scheduled_event_id": task.scheduled_id,
                "started_event_id": task.started_id,
                "cause": cause,
                "message": message,
                "identity": identity,
            },
        )

    def not_closed(self, state: MutableState, task: WorkflowTask) -> None:
        """Start-to-close has passed: whoever has it is taken for dead (W5)."""
        if state.wft is not task or task.started_at is None:
            return
        if task.kind != "transient":
            self._write_at_its_end(state, task)
            self._timed_out(state, task, "start-to-close")
        self._again(state, task)

    def _heartbeats_too_long(self, state: MutableState, task: WorkflowTask) -> None:
        """Local activities may not keep a task alive for ever (W12)."""
        state.heartbeating_since = 0
        self._write_at_its_end(state, task)
        self._timed_out(state, task, "start-to-close")
        self._again(state, task)

    def not_started(self, state: MutableState, task: WorkflowTask) -> None:
        """Nobody has taken it off the sticky queue in time (W3); a speculative one, off any queue (U3)."""
        if not state.open or state.wft is not task or task.started_at is not None:
            return
        self._write_at_its_end(state, task)
        self._timed_out(state, task, "schedule-to-start")
        state.wft = None
        state.sticky = None
        state.wft_attempt = 1
        self.schedule(state)
        self.server.commit(state)

    def _timed_out(self, state: MutableState, task: WorkflowTask, type_: str) -> None:
        state.history.append(
            "WorkflowTaskTimedOut",
            self.world.now,
            {
                "scheduled_event_id": task.scheduled_id,
                "started_event_id": task.started_id,
                "timeout_type": type_,
            },
        )

    def _again(self, state: MutableState, task: WorkflowTask) -> None:
        """The next try, at once."""
        self._count(state, task)
        state.flush()
        self.server.updates.send_again(state)
        self.schedule(state)
        self.server.commit(state)

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
        task, state.wft = state.wft, None
        if task is not None and task.unstarted is not None:
            self.server.cancel(task.unstarted)
