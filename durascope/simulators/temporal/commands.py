"""What workflow code asks for: one record for each kind of command, and what a workflow task ends with.

Commands are named as in Temporal's API. Four of them only the worker sees: it runs local activities itself, and turns
what is asked of a child into a request to another run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from durascope.models.steps import Retry
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.activity_options import ActivityOptions
from durascope.simulators.temporal.failure import Failure, TaskFailedCause

REQUEST: Final = "request"
"""The update by which an entity workflow takes a request (`one_at_a_time`)."""


@dataclass(slots=True, eq=False, repr=False)
class Command:
    """One command; `handle` and `withdrawn` are the worker's, what else it says is not changed once it was sent."""

    counter: ClassVar[str] = ""
    """What the SDK numbers it among, if it begins something: activities and local activities share one (E5)."""
    seq: int
    """The SDK's own number of the thing; 0 until the code has issued it."""
    name: str
    handle: Any = field(init=False, default=None)
    """What waits for it in the workflow's code."""
    withdrawn: bool = field(init=False, default=False)
    """Cancelled before it was sent: neither is ever seen by the server."""

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.seq} {self.name}"


# ---- activities and timers -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What an activity is scheduled with."""

    run: RunInfo
    """Whose step it is: the run's, or that of a request which an entity works off."""
    key: str
    options: ActivityOptions


@dataclass(slots=True, eq=False, repr=False)
class ScheduleActivityTask(Command):
    counter = "activity"
    asked: Asked


@dataclass(slots=True, eq=False, repr=False)
class RequestCancelActivityTask(Command):
    scheduled_event_id: int = 0
    """0 until the core sends it."""


@dataclass(slots=True, eq=False, repr=False)
class StartTimer(Command):
    counter = "timer"
    duration: int
    """µs."""
    mark: str | None = None
    """What a fault can strike at when it has started."""
    by: RunInfo | None = None
    """Whose it is, where that is a request which an entity works off."""


@dataclass(slots=True, eq=False, repr=False)
class CancelTimer(Command):
    started_event_id: int = 0
    """0 until the core sends it."""


@dataclass(slots=True, eq=False, repr=False)
class ScheduleLocalActivity(Command):
    """Only the worker sees it."""

    counter = "activity"


@dataclass(slots=True, eq=False, repr=False)
class RequestCancelLocalActivity(Command):
    """Only the worker sees it."""


# ---- markers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LocalEnd:
    """How a local activity has ended, as its marker tells it."""

    attempt: int = 0
    """The last one; 0: it was cancelled."""
    values: Mapping[str, Any] | None = None
    size: int | None = None
    """Bytes of the result where the scenario names them."""
    failure: Failure | None = None
    backoff: tuple[int, int, int] | None = None
    """It is to be tried again after so long a pause that this becomes a timer: the pause, the attempt, since when."""


@dataclass(slots=True, eq=False, repr=False)
class RecordMarker(Command):
    key: str = ""
    end: LocalEnd | None = None
    """Of a local activity; None: the marker is a patch's."""


@dataclass(slots=True, eq=False, repr=False)
class UpsertWorkflowSearchAttributes(Command):
    patch: str


# ---- other runs ----------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False, repr=False)
class StartChildWorkflowExecution(Command):
    """`name` is the workflow's."""

    counter = "child"
    run: RunInfo
    workflow_id: str
    label: str
    """The step that starts it."""
    on_close: str
    """What becomes of it when its parent closes first: terminate · cancel · abandon."""
    run_timeout: int
    """µs; 0: none."""
    retry: Retry | None
    by: RunInfo | None
    """Whose step it is, where that is a request which an entity works off."""


@dataclass(slots=True, eq=False, repr=False)
class RequestCancelChild(Command):
    """Only the worker sees it."""


@dataclass(slots=True, eq=False, repr=False)
class SignalExternalWorkflowExecution(Command):
    """`name` is the signal's."""

    counter = "signal"
    workflow_id: str
    payload: Mapping[str, object]
    label: str
    """The step that sends it."""
    by: RunInfo | None
    """Whose step it is, where that is a request which an entity works off."""


@dataclass(slots=True, eq=False, repr=False)
class RequestCancelExternalWorkflowExecution(Command):
    workflow_id: str
    initiated_event_id: int
    """Of the child that it asks to end."""


# ---- updates -------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False, repr=False)
class AcceptUpdate(Command):
    id: str
    payload: Mapping[str, Any]


@dataclass(slots=True, eq=False, repr=False)
class RejectUpdate(Command):
    """It leaves no event."""

    id: str


@dataclass(slots=True, eq=False, repr=False)
class CompleteUpdate(Command):
    id: str
    payload: Mapping[str, Any]
    failure: str | None = None


# ---- the end of the run --------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False, repr=False)
class CloseCommand(Command):
    """A command that ends the run."""

    unhandled_signals: Mapping[str, int]
    """How many signals of each name no code has taken: they are lost."""


@dataclass(slots=True, eq=False, repr=False)
class CompleteWorkflowExecution(CloseCommand):
    result: object


@dataclass(slots=True, eq=False, repr=False)
class FailWorkflowExecution(CloseCommand):
    failure: Failure
    step: str | None


@dataclass(slots=True, eq=False, repr=False)
class CancelWorkflowExecution(CloseCommand):
    """Its cancellation was requested, and the code let itself be cancelled."""


@dataclass(slots=True, eq=False, repr=False)
class ContinueAsNewWorkflowExecution(CloseCommand):
    done: int
    """How many rounds have been done."""
    carried: tuple[tuple[str, object], ...]
    """Workflow variables that are handed to the next run."""


# ---- what a workflow task ends with --------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class TaskCompletion:
    """What a worker answers to a workflow task."""

    commands: Sequence[Command] = ()
    wants_another: bool = False
    """A heartbeat: keep the task alive for local activities (W12)."""
    waits: Sequence[tuple[str, str, RunInfo]] = ()
    """Waits without a timer that began in this task: the step, the event, whose. They leave no event."""
    failed: TaskFailedCause | None = None
    """The cause, if the task failed (W11)."""
    failure_message: str = ""
    eager: int = 0
    """How many of the activities it schedules the worker would start at once (A12)."""
    queries: Sequence[Any] = ()
    """What was asked with the task: its completion answers."""
    sticky: tuple[str, int] | None = None
    """The worker's sticky queue and its schedule-to-start timeout, if it has a cache (W2)."""
