"""A sequence told as copies of itself is the sequence again, and what recurs is told once."""

from __future__ import annotations

from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from durascope.player.copying import Copies, copies


def read(told: Copies) -> list[int]:
    found: list[int] = []
    fresh = iter(told.fresh)
    for new, same, back in zip(told.new, told.same, told.back, strict=True):
        found += islice(fresh, new)
        assert same <= back <= len(found)
        found += found[len(found) - back : len(found) - back + same]
    return found


@given(some.lists(some.integers(0, 3), max_size=60))
def test_it_comes_out_as_it_was(sequence: list[int]) -> None:
    assert read(copies(np.array(sequence, dtype=np.int64))) == sequence


def test_a_way_that_was_gone_before_is_one_copy() -> None:
    way = list(range(1000))
    told = copies(np.array([*way, 7777, *way], dtype=np.int64))
    assert (told.fresh, told.same) == ([*way, 7777], [1000, 0])


def test_where_one_thing_differs_the_copy_goes_on_behind_it() -> None:
    way = list(range(100))
    told = copies(np.array([*way, *way[:50], 7777, *way[51:]], dtype=np.int64))
    assert (told.same, told.back) == ([50, 49, 0], [100, 100, 0])
    assert told.fresh == [*way, 7777]
