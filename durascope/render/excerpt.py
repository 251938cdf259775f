"""The beginning of a trace that is too long to be looked at, and a note that says so.

A run that is stuck may try again for a year; what it does is seen in the first few times.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durascope.models.effects import Recovery, recoveries
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import spans
from durascope.models.trace import Kind, Trace
from durascope.models.waits import longest

MAX_EVENTS: Final = 20_000
JUDGED: Final = 300_000
"""Interruptions are looked for in this many events, even if fewer are drawn."""
_READABLE: Final = 100_000
"""To draw a single run, at most this many events are read."""
STUCK: Final = 600
"""A trace is stuck when this many events follow the last one that made progress."""
SEEN: Final = 48
"""How many of them are kept; the rest repeats them."""
_PROGRESS: Final = frozenset(
    {
        Kind.RUN_STARTED, Kind.RUN_ENDED, Kind.STEP_RECORDED, Kind.STEP_AFTER_EFFECT, Kind.EVENT_RECEIVED,
        Kind.DEPLOYED, Kind.CRASHED, Kind.RESTARTED, Kind.HUNG, Kind.RESUMED, Kind.OUTAGE_STARTED, Kind.OUTAGE_ENDED,
        Kind.CUT, Kind.HEALED,
    }
)  # fmt: skip


def excerpt(trace: Trace, *, limit: int = MAX_EVENTS) -> Trace:
    """The trace itself, or its beginning: up to where it only repeats itself, at most `limit` events.

    What is left out is in its notes.
    """
    last = len(trace.events) - 1
    while last > 0 and trace.events[last].kind not in _PROGRESS:
        last -= 1
    stuck = len(trace.events) - last > STUCK
    kept = min(limit, last + SEEN) if stuck else limit
    if len(trace.events) <= kept:
        return trace
    events = trace.events[:kept]
    end = events[-1].at
    why = f"after {spell(trace.events[last].at)} there is no more progress; " if stuck and kept > last else ""
    left = len(trace.events) - kept
    note = f"{why}shown up to {spell(end)}, without the {left} more events up to {spell(trace.ended_at)}."
    runs = [
        run if run.ended_at is None or run.ended_at <= end else replace(run, ended_at=None)
        for run in trace.runs
        if run.started_at <= end
    ]
    ledger = [entry for entry in trace.ledger if entry.at <= end]
    return replace(trace, events=events, ended_at=end, runs=runs, ledger=ledger, notes=(note, *trace.notes))


def shows(trace: Trace, worst: Recovery | None) -> Trace:
    """The excerpt, with all events of the run that stood still longest unless those are far too many."""
    if worst is None or len(trace.events) <= MAX_EVENTS:
        return excerpt(trace)
    last = next(n for n in range(len(trace.events) - 1, -1, -1) if trace.events[n].run == worst.run)
    return excerpt(trace, limit=min(max(last + 1, MAX_EVENTS), _READABLE))


def of_one_run(trace: Trace, worst: Recovery | None) -> Trace:
    """The whole trace if only one run is drawn and counted, unless it is far too long."""
    return trace if len(trace.events) <= _READABLE else shows(trace, worst)


def judged(trace: Trace) -> Trace:
    """The part of the trace in which findings are looked for."""
    return excerpt(trace, limit=JUDGED)


def worst_of(trace: Trace, scenario: Scenario) -> Recovery | None:
    """The longest interruption in the whole trace, however much of it is drawn."""
    return longest(interruptions(trace, judged(trace), scenario))


def interruptions(trace: Trace, kept: Trace, scenario: Scenario) -> list[Recovery]:
    """Those of what is kept. A run that goes on after that and ends has not stood still for ever; and one that never
    ends for a reason of its own has not recovered, whatever interrupted it."""
    ended = {run.name for run in trace.runs if run.ended_at is not None} if kept is not trace else set[str]()
    stuck = {why.run for why in trace.unended}
    found = recoveries(kept, spans(kept, scenario))
    return [each for each in found if each.run not in (ended if each.until is None else stuck)]
