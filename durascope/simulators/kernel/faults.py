"""Faults: what breaks, and exactly when.

`Moments` is told of every moment that passes and fires what waits for it, on the spot. `FaultInjector` turns a
scenario's faults into such waiters, into ones for events by their numbers (`Points`), or into callbacks at a time.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durascope.models.changes import Versions
from durascope.models.scenario import Crash, Cut, Deploy, Hang, Outage, RandomFault, Scenario, Trigger
from durascope.models.trace import NETWORK, Kind
from durascope.models.units import FOREVER
from durascope.simulators.kernel.clock import Steps
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.points import Points
from durascope.simulators.kernel.runs import Moment, RunInfo
from durascope.simulators.kernel.world import Killed, World

if TYPE_CHECKING:
    from durascope.simulators.engine import Engine

Action = Callable[[RunInfo | None], Any]


@dataclass(slots=True, eq=False)
class _Waiter:
    attempt: int | None
    numbers: frozenset[int] | None
    """Only these runs' moments count; None: any run's."""
    every: bool
    """Fires once for each run, instead of once."""
    after: int
    action: Action
    fired: set[str] = field(default_factory=set[str])

    def takes(self, run: RunInfo, attempt: int | None) -> bool:
        if self.numbers is not None and run.number not in self.numbers:
            return False
        if self.attempt is not None and attempt is not None and attempt != self.attempt:
            return False
        return not self.fired if not self.every else run.name not in self.fired


class Moments:
    """What waits for which moment.

    Things that wait for the same moment happen in the order in which they were registered.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._steps: dict[tuple[str, str], list[_Waiter]] = {}
        self._marks: dict[str, list[_Waiter]] = {}
        self._did: dict[tuple[str, str], Component] = {}
        """By run and watched step: who began it last, or is about to."""
        self._watched: set[str] = set()
        """The steps whose moments something waits for: a load passes very many others."""

    def wait(
        self, trigger: Trigger, action: Action, *, numbers: frozenset[int] | None = None, every: bool = False
    ) -> None:
        """Has `action(run)` done when the trigger's moment has passed (and its `after` is over)."""
        waiter = _Waiter(trigger.attempt, numbers, every, trigger.after, action)
        if trigger.step is not None:
            self._watched.add(trigger.step)
        if trigger.event is not None:
            self._marks.setdefault(str(trigger.event), []).append(waiter)
        else:
            self._steps.setdefault((trigger.step or "", trigger.moment or ""), []).append(waiter)

    def watched(self, step: str, *moments: str) -> bool:
        """Whether anything waits for one of these moments of the step, or has."""
        return any((step, moment) in self._steps for moment in moments)

    def doer(self, run: RunInfo | None, step: str | None) -> Component | None:
        """The component that last began that step, of whose moments one is waited for."""
        return None if run is None or step is None else self._did.get((run.name, step))

    def about_to(self, run: RunInfo, step: str, component: Component) -> None:
        """That component is the one that the step, not begun yet, will be done by."""
        if step in self._watched:
            self._did[run.name, step] = component

    def passed(self, moment: str, run: RunInfo, step: str, attempt: int | None, running: Component | None) -> None:
        if step not in self._watched:
            return
        if moment == "started" and running is not None:
            self._did[run.name, step] = running
        waiters = self._steps.get((step, moment))
        if waiters is not None:
            self._fire(waiters, run, attempt, running)

    def marked(self, event: str, run: RunInfo, running: Component | None) -> None:
        waiters = self._marks.get(event)
        if waiters is not None:
            self._fire(waiters, run, None, running)

    def written(self, moments: Iterable[Moment], running: Component | None) -> None:
        """The moments of one transaction, first attempts and marks: a fault at one of them leaves none of them out.

        Raises `Killed`, once all have passed, where one of them was the death of whoever acts.
        """
        killed = None
        for kind, name, run in moments:
            try:
                if kind is None:
                    self.marked(name, run, running)
                else:
                    self.passed(kind.value, run, name, 1, running)
            except Killed as death:
                killed = death
        if killed is not None:
            raise killed

    def _fire(self, waiters: Sequence[_Waiter], run: RunInfo, attempt: int | None, running: Component | None) -> None:
        incarnation = None if running is None else running.incarnation
        for waiter in waiters:
            if not waiter.takes(run, attempt):
                continue
            waiter.fired.add(run.name)
            if waiter.after:
                self.world.process(self._later(waiter, run))
            else:
                self.world.struck += 1
                waiter.action(run)
        if running is not None and running.incarnation != incarnation:
            raise Killed

    def _later(self, waiter: _Waiter, run: RunInfo) -> Steps:
        yield self.world.env.timeout(waiter.after)
        waiter.action(run)


