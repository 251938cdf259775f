"""A child workflow in a run's code: initiated, started, closed; perhaps cancelled in between.

initiated ─┬─▶ started: its start is resolved ─▶ closed: the code is told of its end
           ├─▶ not started: its workflow id is taken, its start fails
           └─(cancelled before the server has seen it)─▶ withdrawn
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from durascope.simulators.kernel.states import after
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.loop import Cancelled, Future
from durascope.simulators.temporal.commands import (
    RequestCancelChild,
    RequestCancelExternalWorkflowExecution,
    StartChildWorkflowExecution,
)
from durascope.simulators.temporal.context import Operation, WorkflowContext
from durascope.simulators.temporal.core import CANCELLED, Core, Job
from durascope.simulators.temporal.events import (
    CHILD_ENDED,
    ChildEnd,
    ChildWorkflowExecutionCanceled,
    ChildWorkflowExecutionCompleted,
    ChildWorkflowExecutionStarted,
    StartChildWorkflowExecutionFailed,
)
from durascope.simulators.temporal.external_machine import ExternalMachine
from durascope.simulators.temporal.failure import Failure, FailureKind
from durascope.simulators.temporal.history import HistoryEvent


class ChildState(Enum):
    """See the sketch above."""

    INITIATED = "initiated"
    STARTED = "started"
    NOT_STARTED = "not started"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


_NEXT: Final[dict[tuple[ChildState, type], ChildState]] = {
    (ChildState.INITIATED, ChildWorkflowExecutionStarted): ChildState.STARTED,
    (ChildState.INITIATED, StartChildWorkflowExecutionFailed): ChildState.NOT_STARTED,
    **{(ChildState.STARTED, end): ChildState.CLOSED for end in CHILD_ENDED.values()},
}


class ChildMachine(Operation):
    """One child: first it starts, then it ends."""

    __slots__ = ("start", "state", "workflow_id")

    cancelled_when_settled = False

    def __init__(self, context: WorkflowContext, command: StartChildWorkflowExecution) -> None:
        super().__init__(context, command.label, command)
        self.workflow_id = command.workflow_id
        self.start = ChildStart(self)
        self.state = ChildState.INITIATED

    @property
    def open(self) -> bool:
        return self.state in (ChildState.INITIATED, ChildState.STARTED)

    def settle(self, values: Mapping[str, Any] | None, failure: Failure | None, backoff: Any = None) -> None:
        if self.start.done:
            super().settle(values, failure, backoff)
        elif failure is not None and failure.kind is FailureKind.CANCELED:
            self.start.fail(Cancelled())
        else:
            self.start.resolve()
            super().settle(values, failure, backoff)

    def cancellation_command(self) -> RequestCancelChild:
        return RequestCancelChild(self.command.seq, self.name)

    def take(self, request: RequestCancelChild, core: Core) -> None:
        """The code asks for its cancellation: withdrawn if the server has not seen it yet, else asked of the child."""
        if not self.open:
            return
        if core.unsent(self.command):
            self.command.withdrawn = True
            self.state = ChildState.WITHDRAWN
            core.jobs.append((self.settle, (None, CANCELLED)))
            return
        asked = RequestCancelExternalWorkflowExecution(0, request.name, self.workflow_id, self.event_id)
        asked.handle = ExternalMachine(self.context)
        core.send(asked)

    def started(self, event: ChildWorkflowExecutionStarted) -> Job:
        """The server has started it; its start is told to the code."""
        self._move(event)
        return self.loop.call_soon, (self.start.resolve,)

    def not_started(self, event: StartChildWorkflowExecutionFailed) -> Job:
        """Another run of its workflow id is open."""
        self._move(event)
        failure = WorkflowFailure(f"{self.name} is already running", step=self.name)
        return self.loop.call_soon, (self.start.fail, failure)

    def closed(self, event: ChildEnd) -> Job:
        """The server has written its end; what the code is told."""
        self._move(event)
        if isinstance(event, ChildWorkflowExecutionCompleted):
            return self.settle, ({}, None)
        if isinstance(event, ChildWorkflowExecutionCanceled):
            return self.settle, ({}, CANCELLED)
        return self.settle, ({}, Failure(f"child workflow {self.name} has failed", FailureKind.CHILD))

    def _move(self, event: HistoryEvent) -> None:
        self.state = after(_NEXT, f"child {self.name}", self.state, type(event))


class ChildStart(Future):
    """The child's start: a cancellation while it is awaited is a cancellation of the child."""

    __slots__ = ("child",)

    def __init__(self, child: ChildMachine) -> None:
        super().__init__(child.context.loop)
        self.child = child

    def cancel(self) -> bool:
        if self.done:
            return False
        self.child.context.issue(self.child.cancellation_command(), self.child)
        if self.child.context.cancel_requested:
            return super().cancel()
        return True
