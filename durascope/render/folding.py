"""Makes a long conversation short enough to be read, and says what it left out.

Five things are done, in this order, each only as far as needed: of several runs the one with most to tell is kept; of
many steps side by side the one that something happened to is, and what the others do meanwhile is a band; steps to
which nothing happened are a band, and so are attempts between the first and the last; what repeats itself is shown the
first time and the last; and of what is still too long the beginning, the end, and the neighbourhood of each fault are
kept. The calls of a step that happens twice are always drawn: they are what the picture's title is about.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from durascope.models.trace import Kind
from durascope.render.bands import band, listed, unnumbered
from durascope.render.branches import side_by_side
from durascope.render.conversation import Conversation, Item

MAX_ITEMS: Final = 120
LONGEST_MOTIF: Final = 60
_LADDER: Final = (
    (5, 48, 30), (12, 10, 8), (9, 10, 8), (7, 10, 8), (6, 8, 6), (5, 8, 6), (4, 8, 6), (3, 6, 5), (2, 4, 4), (1, 3, 3)
)  # fmt: skip
"""How many items around a fault, at the beginning and at the end are kept, less and less."""
_OF_ONE: Final = 2
"""At most this many runs that a run has started are drawn with it."""
_BANDS: Final = 2
"""At most this many bands are named by another one that takes them in."""
_WORTH_A_BAND: Final = 3
"""Fewer lines than this take less room than the band that would stand for them."""


@dataclass(frozen=True, slots=True)
class FoldedConversation:
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    run: str | None = None
    """The only run that is drawn; None: all are."""
    quiet: int = 1_000_000
    """From how long on a silence is shown as one, in microseconds."""
    banded: frozenset[tuple[str | None, str | None]] = frozenset()
    """Run and step of what is only in bands, beside others."""


def fold(
    conversation: Conversation,
    runs: Sequence[str],
    *,
    worst: str | None = None,
    fits: Callable[[Sequence[Item], int], bool] = lambda _items, _quiet: True,
) -> FoldedConversation:
    """As few lines as `fits` asks for, at most about 120; `fold` items where something is left out, notes say what.

    `worst`: the run that is drawn if only one can be; None: the first that something happened to. `fits` is handed the
    lines, and from how long on a silence is one.
    """
    items, notes, chosen = list(conversation.items), list[str](), None
    quiet = quiet_from(items)
    shown = told_calls(items)

    def short(asked: Sequence[Item]) -> bool:
        return len(asked) <= MAX_ITEMS and fits(asked, quiet)

    def too_long() -> bool:
        return not short(items)

    if too_long() and _strangers(runs):
        items, note, chosen = _one_run(items, runs, worst)
        quiet = quiet_from(items)
        notes.append(note)
    banded: frozenset[tuple[str | None, str | None]] = frozenset()
    if too_long():
        items, told, banded = side_by_side(items, shown)
        notes += told
    alike, place = list[str](), len(notes)
    if too_long():
        items, alike, told = _unimportant(items, short, quiet, shown)
        notes += told
    if too_long():
        items, count = _repetitions(items, shown)
        if count:
            notes.append(f"{count} messages and steps that repeat earlier ones are not drawn one by one.")
    left = 0
    for around, *ends in _LADDER:
        if too_long():
            before = _drawn(items)
            items = _excerpt(items, quiet, shown, around, *ends)
            left += before - _drawn(items)
    if alike:
        drawn = any(item.sort == "call" for item in items)
        notes.insert(place, f"{listed(alike)} went {'like the steps that are drawn' if drawn else 'without a fault'}.")
    if left:
        notes.append(f"{left} messages far from any fault are left out.")
    if conversation.left_out:
        notes.append(f"{conversation.left_out} polls and acknowledgements that carry nothing are not drawn.")
    return FoldedConversation(tuple(items), tuple(notes), chosen, quiet, banded)


def repeated_steps(items: Iterable[Item]) -> frozenset[tuple[str | None, str | None]]:
    """Run and step of what is asked of a service again though it had been done."""
    return frozenset((item.run, item.step) for item in items if item.effect in ("again", "known"))


def told_calls(items: Sequence[Item]) -> frozenset[int]:
    """The numbers of the events at which those steps call, the first time too."""
    steps = repeated_steps(items)
    return frozenset(item.position for item in items if item.sort == "call" and (item.run, item.step) in steps)


def _strangers(runs: Sequence[str]) -> bool:
    """Whether there are runs that have nothing to do with each other; what a run has started belongs to it."""
    begun = [run for run in runs if run.startswith("run ") and "." not in run]
    return len(begun) > 1 or len(runs) - len(begun) > _OF_ONE


# ---- whole steps and attempts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What is said until a result is recorded, or until an attempt is to be made again."""

    items: tuple[Item, ...]

    @property
    def recorded(self) -> bool:
        return self.items[-1].kind is Kind.STEP_RECORDED

    @property
    def retried(self) -> bool:
        return self.items[-1].kind is Kind.STEP_RETRIED

    @property
    def step(self) -> str | None:
        return self.items[-1].step

    @property
    def eventful(self) -> bool:
        return any(item.eventful for item in self.items)

    @property
    def told(self) -> bool:
        """What the picture is drawn for: a crash, something lost, done again or undone."""
        return any(
            item.sort == "crash" or item.fate or item.effect in ("again", "known") or item.undoes for item in self.items
        )


