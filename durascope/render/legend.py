"""The legend under a diagram: each kind of arrow, box and state that is in it, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from durascope.render import measure
from durascope.render.canvas import Canvas
from durascope.render.diagram import STROKES, Diagram, Shape, Style
from durascope.render.theme import (
    FRAME,
    MUTED,
    ROLES,
    SMALL,
    STATE_HATCHES,
    STATE_WORDS,
    STATES,
    Paint,
    State,
)

_LINE = 22.0
_SWATCH = 30.0
_GAP = 22.0

_SHAPES: dict[Shape, str] = {
    "stack": "replicas",
    "store": "durable store",
    "queue": "queue",
    "log": "append-only log",
    "choice": "decision",
}


@dataclass(frozen=True, slots=True)
class Entry:
    word: str
    draw: Callable[[Canvas, float, float], None]

    @property
    def width(self) -> float:
        return _SWATCH + 7 + measure.width(self.word, SMALL) + _GAP


def entries(diagram: Diagram) -> list[Entry]:
    """What the diagram uses, in the order of the lists of kinds."""
    styles: dict[Style, bool] = {}
    for edge in diagram.edges:
        styles[edge.style] = styles.get(edge.style, True) and edge.both
    found = [
        Entry(diagram.words.get(style, STROKES[style].word), _line(style, styles[style]))
        for style in STROKES
        if style in styles
    ]
    used = {node.shape for node in diagram.nodes if node.shape != "stack" or node.copies > 1}
    found += [
        Entry(diagram.words.get(shape, word), _shape(shape, _paint_of(diagram, shape)))
        for shape, word in _SHAPES.items()
        if shape in used
    ]
    states = {each.state for node in diagram.nodes for each in (node, *node.rows)}
    return found + [Entry(STATE_WORDS[state], _state(state)) for state in STATES if state in states]


def legend_height(diagram: Diagram, room: float) -> float:
    return 12 + _LINE * len(_lines(diagram, room))


def draw_legend(canvas: Canvas, diagram: Diagram, x: float, y: float, room: float) -> None:
    """Draws the entries in as many lines as it takes, under a thin rule."""
    with canvas.group("legend"):
        canvas.lines((x, y), (x + room, y), stroke=FRAME)
        for row, line in enumerate(_lines(diagram, room)):
            middle, left = y + 12 + _LINE * row + 8, x
            for entry in line:
                entry.draw(canvas, left, middle)
                canvas.text(left + _SWATCH + 7, middle + 3.8, entry.word, SMALL, ink=MUTED)
                left += entry.width


def _lines(diagram: Diagram, room: float) -> list[list[Entry]]:
    lines: list[list[Entry]] = [[]]
    used = 0.0
    for entry in entries(diagram):
        if lines[-1] and used + entry.width - _GAP > room:
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += entry.width
    return lines if lines[0] else []


def _paint_of(diagram: Diagram, shape: Shape) -> Paint:
    node = next(node for node in diagram.nodes if node.shape == shape)
    return node.paint or ROLES[node.role]


def _line(style: Style, both: bool) -> Callable[[Canvas, float, float], None]:
    stroke = STROKES[style]

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.lines(
            (x + (7 if both else 0), y), (x + _SWATCH - 7, y), stroke=stroke.colour, line=1.5, dash=stroke.dash
        )
        tip = x + _SWATCH
        canvas.polygon((tip - 8, y - 3.8), (tip, y), (tip - 8, y + 3.8), fill=stroke.colour)
        if both:
            canvas.polygon((x + 8, y - 3.8), (x, y), (x + 8, y + 3.8), fill=stroke.colour)

    return draw


def _shape(shape: Shape, paint: Paint) -> Callable[[Canvas, float, float], None]:
    def draw(canvas: Canvas, x: float, y: float) -> None:
        left, top, width, height = x + 4, y - 7, _SWATCH - 8, 14.0
        match shape:
            case "stack":
                for shift in (5, 2.5, 0):
                    canvas.box(
                        left + shift, top + 4 - shift, width - 5, height - 4,
                        fill=paint.fill, stroke=paint.stroke, radius=2,
                    )  # fmt: skip
            case "store":
                canvas.path(
                    ("M", left, top + 3), ("C", left, top - 1, left + width, top - 1, left + width, top + 3),
                    ("L", left + width, top + height - 3),
                    ("C", left + width, top + height + 1, left, top + height + 1, left, top + height - 3), ("Z",),
                    ("M", left, top + 3), ("C", left, top + 7, left + width, top + 7, left + width, top + 3),
                    fill=paint.fill, stroke=paint.stroke,
                )  # fmt: skip
            case "queue":
                canvas.box(left, top, width, height, fill=paint.fill, stroke=paint.stroke, radius=6)
                for ticket in range(2):
                    canvas.box(left + 9 + 5 * ticket, top + 3, 3, height - 6, stroke=paint.stroke, line=0.8)
            case "log":
                for cell in range(3):
                    canvas.box(left, top + cell * 4.8, width, 4.4, fill="#ffffff", stroke=paint.stroke, line=0.8)
            case _:
                middle = y
                canvas.polygon(
                    (left, middle), (left + 5, top), (left + width - 5, top), (left + width, middle),
                    (left + width - 5, top + height), (left + 5, top + height),
                    fill=paint.fill, stroke=paint.stroke,
                )  # fmt: skip

    return draw


def _state(state: State) -> Callable[[Canvas, float, float], None]:
    paint = STATES[state]

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.box(x + 2, y - 7, _SWATCH - 4, 14, fill=paint.fill, stroke=paint.stroke, radius=3)
        canvas.hatch(x + 3, y - 6, _SWATCH - 6, 12, STATE_HATCHES[state], paint.stroke, gap=5)

    return draw
