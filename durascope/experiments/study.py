"""A study: replications of one scenario on several engines, and what they show with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Final

from durascope.experiments.breakdown import PARTS
from durascope.experiments.pool import mapped
from durascope.experiments.replication import Replication, replicate
from durascope.experiments.statistics import Interval, mean, paired, quantile, share
from durascope.models.scenario import Scenario

FIRST: Final = 20
"""Replications before the first look at the precision."""
MOST: Final = 320
PRECISION: Final = 0.05
MILLION: Final = 1_000_000
ENDED_WELL: Final = ("completed", "continued-as-new", "attached")
OPEN: Final = ("running", "paused", "lost", "none")
QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Estimates:
    """What the replications of one engine show. None: nothing was observed that the figure could be made of."""

    completed: Interval | None
    failed: Interval | None
    stuck: Interval | None
    """Runs that have not ended."""
    latency_us: Mapping[str, Interval]
    """p50, p90, p99 and mean of the runs that completed."""
    delay_us: Interval | None
    recovery_us: Interval | None
    duplicates_per_million: Interval | None
    repeated_us: Interval | None
    """Time spent on work that had been done before, per run."""
    repeated_usd: Interval | None
    per_crash: Mapping[str, Interval]
    """Work that one crash has done again: `us`, `tokens` and `usd`; empty where nothing was killed."""
    calm_us: Interval | None
    """The mean duration without the faults."""
    parts_us: Mapping[str, Interval]
    statuses: Mapping[str, int]
    runs: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How much longer the runs of one engine take than those of another, pair by pair."""

    engine: str
    other: str
    us: Interval

    @property
    def shown(self) -> bool:
        """Whether the data shows a difference at all."""
        return self.us.excludes(0.0)


@dataclass(frozen=True, slots=True)
class Study:
    """All replications, and the estimates made of them."""

    scenario: Scenario
    seed: int
    replications: Mapping[str, Sequence[Replication]]
    estimates: Mapping[str, Estimates]
    differences: Sequence[Difference]
    floor_us: Mapping[str, Interval | None]
    """Each engine against itself, its own random choices drawn anew: what a difference must exceed to mean anything."""
    precise: bool
    """Whether the asked precision was reached; if not, the budget was spent."""
    precision: float

    @property
    def count(self) -> int:
        """How many replications each engine had."""
        return min((len(each) for each in self.replications.values()), default=0)


Progress = Callable[[str, int, int], None]
"""Told the engine, how many replications it has, and how many it will have at least."""


def study(
    scenario: Scenario,
    engines: Sequence[str],
    *,
    seed: int = 0,
    precision: float = PRECISION,
    replications: int | None = None,
    most: int = MOST,
    processes: int | None = None,
    progress: Progress = lambda _engine, _done, _of: None,
) -> Study:
    """Replicates the scenario under consecutive seeds until the mean durations are precise enough.

    Every engine gets the same seeds. `precision` is the half width of the 95 % interval of the mean duration as a
    share of it, on every engine; `replications` fixes their number instead; `most` is the budget.
    """
    samples: dict[str, list[Replication]] = {engine: [] for engine in engines}
    wanted = replications or min(FIRST, most)
    while True:
        for engine in engines:
            seeds = range(seed + len(samples[engine]), seed + wanted)
            for done in mapped(partial(_replicated, scenario, engine), seeds, processes=processes):
                samples[engine].append(done)
                progress(engine, len(samples[engine]), wanted)
        precise = all(_precise(each, precision) for each in samples.values())
        if precise or replications is not None or wanted >= most:
            break
        wanted = min(2 * wanted, most)
    again = {engine: _against_itself(scenario, engine, samples[engine][:FIRST]) for engine in engines}
    return Study(
        scenario=scenario,
        seed=seed,
        replications=samples,
        estimates={engine: estimates(each) for engine, each in samples.items()},
        differences=list(_differences(samples)),
        floor_us=again,
        precise=precise,
        precision=precision,
    )


def _replicated(scenario: Scenario, engine: str, seed: int) -> Replication:
    return replicate(scenario, engine, seed)


def _precise(samples: Sequence[Replication], precision: float) -> bool:
    found = mean([sample.mean_us for sample in samples if sample.mean_us is not None])
    return found is None or found.half_width <= precision * abs(found.value)


def _against_itself(scenario: Scenario, engine: str, samples: Sequence[Replication]) -> Interval | None:
    others = [replicate(scenario, engine, sample.seed, other_engine=True) for sample in samples]
    return _difference(samples, others)


