"""One scenario on several engines: what happened on each, beside what would have happened without its faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from durascope.experiments.expectations import Verdict, verdicts
from durascope.experiments.metrics import metrics
from durascope.models.phrases import fault_text
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate


@dataclass(frozen=True, slots=True)
class Result:
    """What one engine's simulation gave."""

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


def compare(
    scenario: Scenario, engines: Iterable[str], *, seed: int = 0, full: bool | None = None, records: bool | None = None
) -> list[Result]:
    """Simulates the scenario on each engine; see `simulate` for what `full` and `records` keep."""
    return [result(scenario, engine, seed=seed, full=full, records=records) for engine in engines]


def result(
    scenario: Scenario, engine: str, *, seed: int = 0, full: bool | None = None, records: bool | None = None
) -> Result:
    """Simulates the scenario on one engine, with its faults and, if it has any, without them."""
    trace = simulate(scenario, engine, seed=seed, full=full, records=records)
    undisturbed = None
    if scenario.faults:
        calm = scenario.model_copy(update={"faults": ()})
        undisturbed = simulate(calm, engine, seed=seed, full=False, records=False)
    return Result(trace, undisturbed, metrics(trace, undisturbed), verdicts(scenario, trace))


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
        "faults": [
            {"fault": fault_text(fault), "struck": trace.struck.count(number)}
            for number, fault in enumerate(scenario.faults)
        ],
        "unended": [unended._asdict() for unended in trace.unended],
        "unconsumed": None if trace.unconsumed is None else [each._asdict() for each in trace.unconsumed],
        "notes": list(trace.notes),
    }
