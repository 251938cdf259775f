"""The SimPy world: one clock, one list of what is to happen, and the services that everything in it shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Final

import simpy
from simpy.events import NORMAL, URGENT

from durascope.models.trace import Kind, Stopped, StopReason
from durascope.simulators.kernel.clock import Clock, IdleTimeout, Outside, Steps
from durascope.simulators.kernel.limits import (
    DEEPEST,
    HOPELESS_ATTEMPT,
    HOPELESS_WINDOW,
    HORIZON_US,
    MOST_CALLBACKS_AT_ONE_MOMENT,
    MOST_CALLBACKS_IN_VAIN,
    WINDOW,
    Limits,
    stopped,
)
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.kernel.recorder import Recorder
from durascope.simulators.kernel.runs import Moment, RunInfo

if TYPE_CHECKING:
    from durascope.simulators.kernel.component import Component
    from durascope.simulators.kernel.faults import Moments
    from durascope.simulators.kernel.points import Points

_STEP_SCHEDULED: Final = Kind.STEP_SCHEDULED
_STEP_STARTED: Final = Kind.STEP_STARTED
_STEP_RECORDED: Final = Kind.STEP_RECORDED

_LAST: Final = 2
"""A priority below SimPy's."""

MANY_CANCELLED: Final = 64
"""Below this many cancelled entries the queue is not compacted."""


class Killed(BaseException):
    """Unwinds the code of a component that a fault has killed in the middle of what it did."""


class Callback:
    """A scheduled callback that can be cancelled, or that belongs to a component."""

    __slots__ = ("daemon", "incarnation", "live", "owner")

    def __init__(self, daemon: bool, owner: Component | None = None, incarnation: int = 0) -> None:
        self.live = True
        """True until it has run or been cancelled."""
        self.daemon = daemon
        self.owner = owner
        """Whose code it is; it runs only if that incarnation of the component still lives."""
        self.incarnation = incarnation


END: Final = object()
"""What stands in the queue where the simulation is to end."""


def _no_network(*_: Any) -> None:
    raise AssertionError("a message without a network")


