"""The SimPy world: one clock, one list of what is to happen, and the services that everything in it shares."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
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


IDLE_CALLS: Final = 30_000
"""So many callbacks in a row without a step's moment, a run's begin or end, and nothing to come from outside:
somebody retries in vain, for ever."""


class Killed(BaseException):
    """Unwinds the code of a component that a fault has killed in the middle of what it did."""


class Call(simpy.Event):
    """A callback at a moment of the future, with the cause of what it will do: an event without anybody to tell."""

    __slots__ = ("args", "cause", "daemon", "fn", "incarnation", "owner")

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        cause: int | None,
        daemon: bool,
        owner: Component | None = None,
        incarnation: int = 0,
    ) -> None:
        self.fn: Callable[..., Any] | None = fn
        self.args = args
        self.cause = cause
        self.daemon = daemon
        self.owner = owner
        """Whose code it is; it happens only if that incarnation of it still lives."""
        self.incarnation = incarnation


class Clock(simpy.Environment):
    """SimPy's environment, whose step knows a `Call` and makes nothing of it but the call."""

    def __init__(self) -> None:
        super().__init__()
        self.number = self._eid.__next__

    def schedule(self, event: simpy.Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        heappush(self._queue, (self._now + delay, priority, self.number(), event))


class World:
    """Where a simulation happens.

    Time is an integer number of microseconds. The simulation is over when nothing is left to happen but *daemon*
    callbacks (polls, scans and the like, which would go on for ever).
    """

    def __init__(self, seed: int, *, full: bool, engine_luck: Luck | None = None) -> None:
        self.env = Clock()
        self.now: int = 0
        """Microseconds since the start."""
        self.outside = Luck(seed)
        """What happens outside of every engine: arrivals, inputs, how long steps take and whether they fail."""
        self.luck = self.outside if engine_luck is None else engine_luck
        """What an engine's own parts leave to luck: delays, and who takes which task."""
        self.recorder = Recorder(full=full)
        self.full = full
        self.emit: Callable[..., None] = self._record if full else self._count
        """`emit(lane, kind, run, step, attempt, detail)` puts an event into the trace, or only counts it."""
        self.running: Component | None = None
        """The component whose code is being executed."""
        self.components: dict[str, Component] = {}
        self.most_runs = HORIZON_US
        """The simulation stops when more runs than this have begun: a workflow that starts itself never ends."""
        self.moments: Moments | None = None
        """What waits for moments of steps (faults, events of the workload); None: nothing."""
        self._points: dict[int, Callable[[], Any]] = {}
        self._pending = 0
        self._progress = 0
        self._runs = 0
        self._ahead = 0
        self._stopped = False
        self._hopeless: set[str] = set()

    # ---- the future ----------------------------------------------------------------------------------------

    def after(self, delay: int, fn: Callable[..., Any], *args: Any, daemon: bool = False) -> Call:
        """Calls `fn(*args)` in `delay` microseconds; `cancel` takes it back."""
        if not daemon:
            self._pending += 1
        env = self.env
        call = Call(fn, args, self.recorder.cause, daemon)
        heappush(env._queue, (self.now + delay, NORMAL, env.number(), call))
        return call

    def ahead(self, delay: int, fn: Callable[..., Any], *args: Any) -> None:
        """The same for what comes from outside (a start, an event, a fault, its end): it sets things going again."""
        self._ahead += 1
        self.after(delay, self._arrive, fn, args)

    def _arrive(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._ahead -= 1
        fn(*args)

    def after_in(
        self, owner: Component, delay: int, fn: Callable[..., Any], args: tuple[Any, ...], daemon: bool
    ) -> Call:
        """The same for code of a component: it happens only if the component has not died by then."""
        if not daemon:
            self._pending += 1
        env = self.env
        call = Call(fn, args, self.recorder.cause, daemon, owner, owner.incarnation)
        heappush(env._queue, (self.now + delay, NORMAL, env.number(), call))
        return call

    def cancel(self, call: Call | None) -> None:
        """Takes a callback back; one that has happened, was taken back or is None is left alone."""
        if call is not None and call.fn is not None:
            call.fn = None
            if not call.daemon:
                self._pending -= 1

    def after_event(self, number: int, fn: Callable[[], Any]) -> None:
        """Calls `fn()` when the trace's event of that number has happened: after the code that it belongs to, before
        anything else. What a piece of code does in one instant is one transaction, which a crash cannot cut in two.
        """
        self._points[number] = fn

    def _interrupt(self, fn: Callable[[], Any]) -> None:
        self._pending += 1
        self.env.schedule(Call(fn, (), self.recorder.cause, daemon=False), URGENT)

    def run(self) -> None:
        """Lets everything happen, until nothing is left that matters."""
        env, recorder = self.env, self.recorder
        queue = env._queue
        idle, progress = 0, self._progress
        while self._pending and not self._stopped and queue[0][0] <= HORIZON_US:
            idle += 1
            if idle >= IDLE_CALLS:
                if self._progress == progress and not self._ahead:
                    break
                idle, progress = 0, self._progress
            call = queue[0][3]
            if type(call) is not Call:
                self.now = int(queue[0][0])
                env.step()
                continue
            self.now = env._now = heappop(queue)[0]  # pyright: ignore[reportAttributeAccessIssue] - times are whole
            fn = call.fn
            if fn is not None:
                call.fn = None
                if not call.daemon:
                    self._pending -= 1
                recorder.cause = call.cause
                owner = call.owner
                if owner is None:
                    fn(*call.args)
                elif owner.alive and owner.incarnation == call.incarnation:
                    if owner.hung is None:
                        self.running = owner
                        try:  # noqa: SIM105  (this is the innermost loop)
                            fn(*call.args)
                        except Killed:
                            pass  # by a fault in the middle of it: nothing after that line has happened
                        self.running = None
                    else:
                        owner.execute(fn, *call.args)

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

    def _count(
        self,
        _lane: str,
        _kind: Kind,
        run: RunInfo | None = None,
        step: str | None = None,
        attempt: int | None = None,
        detail: object = None,
    ) -> None:
        self.recorder.count += 1

    def moment(
        self, lane: str, kind: Kind, run: RunInfo, step: str, attempt: int | None = None, detail: object = None
    ) -> None:
        """Puts a moment of a step into the trace and fires what waits for it, exactly here.

        A fault that kills the component whose code is running raises `Killed`: nothing after this call happens.
        """
        if attempt is None or attempt < HOPELESS_ATTEMPT:
            self._progress += 1
        if self.full:
            self._record(lane, kind, run, step, attempt, detail)
        else:
            self.recorder.count += 1
        if self.moments is not None:
            self.moments.passed(kind.value, run, step, attempt, self.running)
        if attempt is not None and attempt >= HOPELESS_ATTEMPT and kind is Kind.STEP_STARTED:
            self.give_up(run)

    def mark(self, event: str, run: RunInfo) -> None:
        """A named moment of a run that belongs to no step's attempt: `SleepStarted`, `WaitStarted`."""
        if self.moments is not None:
            self.moments.marked(event, run, self.running)

    def run_started(self, lane: str, run: RunInfo) -> None:
        self._progress += 1
        self.recorder.run_started(self.now, lane, run)
        self._runs += 1
        if self._runs > self.most_runs:
            self.stop()

    def run_ended(self, lane: str, run: RunInfo, status: str) -> None:
        self._progress += 1
        self.recorder.run_ended(self.now, lane, run, status)

    def give_up(self, run: RunInfo) -> None:
        """Stops the simulation once every run that is still open only repeats itself."""
        self._hopeless.add(run.name)
        if all(each.ended_at is not None or each.name in self._hopeless for each in self.recorder.runs.values()):
            self.stop()
