"""The evidence of a comparison as plain data: what `durascope compare --format json` prints, and pages are made of."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

from durascope.experiments.costs import GB, RETENTION_DAYS, Bill
from durascope.experiments.decision import Decision
from durascope.experiments.limits import LimitUse
from durascope.experiments.measures import MEASURES
from durascope.experiments.operating import processes_of
from durascope.experiments.prices import REQUESTS, STORED
from durascope.experiments.statistics import Interval, mean
from durascope.experiments.study import Estimates
from durascope.experiments.what_ifs import WhatIf
from durascope.models.engine import shown
from durascope.models.phrases import fault_text
from durascope.models.units import MILLISECOND, SECOND
from durascope.version import __version__

MONTH_S: Final = 30.44 * 24 * 3600
"""A mean month."""


def as_json(decision: Decision, *, again: str | None = None) -> dict[str, Any]:
    """The evidence as plain data: durations in ms, money in USD, an unknown bound as null.

    `again` is the command line that makes it again.
    """
    found = decision.study
    replications = f"durascope compare {decision.scenario.scenario} --seed {found.seed} --replications {found.count}"
    return {
        "again": again or replications,
        "scenario": decision.scenario.scenario,
        "title": decision.scenario.title or decision.scenario.scenario,
        "seed": found.seed,
        "version": __version__,
        "replications": found.count,
        "titles": {measure.name: measure.title for measure in MEASURES.values()},
        "precision": {"asked": found.precision, "reached": found.precise, "out_of_time": found.out_of_time},
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
            {
                "runs_per_month": each.runs_per_month,
                "low": each.earliest,
                "high": each.latest,
                "below": each.cheaper_below,
                "above": each.cheaper_above,
            }
            for each in decision.crossovers
        ],
        "cost_curves": {
            engine: [{"runs_per_month": runs, "usd_per_month": _cents(usd)} for runs, usd in points]
            for engine, points in decision.curves.items()
        },
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
        "guarantees": {engine: each.as_json() for engine, each in decision.guarantees.items()},
        "knobs": {
            engine: {
                "path": each.path,
                "was": each.was,
                "now": each.now,
                "before_ms": _ms(each.before_us),
                "mean_ms": _ms(each.mean_us),
            }
            for engine, each in decision.knobs.items()
        },
        "self_hosted": {engine: _self_hosted(decision, engine) for engine in decision.engines},
        "handwritten": {"states": decision.handwritten.states, "transitions": decision.handwritten.transitions},
        "baselines": [engine for engine in decision.engines if shown(engine).baseline],
        "what_ifs": {
            name: {
                "what": next(iter(told.values())).what,
                "engines": {engine: _what_if(each) for engine, each in told.items()},
            }
            for name, told in decision.what_ifs.items()
        },
        "alternatives": {engine: _estimates(each) for engine, each in decision.alternatives.items()},
        "workflow": {
            "deduplicates": [step.label for _, step in decision.scenario.runs() if step.idempotency_key is not None],
            "steps": sum(1 for _ in decision.scenario.runs()),
        },
        "processes": {engine: processes_of(decision.scenario, engine) for engine in decision.engines},
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
        "notes": {engine: list(notes) for engine, notes in decision.notes.items()},
        "criteria": [
            {
                "criterion": row.criterion,
                **{engine: row.of(engine) for engine in decision.engines},
                "source": row.source or decision.criteria.source,
                "retrieved": row.retrieved or decision.criteria.retrieved,
            }
            for row in decision.criteria.rows
        ],
        "criteria_source": {
            "source": decision.criteria.source,
            "retrieved": decision.criteria.retrieved,
            "confidence": decision.criteria.confidence,
        },
        "measured": [
            {"what": what, **{engine: _plain(found) for engine, found in values.items()}}
            for what, values in decision.measured
        ],
    }


def _self_hosted(decision: Decision, engine: str) -> dict[str, Any]:
    """What a month's runs without faults need of machines, as the model has it."""
    found, runs = decision.study.estimates[engine], decision.runs_per_month
    calm = [sample for sample in decision.study.replications[engine] if sample.runs]
    slots, at_work = found.parts_us.get("execution"), found.parts_us.get("transitions")
    measured = {row.what: row.counters(engine) for row in decision.criteria.measured}

    def per_run(what: str) -> Interval | None:
        names = measured.get(what, ())
        each = [sum(sample.calm_counters.get(name, 0.0) for name in names) / sample.runs for sample in calm]
        return mean(each) if names else None

    return {
        "busy_slots": _plain(_times(slots, runs / MONTH_S / SECOND)),
        "engine_hours": _plain(_times(at_work, runs / SECOND / 3600)),
        "stored_gb": _plain(_times(per_run(STORED), runs * RETENTION_DAYS * 86_400 / MONTH_S / GB)),
        "requests_per_second": _plain(_times(per_run(REQUESTS), runs / MONTH_S)),
    }


def _times(interval: Interval | None, factor: float) -> Interval | None:
    if interval is None:
        return None
    return Interval(interval.value * factor, interval.low * factor, interval.high * factor)


def _what_if(told: WhatIf) -> dict[str, Any]:
    return {
        "seeds": told.seeds,
        "statuses": dict(told.statuses),
        "delay_ms": _ms(told.delay_us),
        "recovery_ms": _ms(told.recovery_us),
        "duplicates": _plain(told.duplicates),
        "overlapping": told.overlapping,
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


def _estimates(estimates: Estimates) -> dict[str, Any]:
    return {
        "runs": estimates.runs,
        "statuses": dict(estimates.statuses),
        "completed": _plain(estimates.completed),
        "failed": _plain(estimates.failed),
        "stuck": _plain(estimates.stuck),
        "latency_ms": {name: _ms(interval) for name, interval in estimates.latency_us.items()},
        "delay_ms": _ms(estimates.delay_us),
        "recovery_ms": _ms(estimates.recovery_us),
        "duplicates_per_million": _plain(estimates.duplicates_per_million),
        "repeated_ms_per_run": _ms(estimates.repeated_us),
        "repeated_usd_per_run": _plain(estimates.repeated_usd),
        "repeated_ms_per_crash": _ms(estimates.per_crash.get("us")),
        "repeated_tokens_per_crash": _plain(estimates.per_crash.get("tokens")),
        "repeated_usd_per_crash": _plain(estimates.per_crash.get("usd")),
        "calm_ms": _ms(estimates.calm_us),
        "parts_ms": {part: _ms(interval) for part, interval in estimates.parts_us.items()},
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
        "intervals": {name: _plain(interval) for name, interval in bill.intervals.items()},
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