def _unimportant(
    items: Sequence[Item], short: Callable[[Sequence[Item]], bool], quiet: int, shown: Container[int]
) -> tuple[list[Item], list[str], list[str]]:
    """Whole steps and attempts as bands, the least important first and no more than needed: quiet steps far from what
    happened, attempts between the first and the last, quiet steps beside it, steps that were only replayed around."""
    stretches = _stretches(items)
    levels = _levels(stretches)
    wanted = sorted({level for level in levels if level is not None})
    if any(level == _BETWEEN for level in levels):
        wanted = sorted([*wanted, _JOINED])

    places = list(zip(levels, stretches, strict=True))

    def stays(item: Item) -> bool:
        return _always(item) or item.position in shown

    def folded(upto: int) -> list[Item]:
        least = frozenset(wanted[:upto])
        joined = {each for each in least if each != _BETWEEN or _JOINED in least}
        whole = frozenset(i.position for level, each in places if level in joined for i in each.items)
        return _banded(
            ((i, level not in least or stays(i)) for level, each in places for i in each.items), quiet, whole
        )

    low, high = 0, len(wanted)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if short(folded(middle)) else (middle + 1, high)
    left_out = frozenset(wanted[:low])
    gone = [each for level, each in places if level in left_out]
    names = [str(each.step) for each in gone if each.recorded]
    attempts = sum(each.retried for each in gone)
    notes = [f"{attempts} attempts went like the ones before and after them."] if attempts else []
    return folded(low), names, notes


_BETWEEN: Final = (1, 0)
_JOINED: Final = (1, 1)


def _levels(stretches: Sequence[_Stretch]) -> list[tuple[int, int] | None]:
    """How soon each may be a band: the lowest first; None: never."""
    happened = _distances([each.eventful for each in stretches])
    told = _distances([each.told for each in stretches])
    levels: list[tuple[int, int] | None] = []
    for at, each in enumerate(stretches):
        before, after = (stretches[n] if 0 <= n < len(stretches) else None for n in (at - 1, at + 1))
        between = before is not None and before.retried and before.step == each.step and after is not None
        if each.told or not (each.recorded or each.retried):
            levels.append(None)
        elif each.retried:
            levels.append(_BETWEEN if between and after is not None and after.retried else None)
        elif not each.eventful:
            levels.append((0, -happened[at]) if happened[at] > 1 else (2, 0))
        else:
            levels.append((3, -told[at]) if any(stretch.told for stretch in stretches) else None)
    return levels


