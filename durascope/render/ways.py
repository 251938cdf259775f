"""What a way of an arrow costs: the longer it is, the more it bends and crosses, and the nearer to a frame's line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from durascope.render.canvas import Point
from durascope.render.diagram import Diagram
from durascope.render.graphviz_layout import LANE, OFF_FRAME, Layout, Rect, group_label_size, riders
from durascope.render.segments import ALONG, CLEAR, NEARBY, Segment, cross, run_alongside

AROUND: Final = 2.0
"""What stays free above and below labels; their words end before their boxes do."""
_BESIDE: Final = 2.0
"""What stays free beside boxes."""
_ON_FRAME: Final = 120.0
"""What it costs to run on a frame's line; the farther from it, the less."""
_IN_TITLE: Final = 15.0
"""What it costs to run across the part of a frame where its title stands."""
_BEND: Final = 10.0
"""What it costs to turn."""

Side = tuple[bool, float, float, float]
"""A line of a frame: whether it is upright, where it stands, and from where to where."""
Known = dict[Segment, float | None]


class Ground:
    """What stands there before any line is laid: boxes, labels, frames. What that makes of a piece of a line is worked
    out once: an arrow's way is looked for again and again, beside others."""

    def __init__(self, diagram: Diagram, layout: Layout) -> None:
        self.nodes = [(key, _bounds(rect, CLEAR, _BESIDE)) for key, rect in layout.nodes.items()]
        labels = ((at, curve.label) for at, curve in enumerate(layout.edges))
        self.labels = [(at, _bounds(label, AROUND, 0.0)) for at, label in labels if label is not None]
        self.frames: Sequence[Side] = list(sides(layout))
        """The lines of the frames around boxes: they may be crossed, but nothing runs along them."""
        self.titles: Sequence[Rect] = [
            replace(layout.groups[group.key], height=group_label_size(group)[1] + CLEAR)
            for group in diagram.groups if group.key in layout.groups
        ]  # fmt: skip
        """The upper parts of the frames, where their titles stand: a line along one leaves less room for the title."""
        self.riders = frozenset(riders(diagram).values())
        """The edges beside which another one runs."""
        self._known: dict[tuple[int, bool, Segment], float | None] = {}

    def cost(self, piece: Segment, edge: int, ends: tuple[str, str], *, above: bool) -> float | None:
        """The worse, the longer it is and the nearer to a frame's line; None: it lies on a box or a label. `above`: the
        way leads up."""
        key = (edge, above, piece)
        if key not in self._known:
            free = not self._on_something(piece, edge, ends)
            (start, end) = piece
            long = abs(end[0] - start[0]) + abs(end[1] - start[1])
            self._known[key] = self._on_frame(piece, edge, above=above) + 0.02 * long if free else None
        return self._known[key]

    def _on_something(self, piece: Segment, edge: int, ends: tuple[str, str]) -> bool:
        (x, y), (to_x, to_y) = piece
        left, right = (x, to_x) if x < to_x else (to_x, x)
        top, bottom = (y, to_y) if y < to_y else (to_y, y)
        for key, (first, over, last, under) in self.nodes:
            if left < last and right > first and top < under and bottom > over and key not in ends:
                return True
        return any(
            left < last and right > first and top < under and bottom > over and at != edge
            for at, (first, over, last, under) in self.labels
        )

    def _on_frame(self, piece: Segment, edge: int, *, above: bool) -> float:
        """How bad it is that the piece, or what rides beside it, runs near a frame's line."""
        (x, y), (end_x, end_y) = piece
        upright = x == end_x
        at, low, high = (x, *sorted((y, end_y))) if upright else (y, *sorted((x, end_x)))
        places = [at]
        if edge in self.riders:
            falls = x < end_x if above else end_x < x
            places.append(at + (LANE if upright or falls else -LANE))
        nearest = OFF_FRAME
        for line_upright, line, start, end in self.frames:
            if line_upright == upright and min(high, end) - max(low, start) > ALONG:
                nearest = min(nearest, *(abs(place - line) for place in places))
        low, high = sorted((x, end_x))
        under = y == end_y and any(
            part.y < y < part.y + part.height and min(high, part.x + part.width) - max(low, part.x) > ALONG
            for part in self.titles
        )
        return _ON_FRAME * (1 - nearest / OFF_FRAME) + (_IN_TITLE if under else 0.0)


def _bounds(rect: Rect, free: float, beside: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom, with what stays free around it."""
    return (rect.x - beside, rect.y - free, rect.x + rect.width + beside, rect.y + rect.height + free)


@dataclass(slots=True)
class Ways:
    """What is taken: the ground, and the lines that have been laid."""

    ground: Ground
    lines: list[Segment]

    def cost(self, way: Sequence[Point], edge: int, ends: tuple[str, str], known: Known) -> float | None:
        """The worse, the more it bends and crosses; None: it lies on something.

        `known` is what earlier ways of the same edge have found out about their pieces: most have pieces in common.
        """
        found = _BEND * max(0, len(way) - 2)
        above = way[-1][1] < way[0][1]
        for piece in pairwise(way):
            if piece not in known:
                bad = self.ground.cost(piece, edge, ends, above=above)
                crossed = None if bad is None else self._crossed(piece)
                known[piece] = None if bad is None or crossed is None else 40.0 * crossed + bad
            bad = known[piece]
            if bad is None:
                return None
            found += bad
        return round(found, 6)  # equal ways cost the same, whatever they were added up from

    def _crossed(self, piece: Segment) -> int | None:
        """How many lines it crosses; None: it runs along one."""
        start, end = piece
        crossed = 0
        left, right = min(start[0], end[0]) - NEARBY, max(start[0], end[0]) + NEARBY
        top, bottom = min(start[1], end[1]) - NEARBY, max(start[1], end[1]) + NEARBY
        for line in self.lines:
            (x, y), (to_x, to_y) = line
            if (x < left and to_x < left) or (x > right and to_x > right):
                continue  # most lines are nowhere near
            if (y < top and to_y < top) or (y > bottom and to_y > bottom):
                continue
            if run_alongside(piece, line):
                return None
            crossed += cross(piece, line)
        return crossed


def sides(layout: Layout) -> Iterator[Side]:
    """The four lines of each frame."""
    for frame in layout.groups.values():
        right, below = frame.x + frame.width, frame.y + frame.height
        yield from ((True, x, frame.y, below) for x in (frame.x, right))
        yield from ((False, y, frame.x, right) for y in (frame.y, below))
