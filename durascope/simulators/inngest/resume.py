"""Resuming: a pause ends by its event or by its timeout, and the run goes on (inngest.md §4, §9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durascope.models.trace import Kind
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import FINISHED
from durascope.simulators.inngest.items import EDGE, Item
from durascope.simulators.inngest.lanes import EXECUTOR, QUEUE
from durascope.simulators.inngest.lines import Relay
from durascope.simulators.inngest.pauses import Pause, PauseStore
from durascope.simulators.inngest.protocol import Memo, failed, nothing
from durascope.simulators.inngest.queue_client import QueueClient
from durascope.simulators.inngest.state import RunState, StateStore
from durascope.simulators.kernel.world import World

_STEP_RECORDED: Final = Kind.STEP_RECORDED
_TIMER_CANCELLED: Final = Kind.TIMER_CANCELLED


class Resumer:
    """Consumes pauses of waits and invocations."""

    def __init__(
        self, world: World, *, states: StateStore, pauses: PauseStore, queue: QueueClient, relay: Relay
    ) -> None:
        self._world = world
        self._states = states
        self._pauses = pauses
        self._queue = queue
        self._relay = relay

    def by_event(self, pause: Pause, event: Event) -> None:
        """The event that a wait is for: it gets the event itself, bare (§3)."""
        memo = Memo(pause.name, event.data, None, event.size())
        self._resume(pause, memo, f"resumed by {event.name}", "event")

    def invoked(self, correlation: str, outcome: Memo) -> None:
        """An invoked function is over: its caller goes on."""
        pause = self._pauses.invoking(correlation)
        if pause is not None and self._world.now <= pause.expires:
            memo = replace(outcome, name=pause.name)
            self._resume(pause, memo, f"resumed by {FINISHED}", "event")

    def timed_out(self, item: Item) -> None:
        """ResumePauseTimeout: a wait gives nothing, an invocation fails; what was invoked runs on."""
        pause: Pause = item.payload
        memo = nothing(pause.name)
        if pause.correlation is not None:
            memo = failed(pause.name, "Timed out waiting for invoked function to complete")
        self._resume(pause, memo, "timed out", "timeout")

    def _resume(self, pause: Pause, memo: Memo, how: str, suffix: str) -> None:
        """ConsumePause: once, atomically with saving the step."""
        run = pause.run
        state = self._states.get(run.name)
        if not self._pauses.remove(pause) or state is None:
            return
        if pause.item is not None and suffix == "event":
            self._queue.dequeue(pause.item)
            self._world.emit(QUEUE, _TIMER_CANCELLED, run, pause.name)
        self._relay.resumed(run, pause.step, f"pause {pause.name} {how}")
        state.save(pause.step, memo)
        self._world.moment(EXECUTOR, _STEP_RECORDED, run, pause.name)
        if not state.pending or pause.race:
            self._discover(state, pause, suffix)

    def _discover(self, state: RunState, pause: Pause, suffix: str) -> None:
        if state.request_version >= 2:
            state.force_step_plan = False
        job = f"{state.info.name} {pause.step} {suffix}"
        if pause.coalesce is not None and not pause.race:
            job = f"{state.info.name} {pause.coalesce} discover"
        item = Item(EDGE, job, self._world.now, state.info, state.function)
        item.outgoing = pause.step
        item.concurrency_key = state.concurrency_key
        self._queue.enqueue(item, state)
