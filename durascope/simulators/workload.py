"""The workload: who starts runs and sends events, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from durascope.models.scenario import InputPool, InputShare, InputUniform, Scenario, WorkloadEvent
from durascope.models.units import SECOND, Spread
from durascope.simulators.engine import Engine, OutsideEvent, StartRequest
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
        self._started = scenario.started
        self._keys = workload.idempotency_keys or ()
        self._after = workload.after or 0
        self._start_with = workload.start_with
        self._addressed = {each.to for each in scenario.workload.events if isinstance(each.to, int)}
        self._runs: dict[int, RunInfo] = {}
        """The starts that an event is addressed to by number."""

    def arm(self) -> None:
        starting = starts(self.world, self.scenario)
        self._schedule_next(starting, next(starting, None))
        numbers: dict[str, int] = {}
        for event in self.scenario.workload.events:
            number = numbers[event.kind] = numbers.get(event.kind, 0) + 1
            self._arm_event(event, number)

    # ---- starts --------------------------------------------------------------------------------------------

    def _schedule_next(self, starts: Iterator[tuple[int, int]], first: tuple[int, int] | None) -> None:
        """Schedules the starts of the next instant, all in one request."""
        if first is None:
            return
        at, number = first
        together = [number]
        following = next(starts, None)
        while following is not None and following[0] == at:
            together.append(following[1])
            following = next(starts, None)
        self.world.ahead(at - self.world.now, self._start, together, starts, following)

    def _start(self, numbers: list[int], starts: Iterator[tuple[int, int]], following: tuple[int, int] | None) -> None:
        self.world.recorder.cause = None
        self.engine.client.execute(self.engine.start, [self._request(number) for number in numbers])
        self._schedule_next(starts, following)

    def _request(self, number: int) -> StartRequest:
        started = self._started
        workflow = started[number - 1] if number <= len(started) else started[-1]
        run = run_info(self.world, self.scenario, workflow, f"run {number}", number)
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
                self.world.ahead(event.at or 0, self._send, event, number, target, None)
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
        outside = OutsideEvent(
            number, event.kind, event.name, run, key, event.with_, from_entry=event.from_, deployment=event.deployment
        )
        self.engine.client.execute(self.engine.send, outside)


def starts(world: World, scenario: Scenario) -> Iterator[tuple[int, int]]:
    """(time, number) of every start, in time order."""
    workload = scenario.workload
    arrivals, luck = workload.arrivals, world.outside
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
    return [number for number in runs if world.outside("addressed", number) < share]


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
    program, luck = scenario.workflows[workflow], world.outside
    fields = {field: _input(luck, field, spec, name) for field, spec in program.input.items()}
    if name == f"run {number}":
        keys, inputs = scenario.workload.keys, scenario.workload.inputs
        if keys is not None and number <= len(keys):
            key = str(keys[number - 1])
        if inputs is not None and number <= len(inputs):
            fields.update(inputs[number - 1])
    if given:
        fields.update(given)
    key_field = program.key
    if key_field is not None:
        if key is None:
            value = fields.get(key_field)
            key = str(value) if value is not None else f"{key_field}-{number}"
        fields[key_field] = key
    return RunInfo(name, workflow, number, key, fields, name)


def _input(luck: Luck, field: str, spec: object, name: str) -> object:
    if isinstance(spec, InputPool):
        return f"{field}-{int(luck('input', name, field) * spec.pool) + 1}"
    if isinstance(spec, InputUniform):
        low, high = spec.uniform
        return round(low + luck("input", name, field) * (high - low), 2)
    if isinstance(spec, InputShare):
        return luck("input", name, field) < spec.share
    return f"{field}-{name.removeprefix('run ')}" if spec == "unique" else spec


def share_of(to: int | str | None) -> float | None:
    """The share of the runs that an event is addressed to, where it is one."""
    return float(to[:-1]) / 100 if isinstance(to, str) and to.endswith("%") else None
