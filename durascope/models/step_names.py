"""Where a step's name is written: for whoever gives it an `id`, as the steps of other tools have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

ELSEWHERE: Final = ("id", "name", "label", "title")
"""The fields in which other tools (GitHub Actions, Step Functions, Conductor) name a step."""


def naming_help(step: Mapping[str, object], field: str, fields: Collection[str]) -> str:
    """Where the name belongs that stands in `field`, in a step that has these fields; "" where `field` is no name.

    >>> naming_help({"run": "charge", "id": "charge-card"}, "id", ["run", "on"])
    "a step's name follows its kind: `run: charge-card`"
    """
    if field not in ELSEWHERE or field in fields:
        return ""
    if "name" in fields:
        return "did you mean `name`?"
    return f"a step's name follows its kind: `run: {_name(step, field)}`" if "run" in fields else ""


def kindless_help(step: Mapping[str, object], kinds: Collection[str]) -> str:
    """What to write in a step that does not say what it does.

    >>> kindless_help({"id": "charge-card", "on": "stripe"}, ["run", "sleep"])
    'say what it does, as in `run: charge-card`; kinds of step: run, sleep'
    """
    named = next((field for field in ELSEWHERE if isinstance(step.get(field), str)), None)
    example = f"say what it does, as in `run: {_name(step, named)}`; " if named else ""
    return f"{example}kinds of step: {', '.join(kinds)}"


def _name(step: Mapping[str, object], field: str) -> str:
    written = step[field]
    return written if isinstance(written, str) and 0 < len(written) <= 60 and written.isprintable() else "NAME"
