"""Luck is addressed (law 5): the same question has the same answer, whoever asks and whenever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from durascope.models.units import Spread
from durascope.simulators.kernel.luck import Luck, TurnedLuck


def test_the_order_of_questions_does_not_matter() -> None:
    one, other = Luck(7), Luck(7)
    first, second = one("latency", "run 1"), one("latency", "run 2")
    assert (other("latency", "run 2"), other("latency", "run 1")) == (second, first)


def test_another_seed_has_other_luck() -> None:
    assert Luck(1)("a") != Luck(2)("a")


def test_addresses_do_not_run_into_each_other() -> None:
    luck = Luck(0)
    assert luck("ab", "c") != luck("a", "bc")


@given(st.integers(), st.text(), st.integers())
def test_luck_is_a_share(seed: int, word: str, number: int) -> None:
    assert 0 <= Luck(seed)(word, number) < 1


def test_a_log_normal_spread_has_the_percentiles_that_it_names() -> None:
    luck, spread = Luck(0), Spread("log-normal", (180_000, 900_000))
    samples = sorted(luck.sample(spread, "latency", number) for number in range(20_000))
    assert abs(samples[10_000] / 180_000 - 1) < 0.05
    assert abs(samples[19_800] / 900_000 - 1) < 0.1


def test_a_random_order_is_a_permutation() -> None:
    luck = Luck(3)
    assert sorted(luck.order(list(range(10)), "start order")) == list(range(10))


def test_luck_can_be_turned_at_one_address_and_nowhere_else() -> None:
    turned = TurnedLuck(7, {("match", "run 1"): 1})
    assert turned("match", "run 1") != Luck(7)("match", "run 1")
    assert turned("match", "run 2") == Luck(7)("match", "run 2")
    assert list(turned.asked) == [("match", "run 1"), ("match", "run 2")]


def test_two_addresses_can_have_each_others_draws() -> None:
    one, other, third = ("closures", 0), ("closures", 1), ("closures", 2)
    drawn = Luck(7).bits(1, 5, 0), Luck(7).bits(2, 5, 0)
    luck = (
        TurnedLuck(7)
        .turned(one)
        .swapped(one, other)
        .swapped(other, third)
        .swapped(("bits", 1, 5, 0), ("bits", 2, 5, 0))
    )
    assert [luck(*each) for each in (one, other, third)] == [Luck(7)(*other), Luck(7)(*third), Luck(7)(*one, "turn", 1)]
    assert (luck.bits(2, 5, 0), luck.bits(1, 5, 0)) == drawn