class World:
    """Where a simulation happens.

    Time is an integer number of microseconds. The simulation is over when nothing is left to happen but *daemon*
    callbacks (polls, scans and the like, which would go on for ever), or when a limit stops it (`stopped`).

    >>> world = World(0, full=True)
    >>> later = world.after(2_000_000, print, "two seconds later")
    >>> world.run()
    two seconds later
    >>> world.now
    2000000
    """

    __slots__ = (
        "_attempts",
        "_cancelled",
        "_externals",
        "_hopeless",
        "_runs",
        "components",
        "deliver",
        "delivers_directly",
        "emit",
        "env",
        "followed",
        "forget",
        "full",
        "inert_entries",
        "limits",
        "luck",
        "many",
        "moments",
        "next_eid",
        "now",
        "points",
        "progressed",
        "queue",
        "recorder",
        "running",
        "scenario_luck",
        "stopped",
        "struck",
    )  # fmt: skip

    def __init__(self, seed: int, *, full: bool, many: bool = False, engine_luck: Luck | None = None) -> None:
        self.now: int = 0
        """Microseconds since the start."""
        self.env = Clock(self)
        self.queue = self.env.queue
        """Scheduled callbacks and messages. The kernel's own."""
        self.next_eid = self.env.next_eid
        self.scenario_luck = Luck(seed)
        """Random draws that are the same on every engine: arrivals, inputs, how long steps take, whether they fail."""
        self.delivers_directly = not full
        """Nothing is cut and no event is kept: a message to a living component just arrives."""
        self.deliver: Callable[..., None] = _no_network
        """The network's `deliver(message, handler, args)`."""
        self.luck = self.scenario_luck if engine_luck is None else engine_luck
        """The random draws of an engine's own parts: delays, and who takes which task."""
        self.recorder = Recorder(full=full, many=many)
        self.many = many
        """With this many runs, only the numbers of a run that has ended are kept."""
        self.forget: Callable[[RunInfo], None] | None = None
        """Called for each run that has ended, if only numbers are kept."""
        self.followed: Callable[[int], object] | None = None
        """Called now and then with the number of runs that have begun."""
        self.full = full
        self.emit: Callable[..., None] = self._record if full else self._count
        """`emit(lane, kind, run, step, attempt, detail)` puts an event into the trace, or only counts it."""
        self.running: Component | None = None
        """The component whose code is being executed."""
        self.components: dict[str, Component] = {}
        self.limits = Limits.of(1_000_000)
        """What the simulation may use before it is stopped."""
        self.stopped: Stopped | None = None
        """The limit that has stopped the simulation; None: it has ended by itself."""
        self.moments: Moments | None = None
        """What waits for moments of steps (faults, events of the workload); None: nothing."""
        self.points: Points | None = None
        """What waits for events of the trace by their numbers (only where all are kept); None: nothing."""
        self.struck = 0
        """How many times a moment has triggered something at once: a fault, or a message from outside."""
        self.inert_entries = 0
        """Entries of the queue that keep nothing alive: daemons, cancelled ones, the end. The kernel's own."""
        self._cancelled = 0
        """Entries of the queue that have been cancelled."""
        self.progressed = False
        """Something durable has changed: a run has begun or ended, the engine has recorded something new."""
        self._runs = 0
        self._externals = 0
        self._hopeless: set[str] = set()
        self._attempts: dict[tuple[str, str], int] = {}
        """By run and step, if there was a second attempt: the latest."""

    # ---- the future ----------------------------------------------------------------------------------------

    def after(self, delay: int, fn: Callable[..., Any], *args: Any, daemon: bool = False) -> Callback:
        """Calls `fn(*args)` in `delay` microseconds, unless `cancel` is called first."""
        if daemon:
            self.inert_entries += 1
        call = Callback(daemon)
        heappush(self.queue, (self.now + delay, NORMAL, self.next_eid(), call, fn, args, self.recorder.cause))
        return call

    def post(self, delay: int, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """The same for what cannot be cancelled, such as a message that has left: no object stands for it."""
        next_eid = self.next_eid
        heappush(self.queue, (self.now + delay, NORMAL, next_eid(), None, fn, args, self.recorder.cause))

    def process(self, steps: Steps, *, goes_on: bool = True) -> None:
        """Starts a SimPy process for what comes from outside: starts, events, faults and their ends.

        Its code begins at once, in the place that starts it. While it lives, more is to come from outside
        (`more_to_come`), unless it would run forever: `goes_on=False`.

        >>> def outage(world, service):
        ...     service.fails()
        ...     yield world.env.timeout(5_000_000)
        ...     service.recovers()
        """
        first = next(steps, None)
        if first is not None:
            process = Outside(self.env, steps, first)
            if goes_on:
                self._externals += 1
                process.callbacks.append(self._over)

    def _over(self, _: simpy.Event) -> None:
        self._externals -= 1

    @property
    def unseen(self) -> bool:
        """Whether events are only counted from here on, and nothing waits for one of them."""
        return self.points is None and (not self.full or self.recorder.overflows)

    @property
    def more_to_come(self) -> bool:
        """Whether something from outside is still to come within the time that is simulated."""
        return self._externals > 0 and any(
            entry[0] < HORIZON_US and isinstance(entry[3], simpy.Event) and type(entry[3]) is not IdleTimeout
            for entry in self.queue
        )

    def cancel(self, call: Callback | None) -> None:
        """Cancels a callback; one that has run, was cancelled or is None is left alone."""
        if call is not None and call.live:
            call.live = False
            if not call.daemon:
                self.inert_entries += 1
            self._cancelled += 1
            if self._cancelled > MANY_CANCELLED and 2 * self._cancelled > len(self.queue):
                self._drop_cancelled()

    def _drop_cancelled(self) -> None:
        """Compacts the queue if most of its entries are cancelled: a short queue is a fast one."""
        self.queue[:] = (entry for entry in self.queue if type(entry[3]) is not Callback or entry[3].live)
        heapify(self.queue)
        self.inert_entries -= self._cancelled
        self._cancelled = 0

    def interrupt(self, fn: Callable[[], Any]) -> None:
        """Calls `fn()` when the code that is running has ended, before anything else."""
        heappush(self.queue, (self.now, URGENT, self.next_eid(), None, fn, (), self.recorder.cause))

    def cut(self) -> None:
        """Here one transaction of a `transactional` component has ended and nothing else has begun: a crash after an
        event of that transaction strikes now. Raises `Killed`."""
        if self.points is not None:
            self.points.strike()

    def run(self) -> None:
        """Runs the simulation until nothing is left that matters."""
        self.inert_entries += 1
        heappush(self.queue, (HORIZON_US, _LAST, self.next_eid(), END, None, (), None))
        callbacks = in_vain = at_once = futile = 0
        while True:
            self.progressed, newest, began = False, self.next_eid(), self.now
            window = HOPELESS_WINDOW if self._hopeless else WINDOW
            if self._run_on(window):
                break
            if self.followed is not None:
                self.followed(self._runs)
            callbacks += window
            in_vain = 0 if self.progressed else in_vain + window
            at_once = 0 if self.progressed or self.now > began else at_once + window
            still_to_come = self.progressed or self.more_to_come or self._set_before(newest)
            futile = 0 if still_to_come else futile + 1
            if futile == 2:  # what was set within the first one would show in the second
                if self._beyond_the_horizon():
                    self._stop(StopReason.HORIZON)
                elif self.recorder.open_runs():
                    self._stop(StopReason.NO_PROGRESS)
                break
            if in_vain >= MOST_CALLBACKS_IN_VAIN:
                self._stop(StopReason.IN_VAIN)
            elif at_once >= MOST_CALLBACKS_AT_ONE_MOMENT:
                self._stop(StopReason.CLOCK)
            elif callbacks >= self.limits.callbacks:
                self._stop(StopReason.CALLBACKS)
            if self.stopped is not None:
                break
        if self.stopped is not None:
            self.recorder.stopped(self.stopped.reason)

    def _set_before(self, eid: int) -> bool:
        """Whether something is still to come that was set before that entry of the queue: no loop that just goes on.

        What is due later than the horizon never comes.
        """
        return any(entry[2] < eid and entry[0] < HORIZON_US and self._matters(entry[3]) for entry in self.queue)

    def _beyond_the_horizon(self) -> bool:
        return any(entry[0] >= HORIZON_US and self._matters(entry[3]) for entry in self.queue)

    @staticmethod
    def _matters(call: object) -> bool:
        """Whether an entry of the queue can still run, and is not a daemon."""
        if type(call) is not Callback:
            return call is not END and type(call) is not IdleTimeout
        owner = call.owner
        return call.live and not call.daemon and (owner is None or owner.incarnation == call.incarnation)

    def _stop(self, reason: StopReason) -> None:
        if self.stopped is None:
            self.stopped = stopped(reason, self.now, self.limits)

    def _run_on(self, calls: int) -> bool:
        """Executes that many callbacks. Returns True if the simulation has ended with them."""
        recorder, queue = self.recorder, self.queue
        for _ in range(calls):
            at, _, _, call, fn, args, cause = heappop(queue)
            if call is None:
                self.now, recorder.cause = at, cause
                fn(*args)
            elif type(call) is tuple:
                self.now, recorder.cause = at, cause
                receiver = call[0]
                if self.delivers_directly and receiver.alive and receiver.hung is None:  # what `deliver` comes down to
                    recorder.count += 1
                    self.running = receiver
                    try:  # noqa: SIM105 - as in `run_in`
                        fn(*args)
                    except Killed:
                        pass
                    self.running = None
                else:
                    self.deliver(call, fn, args)
            elif type(call) is not Callback:
                if call is END:
                    if at == HORIZON_US and any(self._matters(entry[3]) for entry in queue):
                        self._stop(StopReason.HORIZON)
                    return True
                if type(call) is IdleTimeout:
                    if len(queue) < self.inert_entries:
                        return True  # nothing else is left
                    self.inert_entries -= 1
                self.now, recorder.cause = int(at), cause
                self.env.happens(call)
            elif not call.live:
                self._cancelled -= 1
                self.inert_entries -= 1
            else:
                if call.daemon:
                    if len(queue) < self.inert_entries:
                        return True  # nothing else is left
                    self.inert_entries -= 1
                self.now, recorder.cause = at, cause
                call.live = False
                owner = call.owner
                if owner is None:
                    fn(*args)
                elif owner.incarnation != call.incarnation or not owner.alive:
                    pass
                elif owner.hung is None:
                    self.running = owner
                    try:  # noqa: SIM105 - as in `run_in`; this is the innermost loop
                        fn(*args)
                    except Killed:
                        pass
                    self.running = None
                else:
                    owner.hung.append((fn, args))
        return False

    def run_in(self, owner: Component, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Runs code of a living component that no other component's code has called."""
        if self.points is not None and self.points.due:
            self.points.strike()
            if not owner.alive:
                return
        if owner.hung is not None:
            owner.hung.append((fn, args))
            return
        self.running = owner
        try:  # noqa: SIM105 - this is the innermost loop
            fn(*args)
        except Killed:
            pass  # by a fault in the middle of it: nothing after that line has happened
        self.running = None

    def stop(self, reason: StopReason) -> None:
        """Nothing happens any more after the code that is running."""
        self._stop(reason)
        heappush(self.queue, (-1, URGENT, self.next_eid(), END, None, (), None))

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
        points = self.points
        if points is not None and points.due:
            points.next_comes()
        self.recorder.emit(self.now, lane, kind, run, step, attempt, detail)
        if points is not None:
            points.passed(kind)

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
        if self.full:
            self._record(lane, kind, run, step, attempt, detail)
        else:
            self.recorder.count += 1
        if attempt is not None and attempt > 1:
            self._attempted(kind, run, step, attempt)
        elif kind is _STEP_RECORDED or kind is _STEP_SCHEDULED:
            self.progressed = True
        if self.moments is not None:
            self.moments.passed(kind.value, run, step, attempt, self.running)
        if self.points is not None:
            self.points.strike()

    def _attempted(self, kind: Kind, run: RunInfo, step: str, attempt: int) -> None:
        """One more attempt is progress, up to a number beyond which more do not matter."""
        if attempt >= HOPELESS_ATTEMPT:
            if kind is _STEP_STARTED:
                self.give_up(run)
        elif self._attempts.get((run.name, step), 1) < attempt:
            self._attempts[run.name, step] = attempt
            self.progressed = True
        elif kind is _STEP_RECORDED:
            self.progressed = True

    def mark(self, event: str, run: RunInfo) -> None:
        """A named moment of a run that belongs to no step's attempt: `SleepStarted`, `WaitStarted`."""
        if self.moments is not None:
            self.moments.marked(event, run, self.running)

    def written(self, lane: str, moments: Sequence[Moment]) -> None:
        """The moments that one transaction of an engine has brought about, each of a first attempt; without a kind it
        is a mark. All of them are in the trace, and known to whatever waits for one, before a fault at any of them
        kills. Raises `Killed` then.
        """
        for kind, name, run in moments:
            if kind is not None:
                self.emit(lane, kind, run, name, 1)
                self.progressed = True
        if self.moments is not None:
            self.moments.written(moments, self.running)
        if self.points is not None:
            self.points.strike()

    def run_started(self, lane: str, run: RunInfo) -> None:
        self.progressed = True
        self.recorder.run_started(self.now, lane, run)
        self._runs += 1
        if self._runs > self.limits.runs:
            self.stop(StopReason.RUNS)
        elif len(run.luck) > DEEPEST and run.luck.count("/") > DEEPEST:
            self.stop(StopReason.DEPTH)
        if self.points is not None:
            self.points.passed(Kind.RUN_STARTED)

    def run_ended(self, lane: str, run: RunInfo, status: str) -> None:
        self.progressed = True
        self.recorder.run_ended(self.now, lane, run, status)
        if self.forget is not None:
            self.forget(run)
        if self.points is not None:
            self.points.passed(Kind.RUN_ENDED)

    def give_up(self, run: RunInfo) -> None:
        """Stops the simulation once every run that is still open only repeats itself."""
        self._hopeless.add(run.name)
        if all(each.name in self._hopeless for each in self.recorder.open_runs()):
            self.stop(StopReason.RETRIES)
