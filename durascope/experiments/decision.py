"""The evidence for choosing an engine for one scenario: what happens, what it costs, which limits it meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from durascope.experiments.costs import Bill, Crossover, Offer, Usage, Uses, bills, crossovers, curve, usage
from durascope.experiments.guarantees import Guaranteed, guarantees
from durascope.experiments.handwritten import Size, size_of
from durascope.experiments.knobs import Knob, knobs
from durascope.experiments.limits import LimitUse, host_limits, limit_uses
from durascope.experiments.pool import mapped
from durascope.experiments.prices import Criteria, Prices, criteria, shipped
from durascope.experiments.reliability import Expected, Rates, expected
from durascope.experiments.replication import Replication, replicate
from durascope.experiments.statistics import Interval, mean
from durascope.experiments.study import BUDGET_S, Estimates, Progress, Study, estimates, study
from durascope.experiments.what_ifs import QUESTIONS, WhatIf, what_ifs
from durascope.models.engine import names, notes_of, shown
from durascope.models.scenario import Scenario
from durascope.simulators.simulate import simulate

RUNS_PER_MONTH: Final = 1_000_000
TOLD: Final = 20
"""The most runs of which each that did not end is told."""


@dataclass(frozen=True, slots=True)
class Decision:
    """All evidence of one comparison."""

    study: Study
    runs_per_month: int
    bills: Mapping[str, Sequence[Bill]]
    crossovers: Sequence[Crossover]
    curves: Mapping[str, Sequence[tuple[int, float]]]
    """By engine: runs a month, and what they cost on the vendor's cheapest plan."""
    limits: Mapping[str, Sequence[LimitUse]]
    what_ifs: Mapping[str, Mapping[str, WhatIf]]
    """By question and engine (the baselines among them): one disturbance at a time, and what it led to."""
    alternatives: Mapping[str, Estimates]
    """What happens without an engine: the baselines that were not asked for, under a few of the same seeds."""
    expected: Mapping[str, Sequence[Expected]]
    """What failures at the asked rates cost a run on average; empty if no rates were asked for."""
    guarantees: Mapping[str, Guaranteed]
    """What holds if a process dies at any moment of a step; empty if finding out takes long."""
    knobs: Mapping[str, Knob]
    handwritten: Size
    """Of the state machine that one would write by hand."""
    notes: Mapping[str, Sequence[str]]
    """What each model says of the scenario, and of what happened to its runs and messages under the first seed."""
    criteria: Criteria
    measured: Sequence[tuple[str, Mapping[str, Interval]]]
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
    budget_s: float = BUDGET_S,
    processes: int | None = None,
    progress: Progress = lambda _engine, _done, _of: None,
) -> Decision:
    """Simulates the scenario on each engine many times and adds prices, limits and criteria; see `study`.

    `quick` leaves out what takes many more simulations: the guarantees, the experiments that answer questions (but for
    the engine that dies), the alternatives to an engine, and what would change the answer.
    """
    known = shipped() if prices is None else prices
    found = study(
        scenario,
        engines,
        seed=seed,
        precision=precision,
        replications=replications,
        budget_s=budget_s,
        processes=processes,
        progress=progress,
    )
    others = tuple(name for name in names() if shown(name).baseline and name not in engines)
    used = {engine: uses(known[engine], samples) for engine, samples in found.replications.items() if engine in known}
    offers = {
        engine: [
            Offer(f"{known[engine].vendor} {plan.name}", plan, each.disturbed, each.disturbed_bounds)
            for plan in known[engine].plans
        ]
        for engine, each in used.items()
    }
    return Decision(
        study=found,
        runs_per_month=runs_per_month,
        curves={engine: curve(each) for engine, each in offers.items()},
        bills={engine: bills(known[engine], each, runs_per_month) for engine, each in used.items()},
        crossovers=crossovers([offer for each in offers.values() for offer in each]),
        limits={
            engine: [
                *host_limits(scenario, engine),
                *(limit_uses(scenario, known[engine], _largest(samples)) if engine in known else ()),
            ]
            for engine, samples in found.replications.items()
        },
        expected={engine: expected(scenario, engine, rates, seed=seed) for engine in engines if rates is not None},
        what_ifs=what_ifs(
            scenario,
            (*engines, *others),
            ("engine_away",) if quick else tuple(QUESTIONS),
            seed=seed,
            seeds=found.few,
            processes=processes,
        ),
        alternatives={} if quick else _alternatives(scenario, others, found, processes),
        guarantees={} if quick else guarantees(scenario, engines, seed=seed, processes=processes),
        knobs={} if quick else knobs(scenario, found.replications, found.few),
        handwritten=size_of(scenario),
        notes={engine: _notes(scenario, engine, seed) for engine in engines},
        criteria=criteria(),
        measured=_measured(found.replications),
        prices=known,
    )


def _notes(scenario: Scenario, engine: str, seed: int) -> Sequence[str]:
    """Of more runs than this, nobody wants to read one by one what became of each."""
    if scenario.workload.runs > TOLD:
        return notes_of(engine, scenario)
    return simulate(scenario, engine, seed=seed, full=True, records=True).notes


def _alternatives(
    scenario: Scenario, baselines: Sequence[str], found: Study, processes: int | None
) -> dict[str, Estimates]:
    tasks = [(engine, found.seed + number) for engine in baselines for number in range(found.few)]
    samples: dict[str, list[Replication]] = {engine: [] for engine in baselines}
    done = mapped(partial(_replicated, scenario), tasks, processes=processes)
    for (engine, _), sample in zip(tasks, done, strict=True):
        samples[engine].append(sample)
    return {engine: estimates(each) for engine, each in samples.items()}


def _replicated(scenario: Scenario, task: tuple[str, int]) -> Replication:
    return replicate(scenario, *task)


def uses(prices: Prices, samples: Sequence[Replication]) -> Uses:
    """What a run uses with the scenario's faults and without them, over the replications."""
    pairs = [
        (
            usage(prices, sample.counters, sample.runs, sample.lasts_us),
            usage(prices, sample.calm_counters, sample.runs, sample.lasts_us),
        )
        for sample in samples
        if sample.runs
    ]
    nothing = Usage(dict.fromkeys(prices.usage, 0.0))
    return Uses.of(pairs or [(nothing, nothing)])


def _largest(samples: Sequence[Replication]) -> dict[str, float]:
    """The largest value of each counter over the replications."""
    largest: dict[str, float] = {}
    for sample in samples:
        for name, value in sample.counters.items():
            largest[name] = max(value, largest.get(name, value))
    return largest


def _measured(samples: Mapping[str, Sequence[Replication]]) -> list[tuple[str, Mapping[str, Interval]]]:
    rows: list[tuple[str, Mapping[str, Interval]]] = []
    for row in criteria().measured:
        values: dict[str, Interval] = {}
        for engine, theirs in samples.items():
            names = row.counters(engine)
            found = mean(
                [sum(each.calm_counters.get(name, 0.0) for name in names) / each.runs for each in theirs if each.runs]
            )
            if names and found is not None:
                values[engine] = found
        rows.append((row.what, values))
    return rows
