"""The nodes of a diagram: how big each is, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from durascope.render import measure
from durascope.render.canvas import Canvas
from durascope.render.diagram import Node, Row, Section
from durascope.render.icons import ICON, draw_icon
from durascope.render.theme import (
    BODY,
    HEAD,
    ROLES,
    SMALL,
    STATE_HATCHES,
    STATE_WORDS,
    STATES,
    UNDO,
    Paint,
)

PAD = 12.0
TITLE_LINE = 18.0
LINE = 15.0
ROW = 22.0
CAPTION = 20.0
GAP = 8.0
CARD = 5.0
"""How far each card of a stack stands out behind the one before it."""
CAP = 7.0
"""Half the height of a cylinder's lid."""
BADGE = 9.5


@dataclass(frozen=True, slots=True)
class Size:
    """A node's outside, and the middle of each row that arrows may end at, measured from its upper edge."""

    width: int
    height: int
    rows: tuple[tuple[str, float], ...]


def paint_of(node: Node) -> Paint:
    if node.state is not None:
        return STATES[node.state]
    return node.paint or ROLES[node.role]


def size(node: Node) -> Size:
    """How much room the node needs."""
    wide = _head_width(node)
    for section in node.sections:
        captions = [measure.width(section.caption, SMALL, bold=True)]
        wide = max([wide, *captions, _section_width(section)])
    left, top, right, bottom = _insets(node)
    rows = tuple((row.key, top + y + ROW / 2) for row, _, y, section in _row_places(node) if section.columns == 1)
    tall = _body_height(node)
    return Size(ceil(wide + 2 * PAD + left + right), ceil(tall + top + bottom), rows)


def draw(canvas: Canvas, node: Node, x: float, y: float) -> None:
    """Draws the node with its upper left corner there."""
    outer = size(node)
    left, top, right, _ = _insets(node)
    paint = paint_of(node)
    _outline(canvas, node, paint, x, y, outer)
    inner_x, inner_y = x + left, y + top
    inner_width = outer.width - left - right
    _head(canvas, node, paint, inner_x, inner_y, inner_width)
    for section_y, caption in _caption_places(node):
        canvas.lines(
            (inner_x, inner_y + section_y), (inner_x + inner_width, inner_y + section_y), stroke=paint.stroke, line=0.7
        )
        canvas.text(inner_x + PAD, inner_y + section_y + 15, caption, SMALL, bold=True, ink=paint.muted)
    for row, column, row_y, section in _row_places(node):
        width = inner_width / section.columns
        _row(canvas, node, row, paint, inner_x + column * width, inner_y + row_y, width)


# ---- sizes ---------------------------------------------------------------------------------------------------


def _insets(node: Node) -> tuple[float, float, float, float]:
    """Left, top, right, bottom: what the shape takes beside the text."""
    match node.shape:
        case "stack":
            behind = CARD * _cards(node)
            return 0, behind, behind, 0
        case "store":
            return 0, 2 * CAP - 2, 0, CAP - 2
        case "queue":
            return 4, 0, 34, 0
        case "pill" | "choice":
            return 10, 0, 10, 0
        case _:
            return 0, 0, 0, 0


def _cards(node: Node) -> int:
    return min(max(node.copies - 1, 0), 3)


def _head_width(node: Node) -> float:
    icon = ICON + GAP if node.icon else 0
    title = measure.width(node.title, HEAD, bold=True)
    badge = measure.width(f"× {node.copies}", HEAD, bold=True) + 2 * GAP if node.copies > 1 else 0
    return max(icon + title + badge, icon + measure.widest(_lines(node), SMALL))


def _lines(node: Node) -> tuple[str, ...]:
    return node.lines if node.state is None else (*node.lines, STATE_WORDS[node.state])


def _section_width(section: Section) -> float:
    """Its columns side by side, all as wide as the widest row."""
    widest = max(map(_row_width, section.rows), default=0.0)
    return section.columns * widest + (section.columns - 1) * 2 * PAD


def _lines_of(section: Section) -> int:
    """How many rows stand over each other."""
    return ceil(len(section.rows) / section.columns)


def _row_width(row: Row) -> float:
    badge = _badge_width(row) + 4 if row.mark else 0
    hint = GAP + measure.width(row.hint, SMALL) if row.hint else 0
    return badge + measure.width(row.text, BODY) + hint


def _badge_width(row: Row) -> float:
    return max(2 * BADGE - 2, measure.width(row.mark, SMALL, bold=True) + 8)


def _head_height(node: Node) -> float:
    return 8 + TITLE_LINE + LINE * len(_lines(node)) + 7


def _body_height(node: Node) -> float:
    tall = _head_height(node)
    for section in node.sections:
        tall += (CAPTION if section.caption else 6) + ROW * _lines_of(section) + 4
    return tall


def _row_places(node: Node) -> Iterator[tuple[Row, int, float, Section]]:
    """Each row with its column and its upper edge."""
    y = _head_height(node)
    for section in node.sections:
        y += CAPTION if section.caption else 6
        lines = _lines_of(section)
        for at, row in enumerate(section.rows):
            yield row, at // lines, y + ROW * (at % lines), section
        y += ROW * lines + 4


def _caption_places(node: Node) -> Iterator[tuple[float, str]]:
    y = _head_height(node)
    for section in node.sections:
        yield y, section.caption
        y += (CAPTION if section.caption else 6) + ROW * _lines_of(section) + 4


# ---- drawing -------------------------------------------------------------------------------------------------


