"""A diagram that is laid out, drawn: frames, arrows, nodes, labels, and below them the legend and the notes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, hypot

from durascope.models.visible import visible
from durascope.render import measure, shapes
from durascope.render.bars import crash_mark
from durascope.render.canvas import Canvas, Point
from durascope.render.diagram import STROKES, Diagram, Edge, Group, Node
from durascope.render.frame_titles import titled
from durascope.render.graphviz_layout import (
    BADGE,
    GROUP_TITLE,
    LABEL_LINE,
    Curve,
    Layout,
    Rect,
    label_lines,
    lay_out,
    riders,
    undo_lines,
)
from durascope.render.legend import draw_legend, legend_height
from durascope.render.picture import Picture
from durascope.render.sources import d2, dot, mermaid
from durascope.render.theme import BODY, INK, MUTED, PAPER, ROLES, SMALL, TITLE

MARGIN = 24.0
WIDEST = 880.0 - 2 * MARGIN
"""What is wider is made smaller where a README shows it."""
LEAST_WIDTH = 760.0
NOTE_LINE = 16.0
CROSS = 7.0
_AWAY = 30.0
"""From the middle of a cross to an arrow's end."""


def picture(diagram: Diagram, layout: Layout | None = None) -> Picture:
    """Lays the diagram out, unless that has been done, and draws it.

    >>> from durascope.render.diagram import Diagram, Edge, Node
    >>> shop = Diagram("shop", nodes=[Node("web", "Web shop"), Node("db", "Orders")], edges=[Edge("web", "db")])
    >>> picture(shop).formats
    ('svg', 'png', 'pdf', 'dot', 'mermaid', 'd2')
    """
    return Picture(
        title=diagram.title,
        description=describe(diagram),
        canvas=paint(diagram, layout or lay_out(diagram)),
        sources={
            "dot": lambda: dot(diagram),
            "mermaid": lambda: mermaid(diagram),
            "d2": lambda: d2(diagram),
        },
    )


def describe(diagram: Diagram) -> str:
    """The diagram in words, for those who hear it: what is joined to what, then the notes."""
    joints = [
        f"{diagram.name(edge.tail)} {'↔' if edge.both else '→'} {diagram.name(edge.head)}"
        + (f" ({' '.join(edge.label.split())})" if edge.label else "")
        for edge in diagram.edges
    ]
    return " ".join([diagram.description, "; ".join(joints) + ".", *diagram.notes]).strip()


def paint(diagram: Diagram, layout: Layout) -> Canvas:
    """The whole picture: title, graph, legend, notes."""
    layout, titles = titled(diagram, layout)
    title_width = measure.width(diagram.title, TITLE, bold=True)
    inner = ceil(max(layout.width, LEAST_WIDTH, title_width, measure.width(diagram.subtitle, BODY)))
    notes = _note_lines(diagram, inner)
    top = MARGIN + 26 + (22 if diagram.subtitle else 0) + 12
    legend_y = top + layout.height + 22
    notes_y = legend_y + legend_height(diagram, inner) + 8
    height = notes_y + NOTE_LINE * len(notes) + (10 if notes else 0) + MARGIN - 8
    canvas = Canvas(inner + 2 * MARGIN, ceil(height))
    canvas.text(MARGIN, MARGIN + 16, diagram.title, TITLE, bold=True)
    canvas.text(MARGIN, MARGIN + 38, diagram.subtitle, BODY, ink=MUTED)
    _graph(canvas, diagram, layout, titles, MARGIN + (inner - layout.width) / 2, top)
    draw_legend(canvas, diagram, MARGIN, legend_y, inner)
    _notes(canvas, notes, notes_y)
    return canvas


