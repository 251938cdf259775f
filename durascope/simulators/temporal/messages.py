"""What the server sends workers: workflow tasks and activity tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from durascope.models.steps import Run
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.mutable_state import Activity, MutableState, WorkflowTask
from durascope.simulators.temporal.update_registry import UpdateRequest


class TaskForWorker:
    """What a worker gets with a workflow task: the events it has not seen (or all), and updates to handle."""

    __slots__ = (
        "attempt", "events", "full", "last_written_id", "luck", "options", "queries", "query", "run", "run_id", "task",
        "updates",
    )  # fmt: skip

    def __init__(
        self, state: MutableState, task: WorkflowTask | None, events: Sequence[HistoryEvent], full: bool,
        updates: Sequence[UpdateRequest] = (), query: Any = None, queries: Sequence[Any] = (),
    ) -> None:  # fmt: skip
        self.run_id = state.run_id
        self.options = state.options
        self.run = state.options.run
        self.luck = state.luck
        self.task = task
        self.attempt = 1 if task is None else task.attempt
        self.events = events
        self.full = full
        self.last_written_id = len(state.history.events)
        """What follows is made up for this task, and may never be written."""
        self.updates = updates
        self.query = query
        self.queries = queries
        """Those that its completion answers."""


class ActivityTask:
    """What a worker gets with an activity task; it is also the token of its reports."""

    __slots__ = ("attempt", "key", "luck", "name", "run", "run_id", "scheduled_id", "step", "timeouts")

    def __init__(self, state: MutableState, activity: Activity) -> None:
        self.run_id = state.run_id
        self.run: RunInfo = activity.run
        self.luck = state.luck
        self.scheduled_id = activity.scheduled_id
        self.attempt = activity.attempt
        self.name = activity.name
        self.key = state.options.effect_key(activity.key)
        self.step: Run = activity.step
        self.timeouts = activity.timeouts
