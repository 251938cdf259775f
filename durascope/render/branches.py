"""Steps side by side in a sequence: one is drawn, and what the others do meanwhile is a band beside it.

Ten branches speak all at once; drawn one after the other, the lines of the one that something happened to are lost
among those of nine to which nothing did. Which line belongs to which branch is known by its cause (`Item.about`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from durascope.models.trace import Kind
from durascope.render.bands import band, listed, unnumbered
from durascope.render.conversation import Item

Step = tuple[str | None, str | None]
"""Run and step."""

MANY: Final = 4
"""So many steps side by side are no longer drawn one by one."""
_DONE: Final = (Kind.STEP_REPORTED, Kind.STEP_RECORDED)


def side_by_side(items: Sequence[Item], shown: Container[int]) -> tuple[list[Item], list[str], frozenset[Step]]:
    """The items with bands for those of branches that are not drawn; notes; and which branches these are.

    Of a group of branches the first that the picture is about is drawn (a crash between its effect and its report, a
    second effect), the first of all where there is none. No band holds a fault, what is `shown`, or what happened on
    both sides of one.
    """
    kept, notes, hidden = list(items), list[str](), set[Step]()
    for group in _groups(items):
        drawn = next((step for step in group if any(_told(item) and _of(item) == step for item in items)), group[0])
        others = frozenset(group) - {drawn}
        kept = list(_banded(kept, others, frozenset(group), str(drawn[1]), shown))
        hidden |= others
        notes.append(f"{len(others)} steps beside {drawn[1]} are told in bands.")
    return kept, notes, frozenset(hidden)


def _of(item: Item) -> Step:
    return item.run, item.about


def _told(item: Item) -> bool:
    return item.fate != "" or item.effect in ("again", "known") or item.undoes


def _groups(items: Sequence[Item]) -> Iterator[list[Step]]:
    """Steps of one run that run side by side, in the order in which they begin; groups of a few are none."""
    lasts: dict[Step, tuple[int, int]] = {}
    for item in items:
        if item.step is not None and item.kind in (Kind.STEP_STARTED, *_DONE):
            begun, _ = lasts.get(_of(item), (item.position, 0))
            lasts[_of(item)] = begun, item.position
    group: list[Step] = []
    over = -1
    for step, (begun, end) in sorted(lasts.items(), key=lambda pair: (str(pair[0][0]), pair[1])):
        if group and (step[0] != group[0][0] or begun > over):
            if len(group) >= MANY:
                yield group
            group, over = [], -1
        group.append(step)
        over = max(over, end)
    if len(group) >= MANY:
        yield group


def _banded(
    items: Sequence[Item], others: Container[Step], group: Container[Step], drawn: str, shown: Container[int]
) -> Iterator[Item]:
    """Each band stands where the first of its lines did; a fault, one of the longest silences, and lines of steps that
    come later end it."""
    gaps = [other.at - max(one.at, one.ends) for one, other in pairwise(items)]
    pause = max([1, *gaps]) // 2
    kept: list[Item] = []
    left: list[Item] = []

    def close() -> Iterator[Item]:
        if any(_state(item) for item in left):
            kept.append(band(left, _words(left, drawn)))
        else:
            kept.extend(left)
        yield from sorted(kept, key=lambda item: item.position)
        kept.clear()
        left.clear()

    for item, gap in zip(items, [0, *gaps], strict=True):
        mine = _of(item) in others and item.sort not in ("crash", "restart", "fold")
        fault = item.sort == "crash" or item.tone == "bad" or _told(item)
        if gap > pause or (not mine and (fault or (item.step is not None and _of(item) not in group))):
            yield from close()
        (left if mine and not _told(item) and item.position not in shown else kept).append(item)
    yield from close()


def _state(item: Item) -> str:
    """What the line tells of its step: begins · done · waits; empty: nothing."""
    if item.kind is Kind.STEP_STARTED:
        return "begins"
    return "done" if item.kind in _DONE else "waits" if item.tone == "wait" else ""


def _words(left: Sequence[Item], drawn: str) -> str:
    """`9 steps like subtask-8 begin`, `9 steps like subtask-8: 7 are done, 2 will be tried again`"""
    ends: dict[str | None, str] = {}
    begun: set[str | None] = set()
    for item in left:
        match _state(item):
            case "begins":
                begun.add(item.about)
                ends[item.about] = "begins again" if "#" in item.text else "begins"
            case "done":
                ends[item.about] = "runs" if item.about in begun else "is done"
            case "waits":
                ends[item.about] = "will be tried again"
            case _:
                pass
    by_end: dict[str, list[str]] = {}
    for step, end in ends.items():
        by_end.setdefault(end, []).append(str(step))
    if len(ends) > 2 and len(by_end) > 1 and _alike(ends, drawn):
        counted = ", ".join(f"{len(steps)} {_verb(steps, end)}" for end, steps in by_end.items())
        return f"{len(ends)} steps like {drawn}: {counted}"
    return ", ".join(_said(steps, end, drawn) for end, steps in by_end.items())


_PLURAL: Final = {"begins": "begin", "begins again": "begin again", "runs": "run", "is done": "are done"}


def _said(steps: Sequence[str], end: str, drawn: str) -> str:
    if len(steps) == 1:
        return f"{steps[0]} {end}"
    who = f"{len(steps)} steps like {drawn}" if _alike(steps, drawn) else listed(steps)
    return f"{who} {_verb(steps, end)}"


def _verb(steps: Sequence[str], end: str) -> str:
    return end if len(steps) == 1 else _PLURAL.get(end, end)


def _alike(steps: Iterable[str | None], drawn: str) -> bool:
    return all(unnumbered(str(step)) == unnumbered(drawn) for step in steps)
