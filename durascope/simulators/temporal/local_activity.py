"""A local activity in a run's code: the worker itself runs it (§7)."""

from __future__ import annotations

from typing import Any

from durascope.models.steps import Run
from durascope.simulators.temporal.commands import Command
from durascope.simulators.temporal.context import WorkflowContext
from durascope.simulators.temporal.operations import Operation


class LocalActivity(Operation):
    """One local activity, until its marker; after a long backoff another one follows it."""

    __slots__ = ("attempt", "key", "running", "seq", "since", "start_to_close", "step")

    awaits_events = False

    def __init__(
        self,
        context: WorkflowContext,
        seq: int,
        step: Run,
        name: str,
        key: str,
        start_to_close: int,
        *,
        attempt: int = 1,
        since: int | None = None,
    ) -> None:
        super().__init__(context, name)
        self.seq = seq
        self.step = step
        self.key = key
        self.attempt = attempt
        self.start_to_close = start_to_close
        self.since = since
        """When it was first scheduled, where a timer has passed since; None: it is now."""
        self.running: Any = None
        """The worker's execution of it."""

    def cancellation_command(self) -> Command:
        return Command("RequestCancelLocalActivity", self.seq, self.name, {}, self)
