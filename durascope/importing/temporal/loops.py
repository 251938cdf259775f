"""Loops: steps that come again and again, with the number of the round in their names or without."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from durascope.importing.writing import without_comments
from durascope.models.durations import parse_duration

Steps = list[Any]

ROUNDS: Final = 10
"""The least number of equal rounds that are taken for a loop."""
LONGEST: Final = 12
"""The most steps of such a round."""
SAMPLES: Final = 9
MOST: Final = 40
"""The most steps of a round that is looked for."""


def rounds(executions: Sequence[Steps]) -> Steps:
    """Executions that continue each other: steps, then a loop that continues as new now and then, then more steps.

    Where no loop can be seen in them, every execution is a round of its own.
    """
    found = _loop(executions)
    if found is not None:
        return found
    return [{"repeat": len(executions), "do": executions[0], "continue_as_new_every": 1}]


def _loop(executions: Sequence[Steps]) -> Steps | None:
    first, *others = executions
    last = others[-1]
    whole = others[:-1]
    for size in range(1, min(MOST, len(first)) + 1):
        for every in range(len(first) // size, 0, -1):
            head = len(first) - size * every
            told = [*_cut(first[head:], size), *(part for each in whole for part in _cut(each, size))]
            if any(len(each) != size * every for each in whole):
                continue
            template, number = _template(told)
            if template is None:
                continue
            more = 0
            while (more + 1) * size <= len(last) and more < every:
                part = last[more * size : (more + 1) * size]
                if _named(part, len(told) + more + 1, number) != template:
                    break
                more += 1
            if more == 0:
                continue
            loop: dict[str, Any] = {"repeat": len(told) + more, "do": _steps(told[0], number)}
            if number:
                loop["as"] = "k"
            return [*first[:head], {**loop, "continue_as_new_every": every}, *last[more * size :]]
    return None


def folded(steps: Steps) -> Steps:
    """Many equal rounds in a row as a loop, with the times of the rounds to draw from."""
    found: Steps = []
    shapes = [_named([step], 0, number=False) for step in steps]
    at = 0
    while at < len(steps):
        size, count = _rounds_at(shapes, at)
        if count < ROUNDS:
            found.append(steps[at])
            at += 1
            continue
        parts = _cut(steps[at : at + size * count], size)
        found.append({"repeat": count, "do": [_all_times([part[n] for part in parts]) for n in range(size)]})
        at += size * count
    return found


def _rounds_at(shapes: Sequence[Any], at: int) -> tuple[int, int]:
    """The length of the rounds that begin there, and how many there are."""
    for size in range(1, LONGEST + 1):
        count = 1
        while shapes[at + count * size : at + (count + 1) * size] == shapes[at : at + size] and (
            at + (count + 1) * size <= len(shapes)
        ):
            count += 1
        if count >= ROUNDS:
            return size, count
    return 1, 1


def _all_times(steps: Steps) -> Any:
    """One step for all rounds; what they took in a few samples, from the least to the most."""
    first = steps[0]
    times = sorted({step["takes"] for step in steps if isinstance(step.get("takes"), str)}, key=parse_duration)
    if len(times) < 2:
        return first
    chosen = [times[round(n * (len(times) - 1) / (SAMPLES - 1))] for n in range(SAMPLES)]
    return {**first, "takes": {"samples": list(dict.fromkeys(chosen))}}


def _cut(steps: Steps, size: int) -> list[Steps]:
    return [steps[at : at + size] for at in range(0, len(steps), size)]


def _template(parts: Sequence[Steps]) -> tuple[Any, bool]:
    """What all rounds have in common, and whether their number is in it; None: they differ."""
    for number in (False, True):
        shapes = [_named(part, at, number) for at, part in enumerate(parts, 1)]
        if all(each == shapes[0] for each in shapes):
            if not number and len(parts) == 1:
                continue
            return shapes[0], number
    return None, False


def _named(steps: Any, round_number: int, number: bool) -> Any:
    """The steps without their times, and with `{k}` for the round's number."""
    return _shape(without_comments(steps), round_number if number else None)


def _shape(step: Any, number: int | None) -> Any:
    """What a step is, apart from its times."""
    if isinstance(step, dict):
        return {key: _shape(value, number) for key, value in step.items() if key not in ("takes", "fails")}
    if isinstance(step, list):
        return [_shape(each, number) for each in step]
    if isinstance(step, str) and number is not None:
        return re.sub(rf"(?<!\d){number}(?!\d)(?!.*(?<!\d){number}(?!\d))", "{k}", step)
    return step


def _steps(steps: Steps, number: bool) -> Steps:
    """A round's steps, with `{k}` in their names."""
    if not number:
        return steps

    def named(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: named(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [named(each) for each in value]
        if isinstance(value, str) and key in ("run", "name", "call", "start"):
            return re.sub(r"(?<!\d)1(?!\d)(?!.*(?<!\d)1(?!\d))", "{k}", value)
        return value

    return named(without_comments(steps))
