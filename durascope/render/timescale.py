"""Time along an axis: linear, or with marked breaks where nothing happens for long.

A scale is made of pieces. A live piece is linear; a break has a fixed width and says what it leaves out (`… 7 d …`).
A gap in which nobody works is broken when it would take more than a third of the axis, one in which somebody works when
it would take three quarters; and so are many idle gaps that are much longer than all the others. So a picture with
steps of milliseconds and waits of days shows both.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10
from typing import Final, NamedTuple

from durascope.models.phrases import spell
from durascope.render import measure
from durascope.render.theme import SMALL

WORTH_A_BREAK: Final = 0.75
"""The share of the axis that a gap must take before it is left out."""
MAX_BREAKS: Final = 2
IDLE_SHARE: Final = 0.3
BUSY_SHARE: Final = 0.75
JUMP: Final = 6
"""Idle gaps are cut out together when each is this many times as long as the next one."""
MIN_LIVE_PX: Final = 22.0
"""A live piece is at least so wide: a replay of a millisecond is seen between two days of sleep."""
BREAK_PAD_PX: Final = 12.0
ROUND_SHARE: Final = 10
"""A live piece begins earlier by up to this part of all live time, so that it begins at a round one."""
TICK_PX: Final = 78.0
"""Ticks are at least so far apart."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time and where it lies on the axis."""

    start: int
    end: int
    left: float
    right: float
    broken: bool

    def x(self, at: float) -> float:
        if self.end == self.start:
            return self.left
        return self.left + (self.right - self.left) * (at - self.start) / (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Tick:
    at: int
    x: float
    label: str
    main: bool
    """It tells the time since the start; the others only what has passed since the last main one."""


class TimeScale:
    """Where on the axis a moment lies."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = tuple(pieces)
        self._starts = [piece.start for piece in self.pieces]

    @property
    def left(self) -> float:
        return self.pieces[0].left

    @property
    def right(self) -> float:
        return self.pieces[-1].right

    @property
    def breaks(self) -> tuple[Piece, ...]:
        return tuple(piece for piece in self.pieces if piece.broken)

    def x(self, at: float) -> float:
        """The place of a moment; moments outside are put at the ends."""
        index = max(0, bisect_right(self._starts, at) - 1)
        piece = self.pieces[index]
        return piece.x(min(max(at, piece.start), piece.end))

    def ticks(self) -> list[Tick]:
        """Ticks at round times, none in a break, each with a label that does not touch its neighbour's."""
        ticks: list[Tick] = []
        for piece in self.pieces:
            if not piece.broken:
                ticks += _ticks(piece, first=piece is self.pieces[0])
        kept: list[Tick] = []
        for tick in sorted(ticks, key=lambda each: (not each.main, each.x)):
            half = measure.width(tick.label, SMALL) / 2 + 5
            if all(abs(tick.x - other.x) > half + measure.width(other.label, SMALL) / 2 + 5 for other in kept):
                kept.append(tick)
        return sorted(kept, key=lambda each: each.x)


class Since(TimeScale):
    """The same axis for times that are counted from another moment: `zero` stands where its zero does."""

    def __init__(self, scale: TimeScale, zero: int) -> None:
        super().__init__(scale.pieces)
        self._zero = zero

    def x(self, at: float) -> float:
        return super().x(at - self._zero)


def linear(start: int, end: int, left: float, right: float) -> TimeScale:
    """The true axis.

    >>> linear(0, 1_000_000, 100, 300).x(250_000)
    150.0
    """
    return TimeScale([Piece(start, max(end, start + 1), left, right, broken=False)])


def compressed(
    moments: Iterable[int],
    left: float,
    right: float,
    busy: Iterable[tuple[int, int]] = (),
    *,
    worth: float = WORTH_A_BREAK,
    most: int = MAX_BREAKS,
) -> TimeScale:
    """The axis with breaks; `moments` is whenever something begins, ends or happens, `busy` when somebody works.

    It stays the true one unless the longest gap takes more than the share `worth` of it; it has at most `most` breaks.

    >>> DAY = 86_400_000_000
    >>> scale = compressed([0, 1_000_000, DAY, DAY + 1_000_000], 0, 500)
    >>> [piece.broken for piece in scale.pieces]
    [False, True, False, True, False]
    >>> scale.x(0), scale.x(DAY + 1_000_000)
    (0.0, 500.0)
    """
    times = sorted(set(moments)) or [0]
    if len(times) < 3:
        return linear(times[0], times[-1], left, right)
    gaps = [Gap(start, end, idle) for start, end, idle in _gaps(times, busy)]
    if max(gap.lasts for gap in gaps) <= worth * (times[-1] - times[0]):
        return linear(times[0], times[-1], left, right)
    bounds = _bounds(times, _broken(gaps, most))
    widths = _widths(bounds, right - left)
    pieces: list[Piece] = []
    x = left
    for (start, end, broken), width in zip(bounds, widths, strict=True):
        pieces.append(Piece(start, end, x, x + width, broken))
        x += width
    return TimeScale(pieces)


class Gap(NamedTuple):
    """Two moments with nothing between them."""

    start: int
    end: int
    idle: bool
    """Nobody works."""

    @property
    def lasts(self) -> int:
        return self.end - self.start


def _gaps(times: Sequence[int], busy: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    changes: dict[int, int] = {}
    for start, end in busy:
        changes[start] = changes.get(start, 0) + 1
        changes[end] = changes.get(end, 0) - 1
    order, at, working = sorted(changes), 0, 0
    for start, end in pairwise(times):
        while at < len(order) and order[at] <= start:
            working += changes[order[at]]
            at += 1
        yield start, end, not working


def _broken(gaps: Sequence[Gap], most: int) -> list[Gap]:
    """The gaps that are left out, in order."""
    ranked = sorted(gaps, key=lambda gap: gap.lasts * (1.0 if gap.idle else IDLE_SHARE / BUSY_SHARE), reverse=True)
    broken: list[Gap] = []
    while len(broken) < most and (more := _next_broken(ranked)) and len(broken) + len(more) <= most:
        broken += more
        ranked = [gap for gap in ranked if gap not in more]
    return sorted(broken)


def _next_broken(ranked: Sequence[Gap]) -> list[Gap]:
    """The gap that takes too much of what is left, or the idle ones that do so together and are far longer."""
    left = sum(gap.lasts for gap in ranked)
    if ranked and ranked[0].lasts > max(1, (IDLE_SHARE if ranked[0].idle else BUSY_SHARE) * left):
        return [ranked[0]]
    idle = [gap for gap in ranked if gap.idle]
    together = 0
    for at, (gap, following) in enumerate(pairwise(idle), start=1):
        together += gap.lasts
        if gap.lasts >= JUMP * following.lasts:
            return idle[:at] if together > left / 2 else []
    return []


def _bounds(times: Sequence[int], broken: Sequence[Gap]) -> list[tuple[int, int, bool]]:
    """Live stretches and breaks in turn; a break leaves a little of its gap on both sides, and ends at a round time."""
    live = times[-1] - times[0] - sum(gap.lasts for gap in broken)
    margin = max(1, live // 60)
    bounds: list[tuple[int, int, bool]] = []
    begun = times[0]
    for gap in broken:
        edge = min(margin, gap.lasts // 8)
        again, _ = _roundest(gap.end - edge - min(live // ROUND_SHARE, gap.lasts // 4), gap.end - edge)
        bounds += [(begun, gap.start + edge, False), (gap.start + edge, again, True)]
        begun = again
    return [*bounds, (begun, times[-1], False)]


def _widths(bounds: Sequence[tuple[int, int, bool]], room: float) -> list[float]:
    fixed = [break_width(end - start) if broken else 0.0 for start, end, broken in bounds]
    lengths = [0 if broken else max(end - start, 1) for start, end, broken in bounds]
    free = max(room - sum(fixed), MIN_LIVE_PX * sum(length > 0 for length in lengths))
    small: set[int] = set()
    while True:
        scale = (free - MIN_LIVE_PX * len(small)) / max(1, sum(n for at, n in enumerate(lengths) if at not in small))
        more = {at for at, n in enumerate(lengths) if n and at not in small and n * scale < MIN_LIVE_PX}
        if not more:
            break
        small |= more
    return [fixed[at] or (MIN_LIVE_PX if at in small else length * scale) for at, length in enumerate(lengths)]


def break_width(us: int) -> float:
    """The width of a break of that length: its words and a little air."""
    return measure.width(break_words(us), SMALL) + BREAK_PAD_PX


def break_words(us: int) -> str:
    """`… 7 d …`

    >>> break_words(7 * 86_400_000_000)
    '… 7 d …'
    """
    return f"… {spell(us)} …"


_STEPS: Final = (
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000, 15_000_000, 30_000_000,
    *(minutes * 60_000_000 for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    *(days * 86_400_000_000 for days in (1, 2, 5, 10, 20, 50, 100, 200)),
)  # fmt: skip


def _ticks(piece: Piece, *, first: bool) -> list[Tick]:
    length, width = max(piece.end - piece.start, 1), piece.right - piece.left
    wanted = length * TICK_PX / max(width, 1.0)
    step = next((each for each in _STEPS if each >= wanted), _STEPS[-1])
    near = piece.end < 1_000_000_000 or (step >= 60_000_000 and (first or step * 50 > piece.end))
    if step * 2_000 > piece.start and near:  # the time since the start, throughout
        begin = -(-piece.start // step) * step
        ticks = [Tick(at, piece.x(at), _clock(at, step), main=True) for at in range(begin, piece.end + 1, step)]
        if ticks:
            return ticks
        at, finer = _roundest(piece.start, piece.end)
        return [Tick(at, piece.x(at), _clock(at, finer), main=True)]
    at, _ = _roundest(piece.start, piece.start + length // 4 if first or width > TICK_PX else piece.end)
    main = Tick(at, piece.x(at), spell(at), main=True)
    return [main, *(Tick(at + n * step, piece.x(at + n * step), f"+{_clock(n * step, step)}", main=False)
                    for n in range(1, (piece.end - at) // step + 1))]  # fmt: skip


def _roundest(start: int, end: int) -> tuple[int, int]:
    """The moment in a stretch that is a multiple of the largest step, and that step."""
    return next((at, step) for step in reversed(_STEPS) if (at := -(-start // step) * step) <= end)


def _clock(at: int, step: int) -> str:
    """A tick's time in the unit that its neighbours have too."""
    if at == 0:
        return "0"
    if at < 0:
        return f"−{_clock(-at, step)}"
    if step >= 60_000_000 or at >= 600_000_000:
        return spell(at)
    size, unit = (
        (1_000_000, "s") if at + step >= 1_000_000 or step >= 100_000 else (1_000, "ms") if step >= 1_000 else (1, "µs")
    )
    digits = max(0, -floor(log10(step / size)))
    return f"{at / size:.{digits}f} {unit}"
