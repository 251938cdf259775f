"""Where a prediction and a recording part: in a run's record, a status, the effects of a step, or another fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.live.engine import Recording
from durascope.live.judging import Alike, exactly, listed
from durascope.models.cases import Case
from durascope.models.trace import Trace

CONTEXT: Final = 3
"""Lines shown before and after a difference."""
STUCK: Final = "running"
"""The status of a run that is not to end: it goes on trying for as long as it is watched."""
LASTS: Final = frozenset({"lasts"})
"""Facts that are measured, not predicted to the letter."""
MEASURED: Final = LASTS | {"replayed"}
"""The same of runs that go on trying."""


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


def differences(
    trace: Trace, recording: Recording, alike: Alike = exactly, case: Case | None = None
) -> list[Difference]:
    """All of them, one a run, a status, a step or a fact; empty where the model is right.

    A recording that is another variant of its case is right, too: the engine is not deterministic there.
    """
    variant = case is not None and listed(case, recording.records, alike)
    return [
        *(() if variant else _records(trace.records, recording.records, alike)),
        *_values("status of", trace.status, recording.status),
        *_values("effects of", trace.effects, recording.effects, none=0),
        *_facts(trace.facts, recording.facts, measured=MEASURED if STUCK in trace.status.values() else LASTS),
    ]


def _records(
    predicted: Mapping[str, Sequence[str]], recorded: Mapping[str, Sequence[str]], alike: Alike
) -> Iterable[Difference]:
    for run in {**predicted, **recorded}:
        expected, lines = list(predicted.get(run, ())), list(recorded.get(run, ()))
        if not alike(run, expected, lines):
            yield Difference(f"the record of {run}", expected, lines, _first(expected, lines))


def _first(one: Sequence[str], other: Sequence[str]) -> int:
    for number, (left, right) in enumerate(zip(one, other, strict=False), 1):
        if left != right:
            return number
    return min(len(one), len(other)) + 1


def _values(
    what: str, predicted: Mapping[str, object], recorded: Mapping[str, object], none: object = None
) -> Iterable[Difference]:
    for name, value in recorded.items():
        expected = predicted.get(name, none)
        if expected != value:
            yield Difference(f"{what} {name}", [str(expected)], [str(value)])


def _facts(
    predicted: Mapping[str, object], recorded: Mapping[str, object], *, measured: frozenset[str]
) -> Iterable[Difference]:
    for name, value in recorded.items():
        if name in measured or name not in predicted:
            continue
        expected = predicted[name]
        if isinstance(expected, Mapping) and isinstance(value, Mapping):
            yield from _by_run(name, expected, value)
        elif expected != value:
            yield Difference(name, [str(expected)], [str(value)])


def _by_run(name: str, predicted: Mapping[Any, Any], recorded: Mapping[Any, Any]) -> Iterable[Difference]:
    """A fact that each run has; one that could not be recorded of a run is None."""
    for run in {**predicted, **recorded}:
        expected, found = predicted.get(run), recorded.get(run, ())
        if found is not None and (expected or found) and expected != found:
            yield Difference(f"{name} of {run}", [str(expected or "none")], [str(found or "none")])
