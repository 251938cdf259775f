"""The server's side of the queue: gives items their place in line, and wakes the executor to scan it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from durascope.models.trace import Kind
from durascope.models.units import SECOND
from durascope.simulators.inngest.items import BY_AGE, Item, State
from durascope.simulators.inngest.queue import Queue
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.inngest.state import RunState
from durascope.simulators.kernel.world import World

_TASK_QUEUED: Final = Kind.TASK_QUEUED
_LOOKAHEAD: Final = TIMES.lookahead


class QueueClient:
    """Every write to the queue but a scan's. The queue is in Redis, and knows neither the time nor luck."""

    __slots__ = ("_queue", "_world", "poller")

    def __init__(self, world: World, queue: Queue) -> None:
        self._world = world
        self._queue = queue
        self.poller: Callable[[int], None] = _nobody
        """Who scans, told when that is worth while: the model's short cut for a scan at every tick."""

    def enqueue(self, item: Item, state: RunState | None = None) -> bool:
        """Puts an item into the queue; False if its job is known there."""
        world = self._world
        luck = item.luck = world.luck(item.job)
        now = world.now
        item.score, item.tie = item.due // 1_000, luck
        if state is not None and item.kind in BY_AGE:
            if item.due <= now + _LOOKAHEAD:
                item.score, item.tie = state.created_ms - state.priority * 1_000, state.tie + luck
            if state.priority:
                item.due -= state.priority * SECOND
        found_from = self._queue.enqueue(item, now)
        if found_from is None:
            return False
        self.poller(found_from)
        if item.calls:
            if world.full:
                world.emit("queue", _TASK_QUEUED, item.run, item.step_name, None, item.kind)
            else:
                world.recorder.count += 1
        return True

    def requeue(self, item: Item, due: int) -> None:
        """Puts a leased item back into the queue, for a later time."""
        item.luck = self._world.luck("dispatch", item.job, item.generation)
        found_from = self._queue.requeue(item, due)
        if found_from is not None:
            self.poller(found_from)
        self._world.emit("queue", _TASK_QUEUED, item.run, item.step_name, None, item.kind)

    def reschedule(self, job: str, due: int) -> bool:
        """Moves the time of a job that nobody works on yet; False if there is none."""
        item = self._queue.items.get(job)
        if item is None or item.state is not State.QUEUED:
            return False
        found_from = self._queue.requeue(item, due)
        if found_from is not None:
            self.poller(found_from)
        return True

    def dequeue(self, item: Item) -> None:
        """Drops an item. Where it is worked on, its slot stays taken until it is released."""
        if self._queue.dequeue(item):
            self.poller(0)

    def dequeue_run(self, run: str) -> None:
        """Drops everything of a run that is over."""
        if self._queue.dequeue_run(run):
            self.poller(0)


def _nobody(_: int) -> None:
    """The server's process has not come up yet."""
