"""A sweep as a table, as lines with their intervals, or as heat maps; made of the data that `sweep --json` prints.

table(data) -> rich Table
pictures(data) -> {name: Picture}      lines for one axis, a heat map an engine for two; none for more
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from durascope.models.phrases import spell
from durascope.models.units import Misread, Spread, parse_duration, parse_rate, parse_share, parse_size
from durascope.render import measure
from durascope.render.canvas import Canvas
from durascope.render.figures import MS, figure
from durascope.render.picture import Picture
from durascope.render.sheet import HEADING, MARGIN, draw_heading
from durascope.render.text.marks import engine_title
from durascope.render.theme import BODY, FRAME, INK, LINE, MUTED, Paint, engine_paints

Data = Mapping[str, Any]

WIDTH: Final = 880.0
_MANY: Final = 3
"""Measures from which on the paths of axes are broken after their dots, for narrow terminals."""
_PLOT_HEIGHT: Final = 170.0
_PLOT_GAP: Final = 62.0
_LEFT: Final = 96.0
DASHES: Final[Sequence[tuple[float, ...]]] = ((), (7, 4), (2, 3), (9, 3, 2, 3))

# ---- the table -------------------------------------------------------------------------------------------------------


def told(data: Data) -> RenderableType:
    """The table, and where the knees are."""
    return Group(table(data), *(Text(words) for words in knee_words(data)))


def table(data: Data) -> Table:
    """A row a point and engine; a value with its 95 % interval."""
    names = _measures(data)
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for path in data["axes"]:
        shown.add_column(path if len(names) < _MANY else path.replace(".", ".\n"), overflow="fold")
    shown.add_column("engine")
    for name in names:
        shown.add_column(data["titles"][name], justify="right")
    for point in data["points"]:
        cells = [_with_interval(name, point["measures"][name]) for name in names]
        shown.add_row(*(Text(str(v)) for v in point["at"].values()), engine_title(point["engine"]), *cells)
    return shown


def _with_interval(name: str, found: Mapping[str, float | None] | None) -> str:
    if found is None:
        return "–"
    value, low, high = found["value"], found["low"], found["high"]
    text = figure(name, value)
    if low is None or high is None or figure(name, low) == figure(name, high):
        return text
    return f"{text}\n{figure(name, low)} to {figure(name, high)}"


def _measures(data: Data) -> list[str]:
    return list(data["points"][0]["measures"]) if data["points"] else []


# ---- lines -----------------------------------------------------------------------------------------------------------


def pictures(data: Data) -> dict[str, Picture]:
    """One picture of lines for one axis, one of heat maps a measure for two axes."""
    if not data["points"]:
        return {}
    if len(data["axes"]) == 1:
        return {"sweep": lines(data)}
    if len(data["axes"]) == 2:
        return {f"sweep.{name}": heat_map(data, name) for name in _measures(data)}
    return {}


def lines(data: Data) -> Picture:
    """A plot a measure, a line an engine, the 95 % interval as a band; the knee of a load is marked."""
    path, values = next(iter(data["axes"].items()))
    names = _measures(data)
    knees = knee_words(data)
    height = HEADING + 46 + 18 * len(knees) + len(names) * (_PLOT_HEIGHT + _PLOT_GAP) + 10
    canvas = Canvas(WIDTH, height)
    title = f"{data['scenario']} over {path}"
    lead = f"{data['seeds']} replications per point; bands are 95 % confidence intervals"
    draw_heading(canvas, title, lead)
    draw_legend(canvas, data["engines"], HEADING + 12)
    across = _scale(list(map(_position, values)), MARGIN + _LEFT, WIDTH - MARGIN - 16)
    top = HEADING + 56
    for name in names:
        _plot(canvas, data, name, path, across, top)
        top += _PLOT_HEIGHT + _PLOT_GAP
    for number, words in enumerate(knees):
        canvas.text(MARGIN, top + 18 * number - 8, words, BODY)
    return Picture(title, f"{title}: {', '.join(data['titles'][name] for name in names)}", canvas)


def draw_legend(canvas: Canvas, engines: Sequence[str], y: float) -> None:
    x = MARGIN
    for number, engine in enumerate(engines):
        paint = _paint(engine)
        canvas.lines((x, y), (x + 26, y), stroke=paint.stroke, line=2.4, dash=DASHES[number % len(DASHES)])
        title = engine_title(engine).plain
        canvas.text(x + 33, y + 4, title, BODY)
        x += 54 + measure.width(title, BODY)


def _plot(canvas: Canvas, data: Data, name: str, path: str, across: _Across, top: float) -> None:
    bottom = top + _PLOT_HEIGHT
    series = {engine: _series(data, engine, name) for engine in data["engines"]}
    highs = [
        b for each in series.values() for _, found in each for b in (found["value"], found["high"]) if b is not None
    ]
    canvas.text(MARGIN, top - 10, data["titles"][name], BODY, bold=True)
    if not highs:
        canvas.text(MARGIN + _LEFT, top + 20, "nothing was observed from which this could be measured", BODY, ink=MUTED)
        return
    up = _vertical(name, max(highs), top, bottom)
    for value in up.ticks:
        y = up.at(value)
        canvas.lines((across.left, y), (across.right, y), stroke=FRAME, line=0.7)
        canvas.text(across.left - 8, y + 4, figure(name, value), BODY, ink=MUTED, anchor="end")
    for x, words in across.labels:
        canvas.lines((x, bottom), (x, bottom + 4), stroke=LINE)
        canvas.text(x, bottom + 18, words, BODY, ink=MUTED, anchor="middle")
    canvas.text(across.right, bottom + 36, path, BODY, ink=MUTED, anchor="end")
    for number, (engine, each) in enumerate(series.items()):
        _line(canvas, each, across, up, _paint(engine), DASHES[number % len(DASHES)], engine)
    if name.endswith("_ms"):
        _knees(canvas, data, across, top, bottom)


def _series(data: Data, engine: str, name: str) -> list[tuple[int, Mapping[str, float | None]]]:
    """(number of the axis' value, interval) where there is one."""
    values = next(iter(data["axes"].values()))
    found = {point["at"][next(iter(data["axes"]))]: point["measures"][name] for point in data["points"]
             if point["engine"] == engine}  # fmt: skip
    return [(number, found[value]) for number, value in enumerate(values) if found.get(value) is not None]


def _line(
    canvas: Canvas,
    series: Sequence[tuple[int, Mapping[str, float | None]]],
    across: _Across,
    up: _Up,
    paint: Paint,
    dash: tuple[float, ...],
    engine: str,
) -> None:
    with canvas.group("line", engine_title(engine).plain):
        high = [(across.xs[n], up.at(up.most if f["high"] is None else f["high"])) for n, f in series]
        low = [(across.xs[n], up.at(max(0.0, f["low"] or 0.0))) for n, f in series]
        if len(series) > 1:
            steps = [("M" if at == 0 else "L", x, y) for at, (x, y) in enumerate([*high, *reversed(low)])]
            canvas.path(*steps, ("Z",), fill=paint.stroke, opacity=0.14)
            canvas.lines(
                *((across.xs[n], up.at(f["value"] or 0.0)) for n, f in series), stroke=paint.stroke, line=2.2, dash=dash
            )
        for n, f in series:
            canvas.circle(across.xs[n], up.at(f["value"] or 0.0), 3.2, fill=paint.stroke)


def _knees(canvas: Canvas, data: Data, across: _Across, top: float, bottom: float) -> None:
    values = next(iter(data["axes"].values()))
    for number, each in enumerate(each for each in data["knees"] if each["at"] is not None):
        x, ink = across.xs[values.index(each["at"])], _paint(each["engine"]).stroke
        canvas.lines((x, top), (x, bottom), stroke=ink, line=1, dash=(3, 3))
        words = f"knee of {engine_title(each['engine']).plain}"
        canvas.text(x - 5, top + 12 + 16 * number, words, BODY, ink=ink, anchor="end")


def knee_words(data: Data) -> list[str]:
    """One sentence an engine: where its knee is and what is waited for there, or why none was seen."""
    path = next(iter(data["axes"]), "")
    return [f"{engine_title(each['engine']).plain}: {_knee(each, path)}" for each in data.get("knees", ())]


def _knee(knee: Data, path: str) -> str:
    if knee["at"] is not None:
        where = (
            ""
            if knee["queue"] is None
            else f"; tasks wait longest in {knee['queue']}, {spell(knee['wait_ms'] * MS)} on average"
        )
        return f"the knee is at {path} {knee['at']}: runs take {knee['times']:.2g} × as long there{where}."
    if knee["too_short_ms"] is not None:
        return (
            f"no knee seen, but this load is too short to fill a queue: its runs arrive within "
            f"{spell(knee['too_short_ms'] * MS)}. --runs {knee['enough_runs']} would tell."
        )
    return f"no knee; at the heaviest load a run takes {knee['times']:.2g} × as long as at the lightest."


# ---- heat maps -------------------------------------------------------------------------------------------------------


def heat_map(data: Data, name: str) -> Picture:
    """One measure over two axes, a map an engine, one scale of colours for all; each cell says its value."""
    (across, columns), (down, rows) = list(data["axes"].items())
    engines = data["engines"]
    cell_height, label = 30.0, max(measure.width(str(row), BODY) for row in rows) + 14
    one = 34 + cell_height * len(rows) + 22
    canvas = Canvas(WIDTH, HEADING + len(engines) * one + 8)
    title = f"{data['scenario']}: {data['titles'][name]}"
    draw_heading(canvas, title, f"{across} → · {down} ↓ · {data['seeds']} replications per point")
    cells = {(p["engine"], p["at"][across], p["at"][down]): p["measures"][name] for p in data["points"]}
    values = [found["value"] for found in cells.values() if found is not None]
    least, most = min(values, default=0.0), max(values, default=1.0)
    width = (WIDTH - 2 * MARGIN - label) / len(columns)
    top = HEADING + 6
    for engine in engines:
        canvas.text(MARGIN, top + 14, engine_title(engine).plain, BODY, bold=True, ink=_paint(engine).stroke)
        for number, column in enumerate(columns):
            x = MARGIN + label + width * (number + 0.5)
            canvas.text(x, top + 28, measure.shorten(str(column), width - 4, BODY), BODY, ink=MUTED, anchor="middle")
        for line, row in enumerate(rows):
            y = top + 34 + cell_height * line
            canvas.text(MARGIN, y + 19, str(row), BODY, ink=MUTED)
            for number, column in enumerate(columns):
                found = cells.get((engine, column, row))
                x = MARGIN + label + width * number
                if found is None:
                    canvas.box(x, y, width - 2, cell_height - 2, fill="#f6f7f9")
                    continue
                heat = (found["value"] - least) / (most - least) if most > least else 0.0
                canvas.box(x, y, width - 2, cell_height - 2, fill=_heat(heat))
                ink = "#ffffff" if heat > 0.55 else INK
                text = measure.shorten(figure(name, found["value"]), width - 6, BODY)
                canvas.text(x + width / 2 - 1, y + 19, text, BODY, ink=ink, anchor="middle")
        top += one
    return Picture(title, f"{title} over {across} and {down}", canvas)


def _heat(share: float) -> str:
    """From a pale to a dark blue; its lightness alone tells the order."""
    light, dark = (0xEA, 0xF2, 0xFB), (0x12, 0x3F, 0x73)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(light, dark, strict=True))


