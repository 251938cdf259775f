"""What a run's event history tells: one record for each kind of event, named as in Temporal's API.

Durations are in microseconds. Where an event points to one that may still be unnumbered (`started`), the field holds
that event itself. The fields stand in the order in which an export writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from durascope.models.steps import Retry
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.activity_options import RetryPolicy
from durascope.simulators.temporal.commands import Asked, LocalEnd
from durascope.simulators.temporal.failure import Failure, RetryState, TaskFailedCause, TimeoutType
from durascope.simulators.temporal.history import Bufferable, Closing, CommandEvent, HistoryEvent, RunEnd, record
from durascope.simulators.temporal.task_queues import TaskQueueKind

# ---- the run -------------------------------------------------------------------------------------------------


@record
class WorkflowExecutionStarted(HistoryEvent):
    attempt: int
    initiator: str | None
    """workflow (continue-as-new) · retry"""
    queue: str
    eager_execution_accepted: bool = False

    def accept_eager_execution(self) -> None:
        """The transition that writes it has found a worker for the first task."""
        object.__setattr__(self, "eager_execution_accepted", True)


@record
class WorkflowExecutionSignaled(Bufferable):
    name: str
    payload: Any
    sender: tuple[int, int] | None
    """The run that has sent it, and that one's event; None: it came from outside."""


@record
class WorkflowExecutionCancelRequested(Bufferable):
    sender: tuple[int, int] | None
    """The run that asks for it, and that one's event; None: it came from outside."""


@record
class WorkflowExecutionCompleted(CommandEvent, RunEnd):
    result: object
    unhandled_signals: Mapping[str, int]
    workflow_task_completed_event_id: int


@record
class WorkflowExecutionFailed(CommandEvent, RunEnd):
    failure: Failure
    step: str | None
    unhandled_signals: Mapping[str, int]
    workflow_task_completed_event_id: int
    retry_state: RetryState | None = None
    """None: the workflow has no retry policy."""
    new_execution: int = 0
    """The place in the chain of the run that follows; 0: none does."""


@record
class WorkflowExecutionCanceled(CommandEvent, RunEnd):
    unhandled_signals: Mapping[str, int]
    workflow_task_completed_event_id: int


@record
class WorkflowExecutionContinuedAsNew(CommandEvent, RunEnd):
    done: int
    carried: tuple[tuple[str, object], ...]
    unhandled_signals: Mapping[str, int]
    workflow_task_completed_event_id: int
    new_execution: int


@record
class WorkflowExecutionTimedOut(RunEnd):
    retry_state: RetryState | None
    new_execution: int = 0
    """The place in the chain of the run that follows; 0: none does."""


@record
class WorkflowExecutionTerminated(RunEnd):
    reason: str


# ---- workflow tasks ------------------------------------------------------------------------------------------


@record
class WorkflowTaskScheduled(HistoryEvent):
    queue_kind: TaskQueueKind
    queue_name: str
    start_to_close_timeout: int
    attempt: int


@record
class WorkflowTaskStarted(HistoryEvent):
    scheduled_event_id: int
    identity: str
    suggest_continue_as_new: bool = False


@record
class WorkflowTaskCompleted(HistoryEvent):
    scheduled_event_id: int
    started_event_id: int
    identity: str


@record
class WorkflowTaskFailed(HistoryEvent):
    scheduled_event_id: int
    started_event_id: int
    cause: TaskFailedCause
    message: str
    identity: str
    base_run_id: int = 0
    """The run that is reset, where that is the cause."""


@record
class WorkflowTaskTimedOut(HistoryEvent):
    scheduled_event_id: int
    started_event_id: int
    timeout_type: TimeoutType


# ---- activities ----------------------------------------------------------------------------------------------


@record
class ActivityTaskScheduled(CommandEvent):
    activity_id: int
    name: str
    asked: Asked
    timeouts: tuple[int, int, int, int]
    """schedule-to-close, schedule-to-start, start-to-close, heartbeat; 0: none."""
    retry_policy: RetryPolicy
    workflow_task_completed_event_id: int


@record
class ActivityTaskStarted(Bufferable):
    scheduled_event_id: int
    name: str
    attempt: int
    identity: str
    last_failure: Failure | None


@record
class ActivityTaskCancelRequested(CommandEvent):
    scheduled_event_id: int
    name: str
    workflow_task_completed_event_id: int


@record
class ActivityEnd(Closing):
    scheduled_event_id: int
    started: ActivityTaskStarted | None
    """None: no worker had taken it."""
    name: str
    identity: str


@record
class ActivityTaskCompleted(ActivityEnd):
    values: Mapping[str, object]
    size: int | None


@record
class ActivityTaskFailed(ActivityEnd):
    failure: Failure
    retry_state: RetryState


