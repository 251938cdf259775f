"""What a month costs: billable units as simulated, and each vendor's plans for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.experiments.prices import Plan, Prices

HOUR_US: Final = 3_600_000_000
GB: Final = 1e9
RETENTION_DAYS: Final = 7
"""How long a closed run's history is kept where nothing says otherwise (Temporal Cloud allows 1 to 90 days)."""

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
class Bill:
    """A month on one plan."""

    vendor: str
    plan: str
    usd_per_month: float | None
    """What the units cost; None: the plan does not allow so many."""
    usd_without_faults: float | None
    storage_usd_per_month: float
    """Beside it: open runs as long as they last, closed ones for `RETENTION_DAYS`; 0 where it is not billed."""
    confidence: str
    retrieved: str

    @property
    def price_of_failure(self) -> float | None:
        """What the faults add to the month."""
        if self.usd_per_month is None or self.usd_without_faults is None:
            return None
        return self.usd_per_month - self.usd_without_faults


def usage(prices: Prices, counters: Mapping[str, float], runs: int, lasts_us: float = 0.0) -> Usage:
    """What a run uses on average, from the counters of a simulation of so many runs."""
    each = max(runs, 1)
    units = {unit: counters.get(counter, 0.0) / each for unit, counter in prices.usage.items()}
    stored = counters.get(prices.storage.bytes, 0.0) / each if prices.storage else 0.0
    return Usage(units, stored, lasts_us)


def bills(prices: Prices, with_faults: Usage, without: Usage, runs_per_month: int) -> list[Bill]:
    """What each plan costs a month, with the faults and without them, the cheapest first."""
    storage = _storage(prices, with_faults, runs_per_month)
    found = [
        Bill(
            prices.vendor,
            plan.name,
            plan.usd_per_month(with_faults.month(runs_per_month)),
            plan.usd_per_month(without.month(runs_per_month)),
            storage,
            prices.confidence,
            prices.retrieved,
        )
        for plan in prices.plans
    ]
    return sorted(found, key=lambda bill: (bill.usd_per_month is None, bill.usd_per_month or 0.0))


def _storage(prices: Prices, used: Usage, runs: int) -> float:
    if prices.storage is None:
        return 0.0
    gigabytes = used.stored_bytes * runs / GB
    open_for = used.lasts_us / HOUR_US * prices.storage.active_usd_per_gb_hour
    kept_for = RETENTION_DAYS * 24 * prices.storage.retained_usd_per_gb_hour
    return gigabytes * (open_for + kept_for)


@dataclass(frozen=True, slots=True)
class Crossover:
    """From so many runs a month on, one plan is cheaper than another."""

    runs_per_month: int
    cheaper_below: str
    cheaper_above: str


def crossovers(plans: Sequence[tuple[str, Plan, Usage]]) -> list[Crossover]:
    """Where the cheapest of all plans changes as the runs of a month grow, from 100 to a billion.

    `plans` are (title, plan, what a run uses there).
    """

    def cheapest(runs: int) -> str | None:
        costs = [(plan.usd_per_month(used.month(runs)), title) for title, plan, used in plans]
        known = [(cost, title) for cost, title in costs if cost is not None]
        return min(known)[1] if known else None

    found: list[Crossover] = []
    runs = _LEAST_RUNS
    best = cheapest(runs)
    while runs < _MOST_RUNS:
        further = min(_MOST_RUNS, max(runs + 1, runs * 21 // 20))
        following = cheapest(further)
        if following != best and best is not None and following is not None:
            low, high = runs, further
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if cheapest(middle) == best else (low, middle)
            found.append(Crossover(high, best, following))
        runs, best = further, following
    return found
