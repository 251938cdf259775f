"""Where everything stands in a sequence: lanes from left to right, lines from top to bottom, silences between."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from durascope.models.scenario import Scenario
from durascope.models.spans import Span
from durascope.render import measure
from durascope.render.conversation import Conversation, Item, Role
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
_OUT_OF_SIGHT: Final = 600.0
_OFF: Final = 10.0
"""Between a life line and a note at it."""
_NOTE_AIR: Final = 6.0
"""Between a note and the next life line."""
LINE: Final = 13.0
"""The height of another line of a note."""
AIR: Final = 2.0
"""What an arrow's words need more below a note or a band, so that they do not touch."""


@dataclass(frozen=True, slots=True)
class Line:
    """An item with its place: the line of its arrow or mark."""

    item: Item
    y: float
    silence: int
    """Microseconds of silence before it that are shown as a band; 0: none."""
    high: float = 0.0
    """How much height the item takes."""
    note: Note | None = None
    """note: where it stands."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where everything stands."""

    lanes: dict[str, float]
    heads: dict[str, tuple[str, ...]]
    """What each lane is called, in lines."""
    roles: dict[str, Role]
    lines: tuple[Line, ...]
    positions: tuple[int, ...]
    """The numbers of the lines' events."""
    top: float
    bottom: float
    width: float

    @property
    def head(self) -> float:
        """The height of the heads, with the space below them."""
        return _head_height(self.heads.values())

    @property
    def foot(self) -> float:
        """Where the heads end that stand there again, if those at the top are out of sight."""
        return self.bottom + (self.head - 9 if self.long else 0.0)

    @property
    def long(self) -> bool:
        """Whether the heads are out of sight at its end: they stand there again."""
        return self.bottom - self.top > _OUT_OF_SIGHT

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


def sheet_of(
    talk: Conversation, items: Sequence[Item], quiet: int, scenario: Scenario, top: float, width: float
) -> Sheet:
    """`width`: of the picture; 0: as wide as the words need. `quiet`: how long a silence that is shown lasts."""
    spoken_of = {name for item in items for name in (item.lane, item.to) if item.sort != "fold"}
    names = [name for name, _ in talk.lanes if name in spoken_of]
    titles = [talk.title_of(name, scenario) for name in names]
    needs = _Needs(_spoken(names, items), _noted(names, items))
    heads = [(title,) for title in titles]
    if width and _crowded(heads, needs, _room(heads, names, items, width)):
        heads = [_in_lines(title.split(), " ", 2) for title in titles]
    gaps = _gaps(names, heads, items)
    gaps = _fitted(gaps, heads, needs, _room(heads, names, items, width)) if width else _wide(gaps, heads, needs)
    lanes: dict[str, float] = {}
    x = _first(heads)
    for name, gap in zip(names, [*gaps, 0.0], strict=False):
        lanes[name] = x
        x += gap
    if not width:
        right = max((_right_end(item, lanes) for item in items), default=0.0)
        width = max(right, max(lanes.values(), default=400.0) + _last(heads, names, items), 620.0) + MARGIN
    lines: list[Line] = []
    top += _head_height(heads) + 12
    y = top
    before: Item | None = None
    for item, silence in silences(items, quiet):
        note = note_place(item, lanes, width) if item.sort == "note" else None
        high = HEIGHTS[item.sort] + (LINE * (len(note.lines) - 1) if note is not None else 0.0)
        boxed = before is not None and (silence or before.sort in ("note", "fold"))
        y += (SILENCE if silence else 0.0) + high + (AIR if boxed and item.to else 0.0)
        lines.append(Line(item, y - 7, silence, high, note))
        before = item
    positions = tuple(item.position for item in items)
    called = dict(zip(names, heads, strict=True))
    return Sheet(lanes, called, dict(talk.lanes), tuple(lines), positions, top, y + 14, width)


Heads = Sequence[tuple[str, ...]]


