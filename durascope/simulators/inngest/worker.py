"""A connected worker: the SDK's WebSocket to the gateway, and how it is dialled again (inngest.md §11).

dialling ──accepted──▶ connected ──lost──▶ dialling
    └── refused: after a while again; Python's SDK gives up after the fifth time, and its process exits
"""

from __future__ import annotations

from typing import Final

from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.host import FunctionHost
from durascope.simulators.inngest.settings import REDIAL, TIMES
from durascope.simulators.inngest.transport import Gateway
from durascope.simulators.kernel.network import Connection, Network

GIVES_UP: Final = 5
"""Dials in a row after which the Python SDK gives up (inngest-py, connect/_internal)."""


class Worker:
    """One process's connection."""

    def __init__(self, host: FunctionHost, gateway: Gateway, network: Network, hops: Hops, *, gives_up: bool) -> None:
        """`gives_up`: the SDK does, as Python's."""
        self._host = host
        self._gateway = gateway
        self._network = network
        self._hops = hops
        self._gives_up = gives_up
        self._refused = 0

    def dial(self) -> None:
        connection = self._network.connect(
            self._host, self._gateway, self._hops("http"), self._accepted, on_refused=self._again, what="connect"
        )
        connection.on_lost[self._host] = self._lost

    def _accepted(self, connection: Connection) -> None:
        """At the gateway."""
        self._refused = 0
        self._gateway.workers[self._host] = connection
        connection.on_lost[self._gateway] = self._gone

    def _gone(self) -> None:
        self._gateway.workers.pop(self._host, None)

    def _lost(self) -> None:
        self._refused = 0
        self.dial()

    def _again(self) -> None:
        host = self._host
        self._refused += 1
        if not self._gives_up:
            host.after(REDIAL[min(self._refused, len(REDIAL)) - 1], self.dial)
        elif self._refused < GIVES_UP:
            host.after(TIMES.redial, self.dial)
        else:
            host.crash()  # the SDK's error ends the process
