"""What kind of difference a verification found: names of the scenario taken out, so that equal rules sort together."""

from __future__ import annotations

import re

from durascope.live.verification import Verification
from durascope.models.differences import Difference
from tests.live.battery.counting import AGREES, CHANCE


def kind_of(found: Verification) -> str:
    """`the record: WorkflowTaskCompleted ≠ WorkflowTaskTimedOut schedule-to-start`, of the first that differs."""
    wrong = [each for differing in found.differences for each in differing]
    if not wrong:
        return CHANCE if found.racy else AGREES
    first = min(wrong, key=lambda each: each.line is None)
    return f"{re.sub(r' of .*', '', first.what)}: {_sides(first)}"


def _sides(difference: Difference) -> str:
    if difference.line is None:
        return f"{_plain(', '.join(difference.predicted))} ≠ {_plain(', '.join(difference.recorded))}"[:120]
    at = difference.line - 1
    predicted = difference.predicted[at] if at < len(difference.predicted) else "nothing more"
    recorded = difference.recorded[at] if at < len(difference.recorded) else "nothing more"
    return f"{_plain(predicted)} ≠ {_plain(recorded)}"


def _plain(line: str) -> str:
    """The line without what the scenario calls its parts: those names are in lower case and have hyphens or digits."""
    without_names = re.sub(
        r"\b(?!schedule-to|start-to|in-progress|non-retry|maximum-att|cancel-req)[a-z]+(-[a-z0-9]+)+\b", "…", line
    )
    return re.sub(r"\d+(\.\d+)?(ms|s)?\b", "N", without_names)
