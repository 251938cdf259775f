"""When a recorded run counts as the predicted one: line for line, or as a racy case's README says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from durascope.models.cases import Case, InngestCase, RestateCase, TemporalCase

Alike = Callable[[str, Sequence[str], Sequence[str]], bool]
"""Whether the predicted and the recorded lines of a run (its name comes first) count as the same."""


def exactly(_run: str, predicted: Sequence[str], recorded: Sequence[str]) -> bool:
    """Line for line."""
    return list(predicted) == list(recorded)


def judge(case: Case | None, engine: str | None = None) -> Alike:
    """How the recordings of a case are judged; a mere scenario's line for line, up to what is free on its engine."""
    if engine == "inngest" or isinstance(case, InngestCase):
        return _with_free_members
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


_MEMO: Final = re.compile(r"memo=\[([^\]]*)\]")
_TARGETED: Final = re.compile(r"POST (?!step )(.+?) attempt=(\d+)")
_PLANNED: Final = re.compile(r"StepPlanned ([^;]+?)(?=;|$)")


def _with_free_members(_run: str, predicted: Sequence[str], recorded: Sequence[str]) -> bool:
    """Inngest: members that are dispatched together come and complete in any order (conformance/inngest/README.md)."""
    return list(predicted) == list(recorded) or _members(predicted) == _members(recorded)


def _members(lines: Sequence[str]) -> list[str]:
    """Rows of targeted requests sorted, and in each memo the names that were planned together."""
    groups: list[set[str]] = []
    known: set[str] = set()
    rows: list[list[str]] = []
    last = None
    for line in lines:
        new = {name for planned in _PLANNED.findall(line) for name in planned.split(", ")} - known
        if new:
            known |= new
            groups.append(new)
        targeted = _TARGETED.match(line)
        attempt = targeted and targeted[2]
        told = _MEMO.sub(lambda match: f"memo=[{', '.join(_memo(match[1].split(', '), groups))}]", line)
        if attempt is not None and attempt == last:
            rows[-1].append(told)
        else:
            rows.append([told])
        last = attempt
    return [line for row in rows for line in sorted(row)]


def _memo(names: Sequence[str], groups: Sequence[set[str]]) -> list[str]:
    result = list(names)
    for group in groups:
        places = [number for number, name in enumerate(result) if name.rstrip("!") in group]
        for place, name in zip(places, sorted(result[place] for place in places), strict=True):
            result[place] = name
    return result
