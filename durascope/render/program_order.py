"""The order in which a program's steps are written: that of the rows of every picture, on every engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from durascope.models.scenario import Scenario
from durascope.models.steps import Call, ForEach, Repeat, Run, Steps

T = TypeVar("T")
_UNDO: Final = 1_000_000
"""Undo steps stand after all others, the last step's first: in the order in which they happen."""


class Place(NamedTuple):
    """Where a name stands. The rounds of a loop, or its branches side by side, follow each other."""

    block: float
    """The number of the step, or of the outermost loop around it."""
    rounds: tuple[int, ...] = ()
    """The numbers in the name: which round it is of."""
    step: int = 0


def in_program_order(things: Sequence[T], scenario: Scenario, name_of: Callable[[T], str]) -> list[T]:
    """Sorted as the steps of their names are written; what an engine names in its own way stays after what began
    before it."""
    written: dict[str, tuple[int, int]] = {}
    for workflow in scenario.workflows.values():
        blocks = (workflow.steps, *(update.steps for update in workflow.updates.values()), workflow.on_failure)
        for block in blocks:
            for label, place in _written(block, len(written)):
                written.setdefault(label, place)
    patterns = [
        (re.compile(re.sub(r"\\{\w+\\}", "(.+)", re.escape(label))), place)
        for label, place in written.items()
        if "{" in label
    ]

    places: dict[str, Place] = {}
    before = Place(-1.0)
    for name in map(name_of, things):
        place = _place(name, written, patterns)
        before = before if place is None else place
        places[name] = before._replace(block=before.block + 0.5) if place is None else place
    return sorted(things, key=lambda thing: places[name_of(thing)])


def _written(steps: Steps, first: int, loop: int | None = None) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each label with the number of its outermost loop (or its own) and its own."""
    at = first
    for step in steps:
        block = at if loop is None else loop
        yield step.label, (block, at)
        if isinstance(step, Run | Call) and step.undo_step is not None:
            yield step.undo_step.label, (_UNDO - block, _UNDO - at)
        inner = block if loop is not None or isinstance(step, ForEach | Repeat) else None
        at += 1
        for inside in step.blocks():
            for label, place in _written(inside, at, inner):
                yield label, place
                at += 1


def _place(
    name: str, written: dict[str, tuple[int, int]], patterns: Sequence[tuple[re.Pattern[str], tuple[int, int]]]
) -> Place | None:
    if name in written:
        block, step = written[name]
        return Place(block, (), step)
    for pattern, (block, step) in patterns:
        if pattern.fullmatch(name):
            return Place(block, tuple(map(int, re.findall(r"\d+", name))), step)
    return None
