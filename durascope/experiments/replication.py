"""One replication: a scenario on one engine with one seed, with its faults and without, kept as a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from durascope.experiments.breakdown import PARTS, Repeated, parts, repeated
from durascope.experiments.metrics import by_status, delay_ms, recovery_ms
from durascope.models.faults import Crash, RandomFault
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.starts import counted
from durascope.models.trace import Trace
from durascope.models.units import MILLISECOND
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.simulate import FULL_UP_TO, simulate

_OTHER_LUCK: Final = 0x9E3779B97F4A7C15
"""Moves an engine's own seed away from all seeds that are asked for."""


@dataclass(frozen=True, slots=True)
class Replication:
    """The result of a simulation, in numbers that can be sent between processes and added up."""

    seed: int
    runs: int
    """Starts of the workload."""
    statuses: Mapping[str, int]
    """How they ended, without those that are merged on purpose (`models.starts.counted`)."""
    durations_us: tuple[int, ...]
    """Of the started runs that have completed, shortest first."""
    delay_us: float | None
    """By how much the faults made the runs slower, on average."""
    recovery_us: float | None
    """The longest that a fault kept a run from its work."""
    duplicates: int
    repeated: Repeated
    calm_repeated: Repeated
    """What is done again without the faults too: attempts that fail by themselves."""
    parts_us: Mapping[str, float]
    """A run's duration without the faults, split (see `breakdown.PARTS`); empty if only metrics were kept."""
    counters: Mapping[str, float]
    calm_counters: Mapping[str, float] = field(default_factory=dict[str, float])
    """The same scenario without its faults."""
    lasts_us: float = 0.0
    """How long a run is open, on average."""
    struck: tuple[int, ...] = ()
    """The scenario's faults that have struck: their places in it."""
    crashes: int = 0
    """How many times something was killed."""
    events: int = 0
    """How many events the simulation had: what it costs to make it again."""

    def count(self, wanted: Callable[[str], bool]) -> tuple[int, int]:
        """How many starts ended in one of the statuses that are wanted, and of how many."""
        return sum(count for status, count in self.statuses.items() if wanted(status)), sum(self.statuses.values())

    @property
    def mean_us(self) -> float | None:
        """The mean duration of the runs that completed."""
        return sum(self.durations_us) / len(self.durations_us) if self.durations_us else None


def replicate(scenario: Scenario, engine: str, seed: int, *, other_engine: bool = False) -> Replication:
    """Simulates one replication; `other_engine` draws the engine's own random choices anew and leaves the outside.

    All engines meet the same arrivals, inputs, latencies and failures under one seed (law 5).
    """
    luck = Luck(seed ^ _OTHER_LUCK) if other_engine else None
    few = scenario.workload.runs <= FULL_UP_TO
    trace = simulate(scenario, engine, seed=seed, engine_luck=luck, full=few, records=False)
    calm_scenario = scenario.model_copy(update={"faults": ()}) if scenario.faults else scenario
    calm = simulate(calm_scenario, engine, seed=seed, full=few, records=False) if scenario.faults else trace
    return measure(scenario, trace, calm)


def measure(scenario: Scenario, trace: Trace, calm: Trace) -> Replication:
    """The numbers of a simulation, beside the one without its faults (the same one where it has none)."""
    runs, ends = trace.started, by_status(trace)
    delay = delay_ms(trace, calm) if calm is not trace else None
    recovery = recovery_ms(trace)
    lasted = [(trace.ended_at if run.ended_at is None else run.ended_at) - run.started_at for run in runs]
    calm_spans = spans(calm, scenario) if calm.events else []
    again = repeated(trace, scenario) if trace.events else Repeated()
    return Replication(
        seed=trace.seed,
        runs=sum(ends.values()),
        statuses=counted(scenario, ends),
        durations_us=tuple(
            sorted(
                run.ended_at - run.started_at for run in runs if run.ended_at is not None and run.status == "completed"
            )
        ),
        delay_us=None if delay is None else delay * MILLISECOND,
        recovery_us=None if recovery is None else recovery * MILLISECOND,
        duplicates=int(trace.counters.get("duplicate_effects", 0)),
        repeated=again,
        calm_repeated=again if calm is trace else repeated(calm, scenario, calm_spans),
        parts_us=_mean_parts(scenario, calm, calm_spans),
        counters=dict(trace.counters),
        calm_counters=dict(calm.counters),
        lasts_us=sum(lasted) / len(lasted) if lasted else 0.0,
        struck=tuple(dict.fromkeys(trace.struck)),
        crashes=sum(isinstance(scenario.faults[number], Crash | RandomFault) for number in trace.struck),
        events=trace.event_count,
    )


def _mean_parts(scenario: Scenario, trace: Trace, all_spans: Sequence[Span]) -> dict[str, float]:
    runs = trace.started if trace.events else []
    if not runs:
        return {}
    split = [parts(trace, scenario, run, all_spans) for run in runs]
    return {part: sum(each[part] for each in split) / len(split) for part in PARTS}
