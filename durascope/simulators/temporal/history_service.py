"""The history service: its parts, each handed what it works with; only this module knows them all.

shard · matching ─▶ transfer queue · queries ─▶ workflow tasks ─▶ activities · user timers · updates ─▶ closing
                                                      └─▶ executions ─▶ externals · resets ─▶ chains
                                                           commands ─▶ completions
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from durascope.models.scenario import TemporalDeployment
from durascope.simulators.temporal.activities import Activities
from durascope.simulators.temporal.chains import Chains
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.closing import Closing
from durascope.simulators.temporal.command_handler import CommandHandler
from durascope.simulators.temporal.completions import Completions
from durascope.simulators.temporal.executions import Executions
from durascope.simulators.temporal.externals import Externals
from durascope.simulators.temporal.matching import Matching
from durascope.simulators.temporal.mutable_state import MutableState
from durascope.simulators.temporal.queries import Queries
from durascope.simulators.temporal.resetting import Resets
from durascope.simulators.temporal.shard import Shard
from durascope.simulators.temporal.task_queues import QueueId, TaskType, queue_of_workflow
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.update_registry import UpdateRegistry
from durascope.simulators.temporal.updates import Updates
from durascope.simulators.temporal.user_timers import UserTimers
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks


class HistoryService:
    """One shard's parts, in one process."""

    def __init__(
        self, shard: Shard, matching: Matching, options: TemporalDeployment, *,
        poller: Callable[[QueueId], Link | None], on_run_closed: Callable[[MutableState], object],
    ) -> None:  # fmt: skip
        """`poller`: a worker that polls a task queue; `on_run_closed` is told of every run that has closed."""
        self.shard = shard
        transfer = self.transfer = TransferQueue(shard, matching)
        queries = self.queries = Queries(shard, matching)
        registry = self.registry = UpdateRegistry()
        tasks = self.tasks = WorkflowTasks(shard, transfer, registry, queries)
        activities = self.activities = Activities(shard, transfer, tasks)
        user_timers = self.user_timers = UserTimers(shard, tasks)
        updates = self.updates = Updates(shard, tasks)
        matching.on(TaskType.WORKFLOW, tasks.start)
        matching.on(TaskType.ACTIVITY, activities.polled)
        closing = self.closing = Closing(shard, transfer, tasks, activities, user_timers, updates)
        executions = self.executions = Executions(
            shard, transfer, tasks, queue_of=partial(queue_of_workflow, options),
            task_timeout=options.workflow_task_timeout, poller=poller,
        )  # fmt: skip
        Externals(shard, transfer, tasks, executions, closing)
        self.resets = Resets(shard, transfer, tasks, activities, user_timers, executions, closing)
        Chains(shard, executions, self.resets, on_run_closed)
        self.commands = CommandHandler(shard, transfer, activities, user_timers, updates, closing)
        self.completions = Completions(shard, tasks, updates, queries, self.commands)

    def reset(self) -> None:
        """Drops what its parts keep in memory only."""
        for part in (self.shard, self.registry, self.tasks, self.updates, self.queries):
            part.reset()

    def recover(self) -> None:
        """After a restart: begins from the store, and what waits in the queues goes on."""
        self.shard.timers.recover()
        self.transfer.recover()
        for state in self.shard.store.runs.values():
            if state.open:
                self.executions.recover(state)
