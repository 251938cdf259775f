"""RespondWorkflowTaskCompleted: a workflow task is done, its commands become events (W6, W9 to W12, U2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.kernel.runs import Moment, RunInfo
from durascope.simulators.temporal.calls import Call
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.command_handler import CommandHandler
from durascope.simulators.temporal.commands import (
    CloseCommand,
    Command,
    RejectUpdate,
    RequestCancelExternalWorkflowExecution,
    ScheduleActivityTask,
    SignalExternalWorkflowExecution,
    StartChildWorkflowExecution,
    TaskCompletion,
)
from durascope.simulators.temporal.constants import duration, limit
from durascope.simulators.temporal.events import WorkflowTaskCompleted
from durascope.simulators.temporal.failure import TaskFailedCause
from durascope.simulators.temporal.mutable_state import MutableState, TaskKind, WorkflowTask
from durascope.simulators.temporal.queries import Queries
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.updates import Updates
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks

_STEP_SCHEDULED: Final = Kind.STEP_SCHEDULED

_TOO_MANY: Final[dict[type[Command], TaskFailedCause]] = {
    ScheduleActivityTask: TaskFailedCause.TOO_MANY_ACTIVITIES,
    StartChildWorkflowExecution: TaskFailedCause.TOO_MANY_CHILDREN,
    SignalExternalWorkflowExecution: TaskFailedCause.TOO_MANY_SIGNALS,
    RequestCancelExternalWorkflowExecution: TaskFailedCause.TOO_MANY_CANCEL_REQUESTS,
}


class Completions:
    """Takes the completions of workflow tasks."""

    __slots__ = (
        "_commands", "_dropped_events", "_heartbeat_timeout", "_most_pending", "_queries", "_registry", "_tasks",
        "_timers", "_updates", "shard", "world",
    )  # fmt: skip

    def __init__(
        self, shard: Shard, tasks: WorkflowTasks, updates: Updates, queries: Queries, commands: CommandHandler
    ) -> None:
        self.shard = shard
        self.world = shard.world
        self._timers = shard.timers
        self._tasks = tasks
        self._registry = updates.registry
        self._updates = updates
        self._queries = queries
        self._commands = commands
        self._heartbeat_timeout = duration("heartbeat_timeout")
        self._dropped_events = limit("dropped_events").error
        self._most_pending = limit("pending").error

    def completed(self, link: Link, call: Call) -> None:
        """RespondWorkflowTaskCompleted: the events of its commands, what was buffered, and maybe the next task."""
        run_id: int
        task: WorkflowTask
        done: TaskCompletion
        run_id, task, done = call.args
        state = self.shard.store.runs.get(run_id)
        if state is None or state.wft is not task or task.started_at is None:
            link.reply(call, "not found")
            return
        if self._fails(state, task, done):
            link.reply(call, "failed")
            return
        history = state.history
        self._timers.cancel(state.wft_timer)
        if task.kind is not TaskKind.NORMAL:
            if task.kind is TaskKind.SPECULATIVE and self._leaves_nothing(state, done):
                state.wft = None
                state.sticky = done.sticky
                self._updates.answered(state, done.commands)
                self._go_on(state, link, call, (), False, (), ())
                self._queries.task_completed(state, done.queries)
                return
            self._tasks.write_at_its_end(state, task)
        completed = WorkflowTaskCompleted(task.scheduled_id, task.started_id, task.worker)
        history.append(completed, self.world.now)
        state.wft = None
        state.wft_attempt = 1
        state.close_attempted = False
        state.task_failure = ""
        state.previous_started_id = task.started_id
        state.sticky = done.sticky
        eager, cancelled, moments = self._commands.apply(state, completed, done, link)
        if not state.open:
            self.shard.commit(state)
            link.reply(call, "completed")
            self._queries.task_completed(state, done.queries)
            return
        inline = cancelled or done.wants_another
        if history.buffer and state.flush():
            inline = True
        self._go_on(state, link, call, eager, inline, done.waits, moments)
        if self._queries.waiting:
            self._queries.task_completed(state, done.queries)

    def _fails(self, state: MutableState, task: WorkflowTask, done: TaskCompletion) -> bool:
        """Whether the server fails the task instead: W10, too many commands (§13), heartbeats for too long (W12)."""
        history = state.history
        if history.buffer and any(isinstance(command, CloseCommand) for command in done.commands):
            self._tasks.failed(state, task, TaskFailedCause.UNHANDLED_COMMAND, "UnhandledCommand")
            return True
        refusal = self._refusal(state, done.commands)
        if refusal is not None:
            self._tasks.refused(state, len(done.commands))
            self._tasks.failed(state, task, refusal, "too many pending")
            return True
        if done.wants_another:
            since = state.heartbeating_since = state.heartbeating_since or task.scheduled_at
            if self.world.now - since > self._heartbeat_timeout:
                self._tasks.heartbeats_too_long(state, task)
                return True
        else:
            state.heartbeating_since = 0
        return False

    def _refusal(self, state: MutableState, commands: Sequence[Command]) -> TaskFailedCause | None:
        """Why these commands are too many for the run (§13): the task's failure cause, or None."""
        if len(commands) + len(state.activities) + len(state.children) + len(state.externals) <= self._most_pending:
            return None
        pending: dict[type[Command], int] = {
            ScheduleActivityTask: len(state.activities),
            StartChildWorkflowExecution: len(state.children),
            SignalExternalWorkflowExecution: len(state.externals),
            RequestCancelExternalWorkflowExecution: len(state.externals),
        }
        for kind in map(type, commands):
            if kind in pending:
                pending[kind] += 1
                if pending[kind] > self._most_pending:
                    return _TOO_MANY[kind]
        return None

    def _leaves_nothing(self, state: MutableState, done: TaskCompletion) -> bool:
        """A speculative task that only rejects is dropped, unless it brought many events with it (U2)."""
        brought = state.history.next_id - state.previous_started_id - 2
        rejects = all(isinstance(command, RejectUpdate) for command in done.commands)
        return brought <= self._dropped_events and rejects

    def _go_on(
        self, state: MutableState, link: Link, call: Call, eager: Sequence[Any], inline: bool,
        waits: Sequence[tuple[str, str, RunInfo]], moments: Sequence[Moment],
    ) -> None:  # fmt: skip
        """After a completion: the next task travels back in the answer if there already is reason for one (W9, U1)."""
        tasks, task = self._tasks, None
        if inline:
            task = tasks.schedule(state, True)
            tasks.begin(state, task, link.worker)
        elif self._registry.requests and self._registry.waiting(state):
            task = tasks.speculative(state)
            tasks.begin(state, task, link.worker)
        self.shard.commit(state)
        if waits:
            state.last_wait = waits[-1][:2]
        inline_task = None if task is None else tasks.for_worker(state, task, state.sticky is None)
        link.reply(call, ("completed", eager, inline_task, state.previous_started_id))
        # what has been scheduled, slept and waited for can be hit by faults now: nobody can see what was written, and
        # strike then, before the answer has left
        for name, _, run in waits:
            moments = (*moments, (_STEP_SCHEDULED, name, run), (None, "WaitStarted", run))
        if moments:
            self.world.written(HISTORY, moments)
