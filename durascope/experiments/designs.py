"""Two designs of one workflow, side by side under the same seeds: what the change does, and whether it is surely so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from durascope.experiments.costs import bills
from durascope.experiments.decision import RUNS_PER_MONTH, uses
from durascope.experiments.guarantees import Guaranteed, guarantees
from durascope.experiments.limits import limit_uses
from durascope.experiments.measures import MEASURES, Measure
from durascope.experiments.pool import mapped
from durascope.experiments.prices import Prices, shipped
from durascope.experiments.replication import Replication, replicate
from durascope.experiments.statistics import Interval, mean
from durascope.experiments.study import ENDED_WELL, MILLION, OPEN, estimates
from durascope.models.scenario import Scenario
from durascope.models.units import MILLISECOND
from durascope.version import __version__

REPLICATIONS: Final = 100

Verdict = Literal["better", "worse", "no difference"]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of one engine before and after, and the paired interval of the difference."""

    engine: str
    measure: Measure
    before: Interval | None
    after: Interval | None
    difference: Interval | None
    """After less before, seed by seed; None: there were no pairs."""

    @property
    def verdict(self) -> Verdict:
        """`no difference` unless the whole interval lies on one side of zero."""
        if self.difference is None or not self.difference.excludes(0.0):
            return "no difference"
        return "better" if (self.difference.value < 0) == self.measure.less_is_better else "worse"


@dataclass(frozen=True, slots=True)
class Designs:
    """What the second design changes."""

    before: Scenario
    after: Scenario
    seed: int
    replications: int
    changes: Sequence[Change]
    usd: Mapping[str, tuple[float | None, float | None]]
    """By engine: the cheapest plan's month, before and after."""
    limits: Mapping[str, tuple[float, float]]
    """By engine: the largest used share of any limit, before and after."""
    runs_per_month: int
    guarantees: Mapping[str, tuple[Guaranteed, Guaranteed]]
    """By engine: what holds if a process dies at any moment of a step, before and after; where that is quick."""

    @property
    def weaker(self) -> list[str]:
        """The engines on which less is guaranteed than before."""
        return [engine for engine, (before, after) in self.guarantees.items() if after.worse_than(before)]

    @property
    def worse(self) -> bool:
        """Whether anything is surely worse."""
        return bool(self.weaker) or any(change.verdict == "worse" for change in self.changes)

    def as_json(self) -> dict[str, Any]:
        """The shape that `durascope diff --format json` promises."""
        return {
            "before": self.before.scenario,
            "after": self.after.scenario,
            "version": __version__,
            "seed": self.seed,
            "replications": self.replications,
            "runs_per_month": self.runs_per_month,
            "worse": self.worse,
            "changes": [
                {
                    "engine": change.engine,
                    "measure": change.measure.name,
                    "title": change.measure.title,
                    "before": _plain(change.before),
                    "after": _plain(change.after),
                    "difference": _plain(change.difference),
                    "verdict": change.verdict,
                }
                for change in self.changes
            ],
            "usd_per_month": {engine: {"before": a, "after": b} for engine, (a, b) in self.usd.items()},
            "guarantees": {
                engine: {"before": before.as_json(), "after": after.as_json(), "weaker": engine in self.weaker}
                for engine, (before, after) in self.guarantees.items()
            },
            "limit_share": {engine: {"before": a, "after": b} for engine, (a, b) in self.limits.items()},
        }


def _plain(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    return {name: value if abs(value) != float("inf") else None for name, value in interval.as_json().items()}


def designs(
    before: Scenario,
    after: Scenario,
    engines: Sequence[str],
    *,
    seed: int = 0,
    replications: int = REPLICATIONS,
    runs_per_month: int = RUNS_PER_MONTH,
    prices: Mapping[str, Prices] | None = None,
    processes: int | None = None,
    progress: Callable[[str, int, int], None] = lambda _engine, _done, _of: None,
) -> Designs:
    """Replicates both designs under the same seeds on each engine and compares them pair by pair."""
    known = shipped() if prices is None else prices
    changes: list[Change] = []
    usd: dict[str, tuple[float | None, float | None]] = {}
    limits: dict[str, tuple[float, float]] = {}
    for engine in engines:
        tasks = [(design, engine, seed + n) for n in range(replications) for design in (before, after)]
        samples: list[Replication] = []
        for sample in mapped(_replicated, tasks, processes=processes):
            samples.append(sample)
            progress(engine, len(samples) // 2, replications)
        pair = samples[0::2], samples[1::2]
        changes += _changes(engine, *pair)
        if engine in known:
            first, second = (_month(known[engine], each, runs_per_month) for each in pair)
            usd[engine] = (first, second)
            used = [
                max(
                    (use.share for each in theirs for use in limit_uses(design, known[engine], each.counters)),
                    default=0.0,
                )
                for design, theirs in zip((before, after), pair, strict=True)
            ]
            limits[engine] = (used[0], used[1])
    held = [guarantees(design, engines, seed=seed, processes=processes) for design in (before, after)]
    both = {engine: (held[0][engine], held[1][engine]) for engine in engines if all(engine in each for each in held)}
    return Designs(before, after, seed, replications, changes, usd, limits, runs_per_month, both)


def _replicated(task: tuple[Scenario, str, int]) -> Replication:
    scenario, engine, seed = task
    return replicate(scenario, engine, seed)


def _month(prices: Prices, samples: Sequence[Replication], runs_per_month: int) -> float | None:
    return bills(prices, uses(prices, samples), runs_per_month)[0].usd_per_month


_PER_SAMPLE: Final[Mapping[str, Callable[[Replication], float | None]]] = {
    "mean_ms": lambda sample: None if sample.mean_us is None else sample.mean_us / MILLISECOND,
    "delay_ms": lambda sample: None if sample.delay_us is None else sample.delay_us / MILLISECOND,
    "recovery_ms": lambda sample: None if sample.recovery_us is None else sample.recovery_us / MILLISECOND,
    "completed": lambda sample: _share(sample, lambda status: status in ENDED_WELL),
    "failed": lambda sample: _share(sample, lambda status: status not in ENDED_WELL and status not in OPEN),
    "stuck": lambda sample: _share(sample, lambda status: status in OPEN),
    "duplicates_per_million": lambda sample: sample.duplicates / sample.runs * MILLION if sample.runs else None,
    "repeated_ms": lambda sample: sample.repeated.us / sample.runs / MILLISECOND if sample.runs else None,
    "repeated_usd": lambda sample: sample.repeated.usd / sample.runs if sample.runs else None,
}
"""What one replication alone says of a measure; percentiles need many, and are compared by their means."""


def _share(sample: Replication, wanted: Callable[[str], bool]) -> float | None:
    count, of = sample.count(wanted)
    return count / of if of else None


def _changes(engine: str, before: Sequence[Replication], after: Sequence[Replication]) -> Iterator[Change]:
    first, second = estimates(before), estimates(after)
    for name, of in _PER_SAMPLE.items():
        measure = MEASURES[name]
        pairs = [(of(a), of(b)) for a, b in zip(before, after, strict=True)]
        differences = [b - a for a, b in pairs if a is not None and b is not None]
        old, new = measure.of(first), measure.of(second)
        if (old is not None and old.value) or (new is not None and new.value):
            yield Change(engine, measure, old, new, mean(differences))