def _head_height(heads: Iterable[Sequence[str]]) -> float:
    return HEAD_HEIGHT + LINE * (max((len(lines) for lines in heads), default=1) - 1)


def _first(heads: Heads) -> float:
    """Where the first life line stands."""
    return MARGIN + TIME + (head_width(heads[0]) / 2 + 6 if heads else 0)


def _last(heads: Heads, names: Sequence[str], items: Sequence[Item]) -> float:
    """The room on the right of the last life line."""
    return max(head_width(heads[-1]) / 2 + 6, _marked(names[-1], items)) if heads else 0


def _room(heads: Heads, names: Sequence[str], items: Sequence[Item], width: float) -> float:
    """Between the first life line and the last."""
    return width - MARGIN - _last(heads, names, items) - _first(heads)


def _crowded(heads: Heads, needs: _Needs, room: float) -> bool:
    """Whether there is no room for every note in a line."""
    least = [max(each) for each in zip(_least(heads), needs.words, strict=True)]
    return sum(_beside(least, needs.notes[0])) > room


def silences(items: Sequence[Item], quiet: int) -> Iterator[tuple[Item, int]]:
    """Each item with the silence before it that is shown as a band, in microseconds; 0: none."""
    before = None
    for item in items:
        silence = item.at - before if before is not None else 0
        yield item, silence if silence >= quiet else 0
        before = max(item.at, item.ends, before or 0)


def head_width(lines: Iterable[str]) -> float:
    """Of a head, with its frame."""
    return measure.widest(lines, BODY, bold=True) + 20


def _least(heads: Heads) -> list[float]:
    """Neighbouring heads just do not touch."""
    return [(one + other) / 2 + 8 for one, other in pairwise(map(head_width, heads))]


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


def _noted(names: Sequence[str], items: Sequence[Item]) -> list[list[float]]:
    """For each way of writing notes, the one that takes least room last: what those at each life line need."""
    widest: list[list[float]] = [[0.0] * len(names) for _ in WAYS]
    places = {name: at for at, name in enumerate(names)}
    for item in items:
        if item.sort == "note" and item.lane in places:
            at, least = places[item.lane], float("inf")
            for way, lines in enumerate(written(item.text, item.shorter)):
                least = min([least, *map(_note_room, lines)])
                widest[way][at] = max(widest[way][at], least)
    return widest


def _marked(last: str, items: Iterable[Item]) -> float:
    """The room on the right of the last life line for the words of its crash."""
    marks = (item for item in items if item.lane == last and item.sort in ("crash", "restart"))
    return max((_OFF + 6 + measure.width(item.text, SMALL, bold=True) for item in marks), default=0.0)


@dataclass(frozen=True, slots=True)
class _Needs:
    """The distances of neighbouring lanes for their words, and for each way of writing notes what those need beside
    each lane."""

    words: Sequence[float]
    notes: Sequence[Sequence[float]]


def _beside(gaps: Sequence[float], notes: Sequence[float]) -> list[float]:
    """The gaps, made wide enough for the notes of each lane: on its right or on its left, where less is missing."""
    wider = list(gaps)
    for lane, need in enumerate(notes):
        sides = [at for at in (lane, lane - 1) if 0 <= at < len(wider)]
        if sides and need:
            widest = max(sides, key=lambda at: wider[at])
            wider[widest] = max(wider[widest], need)
    return wider


def _wide(gaps: Sequence[float], heads: Heads, needs: _Needs) -> list[float]:
    """Without a limit of the width: notes of two lines have room."""
    least = [max(each) for each in zip(gaps, _least(heads), needs.words, strict=True)]
    return _beside(least, needs.notes[1])


