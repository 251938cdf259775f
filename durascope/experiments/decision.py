"""The evidence for choosing an engine for one scenario: what happens, what it costs, which limits it meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.experiments.costs import Bill, Crossover, Usage, bills, crossovers, usage
from durascope.experiments.guarantees import Guaranteed, guarantees
from durascope.experiments.handwritten import Size, size_of
from durascope.experiments.knobs import Knob, knobs
from durascope.experiments.limits import LimitUse, host_limits, limit_uses
from durascope.experiments.prices import Criteria, Prices, criteria, shipped
from durascope.experiments.reliability import Expected, Rates, expected
from durascope.experiments.replication import Replication
from durascope.experiments.statistics import mean
from durascope.experiments.study import Progress, Study, study
from durascope.experiments.what_ifs import WhatIf, engine_dies, new_code
from durascope.models.scenario import Scenario

RUNS_PER_MONTH: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Decision:
    """All evidence of one comparison."""

    study: Study
    runs_per_month: int
    bills: Mapping[str, Sequence[Bill]]
    crossovers: Sequence[Crossover]
    limits: Mapping[str, Sequence[LimitUse]]
    away: Mapping[str, WhatIf]
    """The engine itself dies."""
    expected: Mapping[str, Sequence[Expected]]
    """What failures at the asked rates cost a run on average; empty where no rates were asked for."""
    deployed: Mapping[str, tuple[str, WhatIf]]
    """New code goes live while a run is in flight: the step that the new one comes before, and what happens."""
    guarantees: Mapping[str, Guaranteed]
    """What holds if a process dies at any moment of a step; empty where finding out takes long."""
    knobs: Mapping[str, Knob]
    handwritten: Size
    """Of the state machine that one would write by hand."""
    criteria: Criteria
    measured: Sequence[tuple[str, Mapping[str, float]]]
    prices: Mapping[str, Prices]

    @property
    def scenario(self) -> Scenario:
        return self.study.scenario

    @property
    def engines(self) -> tuple[str, ...]:
        return tuple(self.study.replications)


def decide(
    scenario: Scenario,
    engines: Sequence[str],
    *,
    seed: int = 0,
    precision: float = 0.05,
    replications: int | None = None,
    runs_per_month: int = RUNS_PER_MONTH,
    prices: Mapping[str, Prices] | None = None,
    rates: Rates | None = None,
    quick: bool = False,
    processes: int | None = None,
    progress: Progress = lambda _engine, _done, _of: None,
) -> Decision:
    """Simulates the scenario on each engine many times and adds prices, limits and criteria; see `study`.

    `quick` leaves out what takes many more simulations: the guarantees, and what would change the answer.
    """
    known = shipped() if prices is None else prices
    found = study(
        scenario,
        engines,
        seed=seed,
        precision=precision,
        replications=replications,
        processes=processes,
        progress=progress,
    )
    used = {
        engine: (usage_of(known[engine], samples, "counters"), usage_of(known[engine], samples, "calm_counters"))
        for engine, samples in found.replications.items()
        if engine in known
    }
    return Decision(
        study=found,
        runs_per_month=runs_per_month,
        bills={engine: bills(known[engine], *pair, runs_per_month) for engine, pair in used.items()},
        crossovers=crossovers(
            [
                (f"{known[engine].vendor} {plan.name}", plan, pair[0])
                for engine, pair in used.items()
                for plan in known[engine].plans
            ]
        ),
        limits={
            engine: [
                *host_limits(scenario, engine),
                *(limit_uses(scenario, known[engine], _largest(samples)) if engine in known else ()),
            ]
            for engine, samples in found.replications.items()
        },
        expected={engine: expected(scenario, engine, rates, seed=seed) for engine in engines if rates is not None},
        away={engine: engine_dies(scenario, engine, seed) for engine in engines},
        deployed={engine: told for engine in engines if (told := new_code(scenario, engine, seed)) is not None},
        guarantees={} if quick else guarantees(scenario, engines, seed=seed, processes=processes),
        knobs={} if quick else knobs(scenario, found.replications),
        handwritten=size_of(scenario),
        criteria=criteria(),
        measured=_measured(found.replications),
        prices=known,
    )


def usage_of(prices: Prices, samples: Sequence[Replication], which: str) -> Usage:
    """What a run uses on average over the replications."""
    each = [usage(prices, getattr(sample, which), sample.runs, sample.lasts_us) for sample in samples if sample.runs]
    if not each:
        return Usage(dict.fromkeys(prices.usage, 0.0))
    count = len(each)
    return Usage(
        {unit: sum(one.units[unit] for one in each) / count for unit in prices.usage},
        sum(one.stored_bytes for one in each) / count,
        sum(one.lasts_us for one in each) / count,
    )


def _largest(samples: Sequence[Replication]) -> dict[str, float]:
    """The largest value of each counter over the replications."""
    largest: dict[str, float] = {}
    for sample in samples:
        for name, value in sample.counters.items():
            largest[name] = max(value, largest.get(name, value))
    return largest


def _measured(samples: Mapping[str, Sequence[Replication]]) -> list[tuple[str, Mapping[str, float]]]:
    rows: list[tuple[str, Mapping[str, float]]] = []
    for row in criteria().measured:
        values: dict[str, float] = {}
        for engine, theirs in samples.items():
            names = row.counters(engine)
            found = mean(
                [sum(each.calm_counters.get(name, 0.0) for name in names) / each.runs for each in theirs if each.runs]
            )
            if names and found is not None:
                values[engine] = found.value
        rows.append((row.what, values))
    return rows
