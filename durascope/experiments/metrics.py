"""The numbers of a simulation: how long runs took, how they ended, what was done twice, what the engine counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from durascope.models.effects import recoveries
from durascope.models.trace import Kind, Trace
from durascope.models.units import MILLISECOND

PERCENTILES: Final = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "max": 1.0}


def percentile(ordered: Sequence[int], share: float) -> int:
    """The nearest-rank percentile of sorted values: one of the values, never one in between."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def durations(trace: Trace) -> list[int]:
    """How long each run that has ended took, in microseconds, shortest first."""
    return sorted(run.ended_at - run.started_at for run in trace.runs if run.ended_at is not None)


def latency_ms(trace: Trace) -> Mapping[str, float]:
    """Percentiles of the runs' durations in milliseconds; empty where no run has ended."""
    ordered = durations(trace)
    if not ordered:
        return {}
    return {name: percentile(ordered, share) / MILLISECOND for name, share in PERCENTILES.items()}


def recovery_ms(trace: Trace) -> float | None:
    """The longest that a fault kept a run from its work, in milliseconds; see `models.effects.recoveries`.

    None where no fault interrupted any run's work, or work never went on, or only metrics were kept.
    """
    lasted = [recovery.lasts for recovery in recoveries(trace) if recovery.lasts is not None]
    return max(lasted) / MILLISECOND if lasted else None


def replayed_steps(trace: Trace) -> int:
    """How often a replay passed a step whose command or result was recorded."""
    return sum(1 for event in trace.events if event.kind is Kind.REPLAY_STEP)


def metrics(trace: Trace, undisturbed: Trace | None = None) -> dict[str, object]:
    """All of them as plain data, for `--json`; `undisturbed` is the same scenario without its faults."""
    numbers: dict[str, object] = {
        "latency_ms": dict(latency_ms(trace)),
        "runs": len(trace.runs),
        "by_status": dict(Counter(trace.status.values()))
        if trace.status
        else dict(Counter(r.status for r in trace.runs)),
        "trace_events": trace.event_count,
    }
    if trace.events:
        numbers["replayed_steps"] = replayed_steps(trace)
        recovery = recovery_ms(trace)
        if recovery is not None:
            numbers["recovery_ms"] = recovery
    if undisturbed is not None:
        numbers["delay_ms"] = delay_ms(trace, undisturbed)
    numbers.update(sorted(trace.counters.items()))
    return numbers


def delay_ms(trace: Trace, undisturbed: Trace) -> float | None:
    """By how much the faults made the runs slower, on average, in milliseconds; None where no run ended in both."""
    before = {run.name: run.ended_at - run.started_at for run in undisturbed.runs if run.ended_at is not None}
    longer = [
        run.ended_at - run.started_at - before[run.name]
        for run in trace.runs
        if run.ended_at is not None and run.name in before
    ]
    return sum(longer) / len(longer) / MILLISECOND if longer else None
