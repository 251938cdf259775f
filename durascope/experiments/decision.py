"""The evidence for choosing an engine for one scenario: what happens, what it costs, which limits it meets.

`decide` gathers it; `as_json` is the shape that `durascope compare --format json` promises and that its pages are
made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from durascope.experiments.costs import RETENTION_DAYS, Bill, Crossover, Usage, bills, crossovers, usage
from durascope.experiments.limits import LimitUse, limit_uses
from durascope.experiments.prices import Criteria, Prices, criteria, shipped
from durascope.experiments.reliability import Expected, Rates, expected
from durascope.experiments.replication import Replication
from durascope.experiments.statistics import Interval, mean
from durascope.experiments.study import Estimates, Progress, Study, study
from durascope.experiments.what_ifs import AWAY_US, WhatIf, engine_dies, new_code
from durascope.models.engine import notes_of
from durascope.models.phrases import fault_text
from durascope.models.scenario import Scenario
from durascope.models.units import MILLISECOND
from durascope.version import __version__

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
    processes: int | None = None,
    progress: Progress = lambda _engine, _done, _of: None,
) -> Decision:
    """Simulates the scenario on each engine many times and adds prices, limits and criteria; see `study`."""
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
            engine: limit_uses(scenario, known[engine], _largest(samples))
            for engine, samples in found.replications.items()
            if engine in known
        },
        expected={engine: expected(scenario, engine, rates, seed=seed) for engine in engines if rates is not None},
        away={engine: engine_dies(scenario, engine, seed) for engine in engines},
        deployed={engine: told for engine in engines if (told := new_code(scenario, engine, seed)) is not None},
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


# ---- as data ---------------------------------------------------------------------------------------------------


def as_json(decision: Decision) -> dict[str, Any]:
    """The evidence as plain data: durations in ms, money in USD, an unknown bound as null."""
    found = decision.study
    return {
        "scenario": decision.scenario.scenario,
        "title": decision.scenario.title or decision.scenario.scenario,
        "seed": found.seed,
        "version": __version__,
        "replications": found.count,
        "precision": {"asked": found.precision, "reached": found.precise},
        "runs_per_replication": decision.scenario.workload.runs,
        "engines": {engine: _estimates(each) for engine, each in found.estimates.items()},
        "differences": [
            {"engine": each.engine, "other": each.other, "ms": _ms(each.us), "shown": each.shown}
            for each in found.differences
        ],
        "same_engine_twice_ms": {engine: _ms(floor) for engine, floor in found.floor_us.items()},
        "runs_per_month": decision.runs_per_month,
        "retention_days": RETENTION_DAYS,
        "costs": {engine: [_bill(bill) for bill in each] for engine, each in decision.bills.items()},
        "crossovers": [
            {"runs_per_month": each.runs_per_month, "below": each.cheaper_below, "above": each.cheaper_above}
            for each in decision.crossovers
        ],
        "prices": {
            engine: {
                "vendor": each.vendor,
                "unit": each.unit,
                "what_counts": each.what_counts,
                "source": each.source,
                "retrieved": each.retrieved,
                "confidence": each.confidence,
            }
            for engine, each in decision.prices.items()
            if engine in decision.engines
        },
        "limits": {engine: [_limit(use) for use in each] for engine, each in decision.limits.items()},
        "engine_away": {
            engine: {"down_ms": AWAY_US / MILLISECOND, **_what_if(away)} for engine, away in decision.away.items()
        },
        "deploy": {
            engine: {"before": before, **_what_if(told)} for engine, (before, told) in decision.deployed.items()
        },
        "faults": _faults(decision),
        "expected": {
            engine: [
                {
                    "target": each.target,
                    "duplicates_per_million": _plain(each.duplicates_per_million),
                    "delay_ms_per_run": _ms(each.delay_us),
                    "lost_per_million": _plain(each.lost_per_million),
                    "simulated": each.simulated,
                }
                for each in costs
            ]
            for engine, costs in decision.expected.items()
        },
        "notes": {engine: list(notes_of(engine, decision.scenario)) for engine in decision.engines},
        "criteria": [
            {"criterion": row.criterion, **{engine: row.of(engine) for engine in decision.engines}}
            for row in decision.criteria.rows
        ],
        "criteria_source": {
            "source": decision.criteria.source,
            "retrieved": decision.criteria.retrieved,
            "confidence": decision.criteria.confidence,
        },
        "measured": [{"what": what, **values} for what, values in decision.measured],
    }


def _what_if(told: WhatIf) -> dict[str, Any]:
    return {
        "at_ms": told.at_us / MILLISECOND,
        "statuses": dict(told.statuses),
        "delay_ms": None if told.delay_us is None else told.delay_us / MILLISECOND,
        "duplicates": told.duplicates,
    }


def _faults(decision: Decision) -> list[dict[str, Any]]:
    """Each fault of the scenario, and by engine in how many of the replications it has struck."""
    return [
        {
            "fault": fault_text(fault),
            "struck": {
                engine: sum(number in sample.struck for sample in samples)
                for engine, samples in decision.study.replications.items()
            },
        }
        for number, fault in enumerate(decision.scenario.faults)
    ]


def _estimates(each: Estimates) -> dict[str, Any]:
    return {
        "runs": each.runs,
        "statuses": dict(each.statuses),
        "completed": _plain(each.completed),
        "failed": _plain(each.failed),
        "stuck": _plain(each.stuck),
        "latency_ms": {name: _ms(interval) for name, interval in each.latency_us.items()},
        "delay_ms": _ms(each.delay_us),
        "recovery_ms": _ms(each.recovery_us),
        "duplicates_per_million": _plain(each.duplicates_per_million),
        "repeated_ms_per_run": _ms(each.repeated_us),
        "repeated_usd_per_run": _plain(each.repeated_usd),
        "parts_ms": {part: _ms(interval) for part, interval in each.parts_us.items()},
    }


def _plain(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    return {name: value if math.isfinite(value) else None for name, value in interval.as_json().items()}


def _ms(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    low, high = interval.low / MILLISECOND, interval.high / MILLISECOND
    return _plain(replace(interval, value=interval.value / MILLISECOND, low=low, high=high))


def _bill(bill: Bill) -> dict[str, Any]:
    return {
        "vendor": bill.vendor,
        "plan": bill.plan,
        "usd_per_month": _cents(bill.usd_per_month),
        "usd_without_faults": _cents(bill.usd_without_faults),
        "storage_usd_per_month": _cents(bill.storage_usd_per_month),
        "confidence": bill.confidence,
        "retrieved": bill.retrieved,
    }


def _cents(usd: float | None) -> float | None:
    return None if usd is None else round(usd, 2)


def _limit(use: LimitUse) -> dict[str, Any]:
    return {
        "what": use.what,
        "found": use.found,
        "limit": use.limit,
        "share": use.share,
        "growth": use.growth,
        "then": use.then,
    }
