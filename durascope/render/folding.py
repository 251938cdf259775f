"""Makes a long conversation short enough to be read, and says what it left out.

Four things are done, in this order, each only as far as needed: of several runs the one with most to tell is kept; what
repeats itself (retries, rounds of a loop) is shown the first time and the last; steps to which nothing happened are a
band, but for those beside one to which something did; and of what is still too long the beginning, the end, and the
neighbourhood of each fault are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from durascope.models.phrases import spell
from durascope.models.trace import Kind
from durascope.render.conversation import Conversation, Item

MAX_ITEMS: Final = 120
LONGEST_MOTIF: Final = 60
_LADDER: Final = (
    (5, 48, 30), (12, 10, 8), (9, 10, 8), (7, 10, 8), (6, 8, 6), (5, 8, 6), (4, 8, 6), (3, 6, 5), (2, 4, 4), (1, 3, 3)
)  # fmt: skip
"""How many items around a fault, at the beginning and at the end are kept, less and less."""
_NAMED: Final = 3
"""So many steps are named in a row."""
_WORTH_A_BAND: Final = 3
"""Fewer lines than this take less room than the band that would stand for them."""


@dataclass(frozen=True, slots=True)
class FoldedConversation:
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    run: str | None = None
    """The only run that is drawn; None: all are."""


def fold(
    conversation: Conversation,
    runs: Sequence[str],
    *,
    worst: str | None = None,
    fits: Callable[[Sequence[Item]], bool] = lambda _: True,
) -> FoldedConversation:
    """As few lines as `fits` asks for, at most about 120; `fold` items where something is left out, notes say what.

    `worst`: the run that is drawn if only one can be; None: the first that something happened to.
    """
    items, notes, chosen = list(conversation.items), list[str](), None

    def short(asked: Sequence[Item]) -> bool:
        return len(asked) <= MAX_ITEMS and fits(asked)

    def too_long() -> bool:
        return not short(items)

    if too_long() and len(runs) > 1:
        items, note, chosen = _one_run(items, runs, worst)
        notes.append(note)
    if too_long():
        items, count = _repetitions(items)
        if count:
            notes.append(f"{count} messages and steps that repeat earlier ones are not drawn one by one.")
    if too_long():
        items, names = _quiet_stretches(items, short)
        if names:
            notes.append(f"{_listed(names)} went like the steps that are drawn.")
    left = 0
    for around, *ends in _LADDER:
        if too_long():
            before = _drawn(items)
            items = _excerpt(items, around, *ends)
            left += before - _drawn(items)
    if left:
        notes.append(f"{left} messages far from any fault are left out.")
    if conversation.left_out:
        notes.append(f"{conversation.left_out} polls and acknowledgements that carry nothing are not drawn.")
    return FoldedConversation(tuple(items), tuple(notes), chosen)


def _quiet_stretches(items: Sequence[Item], short: Callable[[Sequence[Item]], bool]) -> tuple[list[Item], list[str]]:
    """The steps to which nothing happened, but for those beside one to which something did: a band for each row of
    them, the farthest first and no more than needed. Where nothing happened at all the first step is drawn in full."""
    stretches = _stretches(items)
    eventful = [at for at, stretch in enumerate(stretches) if any(item.eventful for item in stretch)] or [0]
    far = [min(abs(at - each) for each in eventful) for at in range(len(stretches))]
    folded, names = list(items), list[str]()
    for near in sorted({*far, 1}, reverse=True):
        if near < 1 or short(folded):
            break
        left = {at for at, distance in enumerate(far) if distance > near and _recorded(stretches[at]) is not None}
        folded = _banded((i, at not in left or _always(i)) for at, stretch in enumerate(stretches) for i in stretch)
        names = [str(_recorded(stretches[at])) for at in sorted(left)]
    return folded, names


def _always(item: Item) -> bool:
    """What tells a run's beginning and end."""
    return item.sort == "fold" or item.kind in (Kind.RUN_STARTED, Kind.RUN_ENDED) or "client" in (item.lane, item.to)


