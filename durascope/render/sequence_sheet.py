"""Where everything stands in a sequence: lanes from left to right, lines from top to bottom, silences between."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from durascope.models.scenario import Scenario
from durascope.models.spans import Span
from durascope.render import measure
from durascope.render.conversation import Conversation, Item, Role
from durascope.render.folding import FoldedConversation
from durascope.render.sheet import MARGIN
from durascope.render.theme import BODY, SMALL

TIME: Final = 80.0
HEAD_HEIGHT: Final = 40.0
NARROWEST: Final = 104.0
WIDEST: Final = 216.0
HEIGHTS: Final = {
    "message": 21.5, "call": 21.5, "return": 21.0, "note": 20.5, "crash": 21.5, "restart": 20.5, "fold": 26.5,
}  # fmt: skip
SILENCE: Final = 27.0
_OFF: Final = 10.0
"""Between a life line and a note at it."""
_NOTE_AIR: Final = 6.0
"""Between a note and the next life line."""
AIR: Final = 2.0
"""What an arrow's words need more below a note or a band, so that they do not touch."""


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
        """Whether the span lies wholly in what one fold stands for, and no line tells of it."""
        first, last = span.events[0], span.events[-1]
        folds = (line.item for line in self.lines if line.item.sort == "fold")
        return any(item.position <= first and last <= item.until for item in folds) and not any(
            self.positions[at] == number and self.lines[at].item.sort != "fold"
            for number in span.events
            if (at := bisect_right(self.positions, number) - 1) >= 0
        )


def sheet_of(talk: Conversation, folded: FoldedConversation, scenario: Scenario, top: float, width: float) -> Sheet:
    """`width`: of the picture; 0: as wide as the words need."""
    spoken_of = {name for item in folded.items for name in (item.lane, item.to) if item.sort != "fold"}
    names = [name for name, _ in talk.lanes if name in spoken_of]
    titles = [talk.title_of(name, scenario) for name in names]
    gaps = _gaps(names, titles, folded.items)
    left = MARGIN + TIME + (measure.width(titles[0], BODY, bold=True) / 2 + 16 if titles else 0)
    end = measure.width(titles[-1], BODY, bold=True) / 2 + 16 if titles else 0
    if width:
        needs = _Needs(_least(titles), _spoken(names, folded.items), _noted(names, folded.items))
        gaps = _fitted(gaps, needs, width - MARGIN - end - left)
    lanes: dict[str, float] = {}
    x = left
    for name, gap in zip(names, [*gaps, 0.0], strict=False):
        lanes[name] = x
        x += gap
    if not width:
        right = max((_right_end(item, lanes) for item in folded.items), default=0.0)
        width = max(right, max(lanes.values(), default=400.0) + end, 620.0) + MARGIN
    lines: list[Line] = []
    y = top + HEAD_HEIGHT + 12
    for item, silence, high in _heights(folded.items, folded.quiet):
        y += high
        lines.append(Line(item, y - 7, silence))
    positions = tuple(item.position for item in folded.items)
    return Sheet(lanes, dict(talk.lanes), tuple(lines), positions, top + HEAD_HEIGHT + 12, y + 14, width)


def silences(items: Sequence[Item], quiet: int) -> Iterator[tuple[Item, int]]:
    """Each item with the silence before it that is shown as a band, in microseconds; 0: none."""
    before = None
    for item in items:
        silence = item.at - before if before is not None else 0
        yield item, silence if silence >= quiet else 0
        before = max(item.at, item.ends, before or 0)


def tall(items: Sequence[Item], quiet: int) -> float:
    """The height that all lines take."""
    return sum(high for _, _, high in _heights(items, quiet))


def _heights(items: Sequence[Item], quiet: int) -> Iterator[tuple[Item, int, float]]:
    """Each item with the silence before it, and how much height both take."""
    before: Item | None = None
    for item, silence in silences(items, quiet):
        boxed = before is not None and (silence or before.sort in ("note", "fold"))
        yield item, silence, (SILENCE if silence else 0.0) + HEIGHTS[item.sort] + (AIR if boxed and item.to else 0.0)
        before = item


def _least(titles: Sequence[str]) -> list[float]:
    """Neighbouring heads just do not touch."""
    wide = [measure.width(title, BODY, bold=True) + 20 for title in titles]
    return [(one + other) / 2 + 8 for one, other in pairwise(wide)]


def _spoken(names: Sequence[str], items: Sequence[Item]) -> list[float]:
    """What neighbours tell each other has room between them: in its shortest words, but in full what gets lost."""
    places = {name: at for at, name in enumerate(names)}
    needs = [0.0] * (len(names) - 1)
    for item in (each for each in items if each.sort != "fold"):
        if item.lane in places and item.to in places and abs(places[item.lane] - places[item.to]) == 1:
            at = min(places[item.lane], places[item.to])
            told = [next(labels(item))] if item.fate else labels(item)
            least = min(measure.width(text, SMALL) for text in told)
            needs[at] = max(needs[at], min(least + _BESIDE + 1, WIDEST))
    return needs


def _noted(names: Sequence[str], items: Sequence[Item]) -> list[float]:
    """What is noted at a life line has room before the next one; at the last, after the one before."""
    places = {name: at for at, name in enumerate(names)}
    needs = [0.0] * (len(names) - 1)
    for item in items:
        if item.sort == "note" and item.lane in places and needs:
            at = min(places[item.lane], len(needs) - 1)
            needs[at] = max(needs[at], _note_room(item.text))
    return needs