def _graph(canvas: Canvas, diagram: Diagram, layout: Layout, titles: Mapping[str, Point], x: float, y: float) -> None:
    for group in diagram.groups:
        if group.key in layout.groups:
            _frame(canvas, group, layout.groups[group.key], x, y)
    labels = [_clear(curve.label, layout) for curve in layout.edges]
    for place in labels:
        if place is not None:  # under the arrows: it hides frames' lines, and shaves no arrow
            fill = _under(diagram, layout, place)
            canvas.box(x + place.x, y + place.y, place.width, place.height, fill=fill, radius=4)
    for edge, curve in zip(diagram.edges, layout.edges, strict=True):
        _arrow(canvas, diagram, edge, curve, x, y)
    for group in diagram.groups:
        if group.key in layout.groups:
            _frame_title(canvas, group, titles[group.key], x, y)
    for node in diagram.nodes:
        place = layout.nodes[node.key]
        with canvas.group("node", key=node.key, role=node.role, **_traced(node)):
            shapes.draw(canvas, node, x + place.x, y + place.y)
    for struck in sorted(diagram.struck):
        place = layout.nodes.get(struck) or layout.groups.get(struck)
        if place is not None:
            with canvas.group("struck", f"the scenario breaks {struck}", key=struck):
                across, down = _free_corner(place, layout.edges)
                crash_mark(canvas, x + across, y + down, CROSS)
    riding = riders(diagram)
    for at, (edge, place) in enumerate(zip(diagram.edges, labels, strict=True)):
        if place is not None:
            undo = [diagram.edges[rider] for rider, lane in riding.items() if lane == at]
            _label(canvas, edge, undo, place, x, y)


def _free_corner(place: Rect, curves: Sequence[Curve]) -> Point:
    """The corner at which a cross touches no arrow: the first on the right from which all are a little away, else the
    farthest."""
    ends = [point for curve in curves for point in (*curve.points[::3], curve.start_tip, curve.end_tip) if point]
    right, bottom = place.x + place.width, place.y + place.height
    corners = [(right, place.y), (right, bottom), (place.x, place.y), (place.x, bottom)]
    away = [min((hypot(x - across, y - down) for x, y in ends), default=_AWAY) for across, down in corners]
    return corners[next((at for at, far in enumerate(away) if far >= _AWAY), away.index(max(away)))]


def _clear(label: Rect | None, layout: Layout) -> Rect | None:
    """The label beside the line of a frame that would go through it."""
    for frame in layout.groups.values():
        for edge in (frame.x, frame.x + frame.width):
            beside = label is not None and frame.y < label.y + label.height and label.y < frame.y + frame.height
            if label is not None and beside and label.x < edge < label.x + label.width:
                left, right = edge - label.width - 3, edge + 3
                label = replace(label, x=left if label.x - left < right - label.x else right)
    return label


def _traced(node: Node) -> dict[str, str]:
    """Where a trace's events are to be shown: the player reads it."""
    told = {
        "lanes": json.dumps([visible(each) for each in node.lanes], ensure_ascii=False) if node.lanes else "",
        "queue": node.queue,
    }
    service = {"service": node.process} if node.role == "service" else {}
    return {name: value for name, value in (told | service).items() if value}


def _between(tail: Node, head: Node) -> dict[str, str]:
    """What a trace calls the ends of an arrow: processes, or the lanes of two parts of one process."""
    inside = tail.process == head.process
    ends = [(node.lanes[0] if node.lanes else "") if inside else node.process for node in (tail, head)]
    return {"from": ends[0], "to": ends[1]} if all(ends) else {}


def _frame(canvas: Canvas, group: Group, place: Rect, x: float, y: float) -> None:
    paint = group.paint or ROLES[group.role]
    left, top = x + place.x, y + place.y
    with canvas.group("frame", key=group.key):
        canvas.box(left, top, place.width, place.height, fill=paint.fill, stroke=paint.stroke, line=1.2, radius=10)


