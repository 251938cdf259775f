"""Partitions: the lines in which items stand, one a function, and what makes a line wait (inngest.md §10, queue/).

    scan ──▶ partition ──(held: not before trunc(now) + 4 s)──▶ skipped
                 └──▶ its items by score, due before trunc(now) + 1 s ──▶ capacity? ──▶ leased
                                                                            └── no: the partition is held

A scan goes through a partition in the order of scores. An item under a limit of the whole function stops it there; one
under the limit of a key, or throttled, is passed over. A partition that met a concurrency limit is put back to
trunc(now) + 5 s, which the scans come to a second early; only an item of it that leaves the queue for good brings it
forward. Capacity is acquired under the item's id, idempotently for 5 s: a retry within that time passes every limit.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from durascope.models.flow import Concurrency
from durascope.models.scenario import Sdk
from durascope.models.units import MILLISECOND, SECOND
from durascope.simulators.inngest.flow import Gcra, throttler
from durascope.simulators.inngest.functions import Function
from durascope.simulators.inngest.items import BATCH, CANCEL, DEBOUNCE, START, Item, State
from durascope.simulators.inngest.settings import TIMES

_LOOKAHEAD = TIMES.partition_lookahead
_HELD = TIMES.limit_requeue - _LOOKAHEAD
_IDEMPOTENT = TIMES.capacity_idempotency
_QUEUED = State.QUEUED

Entry = tuple[int, float, int, Item]
"""Score in milliseconds, tie, sequence, item."""
LaneName = tuple[str | None, str | None, str | None]


class Slot:
    """How many requests run at once under one concurrency limit."""

    __slots__ = ("custom", "limit", "used")

    def __init__(self, limit: int, *, custom: bool) -> None:
        self.limit = limit
        self.custom = custom
        """Of a key: an item that it holds up is passed over; else it stops the scan of the function."""
        self.used = 0


class Lane:
    """Items of a partition that share a concurrency key and a throttle key, the best score first.

    Starts, retries and all others have lanes of their own: only starts are throttled, only retries may pass a limit.
    """

    __slots__ = ("again", "heap", "name", "partition", "shut_until", "slot", "throttle")

    def __init__(self, partition: Partition, name: LaneName, slot: Slot | None, throttle: Gcra | None) -> None:
        self.partition = partition
        self.name = name
        self.again = name[0] == "again"
        """Its items have had capacity before, and may still pass."""
        self.slot = slot
        self.throttle = throttle
        self.heap: list[Entry] = []
        self.shut_until = 0
        """When its throttle lets the next one through."""

    def head(self) -> Entry | None:
        heap = self.heap
        while heap:
            entry = heap[0]
            item = entry[3]
            if item.state is _QUEUED and item.sequence == entry[2]:
                return entry
            heappop(heap)  # its item is gone, or stands somewhere else by now
        return None


class Partition:
    """A function's items, or those of a system queue."""

    __slots__ = ("held_until", "lanes")

    def __init__(self) -> None:
        self.lanes: dict[LaneName, Lane] = {}
        self.held_until = -1
        """Scans do not look at it until after that."""


