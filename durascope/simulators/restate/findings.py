"""What the model has to tell at the end: journals, attempts, events, how invocations ended, and what it all cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from durascope.models.trace import Unconsumed
from durascope.simulators.engine import Findings
from durascope.simulators.restate.billing import counters, limits
from durascope.simulators.restate.invocation import Invocation, Status
from durascope.simulators.restate.tables import invocations

if TYPE_CHECKING:
    from durascope.simulators.restate.engine import Restate


def findings(engine: Restate) -> Findings:
    """Read off the stores; nothing of it is kept where only metrics were asked for."""
    found = Findings(counters=counters(engine), notes=[*engine.said, *limits(engine)])
    if engine.records:
        found.unconsumed = unconsumed(engine)
    attempts: dict[str, object] = {}
    events: dict[str, object] = {}
    for row in every_row(engine):
        name = row.name
        status = status_of(row)
        if status is None:
            continue
        found.status[name] = status
        if status in ("attached", "refused"):
            continue
        found.records[name] = row.journal.lines if status != "removed" else []
        if row.events:
            events[name] = [each.line for each in row.events]
        if name in engine.observer.attempts:
            attempts[name] = [each.fact for each in engine.observer.attempts[name]]
    if engine.records:
        found.facts = {"attempts": attempts, "events": events}
        if engine.world.full:
            found.facts["invocations"] = invocations(engine, every_row(engine))
    return found


def unconsumed(engine: Restate) -> list[Unconsumed]:
    """Messages for runs that no code of theirs has taken: accepted all the same, and nobody is told."""
    return sorted(
        Unconsumed(at, run, event)
        for (run, event), times in engine.accepted.items()
        for at in times[engine.app_code.handled.get((run, event), 0) :]
    )


def every_row(engine: Restate) -> Iterator[Invocation]:
    """Every invocation that was accepted, each followed by what it called."""
    left = list(reversed(engine.rows))
    while left:
        row = left.pop()
        yield row
        left += reversed(row.children or ())


def status_of(row: Invocation) -> str | None:
    """In the words of the cases; None: it was never accepted."""
    if row.ended is not None:
        return row.ended
    if row.status is Status.FREE:
        return None
    return "paused" if row.status is Status.PAUSED else "running"