def _distances(marked: Sequence[bool]) -> list[int]:
    """How far each place is from the nearest marked one; from the first place where none is."""
    far = [0 if mark else len(marked) for mark in (marked if any(marked) else [True, *marked[1:]])]
    for at in range(1, len(far)):
        far[at] = min(far[at], far[at - 1] + 1)
    for at in range(len(far) - 2, -1, -1):
        far[at] = min(far[at], far[at + 1] + 1)
    return far


def _always(item: Item) -> bool:
    """What tells a run's beginning and end."""
    return item.sort == "fold" or item.kind in (Kind.RUN_STARTED, Kind.RUN_ENDED) or "client" in (item.lane, item.to)


def _banded(items: Iterable[tuple[Item, bool]], quiet: int, whole: Container[int] = ()) -> list[Item]:
    """What is to be kept, and bands for the rows of what is not; a row too short for a band is kept.

    What is waited for stands between two bands, but for what is `whole` (the numbers of its events): steps that only
    run for long, and attempts that are too many.
    """
    kept: list[Item] = []
    left: list[Item] = []

    def close() -> None:
        kept.extend([band(left, _what(left))] if len(left) >= _WORTH_A_BAND else left)
        left.clear()

    for item, keep in items:
        if keep:
            close()
            kept.append(item)
        else:
            if left and item.position not in whole and item.at - max(left[-1].at, left[-1].ends) >= quiet:
                close()
            left.append(item)
    close()
    return kept


def _what(left: Sequence[Item]) -> str:
    """Whole steps by their names, attempts by their number, else messages by the steps that they are about."""
    ends = [item for item in left if item.kind in (Kind.STEP_RECORDED, Kind.STEP_RETRIED)]
    if ends and left[-1] is ends[-1] and not any(item.sort == "fold" for item in left):
        if all(item.kind is Kind.STEP_RETRIED for item in ends):
            attempts = f"{len(ends)} more attempts" if len(ends) > 1 else "1 more attempt"
            return f"{attempts} of {listed(list(dict.fromkeys(str(item.step) for item in ends)))}"
        return listed(list(dict.fromkeys(str(item.step) for item in ends)))
    bands = list(dict.fromkeys(item.words for item in left if item.sort == "fold"))
    named = bands if len(bands) <= _BANDS else [bands[0], "…", bands[-1]]
    return "; ".join([*named, *_messages([item for item in left if item.sort != "fold"], bands)])


def _messages(left: Sequence[Item], bands: Sequence[str]) -> Iterator[str]:
    """How many messages, and what of: the steps that they are about, else what they say; none if a band beside them
    names those steps."""
    steps = list(dict.fromkeys(item.about for item in left if item.about is not None))
    told = " ".join(bands).replace(",", "").replace(":", "").split()
    if left and not (bands and steps and set(steps) <= set(told)):
        what = listed(steps or list(dict.fromkeys(item.text for item in left)))
        yield f"{len(left)} message{'s' * (len(left) != 1)} {'of' if steps else 'like'} {what}"


def _drawn(items: Sequence[Item]) -> int:
    return sum(item.sort != "fold" for item in items)


def _stretches(items: Sequence[Item]) -> list[_Stretch]:
    """In order; the last has what is left."""
    stretches: list[list[Item]] = [[]]
    for item in items:
        stretches[-1].append(item)
        if item.kind in (Kind.STEP_RECORDED, Kind.STEP_RETRIED):
            stretches.append([])
    return [_Stretch(tuple(each)) for each in stretches if each]


def _one_run(items: Sequence[Item], runs: Sequence[str], worst: str | None) -> tuple[list[Item], str, str]:
    """The worst run, else the first that something happened to, else the first; what belongs to no run stays."""
    eventful = {item.run for item in items if item.fate or item.effect == "again" or item.tone in ("bad", "replay")}
    first_eventful = next((run for run in runs if run in eventful), runs[0])
    chosen = worst if worst is not None and worst in runs else first_eventful
    kept = [item for item in items if item.run in (chosen, None)]
    first = next((at for at, item in enumerate(kept) if item.run == chosen), 0)
    last = next((at for at, item in reversed(list(enumerate(kept))) if item.run == chosen), len(kept) - 1)
    return kept[first : last + 1], f"Of {len(runs)} runs only {chosen} is drawn.", chosen


