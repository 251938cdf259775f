"""A timer of a run's code.

started ─▶ fired ─▶ over               the server has written that it fired; then the code is told
   │         └─(cancelled by the code, which had not been told)─▶ over: nothing of that is sent
   └─(cancelled by the code)─▶ cancelled          withdrawn if the server has not seen it yet
"""

from __future__ import annotations

from enum import Enum

from durascope.simulators.kernel.states import UnexpectedEvent
from durascope.simulators.program.loop import Future, Loop
from durascope.simulators.temporal.commands import CancelTimer, StartTimer
from durascope.simulators.temporal.core import Core
from durascope.simulators.temporal.events import TimerFired
from durascope.simulators.temporal.history import HistoryEvent


class TimerState(Enum):
    """See the sketch above."""

    STARTED = "started"
    FIRED = "fired"
    CANCELLED = "cancelled"
    OVER = "over"


class TimerMachine:
    """One timer; the code awaits its `future`."""

    __slots__ = ("command", "event_id", "future", "loop", "seq", "state")

    awaits_events = True

    def __init__(self, loop: Loop, command: StartTimer) -> None:
        self.loop = loop
        self.seq = command.seq
        self.command = command
        """What began it."""
        self.future = Future(loop)
        self.event_id = 0
        self.state = TimerState.STARTED

    def confirmed(self, event: HistoryEvent) -> None:
        """The server has written that it started."""
        self.event_id = event.id

    def cancel(self) -> bool:
        """The code cancels it; whether there is anything to cancel."""
        match self.state:
            case TimerState.STARTED:
                self.state = TimerState.CANCELLED
            case TimerState.FIRED:
                self.state = TimerState.OVER
            case _:
                return False
        return True

    def take(self, request: CancelTimer, core: Core) -> None:
        """The cancellation comes to the core, unless the timer had fired."""
        if self.state is not TimerState.CANCELLED:
            return
        if core.unsent(self.command):
            self.command.withdrawn = True
            return
        request.started_event_id = self.event_id
        core.send(request)

    def fired(self, event: TimerFired) -> None:
        """The server has written so."""
        match self.state:
            case TimerState.STARTED:
                self.state = TimerState.FIRED
            case TimerState.CANCELLED:
                pass
            case state:
                raise UnexpectedEvent(f"timer {self.seq}", state, event.kind)

    def tell(self) -> None:
        """The code is told, if it has not cancelled it meanwhile."""
        if self.state is TimerState.FIRED:
            self.state = TimerState.OVER
            self.loop.call_soon(self.future.resolve)
