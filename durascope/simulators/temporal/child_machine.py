"""A child workflow in a run's code: initiated, started, closed; perhaps cancelled in between.

initiated ─▶ started (its start is resolved) ─▶ closed
    └──────▶ not started: its workflow id is taken (its start fails)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durascope.simulators.program import Cancelled, Future, WorkflowFailure
from durascope.simulators.temporal.commands import Command, Failure
from durascope.simulators.temporal.context import WorkflowContext
from durascope.simulators.temporal.core import CANCELLED, Core, Job, UnexpectedEvent
from durascope.simulators.temporal.external_machine import ExternalMachine
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.operations import Operation, State


class ChildMachine(Operation):
    """One child: first it starts, then it ends."""

    __slots__ = ("start",)

    cancelled_when_settled = False

    def __init__(self, context: WorkflowContext, name: str) -> None:
        super().__init__(context, name)
        self.start = ChildStart(self)

    def settle(self, values: Mapping[str, Any] | None, failure: Failure | None, backoff: Any = None) -> None:
        if self.start.done:
            super().settle(values, failure, backoff)
        elif failure is not None and failure.kind == "canceled":
            self.start.fail(Cancelled())
        else:
            self.start.resolve()
            super().settle(values, failure, backoff)

    def cancellation_command(self) -> Command:
        return Command("RequestCancelChild", self.command.seq, self.name, {}, self)

    def take(self, request: Command, core: Core) -> None:
        """The code asks for its cancellation: withdrawn if the server has not seen it yet, else asked of the child."""
        if self.state is State.CLOSED:
            return
        if core.unsent(self.command):
            self.command.withdrawn = True
            self.state = State.ANSWERED
            core.jobs.append((self.settle, (None, CANCELLED)))
            return
        attributes = {"workflow_id": self.command.attributes["workflow_id"], "initiated_event_id": self.event_id}
        asked = ExternalMachine(self.context)
        core.send(Command("RequestCancelExternalWorkflowExecution", 0, request.name, attributes, asked))

    def started(self) -> Job:
        return self.loop.call_soon, (self.start.resolve,)

    def not_started(self) -> Job:
        """Another run of its workflow id is open."""
        self.state = State.CLOSED
        failure = WorkflowFailure(f"{self.name} is already running", step=self.name)
        return self.loop.call_soon, (self.start.fail, failure)

    def closed(self, event: HistoryEvent) -> Job | None:
        """The server has written its end; what the code is told."""
        was, self.state = self.state, State.CLOSED
        if was is State.ANSWERED:
            return None
        if was is State.CLOSED:
            raise UnexpectedEvent(f"child {self.name}", was, event.kind)
        if event.kind == "ChildWorkflowExecutionCompleted":
            return self.settle, ({}, None)
        if event.kind == "ChildWorkflowExecutionCanceled":
            return self.settle, ({}, CANCELLED)
        return self.settle, ({}, Failure(f"child workflow {self.name} has failed", "child"))


class ChildStart(Future):
    """The child's start: a cancellation while it is awaited is a cancellation of the child."""

    __slots__ = ("child",)

    def __init__(self, child: ChildMachine) -> None:
        super().__init__(child.context.loop)
        self.child = child

    def cancel(self) -> bool:
        if self.done:
            return False
        self.child.context.issued.append(self.child.cancellation_command())
        if self.child.context.cancel_requested:
            return super().cancel()
        return True
