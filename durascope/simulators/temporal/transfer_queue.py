"""The shard's transfer queue: what a transition has to tell others (matching, other runs) after its write.

Tasks for matching are not stored beside the mutable state: one is pending exactly as long as the state says that its
subject is scheduled and not started, which is what a recovery starts from. Tasks that concern other runs are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from durascope.simulators.temporal.matching import Matching
from durascope.simulators.temporal.mutable_state import Activity, ActivityStatus, MutableState, WorkflowTask
from durascope.simulators.temporal.shard import Shard

_SCHEDULED: Final = ActivityStatus.SCHEDULED


class TransferQueue:
    """Pushes tasks a moment after the transition that made them; each push is a read of the shard's queues (T2).

    Who makes tasks that concern other runs says by `on` how they are done.
    """

    __slots__ = (
        "_add_activity_task", "_add_workflow_task", "_after", "_dispatch", "_do", "_first_dispatch", "_match", "_store",
        "_timers", "_transfer",
    )  # fmt: skip

    def __init__(self, shard: Shard, matching: Matching) -> None:
        self._store, self._timers, self._after = shard.store, shard.timers, shard.after
        self._add_workflow_task = matching.add_workflow_task
        self._add_activity_task = matching.add_activity_task
        self._do: dict[str, Callable[..., object]] = {}
        delays = shard.delays
        self._first_dispatch, self._dispatch = delays.of("first_dispatch"), delays.of("dispatch")
        self._match, self._transfer = delays.of("match"), delays.of("transfer")

    def on(self, task: str, do: Callable[..., object]) -> None:
        """Has `do(*args)` called for tasks of that name that concern another run."""
        self._do[task] = do

    def workflow_task(self, state: MutableState, task: WorkflowTask) -> None:
        self._timers.to_read = True
        delay = self._dispatch if state.previous_started_id else self._first_dispatch
        number = len(state.history.events) + task.attempt
        self._after(delay(state.luck, number), self._add_workflow_task, state, task)

    def speculative_task(self, state: MutableState, task: WorkflowTask) -> None:
        """A speculative task goes straight to matching: no task is written, no queue is read (U1)."""
        delay = self._dispatch(state.luck, len(state.history.events))
        self._after(delay, self._add_workflow_task, state, task)

    def activity(self, state: MutableState, activity: Activity) -> None:
        self._timers.to_read = True
        self.dispatch(state, activity)

    def dispatch(self, state: MutableState, activity: Activity) -> None:
        """Straight to matching: what the timer of a retry does (A6)."""
        attempt = activity.attempt
        delay_of = self._match
        delay = delay_of(state.luck, activity.scheduled_id * 1000 + attempt)
        self._after(delay, self._push_activity, state, activity, attempt)

    def _push_activity(self, state: MutableState, activity: Activity, attempt: int) -> None:
        if activity.attempt == attempt and activity.status is _SCHEDULED:
            self._add_activity_task(state, activity)

    def other(self, state: MutableState, number: int, task: str, *args: Any, pause: int = 0) -> None:
        """A task that concerns another run: a child's start, a signal, a cancel request, an end to be told.

        `pause`: before it is done, once more.
        """
        self._timers.to_read = True
        store = self._store
        store.last_transfer += 1
        store.transfers[store.last_transfer] = (task, args)
        self._after(pause or self._transfer(state.luck, number), self._process, store.last_transfer)

    def recover(self) -> None:
        """After a restart: what had not been done is done now."""
        for number in tuple(self._store.transfers):
            self._after(0, self._process, number)

    def _process(self, number: int) -> None:
        task, args = self._store.transfers.pop(number)
        self._do[task](*args)
