"""Many runs over time: a dot for each, to the right where it starts, up how long it lasts, on a logarithmic axis.

What was down is a band behind them; the runs that stand out are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final, Literal

from durascope.models.effects import Recovery, effects
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.trace import RunSummary, Trace
from durascope.models.waits import longest
from durascope.render import measure
from durascope.render.bars import AGAIN, EFFECT, LOOKS, crash_mark
from durascope.render.canvas import Canvas
from durascope.render.excerpt import interruptions
from durascope.render.legend import Entry
from durascope.render.theme import FRAME, MUTED, PAPER, SMALL
from durascope.render.timescale import TimeScale

MANY: Final = 30
"""More runs than this are dots."""
GUTTER: Final = 66.0
"""The room for the durations on the left."""
_LANE: Final = 24.0
"""The height of the lane for runs that have not ended."""
_BAND: Final = 22.0
"""The height of the words over a band."""
_NAMED: Final = 6
_OUTLIER: Final = 3
"""A run stands out if it lasts this many times as long as the median run."""
_CELL: Final = 2.0
"""Dots nearer to each other than this, in pixels, are drawn as one."""

Sort = Literal["plain", "late", "again", "open"]
_INKS: Final[dict[Sort, str]] = {"plain": EFFECT, "late": "#a86a0b", "again": AGAIN, "open": AGAIN}
_FRONT: Final[tuple[Sort, ...]] = ("plain", "late", "again", "open")
"""Later entries are drawn over earlier ones."""
_WORDS: Final[dict[Sort, str]] = {
    "plain": "a run: when it starts, how long it lasts",
    "late": "a fault interrupts it",
    "again": "an effect of it happens twice",
    "open": "never ends",
}


@dataclass(frozen=True, slots=True)
class Dot:
    run: RunSummary
    lasts: int | None
    """Microseconds; None: it has not ended."""
    sort: Sort


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn, and the range of durations that the axis has."""

    dots: tuple[Dot, ...]
    downs: tuple[Span, ...]
    worst: Recovery | None
    low: int
    high: int
    """Of the axis of durations, in microseconds; the lower one is a power of ten."""

    @property
    def moments(self) -> list[int]:
        """What the axis of time has to show."""
        return [dot.run.started_at for dot in self.dots] + [at for span in self.downs for at in (span.start, span.end)]

    @property
    def outliers(self) -> list[Dot]:
        """Those that stand out, the longest first."""
        ended = sorted(dot.lasts for dot in self.dots if dot.lasts is not None)
        usual = ended[len(ended) // 2] if ended else 0
        found = [dot for dot in self.dots if dot.lasts is None or dot.lasts > _OUTLIER * usual]
        return sorted(found, key=lambda dot: (dot.lasts is not None, -(dot.lasts or 0), dot.run.started_at))


def plot(trace: Trace, kept: Trace, scenario: Scenario) -> Plot:
    """The plot of the runs started from outside; interruptions are looked for in the `kept` part of the trace."""
    found = interruptions(trace, kept, scenario)
    again = {mark.run for mark in effects(kept) if mark.duplicate}
    late = {each.run for each in found}
    dots = [_dot(run, again, late) for run in trace.started]
    lasting = [max(dot.lasts, 1) for dot in dots if dot.lasts is not None] or [1_000]
    downs = tuple(span for span in spans(kept, scenario) if span.kind == "down")
    low = 10 ** floor(log10(min(lasting)))
    return Plot(tuple(dots), downs, longest(found), low, max(10 * low, _round(max(lasting))))


def _round(lasts: int) -> int:
    """The next of 1, 2, 5, 10, …"""
    power = 10 ** floor(log10(lasts))
    return next(power * first for first in (1, 2, 5, 10) if power * first >= lasts)


def _dot(run: RunSummary, again: set[str | None], late: set[str]) -> Dot:
    lasts = None if run.ended_at is None else run.ended_at - run.started_at
    if lasts is None:
        return Dot(run, lasts, "open")
    return Dot(run, lasts, "again" if run.name in again else "late" if run.name in late else "plain")


def draw_dots(canvas: Canvas, scale: TimeScale, drawn: Plot, top: float, height: float) -> None:
    """The bands, the axis of durations, the dots and the names, from `top` down."""
    plot_top = top + (_BAND if drawn.downs else 6) + (_LANE if any(dot.lasts is None for dot in drawn.dots) else 0)
    level = _Levels(drawn.low, drawn.high, plot_top, top + height)
    taken = [*_draw_bands(canvas, scale, drawn, top, height)]
    _draw_levels(canvas, scale, level, drawn)
    cells: dict[tuple[int, int, Sort], list[Dot]] = {}
    for dot in drawn.dots:
        x, y = scale.x(dot.run.started_at), level.y(dot.lasts)
        cells.setdefault((round(x / _CELL), round(y / _CELL), dot.sort), []).append(dot)
    for (_, _, sort), dots in sorted(cells.items(), key=lambda each: _FRONT.index(each[0][2])):
        x, y = scale.x(dots[0].run.started_at), level.y(dots[0].lasts)
        taken.append((x - 4, y - 4, x + 4, y + 4))
        with canvas.group("run", f"{len(dots)} runs" if len(dots) > 1 else _told(dots[0])):
            _draw_dot(canvas, sort, x, y)
    _draw_names(canvas, scale, level, drawn.outliers, taken)


@dataclass(frozen=True, slots=True)
class _Levels:
    """Where a duration lies."""

    low: int
    high: int
    top: float
    bottom: float

    def y(self, lasts: int | None) -> float:
        """What has not ended lies above all others."""
        if lasts is None:
            return self.top - _LANE / 2
        share = log10(max(lasts, self.low) / self.low) / log10(self.high / self.low)
        return self.bottom - share * (self.bottom - self.top)

    def ticks(self) -> Iterator[int]:
        at = self.low
        while at <= self.high:
            yield at
            at *= 10


def _draw_levels(canvas: Canvas, scale: TimeScale, level: _Levels, drawn: Plot) -> None:
    for at in level.ticks():
        y = level.y(at)
        canvas.lines((scale.left, y), (scale.right, y), stroke=FRAME, line=0.7)
        canvas.text(scale.left - 8, y + 4, spell(at), SMALL, ink=MUTED, anchor="end")
    if any(dot.lasts is None for dot in drawn.dots):
        canvas.text(scale.left - 8, level.y(None) + 4, "never", SMALL, ink=AGAIN, anchor="end")


def _draw_bands(
    canvas: Canvas, scale: TimeScale, drawn: Plot, top: float, height: float
) -> Iterator[tuple[float, float, float, float]]:
    """What was down, and when; the room of the words."""
    together: dict[tuple[int, int], list[Span]] = {}
    for span in drawn.downs:
        together.setdefault((span.start, span.end), []).append(span)
    look, free = LOOKS["down"], 0.0
    for (start, end), those in sorted(together.items()):
        left, right = scale.x(start), max(scale.x(end), scale.x(start) + 2)
        more = f" and {len(those) - 1} more" if len(those) > 1 else ""
        words = f"{those[0].lane}{more} down {spell(end - start)}"
        with canvas.group("down", f"{words} from {spell(start)} on"):
            canvas.box(left, top, right - left, height, fill=look.paint.fill)
            canvas.lines((left, top), (left, top + height), stroke=AGAIN, line=1.4)
        wide = measure.width(words, SMALL)
        x = min(left, scale.right - wide - 16)
        if x > free:
            crash_mark(canvas, x + 7, top + 9, 4)
            canvas.box(x + 14, top + 2, wide + 4, 15, fill=PAPER)
            canvas.text(x + 16, top + 13, words, SMALL, ink=AGAIN)
            free = x + wide + 24
            yield x, top, x + wide + 18, top + 18


def _draw_dot(canvas: Canvas, sort: Sort, x: float, y: float) -> None:
    match sort:
        case "plain":
            canvas.circle(x, y, 2.2, fill=_INKS[sort])
        case "late":
            canvas.circle(x, y, 3, fill=_INKS[sort], stroke=PAPER, line=0.6)
        case "again":
            canvas.polygon((x - 4, y), (x, y - 4), (x + 4, y), (x, y + 4), fill=_INKS[sort], stroke=PAPER, line=0.6)
        case "open":
            canvas.polygon((x - 3.5, y + 3.5), (x, y - 4), (x + 3.5, y + 3.5), fill=_INKS[sort], stroke=PAPER, line=0.6)


def _draw_names(
    canvas: Canvas,
    scale: TimeScale,
    level: _Levels,
    dots: Sequence[Dot],
    taken: list[tuple[float, float, float, float]],
) -> None:
    """Beside their dots, where there is room."""
    named = 0
    for dot in dots:
        if named == _NAMED:
            break
        x, y = scale.x(dot.run.started_at), level.y(dot.lasts)
        words = dot.run.name if dot.lasts is None else f"{dot.run.name}: {spell(dot.lasts)}"
        wide = measure.width(words, SMALL)
        rooms = [(left, y - 6, left + wide, y + 7) for left in (x + 7, x - 7 - wide)]
        room = next((each for each in rooms if _free(each, scale, taken)), None)
        if room is not None:
            canvas.box(room[0] - 2, y - 7, wide + 4, 14, fill=PAPER)
            canvas.text(room[0], y + 4, words, SMALL)
            taken.append((room[0] - 20, y - 14, room[2] + 20, y + 14))
            named += 1


def _free(
    room: tuple[float, float, float, float], scale: TimeScale, taken: Sequence[tuple[float, float, float, float]]
) -> bool:
    x, y, right, low = room
    inside = x >= scale.left and right <= scale.right + 8
    return inside and not any(x < each[2] and each[0] < right and y < each[3] and each[1] < low for each in taken)


def _told(dot: Dot) -> str:
    lasts = "never ends" if dot.lasts is None else f"lasts {spell(dot.lasts)}"
    return f"{dot.run.name} starts at {spell(dot.run.started_at)} and {lasts}: {dot.run.status}"


def dot_entries(drawn: Plot) -> list[Entry]:
    """The legend of what is drawn."""
    used = {dot.sort for dot in drawn.dots}

    def entry(sort: Sort) -> Entry:
        return Entry(_WORDS[sort], lambda canvas, x, y: _draw_dot(canvas, sort, x + 18, y))

    return [entry(sort) for sort in _FRONT if sort in used]


def durations(drawn: Plot) -> str:
    """`Of the runs that end, half last at most 106 ms, 99 % at most 1.9 s.`"""
    ended = sorted(dot.lasts for dot in drawn.dots if dot.lasts is not None)
    if not ended:
        return "No run ends."
    half, most = ended[(len(ended) - 1) // 2], ended[min(len(ended) - 1, ceil(0.99 * len(ended)) - 1)]
    return f"Of the runs that end, half last at most {spell(half)}, 99 % at most {spell(most)}."
