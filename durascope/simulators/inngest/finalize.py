"""Finalising: a run is over; its state, items and pauses go, and events tell of it (inngest.md §9, finalize.go)."""

from __future__ import annotations

from collections import Counter
from typing import Final

from durascope.simulators.inngest.billing import Meter
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import CANCELLED, FAILED, FINISHED
from durascope.simulators.inngest.lanes import EXECUTOR
from durascope.simulators.inngest.lines import Relay
from durascope.simulators.inngest.pauses import PauseStore
from durascope.simulators.inngest.protocol import Memo, done, failed
from durascope.simulators.inngest.queue_client import QueueClient
from durascope.simulators.inngest.resume import Resumer
from durascope.simulators.inngest.state import RunState, StateStore
from durascope.simulators.inngest.stores import FlowState, History, Status
from durascope.simulators.inngest.stream import EventStream
from durascope.simulators.inngest.undo import UndoLog
from durascope.simulators.kernel.world import World

_TOLD: Final = {
    Status.COMPLETED: (FINISHED,),
    Status.FAILED: (FINISHED, FAILED),
    Status.CANCELLED: (FINISHED, CANCELLED),
}
"""By the status of a run: the events that tell of its end."""
_NOTHING: Final = done("", {}, 4)
"""The result of a run that gives none."""
_NAMED: Final = 3
"""Runs that a note names; of the others it tells the number."""


class Finalizer:
    """Ends runs; used by whoever finds that one is over."""

    def __init__(
        self,
        world: World,
        *,
        states: StateStore,
        pauses: PauseStore,
        flow: FlowState,
        history: History,
        queue: QueueClient,
        resumer: Resumer,
        stream: EventStream,
        relay: Relay,
        meter: Meter,
        undo: UndoLog,
    ) -> None:
        self._world = world
        self._states = states
        self._pauses = pauses
        self._flow = flow
        self._history = history
        self._queue = queue
        self._resumer = resumer
        self._stream = stream
        self._relay = relay
        self._meter = meter
        self._undo = undo
        self._overflowed: dict[str, list[str]] = {}
        """By the limit: the first runs that it has ended."""
        self._overflows: Counter[str] = Counter()
        """By the limit: how many runs it has ended."""

    def complete(self, state: RunState) -> None:
        self._finalize(state, "completion", _NOTHING)

    def fail(self, state: RunState, error: str) -> None:
        self._finalize(state, "failure", failed("", error))

    def overflow(self, state: RunState, error: str, limit: str) -> None:
        """A run fails since it is too large: its code has no part in it, and hears nothing of it."""
        self._overflows[limit] += 1
        if self._overflows[limit] <= _NAMED:
            self._overflowed.setdefault(limit, []).append(state.info.name)
        self.fail(state, error)

    def notes(self) -> list[str]:
        """Why runs have failed that no step of theirs has failed."""
        notes: list[str] = []
        for limit, runs in self._overflowed.items():
            more = self._overflows[limit] - len(runs)
            notes.append(f"Inngest failed {', '.join(runs)}{f' and {more:,} more' if more else ''}: {limit}.")
        return notes

    def cancel(self, run: str) -> None:
        """Cancels a run at once; the host is not told. One that is over is left alone."""
        state = self._states.get(run)
        if state is not None:
            self._finalize(state, "cancellation", _NOTHING)

    def _finalize(self, state: RunState, event: str, outcome: Memo) -> None:
        info = state.info
        if self._states.delete(info.name) is None:
            return
        self._queue.dequeue_run(info.name)
        self._pauses.remove_run(info.name)
        if state.singleton is not None:
            self._flow.release_singleton(state.singleton, info.name)
        self._meter.ended(state)
        status = self._history.ended(info.name, event)
        self._relay.over(info, status)
        self._world.run_ended(EXECUTOR, info, status.value)
        self._relay.end(info)
        self._undo.run_over(info, status)
        self._tell(state, status, outcome)

    def _tell(self, state: RunState, status: Status, outcome: Memo) -> None:
        """§9: function.finished for every run, and failed or cancelled with it; none about runs that these started."""
        event = state.events[0]
        if event.name in (FAILED, FINISHED):
            return
        info = state.info
        for name in _TOLD[status]:
            told = Event(name, event.data, self._world.now, self._stream.next_number())
            told.function, told.parent, told.luck = state.function.name, info, info.luck
            self._stream.publish(told)
        if event.correlation is not None:
            self._resumer.invoked(event.correlation, outcome)