def _banded(items: Iterable[tuple[Item, bool]]) -> list[Item]:
    """What is to be kept, and bands for the rows of what is not; a row too short for a band is kept."""
    kept: list[Item] = []
    left: list[Item] = []

    items = list(items)
    quiet = quiet_from([item for item, _ in items])

    def close() -> None:
        kept.extend([_fold_item(left, _what(left))] if len(left) >= _WORTH_A_BAND else left)
        left.clear()

    for item, keep in items:
        if keep:
            close()
            kept.append(item)
        else:
            if left and item.at - max(left[-1].at, left[-1].ends) >= quiet:
                close()  # what is waited for stands between two bands
            left.append(item)
    close()
    return kept


def _what(left: Sequence[Item]) -> str:
    """Whole steps by their names, else how many messages."""
    if left[-1].kind is Kind.STEP_RECORDED and not any(item.sort == "fold" for item in left):
        return _listed(list(dict.fromkeys(item.step for item in left if item.step is not None)))
    return f"{_drawn(left)} more messages"


def _drawn(items: Sequence[Item]) -> int:
    return sum(item.sort != "fold" for item in items)


def _listed(names: Sequence[str]) -> str:
    """`a, b and c`, `a, b and 5 more`"""
    short = list(names) if len(names) <= _NAMED else [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} more"]
    return " and ".join([", ".join(short[:-1]), short[-1]] if short[1:] else short)


def _stretches(items: Sequence[Item]) -> list[list[Item]]:
    """Each ends with what records a result; the last has what is left."""
    stretches: list[list[Item]] = [[]]
    for item in items:
        stretches[-1].append(item)
        if item.kind is Kind.STEP_RECORDED:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _recorded(stretch: Sequence[Item]) -> str | None:
    return stretch[-1].step if stretch[-1].kind is Kind.STEP_RECORDED else None


def _one_run(items: Sequence[Item], runs: Sequence[str], worst: str | None) -> tuple[list[Item], str, str]:
    """The worst run, else the first that something happened to, else the first; what belongs to no run stays."""
    eventful = {item.run for item in items if item.fate or item.effect == "again" or item.tone in ("bad", "replay")}
    first_eventful = next((run for run in runs if run in eventful), runs[0])
    chosen = worst if worst is not None and worst in runs else first_eventful
    kept = [item for item in items if item.run in (chosen, None)]
    first = next((at for at, item in enumerate(kept) if item.run == chosen), 0)
    last = next((at for at, item in reversed(list(enumerate(kept))) if item.run == chosen), len(kept) - 1)
    return kept[first : last + 1], f"Of {len(runs)} runs only {chosen} is drawn.", chosen


def _repetitions(items: Sequence[Item]) -> tuple[list[Item], int]:
    """Rows of the same motif: the first and the last stay, one fold stands for the others."""
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
        kept += items[at : at + length]
        kept.append(_fold_item(middle, f"{times - 2} × the same again"))
        kept += items[at + length * (times - 1) : at + length * times]
        folded += len(middle)
        at += length * times
    return kept, folded


def _numbered(signature: tuple[object, ...]) -> tuple[object, ...]:
    """Without the numbers in a step's name: the rounds of a loop are alike."""
    return tuple(
        "".join("" if c.isdigit() else c for c in part) if isinstance(part, str) else part for part in signature
    )


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


def _excerpt(items: Sequence[Item], around: int, beginning: int, end: int) -> list[Item]:
    """The beginning, the end, what broke or was repeated with its neighbours, and what was tried again or replayed."""
    wanted = set(range(beginning)) | set(range(len(items) - end, len(items)))
    for at, item in enumerate(items):
        if item.sort == "crash" or item.fate or item.effect == "again":
            wanted |= set(range(at - around, at + around))
        elif item.eventful and around > 1:
            wanted.add(at)
    return _banded((item, at in wanted) for at, item in enumerate(items))


def quiet_from(items: Sequence[Item]) -> int:
    """From how long on a silence is shown as one: a second, and much longer than most; in microseconds."""
    gaps = sorted(gap for one, other in pairwise(items) if (gap := other.at - max(one.at, one.ends)) > 0)
    usual = gaps[len(gaps) * 3 // 4] if gaps else 0
    return max(1_000_000, 3 * usual)


def _fold_item(left: Sequence[Item], words: str) -> Item:
    first, last = left[0], left[-1]
    ends = max(last.at, last.ends)
    return replace(
        first, sort="fold", text=f"{words}, {spell(ends - first.at)}", until=max(last.position, last.until), tone="",
        effect="", fate="", kind=None, ends=ends,
    )  # fmt: skip
