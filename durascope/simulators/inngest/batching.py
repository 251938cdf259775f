"""Batches: several events start one run (inngest.md §10; pkg/execution/batch).

event ─▶ buffer in memory, 500 ms or a full batch ─▶ batch in Redis ─▶ full by one flush: a run at once
                                                                   └─▶ timeout: a run of what there is
"""

from __future__ import annotations

from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.flow import key_of
from durascope.simulators.inngest.functions import Function
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.items import BATCH, Item
from durascope.simulators.inngest.queue_client import QueueClient
from durascope.simulators.inngest.scheduling import Scheduler
from durascope.simulators.inngest.stores import BatchEntry, FlowState
from durascope.simulators.inngest.stream import EventStream
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import World

Address = tuple[str, str | None]


class BatchBuffer:
    """The runner's memory of events that no batch in Redis has yet; it dies with the server."""

    def __init__(self, runner: Component, hops: Hops, batcher: Batcher) -> None:
        self._runner = runner
        self._hops = hops
        self._batcher = batcher
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
            wait = min(self._hops("batch_buffer", event.number), batch.timeout)
            self._runner.after(wait, self._flush, function, address, events)

    def _flush(self, function: Function, address: Address, events: list[Event]) -> None:
        if self._buffers.get(address) is events:
            del self._buffers[address]
            self._batcher.append(function, address, events)


class Batcher:
    """Batches in Redis."""

    def __init__(
        self, world: World, *, flow: FlowState, queue: QueueClient, scheduler: Scheduler, stream: EventStream
    ) -> None:
        self._world = world
        self._flow = flow
        self._queue = queue
        self._scheduler = scheduler
        self._stream = stream

    def append(self, function: Function, address: Address, events: list[Event]) -> None:
        """One flush of the buffer; what is too much for the batch begins the next one (bulk_append.lua).

        A batch that a flush begins and fills starts at once. One that a later flush fills has its timeout's job in the
        queue already: the second job of that id is ignored, and the batch waits for the timeout (handleScheduling).
        """
        batch = function.rules.batch
        assert batch is not None
        flow = self._flow
        for event in events:
            self._stream.handled(event.start)
        while events:
            job = flow.filling.get(address)
            new = job is None
            if job is None:
                job = flow.filling[address] = f"batch {flow.next_number()}"
                flow.batches[job] = BatchEntry()
            entry = flow.batches[job]
            room = batch.max_size - len(entry.events)
            entry.events += events[:room]
            events = events[room:]
            full = len(entry.events) == batch.max_size
            if full:
                del flow.filling[address]
            if new:
                self._schedule(function, address, job, 0 if full else batch.timeout)

    def _schedule(self, function: Function, address: Address, job: str, wait: int) -> None:
        item = Item(BATCH, job, self._world.now + wait, None, function)
        item.payload = address
        self._queue.enqueue(item)

    def start(self, item: Item) -> None:
        """A batch is full, or its time is over."""
        flow, scheduler, function = self._flow, self._scheduler, item.function
        assert function is not None
        if flow.filling.get(item.payload) == item.job:
            del flow.filling[item.payload]
        entry = flow.batches.pop(item.job)
        scheduler.create(function, tuple(entry.events), scheduler.found_after(self._world.now))
