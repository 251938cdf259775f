"""Finalising: a run is over; its state, items and pauses go, and events tell of it (inngest.md §9, finalize.go)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import CANCELLED, FAILED, FINISHED
from durascope.simulators.inngest.protocol import Memo, done, failed
from durascope.simulators.inngest.state import RunState

if TYPE_CHECKING:
    from durascope.simulators.inngest.engine import Inngest

_TOLD: Final = {"completed": (FINISHED,), "failed": (FINISHED, FAILED), "cancelled": (FINISHED, CANCELLED)}
"""By the status of a run: the events that tell of its end."""
_NOTHING: Final = done("", {}, 4)
"""The result of a run that gives none."""


class Finalizer:
    """Ends runs; used by whoever finds that one is over."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine

    def complete(self, state: RunState) -> None:
        self._finalize(state, "completed", _NOTHING)

    def fail(self, state: RunState, error: str) -> None:
        self._finalize(state, "failed", failed("", error))

    def cancel(self, run: str) -> None:
        """Cancels a run at once; the host is not told. One that is over is left alone."""
        state = self.engine.redis.state.get(run)
        if state is not None:
            self._finalize(state, "cancelled", _NOTHING)

    def _finalize(self, state: RunState, status: str, outcome: Memo) -> None:
        engine, info = self.engine, state.info
        redis = engine.redis
        if redis.state.delete(info.name) is None:
            return
        redis.queue.dequeue_run(info.name)
        redis.pauses.remove_run(info.name)
        if state.singleton is not None and redis.singletons.get(state.singleton) == info.name:
            del redis.singletons[state.singleton]
        engine.meter.ended(state)
        engine.history.status[info.name] = status
        if engine.relay.silent:
            engine.world.recorder.count += 1
        else:
            engine.relay.other(info, f"run {status}")
        engine.run_over(info, status)
        self._tell(state, status, outcome)

    def _tell(self, state: RunState, status: str, outcome: Memo) -> None:
        """§9: function.finished for every run, and failed or cancelled with it; none about runs that these started."""
        event = state.events[0]
        if event.name in (FAILED, FINISHED):
            return
        engine, info = self.engine, state.info
        for name in _TOLD[status]:
            told = Event(name, event.data, engine.world.now, engine.next_event())
            told.function, told.parent, told.luck = state.function.name, info, info.luck
            engine.publish_internal(told)
        if event.correlation is not None:
            engine.resumer.invoked(event.correlation, outcome)
