"""A diagram of boxes and arrows before it is laid out: what is in it, what is joined to what, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from durascope.render.theme import Paint, Role, State

Shape = Literal["box", "stack", "store", "queue", "log", "pill", "choice"]
Icon = Literal[
    "api", "database", "email", "llm", "storage", "queue", "client", "clock", "event", "code", "proxy", "workflow", ""
]
Style = Literal["call", "poll", "result", "store", "signal", "undo", "next", "otherwise"]


@dataclass(frozen=True, slots=True)
class Stroke:
    """How arrows of one kind look, and their text in the legend."""

    colour: str
    dash: tuple[float, ...]
    word: str


STROKES: Final[dict[Style, Stroke]] = {
    "call": Stroke("#3d4757", (), "call"),
    "poll": Stroke("#8f5d0c", (), "long poll, answered with a task"),
    "result": Stroke("#2f7d46", (), "result, reported and recorded"),
    "store": Stroke("#2077ad", (), "written durably"),
    "signal": Stroke("#8136a8", (7, 4), "signal, query or event to a run in flight"),
    "undo": Stroke("#b42318", (3, 3), "undo, only if the run fails or is cancelled"),
    "next": Stroke("#3d4757", (), "then"),
    "otherwise": Stroke("#8f5d0c", (7, 4), "if the time is over"),
}


def key(*parts: str) -> str:
    """A node's key, made of names; a slash in a name becomes another sign, for a slash parts node and row.

    >>> key("worker", "app", "read/write")
    'worker.app.read⁄write'
    """
    return ".".join(part.replace("/", "⁄") for part in parts)


@dataclass(frozen=True, slots=True)
class Row:
    """One line inside a node that arrows can start from or end at."""

    text: str
    hint: str = ""
    mark: str = ""
    """A number or letter in a badge before it."""
    key: str = ""
    dashed: bool = False
    """Only done to undo something."""
    state: State | None = None
    """What happened to it in a run."""


@dataclass(frozen=True, slots=True)
class Section:
    rows: tuple[Row, ...]
    caption: str = ""
    columns: int = 1
    """In how many columns the rows stand, each read from top to bottom; arrows end at the node, not at such a row."""


@dataclass(frozen=True, slots=True)
class Node:
    """A box. `copies` above 1 draws a stack of boxes with the number beside it."""

    key: str
    title: str
    lines: tuple[str, ...] = ()
    shape: Shape = "box"
    role: Role = "part"
    icon: Icon = ""
    sections: tuple[Section, ...] = ()
    copies: int = 1
    state: State | None = None
    group: str = ""
    paint: Paint | None = None
    """Its own colours, in place of its role's."""
    lanes: tuple[str, ...] = ()
    """The lanes of a trace whose events happen in it."""
    process: str = ""
    """Its name in messages: its process, or its service."""
    queue: str = ""
    """The queue of the lane that this node shows; empty: all of them."""

    @property
    def rows(self) -> Iterator[Row]:
        return (row for section in self.sections for row in section.rows)


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from `tail` to `head`: keys of nodes, or `node/row` for a row of one.

    `number` is its place in the order of what happens. `back` lays it out the other way round, so that the answer
    to a call does not turn the picture over.
    """

    tail: str
    head: str
    label: str = ""
    style: Style = "call"
    number: str = ""
    both: bool = False
    back: bool = False
    weight: int = 1
    loose: bool = False
    """It has no influence on the columns of its ends."""


@dataclass(frozen=True, slots=True)
class Group:
    """A frame around nodes and other groups."""

    key: str
    title: str
    subtitle: str = ""
    role: Role = "engine"
    parent: str = ""
    paint: Paint | None = None


@dataclass
class Diagram:
    """Everything of a diagram. Order matters: it is the order in which things are laid out and written.

    >>> shop = Diagram("shop", nodes=[Node("web", "Web shop"), Node("db", "Orders", shape="store")])
    >>> shop.edges.append(Edge("web", "db", "insert", style="store"))
    >>> shop.check()
    >>> shop.name("db")
    'Orders'
    """

    title: str
    subtitle: str = ""
    description: str = ""
    direction: Literal["LR", "TB"] = "LR"
    groups: list[Group] = field(default_factory=list[Group])
    nodes: list[Node] = field(default_factory=list[Node])
    edges: list[Edge] = field(default_factory=list[Edge])
    level: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    """Nodes that stand in one column (LR) or row (TB)."""
    across: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    """Nodes that stand in one row, from left to right in this order (TB), or in one column, from top to bottom (LR)."""
    order: tuple[str, ...] = ()
    """Nodes that stand in one column, from top to bottom in this order."""
    struck: set[str] = field(default_factory=set[str])
    """Nodes and frames that a fault hits."""
    notes: list[str] = field(default_factory=list[str])
    """Where the picture simplifies reality, and what to know when reading it."""
    words: dict[Style | Shape, str] = field(default_factory=dict["Style | Shape", str])
    """What the legend says of a kind of arrow or box, where it differs from the usual."""

    def node(self, key: str) -> Node:
        """Raises KeyError if there is none of that key."""
        for node in self.nodes:
            if node.key == key:
                return node
        raise KeyError(key)

    def name(self, end: str) -> str:
        """What the end of an edge is called: a node's title, or a row's text."""
        key, _, row = end.partition("/")
        node = self.node(key)
        return next((each.text for each in node.rows if row and each.key == row), node.title)

    def check(self) -> None:
        """Raises KeyError or ValueError where an edge or a group points at nothing, or a key is used twice."""
        keys = [node.key for node in self.nodes]
        if len(set(keys)) != len(keys):
            raise ValueError(f"a key is used twice: {keys}")
        groups = {group.key for group in self.groups}
        for node in self.nodes:
            if node.group and node.group not in groups:
                raise KeyError(node.group)
        for edge in self.edges:
            for end in (edge.tail, edge.head):
                key, _, row = end.partition("/")
                if row and row != "@head" and all(each.key != row for each in self.node(key).rows):
                    raise KeyError(end)
                self.node(key)
