"""The workload: who starts runs and sends events, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

from durascope.models.scenario import InputPool, InputShare, InputUniform, Scenario, WorkloadEvent
from durascope.models.trace import Kind
from durascope.models.units import SECOND, Spread
from durascope.simulators.engine import Engine, OutsideEvent, StartRequest
from durascope.simulators.kernel.clock import Steps
from durascope.simulators.kernel.faults import Moments
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World


class WorkloadDriver:
    """Starts runs and sends events in time order; a million runs are never in memory at once."""

    def __init__(self, world: World, scenario: Scenario, engine: Engine, moments: Moments) -> None:
        self.world = world
        self.scenario = scenario
        self.engine = engine
        self.moments = moments
        workload = scenario.workload
        self._identities: dict[str, Identities] = {}
        self._keys = workload.idempotency_keys or ()
        self._after = workload.after or 0
        self._start_with = workload.start_with
        self._addressed = {each.to for each in scenario.workload.events if isinstance(each.to, int)}
        self._runs: dict[int, RunInfo] = {}
        """The starts that an event is addressed to by number."""

    def arm(self) -> None:
        if any(event.of for event in self.scenario.workload.events):
            self.world.recorder.identities = {}
        self.world.process(self._arrivals())
        numbers: dict[str, int] = {}
        for event in self.scenario.workload.events:
            number = numbers[event.kind] = numbers.get(event.kind, 0) + 1
            self._arm_event(event, number)

    # ---- starts --------------------------------------------------------------------------------------------

    def _arrivals(self) -> Steps:
        """The starts of one instant are one request."""
        for at, numbered in groupby(starts(self.world, self.scenario), key=itemgetter(0)):
            numbers = [number for _, number in numbered]
            yield self.world.env.timeout(at - self.world.now)
            self.world.recorder.cause = None
            self.engine.client.execute(self.engine.start, [self._request(number) for number in numbers])

    def _request(self, number: int) -> StartRequest:
        workflow = self.scenario.workflow_of(number)
        identities = self._identities.get(workflow)
        if identities is None:
            identities = self._identities[workflow] = Identities(self.scenario, workflow)
        run = identities.run(self.world.scenario_luck, f"run {number}", number)
        if number in self._addressed:
            self._runs[number] = run
        keys = self._keys
        key = keys[number - 1] if number <= len(keys) else None
        return StartRequest(run, self._after, key, self._start_with)

    # ---- events --------------------------------------------------------------------------------------------

    def _arm_event(self, event: WorkloadEvent, number: int) -> None:
        share = share_of(event.to)
        if event.when is None:
            for target in self._targets(event, share):
                self.world.process(self._sends(event, number, target))
            return
        numbers = frozenset((event.to,)) if isinstance(event.to, int) else None
        if share is not None:
            numbers = frozenset(chosen(self.world, self.scenario, share))
        every = share is not None or event.to == "each"
        self.moments.wait(
            event.when,
            lambda run: self._send(event, number, run.number if every and run is not None else event.to, run),
            numbers=numbers,
            every=every,
        )

    def _sends(self, event: WorkloadEvent, number: int, to: int | str | None) -> Steps:
        yield self.world.env.timeout(event.at or 0)
        self._send(event, number, to, None)

    def _targets(self, event: WorkloadEvent, share: float | None) -> list[int | str | None]:
        if share is not None:
            return list(chosen(self.world, self.scenario, share))
        if event.to == "each":
            return list(range(1, self.scenario.workload.runs + 1))
        return [event.to]

    def _send(self, event: WorkloadEvent, number: int, to: int | str | None, seen: RunInfo | None) -> None:
        run = key = None
        if isinstance(to, int):
            run = self._runs.get(to)
            if run is None and seen is not None and seen.name == f"run {to}":
                run = seen
            if run is None:
                run = self._request(to).run
        elif to is not None:
            key = to
        if event.of is not None:
            run, key = self._started_by(run, key, event.of), None
            if run is None:
                detail = (event.name, f"no run of {event.of}")
                self.world.emit(self.engine.client.name, Kind.MESSAGE_REFUSED, detail=detail)
                return
        outside = OutsideEvent(
            number,
            event.kind,
            event.name,
            run,
            key,
            event.with_,
            from_entry=event.from_,
            deployment=event.deployment,
            step=event.step,
            time=event.time,
        )
        self.engine.client.execute(self.engine.send, outside)

    def _started_by(self, run: RunInfo | None, key: str | None, workflow: str) -> RunInfo | None:
        """The latest run of that workflow which `run` has called or started, or which has that key."""
        of_workflow = [each for each in (self.world.recorder.identities or {}).values() if each.workflow == workflow]
        if run is not None:
            of_workflow = [each for each in of_workflow if each.luck.startswith(f"{run.luck}/")]
        elif key is not None:
            of_workflow = [each for each in of_workflow if each.key == key]
        return of_workflow[-1] if of_workflow else None


def starts(world: World, scenario: Scenario) -> Iterator[tuple[int, int]]:
    """(time, number) of every start, in time order.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.models.overrides import Overrides
    >>> orders = load_scenario("order-fulfillment", Overrides(("workload.arrivals={every: 2s}",), runs=3))
    >>> list(starts(World(0, full=True), orders))
    [(0, 1), (2000000, 2), (4000000, 3)]
    """
    workload = scenario.workload
    arrivals, luck = workload.arrivals, world.scenario_luck
    if arrivals.poisson is not None:
        at, gap = 0, Spread("exponential", (round(SECOND / arrivals.poisson),))
        for number in range(1, workload.runs + 1):
            at += gap.at(luck("arrival", number))
            yield at, number
    elif arrivals.every is not None:
        for number in range(1, workload.runs + 1):
            yield (number - 1) * arrivals.every, number
    elif arrivals.at is not None:
        times = arrivals.at
        numbered = [(times[min(n, len(times)) - 1], n) for n in range(1, workload.runs + 1)]
        yield from sorted(numbered)
    else:
        for number in range(1, workload.runs + 1):
            yield 0, number


def chosen(world: World, scenario: Scenario, share: float) -> list[int]:
    """The runs that make up a share of all."""
    runs = range(1, scenario.workload.runs + 1)
    return [number for number in runs if world.scenario_luck("addressed", number) < share]


def run_info(
    world: World,
    scenario: Scenario,
    workflow: str,
    name: str,
    number: int,
    *,
    key: str | None = None,
    given: Mapping[str, object] | None = None,
) -> RunInfo:
    """The identity of a run: its input fields are drawn from luck unless the workload or `given` names them.

    `number` is the workload's start (its `keys` and `inputs` apply to `run N` itself); other runs pass theirs.
    """
    return Identities(scenario, workflow).run(world.scenario_luck, name, number, key, given)


class Identities:
    """The identities of a workflow's runs: what they are made of, read off the scenario once."""

    __slots__ = ("_fields", "_inputs", "_key", "_keys", "_workflow")

    def __init__(self, scenario: Scenario, workflow: str) -> None:
        program = scenario.workflows[workflow]
        self._workflow = workflow
        self._fields = tuple((field, _source(field, spec)) for field, spec in program.input.items())
        self._key = program.key
        self._keys = scenario.workload.keys or ()
        self._inputs = scenario.workload.inputs or ()

    def run(
        self, luck: Luck, name: str, number: int, key: str | None = None, given: Mapping[str, object] | None = None
    ) -> RunInfo:
        """See `run_info`."""
        fields = {field: source(luck, name) for field, source in self._fields}
        if (self._keys or self._inputs) and name == f"run {number}":
            if number <= len(self._keys):
                key = str(self._keys[number - 1])
            if number <= len(self._inputs):
                fields.update(self._inputs[number - 1])
        if given:
            fields.update(given)
        if self._key is not None:
            if key is None:
                value = fields.get(self._key)
                key = str(value) if value is not None else f"{self._key}-{number}"
            fields[self._key] = key
        return RunInfo(name, self._workflow, number, key, fields, name)


def _source(field: str, spec: object) -> Callable[[Luck, str], object]:
    """What gives a run of that name its value of the field."""
    match spec:
        case InputPool(pool=pool):
            return lambda luck, name: f"{field}-{int(luck('input', name, field) * pool) + 1}"
        case InputUniform(uniform=(low, high)):
            return lambda luck, name: round(low + luck("input", name, field) * (high - low), 2)
        case InputShare(share=share):
            return lambda luck, name: luck("input", name, field) < share
        case "unique":
            return lambda _, name: f"{field}-{name.removeprefix('run ')}"
        case value:
            return lambda _luck, _name: value


def share_of(to: int | str | None) -> float | None:
    """The share of the runs that an event is addressed to, where it is one.

    >>> share_of("25%"), share_of(3)
    (0.25, None)
    """
    return float(to[:-1]) / 100 if isinstance(to, str) and to.endswith("%") else None
