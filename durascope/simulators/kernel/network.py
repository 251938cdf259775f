"""The network: the only way in which components talk.

A message takes time. A dead peer refuses it. A peer that is cut off does not answer: what was sent to it is sent
again, as TCP does it, until the cut is over or an end gives up. A `Connection` keeps the order of its messages and
breaks when either end dies, which the other end then notices.

    cut ─▶ segment lost ─▶ retransmitted after 0.2, 0.4, 0.8, … s ─┬─(the cut is over)─▶ delivered, late, in order
                                                                   └─(keepalive · TCP gives up)─▶ the connection breaks

How an engine's channel says its timeouts: `connection.keepalive[end] = Keepalive(every, timeout)` for an end that
sends pings, `connection.gives_up = µs` for another limit than TCP's own on what is sent and not acknowledged. Nothing
else breaks a connection in a cut. A connection attempt (SYN) is repeated after 1, 2, 4, … s; a client's connect
timeout is its own timer that calls `close`. A request over a connection that is there already (`connect(living=True)`)
is a segment like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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
"""TCP's first retransmission timeout on a short path (Linux: TCP_RTO_MIN); it doubles each time."""

LONGEST_RETRANSMIT_US: Final = 120_000_000
"""It doubles up to this (Linux: TCP_RTO_MAX)."""

TCP_GIVES_UP_US: Final = 924_600_000
"""How long TCP goes on without an acknowledgement (Linux: 15 retries, tcp_retries2)."""

CONNECT_RETRY_US: Final = 1_000_000
"""The first repetition of a connection attempt (Linux: TCP_TIMEOUT_INIT); it doubles each time."""

CONNECT_RETRIES: Final = 6
"""Repetitions of a connection attempt, after which it fails (Linux: tcp_syn_retries)."""

RETRIES: Final = 15
"""Retransmissions of a segment, after which TCP gives up (Linux: tcp_retries2)."""


@dataclass(frozen=True, slots=True)
class Keepalive:
    """An end that pings its peer `every` N µs, and breaks the connection after `timeout` µs without an answer."""

    every: int
    timeout: int


class _Unacknowledged:
    """What one end has sent to a peer that is cut off, in order, until it gets through or TCP gives up."""

    __slots__ = ("_give_up", "_network", "_receiver", "_segments", "_sender", "_since", "_timeout", "gives_up")

    def __init__(
        self, network: Network, sender: Component, receiver: Component, gives_up: int, give_up: Handler
    ) -> None:
        self._network = network
        self._sender = sender
        self._receiver = receiver
        self._give_up = give_up
        self._since = network.world.now
        self._timeout = RETRANSMIT_US
        self._segments: list[tuple[Handler, tuple[Any, ...]]] = []
        self.gives_up = gives_up
        network.world.after(RETRANSMIT_US, self._retransmit)

    def add(self, deliver: Handler, args: tuple[Any, ...]) -> None:
        self._segments.append((deliver, args))

    def drop(self) -> None:
        """The connection that these went over is gone."""
        self._segments.clear()

    def _retransmit(self) -> None:
        network, world = self._network, self._network.world
        if not self._segments or network.reachable(self._sender, self._receiver):
            network.acknowledged(self)
            for deliver, args in self._segments:
                deliver(*args)
        elif world.now - self._since >= self.gives_up:
            network.acknowledged(self)
            self._give_up()
        else:
            self._timeout = min(2 * self._timeout, LONGEST_RETRANSMIT_US)
            world.after(self._timeout, self._retransmit)


