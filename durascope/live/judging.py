"""When a recorded run counts as the predicted one: line for line, or as its engine says (`judging` of its package)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from durascope.models.cases import Case
from durascope.models.engine import NOTHING, shown

Alike = Callable[[str, Sequence[str], Sequence[str]], bool]
"""Whether the predicted and the recorded lines of a run (its name comes first) count as the same."""


def exactly(_run: str, predicted: Sequence[str], recorded: Sequence[str]) -> bool:
    """Line for line."""
    return list(predicted) == list(recorded)


def judge(case: Case | None, engine: str | None = None) -> Alike:
    """How the recordings of a case, or of a scenario that is none (`case` is None), are judged."""
    name = case.engine if case is not None else engine
    part = shown(name).judge if name is not None else NOTHING
    return part.load()(case) if part else exactly


def listed(case: Case, records: Mapping[str, Sequence[str]], alike: Alike) -> bool:
    """Whether the records are one of several that were recorded of the case, in all runs that it names."""
    return len(case.records) > 1 and any(
        all(run in records and alike(run, lines, records[run]) for run, lines in variant.items())
        for variant in case.records
    )
