"""Predicted against recorded: equal, or the first difference in its context."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.live.engine import Recording
from durascope.models.trace import Trace

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

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.what}: predicted {', '.join(self.predicted)}, recorded {', '.join(self.recorded)}"
        return "\n".join([f"{self.what} differs from line {self.line} on", *self._context(self.line - 1)])

    def _context(self, at: int) -> Iterator[str]:
        width = max((len(line) for line in self.predicted), default=0)
        for number in range(max(0, at - CONTEXT), at + CONTEXT + 1):
            left = self.predicted[number] if number < len(self.predicted) else ""
            right = self.recorded[number] if number < len(self.recorded) else ""
            if left or right:
                yield f"  {number + 1:>4} {left.ljust(width)}  {'=' if left == right else '≠'}  {right}"


def differences(trace: Trace, recording: Recording) -> list[Difference]:
    """All of them, one a run, a status or a step; empty where the model is right."""
    return [
        *_records(trace.records, recording.records),
        *_values("status of", trace.status, recording.status),
        *_values("effects of", trace.effects, recording.effects),
    ]


def _records(predicted: Mapping[str, Sequence[str]], recorded: Mapping[str, Sequence[str]]) -> Iterable[Difference]:
    for run, lines in recorded.items():
        expected = predicted.get(run, ())
        if list(expected) != list(lines):
            yield Difference(f"the record of {run}", list(expected), list(lines), _first(expected, lines))


def _first(one: Sequence[str], other: Sequence[str]) -> int:
    for number, (left, right) in enumerate(zip(one, other, strict=False), 1):
        if left != right:
            return number
    return min(len(one), len(other)) + 1


def _values(what: str, predicted: Mapping[str, object], recorded: Mapping[str, object]) -> Iterable[Difference]:
    for name, value in recorded.items():
        expected = predicted.get(name)
        if expected != value:
            yield Difference(f"{what} {name}", [str(expected)], [str(value)])
