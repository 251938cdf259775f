"""Intervals cover what they promise to cover, and say so when they know nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from durascope.experiments.statistics import Interval, mean, paired, quantile, share


def covered(make: Callable[[random.Random], Interval | None], truth: float, times: int = 400) -> float:
    """In which share of so many samples the interval holds the truth."""
    found = [make(random.Random(seed)) for seed in range(times)]
    return sum(each is not None and each.low <= truth <= each.high for each in found) / times


def test_the_mean_of_a_normal_sample_is_covered_at_95_percent() -> None:
    assert covered(lambda r: mean([r.gauss(5, 2) for _ in range(8)]), 5) == pytest.approx(0.95, abs=0.03)


def test_a_share_is_covered_at_about_95_percent_even_near_one() -> None:
    assert covered(lambda r: share(sum(r.random() < 0.97 for _ in range(60)), 60), 0.97) > 0.92


def test_a_quantile_of_a_skewed_sample_is_covered() -> None:
    truth = math.log(10)  # the p90 of an exponential with mean 1
    assert covered(lambda r: quantile(sorted(r.expovariate(1) for _ in range(200)), 0.9), truth) > 0.92


def test_too_few_values_have_no_upper_bound() -> None:
    found = quantile([1.0, 2.0, 3.0], 0.99)
    assert found is not None
    assert found.high == math.inf


def test_one_value_has_no_interval_and_none_has_no_figure() -> None:
    one = mean([4.0])
    assert one == Interval(4.0, -math.inf, math.inf)
    assert mean([]) is share(0, 0) is quantile([], 0.5) is None


def test_pairs_are_narrower_than_their_parts() -> None:
    generator = random.Random(1)
    common = [generator.gauss(0, 10) for _ in range(30)]
    ours = [value + generator.gauss(1, 0.1) for value in common]
    alone, pairs = mean(ours), paired(ours, common)
    assert alone is not None
    assert pairs is not None
    assert pairs.half_width < alone.half_width / 20
    assert pairs.excludes(0)


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired([1.0], [])
