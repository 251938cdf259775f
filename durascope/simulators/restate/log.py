"""The partition's log: the commit point of everything (restate.md §1, Bifrost).

An operation has happened when its record is committed, `commit` after it was appended; records are applied in one
order. What was appended but is not committed when the process dies is lost with it; what is committed but not yet
applied is applied after the restart. Records are data: what they do is up to who applies them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from durascope.models.units import Spread
from durascope.simulators.kernel.world import World

Record = tuple[Any, ...]
"""One of `records`."""


class Reader(Protocol):
    """Who appends to the log and reads it back: the partition's leader."""

    world: World
    incarnation: int

    def after(self, delay: int, fn: Callable[..., Any], *args: Any) -> Any:
        """Calls it after that many microseconds, unless the process has died by then."""
        ...

    def apply(self, record: Record) -> None:
        """Does what the record says."""
        ...


class PartitionLog:
    """One partition's records: in flight (volatile), committed and not yet applied (durable), and a count."""

    __slots__ = ("_batch", "_batch_at", "_commit", "_committed_at", "_number", "committed", "records")

    def __init__(self, number: int, commit: Spread) -> None:
        self.committed: deque[Record] = deque()
        self.records = 0
        """How many have been committed."""
        self._number = number
        self._commit = commit
        self._batch: list[Record] = []
        self._batch_at: tuple[int, int] = (-1, 0)
        self._committed_at = 0

    def append(self, leader: Reader, record: Record) -> int:
        """Appends a record; the leader applies it at the time returned."""
        now = leader.world.now
        at = (now, leader.incarnation)
        if at == self._batch_at:  # what is appended at one instant is committed as one batch
            self._batch.append(record)
            return self._committed_at
        self._batch = [record]
        self._batch_at = at
        commit = self._commit
        fixed = commit.shape == "fixed"
        delay = (
            commit.values[0] if fixed else leader.world.luck.sample(commit, "commit", self._number, self.records, now)
        )
        committed_at = self._committed_at = max(now + delay, self._committed_at)
        leader.after(committed_at - now, self._commit_batch, leader, self._batch)
        return committed_at

    def _commit_batch(self, leader: Reader, batch: list[Record]) -> None:
        self._batch_at = (-1, 0)
        self.records += len(batch)
        self.committed += batch
        self.apply(leader)

    def apply(self, leader: Reader) -> None:
        """Applies what is committed, in order; each record is one transaction of the store."""
        committed = self.committed
        while committed:
            leader.apply(committed.popleft())
            leader.world.cut()
