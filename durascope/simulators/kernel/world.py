"""The SimPy world: one clock, one list of what is to happen, and the services that everything in it shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import simpy
from simpy.events import NORMAL, URGENT, EventPriority

from durascope.models.trace import Kind
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.kernel.recorder import Recorder
from durascope.simulators.kernel.runs import RunInfo

if TYPE_CHECKING:
    from durascope.simulators.kernel.component import Component
    from durascope.simulators.kernel.faults import Moments

HORIZON_US: Final = 400 * 86_400 * 1_000_000
"""No simulation goes on for longer than this (400 days): what has not ended by then never will."""

HOPELESS_ATTEMPT: Final = 1_000
"""A run whose step has been attempted this often is not followed any further: it retries for ever."""


class Killed(BaseException):
    """Unwinds the code of a component that a fault has killed in the middle of what it did."""


class Call(simpy.Event):
    """A callback at a moment of the future: SimPy's cheapest event, with the cause of what it will do."""

    __slots__ = ("args", "cause", "daemon", "fn")

    def __init__(
        self,
        world: World,
        delay: int,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        daemon: bool,
        priority: EventPriority = NORMAL,
    ) -> None:
        self.env = world.env
        self.callbacks = [world.fire]
        self._value = None
        self._ok = True
        self._defused = False
        self.fn: Callable[..., Any] | None = fn
        self.args = args
        self.cause = world.recorder.cause
        self.daemon = daemon
        world.env.schedule(self, priority, delay)


class World:
    """Where a simulation happens.

    Time is an integer number of microseconds. The simulation is over when nothing is left to happen but *daemon*
    callbacks (polls, scans and the like, which would go on for ever).
    """

    def __init__(self, seed: int, *, full: bool) -> None:
        self.env = simpy.Environment()
        self.luck = Luck(seed)
        self.recorder = Recorder(full=full)
        self.full = full
        self.emit: Callable[..., None] = self._record if full else self._count
        """`emit(lane, kind, run, step, attempt, detail)` puts an event into the trace, or only counts it."""
        self.running: Component | None = None
        """The component whose code is being executed."""
        self.components: dict[str, Component] = {}
        self.moments: Moments | None = None
        """What waits for moments of steps (faults, events of the workload); None: nothing."""
        self._points: dict[int, Callable[[], Any]] = {}
        self._pending = 0
        self._stopped = False
        self._hopeless: set[str] = set()

    @property
    def now(self) -> int:
        return self.env._now  # pyright: ignore[reportPrivateUsage, reportReturnType] - the property costs a call each time

    # ---- the future ----------------------------------------------------------------------------------------

    def after(self, delay: int, fn: Callable[..., Any], *args: Any, daemon: bool = False) -> Call:
        """Calls `fn(*args)` in `delay` microseconds; `cancel` takes it back."""
        if not daemon:
            self._pending += 1
        return Call(self, delay, fn, args, daemon)

    def cancel(self, call: Call | None) -> None:
        """Takes a callback back; one that has happened, was taken back or is None is left alone."""
        if call is not None and call.fn is not None:
            call.fn = None
            if not call.daemon:
                self._pending -= 1

    def fire(self, call: Call) -> None:
        fn = call.fn
        if fn is None:
            return
        call.fn = None
        if not call.daemon:
            self._pending -= 1
        self.recorder.cause = call.cause
        fn(*call.args)

    def after_event(self, number: int, fn: Callable[[], Any]) -> None:
        """Calls `fn()` when the trace's event of that number has happened: after the code that it belongs to, before
        anything else. What a piece of code does in one instant is one transaction, which a crash cannot cut in two.
        """
        self._points[number] = fn

    def _interrupt(self, fn: Callable[[], Any]) -> None:
        self._pending += 1
        Call(self, 0, fn, (), daemon=False, priority=URGENT)

    def run(self) -> None:
        """Lets everything happen, until nothing is left that matters."""
        step = self.env.step
        while self._pending and not self._stopped and self.env.peek() <= HORIZON_US:
            step()

    def stop(self) -> None:
        self._stopped = True

    # ---- what happens --------------------------------------------------------------------------------------

    def _record(
        self,
        lane: str,
        kind: Kind,
        run: RunInfo | None = None,
        step: str | None = None,
        attempt: int | None = None,
        detail: object = None,
    ) -> None:
        number = self.recorder.emit(self.now, lane, kind, run, step, attempt, detail)
        if self._points and number in self._points:
            self._interrupt(self._points.pop(number))

    def _count(self, *_event: object, **_fields: object) -> None:
        self.recorder.count += 1

    def moment(
        self, lane: str, kind: Kind, run: RunInfo, step: str, attempt: int | None = None, detail: object = None
    ) -> None:
        """Puts a moment of a step into the trace and fires what waits for it, exactly here.

        A fault that kills the component whose code is running raises `Killed`: nothing after this call happens.
        """
        self.emit(lane, kind, run, step, attempt, detail)
        if self.moments is not None:
            self.moments.passed(kind.value, run, step, attempt, self.running)
        if attempt is not None and attempt >= HOPELESS_ATTEMPT and kind is Kind.STEP_STARTED:
            self._give_up(run)

    def mark(self, event: str, run: RunInfo) -> None:
        """A named moment of a run that belongs to no step's attempt: `SleepStarted`, `WaitStarted`."""
        if self.moments is not None:
            self.moments.marked(event, run, self.running)

    def run_started(self, lane: str, run: RunInfo) -> None:
        self.recorder.run_started(self.now, lane, run)

    def run_ended(self, lane: str, run: RunInfo, status: str) -> None:
        self.recorder.run_ended(self.now, lane, run, status)

    def _give_up(self, run: RunInfo) -> None:
        """Stops the simulation once every run that is still open only repeats itself."""
        self._hopeless.add(run.name)
        if all(each.ended_at is not None or each.name in self._hopeless for each in self.recorder.runs.values()):
            self.stop()