# ---- scales ----------------------------------------------------------------------------------------------------------


class _Across:
    """Where the values of the axis stand."""

    def __init__(self, xs: Sequence[float], left: float, right: float) -> None:
        self.xs, self.left, self.right = xs, left, right
        self.labels: list[tuple[float, str]] = []


class _Up:
    """Where a measure's values stand."""

    def __init__(self, at: Callable[[float], float], ticks: Sequence[float], most: float) -> None:
        self.at, self.ticks, self.most = at, ticks, most


def _position(value: str) -> tuple[str, float | None]:
    """A value as written, and the number it means, where it means one."""
    for parse in (float, parse_duration, parse_rate, parse_share, parse_size):
        try:
            return value, float(parse(value))
        except (ValueError, Misread):
            continue
    try:
        return value, float(Spread.parse(value).at(0.5))
    except (Misread, ValueError):
        return value, None


def _scale(values: Sequence[tuple[str, float | None]], left: float, right: float) -> _Across:
    """Numbers stand at their place (on a logarithmic axis where they span more than 1 to 20), words side by side."""
    numbers = [number for _, number in values if number is not None]
    room = (left + 24, right - 24)
    if len(numbers) == len(values) and len(values) > 1 and sorted(set(numbers)) == numbers:
        logarithmic = numbers[0] > 0 and numbers[-1] / numbers[0] > 20
        points = [math.log(number) for number in numbers] if logarithmic else numbers
        span = points[-1] - points[0]
        xs = [room[0] + (point - points[0]) / span * (room[1] - room[0]) for point in points]
    else:
        gap = (room[1] - room[0]) / max(1, len(values) - 1)
        xs = [room[0] + gap * number for number in range(len(values))]
    across = _Across(xs, left, right)
    last = -math.inf
    for x, (words, _) in zip(xs, values, strict=True):
        half = measure.width(words, BODY) / 2
        if x - half > last + 6:
            across.labels.append((x, words))
            last = x + half
    return across


def _vertical(name: str, most: float, top: float, bottom: float) -> _Up:
    """From zero to a round value above the greatest."""
    if name in ("completed", "failed", "stuck"):
        most = max(most, 1.0) if name == "completed" else most
    most = most or 1.0
    step = _round_step(most / 4)
    count = math.ceil(most / step - 1e-9)
    top_value = count * step
    return _Up(
        lambda value: bottom - min(value, top_value) / top_value * (bottom - top),
        [step * number for number in range(count + 1)],
        top_value,
    )


def _round_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _paint(engine: str) -> Paint:
    return engine_paints(engine)[1]
