"""What disturbances led to: one disturbed simulation in a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from durascope.experiments.exploration.disturbances import Disturbances, disturbed
from durascope.experiments.exploration.properties import ALWAYS, Calm, effects_per_run
from durascope.experiments.metrics import by_status
from durascope.models.effects import recoveries
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.simulators.simulate import simulate

LATE_US: Final = 1_000_000
"""A delay below this (1 s) is nothing to speak of on the map."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A disturbed simulation in a few numbers."""

    effects: Mapping[str, tuple[int, int]]
    """By step: the fewest and the most effects that a run had, of the runs that executed it."""
    recovery_us: Mapping[str, int]
    """By interrupted step: how long until it was at work again; the run's own under the empty name."""
    delay_us: int | None
    """By how much the slowest run was later than without the disturbance; None: one did not end that did before."""
    statuses: Mapping[str, int]
    broken: Mapping[str, str]
    """By property: what was found."""
    seen: frozenset[str]
    """What happened at all: replayed, retried, duplicated."""
    struck: bool = True
    """Whether all that was to break did."""

    def leads_to(self, usual: Mapping[str, int]) -> str:
        """stuck · duplicate · delay · nothing: the worst; `usual`: the most effects of each step undisturbed."""
        if self.delay_us is None:
            return "stuck"
        if any(high > usual.get(step, high) for step, (_, high) in self.effects.items()):
            return "duplicate"
        return "delay" if self.delay_us > LATE_US else "nothing"


def trace_of(scenario: Scenario, engine: str, seed: int, disturbances: Disturbances) -> Trace:
    """The scenario simulated with these disturbances."""
    return simulate(disturbed(scenario, disturbances), engine, seed=seed, full=True, records=False)


def outcome(scenario: Scenario, engine: str, seed: int, disturbances: Disturbances, calm: Calm) -> Outcome:
    """What the scenario with these disturbances leads to. A pure function."""
    return judged(
        scenario,
        calm,
        trace_of(scenario, engine, seed, disturbances),
        sum(each.what != "cancel" for each in disturbances),
    )


def judged(scenario: Scenario, calm: Calm, trace: Trace, faults: int = 0) -> Outcome:
    """What a trace shows against the undisturbed one."""
    late: int | None = 0
    for run in trace.started:
        before = calm.durations.get(run.name)
        if before is not None:
            late = None if run.ended_at is None or late is None else max(late, run.ended_at - run.started_at - before)
    recovery: dict[str, int] = {}
    for each in recoveries(trace):
        lasts = each.lasts
        if lasts is not None:
            for step in each.steps or ("",):
                recovery[step] = max(recovery.get(step, 0), lasts)
    kinds = {event.kind for event in trace.events}
    seen = {
        "replayed": Kind.REPLAY_STEP in kinds,
        "retried": Kind.STEP_RETRIED in kinds or any((event.attempt or 1) > 1 for event in trace.events),
        "duplicated": any(each.again and not each.deduplicated for each in trace.ledger),
    }
    return Outcome(
        effects=_ranges(trace),
        recovery_us=recovery,
        delay_us=late,
        statuses=by_status(trace),
        broken={name: found for name, (_, check) in ALWAYS.items() if (found := check(scenario, calm, trace))},
        seen=frozenset(name for name, true in seen.items() if true),
        struck=len(set(trace.struck)) >= faults,
    )


def _ranges(trace: Trace) -> dict[str, tuple[int, int]]:
    """By step, over the runs that executed it."""
    had = effects_per_run(trace)
    ran: dict[tuple[str, str], None] = {}
    for _, event in trace.of_kind(Kind.STEP_STARTED):
        if event.run is not None and event.step is not None:
            ran.setdefault((event.run, event.step))
    found: dict[str, tuple[int, int]] = {}
    for run, step in ran:
        count = had.get((run, step), 0)
        low, high = found.get(step, (count, count))
        found[step] = (min(low, count), max(high, count))
    return found
