"""One simulation: a scenario on one engine's model, from the first start to the last event that matters."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Final, ParamSpec

from durascope.models.engine import engine as spec_of
from durascope.models.engine import notes_of
from durascope.models.faults import follows_event
from durascope.models.many_runs import MANY, ManyRuns
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.unended import explained
from durascope.simulators.engine import Engine
from durascope.simulators.kernel.faults import FaultInjector, Moments
from durascope.simulators.kernel.limits import Limits
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.kernel.recorder import Recorder
from durascope.simulators.kernel.world import World
from durascope.simulators.workload import WorkloadDriver
from durascope.version import __version__

FULL_UP_TO: Final = 100
"""Up to this many runs, a trace keeps every event and every record, unless it is told otherwise."""


_Arguments = ParamSpec("_Arguments")

_SELDOM: Final = (100_000, 50, 100)
_OFTEN: Final = (100_000, 10, 5)
"""Where little is kept of each run, what is thrown away must not pile up."""


@contextmanager
def seldom_collected() -> Generator[None]:
    """Python's cycle collector looks at every object again and again while a simulation only makes more of them, and so
    does whatever packs many simulations.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _collected_once(simulating: Callable[_Arguments, Trace]) -> Callable[_Arguments, Trace]:
    """When a simulation is over, its world is one knot of garbage, and most often young.

    It goes at once: left to whoever simulates next, it would be looked at several times before it goes.
    """

    @wraps(simulating)
    def collected(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> Trace:
        with seldom_collected():
            trace = simulating(*arguments, **named)
        gc.collect(0)
        return trace

    return collected


@_collected_once
def simulate(
    scenario: Scenario,
    engine: str,
    *,
    seed: int = 0,
    engine_luck: Luck | None = None,
    full: bool | None = None,
    records: bool | None = None,
    also: Callable[[World, Engine], object] | None = None,
    followed: Callable[[int], object] | None = None,
) -> Trace:
    """Simulates the scenario on an engine's model.

    `seed` decides everything that is left to luck. With an `engine_luck` it decides what is outside of the engine only
    (inputs, arrivals, how steps go), and the engine's own part is left to that one: another way in which the same can
    go.
    `full` keeps every event and the ledger, `records` the runs' records; both default to whether the workload has at
    most `FULL_UP_TO` runs; where a fault follows an event by its number, every event is kept.
    `also(world, engine)` is called before the clock starts: there a caller puts SimPy processes of its own into the
    world (`world.env`), or what watches it. `followed` is told now and then how many runs have begun. The same
    arguments give the same trace, byte for byte.

    >>> from durascope.models.loading import load_scenario
    >>> trace = simulate(load_scenario("order-fulfillment"), "temporal")
    >>> trace.status, trace.effects["charge-payment"]
    ({'run 1': 'completed'}, 2)
    >>> trace == simulate(load_scenario("order-fulfillment"), "temporal")
    True
    """
    few = scenario.workload.runs <= FULL_UP_TO
    full = (few if full is None else full) or any(follows_event(fault) for fault in scenario.faults)
    many = not full and not records and scenario.workload.runs > MANY and not scenario.expect.one_at_a_time
    world = World(seed, full=full, many=many, engine_luck=engine_luck)
    world.limits = Limits.of(scenario.workload.runs)
    world.followed = followed
    model: Callable[..., Engine] = spec_of(engine).simulator.load()
    built = model(world, scenario, records=few if records is None else records)
    if scenario.faults or any(event.when for event in scenario.workload.events):
        world.moments = Moments(world)
    moments = world.moments or Moments(world)
    injector = FaultInjector(world, scenario, built, moments)
    injector.arm()
    WorkloadDriver(world, scenario, built, moments).arm()
    if also is not None:
        also(world, built)
    if many:
        gc.set_threshold(*_OFTEN)
    world.run()
    findings = built.findings()
    recorder, services = world.recorder, built.services
    trace = Trace(
        scenario=scenario.scenario,
        engine=engine,
        seed=seed,
        version=__version__,
        events=recorder.events,
        event_count=recorder.count,
        ended_at=world.now,
        runs=recorder.runs.values() if isinstance(recorder.runs, ManyRuns) else list(recorder.runs.values()),
        records=findings.records,
        ledger=services.ledger,
        effects=services.effects,
        effect_counts=services.effect_counts(),
        status=findings.status,
        counters=findings.counters | {"duplicate_effects": services.duplicates, "spent_usd": services.spent},
        facts=findings.facts | {"executions": dict(services.executions)},
        notes=list(dict.fromkeys((*notes_of(engine, scenario), *findings.notes, *_limits_met(world)))),
        stopped=world.stopped,
        struck=_struck(injector, recorder),
        unended=findings.unended,
        unconsumed=findings.unconsumed,
        recorded_as=findings.recorded_as,
        no_runs=findings.no_runs,
    )
    return explained(trace, scenario)


def _limits_met(world: World) -> list[str]:
    """What a reader has to know of the limits that the simulation has met, a sentence each."""
    recorder, met = world.recorder, list[str]()
    if world.stopped is not None:
        stopped = [run.name for run in recorder.runs.values() if run.stopped is not None]
        named = ", ".join(stopped[:3]) + (f" and {len(stopped) - 3:,} more" if len(stopped) > 3 else "")
        met.append(world.stopped.explanation + (f" Not followed any further: {named}." if stopped else ""))
    if recorder.overflows:
        last = recorder.events[-1].at
        met.append(
            f"The trace keeps the first {len(recorder.events):,} of {recorder.count:,} events: "
            f"stories and pictures end at {spell(last)}, numbers count everything."
        )
    return met


def _struck(injector: FaultInjector, recorder: Recorder) -> list[int]:
    """The faults that have struck before all was over."""
    over = max((run.ended_at for run in recorder.runs.values() if run.ended_at is not None), default=None)
    if over is None or recorder.open_runs():
        return list(injector.struck)
    return [number for number, at in zip(injector.struck, injector.struck_at, strict=True) if at <= over]
