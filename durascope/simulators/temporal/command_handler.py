"""Turns the commands of a completed workflow task into events, in the order in which the code issued them (§4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durascope.models.trace import Kind
from durascope.simulators.kernel.runs import Moment
from durascope.simulators.temporal.activities import Activities
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.closing import Closing
from durascope.simulators.temporal.commands import (
    AcceptUpdate,
    CancelTimer,
    CloseCommand,
    Command,
    CompleteUpdate,
    RecordMarker,
    RequestCancelActivityTask,
    RequestCancelExternalWorkflowExecution,
    ScheduleActivityTask,
    SignalExternalWorkflowExecution,
    StartChildWorkflowExecution,
    StartTimer,
    TaskCompletion,
    UpsertWorkflowSearchAttributes,
)
from durascope.simulators.temporal.events import (
    MarkerRecorded,
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecutionInitiated,
    StartChildWorkflowExecutionInitiated,
    WorkflowTaskCompleted,
)
from durascope.simulators.temporal.events import (
    UpsertWorkflowSearchAttributes as SearchAttributesUpserted,
)
from durascope.simulators.temporal.messages import ActivityTask
from durascope.simulators.temporal.mutable_state import Activity, Child, MutableState
from durascope.simulators.temporal.shard import Shard
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.updates import Updates
from durascope.simulators.temporal.user_timers import UserTimers

_STEP_SCHEDULED: Final = Kind.STEP_SCHEDULED


class CommandHandler:
    """One method per kind of command."""

    __slots__ = (
        "_activities", "_cancelled", "_closing", "_local_markers", "_moments", "_pushes", "_registry", "_transfer",
        "_updates", "_user_timers", "world",
    )  # fmt: skip

    def __init__(
        self, shard: Shard, transfer: TransferQueue, activities: Activities, user_timers: UserTimers,
        updates: Updates, closing: Closing,
    ) -> None:  # fmt: skip
        self.world = shard.world
        self._transfer = transfer
        self._activities = activities
        self._user_timers = user_timers
        self._updates = updates
        self._registry = updates.registry
        self._closing = closing
        self._moments: list[Moment] = []
        self._pushes: list[Activity] = []
        self._cancelled = False
        """Whether the commands cancel an activity that had not started."""
        self._local_markers = False
        """Whether the commands record an end of a local activity."""

    def apply(
        self, state: MutableState, completed: WorkflowTaskCompleted, done: TaskCompletion, link: Link
    ) -> tuple[Sequence[ActivityTask], bool, Sequence[Moment]]:
        """The events of a completion's commands; the activities that start eagerly, whether one that had not started
        was cancelled, and what faults can hit once all is written."""
        self._moments = []
        self._pushes = []
        self._cancelled = False
        for command in done.commands:
            self._apply(state, command, completed)
        if self._local_markers:
            self._local_markers = False
            state.markers_in_tasks += 1
        if self._registry.requests:
            self._updates.answered(state, done.commands)
        if not state.open:
            return (), False, ()
        eager = self._start_activities(state, done.eager, link) if self._pushes else ()
        if state.activity_timeouts:
            self._activities.set_timer(state)
        if state.timer_heap:
            self._user_timers.set_timer(state)
        return eager, self._cancelled, self._moments

    def _apply(self, state: MutableState, command: Command, completed: WorkflowTaskCompleted) -> None:
        match command:
            case ScheduleActivityTask():
                self._schedule_activity(state, command, completed.id)
            case CloseCommand():
                self._closing.close_by(state, command, completed.id)
            case StartTimer():
                self._start_timer(state, command, completed.id)
            case CancelTimer():
                self._user_timers.cancel(state, command.seq, completed.id)
            case RequestCancelActivityTask():
                self._cancel_activity(state, command, completed.id)
            case RecordMarker():
                self._marker(state, command, completed.id)
            case UpsertWorkflowSearchAttributes():
                state.history.append(SearchAttributesUpserted(command.patch, completed.id), self.world.now)
            case StartChildWorkflowExecution():
                self._start_child(state, command, completed.id)
            case SignalExternalWorkflowExecution():
                self._signal(state, command, completed.id)
            case RequestCancelExternalWorkflowExecution():
                self._cancel_external(state, command, completed.id)
            case AcceptUpdate():
                self._updates.accepted(state, command, completed.scheduled_event_id)
            case CompleteUpdate():
                self._updates.completed(state, command)
            case _:
                pass

    def _start_activities(self, state: MutableState, eager: int, link: Link) -> list[ActivityTask]:
        """The first few start with this very transition (A12), the rest go to matching."""
        started: list[ActivityTask] = []
        for activity in self._pushes:
            task: ActivityTask | None = None
            if len(started) < eager and activity.queue == state.queue:
                task = self._activities.start(state, activity, link.worker, True)
            if task is None:
                self._transfer.activity(state, activity)
            else:
                started.append(task)
        return started

    # ---- one method per command ----------------------------------------------------------------------------

    def _schedule_activity(self, state: MutableState, command: ScheduleActivityTask, completed_id: int) -> None:
        self._pushes.append(self._activities.schedule(state, command, completed_id))
        self._moments.append((_STEP_SCHEDULED, command.name, command.asked.run))

    def _cancel_activity(self, state: MutableState, command: RequestCancelActivityTask, completed_id: int) -> None:
        if self._activities.request_cancel(state, command.scheduled_event_id, completed_id):
            self._cancelled = True

    def _start_timer(self, state: MutableState, command: StartTimer, completed_id: int) -> None:
        self._user_timers.start(state, command, completed_id)
        run = command.by or state.run
        self._moments.append((_STEP_SCHEDULED, command.name, run))
        if command.mark:
            self._moments.append((None, command.mark, run))

    def _marker(self, state: MutableState, command: RecordMarker, completed_id: int) -> None:
        event = MarkerRecorded(command.seq, command.key, command.end, command.name, completed_id)
        state.history.append(event, self.world.now)
        if command.end is None:
            return
        self._local_markers = True
        if command.end.failure is None:
            self._moments.append((Kind.STEP_RECORDED, command.name, state.run))

    def _start_child(self, state: MutableState, command: StartChildWorkflowExecution, completed_id: int) -> None:
        event = StartChildWorkflowExecutionInitiated(
            command.run, command.workflow_id, command.label, command.on_close, command.run_timeout, command.retry,
            command.by, command.name, completed_id,
        )  # fmt: skip
        state.history.append(event, self.world.now)
        state.children[event.id] = Child(event)
        self._transfer.other(state, event.id, "start_child", state.run_id, event.id)
        self._moments.append((_STEP_SCHEDULED, command.label, command.by or state.run))

    def _signal(self, state: MutableState, command: SignalExternalWorkflowExecution, completed_id: int) -> None:
        event = SignalExternalWorkflowExecutionInitiated(
            command.workflow_id, command.payload, command.label, command.by, command.name, completed_id
        )
        state.history.append(event, self.world.now)
        state.externals[event.id] = event
        self._transfer.other(state, event.id, "signal_external", state.run_id, event.id)
        self._moments.append((_STEP_SCHEDULED, command.label, command.by or state.run))

    def _cancel_external(
        self, state: MutableState, command: RequestCancelExternalWorkflowExecution, completed_id: int
    ) -> None:
        event = RequestCancelExternalWorkflowExecutionInitiated(
            command.workflow_id, command.initiated_event_id, completed_id
        )
        state.history.append(event, self.world.now)
        state.externals[event.id] = event
        self._transfer.other(state, event.id, "cancel_external", state.run_id, event.id)
