"""Where a prediction and a recording differ: in a run's record, a status, the effects of a step, or another fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from durascope.live.engine import Recording
from durascope.live.judging import Alike, exactly, listed
from durascope.models.cases import Case
from durascope.models.differences import Difference, first_difference
from durascope.models.trace import Trace

STUCK: Final = "running"
"""The status of a run that is not to end: it goes on trying for as long as it is watched."""
LASTS: Final = frozenset({"lasts"})
"""Facts that are measured, not predicted to the letter."""
MEASURED: Final = LASTS | {"replayed"}
"""The same, for runs that keep trying."""


def differences(
    trace: Trace, recording: Recording, alike: Alike = exactly, case: Case | None = None
) -> list[Difference]:
    """All differences, at most one for each run, status, step and fact; empty if the model is right.

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
            yield Difference(f"the record of {run}", expected, lines, first_difference(expected, lines))


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
