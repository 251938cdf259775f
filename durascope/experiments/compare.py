"""One scenario on several engines: what happened on each, beside what would have happened without its faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.experiments.expectations import Verdict, verdicts
from durascope.experiments.metrics import metrics
from durascope.experiments.pool import cores, followed
from durascope.models.engine import shown
from durascope.models.failures import failures
from durascope.models.phrases import fault_text
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one engine's simulation."""

    trace: Trace
    undisturbed: Trace | None
    """The same scenario and seed without its faults: what the faults cost is the difference. None: it has none."""
    metrics: Mapping[str, object]
    verdicts: Sequence[Verdict]

    @property
    def engine(self) -> str:
        return self.trace.engine

    @property
    def held(self) -> bool:
        """Whether every expectation of the scenario held."""
        return all(verdict.held for verdict in self.verdicts)


MANY: Final = 500
"""Above this many runs, each simulation gets a process of its own, as far as there are cores."""


@dataclass(frozen=True, slots=True)
class _Simulation:
    """One of the simulations that a comparison is made of."""

    scenario: Scenario
    engine: str
    seed: int
    full: bool | None
    records: bool | None

    def trace(self, tell: Callable[[int], object]) -> Trace:
        """`tell` hears how many of the workload's runs have begun; at the end, that all have."""
        runs = self.scenario.workload.runs
        trace = simulate(
            self.scenario,
            self.engine,
            seed=self.seed,
            full=self.full,
            records=self.records,
            followed=lambda begun: tell(min(begun, runs)),
        )
        tell(runs)
        return trace


def compare(
    scenario: Scenario,
    engines: Iterable[str],
    *,
    seed: int = 0,
    full: bool | None = None,
    records: bool | None = None,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Result]:
    """Simulates the scenario on each engine, with its faults and, if it has any, without them.

    See `simulate` for what `full` and `records` keep. `progress` is told how many runs of all simulations have begun,
    and how many there are.
    """
    tasks: list[_Simulation] = []
    for engine in engines:
        tasks.append(_Simulation(scenario, engine, seed, full, records))
        if scenario.faults:  # its twin takes as long: one beside the other, two processes are done at the same time
            tasks.append(_Simulation(scenario.model_copy(update={"faults": ()}), engine, seed, False, False))
    if processes is None:
        processes = cores() if scenario.workload.runs > MANY else 1
    of = scenario.workload.runs * len(tasks)
    traces = followed(_Simulation.trace, tasks, processes=processes, progress=lambda begun: progress(begun, of))
    disturbed, twins = (traces[::2], traces[1::2]) if scenario.faults else (traces, [None] * len(traces))
    return [
        Result(trace, twin, metrics(trace, twin), verdicts(scenario, trace))
        for trace, twin in zip(disturbed, twins, strict=True)
    ]


def result(
    scenario: Scenario, engine: str, *, seed: int = 0, full: bool | None = None, records: bool | None = None
) -> Result:
    """The same for one engine."""
    return compare(scenario, [engine], seed=seed, full=full, records=records)[0]


def as_json(scenario: Scenario, results: Iterable[Result], seed: int) -> dict[str, object]:
    """The results as plain data, in the shape that `durascope run --json` promises."""
    listed = list(results)
    return {
        "scenario": scenario.scenario,
        "seed": seed,
        "version": listed[0].trace.version if listed else "",
        "engines": {each.engine: _engine_json(scenario, each) for each in listed},
    }


def _engine_json(scenario: Scenario, result: Result) -> dict[str, object]:
    trace = result.trace
    return {
        "records": {run: list(lines) for run, lines in trace.records.items()},
        "effects": dict(trace.effects),
        "status": dict(trace.status),
        "metrics": dict(result.metrics),
        "facts": dict(trace.facts),
        "expectations": [
            {"expected": verdict.expected, "held": verdict.held, "found": verdict.found} for verdict in result.verdicts
        ],
        "modelled": dict(shown(trace.engine).modelled),
        "stopped": _stopped_json(trace),
        "faults": [
            {"fault": fault_text(fault), "struck": trace.struck.count(number)}
            for number, fault in enumerate(scenario.faults)
        ],
        "failed": [failure._asdict() for failure in failures(trace)] if trace.events else None,
        "unended": [unended._asdict() for unended in trace.unended],
        "unconsumed": None if trace.unconsumed is None else [each._asdict() for each in trace.unconsumed],
        "notes": list(trace.notes),
    }


def _stopped_json(trace: Trace) -> dict[str, object] | None:
    """Which limit of durascope ended the simulation, and the runs that it left open; None if it ended by itself."""
    if trace.stopped is None:
        return None
    return {
        "reason": trace.stopped.reason.value,
        "at_us": trace.stopped.at,
        "explanation": trace.stopped.explanation,
        "runs": [run.name for run in trace.runs if run.stopped is not None],
    }