def _repetitions(items: Sequence[Item], shown: Container[int] = ()) -> tuple[list[Item], int]:
    """Rows of the same motif: the first, the last and what is `shown` stay, folds stand for the others."""
    signatures = [_numbered(item.signature) for item in items]
    numbers: dict[tuple[object, ...], int] = {}
    codes = [numbers.setdefault(signature, len(numbers)) for signature in signatures]
    kept: list[Item] = []
    folded = at = 0
    while at < len(items):
        length, times = _motif(codes, at)
        if times < 4:
            kept.append(items[at])
            at += 1
            continue
        middle = items[at + length : at + length * (times - 1)]
        rounds = [middle[n : n + length] for n in range(0, len(middle), length)]
        kept += items[at : at + length]
        for stays, row in groupby(rounds, lambda each: any(item.position in shown for item in each)):
            same = list(row)
            left = [item for each in same for item in each]
            if stays or len(left) < _WORTH_A_BAND:
                kept += left
            else:
                kept.append(band(left, f"{len(same)} × the same again"))
                folded += len(left)
        kept += items[at + length * (times - 1) : at + length * times]
        at += length * times
    return kept, folded


def _numbered(signature: tuple[object, ...]) -> tuple[object, ...]:
    """Without the numbers in a step's name: the rounds of a loop are alike."""
    return tuple(unnumbered(part) if isinstance(part, str) else part for part in signature)


def _motif(codes: Sequence[int], at: int) -> tuple[int, int]:
    """The motif that begins here and saves most: its length, and how often it stands in a row."""
    best = (1, 1)
    for length in range(1, min(LONGEST_MOTIF, (len(codes) - at) // 4) + 1):
        if codes[at] != codes[at + length]:
            continue
        times = 1
        motif = codes[at : at + length]
        while codes[at + length * times : at + length * (times + 1)] == motif:
            times += 1
        if times >= 4 and length * times > best[0] * best[1]:
            best = (length, times)
    return best


def _excerpt(
    items: Sequence[Item], quiet: int, shown: Container[int], around: int, beginning: int, end: int
) -> list[Item]:
    """The beginning, the end, what broke or was repeated with its neighbours, what was tried again or replayed, and
    what is `shown`."""
    wanted = set(range(beginning)) | set(range(len(items) - end, len(items)))
    for at, item in enumerate(items):
        if item.sort == "crash" or item.fate or item.effect == "again":
            wanted |= set(range(at - around, at + around))
        elif item.position in shown or (item.eventful and around > (2 if item.tone == "replay" else 1)):
            wanted.add(at)
    wanted = _whole_calls(items, wanted)
    return _banded(((item, at in wanted) for at, item in enumerate(items)), quiet)


def _whole_calls(items: Sequence[Item], wanted: set[int]) -> set[int]:
    """With the other halves of calls of which one half is drawn, be it because it is in a row too short for a band."""
    asked: dict[tuple[str | None, str | None], list[int]] = {}
    calls: list[tuple[int, int]] = []
    for at, item in enumerate(items):
        if item.sort == "call":
            asked.setdefault((item.run, item.step), []).append(at)
        elif item.sort == "return" and (begun := asked.get((item.run, item.step))):
            calls.append((begun.pop(0), at))
    drawn = set(wanted)
    for few, row in groupby(range(len(items)), lambda at: at not in wanted):
        if few and len(alone := list(row)) < _WORTH_A_BAND:
            drawn |= set(alone)
    return wanted | {at for call in calls if drawn & set(call) for at in call}


def quiet_from(items: Sequence[Item]) -> int:
    """From how long on a silence is shown as one: a second, and much longer than most; in microseconds."""
    gaps = sorted(gap for one, other in pairwise(items) if (gap := other.at - max(one.at, one.ends)) > 0)
    usual = gaps[len(gaps) * 3 // 4] if gaps else 0
    return max(1_000_000, 3 * usual)
