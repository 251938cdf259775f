"""Runs of workflows in the history service: created, signalled, asked to end, taken up again after a restart (§8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.constants import limit
from durascope.simulators.temporal.events import (
    WorkflowExecutionCancelRequested,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
)
from durascope.simulators.temporal.mutable_state import ActivityStatus, MutableState, StartOptions, TaskKind
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.task_queues import QueueId, workflow_queue
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks

REMEMBERED: Final = 1000
"""How many of the latest start requests the server recognises when they are sent again."""


class Executions:
    """Every run from its first event on."""

    __slots__ = (
        "_poller",
        "_queue_of",
        "_signals",
        "_task_timeout",
        "_tasks",
        "_timers",
        "_transfer",
        "shard",
        "world",
    )

    def __init__(
        self, shard: Shard, transfer: TransferQueue, tasks: WorkflowTasks, *, queue_of: Callable[[str], str],
        task_timeout: int, poller: Callable[[QueueId], Link | None],
    ) -> None:  # fmt: skip
        """`queue_of`: the task queue that a workflow's starter names; `poller`: a worker that polls a task queue;
        `task_timeout`: of workflow tasks, in µs."""
        self.shard = shard
        self.world = shard.world
        self._timers = shard.timers
        self._transfer = transfer
        self._tasks = tasks
        self._queue_of = queue_of
        self._task_timeout = task_timeout
        self._poller = poller
        self._signals = limit("signals").error
        shard.timers.on("first_workflow_task", self.first_workflow_task)

    # ---- started -------------------------------------------------------------------------------------------

    def create(
        self, options: StartOptions, *, first_task: str = "now", signal: tuple[str, Any] | None = None,
        request_id: str = "",
    ) -> MutableState:  # fmt: skip
        """A new run: its first events, its run timer and its first workflow task, in one transition.

        `first_task`: now · later (a child's, in a second transition) · eager (A12b).
        """
        shard, now, store = self.shard, self.world.now, self.shard.store
        if options.execution == 1 and not options.entity:
            options = self._under_its_own_name(options)
        state = self.enter(options)
        if request_id:
            store.started.pop(options.workflow_id, None)
            store.started[options.workflow_id] = request_id
            if len(store.started) > REMEMBERED:
                del store.started[next(iter(store.started))]
        started = WorkflowExecutionStarted(options.attempt, options.initiator, state.queue)
        state.history.append(started, now)
        if options.run_timeout:
            state.run_timer = self._timers.add(now + options.delay + options.run_timeout, "run_timeout", state)
        if signal is not None:
            state.signals += 1
            state.history.append(WorkflowExecutionSignaled(*signal, None), now)
        if options.delay:
            state.first_task_timer = self._timers.add(now + options.delay, "first_workflow_task", state)
        elif first_task == "now":
            self._tasks.schedule(state)
        elif first_task == "eager":
            self._told(options)
            self._start_eagerly(state, started)
        elif first_task == "later":
            shard.after(shard.delays("first_transfer", state.luck, 1), self.first_workflow_task, state, None)
        self._told(options)
        shard.commit(state)
        self._timers.read()  # every run's start has tasks of the transfer and visibility queues, and so has its end
        return state

    def _told(self, options: StartOptions) -> None:
        """The logical run begins once, before anything of it leaves the server, however often it is asked for."""
        world = self.world
        if options.execution == 1 and options.run.name not in world.recorder.runs:
            world.run_started(HISTORY, options.run)

    def enter(self, options: StartOptions) -> MutableState:
        """A run without events yet, the latest of its workflow id."""
        store = self.shard.store
        store.last_run_id += 1
        luck = int(self.world.luck("run", options.run.luck, options.execution) * (1 << 63))
        state = MutableState(
            store.last_run_id, options, luck, self._queue_of(options.run.workflow),
            options.task_timeout(self._task_timeout), self.world.now,
        )  # fmt: skip
        store.runs[state.run_id] = state
        store.current[options.workflow_id] = state.run_id
        return state

    def _under_its_own_name(self, options: StartOptions) -> StartOptions:
        """A request makes two runs if another run of its id began, and ended, before it was repeated (§8).

        The server knows the request of the latest run only; what it has started before is another run.
        """
        run, begun = options.run, self.world.recorder.runs
        while run.name in begun:
            run = replace(run, name=f"{run.name} again", luck=f"{run.luck}/again")
        return options if run is options.run else replace(options, run=run)

    def _start_eagerly(self, state: MutableState, started: WorkflowExecutionStarted) -> None:
        """The first task goes out with the answer to the start: client and worker share a process (A12b)."""
        tasks, link = self._tasks, self._poller(workflow_queue(state.queue))
        if link is None:
            tasks.schedule(state)
            return
        task = tasks.schedule(state, inline=True)
        tasks.begin(state, task, link.worker)
        started.accept_eager_execution()
        self.shard.commit(state)
        link.push(tasks.for_worker(state, task, True), state.run)

    def first_workflow_task(self, state: MutableState, _: Any) -> None:
        """A delayed first task is due, or a child's follows its start."""
        if state.open and state.wft is None and not state.previous_started_id:
            self._timers.cancel(state.first_task_timer)
            self._tasks.schedule(state)
            self.shard.commit(state)

    def recover(self, state: MutableState) -> None:
        """After a restart: tasks for matching that nobody had taken are pushed again."""
        task = state.wft
        if task is not None and task.kind is TaskKind.SPECULATIVE:
            state.wft = None
        elif task is not None and task.started_at is None:
            self._transfer.workflow_task(state, task)
        elif task is None and not state.previous_started_id and not state.options.delay:
            self.first_workflow_task(state, None)
        for activity in state.activities.values():
            if activity.status is ActivityStatus.SCHEDULED:
                self._transfer.activity(state, activity)

    # ---- what comes from outside while it runs -------------------------------------------------------------

    def signalled(self, state: MutableState, name: str, payload: Any, sender: tuple[int, int] | None = None) -> bool:
        """Accepts a signal (§8); False above the limit of signals per run.

        `sender` is the run that sent it, and the event there; None: it came from outside.
        """
        if state.signals >= self._signals:
            return False
        state.signals += 1
        self._tasks.record(state, (WorkflowExecutionSignaled(name, payload, sender), self.world.now))
        self._wake(state)
        self.world.emit(HISTORY, Kind.EVENT_RECEIVED, state.run, detail=name)
        return True

    def cancel_requested(self, state: MutableState, sender: tuple[int, int] | None = None) -> None:
        if state.cancel_requested:
            return
        state.cancel_requested = True
        self._tasks.record(state, (WorkflowExecutionCancelRequested(sender), self.world.now))
        self._timers.cancel(state.first_task_timer)  # unlike a signal, it does not wait for the first task
        self._wake(state)
        self.world.emit(HISTORY, Kind.EVENT_RECEIVED, state.run, detail="cancel")

    def _wake(self, state: MutableState) -> None:
        """Schedules a task, unless the run still waits for its first one."""
        if not state.first_task_is_put_off:
            self._tasks.need(state)
        self.shard.commit(state)
