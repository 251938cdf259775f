"""Intervals: how far a figure of a few replications may be from the true one, at 95 % confidence.

The routines are SciPy's; what stands here is which of them fits which figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the 95 % confidence interval around it, in the figure's own unit."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2

    def excludes(self, number: float) -> bool:
        return not self.low <= number <= self.high

    def as_json(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


def mean(values: Sequence[float]) -> Interval | None:
    """The mean of independent values, with Student's t interval; None without values.

    One value alone says nothing about how far it may be off: its interval is unbounded.

    >>> mean([1.0, 2.0, 3.0]).value
    2.0
    """
    if not values:
        return None
    middle = math.fsum(values) / len(values)
    if len(values) == 1:
        return Interval(middle, -math.inf, math.inf)
    spread = math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))
    reach = _t(len(values) - 1) * spread / math.sqrt(len(values))
    return Interval(middle, middle - reach, middle + reach)


def share(count: int, total: int) -> Interval | None:
    """A share of independent trials, with Wilson's interval; None without trials.

    >>> share(10, 10).high
    1.0
    """
    if total <= 0:
        return None
    from scipy.stats import binomtest

    found = binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(count / total, float(found.low), min(1.0, float(found.high)))


def quantile(ordered: Sequence[float], at: float) -> Interval | None:
    """A quantile of independent, sorted values (nearest rank), with the interval that order statistics give.

    It needs no assumption about the distribution. Where there are too few values for a bound at 95 %, the bound is
    infinite, or 0 below.

    >>> quantile([float(n) for n in range(1, 101)], 0.5).value
    50.0
    """
    count = len(ordered)
    if not count:
        return None
    from scipy.stats import binom

    tail = (1 - CONFIDENCE) / 2
    value = ordered[max(0, math.ceil(at * count) - 1)]
    below = int(binom.ppf(tail, count, at))
    above = int(binom.ppf(1 - tail, count, at)) + 1
    low = ordered[below - 1] if below >= 1 else 0.0
    high = ordered[above - 1] if above <= count else math.inf
    return Interval(value, min(low, value), max(high, value))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Interval | None:
    """The mean of the differences of values that belong together, one pair a replication; ValueError if some have none.

    >>> paired([3.0, 5.0], [1.0, 3.0])
    Interval(value=2.0, low=2.0, high=2.0)
    """
    return mean([mine - other for mine, other in zip(ours, theirs, strict=True)])


def _t(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, degrees))
