"""The Temporal Server: frontend, history and matching in one process (the dev server), over durable stores.

    matching ─▶ history service ─▶ frontend ─▶ the calls that the server takes

A crash drops the parts' volatile state (`reset`); `started` begins from the stores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from durascope.models.scenario import TemporalDeployment
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Network
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.channel import Link, Listener
from durascope.simulators.temporal.constants import delays_of
from durascope.simulators.temporal.frontend import Frontend
from durascope.simulators.temporal.history_service import HistoryService
from durascope.simulators.temporal.matching import Matching, MatchingStore
from durascope.simulators.temporal.mutable_state import MutableState
from durascope.simulators.temporal.shard import HistoryStore, Shard
from durascope.simulators.temporal.task_queues import rates


@dataclass(slots=True)
class ServerStore:
    """Everything the server keeps in its database."""

    history: HistoryStore = field(default_factory=HistoryStore)
    matching: MatchingStore = field(default_factory=MatchingStore)


class Volatile(Protocol):
    """A part that keeps something in memory only."""

    def reset(self) -> None:
        """Drops it."""


class Server(Listener):
    """The server's process."""

    transactional = True

    __slots__ = ("_history", "_matching", "_volatile")

    def __init__(
        self, world: World, network: Network, store: ServerStore, options: TemporalDeployment, *,
        on_run_closed: Callable[[MutableState], object],
    ) -> None:  # fmt: skip
        """`on_run_closed` is told of every run that has closed."""
        self._volatile: tuple[Volatile, ...] = ()
        super().__init__(world, "temporal-server", network, delays_of(options.latencies, world.luck))
        matching = self._matching = Matching(
            self, store.matching, partitions=options.server.partitions, rates=rates(options)
        )
        shard = Shard(self, store.history, self.delays, self.luck)
        history = self._history = HistoryService(
            shard, matching, options, poller=self.poller, on_run_closed=on_run_closed
        )
        self.api = Frontend(matching, history).methods
        self._volatile = (matching, history)

    def reset(self) -> None:
        super().reset()
        for part in self._volatile:
            part.reset()

    def started(self) -> None:
        """Recovers: what was in memory only is gone, what waits in the queues goes on."""
        self._history.recover()
        for caller in self.callers:
            caller.server_is_back()

    def resume(self) -> None:
        """Goes on after a hang: calls that wait and timers that are due are all awake at once."""
        if self.hung:
            late = [self.delays("waking", self.luck, number) for number in range(len(self.hung))]
            self.hung = [self.hung[number] for number in sorted(range(len(late)), key=late.__getitem__)]
        Component.resume(self)

    def lost(self, link: Link) -> None:
        """Its polls are gone with it."""
        self._matching.lost(link)

    def code_changed(self) -> None:
        """Workers get other code: runs that failed for ever may go on."""
        self._history.tasks.code_changed_at = self.world.now
