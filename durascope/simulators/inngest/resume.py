"""Resuming: a pause ends by its event or by its timeout, and the run goes on (inngest.md §4, §9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from durascope.models.trace import Kind
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import FINISHED
from durascope.simulators.inngest.items import EDGE, Item
from durascope.simulators.inngest.pauses import Pause
from durascope.simulators.inngest.protocol import Memo, failed, nothing
from durascope.simulators.inngest.state import RunState

if TYPE_CHECKING:
    from durascope.simulators.inngest.engine import Inngest

_STEP_RECORDED: Final = Kind.STEP_RECORDED
_TIMER_CANCELLED: Final = Kind.TIMER_CANCELLED


class Resumer:
    """Consumes pauses."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine

    def by_event(self, event: Event) -> None:
        """Ends every wait, and cancels every run, that the event matches (handlePause)."""
        engine = self.engine
        for pause in self._in_some_order(event):
            if event.at < pause.created_at or engine.world.now > pause.expires:
                continue
            if pause.cancel:
                engine.finalizer.cancel(pause.run.name)
            else:
                self._resume(pause, _memo_of(pause, event.data, event.size()), f"resumed by {event.name}", "event")

    def _in_some_order(self, event: Event) -> list[Pause]:
        """The pauses that an event ends: those of one run side by side, so that which comes first is random."""
        pauses = list(self.engine.redis.pauses.matching(event))
        if len({pause.run.name for pause in pauses}) == len(pauses):
            return pauses
        of_run: dict[str, list[Pause]] = {}
        for pause in pauses:
            of_run.setdefault(pause.run.name, []).append(pause)
        order = self.engine.world.luck.order
        return [pause for run, each in of_run.items() for pause in order(each, "pauses", run, event.number)]

    def invoked(self, correlation: str, outcome: Memo) -> None:
        """An invoked function is over: its caller goes on."""
        pause = self.engine.redis.pauses.invoking(correlation)
        if pause is not None and self.engine.world.now <= pause.expires:
            memo = replace(outcome, name=pause.name)
            self._resume(pause, memo, f"resumed by {FINISHED}", "event")

    def timed_out(self, pause: Pause) -> None:
        """ResumePauseTimeout: a wait gives nothing, an invocation fails; what was invoked runs on."""
        memo = nothing(pause.name)
        if pause.correlation is not None:
            memo = failed(pause.name, "Timed out waiting for invoked function to complete")
        self._resume(pause, memo, "timed out", "timeout")

    def _resume(self, pause: Pause, memo: Memo, how: str, suffix: str) -> None:
        """ConsumePause: once, atomically with saving the step."""
        engine, run = self.engine, pause.run
        redis = engine.redis
        state = redis.state.get(run.name)
        if not redis.pauses.remove(pause) or state is None:
            return
        if pause.item is not None and suffix == "event":
            redis.queue.dequeue(pause.item)
            engine.world.emit("queue", _TIMER_CANCELLED, run, pause.name)
        engine.relay.resumed(run, pause.step, f"pause {pause.name} {how}")
        state.save(pause.step, memo)
        engine.world.moment(engine.executor.name, _STEP_RECORDED, run, pause.name)
        if not state.pending or pause.race:
            self._discover(state, pause, suffix)

    def _discover(self, state: RunState, pause: Pause, suffix: str) -> None:
        if state.request_version >= 2:
            state.force_step_plan = False
        job = f"{state.info.name} {pause.step} {suffix}"
        if pause.coalesce is not None and not pause.race:
            job = f"{state.info.name} {pause.coalesce} discover"
        item = Item(EDGE, job, self.engine.world.now, state.info, state.function)
        item.outgoing = pause.step
        item.concurrency_key = state.concurrency_key
        self.engine.enqueue(item, state)


def _memo_of(pause: Pause, data: Mapping[str, Any], size: int) -> Memo:
    """The event itself, bare (§3)."""
    return Memo(pause.name, data, None, size)
