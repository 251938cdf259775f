"""Batches: several events start one run (inngest.md §10; pkg/execution/batch).

event ─▶ buffer in memory, 500 ms or a full batch ─▶ batch in Redis ─▶ full by one flush: a run at once
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
        """One flush of the buffer; what is too much for the batch begins the next one (bulk_append.lua).

        A batch that a flush begins and fills starts at once. One that a later flush fills has its timeout's job in the
        queue already: the second job of that id is ignored, and the batch waits for the timeout (handleScheduling).
        """
        batch = function.rules.batch
        assert batch is not None
        redis = self.engine.redis
        for event in events:
            if event.start is not None:
                self.engine.in_stream.pop(event.start.name, None)
        while events:
            job = redis.filling.get(address)
            new = job is None
            if job is None:
                redis.numbers += 1
                job = redis.filling[address] = f"batch {redis.numbers}"
                redis.batches[job] = BatchEntry()
            entry = redis.batches[job]
            room = batch.max_size - len(entry.events)
            entry.events += events[:room]
            events = events[room:]
            full = len(entry.events) == batch.max_size
            if full:
                del redis.filling[address]
            if new:
                self._schedule(function, address, job, 0 if full else batch.timeout)

    def _schedule(self, function: Function, address: Address, job: str, wait: int) -> None:
        item = Item(BATCH, job, self.engine.world.now + wait, None, function)
        item.payload = address
        self.engine.enqueue(item)

    def start(self, function: Function, address: Address, job: str) -> None:
        """A batch is full, or its time is over."""
        engine = self.engine
        redis = engine.redis
        if redis.filling.get(address) == job:
            del redis.filling[address]
        entry = redis.batches.pop(job)
        engine.scheduler.create(function, tuple(entry.events), engine.scheduler.found_after(engine.world.now))
