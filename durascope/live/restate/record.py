"""What Restate's tables say about a scenario's invocations, by the scenario's own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from durascope.importing.restate import rows
from durascope.live.restate.outside import Started

Journals = Mapping[str, Sequence[rows.Row]]
"""By invocation."""


def all_of(started: Mapping[str, Started], journals: Journals) -> Iterator[tuple[str, str]]:
    """Every invocation by name, each followed by what it has called."""
    for name, each in started.items():
        yield name, each.invocation
        yield from _called(name, each.invocation, journals)


def _called(name: str, invocation: str, journals: Journals) -> Iterator[tuple[str, str]]:
    for number, child in enumerate(rows.called(journals.get(invocation, [])), 1):
        yield f"{name}.{number}", child
        yield from _called(f"{name}.{number}", child, journals)


def lasts(named: Mapping[str, str], invocations: Mapping[str, rows.Row]) -> Iterator[tuple[str, int]]:
    """The duration of each invocation that is completed, in microseconds."""
    for name, each in named.items():
        row = invocations.get(each, {})
        if row.get("completed_at"):
            lasted = datetime.fromisoformat(row["completed_at"]) - datetime.fromisoformat(row["created_at"])
            yield name, lasted // timedelta(microseconds=1)


def by_id(found: Sequence[rows.Row]) -> dict[str, list[rows.Row]]:
    result: dict[str, list[rows.Row]] = {}
    for row in found:
        result.setdefault(str(row["id"]), []).append(row)
    return result
