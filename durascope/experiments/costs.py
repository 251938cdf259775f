"""What a month costs: billable units as simulated, and each vendor's plans for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from durascope.experiments.prices import Plan, Prices
from durascope.experiments.statistics import Interval, mean

HOUR_US: Final = 3_600_000_000
GB: Final = 1e9
RETENTION_DAYS: Final = 7
"""How long a closed run's history is kept where nothing says otherwise (Temporal Cloud allows 1 to 90 days)."""

_STEPS: Final = 100
_LEAST_RUNS: Final = 100
_MOST_RUNS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run uses on average, as simulated."""

    units: Mapping[str, float]
    """Billable units of each kind, per run."""
    stored_bytes: float = 0.0
    lasts_us: float = 0.0
    """How long a run is open on average."""

    def month(self, runs: float) -> dict[str, float]:
        return {unit: count * runs for unit, count in self.units.items()}


@dataclass(frozen=True, slots=True)
class Uses:
    """What the runs of one engine use: their mean over the replications, and how far it may be off."""

    disturbed: Usage
    """With the scenario's faults."""
    calm: Usage
    """Without them."""
    disturbed_bounds: tuple[Usage, Usage]
    """The low and the high end of the 95 % interval, unit by unit."""
    calm_bounds: tuple[Usage, Usage]
    more_bounds: tuple[Usage, Usage]
    """Of what the faults add, pair by pair, on top of the mean without them."""

    @classmethod
    def of(cls, pairs: Sequence[tuple[Usage, Usage]]) -> Uses:
        """Of replications, each with its faults and without."""
        disturbed, calm = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        middle = _each(calm, lambda found: found.value)
        added = [_plus(more, _times(less, -1.0)) for more, less in pairs]
        low, high = (_each(added, lambda found, end=end: getattr(found, end)) for end in ("low", "high"))
        return cls(
            _each(disturbed, lambda found: found.value),
            middle,
            (_each(disturbed, lambda found: found.low), _each(disturbed, lambda found: found.high)),
            (_each(calm, lambda found: found.low), _each(calm, lambda found: found.high)),
            (_plus(middle, low), _plus(middle, high)),
        )


def _each(usages: Sequence[Usage], of: Callable[[Interval], float]) -> Usage:
    """One usage made of many, figure by figure."""

    def one(values: list[float]) -> float:
        found = mean(values)
        return 0.0 if found is None else of(found)

    units = dict.fromkeys(unit for each in usages for unit in each.units)
    return Usage(
        {unit: one([each.units[unit] for each in usages]) for unit in units},
        one([each.stored_bytes for each in usages]),
        one([each.lasts_us for each in usages]),
    )


def _plus(a: Usage, b: Usage) -> Usage:
    units = {unit: count + b.units.get(unit, 0.0) for unit, count in a.units.items()}
    return Usage(units, a.stored_bytes + b.stored_bytes, a.lasts_us + b.lasts_us)


def _times(a: Usage, factor: float) -> Usage:
    units = {unit: count * factor for unit, count in a.units.items()}
    return Usage(units, a.stored_bytes * factor, a.lasts_us * factor)


@dataclass(frozen=True, slots=True)
class Bill:
    """A month on one plan."""

    vendor: str
    plan: str
    usd_per_month: float | None
    """What the units cost; None: the plan does not allow that many."""
    usd_without_faults: float | None
    storage_usd_per_month: float
    """Beside it: open runs as long as they last, closed ones for `RETENTION_DAYS`; 0 if it is not billed."""
    confidence: str
    retrieved: str
    intervals: Mapping[str, Interval] = field(default_factory=dict[str, Interval])
    """Of `usd_per_month`, `usd_without_faults`, `price_of_failure`, `storage_usd_per_month`, where they are known."""

    @property
    def price_of_failure(self) -> float | None:
        """What the faults add to the month."""
        if self.usd_per_month is None or self.usd_without_faults is None:
            return None
        return self.usd_per_month - self.usd_without_faults


def usage(prices: Prices, counters: Mapping[str, float], runs: int, lasts_us: float = 0.0) -> Usage:
    """What a run uses on average, from the counters of a simulation of that many runs."""
    each = max(runs, 1)
    units = {unit: counters.get(counter, 0.0) / each for unit, counter in prices.usage.items()}
    stored = counters.get(prices.storage.bytes, 0.0) / each if prices.storage else 0.0
    return Usage(units, stored, lasts_us)


def bills(prices: Prices, used: Uses, runs_per_month: int) -> list[Bill]:
    """What each plan costs a month, with the faults and without them, the cheapest first."""
    found = [
        Bill(
            prices.vendor,
            plan.name,
            plan.usd_per_month(used.disturbed.month(runs_per_month)),
            plan.usd_per_month(used.calm.month(runs_per_month)),
            _storage(prices, used.disturbed, runs_per_month),
            prices.confidence,
            prices.retrieved,
            _intervals(prices, plan, used, runs_per_month),
        )
        for plan in prices.plans
    ]
    return sorted(found, key=lambda bill: (bill.usd_per_month is None, bill.usd_per_month or 0.0))


