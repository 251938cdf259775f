"""A partition: one log and the store that is made of it (invocations, objects, timers, outbox). Durable.

The store is a cache of the log (restate.md §1): both survive the death of the process that leads the partition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from durascope.simulators.restate.billing import Tally
from durascope.simulators.restate.invocation import Invocation
from durascope.simulators.restate.log import PartitionLog
from durascope.simulators.restate.objects import VirtualObject

if TYPE_CHECKING:
    from durascope.simulators.restate.processor import PartitionProcessor


class Timer(NamedTuple):
    """A row of the timer table: what its record does once it is due."""

    due: int
    label: str
    invocation: Invocation
    apply: Callable[..., Any]
    args: tuple[Any, ...]


class Message(NamedTuple):
    """A row of the outbox: what its record does in the log of the partition that it goes to."""

    to: Partition
    apply: Callable[..., Any]
    args: tuple[Any, ...]


@dataclass(slots=True, eq=False)
class Partition:
    """One partition's log and tables, and who leads it now."""

    number: int
    log: PartitionLog
    leader: PartitionProcessor
    invocations: dict[str, Invocation] = field(default_factory=dict[str, Invocation])
    objects: dict[tuple[str, str], VirtualObject] = field(default_factory=dict[tuple[str, str], VirtualObject])
    timers: dict[int, Timer] = field(default_factory=dict[int, Timer])
    outbox: dict[int, Message] = field(default_factory=dict[int, Message])
    idempotency: dict[tuple[str, str | None, str], Invocation] = field(
        default_factory=dict[tuple[str, str | None, str], Invocation]
    )
    """By handler, key and idempotency key; a workflow's run is found by its key alone."""
    tally: Tally = field(default_factory=Tally)
    sequence: int = 0

    def next(self) -> int:
        """The next sequence number of a timer or a message."""
        self.sequence += 1
        return self.sequence

    def vobject(self, service: str, key: str) -> VirtualObject:
        found = self.objects.get((service, key))
        if found is None:
            found = self.objects[service, key] = VirtualObject(service, key)
        return found


def partition_number(key: str, partitions: int) -> int:
    """Which partition a key belongs to (restate.md §2): its hash."""
    return crc32(key.encode()) % partitions
