"""Which event each command becomes, and whether an event is what a command asks for (§10)."""

from __future__ import annotations

from typing import Final

from durascope.simulators.temporal import commands as c
from durascope.simulators.temporal import events as e
from durascope.simulators.temporal.history import CommandEvent

EVENT_OF: Final[dict[type[c.Command], type[CommandEvent]]] = {
    c.ScheduleActivityTask: e.ActivityTaskScheduled,
    c.RequestCancelActivityTask: e.ActivityTaskCancelRequested,
    c.StartTimer: e.TimerStarted,
    c.CancelTimer: e.TimerCanceled,
    c.RecordMarker: e.MarkerRecorded,
    c.UpsertWorkflowSearchAttributes: e.UpsertWorkflowSearchAttributes,
    c.StartChildWorkflowExecution: e.StartChildWorkflowExecutionInitiated,
    c.SignalExternalWorkflowExecution: e.SignalExternalWorkflowExecutionInitiated,
    c.RequestCancelExternalWorkflowExecution: e.RequestCancelExternalWorkflowExecutionInitiated,
    c.AcceptUpdate: e.WorkflowExecutionUpdateAccepted,
    c.CompleteUpdate: e.WorkflowExecutionUpdateCompleted,
}
"""What a replay matches; the commands that close a run are not among them: nothing is replayed after one."""


def same(command: c.Command, event: CommandEvent) -> bool:
    """Whether a command is what an event of its kind says: type and id."""
    match command, event:
        case c.ScheduleActivityTask(), e.ActivityTaskScheduled():
            return command.name == event.name and command.seq == event.activity_id
        case (c.StartTimer(), e.TimerStarted()) | (c.CancelTimer(), e.TimerCanceled()):
            return command.seq == event.timer_id
        case c.StartChildWorkflowExecution(), e.StartChildWorkflowExecutionInitiated():
            return command.name == event.name and command.workflow_id == event.workflow_id
        case c.RecordMarker(), e.MarkerRecorded():
            return command.name == event.name and (command.end is None) is (event.end is None)
        case c.RequestCancelActivityTask(), e.ActivityTaskCancelRequested():
            return command.scheduled_event_id == event.scheduled_event_id
        case c.AcceptUpdate(), e.WorkflowExecutionUpdateAccepted():
            return command.id == event.update_id
        case c.CompleteUpdate(), e.WorkflowExecutionUpdateCompleted():
            return command.id == event.update_id
        case _:
            return True
