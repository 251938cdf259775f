"""A group whose branches are one plain step each: one can be found in it without beginning all the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durascope.models.steps import ForEach, Parallel, Run, Steps
from durascope.simulators.program.labels import filled

MANY: Final = 100
"""Branches from which on that is worth while."""


class Members:
    """The branches in their order, where no step before them has had a name of theirs."""

    __slots__ = ("counts", "keys", "numbers", "steps")

    def __init__(self, steps: Sequence[tuple[Run, str]]) -> None:
        self.steps = steps
        """With their names."""
        self.counts: dict[str, int] = {}
        """How many branches have each name."""
        self.keys: list[str] = []
        for _, name in steps:
            uses = self.counts.get(name, 0)
            self.counts[name] = uses + 1
            self.keys.append(f"{name}:{uses}" if uses else name)
        self.numbers = {key: number for number, key in enumerate(self.keys)}
        """By key: the place among the branches."""


def members_of(group: Parallel | ForEach) -> Members | None:
    """None where they are few, or a branch is more than a plain step, or waits until others have ended."""
    if isinstance(group, Parallel):
        branches, variable, plain = group.parallel, None, group.mode == "wait"
    else:
        branches, variable = (group.do,) * group.for_each, group.as_
        plain = group.at_once is None or group.at_once >= group.for_each
    if not plain or len(branches) < MANY:
        return None
    found = [_plain(branch, variable, number) for number, branch in enumerate(branches, 1)]
    members = [each for each in found if each is not None]
    return Members(members) if len(members) == len(found) else None


def _plain(branch: Steps, variable: str | None, number: int) -> tuple[Run, str] | None:
    step = branch[0]
    if len(branch) != 1 or not isinstance(step, Run) or step.undo is not None:
        return None
    return step, step.run if variable is None else filled(step.run, {variable: number})
