"""JSON Lines: one object for each event of a trace, in order; `number` is what `cause` refers to."""

from __future__ import annotations

import json
from collections.abc import Iterator

from durascope.models.scenario import Scenario
from durascope.models.trace import Event, Trace


def write(trace: Trace, _scenario: Scenario) -> Iterator[str]:
    """The trace's events; times are microseconds since the start of the simulation."""
    for number, event in enumerate(trace.events):
        yield json.dumps(as_dict(number, event), ensure_ascii=False, separators=(", ", ": ")) + "\n"


def as_dict(number: int, event: Event) -> dict[str, object]:
    """One event as plain data."""
    return {
        "number": number,
        "at_us": event.at,
        "lane": event.lane,
        "kind": event.kind.value,
        "workflow": event.workflow,
        "run": event.run,
        "step": event.step,
        "attempt": event.attempt,
        "cause": event.cause,
        "detail": plain(event.detail),
    }


def plain(detail: object) -> object:
    """The detail as JSON knows it."""
    if detail is None or isinstance(detail, str | int | float | bool):
        return detail
    if isinstance(detail, list | tuple):
        return [plain(each) for each in detail]
    return str(detail)
