"""Arrows of an architecture as lines that run down and across, in place of Graphviz' curves.

Graphviz says where boxes and labels stand; each label has its arrow on its left. So an arrow goes straight down past
its label where that lies between its two boxes, and else in a lane between the rows: over to the label, down past it,
and over to the box. An arrow that finds no way without lying on a box, a label or another arrow keeps its curve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise, product
from math import ceil, floor, inf
from typing import Final

from durascope.render.canvas import Point
from durascope.render.diagram import Diagram, Edge
from durascope.render.graphviz_layout import (
    BESIDE,
    LANE,
    OFF_FRAME,
    Curve,
    Layout,
    Rect,
    riders,
)
from durascope.render.segments import (
    ALONG,
    CORNER,
    HEAD,
    Segment,
    joined,
    meet,
    rounded,
    sampled,
    shortened,
    through,
)
from durascope.render.ways import AROUND, Ground, Known, Side, Ways, sides

APART: Final = 16.0
"""Between neighbouring lanes, and between arrows at one side of a box."""
_INSET: Final = 14.0
"""From a box's corner to the first arrow, unless that would bend an arrow that can be straight."""
_LEAST: Final = 8.0
_TRIES: Final = 2
_NEAR: Final = 6
"""So many lanes are tried from either end of the room for them."""
_BETWEEN: Final = 2
"""And so many between those: below the title of the frame that the arrow enters."""
_BAD: Final = 80.0
"""A way that costs so much runs along a frame's line, or crosses two others."""
_LANES_AROUND: Final = 8
"""So many lanes above and below are tried by an arrow to a box beside its own."""
_PORTS: Final = 4
"""And so many places at either box."""
_SWAPS: Final = 6
"""Of an arrow that crosses another one, at most so many ways are tried."""
_NUDGES: Final = (OFF_FRAME, OFF_FRAME - 2, OFF_FRAME - 3)
"""So far off a frame's line a label is moved, the best first."""


def straightened(diagram: Diagram, layout: Layout) -> Layout:
    """The same layout with its arrows along lanes, where there is a way.

    The one whose label is farthest from its boxes gets the lane next to them; one that has found no way is first in
    another try.
    """
    riding = riders(diagram)
    layout = _off_frames(diagram, layout)
    columns = {
        at: way for at, edge in enumerate(diagram.edges)
        if edge.loose and (way := _to_next_column(layout, edge)) is not None
    }  # fmt: skip
    plain = (at for at in range(len(diagram.edges)) if at not in riding and at not in columns)
    off = {at: _ends(diagram, layout, at)[2] for at in plain}
    order = sorted(off, key=lambda at: (off[at] > 0, -off[at]))
    ground = Ground(diagram, layout)
    laid = _laid(diagram, layout, order, ground)
    for _ in range(_TRIES):
        order.sort(key=lambda at: at in laid)
        again = _laid(diagram, layout, order, ground)
        if len(again) <= len(laid):
            break
        laid = again
    edges = list(layout.edges)
    for at, way in (laid | columns).items():
        edges[at] = _curve(diagram, at, way, layout)
    for rider, lane in riding.items():
        if lane in laid:
            edges[rider] = _curve(diagram, rider, _beside(laid[lane]), layout)
    return replace(layout, edges=tuple(edges))


def _laid(diagram: Diagram, layout: Layout, order: Sequence[int], ground: Ground) -> dict[int, list[Point]]:
    """The ways of the arrows that have found one, laid in that order."""
    level = [at for at in order if _flat(diagram, layout, at)]
    ways = Ways(ground, [line for at in level for line in sampled(layout.edges[at])])
    laid: dict[int, list[Point]] = {}
    for at in order:
        if at not in level:
            way = _way(diagram, layout, at, ways)
            ways.lines += sampled(layout.edges[at]) if way is None else pairwise(way)
            if way is not None:
                laid[at] = way
    curved = [line for at in order if at not in laid for line in sampled(layout.edges[at])]
    for at in level:
        rest = [line for other in level if other != at for line in sampled(layout.edges[other])]
        lines = [*rest, *(line for way in laid.values() for line in pairwise(way))]
        if (way := _around(diagram, layout, at, replace(ways, lines=lines))) is not None:
            laid[at] = way

    def without(*those: int) -> Ways:
        lines = [line for other, way in laid.items() if other not in those for line in pairwise(way)]
        return Ways(ground, [*curved, *lines])

    for at in [at for at in laid if at not in level]:  # once more, now that all others lie: some cross that need not
        laid[at] = _way(diagram, layout, at, without(at)) or laid[at]
    for one, other in combinations([at for at in laid if at not in level], 2):
        if meet(laid[one], laid[other]):
            laid |= _swapped(diagram, layout, laid, (one, other), without(one, other))
    return laid


