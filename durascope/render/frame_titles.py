"""Where a frame's title stands: in its upper edge, where no arrow passes; where there is no room, the frame grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Final

from durascope.render.canvas import Point
from durascope.render.diagram import Diagram, Group
from durascope.render.graphviz_layout import OFF_FRAME, Curve, Layout, Rect, group_label_size

INSET: Final = 14.0
"""Between a frame and what is in it."""
_RIM: Final = 10.0
"""Between a title and the right edge of its frame."""
_AIR: Final = 7.0
"""Between a title and an arrow."""
_SAMPLES: Final = 16
"""Points of a Bézier piece that are looked at."""


def titled(diagram: Diagram, layout: Layout) -> tuple[Layout, dict[str, Point]]:
    """The layout with its frames as wide as their titles need, and each title's upper left corner."""
    groups, places = dict(layout.groups), dict[str, Point]()
    lines = [tuple(_sampled(curve)) for curve in layout.edges]
    for group in reversed(diagram.groups):  # what is inside grows first
        if group.key not in groups:
            continue
        groups[group.key] = _around(diagram, group, groups)
        frame = groups[group.key]
        wide, tall = group_label_size(group)
        strip = Rect(0, frame.y + 4, layout.width, tall + 1)
        others = [place for place in layout.nodes.values() if place.meets(replace(strip, x=frame.x - wide))]
        taken = sorted([*_taken(lines, strip), *((rect.x - 4, rect.x + rect.width + 4) for rect in others)])
        x = _free(taken, frame.x + INSET, frame.x + frame.width - _RIM, wide - 12)
        if x is None:
            frame = _grown(diagram, layout, group, frame, taken, wide, lines)
            groups[group.key] = frame
            x = _free(taken, frame.x + INSET, frame.x + frame.width - _RIM, wide - 12)
        places[group.key] = (frame.x + INSET if x is None else x, frame.y)
    left = min([0.0, *(frame.x for frame in groups.values())])
    right = max([layout.width, *(frame.x + frame.width for frame in groups.values())])
    return _shifted(replace(layout, groups=groups, width=right - left), -left), {
        key: (x - left, y) for key, (x, y) in places.items()
    }


def _around(diagram: Diagram, group: Group, groups: Mapping[str, Rect]) -> Rect:
    """The frame, around the frames in it that have grown."""
    frame = groups[group.key]
    inside = [groups[each.key] for each in diagram.groups if each.parent == group.key and each.key in groups]
    left = min([frame.x, *(each.x - INSET for each in inside)])
    right = max([frame.x + frame.width, *(each.x + each.width + INSET for each in inside)])
    return replace(frame, x=left, width=right - left)


def _grown(
    diagram: Diagram, layout: Layout, group: Group, frame: Rect, taken: Sequence[tuple[float, float]], wide: float,
    lines: Sequence[Sequence[Point]],
) -> Rect:  # fmt: skip
    """Wider to the left or to the right, whichever is less, as far as nothing that is not in it is in the way; to where
    no arrow runs along its side, if there is such a place."""
    start, end = frame.x, frame.x + frame.width
    right = _free(taken, start + INSET, inf, wide - 12)
    left = _free([(-high, -low) for low, high in taken], _RIM - end, inf, wide - 12)
    assert right is not None
    assert left is not None
    first, last = -left - (wide - 12) - INSET, right + wide - 12 + _RIM
    both = (replace(frame, x=first, width=end - first), replace(frame, width=last - start))
    free = [each for each in both if each.width > frame.width and _is_free(diagram, layout, group, each)]
    return min(free, key=lambda each: (_lined(each, lines), each.width), default=frame)


def _lined(frame: Rect, lines: Sequence[Sequence[Point]]) -> bool:
    """Whether an arrow runs along the frame's left or right side, too near to be told apart from it."""
    sides, top, bottom = (frame.x, frame.x + frame.width), frame.y, frame.y + frame.height
    along = (
        sum(
            min(max(one[1], other[1]), bottom) - max(min(one[1], other[1]), top)
            for one, other in pairwise(line)
            if max(abs(one[0] - side), abs(other[0] - side)) < OFF_FRAME - 1
            and min(max(one[1], other[1]), bottom) > max(min(one[1], other[1]), top)
        )
        for line in lines for side in sides
    )  # fmt: skip
    return any(long > OFF_FRAME for long in along)


def _is_free(diagram: Diagram, layout: Layout, group: Group, frame: Rect) -> bool:
    inside = {group.key}
    for each in diagram.groups:
        if each.parent in inside:
            inside.add(each.key)
    strangers = [layout.nodes[node.key] for node in diagram.nodes if node.group not in inside]
    over = {group.key, group.parent}
    frames = [
        place for key, place in layout.groups.items()
        if key not in inside and key not in over and not place.holds(layout.groups[group.key])
    ]  # fmt: skip
    labels = [curve.label for curve in layout.edges if curve.label is not None]
    edges = (frame.x, frame.x + frame.width)
    cut = any(
        rect.x < edge < rect.x + rect.width and rect.y < frame.y + frame.height and frame.y < rect.y + rect.height
        for rect in labels for edge in edges
    )  # fmt: skip
    return not cut and not any(place.meets(frame) for place in (*strangers, *frames))


def _free(taken: Sequence[tuple[float, float]], left: float, right: float, wide: float) -> float | None:
    """The leftmost place with room."""
    x = left
    for low, high in sorted(taken):
        if x + wide <= low:
            break
        x = max(x, high)
    return x if x + wide <= right else None


def _taken(lines: Sequence[Sequence[Point]], strip: Rect) -> Iterator[tuple[float, float]]:
    """Where arrows pass through it, and a little air."""
    for line in lines:
        inside = [
            x for one, other in pairwise(line)
            if min(one[1], other[1]) <= strip.y + strip.height and max(one[1], other[1]) >= strip.y
            for x in (one[0], other[0])
        ]  # fmt: skip
        if inside:
            yield min(inside) - _AIR, max(inside) + _AIR


def _sampled(curve: Curve) -> Iterator[Point]:
    """Points along it, its tips too."""
    if curve.start_tip is not None:
        yield curve.start_tip
    for at in range(0, len(curve.points) - 3, 3):
        a, b, c, d = curve.points[at : at + 4]
        for n in range(_SAMPLES + 1):
            t = n / _SAMPLES
            u = 1 - t
            p, q, r, s = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
            yield p * a[0] + q * b[0] + r * c[0] + s * d[0], p * a[1] + q * b[1] + r * c[1] + s * d[1]
    if curve.end_tip is not None:
        yield curve.end_tip


def _shifted(layout: Layout, across: float) -> Layout:
    if not across:
        return layout

    def rect(place: Rect) -> Rect:
        return replace(place, x=place.x + across)

    def point(place: Point | None) -> Point | None:
        return None if place is None else (place[0] + across, place[1])

    return replace(
        layout,
        nodes={key: rect(place) for key, place in layout.nodes.items()},
        groups={key: rect(place) for key, place in layout.groups.items()},
        edges=tuple(
            replace(
                curve,
                points=tuple((x + across, y) for x, y in curve.points),
                start_tip=point(curve.start_tip),
                end_tip=point(curve.end_tip),
                label=None if curve.label is None else rect(curve.label),
            )
            for curve in layout.edges
        ),
    )
