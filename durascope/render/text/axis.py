"""A time axis made of character cells: what lasts too long to be drawn to scale is cut, and the cut is marked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from durascope.models.phrases import spell

TOO_LONG: Final = 2.0
"""A stretch in which nothing begins or ends is cut if it lasts this many times longer than all the rest."""
CUT_TO: Final = 0.13
"""What a cut stretch takes, as a share of all that is drawn to scale."""


@dataclass(frozen=True, slots=True)
class Break:
    """A stretch of time that is drawn shorter than it was."""

    start: int
    end: int
    left: float
    right: float


class Axis:
    """Maps microseconds to cells, over the times at which something begins or ends.

    >>> axis = Axis([0, 1_000_000, 2_000_000], 40)
    >>> axis.cell(500_000)
    10.0
    >>> axis.scale()
    '0                                    2 s'
    """

    def __init__(self, times: Iterable[int], width: int) -> None:
        self.width = width
        self.times = sorted({0, *times})
        lengths = [after - before for before, after in zip(self.times, self.times[1:], strict=False)]
        drawn = _drawn(lengths)
        total = sum(drawn) or 1.0
        self.edges = [0.0]
        self.breaks: list[Break] = []
        for before, length, shown in zip(self.times, lengths, drawn, strict=False):
            left = self.edges[-1]
            self.edges.append(left + shown / total * width)
            if shown < length:
                self.breaks.append(Break(before, before + length, left, self.edges[-1]))

    def cell(self, at: int) -> float:
        """The place of a time, in cells from the left."""
        if at >= self.times[-1]:
            return float(self.width)
        number = bisect_right(self.times, at) - 1
        before, after = self.times[number], self.times[number + 1]
        left, right = self.edges[number], self.edges[number + 1]
        return left + (right - left) * (at - before) / (after - before)

    def scale(self) -> str:
        """The line of times: the beginning, what was cut out, the end."""
        line = [" "] * self.width
        _put(line, 0, "0")
        end = spell(self.times[-1])
        _put(line, self.width - len(end), end)
        for cut in self.breaks:
            label = f"⁄ {spell(cut.end - cut.start)} ⁄"
            at = round((cut.left + cut.right - len(label)) / 2)
            if (
                at >= 2
                and at + len(label) <= self.width - len(end) - 1
                and not "".join(line[at : at + len(label)]).strip()
            ):
                _put(line, at, label)
        return "".join(line)


def _drawn(lengths: list[int]) -> list[float]:
    """How long each stretch is drawn: to scale, or cut; the longest are cut first, as long as one is too long."""
    drawn = [float(length) for length in lengths]
    cut: set[int] = set()
    longest_first = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    for number in longest_first:
        rest = sum(length for other, length in enumerate(lengths) if other not in cut and other != number)
        if not rest or lengths[number] <= TOO_LONG * rest:
            break
        cut.add(number)
    to_scale = sum(length for number, length in enumerate(lengths) if number not in cut)
    for number in cut:
        drawn[number] = max(to_scale * CUT_TO, 1.0)
    return drawn


def _put(line: list[str], at: int, text: str) -> None:
    for offset, character in enumerate(text):
        if 0 <= at + offset < len(line):
            line[at + offset] = character
