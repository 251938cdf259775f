"""What a run does to other runs: children started and closed, signals and cancel requests sent (§4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from durascope.models.trace import Kind
from durascope.simulators.temporal.constants import duration
from durascope.simulators.temporal.mutable_state import Child, MutableState, Parent, StartOptions

if TYPE_CHECKING:
    from durascope.simulators.temporal.server import Server

HISTORY = "history"

CHILD_ENDED: Final = {
    "completed": "ChildWorkflowExecutionCompleted",
    "failed": "ChildWorkflowExecutionFailed",
    "cancelled": "ChildWorkflowExecutionCanceled",
    "timed-out": "ChildWorkflowExecutionTimedOut",
    "terminated": "ChildWorkflowExecutionTerminated",
}


class Externals:
    """The transfer tasks that concern another run."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def process(self, task: str, args: tuple[Any, ...]) -> None:
        """Runs a task of the transfer queue."""
        match task:
            case "start_child":
                self._start_child(*args)
            case "child_closed":
                self._child_closed(*args)
            case "parent_closed":
                self._parent_closed(*args)
            case "signal_external":
                self._signal(*args)
            case "cancel_external":
                self._cancel(*args)
            case _:
                raise AssertionError(task)

    def _open(self, run_id: int) -> MutableState | None:
        state = self.server.store.runs.get(run_id)
        return state if state is not None and state.open else None

    def _parent(self, run_id: int) -> MutableState | None:
        """The run that has started a child, or the one that it has been reset to since."""
        state = self.server.store.runs.get(run_id)
        while state is not None and not state.open and state.reset_to:
            state = self.server.store.runs.get(state.reset_to)
        return state if state is not None and state.open else None

    # ---- children ------------------------------------------------------------------------------------------

    def _start_child(self, run_id: int, initiated_id: int) -> None:
        """The child's own run, then ChildWorkflowExecutionStarted in the parent, then the child's first task."""
        parent = self._open(run_id)
        child = None if parent is None else parent.children.get(initiated_id)
        if parent is None or child is None:
            return
        now, server = self.server.world.now, self.server
        if server.executions.open_run(child.workflow_id) is not None:
            del parent.children[initiated_id]
            attributes = {"initiated_event_id": initiated_id, "name": child.name}
            parent.record("StartChildWorkflowExecutionFailed", now, attributes)
            self._tell(parent)
            return
        options = StartOptions(
            run=child.initiated.attributes["run"],
            workflow_id=child.workflow_id,
            parent=Parent(run_id, initiated_id),
            run_timeout=child.initiated.attributes["run_timeout"],
            retry=child.initiated.attributes["retry"],
        )
        started = server.executions.create(options, first_task="later")
        child.run_id = started.run_id
        event = parent.record(
            "ChildWorkflowExecutionStarted",
            now,
            {
                "initiated_event_id": initiated_id,
                "name": child.name,
                "workflow_id": child.workflow_id,
                "run_id": started.run_id,
            },
        )
        child.started = event
        self._tell(parent)
        by = child.initiated.attributes.get("by", parent.run)
        server.world.moment(HISTORY, Kind.STEP_STARTED, by, child.key, 1)

    def _tell(self, state: MutableState) -> None:
        self.server.workflow_tasks.need(state)
        self.server.commit(state)

    def closed(self, state: MutableState) -> None:
        """A run has closed for good: its parent is told, its children follow their parent close policy."""
        parent = state.options.parent
        transfer = self.server.transfer
        if parent is not None:
            transfer.other(state, 1, "child_closed", parent.run_id, parent.initiated_id, state.status, state.run_id)
        self.abandon_or_end(state)

    def abandon_or_end(self, state: MutableState) -> None:
        for child in state.children.values():
            if child.on_close != "abandon" and child.run_id:
                number, task = child.initiated.id, "parent_closed"
                self.server.transfer.other(state, number, task, child.workflow_id, child.on_close)
        state.children.clear()

    def _child_closed(self, run_id: int, initiated_id: int, status: str, child_run_id: int) -> None:
        parent = self._parent(run_id)
        child: Child | None = None if parent is None else parent.children.pop(initiated_id, None)
        if parent is None or child is None:
            return
        parent.record(
            CHILD_ENDED[status],
            self.server.world.now,
            {
                "initiated_event_id": initiated_id,
                "started": child.started,
                "name": child.name,
                "workflow_id": child.workflow_id,
                "run_id": child_run_id,
            },
        )
        self._tell(parent)
        by = child.initiated.attributes.get("by", parent.run)
        self.server.world.moment(HISTORY, Kind.STEP_RECORDED, by, child.key, 1)

    def _parent_closed(self, workflow_id: str, on_close: str) -> None:
        """Its parent close policy ends the child, or asks it to end."""
        state, executions = self.server.executions.open_run(workflow_id), self.server.executions
        if state is None:
            return
        if on_close == "cancel":
            executions.cancel_requested(state)
        else:
            executions.terminate(state, "by parent close policy")

    # ---- signals and cancel requests -----------------------------------------------------------------------

    def _other_run(self, sender: MutableState, workflow_id: str) -> MutableState | None:
        """The run that is meant; the server finds none where that is the sender itself."""
        return None if workflow_id == sender.options.workflow_id else self.server.executions.open_run(workflow_id)

    def _signal(self, run_id: int, initiated_id: int) -> None:
        sender = self._open(run_id)
        if sender is None or initiated_id not in sender.externals:
            return
        event, workflow_id = sender.externals[initiated_id]
        target = self._other_run(sender, workflow_id)
        if target is not None and target.closing:
            pause = duration("task_reschedule")
            self.server.transfer.other(sender, initiated_id, "signal_external", run_id, initiated_id, pause=pause)
            return
        del sender.externals[initiated_id]
        name = event.attributes["name"]
        accepted = target is not None and self.server.executions.signalled(
            target, name, event.attributes["payload"], (run_id, initiated_id)
        )
        kind = "ExternalWorkflowExecutionSignaled" if accepted else "SignalExternalWorkflowExecutionFailed"
        attributes = {"initiated_event_id": initiated_id, "name": name, "workflow_id": workflow_id}
        sender.record(kind, self.server.world.now, attributes)
        self._tell(sender)
        if accepted:
            label, run = event.attributes["label"], event.attributes.get("by", sender.run)
            self.server.world.moment(HISTORY, Kind.STEP_AFTER_EFFECT, run, label, 1)
            self.server.world.moment(HISTORY, Kind.STEP_RECORDED, run, label, 1)

    def _cancel(self, run_id: int, initiated_id: int) -> None:
        sender = self._open(run_id)
        if sender is None or initiated_id not in sender.externals:
            return
        event, workflow_id = sender.externals.pop(initiated_id)
        target = self._other_run(sender, workflow_id)
        if target is not None:
            self.server.executions.cancel_requested(target, (run_id, initiated_id))
        child = sender.children.get(event.attributes["initiated_event_id"])
        kind = (  # to cancel a child that has ended is no failure
            "ExternalWorkflowExecutionCancelRequested"
            if target is not None or child is None or child.run_id
            else "RequestCancelExternalWorkflowExecutionFailed"
        )
        attributes = {"initiated_event_id": initiated_id, "workflow_id": workflow_id}
        sender.record(kind, self.server.world.now, attributes)
        self._tell(sender)