class FaultInjector:
    """Arms a scenario's faults against an engine."""

    def __init__(self, world: World, scenario: Scenario, engine: Engine, moments: Moments) -> None:
        self.world = world
        self.scenario = scenario
        self.engine = engine
        self.moments = moments
        self._versions = Versions(engine.code)
        self.struck = array("q")
        """The scenario's faults that have struck: their places in it, from 0, in order."""
        self.struck_at = array("q")
        """When each of them did, in microseconds. Random crashes can be very many."""
        self._revives = any(isinstance(fault, Crash | Deploy) for fault in scenario.faults)
        """Whether something else may bring back what a random crash has killed for ever."""

    def arm(self) -> None:
        for number, fault in enumerate(self.scenario.faults):
            if isinstance(fault, RandomFault):
                self.world.process(self._random_crashes(fault, number), goes_on=False)
                continue
            action = self._action(number, fault)
            if fault.when is None:
                self.world.process(self._strikes_in(fault.at or 0, action))
            elif isinstance(fault.when.event, int):
                self._wait_for(fault.when.event, fault.when.after, fault, action)
            else:
                self.moments.wait(fault.when, action)

    def _wait_for(self, event: int, after: int, fault: Crash | Hang | Outage | Cut | Deploy, action: Action) -> None:
        """Has the action done after the event of that number; what it kills dies inside of its code."""
        points = self.world.points
        if points is None:
            points = self.world.points = Points(self.world)

        def victims() -> Sequence[Component]:
            return self._replica(fault.crash, fault, None) if isinstance(fault, Crash) else ()

        if after:
            points.wait(event, tuple, lambda: self.world.process(self._strikes_in(after, action)))
        else:
            points.wait(event, victims, lambda: action(None))

    def _strikes_in(self, delay: int, action: Action) -> Steps:
        yield self.world.env.timeout(delay)
        action(None)

    def _action(self, number: int, fault: Crash | Hang | Outage | Cut | Deploy) -> Action:
        def act(run: RunInfo | None) -> None:
            self._strikes(number)
            with self._whole():
                done(run)

        def done(run: RunInfo | None) -> None:
            match fault:
                case Crash():
                    replica = self._replica(fault.crash, fault, run)
                    self.world.process(self._crash(replica, fault.down_for, graceful=fault.graceful))
                case Hang():
                    replica = self._replica(fault.hang, fault, run)
                    for component in replica:
                        self.world.process(self._hang(component, fault.for_))
                case Outage():
                    self.engine.services.outage(fault.outage, fault.for_)
                case Cut():
                    self._cut(*fault.cut, fault.for_)
                case Deploy():
                    self._deploy(fault)

        return act

    def _replica(self, name: str, fault: Crash | Hang, run: RunInfo | None) -> Sequence[Component]:
        """The components that die together: the replica that is named, else the one that acts, else the first."""
        replicas = self.engine.replicas(name)
        if fault.replica is not None:
            return replicas[min(fault.replica, len(replicas)) - 1]
        doer = self._doer(fault.when, run, replicas)
        return next((replica for replica in replicas if doer in replica), replicas[0])

    def _doer(
        self, when: Trigger | None, run: RunInfo | None, replicas: Sequence[Sequence[Component]]
    ) -> Component | None:
        """Who acts: who does the step; or, after an event of that number, in whose lane it is, or who was the last of
        them before it.

        At a time of the clock, or when some run begins to sleep or to wait, nobody does: the first replica is hit then,
        as where recordings were made.
        """
        if when is None:
            return None
        if when.step is not None:
            return self.moments.doer(run, when.step)
        return self._last_to_act(replicas) if isinstance(when.event, int) else None

    def _last_to_act(self, replicas: Sequence[Sequence[Component]]) -> Component | None:
        """Of the run that the last event is about, if it is about one."""
        events = self.world.recorder.events
        of_these = {component.name: component for replica in replicas for component in replica}
        run = events[-1].run if events else None
        for event in reversed(events):
            if event.lane in of_these and (run is None or event.run == run):
                return of_these[event.lane]
        return None

    def _crash(self, replica: Sequence[Component], down_for: int, *, graceful: bool = False) -> Steps:
        for component in replica:
            if graceful:
                component.stop()
            else:
                component.crash()
        if down_for < FOREVER:
            asked = self.world.now
            yield self.world.env.timeout(down_for)
            late = max((component.killed_at for component in replica), default=asked) - asked
            if graceful and late > 0:  # it had not stopped by itself when it was killed
                yield self.world.env.timeout(late)
            with self._whole():
                for component in replica:
                    component.restart()

    def _hang(self, component: Component, duration: int) -> Steps:
        component.hang()
        yield self.world.env.timeout(duration)
        component.resume()

    def _whole(self) -> AbstractContextManager[None]:
        """What happens within it is not cut short by another fault."""
        points = self.world.points
        return nullcontext() if points is None else points.held()

    def _cut(self, one: str, other: str, duration: int) -> None:
        services = self.scenario.services
        if one in services or other in services:
            self.engine.services.outage(one if one in services else other, duration)
            return
        network = self.engine.network
        pairs = [
            (a, b)
            for left in self.engine.replicas(one)
            for right in self.engine.replicas(other)
            for a in left
            for b in right
        ]
        for a, b in pairs:
            network.cut(a, b)
            self.world.process(self._heals(a, b, duration))
        self.world.process(self._told(one, other, duration))

    def _heals(self, one: Component, other: Component, duration: int) -> Steps:
        if duration < FOREVER:
            yield self.world.env.timeout(duration)
            self.engine.network.heal(one, other)

    def _told(self, one: str, other: str, duration: int) -> Steps:
        self.world.emit(NETWORK, Kind.CUT, detail=(one, other))
        if duration < FOREVER:
            yield self.world.env.timeout(duration)
            self.world.emit(NETWORK, Kind.HEALED)

    def _deploy(self, fault: Deploy) -> None:
        workflow = self._versions.deploy(fault)
        self.engine.deploy(fault.deploy, workflow, fault.down_for, in_place=fault.in_place)

    def _random_crashes(self, fault: RandomFault, number: int) -> Steps:
        """One after the other, as long as one can strike. None of them keeps the simulation going."""
        every, down_for = fault.random.every, fault.random.down_for
        replicas = self.engine.replicas(fault.random.crash)
        for count in itertools.count(1):
            yield self.world.env.idle_timeout(self.world.scenario_luck.sample(every, "random fault", number, count))
            chosen = int(self.world.scenario_luck("random replica", number, count) * len(replicas))
            if any(component.alive for component in replicas[chosen]):  # the dead can't die
                self._strikes(number)
                self.world.process(self._crash(replicas[chosen], down_for), goes_on=False)
            if (
                down_for == FOREVER
                and not self._revives
                and not any(component.alive for replica in replicas for component in replica)
            ):
                return

    def _strikes(self, number: int) -> None:
        self.struck.append(number)
        self.struck_at.append(self.world.now)
