"""A study: replications of one scenario on several engines, and what they show with its uncertainty."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
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
BUDGET_S: Final = 60.0
"""How long replications may take, unless it is said how many there are."""
LEAST: Final = 3
"""Replications that are made whatever the time: fewer have no interval worth the name."""
EVENTS: Final = 200_000
"""What is made beside the replications (the same engine twice, another setting, …) takes at most this many events an
engine, so fewer seeds if a simulation is long. A count, not a time: the same command gives the same page."""
PRECISION: Final = 0.05
MILLION: Final = 1_000_000
ENDED_WELL: Final = ("completed", "continued-as-new")
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
    """Work that one crash has done again: `us`, `tokens` and `usd`; empty if nothing was killed."""
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
    """Whether the asked precision was reached; if not, a budget was spent."""
    precision: float
    out_of_time: bool = False
    """Whether it was the time that was spent, and not the number of replications."""

    @property
    def count(self) -> int:
        """How many replications each engine had."""
        return min((len(each) for each in self.replications.values()), default=0)

    @property
    def few(self) -> int:
        """How many of its seeds are worth simulating again for what stands beside the replications; see `EVENTS`."""
        longest = max((sample.events for each in self.replications.values() for sample in each), default=0)
        return min(self.count, max(2, min(FIRST, EVENTS // max(1, longest))))


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
    budget_s: float = BUDGET_S,
    processes: int | None = None,
    progress: Progress = lambda _engine, _done, _of: None,
) -> Study:
    """Replicates the scenario under consecutive seeds until the mean durations are precise enough.

    Every engine gets the same seeds. `precision` is the half width of the 95 % interval of the mean duration as a
    share of it, on every engine; `most` and `budget_s` end it before (after `LEAST` replications at the earliest);
    `replications` fixes their number instead.
    """
    samples: dict[str, list[Replication]] = {engine: [] for engine in engines}
    deadline_s = math.inf if replications is not None else time.monotonic() + budget_s
    wanted = replications or min(FIRST, most)
    while True:
        _replicate(scenario, seed, samples, wanted, deadline_s, processes, progress)
        precise = all(_precise(each, precision) for each in samples.values())
        out_of_time = time.monotonic() > deadline_s
        if precise or out_of_time or replications is not None or wanted >= most:
            break
        wanted = min(2 * wanted, most)
    found = Study(
        scenario=scenario,
        seed=seed,
        replications=samples,
        estimates={engine: estimates(each) for engine, each in samples.items()},
        differences=list(_differences(samples)),
        floor_us={},
        precise=precise,
        precision=precision,
        out_of_time=out_of_time and not precise,
    )
    return replace(found, floor_us=_floors(found, processes))


def _replicate(
    scenario: Scenario,
    seed: int,
    samples: Mapping[str, list[Replication]],
    wanted: int,
    deadline_s: float,
    processes: int | None,
    progress: Progress,
) -> None:
    """Adds replications until each engine has as many as wanted, or the time is over; all have equally many."""
    known = min(map(len, samples.values()), default=0)
    tasks = [(engine, seed + number) for number in range(known, wanted) for engine in samples]
    with closing(mapped(partial(_replicated, scenario), tasks, processes=processes)) as found:
        for (engine, _), done in zip(tasks, found, strict=True):
            theirs = samples[engine]
            theirs.append(done)
            progress(engine, len(theirs), wanted)
            complete = all(len(each) == len(theirs) for each in samples.values())
            if complete and len(theirs) >= LEAST and time.monotonic() > deadline_s:
                break


def _replicated(scenario: Scenario, task: tuple[str, int]) -> Replication:
    return replicate(scenario, *task)


def _precise(samples: Sequence[Replication], precision: float) -> bool:
    found = mean([sample.mean_us for sample in samples if sample.mean_us is not None])
    return found is None or found.half_width <= precision * abs(found.value)


def _floors(found: Study, processes: int | None) -> dict[str, Interval | None]:
    """Each engine against itself under the first seeds, its own random choices drawn anew."""
    engines = tuple(found.replications)
    tasks = [(engine, found.seed + number) for engine in engines for number in range(found.few)]
    others: dict[str, list[Replication]] = {engine: [] for engine in engines}
    anew = mapped(partial(_drawn_anew, found.scenario), tasks, processes=processes)
    for (engine, _), other in zip(tasks, anew, strict=True):
        others[engine].append(other)
    return {engine: _difference(found.replications[engine][: found.few], others[engine]) for engine in engines}


def _drawn_anew(scenario: Scenario, task: tuple[str, int]) -> Replication:
    return replicate(scenario, *task, other_engine=True)


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
    counts = [sample.count(wanted) for sample in samples]
    of_all = share(sum(count for count, _ in counts), sum(of for _, of in counts))
    if of_all is None or all(of <= 1 for _, of in counts):
        return of_all
    by_sample = mean([count / of for count, of in counts if of])
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
