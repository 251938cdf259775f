"""The crash map: under the undisturbed timeline of each engine, what a crash at each moment leads to.

A strip for the app's processes and one for the engine's; from one point to the next it has the colour and the pattern
of the worst that a crash there led to. The plainest example of each finding stands on it with its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.models.phrases import spell
from durascope.render import measure
from durascope.render.canvas import Canvas
from durascope.render.exploration import alike
from durascope.render.picture import Picture
from durascope.render.sheet import HEADING, MARGIN, draw_heading
from durascope.render.theme import BODY, FRAME, HEAD, INK, LINE, MUTED, PAPER, Hatch, Paint, engine_paints
from durascope.render.timescale import TimeScale, break_words, compressed

Data = Mapping[str, Any]

WIDTH: Final = 880.0
_LEFT: Final = 104.0
_STRIP: Final = 22.0
_ROW: Final = 18.0
_MOST_ROWS: Final = 12
_MOST_BREAKS: Final = 4
_POINT: Final = 5.0
"""The width of a point in a stretch in which nothing is done: what a crash later in it leads to was not tried."""
_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Look:
    paint: Paint
    hatch: Hatch
    words: str


LOOKS: Final[Mapping[str, _Look]] = {
    "nothing": _Look(Paint("#eef3ee", "#b9cbbd"), "none", "nothing but the time it was down"),
    "delay": _Look(Paint("#ffe9b8", "#a86a0b"), "dots", "more than 1 s late"),
    "duplicate": _Look(Paint("#f6b4ab", "#b42318"), "rising", "an effect happens again"),
    "stuck": _Look(Paint("#4a1d3f", "#2b0f25"), "cross", "a run never ends"),
}


def crash_map(data: Data, title_of: Callable[[str], str]) -> Picture:
    """The picture of the data that `durascope explore --json` prints."""
    engines = [(name, each) for name, each in data["engines"].items() if each["strip"]]
    height = HEADING + 34 + sum(_height(each) for _, each in engines) + 16
    canvas = Canvas(WIDTH, height)
    title, lead = _finding(data, title_of)
    draw_heading(canvas, title, lead)
    _legend(canvas, HEADING + 10)
    top = HEADING + 40
    for name, each in engines:
        _engine(canvas, name, title_of(name), each, top)
        top += _height(each)
    return Picture(title, f"{title}. {lead}", canvas)


def _finding(data: Data, title_of: Callable[[str], str]) -> tuple[str, str]:
    """The worst, in one sentence, and on what it stands."""
    stuck = [title_of(name) for name, each in data["engines"].items() if each["runs"]["stuck"]]
    twice = {
        title_of(name): sorted({str(f["step"]) for f in each["findings"] if f["property"] == "duplicate"})
        for name, each in data["engines"].items()
    }
    guilty = [name for name, steps in twice.items() if steps]
    everywhere = "all three engines" if len(guilty) == len(twice) == 3 else _and(guilty) if guilty else ""
    steps = sorted(set().union(*twice.values()))
    what = steps[0] if len(steps) == 1 else f"each of {len(steps)} steps"
    tried = sum(each["simulated"] for each in data["engines"].values())
    lead = f"{data['title']}: {tried:,} crashes, one at each point of the undisturbed run"
    if guilty:
        return (
            f"A crash can repeat {what} on {everywhere}",
            f"{lead}{f'; {_and(stuck)}: a run may never end' if stuck else ''}",
        )
    if stuck:
        return f"A crash can leave a run that never ends on {_and(stuck)}", lead
    return "No crash repeats an effect or leaves a run behind", lead


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _height(explored: Data) -> float:
    return 26 + _ROW * len(_rows(explored)) + 8 + 2 * (_STRIP + 6) + 44


def _rows(explored: Data) -> list[tuple[str, list[Data]]]:
    """Steps in the order in which they begin; the last row says how many have no row of their own."""
    rows: dict[str, list[Data]] = {}
    for bar in explored["timeline"]:
        rows.setdefault(str(bar["step"]), []).append(bar)
    found = list(rows.items())
    if len(found) <= _MOST_ROWS:
        return found
    rest = found[_MOST_ROWS - 1 :]
    return [*found[: _MOST_ROWS - 1], (f"{len(rest)} more steps", [bar for _, bars in rest for bar in bars])]


def _legend(canvas: Canvas, y: float) -> None:
    x = MARGIN
    for look in LOOKS.values():
        canvas.box(x, y, 22, 14, fill=look.paint.fill, stroke=look.paint.stroke, radius=2)
        canvas.hatch(x, y, 22, 14, look.hatch, PAPER if look.words.startswith("a run") else look.paint.stroke, gap=5)
        canvas.text(x + 29, y + 11, look.words, BODY)
        x += 29 + measure.width(look.words, BODY) + 22


def _engine(canvas: Canvas, name: str, title: str, explored: Data, top: float) -> None:
    scale = _scale(explored)
    canvas.text(MARGIN, top + 14, title, HEAD, bold=True, ink=engine_paints(name)[1].stroke)
    worst = (
        "does not end"
        if explored["runs"]["worst_delay_ms"] is None
        else spell(explored["runs"]["worst_delay_ms"] * _MS)
    )
    canvas.text(
        WIDTH - MARGIN,
        top + 14,
        f"{explored['simulated']:,} crashes · longest delay: {worst}",
        BODY,
        ink=MUTED,
        anchor="end",
    )
    y = top + 26
    with canvas.group("steps", f"{title}: the steps undisturbed"):
        for step, bars in _rows(explored):
            canvas.text(MARGIN, y + 12, measure.shorten(step, _LEFT + 20, BODY), BODY)
            for bar in bars:
                left, right = scale.x(bar["from_ms"] * _MS), scale.x(bar["to_ms"] * _MS)
                canvas.box(left, y + 2, max(2.0, right - left), _ROW - 6, fill="#cfe0f5", stroke="#2b64b0", radius=2)
            y += _ROW
    y += 8
    for target, words in (("app", "app dies"), ("engine", "engine dies")):
        canvas.text(MARGIN, y + 15, words, BODY, ink=INK)
        with canvas.group("strip", f"{title}: {words}"):
            _strip(canvas, explored, target, scale, y)
        y += _STRIP + 6
    _numbers(canvas, explored, scale, y - 2 * (_STRIP + 6))
    _axis(canvas, scale, y)


def _scale(explored: Data) -> TimeScale:
    times = [round(cell["at_ms"] * _MS) for cell in explored["strip"]]
    bars = [(round(bar["from_ms"] * _MS), round(bar["to_ms"] * _MS)) for bar in explored["timeline"]]
    moments = [0, *times, *(at for bar in bars for at in bar)]
    return compressed(moments, MARGIN + _LEFT + 30, WIDTH - MARGIN, bars, worth=0.3, most=_MOST_BREAKS)


def _strip(canvas: Canvas, explored: Data, target: str, scale: TimeScale, y: float) -> None:
    canvas.box(scale.left, y, scale.right - scale.left, _STRIP, fill=PAPER)
    for left, right, leads_to in _stretches(explored, target, scale):
        look = LOOKS[leads_to]
        canvas.box(left, y, right - left, _STRIP, fill=look.paint.fill)
        if right - left > 6:
            ink = PAPER if leads_to == "stuck" else look.paint.stroke
            canvas.hatch(left, y, right - left, _STRIP, look.hatch, ink, gap=5)
    canvas.box(scale.left, y, scale.right - scale.left, _STRIP, stroke=LINE, radius=2)


def _stretches(explored: Data, target: str, scale: TimeScale) -> Iterator[tuple[float, float, str]]:
    """From left to right: while a step runs, as far as the next point; else no wider than a point."""
    cells = sorted((c for c in explored["strip"] if c["target"] == target), key=lambda cell: cell["at_ms"])
    busy = [(bar["from_ms"], bar["to_ms"]) for bar in explored["timeline"]]
    open_: tuple[float, float, str] | None = None
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        at = cell["at_ms"]
        works = any(start <= at < end for start, end in busy)
        left = scale.x(at * _MS)
        until = scale.right if following is None else scale.x(following["at_ms"] * _MS)
        right = until if works else min(until, left + _POINT)
        right = max(right, left + 1.5)
        if open_ is not None and open_[2] == cell["leads_to"] and left <= open_[1] + 0.5:
            open_ = (open_[0], right, open_[2])
            continue
        if open_ is not None:
            yield open_
        open_ = (left, right, cell["leads_to"])
    if open_ is not None:
        yield open_


def _numbers(canvas: Canvas, explored: Data, scale: TimeScale, y: float) -> None:
    """The findings' numbers, as the page has them, on the strip of what dies in their example."""
    taken: list[tuple[float, float]] = []
    for number, (finding, _) in enumerate(alike(explored["findings"]), start=1):
        first = finding["disturbances"][0]
        row = y + (_STRIP + 6) * (first["target"] == "engine") + _STRIP / 2
        x = scale.x(first["at_ms"] * _MS)
        while any(abs(x - other) < 18 and row == level for other, level in taken):
            x += 18
        x = min(x, scale.right - 8)
        taken.append((x, row))
        with canvas.group("finding", f"{number}. {finding['sentence']}"):
            canvas.circle(x, row, 8, fill=PAPER, stroke=INK)
            canvas.text(x, row + 4, str(number), BODY, bold=True, anchor="middle")


def _axis(canvas: Canvas, scale: TimeScale, y: float) -> None:
    taken: list[tuple[float, float]] = []
    for piece in scale.breaks:
        canvas.box(piece.left, y - 2 * (_STRIP + 6), piece.right - piece.left, 2 * _STRIP + 6, fill=PAPER, stroke=FRAME)
        words = break_words(piece.end - piece.start)
        middle, half = (piece.left + piece.right) / 2, measure.width(words, BODY) / 2
        canvas.text(middle, y + 18, words, BODY, anchor="middle")
        taken.append((middle - half - 4, middle + half + 4))
    for tick in scale.ticks():
        canvas.lines((tick.x, y), (tick.x, y + 5), stroke=LINE)
        half = measure.width(tick.label, BODY) / 2
        if all(tick.x + half < left or tick.x - half > right for left, right in taken):
            canvas.text(tick.x, y + 18, tick.label, BODY, ink=MUTED, anchor="middle")
