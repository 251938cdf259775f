"""What is counted of the invocations of a partition that have ended: the ground of the bill (restate.md §17)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from durascope.simulators.restate.constants import constant
from durascope.simulators.restate.journal import Journal


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

    def add(self, journal: Journal) -> None:
        """Counts one invocation in, by its journal."""
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
