"""The event API and the runner: events come in, start functions, end waits and cancel runs (inngest.md §2).

    POST /e/<key> ─▶ event API ─▶ event stream ─▶ runner ─▶ functions by trigger · invoked function · pauses

The stream is in the server's memory: what is in it when the server dies is gone, though the sender has its 200.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from durascope.models.trace import Kind, Unconsumed
from durascope.simulators.inngest.batching import BatchBuffer
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import Function
from durascope.simulators.kernel.component import Component

if TYPE_CHECKING:
    from durascope.simulators.inngest.engine import Inngest

_EVENT_RECEIVED: Final = Kind.EVENT_RECEIVED


class EventApi(Component):
    """Takes events in, and answers that it has them."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine
        super().__init__(engine.world, "event-api")

    def post(self, events: Sequence[Event]) -> None:
        """One POST: its events go on together, in their order."""
        engine, world = self.engine, self.world
        for event in events:
            event.at = world.now
            if world.full:
                world.emit(self.name, _EVENT_RECEIVED, event.start or event.parent, detail=event.name)
            else:
                world.recorder.count += 1
        engine.meter.events += len(events)
        first, runner = events[0], engine.runner
        delay = engine.delay("event_stream", first.name, first.number)
        engine.network.post(self, runner, delay, runner.handle, (events,), first.name, first.start)


class Runner(Component):
    """Matches events with functions and pauses."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine
        super().__init__(engine.world, "runner")

    def started(self) -> None:
        """A server that has forgotten its apps finds them again when it polls (§3a)."""
        engine = self.engine
        if not engine.history.synced:
            self.after(engine.delay("sync", self.incarnation), self._sync)

    def _sync(self) -> None:
        self.engine.history.synced = True

    def reset(self) -> None:
        self.batches = BatchBuffer(self)

    def handle(self, events: Sequence[Event]) -> None:
        engine = self.engine
        for event in events:
            if engine.records and not self._concerns_anybody(event):
                engine.unconsumed.append(Unconsumed(event.at, None, event.name))
            if engine.history.synced:
                self._functions(event)
            if engine.redis.pauses.listens(event.name):
                engine.resumer.by_event(event)

    def _concerns_anybody(self, event: Event) -> bool:
        """Whether it starts a function or ends a wait; the server's own events need not."""
        if event.name.startswith("inngest/") or self.engine.triggered_by(event):
            return True
        return any(True for _ in self.engine.redis.pauses.matching(event))

    def _functions(self, event: Event) -> None:
        engine = self.engine
        functions = engine.triggered_by(event)
        if not functions:
            return
        match = engine.delay("match", event.name, event.number)
        for function in functions:
            if function.rules.batch is not None:
                self.after(match, self.batches.append, function, event)
            else:
                delay = engine.delay("schedule", function.name, event.name, event.number)
                self.after(match + delay, engine.scheduler.trigger, function, event)

    def scheduled(self, event: Event, function: Function) -> None:
        """A schedule has come round; a server that is down misses it."""
        if self.alive:
            self.execute(self.engine.scheduler.create, function, (event,), self.world.now)