def _differences(samples: Mapping[str, Sequence[Replication]]) -> Iterator[Difference]:
    for engine, other in combinations(samples, 2):
        found = _difference(samples[engine], samples[other])
        if found is not None:
            yield Difference(engine, other, found)


def _difference(ours: Sequence[Replication], theirs: Sequence[Replication]) -> Interval | None:
    """Of the mean durations of a replication, where runs completed in both."""
    pairs = [(a.mean_us, b.mean_us) for a, b in zip(ours, theirs, strict=True)]
    both = [(mine, other) for mine, other in pairs if mine is not None and other is not None]
    return paired([mine for mine, _ in both], [other for _, other in both])


def estimates(samples: Sequence[Replication]) -> Estimates:
    """What the replications show; see `Estimates`."""
    statuses: dict[str, int] = {}
    for sample in samples:
        for status, count in sample.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return Estimates(
        completed=_share(samples, lambda status: status in ENDED_WELL),
        failed=_share(samples, lambda status: status not in ENDED_WELL and status not in OPEN),
        stuck=_share(samples, lambda status: status in OPEN),
        latency_us=_latency(samples),
        delay_us=mean([sample.delay_us for sample in samples if sample.delay_us is not None]),
        recovery_us=mean([sample.recovery_us for sample in samples if sample.recovery_us is not None]),
        duplicates_per_million=_duplicates(samples),
        repeated_us=mean([sample.repeated.us / sample.runs for sample in samples if sample.runs and sample.parts_us]),
        repeated_usd=mean([sample.repeated.usd / sample.runs for sample in samples if sample.runs and sample.parts_us]),
        per_crash=_per_crash(samples),
        calm_us=mean([sum(sample.parts_us.values()) for sample in samples if sample.parts_us]),
        parts_us=_parts(samples),
        statuses=statuses,
        runs=sum(sample.runs for sample in samples),
    )


def _share(samples: Sequence[Replication], wanted: Callable[[str], bool]) -> Interval | None:
    """A share of the runs. Runs of one replication are not independent: the wider of two intervals is taken."""
    counts = [sum(n for status, n in sample.statuses.items() if wanted(status)) for sample in samples]
    of_all = share(sum(counts), sum(sample.runs for sample in samples))
    if of_all is None or all(sample.runs <= 1 for sample in samples):
        return of_all
    by_sample = mean([count / sample.runs for count, sample in zip(counts, samples, strict=True) if sample.runs])
    if by_sample is None or by_sample.half_width <= of_all.half_width:
        return of_all
    return Interval(of_all.value, max(0.0, by_sample.low), min(1.0, by_sample.high))


def _latency(samples: Sequence[Replication]) -> dict[str, Interval]:
    """Percentiles of single runs by order statistics, those of many runs by the replications' own percentiles."""
    found: dict[str, Interval | None] = {}
    single = all(sample.runs <= 1 for sample in samples)
    for name, at in QUANTILES.items():
        if single:
            found[name] = quantile(sorted(float(d) for sample in samples for d in sample.durations_us), at)
        else:
            each = [quantile([float(d) for d in sample.durations_us], at) for sample in samples]
            found[name] = mean([interval.value for interval in each if interval is not None])
    found["mean"] = mean([sample.mean_us for sample in samples if sample.mean_us is not None])
    return {name: interval for name, interval in found.items() if interval is not None}


def _duplicates(samples: Sequence[Replication]) -> Interval | None:
    """Duplicate effects per million runs; where there was none, as many as may still have been missed."""
    found = mean([sample.duplicates / sample.runs * MILLION for sample in samples if sample.runs])
    if found is None:
        return None
    if found.value:
        return Interval(found.value, max(0.0, found.low), found.high)
    none = share(0, sum(sample.runs for sample in samples))
    return Interval(0.0, 0.0, math.inf if none is None else none.high * MILLION)


def _per_crash(samples: Sequence[Replication]) -> dict[str, Interval]:
    """Only of replications that were kept in full, since work that is done again is read off a trace."""
    struck = [sample for sample in samples if sample.crashes and sample.parts_us]
    found = {
        what: mean(
            [(getattr(each.repeated, what) - getattr(each.calm_repeated, what)) / each.crashes for each in struck]
        )
        for what in ("us", "tokens", "usd")
    }
    return {what: interval for what, interval in found.items() if interval is not None}


def _parts(samples: Sequence[Replication]) -> dict[str, Interval]:
    found = {part: mean([sample.parts_us[part] for sample in samples if sample.parts_us]) for part in PARTS}
    return {part: interval for part, interval in found.items() if interval is not None}
