"""The ingress and the admin API: take requests from outside and append them to the log of the right partition.

Stateless: a request that was not appended and committed when the process dies has not happened; the client hears
that its connection is lost, and asks again (restate.md §1, §11).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.world import World
from durascope.simulators.restate.constants import constant
from durascope.simulators.restate.leaders import Leaders
from durascope.simulators.restate.lifecycle import turned_away
from durascope.simulators.restate.log import Record
from durascope.simulators.restate.records import Accept, Asked
from durascope.simulators.restate.retries import jitter
from durascope.simulators.restate.store import Invocation, Partition


class Ingress(Component):
    """Where calls, sends, events and operators' commands arrive."""

    def __init__(self, world: World, name: str, *, leaders: Leaders, answers: dict[str, Callable[[int], None]]) -> None:
        """`answers` is where leaders find who has asked."""
        self._leaders = leaders
        self._asked = 0
        answers[name] = self._applied
        super().__init__(world, name)

    def reset(self) -> None:
        self._waiting: dict[int, Connection] = {}
        """Who waits for an answer, by request."""

    def propose(self, connection: Connection, partition: Partition, record: Record, tries: int = 0) -> None:
        """Appends to the partition's log, once it has a leader; the client is answered when the record is applied.

        Until then it tries again, after pauses that become longer.
        """
        leader = self._leaders.of(partition)
        if leader is None:
            pause = min(int(constant("ingress_initial_us")) << min(tries, 30), int(constant("ingress_longest_us")))
            luck = partial(self.world.luck, "ingress", self.name, partition.number, tries, self.world.now)
            self.after(pause + jitter(pause, luck), self.propose, connection, partition, record, tries + 1)
            return
        self._asked += 1
        self._waiting[self._asked] = connection
        leader.append(partition, Asked(self.name, self._asked, record))

    def _applied(self, request: int) -> None:
        connection = self._waiting.pop(request, None)
        if connection is not None:
            connection.send(self, connection.close, what="accepted")

    def invoke(self, invocation: Invocation, idempotency_key: str | None, connection: Connection) -> None:
        """A call or send. A workflow has its key, and takes no idempotency key beside it (400)."""
        if invocation.target.of_workflow and invocation.target.kind == "run" and idempotency_key is not None:
            turned_away(self.world, self.name, invocation, "refused")
            connection.send(self, connection.close, what="bad request")
            return
        self.propose(connection, invocation.partition, Accept(invocation, idempotency_key, self.name))

    def tell(self, what: str, invocation: Invocation, record: Record, connection: Connection) -> None:
        """A signal, an awakeable's result, or an operator's command for an invocation."""
        self.world.emit(self.name, Kind.EVENT_RECEIVED, invocation.run, detail=what)
        self.propose(connection, invocation.partition, record)

    def unknown(self, what: str, connection: Connection) -> None:
        """There is nobody to receive the response."""
        self.world.emit(self.name, Kind.EVENT_RECEIVED, None, detail=what)
        connection.send(self, connection.close, what="not found")
