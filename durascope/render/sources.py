"""A diagram written in the languages that other tools draw: DOT, Mermaid and D2."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from durascope.render.diagram import STROKES, Diagram, Edge, Group, Node, Shape
from durascope.render.shapes import paint_of
from durascope.render.theme import ROLES, STATE_WORDS

if TYPE_CHECKING:
    from graphviz import Digraph

_DOT_SHAPES: dict[Shape, str] = {
    "box": "box", "stack": "box3d", "store": "cylinder", "queue": "cds", "log": "box", "pill": "oval",
    "choice": "hexagon",
}  # fmt: skip
_D2_SHAPES: dict[Shape, str] = {
    "box": "rectangle", "stack": "rectangle", "store": "cylinder", "queue": "queue", "log": "page", "pill": "oval",
    "choice": "hexagon",
}  # fmt: skip
_MERMAID_BRACKETS: dict[Shape, tuple[str, str]] = {
    "box": ("[", "]"), "stack": ("[", "]"), "store": ("[(", ")]"), "queue": ("([", "])"), "log": ("[[", "]]"),
    "pill": ("([", "])"), "choice": ("{{", "}}"),
}  # fmt: skip


def node_lines(node: Node) -> list[str]:
    """Everything a node says, line by line."""
    lines = [node.title + (f" × {node.copies}" if node.copies > 1 else ""), *node.lines]
    if node.state is not None:
        lines.append(STATE_WORDS[node.state])
    for section in node.sections:
        lines += [f"{section.caption}:"] if section.caption else []
        lines += [
            " ".join(filter(None, (f"{row.mark}:" if row.mark else "", row.text, row.hint))) for row in section.rows
        ]
    return lines


def edge_label(edge: Edge) -> str:
    """What an arrow says, with its number before it."""
    return " ".join(filter(None, (f"{edge.number}:" if edge.number else "", *edge.label.split())))


# ---- DOT -----------------------------------------------------------------------------------------------------


def dot(diagram: Diagram) -> str:
    """For `dot -Tsvg` and every other tool of Graphviz; draws the same graph with Graphviz' own shapes.

    >>> from durascope.render.diagram import Diagram, Edge, Node
    >>> shop = Diagram("shop", nodes=[Node("web", "Web shop"), Node("db", "Orders")], edges=[Edge("web", "db")])
    >>> "Web shop" in dot(shop)
    True
    """
    from graphviz import Digraph  # only who asks for DOT waits for it

    written = Digraph(
        graph_attr={
            "rankdir": diagram.direction, "newrank": "true", "label": _dot_text(_caption(diagram)), "labelloc": "t",
            "labeljust": "l", "fontname": "Helvetica", "nodesep": "0.35", "ranksep": "0.7",
        },
        node_attr={"fontname": "Helvetica", "fontsize": "11", "style": "filled", "margin": "0.15"},
        edge_attr={"fontname": "Helvetica", "fontsize": "10"},
    )  # fmt: skip
    _add_members(written, diagram, "")
    for level in diagram.level:
        same = Digraph(graph_attr={"rank": "same"})
        for key in level:
            same.node(_dot_name(key))
        written.subgraph(same)
    for edge in diagram.edges:
        _add_edge(written, diagram, edge)
    return written.source


def _caption(diagram: Diagram) -> list[str]:
    return [diagram.title, *([diagram.subtitle] if diagram.subtitle else [])]


def _add_members(written: Digraph, diagram: Diagram, parent: str) -> None:
    from graphviz import Digraph

    for node in diagram.nodes:
        if node.group == parent:
            paint = paint_of(node)
            written.node(
                _dot_name(node.key), _dot_text(node_lines(node)), shape=_DOT_SHAPES[node.shape],
                fillcolor=paint.fill, color=paint.stroke,
            )  # fmt: skip
    for at, group in enumerate(diagram.groups):
        if group.parent == parent:
            paint = group.paint or ROLES[group.role]
            label = _dot_text(_group_lines(group))
            looks = {"label": label, "style": "filled", "fillcolor": paint.fill, "color": paint.stroke}
            inside = Digraph(f"cluster_{at}", graph_attr=looks)
            _add_members(inside, diagram, group.key)
            written.subgraph(inside)


def _group_lines(group: Group) -> list[str]:
    return [group.title, *([group.subtitle] if group.subtitle else [])]


def _add_edge(written: Digraph, diagram: Diagram, edge: Edge) -> None:
    """Rows are no nodes in DOT: an arrow from a row starts at its node and names the row."""
    from graphviz import escape

    (tail, tail_row), (head, _) = _split(edge.tail), _split(edge.head)
    stroke = STROKES[edge.style]
    label = edge_label(edge) or (diagram.name(edge.tail) if tail_row else "")
    first, last = (head, tail) if edge.back else (tail, head)
    written.edge(
        _dot_name(first), _dot_name(last), escape(label) if label else None,
        color=stroke.colour, tooltip=escape(_joint(diagram, edge)), style="dashed" if stroke.dash else None,
        dir="both" if edge.both else "back" if edge.back else "forward",
        constraint="false" if edge.loose else None,
    )  # fmt: skip


def _dot_name(key: str) -> str:
    """A colon would part a node from its port."""
    return key.replace(":", "\N{RATIO}")


def _split(end: str) -> tuple[str, str]:
    key, _, row = end.partition("/")
    return key, row


def _joint(diagram: Diagram, edge: Edge) -> str:
    return f"{diagram.name(edge.tail)} {'↔' if edge.both else '→'} {diagram.name(edge.head)}"


def _dot_text(lines: list[str]) -> str:
    """Lines that begin at the left."""
    from graphviz import escape

    return escape("\n".join(lines)).replace("\n", "\\l") + "\\l"


# ---- Mermaid -------------------------------------------------------------------------------------------------


_MERMAID_ROOM = (
    "config:",
    "  flowchart:",
    "    wrappingWidth: 420",
    "    subGraphTitleMargin: {top: 4, bottom: 26}",
)
"""Lines stay whole, and no box stands on the title of its frame."""


def mermaid(diagram: Diagram) -> str:
    """A Mermaid flow chart.

    >>> from durascope.render.diagram import Diagram, Edge, Node
    >>> shop = Diagram("shop", nodes=[Node("web", "Web shop"), Node("db", "Orders")], edges=[Edge("web", "db")])
    >>> "Web shop" in mermaid(shop)
    True
    """
    ids = _ids(diagram)
    lines = ["---", f"title: {json.dumps(diagram.title, ensure_ascii=False)}", *_MERMAID_ROOM, "---"]
    lines.append(f"flowchart {diagram.direction}")
    lines += _mermaid_members(diagram, ids, "", "  ")
    for at, edge in enumerate(diagram.edges):
        lines += [f"  {_mermaid_edge(edge, ids, diagram)}", *_mermaid_style(at, edge)]
    return "\n".join(lines) + "\n"


def _mermaid_members(diagram: Diagram, ids: dict[str, str], parent: str, indent: str) -> list[str]:
    lines: list[str] = []
    for node in diagram.nodes:
        if node.group == parent:
            before, after = _MERMAID_BRACKETS[node.shape]
            paint = paint_of(node)
            lines.append(f"{indent}{ids[node.key]}{before}{_mermaid_text(node_lines(node))}{after}")
            lines.append(f"{indent}style {ids[node.key]} fill:{paint.fill},stroke:{paint.stroke},color:{paint.ink}")
    for at, group in enumerate(diagram.groups):
        if group.parent == parent:
            lines.append(f"{indent}subgraph g{at} [{_mermaid_text(_group_lines(group))}]")
            lines += _mermaid_members(diagram, ids, group.key, indent + "  ")
            lines.append(indent + "end")
            paint = group.paint or ROLES[group.role]
            lines.append(f"{indent}style g{at} fill:{paint.fill},stroke:{paint.stroke},color:{paint.ink}")
    return lines


def _ids(diagram: Diagram) -> dict[str, str]:
    return {node.key: f"n{at}" for at, node in enumerate(diagram.nodes)}


def _mermaid_text(lines: list[str]) -> str:
    return '"' + "<br/>".join(escape(line).replace("&#x27;", "'").replace("&quot;", "#quot;") for line in lines) + '"'


def _mermaid_edge(edge: Edge, ids: dict[str, str], diagram: Diagram) -> str:
    (tail, tail_row), (head, _) = _split(edge.tail), _split(edge.head)
    dashed = bool(STROKES[edge.style].dash)
    arrow = ("<-.->" if dashed else "<-->") if edge.both else ("-.->" if dashed else "-->")
    label = edge_label(edge) or (diagram.name(edge.tail) if tail_row else "")
    return f"{ids[tail]} {arrow}{f'|{_mermaid_text([label])}|' if label else ''} {ids[head]}"


def _mermaid_style(at: int, edge: Edge) -> list[str]:
    return [f"  linkStyle {at} stroke:{STROKES[edge.style].colour}"]


# ---- D2 ------------------------------------------------------------------------------------------------------


def d2(diagram: Diagram) -> str:
    """For `d2 in.d2 out.svg`.

    >>> from durascope.render.diagram import Diagram, Edge, Node
    >>> shop = Diagram("shop", nodes=[Node("web", "Web shop"), Node("db", "Orders")], edges=[Edge("web", "db")])
    >>> "Web shop" in d2(shop)
    True
    """
    paths: dict[str, str] = {}
    direction = "right" if diagram.direction == "LR" else "down"
    body = _d2_members(diagram, paths, "", "", "")
    lines = [f"# {diagram.title}", f"direction: {direction}", *body]
    lines += [_d2_edge(edge, paths, diagram) for edge in diagram.edges]
    return "\n".join(lines) + "\n"


def _d2_members(diagram: Diagram, paths: dict[str, str], parent: str, path: str, indent: str) -> list[str]:
    lines: list[str] = []
    for at, node in enumerate(diagram.nodes):
        if node.group == parent:
            paths[node.key] = f"{path}n{at}"
            paint, shape = paint_of(node), _D2_SHAPES[node.shape]
            multiple = "; style.multiple: true" if node.copies > 1 else ""
            lines.append(
                f"{indent}n{at}: {_d2_text(node_lines(node))} {{shape: {shape}; "
                f'style.fill: "{paint.fill}"; style.stroke: "{paint.stroke}"; '
                f'style.font-color: "{paint.ink}"{multiple}}}'
            )
    for at, group in enumerate(diagram.groups):
        if group.parent == parent:
            paint = group.paint or ROLES[group.role]
            lines.append(f"{indent}g{at}: {_d2_text(_group_lines(group))} {{")
            lines.append(f'{indent}  style.fill: "{paint.fill}"; style.stroke: "{paint.stroke}"')
            lines += _d2_members(diagram, paths, group.key, f"{path}g{at}.", indent + "  ")
            lines.append(indent + "}")
    return lines


def _d2_edge(edge: Edge, paths: dict[str, str], diagram: Diagram) -> str:
    (tail, tail_row), (head, _) = _split(edge.tail), _split(edge.head)
    stroke = STROKES[edge.style]
    label = edge_label(edge) or (diagram.name(edge.tail) if tail_row else "")
    style = f'style.stroke: "{stroke.colour}"' + ("; style.stroke-dash: 4" if stroke.dash else "")
    words = f" {_d2_text([label])}" if label else ""
    return f"{paths[tail]} {'<->' if edge.both else '->'} {paths[head]}:{words} {{{style}}}"


def _d2_text(lines: list[str]) -> str:
    escaped = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") for line in lines)
    return f'"{escaped}"'
