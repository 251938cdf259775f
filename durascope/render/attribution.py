"""To what an event belongs that does not say so: the step that it is about, and the run that it wakes."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.spans import BACKOFF
from durascope.models.trace import Kind, Trace


def steps_meant(trace: Trace) -> Mapping[int, str | None]:
    """By the number of an event: its step; where it names none, the only one that it leads to, else the one that it
    comes of."""
    events = trace.events
    leads: dict[int, set[str]] = {}
    for _, event in trace.of_kind(Kind.STEP_STARTED):
        at = event.cause
        while at is not None and events[at].step in (None, event.step) and event.step is not None:
            steps = leads.setdefault(at, set())
            if event.step in steps:
                break  # and so does all that led to it
            steps.add(event.step)
            at = events[at].cause

    found: dict[int, str | None] = {}
    for number, event in enumerate(events):  # a cause comes before what it leads to: each chain is walked only once
        if event.step not in (None, BACKOFF):
            found[number] = event.step
        elif len(mine := leads.get(number, ())) == 1:
            found[number] = next(iter(mine))
        else:
            found[number] = None if event.cause is None else found[event.cause]
    return found


def runs_woken(trace: Trace) -> dict[str | None, str]:
    """What is handled as an execution of its own and is no run, with the run that it wakes: a message that arrives."""
    runs = {run.name for run in trace.runs}
    found: dict[str | None, str] = {}
    for event in trace.events:
        cause = None if event.cause is None else trace.events[event.cause].run
        if event.run in runs and cause is not None and cause not in runs:
            found.setdefault(cause, event.run)
    return found
