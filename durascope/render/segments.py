"""Straight pieces of lines: what they lie on, what they cross, and how a way made of them is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from durascope.render.canvas import Point
from durascope.render.graphviz_layout import Curve, Rect

CORNER: Final = 6.0
"""The radius of a bend."""
HEAD: Final = 8.0
"""The length of an arrowhead."""
CLEAR: Final = 5.0
"""What stays free around boxes."""
NEARBY: Final = 8.0
"""Two lines side by side that are nearer than this cannot be told apart."""
ALONG: Final = 2.0
"""Two lines that share more than this run side by side."""

Segment = tuple[Point, Point]


def joined(points: Sequence[Point]) -> list[Point]:
    """Without points that the line passes straight.

    >>> joined([(0, 0), (5, 0), (9, 0), (9, 4)])
    [(0, 0), (9, 0), (9, 4)]
    """
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        while len(kept) > 1 and _straight(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return kept


def _straight(a: Point, b: Point, c: Point) -> bool:
    return (abs(a[0] - b[0]) < 0.1 and abs(b[0] - c[0]) < 0.1) or (abs(a[1] - b[1]) < 0.1 and abs(b[1] - c[1]) < 0.1)


def through(rect: Rect, start: Point, end: Point, free: float = CLEAR, beside: float = 2.0) -> bool:
    """`free`, `beside`: what stays free above and below it, and on its sides; a label's words end before its box."""
    left, right = sorted((start[0], end[0]))
    top, bottom = sorted((start[1], end[1]))
    inside = left < rect.x + rect.width + beside and right > rect.x - beside
    return inside and top < rect.y + rect.height + free and bottom > rect.y - free


def run_alongside(one: Segment, other: Segment) -> bool:
    """Whether two lines run side by side, too near to be told apart.

    >>> run_alongside(((0, 0), (50, 0)), ((10, 3), (60, 3)))
    True
    >>> run_alongside(((0, 0), (50, 0)), ((10, 30), (60, 30)))
    False
    """
    for axis in (0, 1):
        upright = abs(one[0][axis] - one[1][axis]) < 0.1 and abs(other[0][axis] - other[1][axis]) < 0.1
        if upright and abs(one[0][axis] - other[0][axis]) < NEARBY:
            low, high = sorted((one[0][1 - axis], one[1][1 - axis]))
            start, end = sorted((other[0][1 - axis], other[1][1 - axis]))
            if min(high, end) - max(low, start) > ALONG:
                return True
    return False


def cross(one: Segment, other: Segment) -> bool:
    """Whether two lines cross; lines that only touch at an end do not.

    >>> cross(((0, 0), (10, 10)), ((0, 10), (10, 0)))
    True
    >>> cross(((0, 0), (10, 10)), ((10, 10), (20, 0)))
    False
    """

    def side(p: Point, q: Point, r: Point) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    (a, b), (c, d) = one, other
    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def meet(one: Sequence[Point], other: Sequence[Point]) -> bool:
    """Whether any piece of one way crosses a piece of the other.

    >>> meet([(0, 0), (10, 0), (10, 10)], [(5, -5), (5, 5)])
    True
    """
    return any(cross(piece, line) for piece in pairwise(one) for line in pairwise(other))


def sampled(curve: Curve) -> list[Segment]:
    """A curve as short lines."""
    points: list[Point] = []
    for at in range(0, len(curve.points) - 3, 3):
        a, b, c, d = curve.points[at : at + 4]
        for n in range(9):
            t, s = n / 8, 1 - n / 8
            points.append((
                s**3 * a[0] + 3 * s * s * t * b[0] + 3 * s * t * t * c[0] + t**3 * d[0],
                s**3 * a[1] + 3 * s * s * t * b[1] + 3 * s * t * t * c[1] + t**3 * d[1],
            ))  # fmt: skip
    return list(pairwise(points))


def shortened(end: Point, before: Point) -> Point:
    """The end, drawn back by an arrowhead."""
    return _towards(end, before, HEAD)


def _towards(start: Point, end: Point, by: float) -> Point:
    long = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(1.0, by / long) if long else 0.0
    return (round(start[0] + (end[0] - start[0]) * share, 1), round(start[1] + (end[1] - start[1]) * share, 1))


def rounded(points: Sequence[Point]) -> Iterator[Point]:
    """As Bézier points: straight lines, with a small bow at each corner."""
    yield points[0]
    at = points[0]
    for corner, after in pairwise(points[1:]):
        long = min(
            abs(corner[0] - at[0]) + abs(corner[1] - at[1]), abs(after[0] - corner[0]) + abs(after[1] - corner[1])
        )
        into, out = _towards(corner, at, min(CORNER, long / 2)), _towards(corner, after, min(CORNER, long / 2))
        yield from (at, into, into, corner, corner, out)
        at = out
    yield from (at, points[-1], points[-1])