def _head(canvas: Canvas, node: Node, paint: Paint, x: float, y: float, width: float) -> None:
    text_x = x + PAD
    if node.icon:
        draw_icon(canvas, node.icon, text_x, y + 9, paint.stroke)
        text_x += ICON + GAP
    if node.shape in ("pill", "choice") and not node.icon:
        canvas.text(x + width / 2, y + 8 + 13, node.title, HEAD, bold=True, ink=paint.ink, anchor="middle")
        for at, line in enumerate(_lines(node)):
            line_y = y + 8 + TITLE_LINE + 11 + LINE * at
            canvas.text(x + width / 2, line_y, line, SMALL, ink=paint.muted, anchor="middle")
        return
    canvas.text(text_x, y + 8 + 13, node.title, HEAD, bold=True, ink=paint.ink)
    for at, line in enumerate(_lines(node)):
        canvas.text(text_x, y + 8 + TITLE_LINE + 11 + LINE * at, line, SMALL, ink=paint.muted)
    if node.copies > 1:
        canvas.text(x + width - PAD, y + 8 + 13, f"× {node.copies}", HEAD, bold=True, ink=paint.muted, anchor="end")


def _row(canvas: Canvas, node: Node, row: Row, paint: Paint, x: float, y: float, width: float) -> None:
    middle = y + ROW / 2
    text_x = x + PAD
    if row.state is not None:
        look = STATES[row.state]
        canvas.box(x + 6, y + 1.5, width - 12, ROW - 3, fill=look.fill, stroke=look.stroke, line=0.8, radius=3)
        canvas.hatch(x + 7, y + 2.5, width - 14, ROW - 5, STATE_HATCHES[row.state], look.stroke)
    if node.shape == "log":
        canvas.box(x + 6, y + 1.5, width - 12, ROW - 3, fill="#ffffff", stroke=paint.stroke, line=0.8)
    if row.mark:
        wide, half = _badge_width(row), BADGE - 1
        canvas.box(text_x, middle - half, wide, 2 * half, fill="#ffffff", stroke=paint.stroke, line=0.9, radius=half)
        canvas.text(text_x + wide / 2, middle + 4.2, row.mark, SMALL, bold=True, ink=paint.muted, anchor="middle")
        text_x += wide + 5
    if row.dashed:
        canvas.box(x + 6, y + 1.5, width - 12, ROW - 3, stroke=UNDO, line=0.8, radius=3, dash=(3, 3))
    canvas.text(text_x, middle + 4.2, row.text, BODY, ink=paint.ink)
    if row.hint:
        canvas.text(text_x + measure.width(row.text, BODY) + GAP, middle + 4.2, row.hint, SMALL, ink=paint.muted)


def _outline(canvas: Canvas, node: Node, paint: Paint, x: float, y: float, outer: Size) -> None:
    width, height = float(outer.width), float(outer.height)
    match node.shape:
        case "store":
            _cylinder(canvas, paint, x, y, width, height)
        case "queue":
            _queue(canvas, paint, x, y, width, height)
        case "stack":
            for card in range(_cards(node), -1, -1):
                shift = CARD * card
                behind = CARD * _cards(node)
                canvas.box(
                    x + shift, y + behind - shift, width - behind, height - behind,
                    fill=paint.fill, stroke=paint.stroke, line=1.2, radius=6,
                )  # fmt: skip
        case "pill":
            canvas.box(x, y, width, height, fill=paint.fill, stroke=paint.stroke, line=1.4, radius=height / 2)
        case "choice":
            point, middle = 12.0, y + height / 2
            canvas.polygon(
                (x, middle), (x + point, y), (x + width - point, y), (x + width, middle),
                (x + width - point, y + height), (x + point, y + height),
                fill=paint.fill, stroke=paint.stroke, line=1.4,
            )  # fmt: skip
        case _:
            radius = 2 if node.shape == "log" else 6
            canvas.box(x, y, width, height, fill=paint.fill, stroke=paint.stroke, line=1.2, radius=radius)
    if node.state is not None:
        behind = CARD * _cards(node) if node.shape == "stack" else 0
        canvas.hatch(
            x + 1, y + behind + 1, width - behind - 2, height - behind - 2, STATE_HATCHES[node.state], paint.stroke
        )


def _cylinder(canvas: Canvas, paint: Paint, x: float, y: float, width: float, height: float) -> None:
    right, lid, floor = x + width, y + CAP, y + height - CAP
    arc = 0.5523
    bend, rise = width / 2 * (1 - arc), CAP * arc
    over = (
        ("C", x, lid - rise, x + bend, y, x + width / 2, y),
        ("C", right - bend, y, right, lid - rise, right, lid),
    )
    canvas.path(
        ("M", x, lid), *over, ("L", right, floor),
        ("C", right, floor + rise, right - bend, y + height, x + width / 2, y + height),
        ("C", x + bend, y + height, x, floor + rise, x, floor), ("Z",),
        fill=paint.fill, stroke=paint.stroke, line=1.2,
    )  # fmt: skip
    canvas.path(
        ("M", x, lid),
        ("C", x, lid + rise, x + bend, lid + CAP, x + width / 2, lid + CAP),
        ("C", right - bend, lid + CAP, right, lid + rise, right, lid),
        stroke=paint.stroke, line=1.2,
    )  # fmt: skip


def _queue(canvas: Canvas, paint: Paint, x: float, y: float, width: float, height: float) -> None:
    canvas.box(x, y, width, height, fill=paint.fill, stroke=paint.stroke, line=1.2, radius=min(height / 2, 14))
    for ticket in range(3):
        ticket_x = x + width - 34 + ticket * 9
        canvas.box(ticket_x, y + 9, 6, height - 18, fill="#ffffff", stroke=paint.stroke, line=1, radius=1.5)
