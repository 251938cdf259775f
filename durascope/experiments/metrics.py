"""The numbers of a simulation: how long runs took, how they ended, what was done twice, what the engine counted."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from durascope.models.effects import recoveries
from durascope.models.many_runs import Summaries
from durascope.models.starts import not_begun
from durascope.models.trace import Kind, RunSummary, Trace
from durascope.models.units import MILLISECOND

PERCENTILES: Final = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "max": 1.0}


def percentile(ordered: Sequence[int], share: float) -> int:
    """The nearest-rank percentile of sorted values: one of the values, never one in between.

    >>> percentile([10, 20, 30, 40], 0.5)
    20
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def durations(trace: Trace) -> list[int]:
    """How long each run from outside that has ended took, in microseconds, shortest first."""
    return sorted(run.ended_at - run.started_at for run in _outside(trace) if run.ended_at is not None)


def latency_ms(trace: Trace) -> Mapping[str, float]:
    """Percentiles of the runs' durations in milliseconds; empty if no run has ended."""
    ordered = durations(trace)
    if not ordered:
        return {}
    return {name: percentile(ordered, share) / MILLISECOND for name, share in PERCENTILES.items()}


def recovery_ms(trace: Trace) -> float | None:
    """The longest that a fault kept a run from its work, in milliseconds; see `models.effects.recoveries`.

    None if no fault interrupted any run's work, or work never went on, or only metrics were kept.
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
        "runs": sum(1 for _ in _outside(trace)),
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
    counts = Counter(trace.status_of(run) for run in _outside(trace))
    counts.update(not_begun(trace).values())
    return dict(counts)


def child_statuses(trace: Trace) -> dict[str, dict[str, int]]:
    """By workflow: how many of the runs that other runs have called or started ended in which way."""
    found: dict[str, Counter[str]] = {}
    for run in trace.runs:
        if run.parent is not None:
            found.setdefault(run.workflow, Counter())[trace.status_of(run)] += 1
    return {workflow: dict(counts) for workflow, counts in found.items()}


def _outside(trace: Trace) -> Iterator[RunSummary]:
    """The runs that were started from outside, one after the other: a million are never made at once."""
    return (run for run in trace.runs if run.parent is None)


def _longer(trace: Trace, undisturbed: Trace) -> dict[str, array[int]]:
    """By how each run from outside ended: how much longer it took than without the faults, in microseconds.

    A run that ended in another way without them is not in it: one that fails early is no faster for it.
    """
    runs = undisturbed.runs
    before = runs.table if isinstance(runs, Summaries) else {run.name: run for run in undisturbed.started}
    found: dict[str, array[int]] = {}
    for run in _outside(trace):
        calm = before.get(run.name)
        if calm is None or run.ended_at is None or calm.ended_at is None or calm.status != run.status:
            continue
        found.setdefault(run.status, array("q")).append(
            run.ended_at - run.started_at - (calm.ended_at - calm.started_at)
        )
    return found


def delays_by_status(trace: Trace, undisturbed: Trace) -> dict[str, float]:
    """By how much the faults made the runs slower on average, in microseconds, by how they ended with and without."""
    return {status: sum(longer) / len(longer) for status, longer in _longer(trace, undisturbed).items()}


def delay_ms(trace: Trace, undisturbed: Trace) -> float | None:
    """The same over all of them, in milliseconds; None if no run ended in the same way in both."""
    longer = _longer(trace, undisturbed).values()
    count = sum(map(len, longer))
    return sum(map(sum, longer)) / count / MILLISECOND if count else None


def latest_us(trace: Trace, undisturbed: Trace) -> int | None:
    """The same of the run that has become slower than all others, in microseconds."""
    return max((max(longer) for longer in _longer(trace, undisturbed).values()), default=None)