def _around(diagram: Diagram, layout: Layout, at: int, ways: Ways) -> list[Point] | None:
    """From a box to one that stands beside it: straight where nothing is between them, else in a lane above or below.

    None for an arrow with a label, which has been given its place between the two, and where there is no way.
    """
    if layout.edges[at].label is not None:
        return None
    above, below, _ = _ends(diagram, layout, at)
    one, other = layout.nodes[above], layout.nodes[below]
    first, last = sorted((one, other), key=lambda box: box.x)
    top, bottom = max(one.y, other.y), min(one.y + one.height, other.y + other.height)
    straight = [(first.x + first.width, (top + bottom) / 2), (last.x, (top + bottom) / 2)]
    those = [straight]
    for port, to in product(_ports_towards(first, last), _ports_towards(last, first)):
        for lane in range(_LANES_AROUND):
            over = min(one.y, other.y) - HEAD - APART / 4 * (lane + 1)
            under = max(one.y + one.height, other.y + other.height) + HEAD + APART / 4 * (lane + 1)
            those.append([(port, first.y), (port, over), (to, over), (to, last.y)])
            those.append([
                (port, first.y + first.height), (port, under), (to, under), (to, last.y + last.height)
            ])  # fmt: skip
    found = _best((way for way in those if not _over_tips(way, ways.lines)), at, (above, below), ways)
    way = None if found is None else found[1]
    return way if way is None or first is one else way[::-1]


def _over_tips(way: Sequence[Point], lines: Iterable[Segment]) -> bool:
    """Whether it runs across where another arrow ends."""
    ends = [end for line in lines for end in line if line[0][0] == line[1][0]]
    return any(
        abs(y - start[1]) < HEAD + AROUND and min(start[0], stop[0]) < x < max(start[0], stop[0])
        for start, stop in pairwise(way) if start[1] == stop[1]
        for x, y in ends
    )  # fmt: skip


def _ports_towards(box: Rect, other: Rect) -> Iterator[float]:
    """Where an arrow may leave a box upwards or downwards, the nearest to the other box first."""
    near, step = (box.x + box.width - _INSET, -APART) if other.x > box.x else (box.x + _INSET, APART)
    for n in range(_PORTS):
        if (port := near + step * n) == _clamped(port, box):
            yield port


