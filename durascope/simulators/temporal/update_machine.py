"""An update in a run's code: validated, accepted, worked off, completed (U2).

requested ─┬─▶ accepted ─(event)─▶ recorded ─▶ completed ─(event)─▶ over
           │       └─(the code is done with it in the same task)─────▲
           └─▶ rejected: no event is ever written
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from durascope.simulators.kernel.states import after
from durascope.simulators.temporal.commands import AcceptUpdate, CompleteUpdate, RejectUpdate
from durascope.simulators.temporal.context import WorkflowContext
from durascope.simulators.temporal.events import WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted
from durascope.simulators.temporal.history import HistoryEvent


class UpdateState(Enum):
    """See the sketch above."""

    REQUESTED = "requested"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    RECORDED = "recorded"
    COMPLETED = "completed"
    OVER = "over"


_NEXT: Final[dict[tuple[UpdateState, type], UpdateState]] = {
    (UpdateState.REQUESTED, RejectUpdate): UpdateState.REJECTED,
    (UpdateState.REQUESTED, AcceptUpdate): UpdateState.ACCEPTED,
    (UpdateState.ACCEPTED, WorkflowExecutionUpdateAccepted): UpdateState.RECORDED,
    (UpdateState.ACCEPTED, CompleteUpdate): UpdateState.COMPLETED,
    (UpdateState.RECORDED, CompleteUpdate): UpdateState.COMPLETED,
    (UpdateState.COMPLETED, WorkflowExecutionUpdateAccepted): UpdateState.COMPLETED,
    (UpdateState.COMPLETED, WorkflowExecutionUpdateCompleted): UpdateState.OVER,
}


class UpdateMachine:
    """One update; its handler asks for what the client is told."""

    __slots__ = ("context", "id", "name", "payload", "state")

    awaits_events = False

    def __init__(self, context: WorkflowContext, update_id: str, name: str, payload: Mapping[str, Any]) -> None:
        self.context = context
        self.id = update_id
        self.name = name
        self.payload = payload
        self.state = UpdateState.REQUESTED

    def reject(self) -> None:
        """The code does not take it: the task's completion tells who asked."""
        self._issue(RejectUpdate(0, self.name, self.id))
        self.context.rejections = True

    def accept(self) -> None:
        """The code takes it: it is durable from its event on."""
        self._issue(AcceptUpdate(0, self.name, self.id, self.payload))

    def complete(self, failure: str | None) -> None:
        """The code has worked it off."""
        self._issue(CompleteUpdate(0, self.name, self.id, self.payload, failure))

    def confirmed(self, event: HistoryEvent) -> None:
        """The server has written one of its commands."""
        self._move(type(event))

    def _issue(self, command: AcceptUpdate | CompleteUpdate | RejectUpdate) -> None:
        self._move(type(command))
        self.context.issue(command, self)

    def _move(self, event: type) -> None:
        self.state = after(_NEXT, f"update {self.id}", self.state, event)
