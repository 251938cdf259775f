"""The event API and the runner: events come in, start functions, end waits and cancel runs (inngest.md §2).

    POST /e/<key> ─▶ event API ─▶ event stream ─▶ runner ─▶ functions by trigger · invoked function · pauses

The stream is in the server's memory: what is in it when the server dies is gone, though the sender has its 200.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from durascope.models.trace import Kind
from durascope.simulators.inngest.batching import BatchBuffer
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import INVOKED, SCHEDULED, Function
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
        engine, now = self.engine, self.world.now
        for event in events:
            event.at = now
            self.world.emit(self.name, _EVENT_RECEIVED, event.start or event.parent, detail=event.name)
        engine.meter.events += len(events)
        delay = engine.delay("event_stream", events[0].name, events[0].number)
        engine.network.send(
            self, engine.runner, delay, engine.runner.handle, events, what=events[0].name, run=events[0].start
        )


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
        for event in events:
            self._functions(event)
            self.engine.resumer.by_event(event)

    def _functions(self, event: Event) -> None:
        engine = self.engine
        if not engine.history.synced:
            return
        match = engine.delay("match", event.name, event.number)
        for function in engine.triggered_by(event):
            if function.flow.batch is not None:
                self.after(match, self.batches.append, function, event)
            else:
                delay = engine.delay("schedule", function.name, event.name, event.number)
                self.after(match + delay, engine.scheduler.trigger, function, event)

    def scheduled(self, event: Event, function: Function) -> None:
        """A schedule has come round; a server that is down misses it."""
        if self.alive:
            self.execute(self.engine.scheduler.create, function, (event,), self.world.now)


def triggers(function: Function, event: Event) -> bool:
    """Whether an event starts the function: by its name, or by naming the function it invokes."""
    if event.name == INVOKED:
        return event.function == function.name
    if event.name == SCHEDULED or function.event != event.name:
        return False
    return function.of is None or function.of == event.function
