"""Where everything stands in a sequence: lanes from left to right, lines from top to bottom, silences between."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from durascope.models.scenario import Scenario
from durascope.models.spans import Span
from durascope.render import measure
from durascope.render.conversation import Conversation, Item, Role
from durascope.render.folding import FoldedConversation
from durascope.render.sheet import HEADING, MARGIN
from durascope.render.theme import BODY, SMALL

TIME: Final = 74.0
HEAD_HEIGHT: Final = 40.0
NARROWEST: Final = 104.0
WIDEST: Final = 216.0
HEIGHTS: Final = {
    "message": 28.0, "call": 28.0, "return": 28.0, "note": 23.0, "crash": 26.0, "restart": 24.0, "fold": 40.0,
}  # fmt: skip
SILENCE: Final = 34.0


@dataclass(frozen=True, slots=True)
class Line:
    """An item with its place: the line of its arrow or mark."""

    item: Item
    y: float
    silence: int
    """Microseconds of silence before it that are shown as a band; 0: none."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where everything stands."""

    lanes: dict[str, float]
    roles: dict[str, Role]
    lines: tuple[Line, ...]
    positions: tuple[int, ...]
    """The numbers of the lines' events."""
    top: float
    bottom: float
    width: float

    def row_of(self, event: int, *, after: bool) -> int:
        """The line of the last item up to that event, or (`after`) of the first from it on."""
        at = bisect_right(self.positions, event) - 1
        if at >= 0 and event <= self.lines[at].item.until:
            return at
        return bisect_left(self.positions, event) if after else at

    def folded(self, span: Span) -> bool:
        """Whether the span lies wholly in what one fold stands for."""
        at = bisect_right(self.positions, span.events[0]) - 1
        return at >= 0 and self.lines[at].item.sort == "fold" and span.events[-1] <= self.lines[at].item.until


def sheet_of(talk: Conversation, folded: FoldedConversation, scenario: Scenario) -> Sheet:
    spoken_of = {name for item in folded.items for name in (item.lane, item.to) if item.sort != "fold"}
    names = [name for name, _ in talk.lanes if name in spoken_of]
    titles = [lane_title(name, scenario) for name in names]
    gaps = _gaps(names, titles, folded.items)
    x = MARGIN + TIME + (measure.width(titles[0], BODY, bold=True) / 2 + 16 if titles else 0)
    lanes: dict[str, float] = {}
    for name, gap in zip(names, [*gaps, 0.0], strict=False):
        lanes[name] = x
        x += gap
    right = max((_right_end(item, lanes) for item in folded.items), default=0.0)
    last = max(lanes.values(), default=400.0)
    width = max(right, last + (measure.width(titles[-1], BODY, bold=True) / 2 + 16 if titles else 0), 620.0) + MARGIN
    top = HEADING + HEAD_HEIGHT + 12
    lines: list[Line] = []
    y, before = top, None
    quiet = _quiet(folded.items)
    for item in folded.items:
        silence = item.at - before if before is not None and item.sort != "fold" and item.at - before >= quiet else 0
        y += (SILENCE if silence else 0.0) + HEIGHTS[item.sort]
        lines.append(Line(item, y - 7, silence))
        before = item.at
    return Sheet(
        lanes, dict(talk.lanes), tuple(lines), tuple(item.position for item in folded.items), top, y + 14, width
    )


def lane_title(name: str, scenario: Scenario) -> str:
    service = scenario.services.get(name)
    return name if service is None or service.title is None else service.title


def _gaps(names: Sequence[str], titles: Sequence[str], items: Sequence[Item]) -> list[float]:
    """The distances of neighbouring lanes: enough for their names, for what they tell each other, and for notes."""
    places = {name: at for at, name in enumerate(names)}
    gaps = [
        max(NARROWEST, (measure.width(one, BODY, bold=True) + measure.width(other, BODY, bold=True)) / 2 + 34)
        for one, other in pairwise(titles)
    ]
    for item in items:
        if item.lane not in places or item.sort == "fold":
            continue
        at = places[item.lane]
        if item.to is None:
            need, first, last = measure.width(item.text, SMALL) + 30, at, at
        elif item.to in places:
            ends = sorted((at, places[item.to]))
            need, first, last = measure.width(item.text, SMALL) + 30, ends[0], ends[1] - 1
        else:
            continue
        if first == last < len(gaps):
            gaps[first] = min(WIDEST, max(gaps[first], need))
    return gaps


def _right_end(item: Item, lanes: dict[str, float]) -> float:
    if item.to is None and item.lane in lanes and item.sort != "fold":
        return lanes[item.lane] + 22 + min(measure.width(item.text, SMALL), 1.5 * WIDEST)
    return 0.0


def _quiet(items: Sequence[Item]) -> int:
    """From how long on a silence is shown as a band: a second, and much longer than most."""
    gaps = sorted(later.at - earlier.at for earlier, later in pairwise(items) if later.at > earlier.at)
    usual = gaps[len(gaps) * 3 // 4] if gaps else 0
    return max(1_000_000, 3 * usual)
