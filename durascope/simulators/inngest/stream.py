"""The event stream: carries events inside the server, from the event API and from the executor to the runner.

It is in the server's memory: what is under way when the server dies is gone, though the sender has its 200.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from durascope.simulators.inngest.billing import Meter
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Network
from durascope.simulators.kernel.runs import RunInfo


class EventStream:
    """The one topic that there is; its ends are connected when all parts have been built."""

    def __init__(self, network: Network, hops: Hops, meter: Meter) -> None:
        self._network = network
        self._hops = hops
        self._meter = meter
        self._executor: Component
        self._runner: Component
        self._handle: Callable[[Sequence[Event]], Any]
        self._numbers = 0
        self.unhandled: dict[str, None] = {}
        """Starts whose events were accepted and not handled yet; noted for reports, the server does not know them."""

    def connect(self, executor: Component, runner: Component, handle: Callable[[Sequence[Event]], Any]) -> None:
        """`runner` subscribes with `handle(events)`; the server's own events come from `executor`."""
        self._executor, self._runner, self._handle = executor, runner, handle

    def next_number(self) -> int:
        """The number of the next event, from 1."""
        self._numbers += 1
        return self._numbers

    def accepted(self, event: Event) -> None:
        """The event API has taken it."""
        if event.start is not None:
            self.unhandled[event.start.name] = None

    def forward(self, event_api: Component, events: Sequence[Event]) -> None:
        """The events of one POST go on together, in their order."""
        self._meter.events += len(events)
        first = events[0]
        delay = self._hops("event_stream", first.name, first.number)
        self._network.post(event_api, self._runner, delay, self._handle, (events,), first.name, first.start)

    def publish(self, event: Event) -> None:
        """An event of the server's own; its time may lie ahead."""
        self._meter.events += 1
        delay = self._hops("event_stream", event.name, event.parent and event.parent.name)
        delay += event.at - self._network.world.now
        self._network.post(
            self._executor, self._runner, delay, self._handle, ((event,),), event.name, event.parent
        )  # fmt: skip

    def handled(self, start: RunInfo | None) -> None:
        """A function has got the event of that start, or a batch has."""
        if start is not None:
            self.unhandled.pop(start.name, None)
