"""Runs of the same code that did not do the same: one list of steps, with a choice where they went different ways."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final

from durascope.importing.writing import without_comments

Steps = list[Any]

WAY: Final = "way"
"""The field of the input that says which way a request goes."""
WHY: Final = "Requests went different ways; why, the history does not say: `way` numbers them."


def one_of_ways(taken: Sequence[tuple[Steps, bool]], *, apart: bool = False) -> tuple[Steps, list[int]]:
    """Steps for all of them, and the number of each one's way; each comes with whether it was not seen to its end.

    Which way one would have gone that was not seen to its end is not known: the first that begins like it. `apart`:
    each goes its own way, with its own times.
    """
    if apart:
        return _chosen([steps for steps, _ in taken], apart=True), list(range(1, len(taken) + 1))
    ways: list[Steps] = []
    numbers = [0] * len(taken)
    for place in sorted(range(len(taken)), key=lambda each: taken[each][1]):
        steps, unfinished = taken[place]
        at = next((at for at, other in enumerate(ways) if _same(steps, other, unfinished=unfinished)), len(ways))
        if at == len(ways):
            ways.append(steps)
        else:
            _add_undo(ways[at], steps)
        numbers[place] = at + 1
    return _chosen(ways), numbers


def _chosen(ways: Sequence[Steps], *, apart: bool = False) -> Steps:
    """What all have in common, and between that a choice."""
    first, *others = ways
    if not others:
        return first
    head = 0 if apart else min(_alike(first, other) for other in others)
    rest = [each[head:] for each in ways]
    tail = 0 if apart else min(_alike(rest[0][::-1], other[::-1]) for other in rest[1:])
    middle = [each[: len(each) - tail] for each in rest]
    choice: list[Any] = [{"when": f"{WAY} == {number}", "do": each} for number, each in enumerate(middle, 1)]
    choice[-1] = {"otherwise": middle[-1]}
    return [*first[:head], {"choose": choice}, *first[len(first) - tail :]]


def _alike(steps: Steps, others: Steps) -> int:
    """With how many steps that are the same both begin."""
    pairs = zip(steps, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: shape(pair[0]) == shape(pair[1]), pairs))


def _same(steps: Steps, others: Steps, *, unfinished: bool) -> bool:
    """Whether both went the same way, as far as that is known."""
    if not unfinished:
        return len(steps) == len(others) and _alike(steps, others) == len(steps)
    alike = _alike(steps, others)
    if alike == len(steps):
        return True
    begun = alike == len(steps) - 1 and alike < len(others)
    return begun and _name(steps[-1]) == _name(others[alike])


def _name(step: Any) -> Any:
    """What is known of a step that has only begun."""
    return next(iter(without_comments(step).items())) if isinstance(step, dict) else None


def shape(step: Any) -> Any:
    """What a step is, apart from how long its attempts took, and from what undid it."""
    step = without_comments(step)
    if isinstance(step, dict):
        return {key: _times(each) if key == "takes" else shape(each) for key, each in step.items() if key != "undo"}
    return list(map(shape, step)) if isinstance(step, list) else step


def _times(takes: Any) -> int:
    return len(takes) if isinstance(takes, list) else 1


def _add_undo(steps: Steps, others: Steps) -> None:
    """What undid a step belongs to it, also where nothing had to be undone."""
    for step, other in zip(steps, others, strict=False):
        if isinstance(step, dict) and isinstance(other, dict) and "undo" in other:
            step.setdefault("undo", other["undo"])
