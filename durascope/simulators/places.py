"""Places: where in an undisturbed simulation a crash after each event would strike, and which processes can die.

Two crashes of a process strike at the same place when nothing can tell them apart: no code has run between the two
that anybody but the dying process could notice. That holds in two cases, and in no other is it claimed:

- the first crash can't strike at its event (an engine's transaction is whole or not at all, a message leaves before its
  sender dies) and waits for where the second one strikes;
- both strike in one piece of code of an app's process, which has nothing durable, and between the two it has sent
  nothing, set or taken back no timer, changed nothing outside, and passed no moment that a reader of the trace counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario
from durascope.models.spans import NO_SPAN
from durascope.models.trace import Kind, Trace
from durascope.simulators.engine import Engine
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.points import Points
from durascope.simulators.kernel.world import Callback, World
from durascope.simulators.simulate import simulate

ENGINE = "engine"
"""What a fault calls the engine's own processes."""


@dataclass(frozen=True, slots=True)
class Process:
    """Something that dies as a whole."""

    name: str
    """As a fault names it: app, engine, a worker's name."""
    replica: int | None
    """Which of several, from 1; None: there is one."""
    lanes: frozenset[str]
    """Its components, as the trace names them."""


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A simulation, and all that is needed to break it anywhere."""

    trace: Trace
    processes: tuple[Process, ...]
    places: tuple[int, ...]
    """By event: where a crash of the process in whose code it happened strikes. Equal numbers: the same place."""
    code_of: tuple[str | None, ...]
    """By event: the component in whose code it happened; None: in nobody's."""

    def process_of(self, lane: str | None) -> Process | None:
        """The process that a lane of the trace is in; None: it is none that can die (a client, a service)."""
        return next((each for each in self.processes if lane in each.lanes), None)


def undisturbed(scenario: Scenario, engine: str, *, seed: int = 0) -> Undisturbed:
    """Simulates the scenario and notes the place of every event; the trace is the one that `simulate` gives.

    >>> from durascope.models.loading import load_scenario
    >>> found = undisturbed(load_scenario("order-fulfillment"), "restate")
    >>> [process.name for process in found.processes]
    ['engine', 'app']
    """
    watched: list[_Watch] = []
    trace = simulate(
        scenario, engine, seed=seed, full=True, records=False,
        also=lambda world, built: watched.append(_Watch(world, built, _processes(scenario, engine, built))),
    )  # fmt: skip
    watch = watched[0]
    return Undisturbed(trace, watch.processes, tuple(watch.places), tuple(watch.code_of))


def _processes(scenario: Scenario, engine: str, built: Engine) -> tuple[Process, ...]:
    """Every process once, under the name that says most."""
    components = spec_of(engine).components
    deployment = getattr(scenario.deployments, engine, None)
    named = list(components.load()(deployment)) if components and deployment is not None else []
    found: dict[frozenset[str], Process] = {}
    for name in (ENGINE, *(each for each in named if each not in (ENGINE, "app")), "app"):
        replicas = built.replicas(name)
        for number, replica in enumerate(replicas, start=1):
            lanes = frozenset(component.name for component in replica)
            found.setdefault(lanes, Process(name, number if len(replicas) > 1 else None, lanes))
    return tuple(found.values())


class _Watch(Points):
    """Stands where faults after events wait, arms one for each event, and notes where it would strike."""

    __slots__ = ("_apps", "_count", "_effects", "_known", "_late", "_told", "code_of", "places", "processes")

    def __init__(self, world: World, built: Engine, processes: tuple[Process, ...]) -> None:
        super().__init__(world)
        self.processes = processes
        self.places: list[int] = []
        self.code_of: list[str | None] = []
        self._apps = frozenset[str]().union(*(each.lanes for each in processes if each.name != ENGINE))
        self._effects: Callable[[], Any] = lambda: (len(built.services.ledger), built.services.duplicates)
        self._known: dict[tuple[Any, ...], int] = {}
        self._late: list[int] = []
        self._count = 0
        self._told = 0
        """Events that a reader of the trace makes something of."""
        world.points = self
        for _ in range(world.recorder.count):  # what happened while the world was built
            self._note(None)
            self.places[-1] = self._place(None)

    def passed(self, kind: Kind) -> None:
        """One more event: its place is here, or where the code can be cut next."""
        running = self.world.running
        self._note(running)
        self._told += kind not in NO_SPAN
        if running is not None and (running.transactional or kind is Kind.MESSAGE_SENT):
            self._late.append(len(self.places) - 1)
            self.world.interrupt(self._interrupted)
            self.due = [_nothing]  # so that the kernel tells where the code can be cut
        else:
            self.places[-1] = self._place(running)

    def _interrupted(self) -> None:
        self.strike()

    def strike(self) -> None:
        """What has waited strikes here."""
        if self.due:
            self.due = []
            place = self._place(self.world.running)
            for number in self._late:
                self.places[number] = place
            self._late = []

    def _note(self, running: Component | None) -> None:
        self.places.append(-1)
        self.code_of.append(None if running is None else running.name)

    def _place(self, running: Component | None) -> int:
        """A number of its own, or that of the place before, if nobody could tell the two apart."""
        self._count += 1
        if running is None or running.name not in self._apps:
            return self._count
        return self._known.setdefault((running.name, self._told, self._future(), self._effects()), self._count)

    def _future(self) -> tuple[Any, ...]:
        """What is to happen, without what this watch has put there: whatever code does for others changes it."""
        return tuple(
            sorted(
                (*entry[:3], type(entry[3]) is Callback and entry[3].live)
                for entry in self.world.queue
                if entry[4] != self._interrupted
            )
        )


def _nothing() -> None:
    """A fault that does nothing."""


def same_places(found: Undisturbed, process: Process) -> Sequence[tuple[int, int]]:
    """The events after which a crash of that process can strike, as (first, last) of those with the same place."""
    groups: list[tuple[int, int]] = []
    previous: int | None = None
    for number, place in enumerate(found.places):
        own = found.code_of[number] in process.lanes
        if own and groups and place == previous:
            groups[-1] = (groups[-1][0], number)
        else:
            groups.append((number, number))
        previous = place if own else None
    return groups