@record
class ActivityTaskTimedOut(ActivityEnd):
    timeout_type: TimeoutType
    retry_state: RetryState


@record
class ActivityTaskCanceled(ActivityEnd):
    latest_cancel_requested_event_id: int = 0
    """The request that has ended it before a worker had taken it; 0: a worker has reported it cancelled."""


# ---- timers and markers --------------------------------------------------------------------------------------


@record
class TimerStarted(CommandEvent):
    timer_id: int
    start_to_fire_timeout: int
    name: str
    workflow_task_completed_event_id: int
    by: RunInfo | None = None
    """Whose it is, where that is a request which an entity works off."""


@record
class TimerFired(Bufferable):
    timer_id: int
    started_event_id: int


@record
class TimerCanceled(CommandEvent):
    timer_id: int
    started_event_id: int
    workflow_task_completed_event_id: int


@record
class MarkerRecorded(CommandEvent):
    seq: int
    key: str
    end: LocalEnd | None
    """Of a local activity; None: the marker is a patch's."""
    name: str
    workflow_task_completed_event_id: int

    @property
    def size(self) -> int | None:
        """Bytes of the result where the scenario names them."""
        return None if self.end is None else self.end.size


@record
class UpsertWorkflowSearchAttributes(CommandEvent):
    patch: str
    workflow_task_completed_event_id: int


# ---- other runs ----------------------------------------------------------------------------------------------


@record
class StartChildWorkflowExecutionInitiated(CommandEvent):
    run: RunInfo
    workflow_id: str
    label: str
    """The step that starts it."""
    on_close: str
    """What becomes of it when its parent closes first: terminate · cancel · abandon."""
    run_timeout: int
    retry: Retry | None
    by: RunInfo | None
    """Whose step it is, where that is a request which an entity works off."""
    name: str
    """The workflow."""
    workflow_task_completed_event_id: int


@record
class StartChildWorkflowExecutionFailed(Bufferable):
    initiated_event_id: int
    name: str


@record
class ChildWorkflowExecutionStarted(Bufferable):
    initiated_event_id: int
    name: str
    workflow_id: str
    run_id: int


@record
class ChildEnd(Closing):
    initiated_event_id: int
    started: ChildWorkflowExecutionStarted | None
    name: str
    workflow_id: str
    run_id: int


@record
class ChildWorkflowExecutionCompleted(ChildEnd):
    pass


@record
class ChildWorkflowExecutionFailed(ChildEnd):
    pass


@record
class ChildWorkflowExecutionCanceled(ChildEnd):
    pass


@record
class ChildWorkflowExecutionTimedOut(ChildEnd):
    pass


@record
class ChildWorkflowExecutionTerminated(ChildEnd):
    pass


CHILD_ENDED: Final[dict[str, type[ChildEnd]]] = {
    "completed": ChildWorkflowExecutionCompleted,
    "failed": ChildWorkflowExecutionFailed,
    "cancelled": ChildWorkflowExecutionCanceled,
    "timed-out": ChildWorkflowExecutionTimedOut,
    "terminated": ChildWorkflowExecutionTerminated,
}
"""By the status with which a child has closed: what its parent's history tells."""


@record
class SignalExternalWorkflowExecutionInitiated(CommandEvent):
    workflow_id: str
    payload: Mapping[str, object]
    label: str
    """The step that sends it."""
    by: RunInfo | None
    """Whose step it is, where that is a request which an entity works off."""
    name: str
    workflow_task_completed_event_id: int


@record
class RequestCancelExternalWorkflowExecutionInitiated(CommandEvent):
    workflow_id: str
    initiated_event_id: int
    """Of the child that is asked to end."""
    workflow_task_completed_event_id: int


@record
class ExternalEnd(Bufferable):
    """The server has told the other run, or found none."""

    initiated_event_id: int


@record
class ExternalWorkflowExecutionSignaled(ExternalEnd):
    name: str
    workflow_id: str


@record
class SignalExternalWorkflowExecutionFailed(ExternalEnd):
    name: str
    workflow_id: str


@record
class ExternalWorkflowExecutionCancelRequested(ExternalEnd):
    workflow_id: str


@record
class RequestCancelExternalWorkflowExecutionFailed(ExternalEnd):
    workflow_id: str


# ---- updates -------------------------------------------------------------------------------------------------


@record
class WorkflowExecutionUpdateAdmitted(HistoryEvent):
    update_id: str
    name: str
    payload: Mapping[str, Any]


@record
class WorkflowExecutionUpdateAccepted(CommandEvent):
    update_id: str
    name: str
    payload: Mapping[str, Any]
    accepted_request_sequencing_event_id: int


@record
class WorkflowExecutionUpdateCompleted(CommandEvent):
    update_id: str
    name: str
    accepted_event_id: int
    failure: str | None
