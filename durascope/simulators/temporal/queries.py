"""Queries (§8): questions to a run's code, which leave nothing behind.

A query must see everything that has come before it. While no workflow task is pending, it goes to a worker at once, by
way of matching; else it waits, and goes with the task, whose completion answers it (queryworkflow/api.go). Who waits
for an answer is known in memory only: a crash of the server loses that, and the client asks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durascope.simulators.kernel.world import Callback
from durascope.simulators.temporal.calls import Call
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.constants import duration
from durascope.simulators.temporal.matching import Matching
from durascope.simulators.temporal.messages import TaskForWorker
from durascope.simulators.temporal.mutable_state import MutableState
from durascope.simulators.temporal.shard import Shard
from durascope.simulators.temporal.task_queues import TaskQueueKind, TaskType

FAILING: Final = 3
"""From this attempt of a workflow task on a query is refused (failQueryWorkflowTaskAttemptCount)."""


class Query:
    """A query on its way to a worker."""

    __slots__ = ("answered", "name", "number", "taken")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.taken = False
        """A worker has it."""
        self.answered = False


class Queries:
    """The queries under way, of every run."""

    __slots__ = ("_asked", "_callers", "_matching", "_timeout", "shard", "waiting")

    def __init__(self, shard: Shard, matching: Matching) -> None:
        self.shard = shard
        self._matching = matching
        self._timeout = duration("query_timeout")
        self._asked = 0
        matching.on(TaskType.QUERY, self.start)
        self.reset()

    def reset(self) -> None:
        self.waiting: dict[int, list[Query]] = {}
        """By run: those that go with its next workflow task."""
        self._callers: dict[int, tuple[Link, Call, Callback]] = {}
        """By the query's number: who has asked, and what gives up."""

    def ask(self, link: Link, call: Call, state: MutableState, name: str) -> None:
        begun = state.previous_started_id > 0
        if state.wft_attempt >= FAILING or not (begun or state.open):
            link.reply(call, "refused")
            return
        self._asked += 1
        query = Query(self._asked, name)
        state.queries += 1
        gives_up = self.shard.after(self._timeout, self.answered, query, "timed out")
        self._callers[query.number] = (link, call, gives_up)
        if begun and (state.wft is None or not state.open):
            self._ask_worker(state, query)
        else:
            self.waiting.setdefault(state.run_id, []).append(query)

    # ---- with a workflow task ------------------------------------------------------------------------------

    def to_send(self, state: MutableState) -> Sequence[Query]:
        """What goes out with the workflow task that starts now; should that fail, it goes with the next one, too."""
        return tuple(self.waiting.get(state.run_id, ()))

    def task_completed(self, state: MutableState, sent: Sequence[Query]) -> None:
        """Answers what went with the task; what has come since waits for the next one, if there is one."""
        waiting = self.waiting.get(state.run_id)
        if not waiting:
            return
        for query in sent:
            self.answered(query, "answered")
        left = [query for query in waiting if not query.answered]
        if state.wft is not None and state.open:
            self.waiting[state.run_id] = left
            return
        del self.waiting[state.run_id]
        for query in left:
            self._ask_worker(state, query)

    # ---- by way of matching --------------------------------------------------------------------------------

    def _ask_worker(self, state: MutableState, query: Query) -> None:
        """A sticky queue that is not polled costs the run its stickiness, and so does an answer that does not come in
        time, be it because the worker has died with the query; the normal one is tried then (queryworkflow/api.go).
        """
        if state.sticky is not None and self._matching.add_sticky_query(state, query):
            self.shard.after(state.sticky[1], self._not_answered, state, query)
            return
        state.sticky = None
        self._matching.add_query(state, query)

    def _not_answered(self, state: MutableState, query: Query) -> None:
        if not query.answered:
            query.taken = False
            state.sticky = None
            self._matching.add_query(state, query)

    def start(self, state: MutableState, query: Query, _link: Link, queue_kind: TaskQueueKind) -> TaskForWorker | None:
        """A poll has met it."""
        if query.taken:
            return None
        query.taken = True
        full = queue_kind is not TaskQueueKind.STICKY
        events = state.history.events
        return TaskForWorker(
            state.run_id, state.run, state.options, state.luck, None, 1, list(events) if full else (), full,
            len(events), query=query,
        )  # fmt: skip

    def answered(self, query: Query, answer: str) -> None:
        """A worker has answered, or none has in time; who asked an earlier process of the server has asked again."""
        if not query.answered:
            query.answered = True
            caller = self._callers.pop(query.number, None)
            if caller is not None:
                link, call, gives_up = caller
                self.shard.cancel(gives_up)
                link.reply(call, answer)
