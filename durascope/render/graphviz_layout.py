"""Where everything of a diagram stands: Graphviz' `dot` lays out boxes whose sizes are known beforehand.

Graphviz never sees a font: each label is handed over as a box of its measured size. So the layout is the same on
every machine, whatever fonts it has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, hypot
from typing import Any, Final

from durascope.render import measure, shapes
from durascope.render.canvas import Point
from durascope.render.diagram import Diagram, Edge, Group, Node
from durascope.render.theme import BODY, SMALL

HEAD = "@head"
"""The row that stands for what a node with rows has above them."""
GROUP_TITLE = BODY + 1
BADGE = 20.0
LABEL_LINE = 14.0
LANE: Final = 5.0
"""Between an arrow and the one that rides beside it."""
OFF_FRAME: Final = 9
"""So far an arrow keeps from a frame's line that it runs along: nearer, the two look like one."""
ACROSS: Final = 20
"""What a label needs on both sides where its arrow leaves a frame sideways, to stand beside the frame's line."""
LABEL_ROOM = 152.0
"""How wide a label of an edge may become before it goes on in another line."""


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float

    def holds(self, other: Rect) -> bool:
        """Whether the other lies within."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.width <= self.x + self.width
            and other.y + other.height <= self.y + self.height
        )

    def meets(self, other: Rect) -> bool:
        """Whether the two overlap."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge: its Bézier points, the tips of its arrowheads, and the box of its label."""

    points: tuple[Point, ...]
    start_tip: Point | None
    end_tip: Point | None
    label: Rect | None


@dataclass(frozen=True, slots=True)
class Layout:
    width: float
    height: float
    nodes: dict[str, Rect]
    groups: dict[str, Rect]
    edges: tuple[Curve, ...]


def label_lines(edge: Edge) -> tuple[str, ...]:
    """The lines of an edge's label; what stands on lines of its own stays there."""
    return tuple(line for part in edge.label.split("\n") for line in measure.wrap(part, LABEL_ROOM, SMALL))


def undo_lines(edge: Edge) -> tuple[str, ...]:
    """The lines of what undoes, in the label of what it undoes."""
    return tuple(measure.wrap(f"undo: {' · '.join(edge.label.split())}", LABEL_ROOM, SMALL))


def riders(diagram: Diagram) -> dict[int, int]:
    """Arrows that undo something in the place where another calls: they are dashed beside it, on the same lane."""
    found: dict[int, int] = {}
    for at, edge in enumerate(diagram.edges):
        ends = (_key(edge.tail), edge.head)
        lanes = (n for n, other in enumerate(diagram.edges)
                 if other.style == "call" and (_key(other.tail), other.head) == ends)  # fmt: skip
        if edge.style == "undo" and edge.label and (lane := next(lanes, None)) is not None:
            found[at] = lane
    return found


def label_size(edge: Edge, undo: Sequence[Edge] = ()) -> tuple[int, int]:
    """Width and height of an edge's label with its number, and with what undoes it; (0, 0) without one."""
    lines = (*label_lines(edge), *(line for each in undo for line in undo_lines(each)))
    badge = BADGE + 3 if edge.number else 0
    if not lines and not badge:
        return 0, 0
    height = max(LABEL_LINE * len(lines) + 4, BADGE + 2 if badge else 0)
    return ceil(measure.widest(lines, SMALL) + badge + 8 + (2 * LANE if undo else 0)), ceil(height)


def group_label_size(group: Group) -> tuple[int, int]:
    wide = max(measure.width(group.title, GROUP_TITLE, bold=True), measure.width(group.subtitle, SMALL))
    return ceil(wide) + 20, 36 if group.subtitle else 20


def lay_out(diagram: Diagram) -> Layout:
    """Asks Graphviz. The same diagram gives the same layout."""
    from pygraphviz import AGraph  # pyright: ignore[reportAttributeAccessIssue]

    diagram.check()
    graph: Any = AGraph(string=_dot(diagram))
    found: dict[str, Any] = json.loads(graph.draw(format="json0", prog="dot"))
    return _read(diagram, found)


# ---- what Graphviz is asked ----------------------------------------------------------------------------------