def _frame_title(canvas: Canvas, group: Group, place: Point, x: float, y: float) -> None:
    paint = group.paint or ROLES[group.role]
    left, top = x + place[0], y + place[1]
    canvas.text(left, top + 21, group.title, GROUP_TITLE, bold=True, ink=paint.ink)
    canvas.text(left, top + 37, group.subtitle, SMALL, ink=paint.muted)


def _arrow(canvas: Canvas, diagram: Diagram, edge: Edge, curve: Curve, x: float, y: float) -> None:
    stroke = STROKES[edge.style]
    points = [(x + across, y + down) for across, down in curve.points]
    joint = "↔" if edge.both else "→"
    words = " ".join(edge.label.split())
    title = f"{diagram.name(edge.tail)} {joint} {diagram.name(edge.head)}" + (f": {words}" if words else "")
    ends = _between(diagram.node(edge.tail.partition("/")[0]), diagram.node(edge.head.partition("/")[0]))
    with canvas.group("edge", title, tail=edge.tail, head=edge.head, style=edge.style, label=words, **ends):
        steps: list[tuple[str | float, ...]] = [("M", *points[0])]
        steps += [("C", *points[at], *points[at + 1], *points[at + 2]) for at in range(1, len(points) - 2, 3)]
        canvas.path(*steps, stroke=stroke.colour, line=1.5, dash=stroke.dash)
        if curve.start_tip is not None:
            _head(canvas, points[0], (x + curve.start_tip[0], y + curve.start_tip[1]), stroke.colour)
        if curve.end_tip is not None:
            _head(canvas, points[-1], (x + curve.end_tip[0], y + curve.end_tip[1]), stroke.colour)


def _head(canvas: Canvas, base: Point, tip: Point, colour: str) -> None:
    across, down = tip[0] - base[0], tip[1] - base[1]
    length = hypot(across, down) or 1.0
    side = (-down / length * 4.2, across / length * 4.2)
    canvas.polygon((base[0] + side[0], base[1] + side[1]), tip, (base[0] - side[0], base[1] - side[1]), fill=colour)


def _under(diagram: Diagram, layout: Layout, place: Rect) -> str:
    """The colour of the innermost frame that the rectangle lies in; the paper's where it lies in none."""
    fill = PAPER
    for group in diagram.groups:
        frame = layout.groups.get(group.key)
        if frame is not None and frame.holds(place):
            fill = (group.paint or ROLES[group.role]).fill
    return fill


def _label(canvas: Canvas, edge: Edge, undo: Sequence[Edge], place: Rect, x: float, y: float) -> None:
    left, top = x + place.x, y + place.y
    lines = [(line, INK) for line in label_lines(edge)]
    lines += [(line, STROKES["undo"].colour) for each in undo for line in undo_lines(each)]
    with canvas.group("label", tail=edge.tail, head=edge.head):
        text_x = left + 2
        if edge.number:
            middle = top + place.height / 2
            canvas.circle(left + BADGE / 2 - 1, middle, BADGE / 2 - 1, fill=STROKES[edge.style].colour)
            canvas.text(left + BADGE / 2 - 1, middle + 4.2, edge.number, SMALL, bold=True, ink=PAPER, anchor="middle")
            text_x += BADGE + 3
        first = top + (place.height - LABEL_LINE * len(lines)) / 2 + 10.6
        for at, (line, ink) in enumerate(lines):
            canvas.text(text_x, first + LABEL_LINE * at, line, SMALL, ink=ink)


def _note_lines(diagram: Diagram, room: float) -> list[str]:
    lines: list[str] = []
    for note in diagram.notes:
        first, *more = measure.wrap(note, room - 14, SMALL)
        lines += [f"• {first}", *(f"    {line}" for line in more)]
    return lines


def _notes(canvas: Canvas, lines: list[str], y: float) -> None:
    with canvas.group("notes"):
        for at, line in enumerate(lines):
            indent = 12.0 if line.startswith("    ") else 0.0
            canvas.text(MARGIN + indent, y + 12 + NOTE_LINE * at, line.strip(), SMALL, ink=MUTED)
