"""CSV (RFC 4180 with line feeds): a row for each event of a trace."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from durascope.models.scenario import Scenario
from durascope.models.trace import Event, Trace
from durascope.models.visible import cell
from durascope.render.exports.jsonl import as_dict


def write(trace: Trace, _scenario: Scenario) -> Iterator[str]:
    """The trace's events under a header; what is not known is empty, a detail with parts is JSON."""
    yield _row(as_dict(0, trace.events[0]) if trace.events else _NO_EVENTS)
    for number, event in enumerate(trace.events):
        yield _row([_cell(value) for value in _values(number, event)])


_NO_EVENTS = ("number", "at_us", "lane", "kind", "workflow", "run", "step", "attempt", "cause", "detail")


def _values(number: int, event: Event) -> list[object]:
    return list(as_dict(number, event).values())


def _row(cells: Iterable[object]) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow(cells)
    return row.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, list):
        return cell(json.dumps(value, ensure_ascii=False))
    return cell(value) if isinstance(value, str) else value
