"""How a request reaches the host: a POST of its own, or a message to a connected worker (inngest.md §3, §11)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from durascope.simulators.inngest.dispatch import Dispatch
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.host import FunctionHost
from durascope.simulators.inngest.items import Item
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.world import World

_LEASE_EXTENSION = 30_000_000


class Balancer:
    """The load balancer before the app's replicas."""

    def __init__(self, luck: Luck, hosts: Sequence[FunctionHost]) -> None:
        self._luck = luck
        self._hosts = hosts

    def pick(self, item: Item) -> FunctionHost:
        """A replica that is up, if there is one."""
        hosts = self._hosts
        if len(hosts) == 1:
            return hosts[0]
        hosts = [host for host in hosts if host.alive] or hosts
        return hosts[int(self._luck("replica", item.job, item.generation) * len(hosts))]


class Transport(ABC):
    """Carries requests; the dispatch hears `answered`, `refused` or `lost`, once."""

    @abstractmethod
    def send(self, executor: Component, dispatch: Dispatch) -> None: ...


class Http(Transport):
    """A new TCP connection for each request; a host that dies breaks it at once."""

    def __init__(self, network: Network, hops: Hops, balancer: Balancer, *, cuts: bool) -> None:
        """`cuts`: the scenario cuts the network, so that a dial may get no answer."""
        self._network = network
        self._hops = hops
        self._balancer = balancer
        self._cuts = cuts
        self._delay = hops("http")

    def send(self, executor: Component, dispatch: Dispatch) -> None:
        host = self._balancer.pick(dispatch.item)
        exchange = dispatch.exchange
        assert exchange is not None

        def accepted(connection: Connection) -> None:
            host.receive(exchange, connection, dispatch.answered)

        connection = dispatch.connection = self._network.connect(
            executor,
            host,
            self._delay + self._hops.transfer(exchange.request.size),
            accepted,
            on_refused=dispatch.refused,
            what=exchange.request.function,
            run=exchange.run,
        )
        connection.on_lost[executor] = dispatch.lost
        if self._cuts:
            executor.after(TIMES.dial, self._give_up, dispatch, connection, daemon=True)

    @staticmethod
    def _give_up(dispatch: Dispatch, connection: Connection) -> None:
        """The dialer's timeout: the host is cut off."""
        if not connection.open and not connection.closed:
            dispatch.refused()


class Gateway(Component):
    """The connect gateway: knows which workers are connected, and hands them requests over their WebSockets."""

    def __init__(self, world: World, network: Network, hops: Hops) -> None:
        self._network = network
        self._hops = hops
        super().__init__(world, "gateway")

    def reset(self) -> None:
        self.workers: dict[FunctionHost, Connection] = {}
        """Whose connection it has."""

    def forward(self, executor: Component, dispatch: Dispatch, host: FunctionHost) -> None:
        """A worker that dies is not noticed before its lease on the request has ended (§5, 2 min and a grace)."""
        exchange, now, network = dispatch.exchange, self.world.now, self._network
        assert exchange is not None
        if host not in self.workers:
            network.send(self, executor, self._hops("http"), dispatch.refused, what="no worker")
            return
        delay = self._hops("http")

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

    def __init__(self, network: Network, hops: Hops, balancer: Balancer, gateway: Gateway) -> None:
        self._network = network
        self._hops = hops
        self._balancer = balancer
        self._gateway = gateway

    def send(self, executor: Component, dispatch: Dispatch) -> None:
        gateway, host, delay = self._gateway, self._balancer.pick(dispatch.item), self._hops("http")
        self._network.send(
            executor, gateway, delay, gateway.forward, executor, dispatch, host, what="request", run=dispatch.state.info
        )
