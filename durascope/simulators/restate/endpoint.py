"""The service endpoint: your process, which the engine calls (restate.md §1).

It has nothing durable. Its attempts and the closures that they have started die with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from durascope.models.scenario import RestateService, Workflow
from durascope.models.steps import Bug, Compute, Fail, Send
from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import Delays
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.program import Coroutine
from durascope.simulators.restate.attempt import Attempt
from durascope.simulators.restate.constants import constant
from durascope.simulators.restate.handlers import handler
from durascope.simulators.restate.journal import Command, Notification
from durascope.simulators.restate.observer import Observer
from durascope.simulators.restate.protocol import Message, Start, label_of
from durascope.simulators.restate.routing import Outgoing
from durascope.simulators.services import Services

if TYPE_CHECKING:
    from durascope.simulators.restate.engine import Restate

CODE_ORDER = ("typescript",)
"""SDKs whose closures start in code order, and cannot be stopped (restate.md §4.7, §8)."""


class ServiceEndpoint(Component):
    """One process that serves handlers."""

    def __init__(
        self,
        world: World,
        name: str,
        engine: Restate,
        code: Mapping[str, Workflow],
        service: RestateService,
        delays: Delays,
    ) -> None:
        self.engine = engine
        self.network: Network = engine.network
        self.services: Services = engine.services
        self.observer: Observer = engine.observer
        self.code = dict(code)
        self.delay = delays
        self.typescript = service.sdk in CODE_ORDER
        self.longest_request = service.longest_request
        self.signals = service.wait_for == "signal"
        self.entry_bytes = int(constant("entry_bytes"))
        self.stored_us = int(constant("stored_us"))
        super().__init__(world, name)

    def reset(self) -> None:
        self.attempts: dict[Connection, Attempt] = {}
        self.asked_to_stop: int | None = None
        """When it was; it has not stopped yet."""
        self.down_for: int | None = None
        """How long it is to be down, once it has stopped."""

    # ---- the process -----------------------------------------------------------------------------------------

    def stop(self) -> None:
        """SIGTERM: hypercorn goes on serving what it has, and new attempts, until it is killed; node dies at once."""
        if self.typescript or not self.attempts:
            self.crash()
        elif self.alive and self.asked_to_stop is None:
            self.asked_to_stop = self.world.now
            self.after(int(constant("graceful_us")), self._exit)

    def _exit(self) -> None:
        down_for = self.down_for
        self.crash()
        if down_for is not None:
            self.world.ahead(down_for, self.restart)

    def restart(self) -> None:
        if self.asked_to_stop is not None:
            self.down_for = self.world.now - self.asked_to_stop
        else:
            super().restart()

    def emit(self, kind: Kind, run: RunInfo, step: str | None = None, detail: object = None) -> None:
        self.world.emit(self.name, kind, run, step, None, detail)

    def resume(self) -> None:
        """What has come over its connections meanwhile is read before its timers are looked at (asyncio, node).

        Of these, with asyncio, the closures' time limits come before what the closures themselves have waited for.
        """
        read = (self.deliver, self.close_input, self.reset_stream)
        if self.alive and self.hung is not None:
            come = [each for each in self.hung if each[0] in read]
            late = (
                ()
                if self.typescript
                else [each for attempt in self.attempts.values() for each in attempt.out_of_time()]
            )
            self.hung = [*come, *((each, ()) for each in late), *(each for each in self.hung if each[0] not in read)]
        super().resume()

    # ---- requests --------------------------------------------------------------------------------------------

    def accept(self, start: Start, connection: Connection) -> None:
        """A new attempt, with the journal as it is known."""
        self.observer.accepted(start.run.name, len(start.entries), start.retry_count, self.world.now)
        self.emit(Kind.WORK_STARTED, start.run, detail="attempt")
        attempt = Attempt(self, connection, start, self.code[start.target.workflow])
        self.attempts[connection] = attempt
        connection.on_lost[self] = partial(self._disconnected, connection)
        if self.longest_request is not None:
            self.after(self.longest_request, self._cut_short, connection)
        attempt.begin()

    def deliver(self, connection: Connection, notification: Notification) -> None:
        attempt = self.attempts.get(connection)
        if attempt is not None:
            attempt.deliver(notification)

    def close_input(self, connection: Connection) -> None:
        """The engine has closed its side of the stream."""
        attempt = self.attempts.get(connection)
        if attempt is not None:
            attempt.close_input()

    def reset_stream(self, connection: Connection) -> None:
        attempt = self.attempts.get(connection)
        if attempt is not None:
            attempt.stop("aborted")

    def _cut_short(self, connection: Connection) -> None:
        """The host kills a request that lasts too long; the engine sees its stream end."""
        attempt = self.attempts.get(connection)
        if attempt is not None:
            connection.broken_by(self)
            self.observer.ended(attempt.start.run.name, "connection-lost")
            attempt.stop("killed by the host")

    def _disconnected(self, connection: Connection) -> None:
        attempt = self.attempts.get(connection)
        if attempt is not None:
            self.observer.ended(attempt.start.run.name, "connection-lost")
            attempt.stop("connection-lost")

    def over(self, attempt: Attempt) -> None:
        self.attempts.pop(attempt.connection, None)

    def send(self, attempt: Attempt, messages: Sequence[Message]) -> None:
        connection = attempt.connection
        what = ", ".join(map(label_of, messages)) if self.world.full else "messages"
        connection.send(self, self.engine.invoker_of(connection).receive, connection, messages, what=what)

    # ---- what the handlers' code knows -----------------------------------------------------------------------

    def handler(self, attempt: Attempt) -> Coroutine:
        return handler(attempt)

    def compute_time(self, run: RunInfo, step: Compute, key: str) -> int:
        return self.engine.compute_time(run, step, key)

    def computed(self, run: RunInfo, key: str) -> int:
        return self.engine.computed(run, key)

    def handles(self, run: RunInfo, event: str, count: int) -> None:
        self.engine.handles(run.name, event, count)

    def code_fails(self, run: RunInfo, step: Fail | Bug, key: str) -> bool:
        return self.engine.code_fails(run, step, key)

    def publish(self, run: RunInfo, event: str, index: int) -> None:
        """Tells the outside the id of an awakeable: code outside of the context, so it happens in every attempt."""
        outside = self.engine.outside
        delay = self.delay("network", run.luck, event, index)
        self.network.send(
            self, self.engine.client, delay, outside.learn, run.name, event, index, what="awakeable id", run=run
        )

    def outgoing(self, run: RunInfo, workflow: str, key: object, luck: str, after: int) -> Outgoing:
        """The target of a call; its key is a field of the input, or given literally."""
        named = None if key is None else str(run.input.get(str(key), key))
        return Outgoing(workflow, named, luck, self.world.now + after if after else None)

    def event_handlers(self, run: RunInfo, step: Send, luck: str) -> Sequence[tuple[str, Outgoing]]:
        return self.engine.outside.handlers_of(run, step, luck, self.world.now)

    def event_signal(self, step: Send, *, live: bool) -> Command | None:
        return self.engine.outside.signal_of(step, live=live)
