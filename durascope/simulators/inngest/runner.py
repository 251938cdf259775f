"""The event API and the runner: events come in, start functions, end waits and cancel runs (inngest.md §2).

    POST /e/<key> ─▶ event API ─▶ event stream ─▶ runner ─▶ functions by trigger · invoked function · pauses

The stream is in the server's memory: what is in it when the server dies is gone, though the sender has its 200.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durascope.models.trace import Kind, Unconsumed
from durascope.simulators.inngest.batching import BatchBuffer, Batcher
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.finalize import Finalizer
from durascope.simulators.inngest.functions import Function, Functions
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.pauses import Pause, PauseStore
from durascope.simulators.inngest.resume import Resumer
from durascope.simulators.inngest.scheduling import Scheduler
from durascope.simulators.inngest.stores import History
from durascope.simulators.inngest.stream import EventStream
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import World

_EVENT_RECEIVED: Final = Kind.EVENT_RECEIVED


class EventApi(Component):
    """Takes events in, and answers that it has them."""

    def __init__(self, world: World, stream: EventStream) -> None:
        self._stream = stream
        super().__init__(world, "event-api")

    def post(self, events: Sequence[Event]) -> None:
        """One POST: its events go on together, in their order."""
        world = self.world
        for event in events:
            event.at = world.now
            self._stream.accepted(event)
            if world.full:
                world.emit(self.name, _EVENT_RECEIVED, event.start or event.parent, detail=event.name)
            else:
                world.recorder.count += 1
        self._stream.forward(self, events)


class Runner(Component):
    """Matches events with functions and pauses."""

    def __init__(
        self,
        world: World,
        *,
        functions: Functions,
        pauses: PauseStore,
        history: History,
        scheduler: Scheduler,
        batcher: Batcher,
        resumer: Resumer,
        finalizer: Finalizer,
        hops: Hops,
        records: bool,
    ) -> None:
        self._functions = functions
        self._pauses = pauses
        self._history = history
        self._scheduler = scheduler
        self._batcher = batcher
        self._resumer = resumer
        self._finalizer = finalizer
        self._hops = hops
        self.unconsumed: list[Unconsumed] | None = [] if records else None
        """Events that nothing had a use for; no crash touches it."""
        super().__init__(world, "runner")

    def started(self) -> None:
        """A server that has forgotten its apps finds them again when it polls (§3a)."""
        if not self._history.synced:
            self.after(self._hops("sync", self.incarnation), self._sync)

    def _sync(self) -> None:
        self._history.synced = True

    def reset(self) -> None:
        self._batches = BatchBuffer(self, self._hops, self._batcher)

    def handle(self, events: Sequence[Event]) -> None:
        for event in events:
            if self.unconsumed is not None and not self._concerns_anybody(event):
                self.unconsumed.append(Unconsumed(event.at, None, event.name))
            if self._history.synced:
                self._start(event)
            if self._pauses.listens(event.name):
                self._end_pauses(event)

    def _concerns_anybody(self, event: Event) -> bool:
        """Whether it starts a function or ends a wait; the server's own events need not."""
        if event.name.startswith("inngest/") or self._functions.triggered_by(event):
            return True
        return any(True for _ in self._pauses.matching(event))

    # ---- functions -----------------------------------------------------------------------------------------

    def _start(self, event: Event) -> None:
        """Starts the functions that the event triggers."""
        functions = self._functions.triggered_by(event)
        if not functions:
            return
        match = self._hops("match", event.name, event.number)
        for function in functions:
            if function.rules.batch is not None:
                self.after(match, self._batches.append, function, event)
            else:
                delay = self._hops("schedule", function.name, event.name, event.number)
                self.after(match + delay, self._scheduler.trigger, function, event)

    def scheduled(self, event: Event, function: Function) -> None:
        """A schedule has come round; a server that is down misses it."""
        if self.alive:
            self.execute(self._scheduler.create, function, (event,), self.world.now)

    # ---- pauses --------------------------------------------------------------------------------------------

    def _end_pauses(self, event: Event) -> None:
        """Ends every wait, and cancels every run, that the event matches (handlePause)."""
        for pause in self._in_some_order(event):
            if event.at < pause.created_at or self.world.now > pause.expires:
                continue
            if pause.cancel:
                self._finalizer.cancel(pause.run.name)
            else:
                self._resumer.by_event(pause, event)

    def _in_some_order(self, event: Event) -> list[Pause]:
        """The pauses that an event ends: those of one run side by side, so that which comes first is random."""
        pauses = list(self._pauses.matching(event))
        if len({pause.run.name for pause in pauses}) == len(pauses):
            return pauses
        of_run: dict[str, list[Pause]] = {}
        for pause in pauses:
            of_run.setdefault(pause.run.name, []).append(pause)
        order = self.world.luck.order
        return [pause for run, each in of_run.items() for pause in order(each, "pauses", run, event.number)]