class Network:
    """Carries messages between components, and knows who cannot reach whom.

    >>> from durascope.simulators.kernel.component import Component
    >>> world = World(0, full=True)
    >>> client, server = Component(world, "client"), Component(world, "server")
    >>> network = Network(world)
    >>> server.crash()
    >>> network.send(client, server, 5_000, print, "hello", on_refused=lambda: print("refused at", world.now, "µs"))
    >>> world.run()
    refused at 10000 µs
    """

    __slots__ = ("_cut_since", "_cuts", "_next_eid", "_queue", "_recorder", "_unacknowledged", "_unaware", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        world.deliver = self.deliver
        self._cuts: dict[frozenset[str], int] = {}
        self._cut_since: dict[frozenset[str], int] = {}
        self._unacknowledged: dict[tuple[object, Component], _Unacknowledged] = {}
        """By connection (or receiver, for single messages) and sender."""
        self._unaware: dict[Connection, tuple[Component, int, Handler]] = {}
        """Ends of connections that the other end has given up: they learn of it when the cut is over."""
        self._recorder, self._queue, self._next_eid = world.recorder, world.queue, world.next_eid

    # ---- cuts ------------------------------------------------------------------------------------------------

    def cut(self, a: Component, b: Component) -> None:
        """From now on nothing gets from one to the other."""
        pair = frozenset((a.name, b.name))
        self._cuts[pair] = self._cuts.get(pair, 0) + 1
        self.world.delivers_directly = False
        if self._cuts[pair] == 1:
            self._cut_since[pair] = self.world.now
            for connection in tuple(a.connections):
                if connection.peer(a) is b:
                    connection.await_keepalives()

    def heal(self, a: Component, b: Component) -> None:
        pair = frozenset((a.name, b.name))
        self._cuts[pair] -= 1
        if not self._cuts[pair]:
            del self._cuts[pair], self._cut_since[pair]
            for connection in self._unaware:
                if frozenset((connection.client.name, connection.server.name)) == pair:
                    self.world.after(RETRANSMIT_US, self.tell, connection)
        self.world.delivers_directly = not (self._cuts or self._unacknowledged or self.world.full)

    def reachable(self, a: Component, b: Component) -> bool:
        return not self._cuts or frozenset((a.name, b.name)) not in self._cuts

    def cut_off_since(self, a: Component, b: Component, moment: int) -> bool:
        """Whether nothing has got through between the two since that moment."""
        return self._cut_since.get(frozenset((a.name, b.name)), moment + 1) <= moment

    def unaware(self, connection: Connection, end: Component, handler: Handler) -> None:
        """`end` does not know yet that its peer has given up their connection."""
        self._unaware[connection] = (end, end.incarnation, handler)

    def tell(self, connection: Connection) -> None:
        """An end that does not know yet that the connection is gone learns of it."""
        if connection in self._unaware:
            end, incarnation, handler = self._unaware.pop(connection)
            if end.alive and end.incarnation == incarnation:
                end.execute(handler)

    # ---- what is sent again ----------------------------------------------------------------------------------

    def blocked(self, over: object, sender: Component, receiver: Component) -> bool:
        """Whether what is sent now has to wait: for a cut, or behind what a cut has delayed."""
        if not (self._cuts or self._unacknowledged):
            return False
        return (over, sender) in self._unacknowledged or not self.reachable(sender, receiver)

    def hold(
        self, over: object, sender: Component, receiver: Component, deliver: Handler, args: tuple[Any, ...],
        gives_up: int, give_up: Handler,
    ) -> None:  # fmt: skip
        """Keeps `deliver(*args)` until it gets through; `give_up()` once TCP does not try any more."""
        key = (over, sender)
        if key not in self._unacknowledged:
            self._unacknowledged[key] = _Unacknowledged(self, sender, receiver, gives_up, give_up)
        self._unacknowledged[key].add(deliver, args)

    def acknowledged(self, sent: _Unacknowledged) -> None:
        for key in [key for key, waiting in self._unacknowledged.items() if waiting is sent]:
            del self._unacknowledged[key]
        self.world.delivers_directly = not (self._cuts or self._unacknowledged or self.world.full)

    def drop(self, a: Component, b: Component) -> None:
        """A connection of the two has been given up: what was sent between them and has not arrived never will."""
        for over, sender in ((b, a), (a, b)):
            waiting = self._unacknowledged.get((over, sender))
            if waiting is not None:
                waiting.drop()

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

        If it is dead by then, `sender` runs `on_refused()` another `delay` later (unless it has died itself). If the
        two are cut off from each other, the message arrives when the cut is over.
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
        next_eid, message = self._next_eid, (receiver, sender, what, run)
        heappush(self._queue, (world.now + delay, NORMAL, next_eid(), message, handler, args, recorder.cause))

    def deliver(self, message: Message, handler: Handler, args: tuple[Any, ...]) -> None:
        """The message's time has come."""
        world, (receiver, sender, what, run) = self.world, message
        if self.blocked(receiver, sender, receiver):
            self._hold_message(message, self.deliver, (message, handler, args))
        elif not receiver.alive:
            world.emit(receiver.name, Kind.MESSAGE_REFUSED, run, detail=(sender.name, what))
        else:
            world.emit(receiver.name, Kind.MESSAGE_RECEIVED, run, detail=(sender.name, what))
            world.run_in(receiver, handler, args)

    def _hold_message(self, message: Message, deliver: Handler, args: tuple[Any, ...]) -> None:
        receiver, sender, what, run = message

        def lost() -> None:
            self.world.emit(receiver.name, Kind.MESSAGE_LOST, run, detail=(sender.name, what))

        self.hold(receiver, sender, receiver, deliver, args, TCP_GIVES_UP_US, lost)

    def _deliver_or_refuse(
        self, message: Message, handler: Handler, args: tuple[Any, ...], delay: int, incarnation: int,
        on_refused: Handler,
    ) -> None:  # fmt: skip
        receiver, sender, _, _ = message
        if self.blocked(receiver, sender, receiver):
            again = (message, handler, args, delay, incarnation, on_refused)
            self._hold_message(message, self._deliver_or_refuse, again)
            return
        refused = not receiver.alive
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
        living: bool = False,
    ) -> Connection:
        """Opens a connection; after `delay` µs `server` runs `on_accepted(connection)` or `client` `on_refused()`.

        To a peer that is cut off the attempt is repeated (see `CONNECT_RETRY_US`) until the client closes it, or TCP
        gives up. `living`: it is a stream of a connection that there is already, and repeated as data are.
        """
        connection = Connection(self, client, server, delay, what, run, living=living)
        world = self.world
        if world.full:
            world.emit(client.name, Kind.MESSAGE_SENT, run, detail=(server.name, what))
        else:
            world.recorder.count += 1
        world.post(delay, self._accept, (connection, on_accepted, on_refused))
        return connection

    def _accept(self, connection: Connection, on_accepted: Handler, on_refused: Handler, tries: int = 0) -> None:
        world, client, server = self.world, connection.client, connection.server
        if connection.closed:
            return
        if self._cuts and not self.reachable(client, server):
            first, retries = (RETRANSMIT_US, RETRIES) if connection.living else (CONNECT_RETRY_US, CONNECT_RETRIES)
            if tries < retries:
                wait = min(first << tries, LONGEST_RETRANSMIT_US)
                world.after(wait, self._accept, connection, on_accepted, on_refused, tries + 1)
                return
            world.emit(server.name, Kind.MESSAGE_LOST, connection.run, detail=(client.name, connection.what))
            self._refuse(connection, on_refused)
        elif not server.alive:
            world.emit(server.name, Kind.MESSAGE_REFUSED, connection.run, detail=(client.name, connection.what))
            self._refuse(connection, on_refused)
        else:
            if world.full:
                world.emit(server.name, Kind.MESSAGE_RECEIVED, connection.run, detail=(client.name, connection.what))
            else:
                world.recorder.count += 1
            connection.opened_at = world.now
            connection.open = True
            server.connections[connection] = None
            world.run_in(server, on_accepted, (connection,))

    @staticmethod
    def _refuse(connection: Connection, on_refused: Handler) -> None:
        client = connection.client
        connection.close()
        if client.alive and client.incarnation == connection.incarnation:  # else nobody hears it
            client.after(connection.delay, on_refused)