def _dot(diagram: Diagram) -> str:
    between = 0.46 if diagram.level else 0.36  # arrows between boxes side by side take a lane between the rows
    lines = [
        "digraph {",
        f"graph [rankdir={diagram.direction} ranksep={between}]",
        "graph [newrank=true nodesep=0.12 splines=true pad=0 compound=true]",
        "node [shape=plain]",
        "edge [arrowsize=0.9]",
        *_members(diagram, ""),
    ]
    lines += ["{rank=same " + " ".join(map(_quoted, level)) + "}" for level in diagram.level]
    lines += [_in_order(row if diagram.direction == "TB" else row[::-1]) for row in diagram.across]
    if len(diagram.order) > 1:
        lines.append(_in_order(diagram.order))
    riding = riders(diagram)
    lines += [_edge(diagram, at, edge, riding) for at, edge in enumerate(diagram.edges) if at not in riding]
    return "\n".join([*lines, "}"])


def _in_order(keys: Sequence[str]) -> str:
    """One rank, in this order: from left to right, or (in a graph that goes to the right) from the bottom up."""
    return f"{{rank=same {' -> '.join(map(_quoted, keys))} [style=invis id=order]}}"


def _members(diagram: Diagram, parent: str) -> list[str]:
    lines = [f"{_quoted(node.key)} [label=<{_table(node)}>]" for node in diagram.nodes if node.group == parent]
    for at, group in enumerate(diagram.groups):
        if group.parent == parent:
            width, height = group_label_size(group)
            lines.append(f"subgraph cluster_{at} {{ margin=14 labeljust=l label=<{_blank(width, height)}>")
            lines += _members(diagram, group.key)
            lines.append("}")
    return lines


def _blank(width: float, height: float, inside: str = "") -> str:
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE" '
        f'WIDTH="{width}" HEIGHT="{height}">{inside or "<TR><TD></TD></TR>"}</TABLE>'
    )


def _table(node: Node) -> str:
    """A table as big as the node, with a cell for each row that edges may end at."""
    size = shapes.size(node)
    if not size.rows:
        return _blank(size.width, size.height)
    cells: list[str] = []
    done = 0
    for key, middle in size.rows:
        top = round(middle - shapes.ROW / 2)
        if top > done:
            cells.append(_cell(size.width, top - done, "" if cells else HEAD))
        cells.append(_cell(size.width, round(shapes.ROW), key))
        done = top + round(shapes.ROW)
    if size.height > done:
        cells.append(_cell(size.width, size.height - done))
    return _blank(size.width, size.height, "".join(cells))


def _cell(width: int, height: int, port: str = "") -> str:
    named = f' PORT="{_port(port)}"' if port else ""
    return f'<TR><TD FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"{named}></TD></TR>'


def _undo(diagram: Diagram, at: int, riding: Mapping[int, int]) -> list[Edge]:
    """What rides on the lane of that edge."""
    return [diagram.edges[rider] for rider, lane in riding.items() if lane == at]


def _edge(diagram: Diagram, at: int, edge: Edge, riding: Mapping[int, int]) -> str:
    first, last = (_anchor(diagram, end) for end in ((edge.head, edge.tail) if edge.back else (edge.tail, edge.head)))
    width, height = label_size(edge, _undo(diagram, at, riding))
    out, into = ("e", "w") if diagram.direction == "LR" else ("s", "n")
    attributes = [f"id=e{at}", f"weight={edge.weight}"]
    flat = any({_key(first), _key(last)} <= set(row) for row in (*diagram.level, *diagram.across))
    if width and diagram.node(_key(first)).group != diagram.node(_key(last)).group:
        width, height = (width + 2 * ACROSS, height) if flat else (width, height + 2 * OFF_FRAME)
    if width:
        attributes.append(f"label=<{_blank(width, height)}>")
    attributes.append("dir=" + ("both" if edge.both else "back" if edge.back else "forward"))
    if edge.loose or flat:
        attributes += ["constraint=false"] if edge.loose else []
        return f"{_quoted(_key(first))} -> {_quoted(_key(last))} [{' '.join(attributes)}]"
    if diagram.direction == "TB" and diagram.node(_key(edge.head)).role == "service":
        return (
            f"{_quoted(_key(first))} -> {_end(last, into)} [{' '.join(attributes)}]"  # side by side, not from one row
        )
    if diagram.direction == "TB" and last.partition("/")[2] not in ("", HEAD):
        last, into = _key(last), ""  # what comes from above ends at the top: a row further down lies under the node
    if diagram.direction == "TB" and edge.back and "/" in first:
        first, out = _key(first), ""  # and what comes from below at the bottom
    return f"{_end(first, out)} -> {_end(last, into)} [{' '.join(attributes)}]"


def _anchor(diagram: Diagram, end: str) -> str:
    """The row, or its node where no arrow can end at the row: it stands beside others in columns."""
    key, _, row = end.partition("/")
    rows = {each for each, _ in shapes.size(diagram.node(key)).rows} if row else set[str]()
    return end if row in rows or (row == HEAD and rows) else key