@dataclass(frozen=True, slots=True)
class _Needs:
    """The least distances of neighbouring lanes."""

    heads: Sequence[float]
    words: Sequence[float]
    notes: Sequence[float]


def _fitted(gaps: Sequence[float], needs: _Needs, room: float) -> list[float]:
    """The gaps made wider or narrower so that they fill the room; none becomes narrower than its heads need, none
    narrower than its words need unless there is no room for them all, and as few as can be narrower than a note."""
    least = [max(low, words) for low, words in zip(needs.heads, needs.words, strict=True)]
    if sum(least) <= room:
        for at in sorted(range(len(least)), key=lambda at: needs.notes[at] - least[at]):
            wider = max(least[at], needs.notes[at])
            if sum(least) - least[at] + wider <= room:
                least[at] = wider
    else:
        gaps, least = least, list(needs.heads)
    spare = room - sum(least)
    wish = [max(0.0, gap - low) for gap, low in zip(gaps, least, strict=True)]
    if spare <= 0 or not gaps:
        return list(least)
    total = sum(wish)
    if total == 0:
        return [low + spare / len(least) for low in least]
    if total <= spare:
        more = (spare - total) / len(gaps)
        return [low + each + more for low, each in zip(least, wish, strict=True)]
    return [low + each * spare / total for low, each in zip(least, wish, strict=True)]


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
            told = f"{item.text} ({item.fate})" if item.fate else item.text
            need, first, last = measure.width(told, SMALL) + 30, ends[0], ends[1] - 1
        else:
            continue
        if first == last < len(gaps):
            gaps[first] = min(WIDEST, max(gaps[first], need))
    return gaps


_SHORTER: Final = {
    "task from its sticky queue": "sticky task",
    "complete workflow task": "task completed",
    "complete activity": "completed",
    "start workflow": "start",
    "inngest/function.finished": "finished",
}
_VIA: Final = re.compile(r"[A-Z]\w*\.(\w+(?: #\d+)?)")
_COMMAND: Final = re.compile(r"([A-Z]\w+) (\S+) (#\d+)")
"""A command of a journal: its kind, its name, its number."""
_BESIDE: Final = 16.0
"""The room beside a label, so that it stands clear of both life lines."""


def spoken(text: str) -> Iterator[str]:
    """What a message says, and what it says where there is less and less room."""
    yield text
    parts = text.split(", ")
    if parts[1:] and all(part[:1].isupper() for part in parts):
        kinds = list(dict.fromkeys(part.partition(" ")[0] for part in parts))
        text = text.removesuffix(", End")
        yield text if parts[-1] == "End" else ", ".join(kinds) if kinds[1:] else f"{len(parts)} × {kinds[0]}"
    elif parts[1:]:
        yield parts[0]
    if text in _SHORTER:
        yield _SHORTER[text]
    elif text.startswith(("POST ", "task from ")):
        yield text.removeprefix("POST ") if text.startswith("POST ") else "task"
    elif (method := _VIA.fullmatch(text)) is not None:
        yield method[1]
    elif (command := _COMMAND.fullmatch(text)) is not None:
        yield f"{command[1]} {command[2]}"
        yield command[2]


def labels(item: Item) -> Iterator[str]:
    """What an arrow says, the longest first."""
    for text in spoken(item.text):
        yield f"{text} ({item.fate})" if item.fate else text
    if item.fate:
        if (step := f"{item.step}: ") and item.text.startswith(step):
            yield f"{item.text.removeprefix(step)} ({item.fate})"
        yield item.fate


def label_place(texts: Sequence[str], start: float, end: float, lanes: Iterable[float]) -> tuple[str, float]:
    """Which of the labels an arrow gets, and its middle: between two life lines, near the one that speaks; where none
    has room there, over the arrow's own length."""
    low, high = sorted((start, end))
    cuts = [low, *sorted(x for x in lanes if low < x < high), high]
    gaps = list(pairwise(cuts)) if end > start else list(pairwise(cuts))[::-1]
    for text in texts:
        for left, right in gaps:
            if measure.width(text, SMALL) + _BESIDE <= right - left:
                return text, (left + right) / 2
    room = high - low - _BESIDE
    fitting = (text for text in texts if measure.width(text, SMALL) <= room)
    return next(fitting, measure.shorten(texts[-1], room, SMALL)), (low + high) / 2


def _right_end(item: Item, lanes: dict[str, float]) -> float:
    if item.to is None and item.lane in lanes and item.sort != "fold":
        return lanes[item.lane] + 22 + min(measure.width(item.text, SMALL), 3 * WIDEST)
    return 0.0


def _note_room(text: str) -> float:
    """What a note takes between two life lines, with some air."""
    return measure.width(text, SMALL) + 10 + _OFF + _NOTE_AIR


def note_place(text: str, x: float, width: float, lanes: Iterable[float] = ()) -> tuple[str, float]:
    """A note's words and its left edge beside the life line at `x`: on the right, or on the left, where it covers no
    other life line; else where it has room; cut only if it has room on neither side."""
    right, left = width - MARGIN / 2 - (x + 20), x - 20 - (MARGIN + TIME - 16)
    wide = measure.width(text, SMALL)
    after = min((lane for lane in lanes if lane > x), default=width)
    before = max((lane for lane in lanes if lane < x), default=0.0)
    if wide <= right and (x + _note_room(text) <= after or x - _note_room(text) < before or wide > left):
        return text, x + _OFF
    told = measure.shorten(text, max(left, right), SMALL)
    return told, x + _OFF if right >= left and wide > left else x - 20 - measure.width(told, SMALL)
