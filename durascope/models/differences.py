"""Where two records part: what was predicted, what was recorded, and the first line in which they are not the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

CONTEXT: Final = 3
"""Lines shown before and after a difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a prediction and a recording part."""

    what: str
    """The run's record, its status, or the effects of a step."""
    predicted: Sequence[str]
    recorded: Sequence[str]
    line: int | None = None
    """The number of the first line that differs, from 1."""

    @property
    def share(self) -> float:
        """How much of the record is after the first difference, from 0 to 1."""
        longest = max(len(self.predicted), len(self.recorded), 1)
        return 1.0 if self.line is None else 1 - (self.line - 1) / (longest + 1)

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.what}: predicted {', '.join(self.predicted)}, recorded {', '.join(self.recorded)}"
        return "\n".join([f"{self.what} differs from line {self.line} on (predicted, recorded):", *self._context()])

    def _context(self) -> Iterator[str]:
        at = (self.line or 1) - 1
        shown = range(max(0, at - CONTEXT), at + CONTEXT + 1)
        width = max((len(self.predicted[n]) for n in shown if n < len(self.predicted)), default=0)
        for number in shown:
            left = self.predicted[number] if number < len(self.predicted) else ""
            right = self.recorded[number] if number < len(self.recorded) else ""
            if left or right:
                yield f"  {number + 1:>4} {left.ljust(width)}  {'=' if left == right else '≠'}  {right}".rstrip()


def first_difference(one: Sequence[str], other: Sequence[str]) -> int:
    """The number of the first line that differs, from 1; one more than the shorter has, where it ends too soon."""
    for number, (left, right) in enumerate(zip(one, other, strict=False), 1):
        if left != right:
            return number
    return min(len(one), len(other)) + 1
