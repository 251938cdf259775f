"""Limits of time that hold on a slow machine, too, and in one that is busy: tests of speed measure with this."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import cache
from typing import Final, TypeVar

T = TypeVar("T")

_USUAL_S: Final = 0.022
"""What `_work` takes on the machine on which the limits were chosen."""


def seconds_of(work: Callable[[], T], tries: int = 2) -> tuple[float, T]:
    """How many seconds of computing this takes on a usual machine, and what it returns.

    The best try counts: what else runs on the machine makes work slower, never faster. The garbage
    of other tests is left alone meanwhile.
    """
    gc.freeze()
    try:
        taken, found = _taken(work)
        for _ in range(tries - 1):
            taken = min(taken, _taken(work)[0])
    finally:
        gc.unfreeze()
    return taken / max(1, _slowness()), found


@cache
def _slowness() -> float:
    return min(_taken(_work)[0] for _ in range(5)) / _USUAL_S


def _taken(work: Callable[[], T]) -> tuple[float, T]:
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


def _work() -> int:
    """Objects, dictionaries and sorting, as in what is measured."""
    rows = [(number * 7919 % 10_007, str(number)) for number in range(30_000)]
    places = {name: place for place, name in rows}
    return sum(places[name] for _, name in sorted(rows))
