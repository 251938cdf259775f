"""What a run does to other runs: children started and closed, signals and cancel requests sent (§4)."""

from __future__ import annotations

from durascope.models.trace import Kind
from durascope.simulators.temporal.closing import Closing
from durascope.simulators.temporal.constants import duration
from durascope.simulators.temporal.events import (
    CHILD_ENDED,
    ChildWorkflowExecutionStarted,
    ExternalWorkflowExecutionCancelRequested,
    ExternalWorkflowExecutionSignaled,
    RequestCancelExternalWorkflowExecutionFailed,
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionInitiated,
    StartChildWorkflowExecutionFailed,
)
from durascope.simulators.temporal.executions import Executions
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.mutable_state import Child, MutableState, Parent, StartOptions
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks


class Externals:
    """The transfer tasks that concern another run."""

    __slots__ = ("_closing", "_executions", "_store", "_tasks", "_transfer", "shard", "world")

    def __init__(
        self, shard: Shard, transfer: TransferQueue, tasks: WorkflowTasks, executions: Executions, closing: Closing
    ) -> None:
        self.shard = shard
        self.world = shard.world
        self._store = shard.store
        self._transfer = transfer
        self._tasks = tasks
        self._executions = executions
        self._closing = closing
        transfer.on("start_child", self._start_child)
        transfer.on("child_closed", self._child_closed)
        transfer.on("parent_closed", self._parent_closed)
        transfer.on("signal_external", self._signal)
        transfer.on("cancel_external", self._cancel)

    def _open(self, run_id: int) -> MutableState | None:
        state = self._store.runs.get(run_id)
        return state if state is not None and state.open else None

    def _parent(self, run_id: int) -> MutableState | None:
        """The run that has started a child, or the one that it has been reset to since."""
        state = self._store.runs.get(run_id)
        while state is not None and not state.open and state.reset_to:
            state = self._store.runs.get(state.reset_to)
        return state if state is not None and state.open else None

    # ---- children ------------------------------------------------------------------------------------------

    def _start_child(self, run_id: int, initiated_id: int) -> None:
        """The child's own run, then ChildWorkflowExecutionStarted in the parent, then the child's first task."""
        parent = self._open(run_id)
        child = None if parent is None else parent.children.get(initiated_id)
        if parent is None or child is None:
            return
        asked = child.initiated
        if self._store.open_run(asked.workflow_id) is not None:
            del parent.children[initiated_id]
            self._tell(parent, StartChildWorkflowExecutionFailed(initiated_id, asked.name))
            return
        options = StartOptions(
            run=asked.run,
            workflow_id=asked.workflow_id,
            parent=Parent(run_id, initiated_id),
            run_timeout=asked.run_timeout,
            retry=asked.retry,
        )
        child.run_id = self._executions.create(options, first_task="later").run_id
        child.started = ChildWorkflowExecutionStarted(initiated_id, asked.name, asked.workflow_id, child.run_id)
        self._tell(parent, child.started)
        self.world.moment(HISTORY, Kind.STEP_STARTED, asked.by or parent.run, asked.label, 1)

    def _tell(self, state: MutableState, event: HistoryEvent) -> None:
        self._tasks.tell(state, (event, self.world.now))
        self.shard.commit(state)

    def _child_closed(self, run_id: int, initiated_id: int, status: str, child_run_id: int) -> None:
        parent = self._parent(run_id)
        child: Child | None = None if parent is None else parent.children.pop(initiated_id, None)
        if parent is None or child is None:
            return
        asked, kind = child.initiated, CHILD_ENDED[status]
        end = kind(initiated_id, child.started, asked.name, asked.workflow_id, child_run_id)
        self._tell(parent, end)
        self.world.moment(HISTORY, Kind.STEP_RECORDED, asked.by or parent.run, asked.label, 1)

    def _parent_closed(self, workflow_id: str, on_close: str) -> None:
        """Its parent close policy ends the child, or asks it to end."""
        state = self._store.open_run(workflow_id)
        if state is None:
            return
        if on_close == "cancel":
            self._executions.cancel_requested(state)
        else:
            self._closing.terminate(state, "by parent close policy")

    # ---- signals and cancel requests -----------------------------------------------------------------------

    def _other_run(self, sender: MutableState, workflow_id: str) -> MutableState | None:
        """The run that is meant; the server finds none where that is the sender itself."""
        return None if workflow_id == sender.options.workflow_id else self._store.open_run(workflow_id)

    def _signal(self, run_id: int, initiated_id: int) -> None:
        sender = self._open(run_id)
        asked = None if sender is None else sender.externals.get(initiated_id)
        if sender is None or not isinstance(asked, SignalExternalWorkflowExecutionInitiated):
            return
        target = self._other_run(sender, asked.workflow_id)
        if target is not None and target.closing:
            pause = duration("task_reschedule")
            self._transfer.other(sender, initiated_id, "signal_external", run_id, initiated_id, pause=pause)
            return
        del sender.externals[initiated_id]
        accepted = target is not None and self._executions.signalled(
            target, asked.name, asked.payload, (run_id, initiated_id)
        )
        kind = ExternalWorkflowExecutionSignaled if accepted else SignalExternalWorkflowExecutionFailed
        self._tell(sender, kind(initiated_id, asked.name, asked.workflow_id))
        if accepted:
            run = asked.by or sender.run
            self.world.moment(HISTORY, Kind.STEP_AFTER_EFFECT, run, asked.label, 1)
            self.world.moment(HISTORY, Kind.STEP_RECORDED, run, asked.label, 1)

    def _cancel(self, run_id: int, initiated_id: int) -> None:
        sender = self._open(run_id)
        asked = None if sender is None else sender.externals.get(initiated_id)
        if sender is None or not isinstance(asked, RequestCancelExternalWorkflowExecutionInitiated):
            return
        del sender.externals[initiated_id]
        target = self._other_run(sender, asked.workflow_id)
        if target is not None:
            self._executions.cancel_requested(target, (run_id, initiated_id))
        child = sender.children.get(asked.initiated_event_id)
        kind = (  # to cancel a child that has ended is no failure
            ExternalWorkflowExecutionCancelRequested
            if target is not None or child is None or child.run_id
            else RequestCancelExternalWorkflowExecutionFailed
        )
        self._tell(sender, kind(initiated_id, asked.workflow_id))
