"""A sheet to draw on: boxes, paths, text and groups, kept in order, and written as SVG or PDF.

Views draw with these few marks only, so that whatever draws them (browser, PNG, PDF) draws the same picture.
Lengths are pixels (a PDF's points), y grows downwards.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from durascope.render import measure
from durascope.render.theme import BODY, FRAME, INK, PAPER, Hatch

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, with round corners if `radius` is given."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    stroke: str | None = None
    line: float = 1.0
    radius: float = 0.0
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """Straight lines and Bézier curves: `("M", x, y)`, `("L", x, y)`, `("C", x1, y1, x2, y2, x, y)`, `("Z",)`."""

    steps: tuple[tuple[str | float, ...], ...]
    fill: str | None = None
    stroke: str | None = None
    line: float = 1.0
    dash: tuple[float, ...] = ()
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    size: float
    bold: bool
    ink: str
    anchor: Anchor

    @property
    def width(self) -> float:
        return measure.width(self.text, self.size, bold=self.bold)

    @property
    def left(self) -> float:
        return self.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor] * self.width


@dataclass(frozen=True, slots=True)
class Open:
    """The beginning of a group: its class, a title that screen readers and tooltips tell, and data attributes."""

    name: str
    title: str = ""
    data: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Close:
    """The end of the group that was opened last."""


Mark = Box | Path | Text | Open | Close


class Canvas:
    """The sheet while it is drawn."""

    def __init__(self, width: float, height: float, *, panel: bool = True) -> None:
        self.width = width
        self.height = height
        self.marks: list[Mark] = []
        if panel:
            self.box(0.5, 0.5, width - 1, height - 1, fill=PAPER, stroke=FRAME, radius=10)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str | None = None,
        stroke: str | None = None,
        line: float = 1.0,
        radius: float = 0.0,
        dash: tuple[float, ...] = (),
    ) -> None:
        self.marks.append(Box(x, y, width, height, fill, stroke, line, radius, dash))

    def path(
        self,
        *steps: tuple[str | float, ...],
        fill: str | None = None,
        stroke: str | None = None,
        line: float = 1.0,
        dash: tuple[float, ...] = (),
        opacity: float = 1.0,
    ) -> None:
        self.marks.append(Path(steps, fill, stroke, line, dash, opacity))

    def lines(self, *points: Point, stroke: str = INK, line: float = 1.0, dash: tuple[float, ...] = ()) -> None:
        """Straight lines through the points."""
        steps = [("M" if at == 0 else "L", x, y) for at, (x, y) in enumerate(points)]
        self.path(*steps, stroke=stroke, line=line, dash=dash)

    def polygon(self, *points: Point, fill: str | None = None, stroke: str | None = None, line: float = 1.0) -> None:
        steps = [("M" if at == 0 else "L", x, y) for at, (x, y) in enumerate(points)]
        self.path(*steps, ("Z",), fill=fill, stroke=stroke, line=line)

    def circle(
        self,
        x: float,
        y: float,
        radius: float,
        *,
        fill: str | None = None,
        stroke: str | None = None,
        line: float = 1.0,
    ) -> None:
        self.box(x - radius, y - radius, 2 * radius, 2 * radius, fill=fill, stroke=stroke, line=line, radius=radius)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = BODY,
        *,
        bold: bool = False,
        ink: str = INK,
        anchor: Anchor = "start",
    ) -> None:
        if text:
            self.marks.append(Text(x, y, text, size, bold, ink, anchor))

    def hatch(
        self, x: float, y: float, width: float, height: float, pattern: Hatch, ink: str, gap: float = 7.0
    ) -> None:
        """Fills a rectangle with thin lines or dots, behind whatever is drawn on it later."""
        steps: list[tuple[str | float, ...]] = []
        if pattern in ("rising", "cross"):
            steps += _diagonals(x, y, width, height, gap, rising=True)
        if pattern in ("falling", "cross"):
            steps += _diagonals(x, y, width, height, gap, rising=False)
        if pattern in ("level", "dots"):
            rows = int(height / gap)
            for row in range(1, rows + 1):
                level = y + gap * row - gap / 2
                steps += [("M", x, level), ("L", x + width, level)]
        dash = (1.2, gap - 1.2) if pattern == "dots" else ()
        if steps:
            self.path(*steps, stroke=ink, line=1.4 if pattern == "dots" else 0.8, dash=dash, opacity=0.28)

    @contextmanager
    def group(self, name: str, title: str = "", **data: str) -> Generator[None]:
        """What is drawn inside belongs together: a node, an edge, a lane."""
        self.marks.append(Open(name, title, tuple(data.items())))
        yield
        self.marks.append(Close())

    @property
    def texts(self) -> list[Text]:
        return [mark for mark in self.marks if isinstance(mark, Text)]


def _diagonals(
    x: float, y: float, width: float, height: float, gap: float, *, rising: bool
) -> list[tuple[str | float, ...]]:
    steps: list[tuple[str | float, ...]] = []
    offset = gap
    while offset < width + height:
        near = (min(offset, width), max(0.0, offset - width))
        far = (max(0.0, offset - height), min(offset, height))
        for op, (across, down) in (("M", near), ("L", far)):
            steps.append((op, x + across, y + (down if rising else height - down)))
        offset += gap
    return steps
