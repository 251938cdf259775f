"""A signal or a cancel request to another run.

initiated ─┬─▶ delivered: the server has told the other run
           └─▶ failed: it has found none
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from durascope.simulators.kernel.states import after
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.temporal.context import Pending, WorkflowContext
from durascope.simulators.temporal.core import Job
from durascope.simulators.temporal.events import (
    ExternalEnd,
    ExternalWorkflowExecutionCancelRequested,
    ExternalWorkflowExecutionSignaled,
    RequestCancelExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionFailed,
)


class ExternalState(Enum):
    """See the sketch above."""

    INITIATED = "initiated"
    DELIVERED = "delivered"
    FAILED = "failed"


_NEXT: Final[dict[tuple[ExternalState, type], ExternalState]] = {
    (ExternalState.INITIATED, ExternalWorkflowExecutionSignaled): ExternalState.DELIVERED,
    (ExternalState.INITIATED, ExternalWorkflowExecutionCancelRequested): ExternalState.DELIVERED,
    (ExternalState.INITIATED, SignalExternalWorkflowExecutionFailed): ExternalState.FAILED,
    (ExternalState.INITIATED, RequestCancelExternalWorkflowExecutionFailed): ExternalState.FAILED,
}


class ExternalMachine(Pending):
    """What waits for the server to have told the other run."""

    __slots__ = ("state",)

    def __init__(self, context: WorkflowContext) -> None:
        super().__init__(context)
        self.state = ExternalState.INITIATED

    def delivered(self, event: ExternalEnd) -> Job:
        """The server has told the other run, or found none; what the code is told."""
        name: str = getattr(event, "name", "cancel")
        self.state = after(_NEXT, f"message {name}", self.state, type(event))
        if self.state is ExternalState.FAILED:
            return self.loop.call_soon, (self.fail, WorkflowFailure(f"{name}: no such workflow"))
        return self.loop.call_soon, (self.resolve,)
