"""A local activity in a run's code: the worker itself runs it, and a marker tells of its end (§7).

scheduled ─┬─(its marker has been seen coming)────────────────────────▶ resolved
           ├─(a replay)─▶ awaits its marker ─┬─(it is seen coming)──────▶ resolved
           │                                 └─(none has come)─▶ running
           └─▶ running ─(it has ended, or its marker is seen coming)────▶ resolved
                  └─(cancelled, as where it awaits its marker)─▶ cancelled
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from durascope.models.steps import Run
from durascope.simulators.kernel.states import after
from durascope.simulators.temporal.commands import RequestCancelLocalActivity, ScheduleLocalActivity
from durascope.simulators.temporal.context import Operation, WorkflowContext
from durascope.simulators.temporal.failure import Failure


class LocalState(Enum):
    """See the sketch above."""

    SCHEDULED = "scheduled"
    AWAITING = "awaiting its marker"
    RUNNING = "running"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"


_NEXT: Final = {
    (LocalState.SCHEDULED, "replay"): LocalState.AWAITING,
    (LocalState.SCHEDULED, "start"): LocalState.RUNNING,
    (LocalState.AWAITING, "start"): LocalState.RUNNING,
    (LocalState.SCHEDULED, "marker"): LocalState.RESOLVED,
    (LocalState.AWAITING, "marker"): LocalState.RESOLVED,
    (LocalState.RUNNING, "marker"): LocalState.RESOLVED,
    (LocalState.RUNNING, "end"): LocalState.RESOLVED,
    (LocalState.AWAITING, "cancellation"): LocalState.CANCELLED,
    (LocalState.RUNNING, "cancellation"): LocalState.CANCELLED,
}


class LocalActivity(Operation):
    """One local activity, until its marker; after a long backoff another one follows it."""

    __slots__ = ("attempt", "key", "running", "seq", "since", "start_to_close", "state", "step")

    awaits_events = False

    def __init__(
        self,
        context: WorkflowContext,
        step: Run,
        name: str,
        key: str,
        start_to_close: int,
        *,
        attempt: int = 1,
        since: int | None = None,
    ) -> None:
        super().__init__(context, name, ScheduleLocalActivity(0, name))
        self.state = LocalState.SCHEDULED
        self.seq = self.command.seq
        self.step = step
        self.key = key
        self.attempt = attempt
        self.start_to_close = start_to_close
        self.since = since
        """When it was first scheduled, where a timer has passed since; None: it is now."""
        self.running: Any = None
        """The worker's execution of it."""

    @property
    def open(self) -> bool:
        return self.state not in (LocalState.RESOLVED, LocalState.CANCELLED)

    def retryable_after(self, failure: Failure) -> bool:
        """Core wraps its timeouts as those of other activities, but not what its body fails with (§9)."""
        return failure.kind == "timeout" or failure.retryable

    def move(self, event: str) -> None:
        """Takes the transition that the event stands for. Raises `UnexpectedEvent` where the table has none."""
        self.state = after(_NEXT, f"local activity {self.name}", self.state, event)

    def cancellation_command(self) -> RequestCancelLocalActivity:
        return RequestCancelLocalActivity(self.seq, self.name)
