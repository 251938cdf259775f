"""What is counted and billed, and how near it comes to the limits (restate.md §17, §18).

A durable action: an invocation counts two, each durable step in between one more, and each started 64 KiB of data one
(prices: `costs-and-criteria.md`, unconfirmed). An invocation is counted when it ends, or as it stands at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durascope.simulators.restate.constants import constant
from durascope.simulators.restate.invocation import Invocation

if TYPE_CHECKING:
    from durascope.simulators.restate.engine import Restate


@dataclass(slots=True)
class Tally:
    """Sums over the invocations of a partition that have ended."""

    invocations: int = 0
    entries: int = 0
    steps: int = 0
    """Commands but Input and Output."""
    results: int = 0
    """Completions of runs."""
    bytes: int = 0
    data_actions: int = 0
    longest: int = 0
    """Entries of the longest journal."""
    largest: int = 0
    """Bytes of the largest journal."""
    largest_entry: int = 0

    def add(self, invocation: Invocation) -> None:
        journal = invocation.journal
        if not len(journal):
            return
        self.invocations += 1
        self.entries += len(journal)
        self.steps += journal.steps
        self.results += journal.results
        self.bytes += journal.bytes
        self.data_actions += int(journal.bytes // constant("action_bytes"))
        self.longest = max(self.longest, len(journal))
        self.largest = max(self.largest, journal.bytes)
        self.largest_entry = max(self.largest_entry, journal.largest)

    def join(self, others: Iterable[Tally]) -> Tally:
        for other in others:
            self.invocations += other.invocations
            self.entries += other.entries
            self.steps += other.steps
            self.results += other.results
            self.bytes += other.bytes
            self.data_actions += other.data_actions
            self.longest = max(self.longest, other.longest)
            self.largest = max(self.largest, other.largest)
            self.largest_entry = max(self.largest_entry, other.largest_entry)
        return self


def actions(tally: Tally) -> int:
    """Billable actions: input and output of an invocation are its two; every other command is a durable step."""
    return 2 * tally.invocations + tally.steps + tally.data_actions


def total(engine: Restate) -> Tally:
    """Over all invocations, those in flight as they stand."""
    tally = Tally().join(partition.tally for partition in engine.partitions)
    for partition in engine.partitions:
        for row in partition.invocations.values():
            if row.ended is None:
                tally.add(row)
    return tally


def counters(engine: Restate) -> dict[str, float]:
    tally = total(engine)
    commits = sum(partition.log.records for partition in engine.partitions)
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
        "most_invocations_in_flight": max(node.invoker.most_in_flight for node in engine.nodes),
        "invocation_limit_share": max(node.invoker.most_in_flight for node in engine.nodes)
        / engine.options.server.concurrent_invocations,
        "attempts": engine.observer.count,
        "replayed_entries": engine.observer.replayed,
    }


def limits(engine: Restate) -> list[str]:
    """Notes about limits that were passed."""
    tally = total(engine)
    notes: list[str] = []
    if tally.largest_entry > constant("record_limit_bytes"):
        notes.append(f"a result of {tally.largest_entry} bytes is above the limit of a record (32 MiB): it is rejected")
    elif tally.largest_entry > constant("record_warning_bytes"):
        notes.append(f"a result of {tally.largest_entry} bytes is above the size that is warned about (10 MiB)")
    return notes