def _intervals(prices: Prices, plan: Plan, used: Uses, runs: int) -> dict[str, Interval]:
    """A bill grows with what is used, so its bounds are the bills of the bounds."""

    def month(usage: Usage) -> float | None:
        finite = all(math.isfinite(count) for count in usage.units.values())
        return plan.usd_per_month(usage.month(runs)) if finite else None

    def between(value: float | None, ends: Sequence[float | None]) -> Interval | None:
        low, high = ends
        return None if value is None else Interval(value, low or 0.0, math.inf if high is None else high)

    calm, disturbed = month(used.calm), month(used.disturbed)
    failing = None if calm is None or disturbed is None else disturbed - calm
    more = [None if end is None or calm is None else end - calm for end in map(month, used.more_bounds)]
    stored = [_storage(prices, end, runs) for end in used.disturbed_bounds]
    found = {
        "usd_per_month": between(disturbed, [*map(month, used.disturbed_bounds)]),
        "usd_without_faults": between(calm, [*map(month, used.calm_bounds)]),
        "price_of_failure": between(failing, more),
        "storage_usd_per_month": between(_storage(prices, used.disturbed, runs), stored),
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def _storage(prices: Prices, used: Usage, runs: int) -> float:
    if prices.storage is None:
        return 0.0
    gigabytes = used.stored_bytes * runs / GB
    open_for = used.lasts_us / HOUR_US * prices.storage.active_usd_per_gb_hour
    kept_for = RETENTION_DAYS * 24 * prices.storage.retained_usd_per_gb_hour
    return gigabytes * (open_for + kept_for)


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan, and what a run uses there."""

    title: str
    plan: Plan
    used: Usage
    bounds: tuple[Usage, Usage] | None = None
    """The low and the high end of its 95 % interval; None: it is known exactly."""

    def usd(self, runs: int, used: Usage | None = None) -> float:
        """A month's bill; infinite if the plan does not allow that many runs."""
        found = self.plan.usd_per_month((used or self.used).month(runs))
        return math.inf if found is None else found


def curve(offers: Sequence[Offer]) -> list[tuple[int, float]]:
    """(runs a month, the cheapest of these plans), from a thousand to a hundred million, as far as any plan allows."""
    runs = [round(10 ** (3 + 5 * step / _STEPS)) for step in range(_STEPS + 1)]
    found = [(count, min((offer.usd(count) for offer in offers), default=math.inf)) for count in runs]
    return [(count, usd) for count, usd in found if math.isfinite(usd)]


@dataclass(frozen=True, slots=True)
class Crossover:
    """The number of runs a month from which on one plan is cheaper than another."""

    runs_per_month: int
    cheaper_below: str
    cheaper_above: str
    earliest: int | None = None
    """The bounds of `runs_per_month`, as far as what a run uses is uncertain; None: no bound is known."""
    latest: int | None = None


def crossovers(offers: Sequence[Offer]) -> list[Crossover]:
    """Where the cheapest of all plans changes as the runs of a month grow, from 100 to a billion."""

    def cheapest(runs: int) -> Offer | None:
        found = min(offers, key=lambda offer: (offer.usd(runs), offer.title), default=None)
        return None if found is None or math.isinf(found.usd(runs)) else found

    found: list[Crossover] = []
    runs = _LEAST_RUNS
    best = cheapest(runs)
    while runs < _MOST_RUNS:
        further = min(_MOST_RUNS, max(runs + 1, runs * 21 // 20))
        following = cheapest(further)
        if following != best and best is not None and following is not None:
            at = _first(runs, further, lambda count, best=best: cheapest(count) != best)
            found.append(Crossover(at, best.title, following.title, *_uncertain(best, following, at)))
        runs, best = further, following
    return found


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first count above `low` at which it holds; it holds at `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _uncertain(below: Offer, above: Offer, at: int) -> tuple[int | None, int | None]:
    """The earliest and the latest crossover: where one of the two uses as much as it may, the other as little."""
    if below.bounds is None or above.bounds is None:
        return at, at
    (little, much), (less, more) = below.bounds, above.bounds
    return _crossing(below, much, above, less, at), _crossing(below, little, above, more, at)


def _crossing(below: Offer, used: Usage, above: Offer, using: Usage, near: int) -> int | None:
    """From how many runs on `above` is cheaper under those usages; None: not anywhere near."""
    if not all(math.isfinite(count) for each in (used, using) for count in each.units.values()):
        return None

    def dearer(runs: int) -> bool:
        return below.usd(runs, used) > above.usd(runs, using)

    for reach in _REACHES:
        low, high = int(near / reach), math.ceil(near * reach)
        if not dearer(low) and dearer(high):
            return _first(low, high, dearer)
    return None


_REACHES: Final = (1.01, 1.05, 1.25, 2.0, 4.0)
"""Within which factors of a crossover its bounds are looked for, one after the other."""
