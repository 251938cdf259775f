"""What is counted and billed, and how near it comes to the limits (restate.md §17, §18).

A durable action: an invocation counts two, each durable step in between one more, and each started 64 KiB of data one
(prices: `costs-and-criteria.md`, unconfirmed). An invocation is counted when it ends, or as it stands at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from durascope.simulators.restate.constants import constant
from durascope.simulators.restate.observer import Observer
from durascope.simulators.restate.store import Partition
from durascope.simulators.restate.tally import Tally


def actions(tally: Tally) -> int:
    """Billable actions: input and output of an invocation are its two; every other command is a durable step."""
    return 2 * tally.invocations + tally.steps + tally.data_actions


def total(partitions: Sequence[Partition]) -> Tally:
    """Over all invocations, those in flight as they stand."""
    tally = Tally().join(partition.tally for partition in partitions)
    for partition in partitions:
        for row in partition.invocations.values():
            if row.ended is None:
                tally.add(row.journal)
    return tally


def counters(
    tally: Tally, partitions: Sequence[Partition], observer: Observer, *, most_in_flight: int, in_flight_limit: int
) -> dict[str, float]:
    """As reports show them; shares of limits are between 0 and 1 (above: the limit was passed)."""
    commits = sum(partition.log.records for partition in partitions)
    return {
        "invocations": tally.invocations,
        "billable_actions": actions(tally),
        "commits": commits,
        "commits_per_step": commits / tally.results if tally.results else 0.0,
        "journal_entries": tally.entries,
        "journal_bytes": tally.bytes,
        "longest_journal_entries": tally.longest,
        "largest_journal_bytes": tally.largest,
        "largest_record_bytes": tally.largest_entry,
        "record_limit_share": tally.largest_entry / constant("record_limit_bytes"),
        "most_invocations_in_flight": most_in_flight,
        "invocation_limit_share": most_in_flight / in_flight_limit,
        "attempts": observer.count,
        "replayed_entries": observer.replayed,
    }


def limits(tally: Tally) -> list[str]:
    """Notes about limits that were passed."""
    notes: list[str] = []
    if tally.largest_entry > constant("record_limit_bytes"):
        notes.append(f"a result of {tally.largest_entry} bytes is above the limit of a record (32 MiB): it is rejected")
    elif tally.largest_entry > constant("record_warning_bytes"):
        notes.append(f"a result of {tally.largest_entry} bytes is above the size that is warned about (10 MiB)")
    return notes
