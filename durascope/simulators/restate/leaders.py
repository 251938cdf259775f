"""Who leads which partition: what the metadata server tells everybody (restate.md §1)."""

from __future__ import annotations

from typing import Protocol

from durascope.simulators.restate.log import Record
from durascope.simulators.restate.store import Partition


class Proposing(Protocol):
    """A leader, as those know it who have something for its log."""

    def leads(self, partition: Partition) -> bool:
        """Whether it takes proposals for that partition."""
        ...

    def append(self, partition: Partition, record: Record) -> int:
        """Proposes a record; it has happened when it is committed, at the time returned."""
        ...


class Leaders:
    """The leader of each partition, by its number. It survives."""

    def __init__(self) -> None:
        self._leaders: dict[int, Proposing] = {}

    def elect(self, partition: Partition, leader: Proposing) -> None:
        self._leaders[partition.number] = leader

    def of(self, partition: Partition) -> Proposing | None:
        """The leader that takes proposals now; None while there is none."""
        leader = self._leaders[partition.number]
        return leader if leader.leads(partition) else None
