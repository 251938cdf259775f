"""Batches: several events start one run (inngest.md §10; pkg/execution/batch).

event ─▶ buffer in memory, 500 ms or a full batch ─▶ batch in Redis ─▶ full: a run at once
                                                                   └─▶ timeout: a run of what there is
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.flow import key_of
from durascope.simulators.inngest.functions import Function
from durascope.simulators.inngest.items import BATCH, Item
from durascope.simulators.inngest.stores import BatchEntry

if TYPE_CHECKING:
    from durascope.simulators.inngest.engine import Inngest
    from durascope.simulators.inngest.runner import Runner

Address = tuple[str, str | None]


class BatchBuffer:
    """The runner's memory of events that no batch in Redis has yet; it dies with the server."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._buffers: dict[Address, list[Event]] = {}

    def append(self, function: Function, event: Event) -> None:
        batch = function.rules.batch
        assert batch is not None
        address = (function.name, key_of(batch.key, event.data))
        events = self._buffers.setdefault(address, [])
        events.append(event)
        if len(events) >= batch.max_size:
            self._flush(function, address, events)
        elif len(events) == 1:
            wait = min(self._runner.engine.delay("batch_buffer", event.number), batch.timeout)
            self._runner.after(wait, self._flush, function, address, events)

    def _flush(self, function: Function, address: Address, events: list[Event]) -> None:
        if self._buffers.get(address) is events:
            del self._buffers[address]
            self._runner.engine.batcher.append(function, address, events)


class Batcher:
    """Batches in Redis."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine

    def append(self, function: Function, address: Address, events: list[Event]) -> None:
        """Adds events; those that are too many begin the next batch."""
        batch = function.rules.batch
        assert batch is not None
        for event in events:
            entry = self._entry(function, address, batch.timeout)
            entry.events.append(event)
            if len(entry.events) >= batch.max_size:
                self.start(function, address, entry.job)

    def start(self, function: Function, address: Address, job: str) -> None:
        """A batch is full, or its time is over; the other of the two finds nothing."""
        engine = self.engine
        entry = engine.redis.batches.get(address)
        if entry is not None and entry.job == job:
            del engine.redis.batches[address]
            engine.scheduler.create(function, tuple(entry.events), engine.scheduler.found_after(engine.world.now))

    def _entry(self, function: Function, address: Address, timeout: int) -> BatchEntry:
        redis = self.engine.redis
        entry = redis.batches.get(address)
        if entry is None:
            redis.numbers += 1
            entry = redis.batches[address] = BatchEntry(f"batch {redis.numbers}")
            item = Item(BATCH, entry.job, self.engine.world.now + timeout, None, function)
            item.payload = address
            self.engine.enqueue(item)
        return entry
