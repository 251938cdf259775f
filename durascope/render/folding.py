"""Makes a long conversation short enough to be read, and says what it left out.

Three things are done, in this order, each only as far as needed: of several runs the one with most to tell is kept;
what repeats itself (retries, rounds of a loop) is shown the first time and the last; and of what is still too long the
beginning, the end, and the neighbourhood of each fault are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from durascope.models.phrases import spell
from durascope.render.conversation import Conversation, Item

MAX_ITEMS: Final = 120
LONGEST_MOTIF: Final = 60
_BEGINNING, _END, _AROUND = 48, 30, 5


@dataclass(frozen=True, slots=True)
class FoldedConversation:
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    run: str | None = None
    """The only run that is drawn; None: all are."""


def fold(conversation: Conversation, runs: Sequence[str], *, limit: int = MAX_ITEMS) -> FoldedConversation:
    """At most about `limit` items, `fold` items where something is left out, and notes that say what."""
    items, notes, chosen = list(conversation.items), list[str](), None
    if len(items) > limit and len(runs) > 1:
        items, note, chosen = _one_run(items, runs)
        notes.append(note)
    if len(items) > limit:
        items, count = _repetitions(items)
        if count:
            notes.append(f"{count} messages and steps that repeat what stands before them are not drawn one by one.")
    if len(items) > limit:
        before = len(items)
        items = _excerpt(items)
        notes.append(
            f"{before - sum(item.sort != 'fold' for item in items)} messages and steps far from any fault are left out."
        )
    if conversation.left_out:
        notes.append(f"{conversation.left_out} polls and acknowledgements that carry nothing are not drawn.")
    return FoldedConversation(tuple(items), tuple(notes), chosen)


def _one_run(items: Sequence[Item], runs: Sequence[str]) -> tuple[list[Item], str, str]:
    """The first run that something happened to, else the first; what belongs to no run stays."""
    eventful = {item.run for item in items if item.fate or item.effect == "again" or item.tone in ("bad", "replay")}
    chosen = next((run for run in runs if run in eventful), runs[0])
    kept = [item for item in items if item.run in (chosen, None)]
    first = next((at for at, item in enumerate(kept) if item.run == chosen), 0)
    last = next((at for at, item in reversed(list(enumerate(kept))) if item.run == chosen), len(kept) - 1)
    return kept[first : last + 1], f"of {len(runs)} runs only {chosen} is drawn.", chosen


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


def _excerpt(items: Sequence[Item]) -> list[Item]:
    wanted = set(range(_BEGINNING)) | set(range(len(items) - _END, len(items)))
    faults = [at for at, item in enumerate(items) if item.sort == "crash" or item.fate or item.effect == "again"]
    for at in faults:
        wanted |= set(range(at - _AROUND, at + _AROUND))
    kept: list[Item] = []
    left: list[Item] = []
    for at, item in enumerate(items):
        if at not in wanted and item.sort != "fold":
            left.append(item)
            continue
        if left:
            kept.append(_fold_item(left, f"{len(left)} more messages and steps"))
            left = []
        if item.sort != "fold" or at in wanted:
            kept.append(item)
    return kept


def _fold_item(left: Sequence[Item], words: str) -> Item:
    lasts = spell(left[-1].at - left[0].at)
    last = left[-1]
    return replace(left[0], sort="fold", text=f"{words}, {lasts}", at=last.at, until=last.position, tone="", effect="")
