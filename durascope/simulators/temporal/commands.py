"""What workflow code asks for: commands, the failures that come back, and what a workflow task ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.simulators.kernel.runs import RunInfo

CLOSES: Final = {
    "CompleteWorkflowExecution": "WorkflowExecutionCompleted",
    "FailWorkflowExecution": "WorkflowExecutionFailed",
    "CancelWorkflowExecution": "WorkflowExecutionCanceled",
    "ContinueAsNewWorkflowExecution": "WorkflowExecutionContinuedAsNew",
}
"""Commands that end the run, and their events."""

EVENT_OF: Final = CLOSES | {
    "ScheduleActivityTask": "ActivityTaskScheduled",
    "RequestCancelActivityTask": "ActivityTaskCancelRequested",
    "StartTimer": "TimerStarted",
    "CancelTimer": "TimerCanceled",
    "RecordMarker": "MarkerRecorded",
    "StartChildWorkflowExecution": "StartChildWorkflowExecutionInitiated",
    "SignalExternalWorkflowExecution": "SignalExternalWorkflowExecutionInitiated",
    "RequestCancelExternalWorkflowExecution": "RequestCancelExternalWorkflowExecutionInitiated",
    "UpsertWorkflowSearchAttributes": "UpsertWorkflowSearchAttributes",
    "AcceptUpdate": "WorkflowExecutionUpdateAccepted",
    "CompleteUpdate": "WorkflowExecutionUpdateCompleted",
}

REQUEST: Final = "request"
"""The update by which an entity workflow takes a request (`one_at_a_time`)."""


class Command:
    """One command: `seq` is the SDK's own number of the thing, per kind of thing (E5)."""

    __slots__ = ("attributes", "handle", "kind", "name", "seq", "withdrawn")

    def __init__(self, kind: str, seq: int, name: str, attributes: dict[str, Any], handle: Any = None) -> None:
        self.kind = kind
        self.seq = seq
        self.name = name
        self.attributes = attributes
        self.handle = handle
        """What waits for it in the workflow's code."""
        self.withdrawn = False
        """Cancelled before it was sent: neither is ever seen by the server."""

    def __repr__(self) -> str:
        return f"{self.kind} {self.seq} {self.name}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed."""

    message: str
    kind: str = "application"
    """application · timeout · canceled · terminated · child · server"""
    retryable: bool = True
    retry_after: int | None = None
    """The error's own next-retry delay in microseconds."""
    timeout_type: str | None = None


class TaskCompletion:
    """What a worker answers to a workflow task."""

    __slots__ = ("commands", "eager", "failed", "failure_message", "queries", "sticky", "waits", "wants_another")

    def __init__(
        self, commands: Sequence[Command] = (), wants_another: bool = False,
        waits: Sequence[tuple[str, str, RunInfo]] = (), failed: str | None = None, failure_message: str = "",
    ) -> None:  # fmt: skip
        self.commands = commands
        self.wants_another = wants_another
        """A heartbeat: keep the task alive for local activities (W12)."""
        self.waits = waits
        """Waits without a timer that began in this task: the step, the event, whose. They leave no event."""
        self.failed = failed
        """The cause, if the task failed (W11)."""
        self.failure_message = failure_message
        self.eager = 0
        """How many of the activities it schedules the worker would start at once (A12)."""
        self.queries: Sequence[Any] = ()
        """What was asked with the task: its completion answers."""
        self.sticky: tuple[str, int] | None = None
        """The worker's sticky queue and its schedule-to-start timeout, if it has a cache (W2)."""