def _end(end: str, side: str = "") -> str:
    key, _, row = end.partition("/")
    if row:
        return f"{_quoted(key)}:{_port(row)}" + (f":{side}" if side else "")
    return _quoted(key)


def _key(end: str) -> str:
    return end.partition("/")[0]


def _port(row: str) -> str:
    return "r" + "".join(each if each.isalnum() and each.isascii() else f"_{ord(each):x}_" for each in row)


def _quoted(text: str) -> str:
    return f'"{_name(text)}"'


def _name(key: str) -> str:
    """The node's name in DOT: nothing in it has a meaning there, or in what Graphviz answers."""
    return "".join(each if each.isprintable() and each not in '\\"%' else f"%{ord(each):x}." for each in key)


# ---- what it answers -----------------------------------------------------------------------------------------


def _read(diagram: Diagram, answer: dict[str, Any]) -> Layout:
    _, _, width, height = _numbers(answer["bb"])
    keys = {_name(node.key): node.key for node in diagram.nodes}
    nodes: dict[str, Rect] = {}
    groups: dict[str, Rect] = {}
    for placed in answer.get("objects", ()):
        name = str(placed["name"])
        if "pos" in placed:
            nodes[keys[name]] = _node_rect(diagram.node(keys[name]), placed, height)
        elif name.startswith("cluster_") and "bb" in placed:
            left, low, right, high = _numbers(placed["bb"])
            key = diagram.groups[int(name.removeprefix("cluster_"))].key
            groups[key] = Rect(left, _round(height - high), _round(right - left), _round(high - low))
    curves = {str(edge["id"]): edge for edge in answer.get("edges", ())}
    riding = riders(diagram)
    own = {
        at: _curve(edge, curves[f"e{at}"], height, _undo(diagram, at, riding))
        for at, edge in enumerate(diagram.edges)
        if at not in riding
    }
    edges = tuple(_beside(own[riding[at]]) if at in riding else own[at] for at in range(len(diagram.edges)))
    return Layout(width, height, nodes, groups, edges)


def _node_rect(node: Node, placed: dict[str, Any], height: float) -> Rect:
    x, y = _numbers(placed["pos"])
    size = shapes.size(node)
    return Rect(_round(x - size.width / 2), _round(height - y - size.height / 2), size.width, size.height)


def _beside(curve: Curve) -> Curve:
    """The same way, a little to the right of it: between it and its label."""
    ends = [point for point in (curve.start_tip, *curve.points, curve.end_tip) if point is not None]
    across, down = ends[-1][0] - ends[0][0], ends[-1][1] - ends[0][1]
    length = hypot(across, down) or 1.0
    step = (abs(down) / length * LANE, (-across if down > 0 else across) / length * LANE)

    def moved(point: Point) -> Point:
        return _round(point[0] + step[0]), _round(point[1] + step[1])

    return Curve(
        tuple(map(moved, curve.points)),
        None if curve.start_tip is None else moved(curve.start_tip),
        None if curve.end_tip is None else moved(curve.end_tip),
        None,
    )


def _curve(edge: Edge, placed: dict[str, Any], height: float, undo: Sequence[Edge]) -> Curve:
    start_tip = end_tip = None
    points: list[Point] = []
    for word in str(placed["pos"]).split(";")[0].split():
        head, _, rest = word.partition(",")
        if head in ("s", "e"):
            x, y = _numbers(rest)
            tip = (x, _round(height - y))
            start_tip, end_tip = (tip, end_tip) if head == "s" else (start_tip, tip)
        else:
            x, y = _numbers(word)
            points.append((x, _round(height - y)))
    if edge.back:
        points.reverse()
        start_tip, end_tip = end_tip, start_tip
    return Curve(tuple(points), start_tip, end_tip, _label_rect(edge, placed, height, undo))


BESIDE: Final = 2
"""Of the space that a label is given, what stays free on its left and right: it stands beside its line, not over it."""


def _label_rect(edge: Edge, placed: dict[str, Any], height: float, undo: Sequence[Edge]) -> Rect | None:
    if "lp" not in placed:
        return None
    x, y = _numbers(placed["lp"])
    wide, tall = label_size(edge, undo)
    lane = 2 * LANE if undo else 0.0
    return Rect(_round(x - wide / 2 + BESIDE + lane), _round(height - y - tall / 2), wide - 2 * BESIDE - lane, tall)


def _numbers(text: Any) -> list[float]:
    return [_round(float(each)) for each in str(text).split(",")]


def _round(value: float) -> float:
    return round(value, 1)
