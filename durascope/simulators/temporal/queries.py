"""Queries (§8): questions to a run's code, which leave nothing behind.

A query must see everything that has come before it. While no workflow task is pending, it goes to a worker at once, by
way of matching; else it waits, and goes with the task, whose completion answers it (queryworkflow/api.go). All of it is
in memory: a crash of the server loses it, and the client asks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from durascope.simulators.kernel.world import Call as Callback
from durascope.simulators.temporal.constants import duration
from durascope.simulators.temporal.mutable_state import MutableState
from durascope.simulators.temporal.workflow_tasks import TaskForWorker

if TYPE_CHECKING:
    from durascope.simulators.temporal.channel import Call
    from durascope.simulators.temporal.server import Link, Server

FAILING: Final = 3
"""From this attempt of a workflow task on a query is refused (failQueryWorkflowTaskAttemptCount)."""


class Query:
    """A query on its way to a worker."""

    __slots__ = ("answered", "call", "limit", "link", "name", "taken")

    def __init__(self, name: str, link: Link, call: Call) -> None:
        self.name = name
        self.link = link
        self.call = call
        self.taken = False
        """A worker has it."""
        self.answered = False
        self.limit: Callback | None = None
        """When who asks gives up."""


class Queries:
    """The queries under way, of every run."""

    __slots__ = ("_timeout", "_waiting", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self._timeout = duration("query_timeout")
        self.reset()

    def reset(self) -> None:
        self._waiting: dict[int, list[Query]] = {}
        """By run: those that go with its next workflow task."""

    def ask(self, link: Link, call: Call, state: MutableState, name: str) -> None:
        begun = state.previous_started_id > 0
        if state.wft_attempt >= FAILING or not (begun or state.open):
            link.reply(call, "refused")
            return
        query = Query(name, link, call)
        state.queries += 1
        query.limit = self.server.after(self._timeout, self.answered, query, "timed out")
        if begun and (state.wft is None or not state.open):
            self._ask_worker(state, query)
        else:
            self._waiting.setdefault(state.run_id, []).append(query)

    # ---- with a workflow task ------------------------------------------------------------------------------

    def to_send(self, state: MutableState) -> Sequence[Query]:
        """What goes out with the workflow task that starts now; should that fail, it goes with the next one, too."""
        return tuple(self._waiting.get(state.run_id, ()))

    def task_completed(self, state: MutableState, sent: Sequence[Query]) -> None:
        """Answers what went with the task; what has come since waits for the next one, if there is one."""
        waiting = self._waiting.get(state.run_id)
        if not waiting:
            return
        for query in sent:
            self.answered(query, "answered")
        left = [query for query in waiting if not query.answered]
        if state.wft is not None and state.open:
            self._waiting[state.run_id] = left
            return
        del self._waiting[state.run_id]
        for query in left:
            self._ask_worker(state, query)

    # ---- by way of matching --------------------------------------------------------------------------------

    def _ask_worker(self, state: MutableState, query: Query) -> None:
        """A sticky queue that is not polled costs the run its stickiness, and so does an answer that does not come in
        time, be it because the worker has died with the query; the normal one is tried then (queryworkflow/api.go).
        """
        if state.sticky is not None and self.server.matching.add_sticky_query(state, query):
            self.server.after(state.sticky[1], self._not_answered, state, query)
            return
        state.sticky = None
        self.server.matching.add_query(state, query)

    def _not_answered(self, state: MutableState, query: Query) -> None:
        if not query.answered:
            query.taken = False
            state.sticky = None
            self.server.matching.add_query(state, query)

    def start(self, state: MutableState, query: Query, queue_kind: str) -> TaskForWorker | None:
        """A poll has met it."""
        if query.taken:
            return None
        query.taken = True
        full = queue_kind != "sticky"
        return TaskForWorker(state, None, list(state.history.events) if full else (), full, query=query)

    def answered(self, query: Query, answer: str) -> None:
        if not query.answered:
            query.answered = True
            self.server.cancel(query.limit)
            query.link.reply(query.call, answer)