def _to_next_column(layout: Layout, edge: Edge) -> list[Point] | None:
    """From a column's last box up between the columns, and into the side of the next one's first; None: no room."""
    last, first = (layout.nodes[end.partition("/")[0]] for end in (edge.tail, edge.head))
    start, end = (last.x + last.width, last.y + last.height / 2), (first.x, first.y + first.height / 2)
    near, far = ceil(start[0] + APART / 2), floor(end[0] - HEAD - CORNER)
    free = [
        x
        for x in range(near, far)
        if not any(through(box, (x, start[1]), (x, end[1])) for box in layout.nodes.values())
    ]
    return [end, (free[len(free) // 2], end[1]), (free[len(free) // 2], start[1]), start] if free else None


def _swapped(
    diagram: Diagram, layout: Layout, laid: Mapping[int, list[Point]], pair: tuple[int, int], ways: Ways
) -> Mapping[int, list[Point]]:
    """Both arrows anew, so that they do not cross: one takes a way that is not its best, so that the other gets by.

    `ways` without either of them. They stay as they are where that would be worse: longer, or along a frame.
    """
    before = {at: laid[at] for at in pair}
    found = [(_cost_of_both(diagram, layout, before, ways), 0, before)]
    for one, other in (pair, pair[::-1]):
        for _, way in _cheapest(diagram, layout, one, ways):
            second = _way(diagram, layout, other, replace(ways, lines=[*ways.lines, *pairwise(way)]))
            if second is not None and not meet(way, second):
                both = {one: way, other: second}
                found.append((_cost_of_both(diagram, layout, both, ways), len(found), both))
                break
    return min(found, key=lambda each: each[:2])[2]


def _cost_of_both(diagram: Diagram, layout: Layout, both: Mapping[int, Sequence[Point]], ways: Ways) -> float:
    """What two arrows cost, the second laid after the first."""
    (one, way), (other, second) = both.items()
    costs = (
        ways.cost(way, one, _ends(diagram, layout, one)[:2], {}),
        replace(ways, lines=[*ways.lines, *pairwise(way)]).cost(second, other, _ends(diagram, layout, other)[:2], {}),
    )
    return sum(inf if cost is None else cost for cost in costs)


def _cheapest(diagram: Diagram, layout: Layout, at: int, ways: Ways) -> list[tuple[float, list[Point]]]:
    """Some ways of one arrow: the cheapest half above with each half below, and the other way round."""
    ends, *sides = _halves(diagram, layout, at)
    known: Known = {}
    costs = [
        sorted((cost, n, way) for n, way in enumerate(simple) if (cost := ways.cost(way, at, ends, known)) is not None)
        for simple, _ in sides
    ]
    if not all(costs):
        return []
    pairs = [(up, costs[1][0]) for up in costs[0]] + [(costs[0][0], down) for down in costs[1][1:]]
    pairs.sort(key=lambda pair: pair[0][0] + pair[1][0])
    return [(up[0] + down[0], joined([*reversed(up[2]), *down[2]])) for up, down in pairs[:_SWAPS]]


def _off_frames(diagram: Diagram, layout: Layout) -> Layout:
    """The same layout, but that a label whose arrow would run down along a frame's side is moved off it, to the right
    or to the left, where there is room for it and its arrow."""
    riding = riders(diagram)
    upright = [side for side in sides(layout) if side[0]]
    for at, curve in enumerate(layout.edges):
        if at in riding or curve.label is None or _flat(diagram, layout, at):
            continue
        upper, lower, _ = _ends(diagram, layout, at)
        x, label = _line_of(diagram, curve, at), curve.label
        top, bottom = layout.nodes[upper].y + layout.nodes[upper].height, layout.nodes[lower].y
        near = [
            side for _, side, start, end in upright
            if abs(x - side) < _NUDGES[-1] and min(bottom, end) - max(top, start) > ALONG
        ]  # fmt: skip
        moves = (side + way * off - x for way in (1, -1) for off in _NUDGES for side in near)
        moved = (replace(curve, label=replace(label, x=round(label.x + by, 1))) for by in moves)
        if (free := next((each for each in moved if _is_free(diagram, layout, at, each)), None)) is not None:
            layout = replace(layout, edges=(*layout.edges[:at], free, *layout.edges[at + 1 :]))
    return layout


def _is_free(diagram: Diagram, layout: Layout, at: int, curve: Curve) -> bool:
    """Whether that edge's label and the line beside it would have the curve's place for themselves."""

    def room(edge: int, its: Curve) -> Iterator[Rect]:
        if its.label is not None:
            left = _line_of(diagram, its, edge) - AROUND
            yield replace(its.label, x=left, width=its.label.x + its.label.width + AROUND - left)

    (mine,) = room(at, curve)
    others = [rect for n, each in enumerate(layout.edges) if n != at for rect in room(n, each)]
    cut = curve.label is not None and any(_cuts(curve.label, side) for side in sides(layout))
    return not cut and not any(mine.meets(rect) for rect in (*others, *layout.nodes.values()))


def _cuts(rect: Rect, side: Side) -> bool:
    """Whether a frame's line goes through the box."""
    upright, line, start, end = side
    low, far, first, last = (
        (rect.x, rect.x + rect.width, rect.y, rect.y + rect.height) if upright
        else (rect.y, rect.y + rect.height, rect.x, rect.x + rect.width)
    )  # fmt: skip
    return low < line < far and first < end and start < last


def _flat(diagram: Diagram, layout: Layout, at: int) -> bool:
    """Whether the edge's boxes stand side by side."""
    upper, lower, _ = _ends(diagram, layout, at)
    return layout.nodes[upper].y + layout.nodes[upper].height > layout.nodes[lower].y


def _ends(diagram: Diagram, layout: Layout, at: int) -> tuple[str, str, float]:
    """The upper box, the lower one, and how far the edge's label stands from being between them."""
    edge, curve = diagram.edges[at], layout.edges[at]
    keys = sorted((end.partition("/")[0] for end in (edge.tail, edge.head)), key=lambda key: layout.nodes[key].y)
    x = _line_of(diagram, curve, at)
    off = sum(abs(x - _clamped(x, layout.nodes[key])) for key in keys)
    return keys[0], keys[-1], off


def _line_of(diagram: Diagram, curve: Curve, at: int) -> float:
    """Where the edge passes its label: on its left."""
    if curve.label is None:
        return curve.points[len(curve.points) // 2][0]
    rides = any(lane == at for lane in riders(diagram).values())
    return curve.label.x - BESIDE - (2 * LANE if rides else 0.0)


def _clamped(x: float, rect: Rect) -> float:
    if rect.x + _LEAST <= x <= rect.x + rect.width - _LEAST:
        return x
    return min(max(x, rect.x + _INSET), rect.x + rect.width - _INSET)


def _way(diagram: Diagram, layout: Layout, at: int, ways: Ways) -> list[Point] | None:
    """From the upper box down to the lower one; each half, to the label and from it, is the best by itself."""
    ends, *sides = _halves(diagram, layout, at)
    best = [_better(simple, side.bent, at, ends, ways) for simple, side in sides]
    return None if best[0] is None or best[1] is None else joined([*reversed(best[0]), *best[1]])


def _better(
    simple: Iterable[list[Point]],
    bent: Callable[[], Iterable[list[Point]]],
    at: int,
    ends: tuple[str, str],
    ways: Ways,
) -> list[Point] | None:
    """The cheapest way; those with more bends are tried only where the others are bad."""
    found = _best(simple, at, ends, ways)
    if found is None or found[0] >= _BAD:
        found = min(filter(None, (found, _best(bent(), at, ends, ways))), key=lambda each: each[0], default=None)
    return None if found is None else found[1]


def _halves(
    diagram: Diagram, layout: Layout, at: int
) -> tuple[tuple[str, str], tuple[list[list[Point]], _Half], tuple[list[list[Point]], _Half]]:
    """An arrow's boxes, and what leads from its label to the upper one and to the lower one: ways with few bends."""
    above, below, _ = _ends(diagram, layout, at)
    curve, upper, lower = layout.edges[at], layout.nodes[above], layout.nodes[below]
    x = _line_of(diagram, curve, at)
    over = upper.y + upper.height
    middle = (over + lower.y) / 2 if curve.label is None else curve.label.y + curve.label.height / 2
    half = 4.0 if curve.label is None else curve.label.height / 2 + 4
    tips = (
        (curve.start_tip, curve.end_tip)
        if diagram.edges[at].tail.partition("/")[0] == above
        else (curve.end_tip, curve.start_tip)
    )
    gap = [7.0 + (HEAD if tip is not None else 0.0) for tip in tips]
    up = _Half((x, middle), upper, over, _lanes(over + gap[0], middle - half))
    down = _Half((x, middle), lower, lower.y, _lanes(lower.y - gap[1], middle + half))
    first = [*up.simple(), *(up.sideways() if diagram.edges[at].back else ())]
    return (above, below), (first, up), (list(down.simple()), down)


def _best(those: Iterable[list[Point]], at: int, ends: tuple[str, str], ways: Ways) -> tuple[float, list[Point]] | None:
    """The cheapest of the ways from the label to a box, with what it costs."""
    known: Known = {}
    found = [(cost, n, way) for n, way in enumerate(those) if (cost := ways.cost(way, at, ends, known)) is not None]
    cheapest = min(found, default=None)
    return None if cheapest is None else (cheapest[0], cheapest[2])


def _lanes(start: float, end: float) -> list[float]:
    """Heights of lanes between a box and the label: those next to the box, then those next to the label."""
    step = APART / 2 if end > start else -APART / 2
    count = int(abs(end - start) / abs(step)) + 1 if (end - start) * step >= 0 else 0
    near = [start + step * n for n in range(min(count, _NEAR))]
    left = count - len(near)
    between = [end - step * n for n in range(_NEAR, min(left, _NEAR + _BETWEEN))]
    return [*near, *between, *(end - step * n for n in range(min(left, _NEAR)))]


@dataclass(frozen=True, slots=True)
class _Half:
    """The ways from an arrow's label to one of its boxes."""

    place: Point
    box: Rect
    edge: float
    """The box's lower or upper edge."""
    lanes: Sequence[float]

    def ports(self) -> Iterator[float]:
        """Where an arrow may end at the edge, the straightest first."""
        near = _clamped(self.place[0], self.box)
        for shift in (0, 1, -1, 2, -2, 3, -3):
            port = near + APART * shift
            if port == _clamped(port, self.box):
                yield port

    def simple(self) -> Iterator[list[Point]]:
        """Straight on, or over in one lane."""
        x = self.place[0]
        for port in self.ports():
            if abs(port - x) < 1:
                yield [self.place, (x, self.edge)]
                continue
            for lane in self.lanes:
                yield [self.place, (x, lane), (port, lane), (port, self.edge)]

    def sideways(self) -> Iterator[list[Point]]:
        """Into the box's side."""
        x, box = self.place[0], self.box
        side = box.x + box.width if x > box.x + box.width + 10 else box.x if x < box.x - 10 else None
        for n in range(1, int((box.height - _INSET) / APART)):
            if side is not None:
                y = box.y + box.height - APART * n
                yield [self.place, (x, y), (side, y)]

    def bent(self) -> Iterator[list[Point]]:
        """Over in two lanes: beside the label's own line is a free one."""
        x, near, far = self.place[0], self.lanes[:4], self.lanes[-4:]
        for port in list(self.ports())[:3]:
            for beside in (x - APART, x + APART, x - 2 * APART, x + 2 * APART):
                for other in far:
                    for lane in near:
                        if lane != other:
                            yield [
                                self.place, (x, other), (beside, other), (beside, lane), (port, lane), (port, self.edge)
                            ]  # fmt: skip


# ---- the lines themselves ------------------------------------------------------------------------------------


def _curve(diagram: Diagram, at: int, way: Sequence[Point], layout: Layout) -> Curve:
    """From the edge's tail to its head, with room for arrowheads at the ends that have one."""
    edge, old = diagram.edges[at], layout.edges[at]
    _, below, _ = _ends(diagram, layout, at)
    points = list(way) if edge.head.partition("/")[0] == below else [*reversed(way)]
    start_tip = points[0] if old.start_tip is not None else None
    end_tip = points[-1] if old.end_tip is not None else None
    if start_tip is not None:
        points[0] = shortened(points[0], points[1])
    if end_tip is not None:
        points[-1] = shortened(points[-1], points[-2])
    return Curve(tuple(rounded(points)), start_tip, end_tip, old.label)


def _beside(way: Sequence[Point]) -> list[Point]:
    """The same way a little to the right of it, between it and its label."""
    found: list[Point] = []
    for at, (x, y) in enumerate(way):
        level = [other for other in way[max(0, at - 1) : at + 2] if other[0] != x and other[1] == y]
        left = any((other[0] < x) == (other in way[at:]) for other in level)
        found.append((x + LANE, y + (0 if not level else LANE if left else -LANE)))
    return found
