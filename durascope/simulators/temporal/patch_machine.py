"""A patch in a run's code: whether the run goes the new way, decided once, where the code first asks (§4).

unasked ─┬─▶ new: its marker and its search attribute go out ─(the marker's event)─▶ recorded
         └─▶ old: a replay that has come by without its marker
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from durascope.simulators.kernel.states import after
from durascope.simulators.temporal.commands import RecordMarker, UpsertWorkflowSearchAttributes
from durascope.simulators.temporal.context import WorkflowContext
from durascope.simulators.temporal.events import MarkerRecorded
from durascope.simulators.temporal.history import HistoryEvent


class PatchState(Enum):
    """See the sketch above."""

    UNASKED = "unasked"
    NEW = "new"
    RECORDED = "recorded"
    OLD = "old"


_NEXT: Final[dict[tuple[PatchState, type], PatchState]] = {(PatchState.NEW, MarkerRecorded): PatchState.RECORDED}


class PatchMachine:
    """One patch of one run's code."""

    __slots__ = ("context", "name", "state")

    awaits_events = False

    def __init__(self, context: WorkflowContext, name: str) -> None:
        self.context = context
        self.name = name
        self.state = PatchState.UNASKED

    def is_new(self) -> bool:
        """Whether the code goes the new way: where it is not replaying, or the history tells of the patch."""
        if self.state is PatchState.UNASKED:
            self._decide()
        return self.state is not PatchState.OLD

    def _decide(self) -> None:
        context = self.context
        if context.replaying and self.name not in context.patches:
            self.state = PatchState.OLD
            return
        self.state = PatchState.NEW
        context.issue(RecordMarker(0, self.name), self)
        context.issue(UpsertWorkflowSearchAttributes(0, "TemporalChangeVersion", self.name))

    def confirmed(self, event: HistoryEvent) -> None:
        """The server has written its marker."""
        self.state = after(_NEXT, f"patch {self.name}", self.state, type(event))
