"""What the server sends workers: workflow tasks and activity tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from durascope.models.steps import Run
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.history import HistoryEvent, record
from durascope.simulators.temporal.mutable_state import StartOptions, WorkflowTask
from durascope.simulators.temporal.update_registry import UpdateRequest


@dataclass(slots=True, eq=False)
class TaskForWorker:
    """What a worker gets with a workflow task: the events it has not seen (or all), and updates to handle."""

    run_id: int
    run: RunInfo
    options: StartOptions
    luck: int
    task: WorkflowTask | None
    """The token of its completion; None: it is there to be asked."""
    attempt: int
    events: Sequence[HistoryEvent]
    full: bool
    last_written_id: int
    """What follows is made up for this task, and may never be written."""
    updates: Sequence[UpdateRequest] = ()
    query: Any = None
    queries: Sequence[Any] = ()
    """Those that its completion answers."""


@record
class ActivityTask:
    """What a worker gets with an activity task; it is also the token of its reports."""

    run_id: int
    run: RunInfo
    luck: int
    scheduled_id: int
    attempt: int
    name: str
    key: str
    step: Run
    timeouts: tuple[int, int, int, int]
