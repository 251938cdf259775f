"""Partitions: the lines in which ready items stand, and what makes a line wait.

A line is one function's, or one function's for one value of its concurrency key; starts that are throttled stand in a
line of their own. Lines are made when they are needed and dropped when they are empty.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from durascope.models.scenario import Sdk
from durascope.simulators.inngest.flow import Gcra, throttler
from durascope.simulators.inngest.items import START, Item

Name = tuple[str, str | None, str | None]


class Slot:
    """How many requests run at once under one concurrency limit."""

    __slots__ = ("blocked", "limit", "lines", "name", "used")

    def __init__(self, name: tuple[str, str | None], limit: int) -> None:
        self.name = name
        self.limit = limit
        self.used = 0
        self.lines = 0
        self.blocked: dict[Name, Partition] = {}
        """The lines that wait for one to end."""


class Partition:
    """Ready items, the best score first."""

    __slots__ = ("gate", "heap", "name", "slot", "throttle")

    def __init__(self, name: Name, slot: Slot | None, throttle: Gcra | None) -> None:
        self.name = name
        self.slot = slot
        self.throttle = throttle
        self.heap: list[tuple[int, float, int, Item]] = []
        self.gate = "open"
        """open · slot · throttle: what the line waits for."""


class Partitions:
    """All lines of the queue."""

    def __init__(self, sdk: Sdk) -> None:
        self._sdk = sdk
        self._lines: dict[Name, Partition] = {}
        self._open: dict[Name, Partition] = {}
        self._throttled: list[tuple[int, int, Partition]] = []
        self._slots: dict[tuple[str, str | None], Slot] = {}
        self._throttles: dict[tuple[str, str | None], Gcra] = {}

    @property
    def any_open(self) -> bool:
        return bool(self._open)

    @property
    def throttled_until(self) -> int | None:
        """When the next throttled line may try again."""
        return self._throttled[0][0] if self._throttled else None

    def add(self, item: Item) -> None:
        """An item becomes ready."""
        line = self._line(item)
        item.state = "ready"
        heappush(line.heap, (item.score, item.tie, item.sequence, item))
        if line.gate == "open":
            self._open[line.name] = line

    def unthrottle(self, now: int) -> None:
        while self._throttled and self._throttled[0][0] <= now:
            self._let_go(heappop(self._throttled)[2])

    def take(self, now: int, most: int) -> list[Item]:
        """Items that may go now, over all lines by score."""
        taken: list[Item] = []
        heads = [(line.heap[0], line) for line in self._open.values()]
        heapify(heads)
        while heads and len(taken) < most:
            line = heappop(heads)[1]
            item = self._first(line, now)
            if item is not None:
                taken.append(item)
            if line.gate == "open" and line.heap:
                heappush(heads, (line.heap[0], line))
        return taken

    def release(self, item: Item) -> bool:
        """Gives an item's slot back; whether somebody waited for it."""
        slot: Slot | None = item.slot
        item.slot = None
        if slot is None:
            return False
        slot.used -= 1
        waited = tuple(slot.blocked.values())
        slot.blocked.clear()
        for line in waited:
            self._let_go(line)
        self._forget(slot)
        return bool(waited)

    def _first(self, line: Partition, now: int) -> Item | None:
        """Takes the first of a line, or shuts the line and says nothing."""
        heap = line.heap
        while heap and heap[0][3].state != "ready":
            heappop(heap)
        if not heap:
            self._drop(line)
            return None
        slot = line.slot
        if slot is not None and slot.used >= slot.limit:
            self._shut(line, "slot")
            slot.blocked[line.name] = line
            return None
        retry_at = None if line.throttle is None else line.throttle.admit(now)
        if retry_at is not None:
            self._shut(line, "throttle")
            heappush(self._throttled, (retry_at, heap[0][2], line))
            return None
        item = heappop(heap)[3]
        if slot is not None:
            slot.used += 1
            item.slot = slot
        if not heap:
            self._drop(line)
        return item

    def _shut(self, line: Partition, gate: str) -> None:
        line.gate = gate
        del self._open[line.name]

    def _let_go(self, line: Partition) -> None:
        line.gate = "open"
        if line.heap:
            self._open[line.name] = line
        else:
            self._drop(line)

    def _drop(self, line: Partition) -> None:
        self._open.pop(line.name, None)
        if self._lines.pop(line.name, None) is not None and line.slot is not None:
            line.slot.lines -= 1
            self._forget(line.slot)

    def _forget(self, slot: Slot) -> None:
        if not slot.used and not slot.lines:
            self._slots.pop(slot.name, None)

    def _line(self, item: Item) -> Partition:
        function = item.function
        if function is None or not item.calls:
            return self._lines.setdefault(_SYSTEM, Partition(_SYSTEM, None, None))
        throttle = function.rules.throttle if item.kind == START else None
        name = (function.name, item.concurrency_key, None if throttle is None else f"start {item.throttle_key}")
        line = self._lines.get(name)
        if line is None:
            gcra = None
            if throttle is not None:
                address = (function.name, item.throttle_key)
                gcra = self._throttles.get(address)
                if gcra is None:
                    gcra = self._throttles[address] = throttler(throttle, self._sdk)
            slot = self._slot(item)
            if slot is not None:
                slot.lines += 1
            line = self._lines[name] = Partition(name, slot, gcra)
        return line

    def _slot(self, item: Item) -> Slot | None:
        function = item.function
        concurrency = None if function is None else function.rules.concurrency
        if function is None or concurrency is None:
            return None
        name = (function.name if concurrency.scope == "fn" else concurrency.scope, item.concurrency_key)
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = Slot(name, concurrency.limit)
        return slot


_SYSTEM: Name = ("", None, None)