class Partitions:
    """All partitions of the queue."""

    def __init__(self, sdk: Sdk, phase: int) -> None:
        self._sdk: Sdk = sdk
        self._phase = phase
        self._partitions: dict[str, Partition] = {}
        self._slots: dict[tuple[str, str | None], Slot] = {}
        self._throttles: dict[tuple[str, str | None], Gcra] = {}

    def add(self, item: Item) -> int:
        """An item stands in line; when a scan may find it."""
        partition = self._partition(item)
        lane = self._lane(partition, item)
        heappush(lane.heap, (item.score, item.tie, item.sequence, item))
        return max(partition.held_until + 1, self._peeked_from(item.score))

    def left(self, item: Item) -> bool:
        """An item has left the queue for good: its partition is looked at again; whether it was held."""
        partition = self._partitions.get(_name(item))
        if partition is None or partition.held_until < 0:
            return False
        partition.held_until = -1
        return True

    def worth_scanning_at(self) -> int | None:
        """When a scan may find something; None: never."""
        found: int | None = None
        for partition in self._partitions.values():
            empty: list[LaneName] = []
            for name, lane in partition.lanes.items():
                head = lane.head()
                if head is None:
                    if name[1] is not None or name[2] is not None:
                        empty.append(name)  # the lanes of keys come and go
                    continue
                at = max(partition.held_until + 1, lane.shut_until, self._peeked_from(head[0]))
                if found is None or at < found:
                    found = at
            for name in empty:
                del partition.lanes[name]
        return found

    def take(self, now: int, most: int) -> list[Item]:
        """A scan: the items that may go now, over all partitions by score."""
        until = (self._whole(now) + _LOOKAHEAD) // MILLISECOND
        heads: list[tuple[Entry, Lane]] = []
        for partition in self._partitions.values():
            if now > partition.held_until:
                partition.held_until = -1
                for lane in partition.lanes.values():
                    if now >= lane.shut_until:
                        _next(lane, until, heads)
        heapify(heads)
        taken: list[Item] = []
        passed_over: list[tuple[Lane, Entry]] = []
        stopped: set[Partition] = set()
        limited: set[Partition] = set()
        while heads and len(taken) < most:
            entry, lane = heappop(heads)
            if lane.partition in stopped:
                continue
            if self._acquired(lane, entry[3], now):
                heappop(lane.heap)
                taken.append(entry[3])
                _next(lane, until, heads, push=True)
            elif lane.shut_until <= now:
                limited.add(lane.partition)
                if lane.slot is not None and not lane.slot.custom:
                    stopped.add(lane.partition)
                elif lane.again:
                    passed_over.append((lane, heappop(lane.heap)))
                    _next(lane, until, heads, push=True)
        for lane, entry in passed_over:
            heappush(lane.heap, entry)
        for partition in limited:
            partition.held_until = self._whole(now) + _HELD
        return taken

    def release(self, item: Item) -> None:
        """Gives an item's slot back. Nobody is told: whoever waits for it is found by a scan."""
        slot: Slot | None = item.slot
        item.slot = None
        if slot is not None:
            slot.used -= 1

    def _whole(self, now: int) -> int:
        """The last whole second of the server's clock."""
        return (now + self._phase) // SECOND * SECOND - self._phase

    def _peeked_from(self, score: int) -> int:
        """From when on a scan, which looks up to trunc(now) + 1 s, finds an item of that score."""
        return self._whole(score * MILLISECOND + SECOND - 1) - _LOOKAHEAD

    def _acquired(self, lane: Lane, item: Item, now: int) -> bool:
        """Acquires capacity for an item (constraintapi, acquire.lua)."""
        if item.acquired_at is not None and now < item.acquired_at + _IDEMPOTENT:
            return True
        slot = lane.slot
        if slot is not None and slot.used >= slot.limit:
            return False
        if lane.throttle is not None:
            retry_at = lane.throttle.admit(now)
            if retry_at is not None:
                lane.shut_until = retry_at
                return False
        item.acquired_at = now
        if slot is not None:
            slot.used += 1
            item.slot = slot
        return True

    def _partition(self, item: Item) -> Partition:
        name = _name(item)
        partition = self._partitions.get(name)
        if partition is None:
            partition = self._partitions[name] = Partition()
        return partition

    def _lane(self, partition: Partition, item: Item) -> Lane:
        if item.acquired_at is not None:
            name = ("again", item.concurrency_key, None)
        elif item.kind == START:
            name = ("start", item.concurrency_key, item.throttle_key)
        else:
            name = (None, item.concurrency_key, None)
        lane = partition.lanes.get(name)
        if lane is None:
            throttle = self._throttle(item) if name[0] == "start" else None
            lane = partition.lanes[name] = Lane(partition, name, self._slot(item), throttle)
        return lane

    def _throttle(self, item: Item) -> Gcra | None:
        function = item.function
        if function is None or function.rules.throttle is None:
            return None
        address = (function.name, item.throttle_key)
        gcra = self._throttles.get(address)
        if gcra is None:
            gcra = self._throttles[address] = throttler(function.rules.throttle, self._sdk)
        return gcra

    def _slot(self, item: Item) -> Slot | None:
        function = item.function
        if function is None or item.kind in _SYSTEM:
            return None
        concurrency = function.rules.concurrency
        if concurrency is None or (item.kind == DEBOUNCE and concurrency.key is not None):
            return None
        name = (_scope(function, concurrency), item.concurrency_key)
        slot = self._slots.get(name)
        if slot is None:
            custom = concurrency.key is not None or concurrency.scope != "fn"
            slot = self._slots[name] = Slot(concurrency.limit, custom=custom)
        return slot


_SYSTEM = frozenset((CANCEL, BATCH))
"""Kinds of items that have queues of the system's own; all others stand in their function's."""


def _name(item: Item) -> str:
    if item.function is None or item.kind == CANCEL:
        return ":cancel"
    return f":batch {item.function.name}" if item.kind == BATCH else item.function.name


def _scope(function: Function, concurrency: Concurrency) -> str:
    return function.name if concurrency.scope == "fn" else concurrency.scope


def _next(lane: Lane, until: int, heads: list[tuple[Entry, Lane]], *, push: bool = False) -> None:
    head = lane.head()
    if head is not None and head[0] <= until:
        if push:
            heappush(heads, (head, lane))
        else:
            heads.append((head, lane))
