"""What holds in every simulation, whatever was asked and whatever was killed."""

from __future__ import annotations

from collections import Counter

from durascope.models.laws import broken
from durascope.models.trace import STATUSES, Kind, Trace


def lawful(trace: Trace) -> None:
    """The laws of `durascope check-trace`, and the books: effects, results, ends and statuses agree."""
    found = broken(trace.events)
    assert not found, found[0]
    _causes_come_first(trace)
    counted = Counter(entry.step for entry in trace.ledger if not entry.deduplicated)
    assert counted == {step: count for step, count in trace.effects.items() if count}
    assert set(trace.status.values()) <= set(STATUSES)
    for run in trace.runs:
        assert (run.ended_at is None) == (run.status in ("running", "paused", "lost")), run


def acted(trace: Trace) -> None:
    """No result without its effect: holds where every step has one of its own."""
    happened: Counter[tuple[str | None, str | None]] = Counter()
    for event in trace.events:
        key = (event.run, event.step)
        if event.kind is Kind.STEP_AFTER_EFFECT:
            happened[key] += 1
        elif event.kind is Kind.STEP_REPORTED:
            assert happened[key], f"{key} reported a result without ever having had its effect"


def _causes_come_first(trace: Trace) -> None:
    for number, event in enumerate(trace.events):
        if event.cause is not None:
            assert 0 <= event.cause < number
            assert trace.events[event.cause].at <= event.at
