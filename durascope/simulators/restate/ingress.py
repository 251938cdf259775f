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
from durascope.simulators.restate import lifecycle
from durascope.simulators.restate.invocation import Invocation, Status
from durascope.simulators.restate.partition import Partition


class Ingress(Component):
    """Where calls, sends, events and operators' commands arrive."""

    def propose(self, connection: Connection, partition: Partition, apply: Callable[..., Any], *args: Any) -> None:
        """Appends to the partition's log, once it has a leader; the client is answered when the record is applied."""
        if partition.leader.alive:
            partition.leader.append(partition, self._apply, connection, apply, args)
        else:
            self.after(partition.leader.delay("failover"), self.propose, connection, partition, apply, *args)

    def _apply(self, connection: Connection, apply: Callable[..., Any], args: tuple[Any, ...]) -> None:
        apply(*args)
        connection.send(self, connection.close, what="accepted")

    # ---- invocations -----------------------------------------------------------------------------------------

    def invoke(self, invocation: Invocation, idempotency_key: str | None, connection: Connection) -> None:
        """A call or send: a new invocation, unless its idempotency key or workflow key is known."""
        self.propose(connection, invocation.partition, self._accept, invocation, idempotency_key)

    def _accept(self, invocation: Invocation, idempotency_key: str | None) -> None:
        partition, target = invocation.partition, invocation.target
        if invocation.status is not Status.FREE or invocation.ended is not None:
            return  # the client has asked again: its request had been accepted
        identity = identity_of(invocation, idempotency_key)
        if identity is not None:
            if identity in partition.idempotency:
                invocation.ended = "refused" if target.of_workflow else "attached"
                self.world.emit(self.name, Kind.EVENT_RECEIVED, invocation.run, detail=invocation.ended)
                return
            partition.idempotency[identity] = invocation
        lifecycle.begin(invocation)

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
