"""What the model has to tell at the end: journals, attempts, events, how invocations ended, and what it all cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from durascope.models.trace import Unconsumed
from durascope.simulators.engine import Findings
from durascope.simulators.restate.billing import counters, limits, total
from durascope.simulators.restate.observer import Observer
from durascope.simulators.restate.store import Invocation, Partition, Status


def findings(
    rows: Sequence[Invocation],
    partitions: Sequence[Partition],
    observer: Observer,
    *,
    most_in_flight: int,
    in_flight_limit: int,
    notes: Iterable[str],
    records: bool,
) -> Findings:
    """Read off the stores; `rows`: the invocations asked for from outside, where records are kept."""
    tally = total(partitions)
    counted = counters(
        tally, partitions, observer, most_in_flight=most_in_flight, in_flight_limit=in_flight_limit
    )  # fmt: skip
    found = Findings(counters=counted, notes=[*notes, *limits(tally)])
    attempts: dict[str, object] = {}
    events: dict[str, object] = {}
    for row in every_row(rows):
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
        if name in observer.attempts:
            attempts[name] = [each.fact for each in observer.attempts[name]]
    if records:
        found.facts = {"attempts": attempts, "events": events}
    return found


def unconsumed(
    accepted: Mapping[tuple[str, str], Sequence[int]], handled: Mapping[tuple[object, str], int]
) -> list[Unconsumed]:
    """Messages for runs that no code of theirs has taken: accepted all the same, and nobody is told.

    `accepted`: by run and event, when each was; `handled`: how many the code has taken.
    """
    return sorted(
        Unconsumed(at, run, event)
        for (run, event), times in accepted.items()
        for at in times[handled.get((run, event), 0) :]
    )


def every_row(rows: Iterable[Invocation]) -> Iterator[Invocation]:
    """Every invocation that was accepted, each followed by what it called."""
    left = list(reversed(list(rows)))
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
