"""The architecture of a scenario on one engine: components, queues, stores, workers, services, who calls whom.

Drawn from the scenario alone: nothing in a picture is placed or written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Final

from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario
from durascope.render.diagram import Diagram, Edge, Node
from durascope.render.flow import TALL
from durascope.render.graph import WIDEST, picture
from durascope.render.graphviz_layout import Layout, lay_out
from durascope.render.orthogonal import straightened
from durascope.render.parts.struck import mark
from durascope.render.picture import Picture

_COLUMNS: Final = 3


def diagram(scenario: Scenario, engine: str) -> Diagram:
    """The boxes and arrows before they are laid out.

    Raises `UnknownEngine` for an unknown engine, ValueError for one that has no architecture to draw.
    """
    spec = spec_of(engine)
    if not spec.architecture:
        raise ValueError(f"{spec.title} has no architecture to draw")
    drawn: Diagram = spec.architecture.load()(scenario)
    mark(drawn, scenario)
    title = scenario.title or scenario.scenario
    drawn.title = f"{title} · {spec.title}"
    drawn.subtitle = "Architecture, drawn from the scenario. The numbers give the order of what happens."
    drawn.description = f"Architecture of the scenario {scenario.scenario} on {spec.title}: who calls whom."
    return drawn


def draw(scenario: Scenario, engine: str, *, wide: bool = False) -> Picture:
    """The architecture of the scenario's deployment on that engine, from top to bottom.

    `wide`: from left to right, for a stage that is wider than high.

    >>> from durascope.models.loading import load_scenario
    >>> draw(load_scenario("payment"), "restate").title
    'Payments, one at a time for each user · Restate'
    """
    drawn = diagram(scenario, engine)
    if wide:
        drawn.direction = "LR"
        drawn.across = [_of_one_frame(drawn, row) for row in drawn.across]
    else:
        drawn.edges = list(_narrow(drawn))
    laid = in_columns(drawn)
    return picture(drawn, laid if wide else straightened(drawn, laid))


def in_columns(drawn: Diagram) -> Layout:
    """Lays the diagram out, with the rows of its boxes in as many columns as there is room for."""
    nodes = drawn.nodes
    for columns in range(_COLUMNS, 1, -1):
        drawn.nodes = [_columned(node, columns) for node in nodes]
        if drawn.nodes == nodes:
            break
        if (laid := lay_out(drawn)).width <= WIDEST or drawn.direction == "LR":
            return laid
    drawn.nodes = nodes
    return lay_out(drawn)


def _columned(node: Node, most: int) -> Node:
    """The node with its long sections in columns; not a log, which is read from top to bottom."""
    if node.shape == "log":
        return node
    sections = (replace(each, columns=max(1, min(most, ceil(len(each.rows) / TALL)))) for each in node.sections)
    return replace(node, sections=tuple(sections))


def _narrow(drawn: Diagram) -> Iterator[Edge]:
    """Of the clients' arrows the first is the straightest, and none that undoes: so all is as wide as a README."""
    first = True
    for edge in drawn.edges:
        if drawn.node(edge.tail.partition("/")[0]).role == "client":
            yield replace(edge, weight=3 if first else 1)
            first = False
        else:
            yield replace(edge, weight=0) if edge.style == "undo" else edge


def _of_one_frame(drawn: Diagram, row: tuple[str, ...]) -> tuple[str, ...]:
    """Without what stands outside of the first one's frame: in a column it would stand on the frame's title."""
    return tuple(key for key in row if drawn.node(key).group == drawn.node(row[0]).group)
