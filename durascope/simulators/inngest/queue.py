"""The queue: items in their partitions, leased while they are worked on (§10).

    enqueue ──▶ queued, by score ──(a scan, capacity)──▶ leased ──dequeue──▶ gone
                   ▲                                       │
                   ├───────────────── requeue: a retry ────┤
                   └───────────────── scavenger: the lease has ended

All of it is in Redis. It knows neither the time nor luck: whoever scans or enqueues hands them in, and is told from
when on a scan may find something new.
"""

from __future__ import annotations

from heapq import heappop, heappush

from durascope.models.scenario import Sdk
from durascope.simulators.inngest.items import NEXT, Item, State
from durascope.simulators.inngest.partitions import Partitions
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.kernel.states import after


class Queue:
    """Items by job id."""

    def __init__(self, sdk: Sdk, phase: int) -> None:
        self._sdk: Sdk = sdk
        self._phase = phase
        self.flush()

    def flush(self) -> None:
        """Redis has lost its memory."""
        self.items: dict[str, Item] = {}
        self._of_run: dict[str, dict[str, Item | None]] = {}
        """By run and job: the items, None for one that is gone. A job is enqueued once."""
        self._coming: list[tuple[int, int, Item]] = []
        """Items on their way into the queue: starts that the scheduler has not got ready yet."""
        self._partitions = Partitions(self._sdk, self._phase)
        self._sequence = 0

    def enqueue(self, item: Item, now: int) -> int | None:
        """Takes an item; from when on a scan may find it, or None if its job id is known."""
        job = item.job
        if item.run is None:
            if job in self.items:
                return None
        else:
            run = item.run.name
            jobs = self._of_run.get(run)
            if jobs is None:
                self._of_run[run] = {job: item}
            elif job in jobs:
                return None
            else:
                jobs[job] = item
        self.items[job] = item
        if item.found_at > now:
            self._number(item)
            heappush(self._coming, (item.found_at, item.sequence, item))
            return item.found_at
        return self._queue(item)

    def requeue(self, item: Item, due: int) -> int | None:
        """Puts an item into line again, at its due time; from when on a scan may find it, or None: it is gone."""
        if item.state is State.GONE:
            return None
        item.due = due
        item.score = due // 1_000
        return self._queue(item)

    def dequeue(self, item: Item) -> bool:
        """Drops an item; whether that lets others go that were held. Its slot stays taken until `release`."""
        if item.state is State.GONE:
            return False
        item.state = after(NEXT, item.job, item.state, "drop")
        del self.items[item.job]
        if item.run is not None:
            self._of_run[item.run.name][item.job] = None
        return self._partitions.left(item)

    def dequeue_run(self, run: str) -> bool:
        """Drops everything of a run that is over; whether that lets others go that were held."""
        held = False
        for item in self._of_run.pop(run, {}).values():
            if item is not None:
                item.state = after(NEXT, item.job, item.state, "drop")
                del self.items[item.job]
                held |= self._partitions.left(item)
        return held

    # ---- scanning ------------------------------------------------------------------------------------------

    def worth_scanning_at(self) -> int | None:
        """When a scan may find something; None never."""
        at = self._partitions.worth_scanning_at()
        coming = self._coming
        while coming and coming[0][2].state is not State.NEW:
            heappop(coming)
        if coming and (at is None or coming[0][0] < at):
            at = coming[0][0]
        return at

    def lease(self, now: int, most: int) -> list[Item]:
        """A scan: leases what may go now, for 30 s."""
        coming = self._coming
        while coming and coming[0][0] <= now:
            item = heappop(coming)[2]
            if item.state is State.NEW:
                item.state = after(NEXT, item.job, item.state, "queue")
                self._partitions.add(item)
        leased = self._partitions.take(now, most)
        for item in leased:
            item.state = after(NEXT, item.job, item.state, "lease")
            item.generation += 1
            item.leased_at = now
            item.lease_until = now + TIMES.lease
        return leased

    def release(self, item: Item) -> None:
        """Its worker is free again, and so is its slot of the function's concurrency."""
        self._partitions.release(item)

    def leased(self) -> list[Item]:
        """Items that an executor is working on, including those whose executor has died."""
        return [item for item in self.items.values() if item.state is State.LEASED]

    def _queue(self, item: Item) -> int:
        item.state = after(NEXT, item.job, item.state, "queue")
        self._number(item)
        return self._partitions.add(item)

    def _number(self, item: Item) -> None:
        self._sequence += 1
        item.sequence = self._sequence
