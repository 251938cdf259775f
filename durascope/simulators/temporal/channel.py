"""The gRPC channels between the server and those that call it: its workers and its client.

    Channel (the caller's end) ── call ──▶ Listener (the server's process) ─▶ a method of its API
       ▲                                                                          │
       └───────────────────── answer, if the connection is still open ── Link ◀───┘

call ─▶ sent ─▶ answered
         └─(connection lost · refused · deadline)─▶ backoff ─▶ sent again … ─▶ given up
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import NumberedDelays
from durascope.simulators.kernel.network import Connection, Keepalive, Network
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.calls import GAVE_UP, Call, CallPolicy, Retry
from durascope.simulators.temporal.task_queues import QueueId

KEEPALIVE: Final = Keepalive(every=30_000_000, timeout=15_000_000)
"""The SDKs' HTTP/2 pings (sdk-core, ClientKeepAliveConfig: interval 30 s, timeout 15 s)."""

DEADLINE: Final = 10_000_000
"""µs after which a call without an answer counts as failed; it matters only where messages can get lost."""

PATIENCE: Final = 40
"""Tries of a poll after which it no longer keeps the simulation going: the server may be gone for good."""


class Channel:
    """The caller's end: the calls of one component; volatile, like the component's other state."""

    __slots__ = (
        "_calls", "_count", "_delay", "_pushed", "_receive", "_waiting", "connection", "lossy", "network", "owner",
        "server", "world",
    )  # fmt: skip

    def __init__(
        self, owner: Component, server: Listener, *, lossy: bool, pushed: Callable[[Any], object] | None = None
    ) -> None:
        """`pushed` takes what the server sends unasked."""
        self.owner = owner
        self.server = server
        self.world = owner.world
        self.network = server.network
        self.lossy = lossy
        """Messages can get lost without a trace (cuts, hangs): calls have deadlines."""
        self._pushed = pushed
        self.connection: Connection | None = None
        self._calls: dict[Call, None] = {}
        self._waiting: list[Call] = []
        self._delay = server.one_way
        self._receive = server.receive
        self._count = 0
        server.callers.append(self)

    def close(self) -> None:
        """Its owner is gone: nobody waits for answers any more."""
        self.server.callers.remove(self)

    def call(
        self,
        method: str,
        args: tuple[Any, ...],
        on_reply: Callable[[Any], Any] | None,
        policy: CallPolicy,
        run: RunInfo | None = None,
        delay: int = 0,
    ) -> Call:
        """Has the server run `method`; `on_reply(answer)` is called here, once; None: the answer has no content.

        `delay` is what the call takes on its way on top of the network.
        """
        number = self._count = self._count + 1
        call = Call(number, method, args, on_reply, policy, run, self.world.now, delay)
        self._calls[call] = None
        connection = self.connection
        if connection is None or self.lossy or not connection.open:
            self._attempt(call)
        else:  # `_send`, without the call
            server = self.server
            message = (connection, server.incarnation, self, call)
            self.network.post(self.owner, server, self._delay + delay, self._receive, message, method, run)
        return call

    def repeat(self, call: Call) -> None:
        """Makes a call that nobody has made yet, or that has been answered, once more: what a poller does."""
        call.number = self._count = self._count + 1
        call.retry = None
        self._calls[call] = None
        connection = self.connection
        if connection is None or self.lossy or not connection.open:
            self._attempt(call)
        else:
            server = self.server
            message = (connection, server.incarnation, self, call)
            self.network.post(self.owner, server, self._delay, self._receive, message, call.method, call.run)

    def answered(self, call: Call, answer: Any) -> None:
        on_reply = call.on_reply
        if self._calls.pop(call, call) is None and on_reply is not None:
            on_reply(answer)

    def pushed(self, task: Any) -> None:
        if self._pushed is not None:
            self._pushed(task)

    # ---- attempts ------------------------------------------------------------------------------------------

    def _attempt(self, call: Call) -> None:
        if call not in self._calls:
            return
        connection = self.connection
        if connection is not None and connection.open:
            self._send(connection, call, self._late(call))
            return
        self._waiting.append(call)
        if connection is None:
            self._connect()

    def _late(self, call: Call) -> int:
        return max(0, call.first_at + call.delay - self.world.now)

    def _send(self, connection: Connection, call: Call, late: int) -> None:
        server, owner = self.server, self.owner
        args = (connection, server.incarnation, self, call)
        self.network.post(owner, server, self._delay + late, self._receive, args, call.method, call.run)
        if self.lossy and not call.policy.long_poll:
            tries = 0 if call.retry is None else call.retry.tries
            owner.after(DEADLINE, self._expired, call, tries, daemon=True)

    def _expired(self, call: Call, tries: int) -> None:
        retry = call.retry
        if call in self._calls and (0 if retry is None else retry.tries) == tries:
            self._failed(call)

    def _connect(self) -> None:
        self.connection = self.network.connect(
            self.owner, self.server, self._delay, partial(self.server.accept, self), on_refused=self._disconnected
        )
        self.connection.on_lost[self.owner] = self._disconnected
        self.connection.keepalive[self.owner] = KEEPALIVE
        self.owner.after(self._delay * 2, self._connected, self.connection)

    def _connected(self, connection: Connection) -> None:
        """The other side has answered the connection attempt (or is silent: cut off)."""
        if self.connection is not connection or connection.closed:
            return
        if not connection.open:
            connection.close()
            self.owner.after(DEADLINE // 2, self._disconnected)
            return
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            if call in self._calls:
                self._send(connection, call, self._late(call))

    def _disconnected(self) -> None:
        """Refused, or lost: what is under way has failed."""
        self.connection = None
        self._waiting.clear()
        for call in tuple(self._calls):
            if call.retry is None or call.retry.backoff is None:
                self._failed(call)

    def _failed(self, call: Call) -> None:
        policy, world = call.policy, self.world
        retry = call.retry = call.retry or Retry(policy)
        retry.tries += 1
        luck = world.luck("call backoff", self.owner.name, self.owner.incarnation, call.number, retry.tries)
        pause = int(retry.interval * (0.8 + 0.4 * luck))
        retry.interval = min(policy.max_interval, int(retry.interval * policy.factor))
        elapsed = world.now - call.first_at
        if (policy.max_tries and retry.tries >= policy.max_tries) or (
            policy.max_elapsed and elapsed + pause > policy.max_elapsed
        ):
            del self._calls[call]
            if call.on_reply is not None:
                call.on_reply(GAVE_UP)
            return
        hopeless = policy.long_poll and (not self.server.alive or retry.tries > PATIENCE)
        retry.due = world.now + pause
        retry.backoff = self.owner.after(pause, self._again, call, daemon=hopeless)

    def server_is_back(self) -> None:
        """The server is back: what waits for its next try matters again."""
        now = self.world.now
        for call in self._calls:
            retry = call.retry
            if retry is not None and retry.backoff is not None and retry.backoff.daemon:
                self.owner.cancel(retry.backoff)
                retry.backoff = self.owner.after(max(0, retry.due - now), self._again, call)

    def _again(self, call: Call) -> None:
        if call.retry is not None:
            call.retry.backoff = None
        self._attempt(call)


class Listener(Component):
    """A process that answers calls."""

    __slots__ = ("answers_late", "api", "callers", "delays", "links", "luck", "network", "one_way")

    def __init__(self, world: World, name: str, network: Network, delays: NumberedDelays) -> None:
        self.network = network
        self.delays = delays
        self.one_way = delays("call", 0, 0)
        """µs that a call takes to get here, and its answer to get back."""
        self.luck = int(world.luck("server") * (1 << 53))
        """What the delays of its own hang on, those of no run."""
        self.answers_late = delays.fixed("answer") != 0
        """An answer takes its time to leave, and is lost where the server dies meanwhile."""
        self.callers: list[Channel] = []
        """All there are, connected or not."""
        self.api: Mapping[str, Callable[[Link, Call], object]] = {}
        super().__init__(world, name)

    def reset(self) -> None:
        self.links: dict[Connection, Link] = {}

    def lost(self, link: Link) -> None:
        """What a caller's broken connection means to the process."""

    def poller(self, queue: QueueId) -> Link | None:
        """The first connection that is open and has polled that task queue."""
        return next((link for link in self.links.values() if link.open and queue in link.queues), None)

    def accept(self, caller: Channel, connection: Connection) -> None:
        link = self.links[connection] = Link(self, caller, connection)
        connection.on_lost[self] = lambda: self._lost(link)

    def _lost(self, link: Link) -> None:
        link.open = False
        self.links.pop(link.connection, None)
        self.lost(link)

    def receive(self, connection: Connection, incarnation: int, caller: Channel, call: Call) -> None:
        """A call has arrived; one that was sent to an earlier process is lost with it."""
        if incarnation != self.incarnation:
            return
        link = self.links.get(connection)
        if link is None:  # the caller has died since: what it said still counts, an answer has no reader
            link = Link(self, caller, connection)
            link.open = False
        self.api[call.method](link, call)


class Link:
    """One worker's (or the client's) connection, as the server sees it."""

    __slots__ = (
        "_caller", "_delay", "_hear", "_listener", "_network", "_pushed", "connection", "open", "queues", "worker",
    )  # fmt: skip

    def __init__(self, listener: Listener, caller: Channel, connection: Connection) -> None:
        self._listener = listener
        self._network = listener.network
        self._delay = listener.one_way
        self._caller, self._hear, self._pushed = caller.owner, caller.answered, caller.pushed
        self.connection = connection
        self.worker = connection.client.name
        self.queues: dict[QueueId, None] = {}
        """The task queues that it has polled."""
        self.open = True

    def reply(self, call: Call, answer: Any) -> None:
        """Answers a call; a caller that is gone will not hear it."""
        if not self.open:
            return
        if call.on_reply is None:  # nothing at either end depends on when it arrives: it needs no message
            hear = self._hear
            hear(call, answer)
            return
        listener = self._listener
        if listener.answers_late:
            late = listener.delays("answer", listener.luck, call.number)
            listener.after(late, self._answer, call, answer)
            return
        self._answer(call, answer)

    def _answer(self, call: Call, answer: Any) -> None:
        if not self.open:
            return
        self._network.post(self._listener, self._caller, self._delay, self._hear, (call, answer), call.method, call.run)

    def push(self, task: Any, run: RunInfo) -> None:
        """Hands a worker a task that it has not polled for (A12b)."""
        self._network.send(
            self._listener, self._caller, self._delay, self._pushed, task, what="start workflow: answer", run=run
        )
