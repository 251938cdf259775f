"""The Temporal Server: frontend, history and matching in one process (the dev server), over durable stores.

Each part is handed what it works with; only this module knows them all.

    shard ─▶ matching ─▶ transfer queue · queries ─▶ workflow tasks ─▶ activities · user timers · updates ─▶ closing
                                                          └─▶ executions ─▶ externals · resets ─▶ chains
                                                               commands ─▶ completions ─▶ frontend

A crash drops the parts' volatile state (`reset`); `started` begins from the stores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from durascope.models.scenario import TemporalDeployment
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Network
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.activities import Activities
from durascope.simulators.temporal.chains import Chains
from durascope.simulators.temporal.closing import Closing
from durascope.simulators.temporal.command_handler import CommandHandler
from durascope.simulators.temporal.completions import Completions
from durascope.simulators.temporal.constants import Delays
from durascope.simulators.temporal.executions import Executions
from durascope.simulators.temporal.externals import Externals
from durascope.simulators.temporal.frontend import Frontend
from durascope.simulators.temporal.listener import Link, Listener
from durascope.simulators.temporal.matching import Matching, MatchingStore
from durascope.simulators.temporal.mutable_state import MutableState
from durascope.simulators.temporal.queries import Queries
from durascope.simulators.temporal.resetting import Resets
from durascope.simulators.temporal.shard import HistoryStore, Shard
from durascope.simulators.temporal.task_queues import queue_of_workflow, rates
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.update_registry import UpdateRegistry
from durascope.simulators.temporal.updates import Updates
from durascope.simulators.temporal.user_timers import UserTimers
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks


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

    __slots__ = ("_executions", "_matching", "_shard", "_store", "_transfer", "_volatile", "_workflow_tasks")

    def __init__(
        self, world: World, network: Network, store: ServerStore, options: TemporalDeployment, *,
        keep: Callable[[MutableState], Any],
    ) -> None:  # fmt: skip
        """`keep` is told of every run that has closed."""
        self._volatile: tuple[Volatile, ...] = ()
        super().__init__(world, "temporal-server", network, Delays(options.latencies, world.luck))
        self._store = store.history
        shard = self._shard = Shard(self, store.history, self.delays, self.luck)
        matching = self._matching = Matching(
            self, store.matching, partitions=options.server.partitions, rates=rates(options)
        )
        transfer = self._transfer = TransferQueue(shard, matching)
        queries = Queries(shard, matching)
        registry = UpdateRegistry()
        tasks = self._workflow_tasks = WorkflowTasks(shard, transfer, registry, queries)
        activities = Activities(shard, transfer, tasks)
        user_timers = UserTimers(shard, tasks)
        updates = Updates(shard, tasks)
        matching.on("workflow", tasks.start)
        matching.on("activity", activities.polled)
        closing = Closing(shard, transfer, tasks, activities, user_timers, updates)
        executions = self._executions = Executions(
            shard,
            transfer,
            tasks,
            queue_of=partial(queue_of_workflow, options),
            task_timeout=options.workflow_task_timeout,
            poller=self.poller,
        )
        Externals(shard, transfer, tasks, executions, closing)
        resets = Resets(shard, transfer, tasks, activities, user_timers, executions, closing)
        Chains(shard, executions, resets, keep)
        commands = CommandHandler(shard, transfer, activities, user_timers, updates, closing)
        completions = Completions(shard, tasks, updates, queries, commands)
        self.api = Frontend(
            shard, matching=matching, tasks=tasks, completions=completions, activities=activities,
            executions=executions, closing=closing, resets=resets, updates=updates, queries=queries,
        ).methods  # fmt: skip
        self._volatile = (shard, matching, registry, tasks, updates, queries)

    def reset(self) -> None:
        super().reset()
        for part in self._volatile:
            part.reset()

    def started(self) -> None:
        """Recovers: what was in memory only is gone, what waits in the queues goes on."""
        self._shard.timers.recover()
        self._transfer.recover()
        for state in self._store.runs.values():
            if state.open:
                self._executions.recover(state)
        for caller in self.callers:
            caller.hope()

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
        self._workflow_tasks.code_changed_at = self.world.now
