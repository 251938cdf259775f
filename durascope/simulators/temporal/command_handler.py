"""Turns the commands of a completed workflow task into events, in the order in which the code issued them (§4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.activities import Activities
from durascope.simulators.temporal.closing import Closing
from durascope.simulators.temporal.commands import CLOSES, Command, TaskCompletion
from durascope.simulators.temporal.constants import limit
from durascope.simulators.temporal.listener import Link
from durascope.simulators.temporal.messages import ActivityTask
from durascope.simulators.temporal.mutable_state import Activity, Child, MutableState
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.updates import Updates
from durascope.simulators.temporal.user_timers import UserTimers

_STEP_SCHEDULED: Final = Kind.STEP_SCHEDULED

_PENDING: Final = {
    "ScheduleActivityTask": "pending-activities-limit-exceeded",
    "StartChildWorkflowExecution": "pending-child-workflows-limit-exceeded",
    "SignalExternalWorkflowExecution": "pending-signals-limit-exceeded",
    "RequestCancelExternalWorkflowExecution": "pending-request-cancel-limit-exceeded",
}


class CommandHandler:
    """One method per kind of command."""

    __slots__ = (
        "_activities", "_cancelled", "_closing", "_how", "_limit", "_local_markers", "_moments", "_pushes", "_registry",
        "_transfer", "_updates", "_user_timers", "world",
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
        self._limit = limit("pending").error
        self._moments: list[tuple[Kind | None, str, RunInfo]] = []
        self._how: dict[str, Callable[[MutableState, Command, int], None]] = {
            "ScheduleActivityTask": self._schedule_activity,
            "RequestCancelActivityTask": self._cancel_activity,
            "StartTimer": self._start_timer,
            "CancelTimer": self._cancel_timer,
            "RecordMarker": self._marker,
            "UpsertWorkflowSearchAttributes": self._search_attributes,
            "StartChildWorkflowExecution": self._start_child,
            "SignalExternalWorkflowExecution": self._signal,
            "RequestCancelExternalWorkflowExecution": self._cancel_external,
            "AcceptUpdate": self._accept_update,
            "CompleteUpdate": self._complete_update,
        }
        self._pushes: list[Activity] = []
        self._cancelled = False
        """Whether the commands cancel an activity that had not started."""
        self._local_markers = False
        """Whether the commands record an end of a local activity."""

    def refusal(self, state: MutableState, commands: Sequence[Command]) -> str | None:
        """Why these commands are too many for the run (§13): the task's failure cause, or None."""
        if len(commands) + len(state.activities) + len(state.children) + len(state.externals) <= self._limit:
            return None
        pending = {
            "ScheduleActivityTask": len(state.activities),
            "StartChildWorkflowExecution": len(state.children),
            "SignalExternalWorkflowExecution": len(state.externals),
            "RequestCancelExternalWorkflowExecution": len(state.externals),
        }
        for command in commands:
            if command.kind in pending:
                pending[command.kind] += 1
                if pending[command.kind] > self._limit:
                    return _PENDING[command.kind]
        return None

    def apply(
        self, state: MutableState, completed_id: int, done: TaskCompletion, link: Link
    ) -> tuple[Sequence[ActivityTask], bool]:
        """The events of a completion's commands; the activities that start eagerly, and whether one that had not
        started was cancelled."""
        how = self._how
        self._moments = []
        self._pushes = []
        self._cancelled = False
        for command in done.commands:
            apply = how.get(command.kind)
            if apply is not None:
                apply(state, command, completed_id)
            elif command.kind in CLOSES:
                self._closing.close_by(state, command, completed_id)
        if self._local_markers:
            self._local_markers = False
            state.markers_in_tasks += 1
        if self._registry.requests:
            self._updates.answered(state, done.commands)
        if not state.open:
            return (), False
        eager = self._start_activities(state, done.eager, link) if self._pushes else ()
        if state.activity_timeouts:
            self._activities.set_timer(state)
        if state.timer_heap:
            self._user_timers.set_timer(state)
        return eager, self._cancelled

    def _start_activities(self, state: MutableState, eager: int, link: Link) -> list[ActivityTask]:
        """The first few start with this very transition (A12), the rest go to matching."""
        started: list[ActivityTask] = []
        for activity in self._pushes:
            if len(started) < eager and activity.queue == state.queue and state.awaits_worker(activity):
                task = self._activities.start(state, activity, link.worker, True)
                if task is not None:
                    started.append(task)
            else:
                self._transfer.activity(state, activity)
        return started

    def pass_moments(self, state: MutableState, waits: Sequence[tuple[str, str, RunInfo]]) -> None:
        """After the write: what has been scheduled, slept and waited for can now be hit by faults."""
        world = self.world
        moments, self._moments = self._moments, []
        for kind, name, run in moments:
            if kind is None:
                world.mark(name, run)
            else:
                world.moment(HISTORY, kind, run, name, 1)
        for name, _, run in waits:
            world.moment(HISTORY, _STEP_SCHEDULED, run, name, 1)
            world.mark("WaitStarted", run)

    # ---- one method per command ----------------------------------------------------------------------------

    def _schedule_activity(self, state: MutableState, command: Command, completed_id: int) -> None:
        self._pushes.append(self._activities.schedule(state, command, completed_id))
        self._moments.append((_STEP_SCHEDULED, command.name, command.attributes["run"]))

    def _cancel_activity(self, state: MutableState, command: Command, completed_id: int) -> None:
        scheduled_id: int = command.attributes["scheduled_event_id"]
        if self._activities.request_cancel(state, scheduled_id, completed_id):
            self._cancelled = True

    def _start_timer(self, state: MutableState, command: Command, completed_id: int) -> None:
        self._user_timers.start(state, command, completed_id)
        run = command.attributes.get("by", state.run)
        self._moments.append((_STEP_SCHEDULED, command.name, run))
        mark = command.attributes.get("mark")
        if mark:
            self._moments.append((None, mark, run))

    def _cancel_timer(self, state: MutableState, command: Command, completed_id: int) -> None:
        self._user_timers.cancel(state, command.seq, completed_id)

    def _marker(self, state: MutableState, command: Command, completed_id: int) -> None:
        attributes: dict[str, Any] = command.attributes | {
            "name": command.name,
            "workflow_task_completed_event_id": completed_id,
        }
        state.history.append("MarkerRecorded", self.world.now, attributes)
        if attributes["marker"] != "local-activity":
            return
        self._local_markers = True
        if attributes.get("failure") is None:
            self._moments.append((Kind.STEP_RECORDED, command.name, state.run))

    def _search_attributes(self, state: MutableState, command: Command, completed_id: int) -> None:
        attributes: dict[str, Any] = command.attributes | {"workflow_task_completed_event_id": completed_id}
        state.history.append("UpsertWorkflowSearchAttributes", self.world.now, attributes)

    def _start_child(self, state: MutableState, command: Command, completed_id: int) -> None:
        attributes: dict[str, Any] = command.attributes | {
            "name": command.name,
            "workflow_task_completed_event_id": completed_id,
        }
        event = state.history.append("StartChildWorkflowExecutionInitiated", self.world.now, attributes)
        state.children[event.id] = Child(
            event,
            command.name,
            attributes["key"],
            attributes["workflow_id"],
            attributes["on_close"],
        )
        self._transfer.other(state, event.id, "start_child", state.run_id, event.id)
        self._moments.append((_STEP_SCHEDULED, attributes["label"], attributes.get("by", state.run)))

    def _signal(self, state: MutableState, command: Command, completed_id: int) -> None:
        attributes: dict[str, Any] = command.attributes | {
            "name": command.name,
            "workflow_task_completed_event_id": completed_id,
        }
        event = state.history.append("SignalExternalWorkflowExecutionInitiated", self.world.now, attributes)
        state.externals[event.id] = (event, attributes["workflow_id"])
        self._transfer.other(state, event.id, "signal_external", state.run_id, event.id)
        self._moments.append((_STEP_SCHEDULED, attributes["label"], attributes.get("by", state.run)))

    def _cancel_external(self, state: MutableState, command: Command, completed_id: int) -> None:
        attributes: dict[str, Any] = command.attributes | {"workflow_task_completed_event_id": completed_id}
        now = self.world.now
        event = state.history.append("RequestCancelExternalWorkflowExecutionInitiated", now, attributes)
        state.externals[event.id] = (event, attributes["workflow_id"])
        self._transfer.other(state, event.id, "cancel_external", state.run_id, event.id)

    def _accept_update(self, state: MutableState, command: Command, completed_id: int) -> None:
        completed = state.history.events[completed_id - 1]
        self._updates.accepted(state, command, completed.attributes["scheduled_event_id"])

    def _complete_update(self, state: MutableState, command: Command, completed_id: int) -> None:
        self._updates.completed(state, command)
