"""When a recorded history counts as the predicted one: line for line; of a racy case without its workflow tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durascope.live.judging import Alike, exactly
from durascope.models.cases import Case


def judge(case: Case | None) -> Alike:
    """How the recordings of a case are judged."""
    return _same_lines_in_any_order if case is not None and case.racy else exactly


def _same_lines_in_any_order(_run: str, predicted: Sequence[str], recorded: Sequence[str]) -> bool:
    """The same lines, leaving out the workflow tasks (conformance/temporal/README.md, `racy`)."""
    return _without_tasks(predicted) == _without_tasks(recorded)


_TASK: Final = "WorkflowTask"


def _without_tasks(lines: Sequence[str]) -> list[str]:
    return sorted(line for line in lines if not line.startswith(_TASK))
