"""When a recorded journal counts as the predicted one: line for line, but for neighbours that may change places."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.live.judging import Alike, exactly
from durascope.models.cases import Case, RestateCase


def judge(case: Case | None) -> Alike:
    """How the recordings of a case are judged."""
    return _with_free_neighbours(case) if isinstance(case, RestateCase) and case.any_order else exactly


def _with_free_neighbours(case: RestateCase) -> Alike:
    """The groups of neighbouring lines that `any_order` names may come in another order."""

    def alike(run: str, predicted: Sequence[str], recorded: Sequence[str]) -> bool:
        groups = case.any_order.get(run, ())
        return _ordered(predicted, groups) == _ordered(recorded, groups)

    return alike


def _ordered(lines: Sequence[str], groups: Sequence[Sequence[str]]) -> list[str]:
    """The lines with every run of neighbours out of one group sorted."""
    result: list[str] = []
    at = 0
    while at < len(lines):
        group = next((set(group) for group in groups if lines[at] in group), set[str]())
        end = at + 1
        while end < len(lines) and lines[end] in group:
            end += 1
        result += sorted(lines[at:end])
        at = end
    return result
