"""How a run ends: by its own code, by its timeout, or from outside; and what begins after it (§9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.kernel.states import after
from durascope.simulators.kernel.world import HOPELESS_ATTEMPT
from durascope.simulators.temporal.activities import Activities
from durascope.simulators.temporal.activity_options import retry_policy_of
from durascope.simulators.temporal.commands import (
    CancelWorkflowExecution,
    CloseCommand,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    FailWorkflowExecution,
)
from durascope.simulators.temporal.constants import duration
from durascope.simulators.temporal.events import (
    WorkflowExecutionCanceled,
    WorkflowExecutionCompleted,
    WorkflowExecutionContinuedAsNew,
    WorkflowExecutionFailed,
    WorkflowExecutionTerminated,
    WorkflowExecutionTimedOut,
)
from durascope.simulators.temporal.failure import RetryState
from durascope.simulators.temporal.history import RunEnd
from durascope.simulators.temporal.mutable_state import MutableState, RunStatus, StartOptions
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.updates import Updates
from durascope.simulators.temporal.user_timers import UserTimers
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks

ENDS: Final[dict[tuple[RunStatus, type], RunStatus]] = {
    (RunStatus.RUNNING, WorkflowExecutionCompleted): RunStatus.COMPLETED,
    (RunStatus.RUNNING, WorkflowExecutionFailed): RunStatus.FAILED,
    (RunStatus.RUNNING, WorkflowExecutionCanceled): RunStatus.CANCELLED,
    (RunStatus.RUNNING, WorkflowExecutionContinuedAsNew): RunStatus.CONTINUED_AS_NEW,
    (RunStatus.RUNNING, WorkflowExecutionTerminated): RunStatus.TERMINATED,
    (RunStatus.RUNNING, WorkflowExecutionTimedOut): RunStatus.TIMED_OUT,
}
"""The transitions of a run: its last event ends it, once."""
STATUS: Final = {kind.__name__: status.value for (_, kind), status in ENDS.items()}
"""How the last event of a history says that the run has ended: by its name."""


class Closing:
    """Every run's end."""

    __slots__ = (
        "_activities", "_reuse_interval", "_tasks", "_transfer", "_updates", "_user_timers", "shard", "world",
    )  # fmt: skip

    def __init__(
        self, shard: Shard, transfer: TransferQueue, tasks: WorkflowTasks, activities: Activities,
        user_timers: UserTimers, updates: Updates,
    ) -> None:  # fmt: skip
        self.shard = shard
        self.world = shard.world
        self._transfer = transfer
        self._tasks = tasks
        self._activities = activities
        self._user_timers = user_timers
        self._updates = updates
        self._reuse_interval = duration("id_reuse_interval")
        shard.on_limit = self.terminate
        shard.timers.on("run_timeout", self.run_timeout)

    # ---- from outside --------------------------------------------------------------------------------------

    def terminate(self, state: MutableState, reason: str) -> None:
        """One last event, no workflow task; running activities are not told (A11)."""
        self._ended_from_outside(state, WorkflowExecutionTerminated(reason))
        self.world.emit(HISTORY, Kind.EVENT_RECEIVED, state.run, detail=reason)

    def terminate_to_reset(self, state: MutableState, successor: StartOptions) -> None:
        """Another run begins where this one once was; its children stay, and nobody hears of its end."""
        self._ended_from_outside(state, WorkflowExecutionTerminated("reset"), successor)

    def run_timeout(self, state: MutableState, _: Any) -> None:
        """The run's time is up (§9): a policy of the workflow may start another run."""
        successor = self._retry_of(state, timed_out=True)
        end = (
            WorkflowExecutionTimedOut(None)
            if successor is None
            else WorkflowExecutionTimedOut(RetryState.IN_PROGRESS, successor.execution)
        )
        self._ended_from_outside(state, end, successor)

    def _ended_from_outside(self, state: MutableState, end: RunEnd, successor: StartOptions | None = None) -> None:
        """A task that is started fails first, and what it has kept in the buffer is written (§5)."""
        self._tasks.force_close(state)
        self._tasks.drop(state)
        self._close(state, end, successor)
        self.shard.commit(state)

    # ---- closed --------------------------------------------------------------------------------------------

    def close_by(self, state: MutableState, command: CloseCommand, completed_id: int) -> None:
        """A command of the workflow's code ends the run; a new one may take over (§9)."""
        left = command.unhandled_signals
        match command:
            case CompleteWorkflowExecution(result=result):
                self._close(state, WorkflowExecutionCompleted(result, left, completed_id), None)
            case CancelWorkflowExecution():
                self._close(state, WorkflowExecutionCanceled(left, completed_id), None)
            case ContinueAsNewWorkflowExecution(done=done, carried=carried):
                options = state.options
                successor = replace(
                    options, execution=options.execution + 1, initiator="workflow", attempt=1,
                    redoes=options.redoes and options.redoes + 1,
                    resume_at=done, carried=carried, delay=self._backoff(state, 0),
                )  # fmt: skip
                end = WorkflowExecutionContinuedAsNew(done, carried, left, completed_id, successor.execution)
                self._close(state, end, successor)
            case _:
                assert isinstance(command, FailWorkflowExecution)
                self._fails(state, command, completed_id)

    def _fails(self, state: MutableState, command: FailWorkflowExecution, completed_id: int) -> None:
        """The code has failed for good; a retry policy of the workflow may start another run."""
        failure, successor, retry_state = command.failure, None, None
        if state.options.retry is not None:
            successor = self._retry_of(state) if failure.retryable else None
            retry_state = (
                RetryState.IN_PROGRESS
                if successor is not None
                else RetryState.MAXIMUM_ATTEMPTS_REACHED
                if failure.retryable
                else RetryState.NON_RETRYABLE_FAILURE
            )
        follows = 0 if successor is None else successor.execution
        left = command.unhandled_signals
        end = WorkflowExecutionFailed(failure, command.step, left, completed_id, retry_state, follows)
        self._close(state, end, successor)

    def _retry_of(self, state: MutableState, *, timed_out: bool = False) -> StartOptions | None:
        """The next run of a workflow with a retry policy, or None."""
        options = state.options
        if options.retry is None:
            return None
        policy = retry_policy_of(options.retry)
        if options.attempt >= HOPELESS_ATTEMPT and not self.world.more_to_come:
            self.world.give_up(state.run)
        if policy.max_attempts and options.attempt >= policy.max_attempts:
            return None
        return replace(
            options, execution=options.execution + 1, initiator="retry", attempt=options.attempt + 1,
            redoes=options.redoes and options.redoes + 1,
            delay=self._backoff(state, max(1000, policy.interval(options.attempt))),
        )  # fmt: skip

    def _backoff(self, state: MutableState, asked: int) -> int:
        """What the next run waits before its first task: no two of a chain begin within a second (§9).

        A run's own backoff does not count as part of its life.
        """
        lived = self.world.now - state.started_at - state.options.delay
        return asked if lived + asked >= self._reuse_interval else self._reuse_interval - lived

    def _close(self, state: MutableState, end: RunEnd, successor: StartOptions | None) -> None:
        shard = self.shard
        state.status = after(ENDS, state.run.name, state.status, type(end))
        state.history.append(end, self.world.now)
        state.open = False
        state.closed_at = self.world.now
        self._activities.drop(state)
        self._user_timers.drop(state)
        timers = shard.timers
        timers.discard(state.wft_timer)
        timers.discard(state.run_timer)
        timers.discard(state.first_task_timer)
        self._updates.closed(state)
        if state.completed_updates:
            shard.store.last_updates.setdefault(state.options.workflow_id, {}).update(state.completed_updates)
        if successor is not None:
            if not successor.reset[0]:
                self._leave_children(state)
        else:
            self._tell_parent(state)
            self._leave_children(state)
        shard.close(state, successor)

    # ---- its relatives -------------------------------------------------------------------------------------

    def _tell_parent(self, state: MutableState) -> None:
        """The run has closed for good."""
        parent = state.options.parent
        if parent is not None:
            ended = (parent.run_id, parent.initiated_id, state.status, state.run_id)
            self._transfer.other(state, 1, "child_closed", *ended)

    def _leave_children(self, state: MutableState) -> None:
        """They follow their parent close policy."""
        for child in state.children.values():
            initiated = child.initiated
            if initiated.on_close != "abandon" and child.run_id:
                ended = (initiated.workflow_id, initiated.on_close)
                self._transfer.other(state, initiated.id, "parent_closed", *ended)
        state.children.clear()
