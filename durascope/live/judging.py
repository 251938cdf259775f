"""When a recorded run counts as the predicted one: line for line, or as a racy case's README says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from durascope.models.cases import Case, RestateCase, TemporalCase

Alike = Callable[[str, Sequence[str], Sequence[str]], bool]
"""Whether the predicted and the recorded lines of a run (its name comes first) count as the same."""


def exactly(_run: str, predicted: Sequence[str], recorded: Sequence[str]) -> bool:
    """Line for line."""
    return list(predicted) == list(recorded)


def judge(case: Case | None) -> Alike:
    """How the recordings of a case are judged; a mere scenario's line for line."""
    match case:
        case TemporalCase(racy=True):
            return _same_lines_in_any_order
        case RestateCase() if case.any_order:
            return _with_free_neighbours(case)
        case _:
            return exactly


def listed(case: Case, records: Mapping[str, Sequence[str]], alike: Alike) -> bool:
    """Whether the records are one of several that were recorded of the case, in all runs that it names."""
    return len(case.records) > 1 and any(
        all(run in records and alike(run, lines, records[run]) for run, lines in variant.items())
        for variant in case.records
    )


def _same_lines_in_any_order(_run: str, predicted: Sequence[str], recorded: Sequence[str]) -> bool:
    """Temporal: the same lines, leaving out the workflow tasks (conformance/temporal/README.md, `racy`)."""
    return _without_tasks(predicted) == _without_tasks(recorded)


_TASK: Final = "WorkflowTask"


def _without_tasks(lines: Sequence[str]) -> list[str]:
    return sorted(line for line in lines if not line.startswith(_TASK))


def _with_free_neighbours(case: RestateCase) -> Alike:
    """Restate: the groups of neighbouring lines that `any_order` names may come in another order."""

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
