"""An activity in a run's code: scheduled, perhaps cancelled (try · wait · abandon, A10), and closed by the server.

scheduled ─▶ closed: the code is told of its end
    └─(cancelled: at once, unless the code waits for the server)─▶ answered ─▶ closed: no news
"""

from __future__ import annotations

from enum import Enum

from durascope.simulators.kernel.states import UnexpectedEvent
from durascope.simulators.temporal.commands import RequestCancelActivityTask, ScheduleActivityTask
from durascope.simulators.temporal.context import Operation, WorkflowContext
from durascope.simulators.temporal.core import CANCELLED, Core, Job
from durascope.simulators.temporal.events import (
    ActivityEnd,
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskTimedOut,
)
from durascope.simulators.temporal.failure import Failure, FailureKind


class ActivityState(Enum):
    """See the sketch above."""

    SCHEDULED = "scheduled"
    ANSWERED = "answered by the core"
    CLOSED = "closed"


class ActivityMachine(Operation):
    """One activity; the code awaits it."""

    __slots__ = ("cancellation", "state")

    def __init__(self, context: WorkflowContext, command: ScheduleActivityTask) -> None:
        Operation.__init__(self, context, command.name, command)
        self.cancellation = command.asked.options.cancellation
        self.state = ActivityState.SCHEDULED

    @property
    def open(self) -> bool:
        return self.state is ActivityState.SCHEDULED

    def cancellation_command(self) -> RequestCancelActivityTask:
        return RequestCancelActivityTask(self.command.seq, self.name)

    def take(self, request: RequestCancelActivityTask, core: Core) -> None:
        """The code asks for its cancellation."""
        if self.state is not ActivityState.SCHEDULED:
            return
        if core.unsent(self.command):
            self.command.withdrawn = True
            self._answer(core)
            return
        if self.cancellation != "abandon":
            request.scheduled_event_id = self.event_id
            core.send(request)
        if self.cancellation != "wait":
            self._answer(core)

    def _answer(self, core: Core) -> None:
        self.state = ActivityState.ANSWERED
        core.jobs.append((self.settle, (None, CANCELLED)))

    def closed(self, event: ActivityEnd) -> Job | None:
        """The server has written its end; what the code is told."""
        was, self.state = self.state, ActivityState.CLOSED
        if was is ActivityState.CLOSED:
            raise UnexpectedEvent(f"activity {self.name}", was, event.kind)
        if was is ActivityState.ANSWERED:
            return None
        match event:
            case ActivityTaskCompleted():
                return self.settle, (event.values, None)
            case ActivityTaskFailed():
                return self.settle, (None, event.failure)
            case ActivityTaskTimedOut():
                return self.settle, (None, Failure(f"timed out: {event.timeout_type}", FailureKind.TIMEOUT))
            case _:
                assert isinstance(event, ActivityTaskCanceled)
                return self.settle, (None, CANCELLED)
