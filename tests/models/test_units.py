"""Quantities are read exactly, and written in a form that reads back equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durascope.models.durations import FOREVER, Misread
from durascope.models.units import (
    Spread,
    format_duration,
    format_money,
    format_rate,
    format_share,
    format_size,
    parse_duration,
    parse_money,
    parse_rate,
    parse_share,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("250ms", 250_000),
        ("2s", 2_000_000),
        ("1m30s", 90_000_000),
        ("1w", 604_800_000_000),
        ("0s", 0),
        ("1.5ms", 1_500),
    ],
)
def test_durations_are_whole_microseconds(text: str, us: int) -> None:
    assert parse_duration(text) == us


@pytest.mark.parametrize(
    "text", ["", "5", "s", "1.5us", "-2s", "2 s", "5x", "1s garbage", "٣s", 5, True, None, [], 2.5]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(Misread):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("5 sec", "5s"), ("10 Minutes", "10m"), ("1 hour 30 min", "1h30m"), ("20MS", "20ms"), ("3secnds", "3s")],
)
def test_a_unit_in_other_words_is_understood_and_corrected(text: str, meant: str) -> None:
    with pytest.raises(Misread) as raised:
        parse_duration(text)
    assert f"did you mean `{meant}`?" in raised.value.help


@given(st.integers(0, FOREVER - 1))
def test_durations_read_back_equal(us: int) -> None:
    assert parse_duration(format_duration(us)) == us


@given(st.floats(0, 1))
def test_shares_read_back_equal(share: float) -> None:
    assert parse_share(format_share(share)) == share


@given(st.floats(1e-12, 1e12))
def test_rates_read_back_equal(rate: float) -> None:
    assert parse_rate(format_rate(rate)) == rate


@given(st.integers(0, 1 << 60))
def test_sizes_read_back_equal(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.just(0.0) | st.floats(1e-12, 1e15))
def test_money_reads_back_equal(amount: float) -> None:
    assert parse_money(format_money(amount)) == amount


@given(
    st.sampled_from(["fixed", "log-normal", "exponential", "uniform", "samples"]),
    st.lists(st.integers(0, 1 << 50), min_size=2, max_size=5),
)
def test_spreads_read_back_equal(shape: str, values: list[int]) -> None:
    length = {"fixed": 1, "exponential": 1, "log-normal": 2, "uniform": 2}.get(shape, len(values))
    spread = Spread(shape, tuple(sorted(values)[:length]))
    assert Spread.parse(spread.written()) == spread


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ({"p50": "1s", "p99": "soon"}, ("p99",)),
        ({"uniform": ["1s", "x"]}, ("uniform", 1)),
        ({"samples": []}, ("samples",)),
        ({"p50": "2s", "p99": "1s"}, ("p99",)),
        ({"mean": "1s"}, ()),
    ],
)
def test_what_is_wrong_in_a_spread_has_a_place(written: object, at: tuple[str | int, ...]) -> None:
    with pytest.raises(Misread) as raised:
        Spread.parse(written)
    assert raised.value.at == at
