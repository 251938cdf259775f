"""The queue: items that wait for their time, in partitions when it is near, leased while they are worked on (§10).

    enqueue ──▶ waiting ──(due within 2 s)──▶ ready, by score ──lease──▶ leased ──dequeue──▶ gone
                   ▲                                                       │
                   ├───────────────── requeue: a retry ────────────────────┤
                   └───────────────── scavenger: the lease has ended ──────┘

All of it is in Redis. It knows neither the time nor luck: whoever scans or enqueues hands them in.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from durascope.models.scenario import Sdk
from durascope.simulators.inngest.items import Item
from durascope.simulators.inngest.partitions import Partitions
from durascope.simulators.inngest.settings import TIMES


class Queue:
    """Items by job id."""

    def __init__(self, sdk: Sdk) -> None:
        self.items: dict[str, Item] = {}
        self.poller: Callable[[int], None] | None = None
        """Who scans it, told when a scan is worth while: the model's short cut for a scan at every tick."""
        self._of_run: dict[str, dict[str, Item | None]] = {}
        """By run and job: the items, None for one that is gone. A job is enqueued once."""
        self._waiting: list[tuple[int, int, Item]] = []
        self._partitions = Partitions(sdk)
        self._sequence = 0

    def enqueue(self, item: Item) -> bool:
        """Takes an item; False where its job id is known."""
        job = item.job
        if item.run is None:
            if job in self.items:
                return False
        else:
            run = item.run.name
            jobs = self._of_run.get(run)
            if jobs is None:
                self._of_run[run] = {job: item}
            elif job in jobs:
                return False
            else:
                jobs[job] = item
        self.items[job] = item
        self._wait(item)
        return True

    def requeue(self, item: Item, due: int, found_at: int) -> None:
        """Puts a leased item back; one that is gone stays gone."""
        if item.state != "gone":
            item.due = due
            item.found_at = found_at
            self._wait(item)

    def reschedule(self, item: Item, due: int) -> bool:
        """Moves the time of an item that nobody works on yet."""
        if item.state != "waiting":
            return False
        item.due = due
        item.found_at = due - TIMES.lookahead
        self._wait(item)
        return True

    def dequeue(self, item: Item) -> None:
        """Drops an item. Where it is worked on, its slot stays taken until `release`."""
        if item.state == "gone":
            return
        item.state = "gone"
        del self.items[item.job]
        if item.run is not None:
            self._of_run[item.run.name][item.job] = None

    def dequeue_run(self, run: str) -> None:
        """Drops everything of a run that is over."""
        for item in self._of_run.pop(run, {}).values():
            if item is not None:
                item.state = "gone"
                del self.items[item.job]

    # ---- scanning ------------------------------------------------------------------------------------------

    def worth_scanning_at(self) -> int | None:
        """When a scan finds something: 0 at once, None never."""
        if self._partitions.any_open:
            return 0
        waiting = self._waiting
        while waiting and not self._current(waiting[0]):
            heappop(waiting)
        times = [waiting[0][0]] if waiting else []
        if self._partitions.throttled_until is not None:
            times.append(self._partitions.throttled_until)
        return min(times) if times else None

    def lease(self, now: int, most: int) -> list[Item]:
        """A scan: leases what may go now, for 30 s."""
        partitions, waiting = self._partitions, self._waiting
        while waiting and waiting[0][0] <= now:
            entry = heappop(waiting)
            if self._current(entry):
                partitions.add(entry[2])
        partitions.unthrottle(now)
        leased = partitions.take(now, most)
        for item in leased:
            item.state = "leased"
            item.generation += 1
            item.leased_at = now
            item.lease_until = now + TIMES.lease
        return leased

    def release(self, item: Item) -> None:
        """Its worker is free again, and so is its slot of the function's concurrency."""
        if self._partitions.release(item) and self.poller is not None:
            self.poller(0)

    def leased(self) -> list[Item]:
        """What somebody is working on, or was when he died."""
        return [item for item in self.items.values() if item.state == "leased"]

    def _wait(self, item: Item) -> None:
        item.state = "waiting"
        self._sequence += 1
        item.sequence = self._sequence
        heappush(self._waiting, (item.found_at, item.sequence, item))
        if self.poller is not None:
            self.poller(item.found_at)

    @staticmethod
    def _current(entry: tuple[int, int, Item]) -> bool:
        """Whether an entry of the waiting list still stands for its item."""
        item = entry[2]
        return item.state == "waiting" and item.sequence == entry[1]
