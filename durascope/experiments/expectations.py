"""Expectations: what a scenario says must hold at the end, held against what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from durascope.experiments.metrics import by_status, durations, percentile
from durascope.models.phrases import must_strike, spell
from durascope.models.scenario import Count, Expect, Scenario, ShareBounds
from durascope.models.starts import counted, not_begun_of
from durascope.models.trace import Kind, Trace
from durascope.models.units import format_duration


@dataclass(frozen=True, slots=True)
class Verdict:
    """One expectation, whether it held, and what was found."""

    expected: str
    held: bool
    found: str


def verdicts(scenario: Scenario, trace: Trace) -> list[Verdict]:
    """Every expectation of the scenario with its verdict, in the order of the language."""
    return [
        *_shares(scenario, trace),
        *_effects(scenario, trace),
        *_latency(scenario, trace),
        *_one_at_a_time(scenario, trace),
        *_unconsumed(scenario, trace),
        *_struck(scenario, trace),
    ]


def _shares(scenario: Scenario, trace: Trace) -> Iterator[Verdict]:
    expect = scenario.expect
    by_workflow = expect.completed if isinstance(expect.completed, dict) else {}
    for workflow, share in by_workflow.items():
        ends = Counter(trace.status_of(run) for run in trace.runs if run.workflow == workflow)
        ends.update(not_begun_of(workflow, scenario, trace))
        yield from _bounded(f"completed {workflow}", ShareBounds(at_least=share), counted(scenario, ends))
    ends = counted(scenario, by_status(trace))
    if isinstance(expect.completed, float):
        yield from _bounded("completed", ShareBounds(at_least=expect.completed), ends)
    for status in ("failed", "cancelled"):
        bounds = expect.bounds_of(status)
        if bounds is not None:
            yield from _bounded(status, bounds, ends)


def _bounded(what: str, bounds: ShareBounds, ends: Mapping[str, int]) -> Iterator[Verdict]:
    """`what`: a status, and the workflow if it is only of one."""
    status, total = what.split(maxsplit=1)[0], sum(ends.values())
    found = ends.get(status, 0) / total if total else 0.0
    if bounds.at_least is not None:
        yield Verdict(f"{what}: at least {_percent(bounds.at_least)}", found >= bounds.at_least, f"{found:.1%}")
    if bounds.at_most is not None:
        yield Verdict(f"{what}: at most {_percent(bounds.at_most)}", found <= bounds.at_most, f"{found:.1%}")


def _percent(share: float) -> str:
    return f"{share:.4%}".replace(".0000", "")


def _unconsumed(scenario: Scenario, trace: Trace) -> Iterator[Verdict]:
    wanted = scenario.expect.unconsumed
    if wanted is None:
        return
    low, high = _limits(wanted)
    expected = f"unconsumed messages: {_bounds(low, high)}"
    if trace.unconsumed is None:
        yield Verdict(expected, False, "not known on this engine")
        return
    count = len(trace.unconsumed)
    yield Verdict(expected, (low is None or count >= low) and (high is None or count <= high), str(count))


def _effects(scenario: Scenario, trace: Trace) -> Iterator[Verdict]:
    for step, wanted in scenario.expect.effects.items():
        homes = {name for name, run in scenario.runs() if step in (run.run, run.effect)}
        runs = sum(1 for run in trace.runs if run.workflow in homes)
        effect = next((run.effect for _, run in scenario.runs() if run.run == step and run.effect), step)
        counts = dict(trace.effect_counts.get(effect, {}))
        none = runs - sum(counts.values())
        if none > 0:
            counts[0] = none
        low, high = _limits(wanted)
        wrong = {n: c for n, c in counts.items() if (low is not None and n < low) or (high is not None and n > high)}
        found = ", ".join(f"{n} in {c} run{'s' * (c != 1)}" for n, c in sorted((wrong or counts).items())) or "no runs"
        yield Verdict(f"{step}: {_bounds(low, high)} per run", not wrong, found)


def _struck(scenario: Scenario, trace: Trace) -> Iterator[Verdict]:
    """What a fault should have shown is not shown by a run that it never struck."""
    wanted = [number for number, fault in enumerate(scenario.faults) if must_strike(fault)]
    if wanted and scenario.expect != Expect():
        missed = [f"fault {number + 1} did not" for number in wanted if number not in trace.struck]
        yield Verdict("every fault strikes", not missed, ", ".join(missed))


def _limits(wanted: int | Count) -> tuple[int | None, int | None]:
    return (wanted.at_least, wanted.at_most) if isinstance(wanted, Count) else (wanted, wanted)


def _bounds(low: int | None, high: int | None) -> str:
    if low == high:
        return f"exactly {low}"
    parts = [f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else ""]
    return " and ".join(part for part in parts if part)


def _latency(scenario: Scenario, trace: Trace) -> Iterator[Verdict]:
    limits = scenario.expect.latency
    if limits is None:
        return
    ordered = durations(trace)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)):
        limit = getattr(limits, name)
        if limit is not None:
            found = percentile(ordered, share) if ordered else None
            text = "no run has ended" if found is None else spell(found)
            yield Verdict(
                f"latency {name}: at most {format_duration(limit)}", found is not None and found <= limit, text
            )


def _spans_of_steps(trace: Trace) -> tuple[dict[str, int], dict[str, int]]:
    """When each run's first step began, and when its last one ended.

    What a run's code had begun when its process died, before the engine knew of it, has not begun; what is replayed
    after the run's end is over.
    """
    ends = {run.name: trace.ended_at if run.ended_at is None else run.ended_at for run in trace.runs}
    begun: dict[str, int] = {}
    last: dict[str, int] = {}
    unknown: dict[str, str] = {}
    for event in trace.events:
        if event.kind is Kind.CRASHED:
            for run in [run for run, lane in unknown.items() if lane == event.lane]:
                del unknown[run], begun[run]
        elif event.run in ends and event.step is not None and event.at <= ends[event.run]:
            last[event.run] = event.at
            if event.kind in (Kind.STEP_SCHEDULED, Kind.STEP_RECORDED):
                unknown.pop(event.run, None)
            elif event.kind is Kind.STEP_STARTED and event.run not in begun:
                begun[event.run] = event.at
                unknown[event.run] = event.lane
    return begun, last


def _one_at_a_time(scenario: Scenario, trace: Trace) -> Iterator[Verdict]:
    if not scenario.expect.one_at_a_time:
        return
    if not trace.events:
        yield Verdict("one at a time per key", False, "only known with --records")
        return
    clashes = overlapping(trace)
    yield Verdict(
        "one at a time per key", not clashes, f"overlap: {', '.join(clashes[:3])}" if clashes else "no overlap"
    )


def overlapping(trace: Trace) -> list[str]:
    """Runs of one key that were at work at the same time, in pairs: `run 1 and run 2`.

    A run is at work from its first step's beginning to its last one's end.
    """
    begun, last = _spans_of_steps(trace)
    by_key: dict[tuple[str, str], list[tuple[int, int, str]]] = {}
    for run in trace.runs:
        if run.key is not None and run.name in begun:
            ended = trace.ended_at if run.ended_at is None else last[run.name]
            by_key.setdefault((run.workflow, run.key), []).append((begun[run.name], ended, run.name))
    return [
        f"{earlier[2]} and {later[2]}"
        for spans in by_key.values()
        for earlier, later in zip(sorted(spans), sorted(spans)[1:], strict=False)
        if later[0] < earlier[1]
    ]