def _fitted(gaps: Sequence[float], heads: Heads, needs: _Needs, room: float) -> list[float]:
    """The gaps made wider or narrower so that they fill the room; none becomes narrower than its heads need, none
    narrower than its words need unless there is no room for them all. Notes are written in the way that takes most room
    of those for which there is enough; after that, each lane whose notes can have more gets it."""
    least = [max(low, words) for low, words in zip(_least(heads), needs.words, strict=True)]
    if sum(least) <= room:
        lasting = [0.0] * (len(gaps) + 1)
        for way in reversed(needs.notes):
            for lane in sorted(range(len(way)), key=lambda lane: way[lane]):
                tried = [*lasting[:lane], way[lane], *lasting[lane + 1 :]]
                wider = _beside(least, tried)
                if sum(wider) <= room:
                    least, lasting = wider, tried
    else:
        gaps, least = least, _least(heads)
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


def _gaps(names: Sequence[str], heads: Heads, items: Sequence[Item]) -> list[float]:
    """The distances of neighbouring lanes: enough for their names, for what they tell each other, and for notes."""
    places = {name: at for at, name in enumerate(names)}
    gaps = [max(NARROWEST, (one + other) / 2 + 14) for one, other in pairwise(map(head_width, heads))]
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


# ---- notes ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Note:
    """A note's lines of words, and its left edge."""

    lines: tuple[str, ...]
    left: float

    @property
    def width(self) -> float:
        return measure.widest(self.lines, SMALL) + 10


WAYS: Final = ("in a line", "in two", "with fewer words", "broken within names")
_LINES: Final = 3
"""At most so many lines of a note that is broken within names."""
_PARTS: Final = re.compile(r"[^-_./ ]*[-_./ ]?")
"""A name may be broken behind these signs."""


@lru_cache(maxsize=4096)
def written(text: str, shorter: tuple[str, ...] = ()) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """How a note may be written, in each of the `WAYS`: `shorter` is what it says in fewer words."""
    return (
        ((text,),),
        (_in_lines(text.split(), " ", 2),),
        tuple(lines for each in shorter for lines in ((each,), _in_lines(each.split(), " ", 2))),
        tuple(_in_lines(_PARTS.findall(each), "", _LINES) for each in (text, *shorter[-1:])),
    )


def _in_lines(parts: Sequence[str], between: str, most: int) -> tuple[str, ...]:
    """At most so many lines, as narrow as they can be."""
    whole = between.join(parts).strip()
    best = (whole,)
    for at in range(1, len(parts)) if most > 1 else ():
        first = between.join(parts[:at]).strip()
        rest = _in_lines(parts[at:], between, most - 1)
        if first and measure.widest((first, *rest), SMALL) < measure.widest(best, SMALL):
            best = (first, *rest)
    return best


def _note_room(lines: Iterable[str]) -> float:
    """What a note takes between two life lines, with some air."""
    return measure.widest(lines, SMALL) + 10 + _OFF + _NOTE_AIR


def note_place(item: Item, lanes: Mapping[str, float], width: float) -> Note:
    """A note beside its life line, on the right or on the left, in the first of the ways in which it covers no other
    one; where there is none, in a line where it has room, and cut only if it has room on neither side."""
    x = lanes.get(item.lane, MARGIN + TIME)
    right, left = width - MARGIN / 2 - (x + 20), x - 20 - (MARGIN + TIME - 16)
    after = min((lane - _NOTE_AIR for lane in lanes.values() if lane > x), default=width - MARGIN / 2)
    before = max((lane + _NOTE_AIR for lane in lanes.values() if lane < x), default=MARGIN + TIME - 16)
    for lines in (each for way in written(item.text, item.shorter) for each in way):
        wide = measure.widest(lines, SMALL) + 10
        if x + _OFF + wide <= after:
            return Note(lines, x + _OFF)
        if x - _OFF - wide >= before:
            return Note(lines, x - _OFF - wide)
    wide = measure.width(item.text, SMALL)
    told = measure.shorten(item.text, max(left, right), SMALL)
    return Note((told,), x + _OFF if wide <= right or right >= left else x - 20 - measure.width(told, SMALL))
