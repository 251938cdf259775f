"""The ingress and the admin API: take requests from outside and append them to the log of the right partition.

Stateless: a request that was not appended and committed when the process dies has not happened; the client hears
that its connection is lost, and asks again (restate.md §1, §11).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.world import World
from durascope.simulators.restate import lifecycle
from durascope.simulators.restate.invocation import Invocation, Status
from durascope.simulators.restate.partition import Partition
from durascope.simulators.restate.retention import Retention


class Ingress(Component):
    """Where calls, sends, events and operators' commands arrive."""

    def __init__(self, world: World, name: str, retention: Retention) -> None:
        self.retention = retention
        super().__init__(world, name)

    def propose(self, connection: Connection, partition: Partition, apply: Callable[..., Any], *args: Any) -> None:
        """Appends to the partition's log, once it has a leader; the client is answered when the record is applied."""
        leader = partition.leader
        if leader.leads(partition):
            leader.append(partition, self._apply, connection, apply, args)
        else:
            self.after(leader.delay.typical("leader_poll"), self.propose, connection, partition, apply, *args)

    def _apply(self, connection: Connection, apply: Callable[..., Any], args: tuple[Any, ...]) -> None:
        apply(*args)
        connection.send(self, connection.close, what="accepted")

    # ---- invocations -----------------------------------------------------------------------------------------

    def invoke(self, invocation: Invocation, idempotency_key: str | None, connection: Connection) -> None:
        """A call or send: a new invocation, unless its idempotency key or workflow key is known.

        A workflow has its key, and takes no idempotency key beside it (400).
        """
        if invocation.target.of_workflow and invocation.target.kind == "run" and idempotency_key is not None:
            self._answer(invocation, "refused")
            connection.send(self, connection.close, what="bad request")
            return
        self.propose(connection, invocation.partition, self._accept, invocation, idempotency_key)

    def _accept(self, invocation: Invocation, idempotency_key: str | None) -> None:
        partition = invocation.partition
        if invocation.status is not Status.FREE or invocation.ended is not None:
            return  # the client has asked again: its request had been accepted
        identity = identity_of(invocation, idempotency_key)
        if identity is not None:
            known = partition.idempotency.get(identity)
            if known is not None and not self.retention.forgotten(known, self.world.now):
                self._answer(invocation, "refused" if invocation.target.of_workflow else "attached")
                return
            if known is not None and known.vobject is not None and known.target.of_workflow:
                known.vobject.clear()
            partition.idempotency[identity] = invocation
        lifecycle.begin(invocation)

    def _answer(self, invocation: Invocation, how: str) -> None:
        """Tells who asked; nothing begins."""
        invocation.ended = how
        self.world.emit(self.name, Kind.EVENT_RECEIVED, invocation.run, detail=how)

    # ---- events ----------------------------------------------------------------------------------------------

    def tell(
        self,
        what: str,
        invocation: Invocation,
        apply: Callable[..., Any],
        args: tuple[Any, ...],
        connection: Connection,
    ) -> None:
        """A signal, an awakeable's result, or an operator's command for an invocation."""
        self.world.emit(self.name, Kind.EVENT_RECEIVED, invocation.run, detail=what)
        self.propose(connection, invocation.partition, apply, invocation, *args)

    def unknown(self, what: str, connection: Connection) -> None:
        """Nobody is there to whom it could be told."""
        self.world.emit(self.name, Kind.EVENT_RECEIVED, None, detail=what)
        connection.send(self, connection.close, what="not found")


def identity_of(invocation: Invocation, idempotency_key: str | None) -> tuple[str, str | None, str] | None:
    """What makes two requests the same invocation (restate.md §10, §11); None: nothing does."""
    target = invocation.target
    if target.kind == "run" and target.of_workflow:
        return (target.workflow, target.key, "")
    if idempotency_key is not None:
        return (target.handler, target.key, idempotency_key)
    return None
