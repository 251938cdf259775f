"""The function host: the user's process, which serves the functions. It persists nothing (inngest.md §2, §17 HOST)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.inngest.api import ApiClient
from durascope.simulators.inngest.app import App
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.invocation import Host, Invocation, Reply
from durascope.simulators.inngest.lines import Exchange, Relay
from durascope.simulators.inngest.protocol import Answer, shown
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.world import World

_WORK_ENDED: Final = Kind.WORK_ENDED
_WORK_STARTED: Final = Kind.WORK_STARTED


class FunctionHost(Host):
    """One replica of the app."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        app: App,
        server: ApiClient,
        hops: Hops,
        relay: Relay,
        plain: type[Invocation],
        running_on: type[Invocation],
        dial: Callable[[FunctionHost], Any] | None,
    ) -> None:
        """`plain` is how the SDK runs a request, `running_on` one that may run several steps; `dial`: a connected
        worker's first act."""
        self.app = app
        self.server = server
        self.code = dict(app.latest)
        self._hops = hops
        self._relay = relay
        self._plain = plain
        self._running_on = running_on
        self._dial = dial
        super().__init__(world, name)

    def reset(self) -> None:
        self.invocations: dict[Exchange, Invocation] = {}

    def started(self) -> None:
        self.deployed()
        self.join()

    def join(self) -> None:
        """A worker that is connected to the gateway is one that dials first."""
        if self._dial is not None:
            self._dial(self)

    def deployed(self) -> None:
        """From here on the process has the latest code; requests in progress go on with theirs."""
        self.code = dict(self.app.latest)

    def crash(self) -> None:
        """The requests in progress are lost, as whoever is on the line sees at once."""
        open_exchanges = tuple(self.invocations) if self.alive else ()
        super().crash()
        for exchange in open_exchanges:
            self._relay.no_answer(exchange, "lost")

    def receive(self, exchange: Exchange, connection: Connection, reply: Reply) -> None:
        """A request has come."""
        request = exchange.request
        invocation = self._invocation(exchange, connection, reply)
        self.invocations[exchange] = invocation
        if self.app.longest_request is not None:
            self.after(self.app.longest_request, self._killed, invocation, daemon=True)
        if self.world.full:
            what = f"POST {request.step_name or 'step'}"
            self.world.emit(self.name, _WORK_STARTED, request.run, request.step_name, request.attempt + 1, what)
        else:
            self.world.recorder.count += 1
        if request.use_api:
            self._fetch(invocation)
        else:
            invocation.begin()

    def _killed(self, invocation: Invocation) -> None:
        """The platform's limit: the request's process is killed, and who asked is told by the gateway before it."""
        if not invocation.over:
            invocation.killed()
            invocation.answer(Answer(504, error="FUNCTION_INVOCATION_TIMEOUT", version=self.app.request_version))

    def _invocation(self, exchange: Exchange, connection: Connection, reply: Reply) -> Invocation:
        """How the SDK's language runs the function; checkpointing is for discoveries that may run steps (§11)."""
        request = exchange.request
        kind = self._plain if request.step is not None or request.plan_only else self._running_on
        return kind(self, exchange, connection, reply)

    def _fetch(self, invocation: Invocation) -> None:
        """§3: the state is too much for a request: the SDK gets events and steps by API, one after the other."""
        server, relay, run = self.server, self._relay, invocation.run

        def batch() -> None:
            relay.other(run, "GET batch")
            server.get(self, run, "GET actions", actions, failed)

        def actions() -> None:
            relay.other(run, "GET actions")
            self.after(self._hops.transfer(sum(memo.size for memo in invocation.memos.values())), invocation.begin)

        def failed() -> None:
            invocation.answer(Answer(500, error="could not fetch the state", version=self.app.request_version))

        server.get(self, run, "GET batch", batch, failed)

    def respond(self, invocation: Invocation, answer: Answer) -> None:
        """Answers; a server that has died meanwhile does not hear it."""
        hops, world = self._hops, self.world
        exchange, connection, request = invocation.exchange, invocation.connection, invocation.request
        self.invocations.pop(exchange, None)
        delay = hops("http", request.job) + hops("host", request.job, request.generation)
        for op in answer.ops:
            memo = op.memo
            if memo is not None:
                delay += hops.transfer(memo.size)
        if world.full:
            world.emit(self.name, _WORK_ENDED, request.run, request.step_name, request.attempt + 1, _ended(answer))
        else:
            world.recorder.count += 1
        if connection.closed or connection.client not in connection.on_lost:
            self._relay.no_answer(exchange, "unheard")
            return
        self._relay.answer(exchange, answer, world.now + delay)
        connection.send(self, invocation.reply, answer, what=f"{answer.status}", delay=delay)


def _ended(answer: Answer) -> str:
    return f"{answer.status} {shown(answer.ops, 0)}".strip()
