"""The shard's transfer queue: what a transition has to tell others (matching, other runs) after its write.

Tasks for matching are not stored beside the mutable state: one is pending exactly as long as the state says that its
subject is scheduled and not started, which is what a recovery starts from. Tasks that concern other runs are stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durascope.simulators.temporal.mutable_state import Activity, MutableState, WorkflowTask

if TYPE_CHECKING:
    from durascope.simulators.temporal.server import Server


class TransferQueue:
    """Pushes tasks a moment after the transition that made them; each push is a read of the shard's queues (T2)."""

    __slots__ = (
        "_add_workflow_task", "_dispatch", "_first_dispatch", "_match", "_timers", "_transfer", "server",
    )  # fmt: skip

    def __init__(self, server: Server) -> None:
        self.server = server
        self._timers = server.timers
        self._add_workflow_task = server.matching.add_workflow_task
        delays = server.delays
        self._first_dispatch, self._dispatch = delays.of("first_dispatch"), delays.of("dispatch")
        self._match, self._transfer = delays.of("match"), delays.of("transfer")

    def workflow_task(self, state: MutableState, task: WorkflowTask) -> None:
        self._timers.read()
        delay = self._dispatch if state.previous_started_id else self._first_dispatch
        number = len(state.history.events) + task.attempt
        self.server.after(delay(state.luck, number), self._add_workflow_task, state, task)

    def speculative_task(self, state: MutableState, task: WorkflowTask) -> None:
        """A speculative task goes straight to matching: no task is written, no queue is read (U1)."""
        server = self.server
        delay = self._dispatch(state.luck, len(state.history.events))
        server.after(delay, self._add_workflow_task, state, task)

    def activity(self, state: MutableState, activity: Activity) -> None:
        self._timers.read()
        self.dispatch(state, activity)

    def dispatch(self, state: MutableState, activity: Activity) -> None:
        """Straight to matching: what the timer of a retry does (A6)."""
        attempt = activity.attempt
        delay_of = self._match
        delay = delay_of(state.luck, activity.scheduled_id * 1000 + attempt)
        self.server.after(delay, self._push_activity, state, activity, attempt)

    def _push_activity(self, state: MutableState, activity: Activity, attempt: int) -> None:
        server = self.server
        if activity.attempt == attempt and server.activities.waits(state, activity):
            server.matching.add_activity_task(state, activity)

    def other(self, state: MutableState, number: int, task: str, *args: Any, pause: int = 0) -> None:
        """A task that concerns another run: a child's start, a signal, a cancel request, an end to be told.

        `pause`: before it is done, once more.
        """
        server = self.server
        server.timers.read()
        store = server.store
        store.last_transfer += 1
        store.transfers[store.last_transfer] = (task, args)
        server.after(pause or self._transfer(state.luck, number), self._process, store.last_transfer)

    def recover(self) -> None:
        """After a restart: what had not been done is done now."""
        for number in tuple(self.server.store.transfers):
            self.server.after(0, self._process, number)

    def _process(self, number: int) -> None:
        task, args = self.server.store.transfers.pop(number)
        self.server.externals.process(task, args)
