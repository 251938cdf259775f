"""Deadlines of runs: `timeouts.start` and `timeouts.finish`, each a job of the system's own (inngest.md §10)."""

from __future__ import annotations

from typing import Final, Literal

from durascope.models.trace import Kind
from durascope.simulators.inngest.finalize import Finalizer
from durascope.simulators.inngest.items import CANCEL, Item
from durascope.simulators.inngest.queue_client import QueueClient
from durascope.simulators.inngest.state import RunState, StateStore
from durascope.simulators.kernel.world import World

_TIMER_SET: Final = Kind.TIMER_SET


class Deadlines:
    """Cancels runs that take too long."""

    def __init__(self, world: World, queue: QueueClient, states: StateStore, finalizer: Finalizer) -> None:
        self._world = world
        self._queue = queue
        self._states = states
        self._finalizer = finalizer

    def set(self, state: RunState, what: Literal["start", "finish"], due: int) -> None:
        """A job that cancels the run at that time."""
        item = Item(CANCEL, f"{state.info.name} {what} timeout", due, state.info, state.function)
        item.payload = what
        self._world.emit("queue", _TIMER_SET, state.info, detail=due)
        self._queue.enqueue(item)

    def passed(self, item: Item) -> None:
        """timeouts.start cancels a run that has not started, timeouts.finish one that has."""
        assert item.run is not None
        state = self._states.get(item.run.name)
        if state is not None and (item.payload == "finish" or state.started_at is None):
            self._finalizer.cancel(item.run.name)
