"""The network: the only way in which components talk.

A message takes time. To a dead peer it is refused; to one that is cut off it is lost, and the sender learns nothing
until its own timeout. A `Connection` keeps the order of its messages and breaks when either end dies, which the other
end then notices, as with TCP.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any, Final

from simpy.events import NORMAL

from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

Handler = Callable[..., Any]
Message = tuple[Component, Component, str, RunInfo | None]
"""To whom, from whom, what (for people), and of which run."""

RETRANSMIT_US: Final = 200_000
"""TCP's first retransmission timeout on a short path (as Linux has it); it doubles each time."""


class Network:
    """Carries messages between components, and knows who cannot reach whom."""

    __slots__ = ("_cuts", "_number", "_queue", "_recorder", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        world.deliver = self.deliver
        self._cuts: dict[frozenset[str], int] = {}
        self._recorder, self._queue, self._number = world.recorder, world.queue, world.number

    # ---- cuts ------------------------------------------------------------------------------------------------

    def cut(self, a: Component, b: Component) -> None:
        pair = frozenset((a.name, b.name))
        self._cuts[pair] = self._cuts.get(pair, 0) + 1
        self.world.plain = False

    def heal(self, a: Component, b: Component) -> None:
        pair = frozenset((a.name, b.name))
        self._cuts[pair] -= 1
        if not self._cuts[pair]:
            del self._cuts[pair]
        self.world.plain = not self._cuts and not self.world.full

    def reachable(self, a: Component, b: Component) -> bool:
        return not self._cuts or frozenset((a.name, b.name)) not in self._cuts

    # ---- single messages -------------------------------------------------------------------------------------

    def send(
        self,
        sender: Component,
        receiver: Component,
        delay: int,
        handler: Handler,
        *args: Any,
        what: str = "",
        run: RunInfo | None = None,
        on_refused: Handler | None = None,
    ) -> None:
        """Has `receiver` run `handler(*args)` after `delay` µs.

        If it is dead by then, `sender` runs `on_refused()` another `delay` later (unless it has died itself); if the
        two are cut off from each other, nobody hears anything.
        """
        if on_refused is None:
            self.post(sender, receiver, delay, handler, args, what, run)
            return
        world = self.world
        world.emit(sender.name, Kind.MESSAGE_SENT, run, detail=(receiver.name, what))
        world.post(
            delay,
            self._deliver_or_refuse,
            ((receiver, sender, what, run), handler, args, delay, sender.incarnation, on_refused),
        )

    def post(
        self, sender: Component, receiver: Component, delay: int, handler: Handler, args: tuple[Any, ...], what: str,
        run: RunInfo | None,
    ) -> None:  # fmt: skip
        """`send`, for those who send very often and do not care who is there."""
        world, recorder = self.world, self._recorder
        if world.full:
            world.emit(sender.name, Kind.MESSAGE_SENT, run, detail=(receiver.name, what))
        else:
            recorder.count += 1
        number, message = self._number, (receiver, sender, what, run)
        heappush(self._queue, (world.now + delay, NORMAL, number(), message, handler, args, recorder.cause))

    def deliver(self, message: Message, handler: Handler, args: tuple[Any, ...]) -> None:
        """The message's time has come."""
        world, (receiver, sender, what, run) = self.world, message
        if not self.reachable(sender, receiver):
            world.emit(receiver.name, Kind.MESSAGE_LOST, run, detail=(sender.name, what))
        elif not receiver.alive:
            world.emit(receiver.name, Kind.MESSAGE_REFUSED, run, detail=(sender.name, what))
        else:
            world.emit(receiver.name, Kind.MESSAGE_RECEIVED, run, detail=(sender.name, what))
            world.run_in(receiver, handler, args)

    def _deliver_or_refuse(
        self, message: Message, handler: Handler, args: tuple[Any, ...], delay: int, incarnation: int,
        on_refused: Handler,
    ) -> None:  # fmt: skip
        receiver, sender, _, _ = message
        refused = not receiver.alive and self.reachable(sender, receiver)
        self.deliver(message, handler, args)
        if refused and sender.alive and sender.incarnation == incarnation:
            sender.after(delay, on_refused)

    # ---- connections -----------------------------------------------------------------------------------------

    def connect(
        self,
        client: Component,
        server: Component,
        delay: int,
        on_accepted: Callable[[Connection], Any],
        *,
        on_refused: Handler,
        what: str = "",
        run: RunInfo | None = None,
    ) -> Connection:
        """Opens a connection; after `delay` µs `server` runs `on_accepted(connection)` or `client` `on_refused()`.

        To a peer that is cut off the attempt hangs: the client's own connect timeout has to end it (`close`).
        """
        connection = Connection(self, client, server, delay, what, run)
        world = self.world
        if world.full:
            world.emit(client.name, Kind.MESSAGE_SENT, run, detail=(server.name, what))
        else:
            world.recorder.count += 1
        world.post(delay, self._accept, (connection, on_accepted, on_refused))
        return connection

    def _accept(self, connection: Connection, on_accepted: Handler, on_refused: Handler) -> None:
        world, client, server = self.world, connection.client, connection.server
        if connection.closed:
            return
        if self._cuts and not self.reachable(client, server):
            world.emit(server.name, Kind.MESSAGE_LOST, connection.run, detail=(client.name, connection.what))
        elif not server.alive:
            world.emit(server.name, Kind.MESSAGE_REFUSED, connection.run, detail=(client.name, connection.what))
            connection.close()
            if client.alive and client.incarnation == connection.incarnation:  # else nobody hears it
                client.after(connection.delay, on_refused)
        else:
            if world.full:
                world.emit(server.name, Kind.MESSAGE_RECEIVED, connection.run, detail=(client.name, connection.what))
            else:
                world.recorder.count += 1
            connection.open = True
            server.connections[connection] = None
            world.run_in(server, on_accepted, (connection,))


class Connection:
    """An ordered two-way stream between two components.

    Each end may set `on_lost[end]`, which it runs when the other end dies. Messages under way to an end that is still
    alive when the other dies are delivered first. A message to an end that is cut off is lost, unless the connection
    has `patience`: then it is sent again and again, as TCP does, and after so long the connection breaks on both ends.
    """

    __slots__ = (
        "_at_client", "_at_server", "_stalled", "_stalled_at", "client", "closed", "delay", "incarnation", "network",
        "on_lost", "open", "patience", "run", "server", "what",
    )  # fmt: skip

    def __init__(
        self, network: Network, client: Component, server: Component, delay: int, what: str, run: RunInfo | None
    ) -> None:
        self.network = network
        self.client = client
        self.server = server
        self.incarnation = client.incarnation
        """Of the client that opens it."""
        self.delay = delay
        self.what = what
        self.run = run
        self.open = False
        self.closed = False
        self.on_lost: dict[Component, Handler] = {}
        self.patience: int | None = None
        """Microseconds; None: what is sent to an end that is cut off is lost."""
        self._stalled: list[tuple[Any, ...]] | None = None
        self._at_client = 0
        """When the last message that was sent to it arrives."""
        self._at_server = 0
        client.connections[self] = None

    def peer(self, end: Component) -> Component:
        return self.server if end is self.client else self.client

    def send(self, sender: Component, handler: Handler, *args: Any, what: str = "", delay: int | None = None) -> None:
        """Has the other end run `handler(*args)`, after everything that was sent to it before."""
        if self.closed:
            return
        world = self.network.world
        arrives = world.now + (self.delay if delay is None else delay)
        if sender is self.client:
            receiver = self.server
            if arrives < self._at_server:
                arrives = self._at_server
            self._at_server = arrives
        else:
            receiver = self.client
            if arrives < self._at_client:
                arrives = self._at_client
            self._at_client = arrives
        if what:
            if world.full:
                world.emit(sender.name, Kind.MESSAGE_SENT, self.run, detail=(receiver.name, what))
            else:
                world.recorder.count += 1
        number, message = world.number, (sender, receiver, receiver.incarnation, handler, args, what)
        heappush(world.queue, (arrives, NORMAL, number(), None, self._deliver, message, world.recorder.cause))

    def _deliver(
        self,
        sender: Component,
        receiver: Component,
        incarnation: int,
        handler: Handler,
        args: tuple[Any, ...],
        what: str,
    ) -> None:
        network = self.network
        world = network.world
        present = receiver.incarnation == incarnation and receiver.alive and self in receiver.connections
        if not present or self._stalled or (network._cuts and not network.reachable(sender, receiver)):
            if present and self.patience is not None:
                self._stall(sender, receiver, incarnation, handler, args, what)
            else:
                world.emit(receiver.name, Kind.MESSAGE_LOST, self.run, detail=(sender.name, what))
            return
        if what:
            if world.full:
                world.emit(receiver.name, Kind.MESSAGE_RECEIVED, self.run, detail=(sender.name, what))
            else:
                world.recorder.count += 1
        world.run_in(receiver, handler, args)

    def _stall(self, *message: Any) -> None:
        """Keeps a message that could not be delivered, and all that come after it, for another try."""
        if self._stalled is None:
            self._stalled = []
            self._stalled_at = self.network.world.now
            self.network.world.after(RETRANSMIT_US, self._retransmit, RETRANSMIT_US)
        self._stalled.append(message)

    def _retransmit(self, timeout: int) -> None:
        world = self.network.world
        if self.closed:
            return
        if self.network.reachable(self.client, self.server):
            stalled, self._stalled = self._stalled, None
            for message in stalled or ():
                self._deliver(*message)
        elif world.now - self._stalled_at >= (self.patience or 0):
            on_lost = dict(self.on_lost)
            self.close()
            for end in (self.client, self.server):
                handler = on_lost.get(end)
                if handler is not None and end.alive:
                    end.execute(handler)
        else:
            world.after(2 * timeout, self._retransmit, 2 * timeout)

    def close(self) -> None:
        """Ends the connection on both sides; nobody is told, what is under way is dropped."""
        self.closed = True
        self.on_lost.clear()
        self.client.connections.pop(self, None)
        self.server.connections.pop(self, None)

    def broken_by(self, dead: Component) -> None:
        """One end has died: the other hears of it after what was already on its way."""
        if self.closed:
            return
        peer = self.peer(dead)
        handler = self.on_lost.get(peer)
        world = self.network.world
        delay = max(self.delay, (self._at_client if peer is self.client else self._at_server) - world.now)
        world.after(delay, self._lost, peer, peer.incarnation, handler)

    def _lost(self, peer: Component, incarnation: int, handler: Handler | None) -> None:
        if self.closed:
            return
        self.close()
        if handler is not None and peer.alive and peer.incarnation == incarnation:
            peer.execute(handler)
