"""The numbers of a simulation: how long runs took, how they ended, what was done twice, what the engine counted."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from durascope.models.effects import recoveries
from durascope.models.trace import Kind, Trace
from durascope.models.units import MILLISECOND

_START: Final = re.compile(r"run \d+")
PERCENTILES: Final = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "max": 1.0}


def percentile(ordered: Sequence[int], share: float) -> int:
    """The nearest-rank percentile of sorted values: one of the values, never one in between."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def durations(trace: Trace) -> list[int]:
    """How long each run from outside that has ended took, in microseconds, shortest first."""
    return sorted(run.ended_at - run.started_at for run in trace.started if run.ended_at is not None)


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
        "runs": len(trace.started),
        "by_status": by_status(trace),
        "trace_events": trace.event_count,
    }
    if trace.unconsumed:
        numbers["unconsumed"] = len(trace.unconsumed)
    children = child_statuses(trace)
    if children:
        numbers["children_by_status"] = children
    if trace.events:
        numbers["replayed_steps"] = replayed_steps(trace)
        recovery = recovery_ms(trace)
        if recovery is not None:
            numbers["recovery_ms"] = recovery
    if undisturbed is not None:
        numbers["delay_ms"] = delay_ms(trace, undisturbed)
        numbers["delay_by_status_ms"] = {
            status: mean / MILLISECOND for status, mean in delays_by_status(trace, undisturbed).items()
        }
    numbers.update(sorted(trace.counters.items()))
    return numbers


def by_status(trace: Trace) -> dict[str, int]:
    """How many of the starts from outside ended in which way, those that never became a run included."""
    begun = {run.name for run in trace.runs}
    never = (status for name, status in trace.status.items() if name not in begun and _START.fullmatch(name))
    return dict(Counter([*(trace.status.get(run.name, run.status) for run in trace.started), *never]))


def child_statuses(trace: Trace) -> dict[str, dict[str, int]]:
    """By workflow: how many of the runs that other runs have called or started ended in which way."""
    found: dict[str, Counter[str]] = {}
    for run in trace.runs:
        if run.parent is not None:
            found.setdefault(run.workflow, Counter())[trace.status.get(run.name, run.status)] += 1
    return {workflow: dict(counts) for workflow, counts in found.items()}


def _longer(trace: Trace, undisturbed: Trace) -> dict[str, list[int]]:
    """By how each run from outside ended: how much longer it took than without the faults, in microseconds.

    A run that ended in another way without them is not in it: one that fails early is no faster for it.
    """
    before = {run.name: run for run in undisturbed.started}
    found: dict[str, list[int]] = {}
    for run in trace.started:
        calm = before.get(run.name)
        if calm is None or run.ended_at is None or calm.ended_at is None or calm.status != run.status:
            continue
        found.setdefault(run.status, []).append(run.ended_at - run.started_at - (calm.ended_at - calm.started_at))
    return found


def delays_by_status(trace: Trace, undisturbed: Trace) -> dict[str, float]:
    """By how much the faults made the runs slower on average, in microseconds, by how they ended with and without."""
    return {status: sum(longer) / len(longer) for status, longer in _longer(trace, undisturbed).items()}


def delay_ms(trace: Trace, undisturbed: Trace) -> float | None:
    """The same over all of them, in milliseconds; None where no run ended in the same way in both."""
    longer = [each for many in _longer(trace, undisturbed).values() for each in many]
    return sum(longer) / len(longer) / MILLISECOND if longer else None
