"""How far work is, and about how long the rest takes, in the words of a progress line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from durascope.cli.terminal import busy, say
from durascope.models.phrases import spell
from durascope.models.units import SECOND

SURE_S: Final = 3.0
"""After so many seconds the pace is known well enough to be told."""
LONG_S: Final = 60.0
"""Whoever waits longer is told what is quicker."""

Progress = Callable[[str, int, int], None]
"""Is told what is worked on, how much of it is done, and of how much."""


class Pace:
    """Says how far each part of the work is.

    >>> seconds = iter([0, 10, 20])
    >>> pace = Pace("points", clock=lambda: next(seconds))
    >>> pace.line("temporal", 50, 5_000)
    'temporal: 50 of 5,000 points, about 16 min left'
    >>> pace.line("temporal", 4_000, 5_000)
    'temporal: 4,000 of 5,000 points, about 5 s left'
    """

    def __init__(self, units: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._units = units
        self._clock = clock
        self._last = clock()
        self._begun: dict[str, float] = {}
        self.left_s = 0.0
        """About how many seconds the part that was last told of still takes."""

    def line(self, what: str, done: int, of: int) -> str:
        """So much of that part is done."""
        begun = self._begun.setdefault(what, self._last)
        self._last = self._clock()
        taken = self._last - begun
        self.left_s = taken * (of - done) / done if done and taken >= SURE_S else 0.0
        left = f", about {_rounded(self.left_s)} left" if self.left_s >= 1 else ""
        return f"{what}: {done:,} of {of:,} {self._units}{left}"


def _rounded(seconds: float) -> str:
    unit = 1 if seconds < 60 else 60 if seconds < 5_400 else 3_600
    return spell(round(seconds / unit) * unit * SECOND)


@contextmanager
def progress_shown(units: str = "replications", *, quicker: str = "") -> Generator[Progress]:
    """A line on a terminal that says how far it is; where that takes long, what is `quicker`, in a log too, once."""
    pace, told = Pace(units), False
    with busy(True) as tell:

        def shown(what: str, done: int, of: int) -> None:
            nonlocal told
            line = pace.line(what, done, of)
            hint = f" ({quicker})" if quicker and pace.left_s >= LONG_S else ""
            tell(f"{line}{hint}")
            if hint and not told and not sys.stderr.isatty():
                told = True
                say(f"{line}{hint}")

        yield shown