class Connection:
    """An ordered two-way stream between two components.

    Each end may set `on_lost[end]`, which it runs when the other end dies, or when it gives the other up: its
    keepalive is not answered, or TCP has sent for long enough. Messages under way to an end that is still alive when
    the other dies are delivered first. In a cut, messages are late; the connection lives on.
    """

    __slots__ = (
        "_at_client", "_at_server", "client", "closed", "delay", "gives_up", "incarnation", "keepalive", "living",
        "network", "on_lost", "open", "opened_at", "run", "server", "what",
    )  # fmt: skip

    def __init__(
        self, network: Network, client: Component, server: Component, delay: int, what: str, run: RunInfo | None, *,
        living: bool,
    ) -> None:  # fmt: skip
        self.network = network
        self.client = client
        self.server = server
        self.incarnation = client.incarnation
        """Of the client that opens it."""
        self.delay = delay
        self.what = what
        self.run = run
        self.living = living
        """It is a stream of a connection that there was before."""
        self.open = False
        self.closed = False
        self.on_lost: dict[Component, Handler] = {}
        self.opened_at = 0
        self.keepalive: dict[Component, Keepalive] = {}
        """The ends that ping."""
        self.gives_up = TCP_GIVES_UP_US
        """How long what is sent may stay unacknowledged before an end gives the connection up, in microseconds."""
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
        next_eid, message = world.next_eid, (sender, receiver, receiver.incarnation, handler, args, what)
        heappush(world.queue, (arrives, NORMAL, next_eid(), None, self._deliver, message, world.recorder.cause))

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
        if receiver.incarnation != incarnation or not receiver.alive or self not in receiver.connections:
            world.emit(receiver.name, Kind.MESSAGE_LOST, self.run, detail=(sender.name, what))
            return
        if network.blocked(self, sender, receiver):
            segment = (sender, receiver, incarnation, handler, args, what)
            network.hold(self, sender, receiver, self._deliver, segment, self.gives_up, partial(self._give_up, sender))
            return
        if what:
            if world.full:
                world.emit(receiver.name, Kind.MESSAGE_RECEIVED, self.run, detail=(sender.name, what))
            else:
                world.recorder.count += 1
        world.run_in(receiver, handler, args)

    def await_keepalives(self) -> None:
        """The ends are cut off from each other: pings that are sent from now on get no answer."""
        world = self.network.world
        for end, keepalive in self.keepalive.items():
            pinged = world.now + keepalive.every - (world.now - self.opened_at) % keepalive.every
            world.after(pinged + keepalive.timeout - world.now, self._unanswered, end, pinged)

    def _unanswered(self, end: Component, pinged: int) -> None:
        if not self.network.cut_off_since(self.client, self.server, pinged):
            return
        if self.closed:
            self.network.tell(self)
        else:
            self._give_up(end)

    def _give_up(self, end: Component) -> None:
        """One end has waited for long enough; the other end notices when something gets through to it again."""
        if self.closed:
            return
        peer = self.peer(end)
        mine, other = self.on_lost.get(end), self.on_lost.get(peer)
        self.close()
        self.network.drop(end, peer)
        if other is not None and peer.alive:
            if self.network.reachable(end, peer):
                peer.execute(other)
            else:
                self.network.unaware(self, peer, other)
        if mine is not None and end.alive:
            end.execute(mine)

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
        world = self.network.world
        delay = max(self.delay, (self._at_client if peer is self.client else self._at_server) - world.now)
        world.after(delay, self._lost, peer, peer.incarnation)

    def _lost(self, peer: Component, incarnation: int) -> None:
        """Asked for now: a server may have accepted the connection since its client died."""
        if self.closed:
            return
        handler = self.on_lost.get(peer)
        self.close()
        if handler is not None and peer.alive and peer.incarnation == incarnation:
            peer.execute(handler)
