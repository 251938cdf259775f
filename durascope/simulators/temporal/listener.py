"""The server's side of its callers' channels: it takes their calls, and answers them.

connection ─▶ link ─▶ a call of the API ─▶ … ─▶ answer, over the link (if it is still open)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.calls import Call
from durascope.simulators.temporal.constants import Delays


class Caller(Protocol):
    """The other end of a channel."""

    @property
    def owner(self) -> Component:
        """Whose calls they are."""
        ...

    def answered(self, call: Call, answer: Any) -> None:
        """Takes an answer."""

    def pushed(self, task: Any) -> None:
        """Takes what the server sends unasked."""

    def server_is_back(self) -> None:
        """The server is back."""


class Link:
    """One worker's (or the client's) connection, as the server sees it."""

    __slots__ = (
        "_caller",
        "_delay",
        "_hear",
        "_listener",
        "_network",
        "_pushed",
        "connection",
        "open",
        "queues",
        "worker",
    )

    def __init__(self, listener: Listener, caller: Caller, connection: Connection) -> None:
        self._listener = listener
        self._network = listener.network
        self._delay = listener.delays.call
        self._caller, self._hear, self._pushed = caller.owner, caller.answered, caller.pushed
        self.connection = connection
        self.worker = connection.client.name
        self.queues: dict[tuple[str, str], None] = {}
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


class Listener(Component):
    """A process that answers calls."""

    __slots__ = ("answers_late", "api", "callers", "delays", "links", "luck", "network")

    def __init__(self, world: World, name: str, network: Network, delays: Delays) -> None:
        self.network = network
        self.delays = delays
        self.luck = int(world.luck("server") * (1 << 53))
        """What the delays of its own hang on, those of no run."""
        self.answers_late = delays.fixed("answer") != 0
        """An answer takes its time to leave, and is lost where the server dies meanwhile."""
        self.callers: list[Caller] = []
        """All there are, connected or not."""
        self.api: Mapping[str, Callable[[Link, Call], object]] = {}
        super().__init__(world, name)

    def reset(self) -> None:
        self.links: dict[Connection, Link] = {}

    def lost(self, link: Link) -> None:
        """What a caller's broken connection means to the process."""

    def poller(self, queue: tuple[str, str]) -> Link | None:
        """The first connection that is open and has polled that task queue."""
        return next((link for link in self.links.values() if link.open and queue in link.queues), None)

    def accept(self, caller: Caller, connection: Connection) -> None:
        link = self.links[connection] = Link(self, caller, connection)
        connection.on_lost[self] = lambda: self._lost(link)

    def _lost(self, link: Link) -> None:
        link.open = False
        self.links.pop(link.connection, None)
        self.lost(link)

    def receive(self, connection: Connection, incarnation: int, caller: Caller, call: Call) -> None:
        """A call has arrived; one that was sent to an earlier process is lost with it."""
        if incarnation != self.incarnation:
            return
        link = self.links.get(connection)
        if link is None:  # the caller has died since: what it said still counts, an answer has no reader
            link = Link(self, caller, connection)
            link.open = False
        self.api[call.method](link, call)
