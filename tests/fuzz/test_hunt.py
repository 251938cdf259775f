"""The hunters themselves: each promise holds for the first inputs of a seed, so that none of them has gone stale."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.inputs import garbled, mutated
from tests.fuzz.promises import PROMISES


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", PROMISES)
def test_a_promise_holds_for_a_first_input(name: str, seed: int) -> None:
    takes_text, promise = PROMISES[name]
    draw = random.Random(seed)
    assert promise(garbled(draw) if takes_text else mutated(draw), draw) is None
