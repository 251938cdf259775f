"""When a recorded run counts as the predicted one: members that are dispatched together come in any order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from durascope.live.judging import Alike
from durascope.models.cases import Case


def judge(_case: Case | None) -> Alike:
    """How recordings are judged, of a case or not."""
    return _with_free_members


_MEMO: Final = re.compile(r"memo=\[([^\]]*)\]")
_TARGETED: Final = re.compile(r"POST (?!step )(.+?) attempt=(\d+)")
_PLANNED: Final = re.compile(r"StepPlanned ([^;]+?)(?=;|$)")


def _with_free_members(_run: str, predicted: Sequence[str], recorded: Sequence[str]) -> bool:
    """Members that are dispatched together come and complete in any order (conformance/inngest/README.md)."""
    return list(predicted) == list(recorded) or _members(predicted) == _members(recorded)


def _members(lines: Sequence[str]) -> list[str]:
    """Rows of targeted requests sorted, and in each memo the names that were planned together."""
    groups: list[set[str]] = []
    known: set[str] = set()
    rows: list[list[str]] = []
    last = None
    for line in lines:
        for planned in _PLANNED.findall(line):
            new = set(planned.split(", ")) - known
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
