"""How a request reaches the host: a POST of its own, or a message to a connected worker (inngest.md §3, §11)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection

if TYPE_CHECKING:
    from durascope.simulators.inngest.engine import Inngest
    from durascope.simulators.inngest.executor import Dispatch, Executor
    from durascope.simulators.inngest.host import FunctionHost

_LEASE_EXTENSION = 30_000_000


class Transport(ABC):
    """Carries requests; the executor hears `answered` or `no_answer`, once."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine

    @abstractmethod
    def send(self, executor: Executor, dispatch: Dispatch) -> None: ...


class Http(Transport):
    """A new TCP connection for each request; a host that dies breaks it at once."""

    def __init__(self, engine: Inngest) -> None:
        super().__init__(engine)
        self._delay = engine.delay("http")

    def send(self, executor: Executor, dispatch: Dispatch) -> None:
        engine = self.engine
        host = engine.host_for(dispatch.item)
        exchange = dispatch.exchange
        assert exchange is not None

        def accepted(connection: Connection) -> None:
            host.receive(exchange, connection, dispatch.answered)

        connection = dispatch.connection = engine.network.connect(
            executor,
            host,
            self._delay + engine.transfer(exchange.request.size),
            accepted,
            on_refused=dispatch.refused,
            what=exchange.request.function,
            run=exchange.run,
        )
        connection.on_lost[executor] = dispatch.lost
        if engine.cuts:
            executor.after(TIMES.dial, self._give_up, dispatch, connection, daemon=True)

    @staticmethod
    def _give_up(dispatch: Dispatch, connection: Connection) -> None:
        """The dialer's timeout: the host is cut off."""
        if not connection.open and not connection.closed:
            dispatch.refused()


class Gateway(Component):
    """The connect gateway: knows which workers are connected, and hands them requests over their WebSockets."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine
        super().__init__(engine.world, "gateway")

    def forward(self, executor: Executor, dispatch: Dispatch, host: FunctionHost) -> None:
        """A worker that dies is not noticed before its lease on the request has ended (§5, 2 min and a grace)."""
        exchange, now = dispatch.exchange, self.world.now
        assert exchange is not None
        network, delay = self.engine.network, self.engine.delay("http")

        def accepted(connection: Connection) -> None:
            host.receive(exchange, connection, back)

        def back(answer: object) -> None:
            connection.close()
            network.send(self, executor, delay, dispatch.answered, answer, what="reply", run=exchange.run)

        def lost() -> None:
            held = (self.world.now - now) // _LEASE_EXTENSION * _LEASE_EXTENSION
            self.after(now + held + TIMES.connect_lease - self.world.now, dispatch.lost)

        connection = network.connect(
            self,
            host,
            delay,
            accepted,
            on_refused=dispatch.refused,
            what="request",
            run=exchange.run,
        )
        connection.on_lost[self] = lost


class Connect(Transport):
    """Requests go through the gateway."""

    def __init__(self, engine: Inngest, gateway: Gateway) -> None:
        super().__init__(engine)
        self.gateway = gateway

    def send(self, executor: Executor, dispatch: Dispatch) -> None:
        engine, gateway = self.engine, self.gateway
        host = engine.host_for(dispatch.item)
        delay = engine.delay("http")
        engine.network.send(
            executor, gateway, delay, gateway.forward, executor, dispatch, host, what="request", run=dispatch.state.info
        )
