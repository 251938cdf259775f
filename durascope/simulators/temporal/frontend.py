"""The frontend: the server's API. It routes calls to the parts that answer them, and keeps nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durascope.simulators.temporal.calls import Call
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.constants import duration
from durascope.simulators.temporal.history_service import HistoryService
from durascope.simulators.temporal.matching import Matching, QueueId
from durascope.simulators.temporal.mutable_state import MutableState, StartOptions, WorkflowTask
from durascope.simulators.temporal.queries import Query

Signal = tuple[str, Any]
StartUpdate = tuple[str, str, Any]
"""id, name, payload"""


class Frontend:
    """One method per call of the API: it reads what is asked off `call.args` and answers by `link.reply(call, …)`."""

    __slots__ = (
        "_after", "_closing", "_executions", "_matching", "_queries", "_resets", "_store", "_tasks", "_throttled",
        "_updates", "methods",
    )  # fmt: skip

    def __init__(self, matching: Matching, history: HistoryService) -> None:
        self._after, self._store = history.shard.after, history.shard.store
        self._matching = matching
        self._tasks = history.tasks
        self._executions = history.executions
        self._closing = history.closing
        self._resets = history.resets
        self._updates = history.updates
        self._queries = history.queries
        self._throttled = duration("throttle_retry")
        self.methods: dict[str, Callable[[Link, Call], Any]] = {
            "poll": matching.poll,
            "complete workflow task": history.completions.completed,
            "fail workflow task": self._workflow_task_failed,
            "complete activity": history.activities.reported,
            "fail activity": history.activities.reported,
            "report cancelled activity": history.activities.reported,
            "heartbeat": history.activities.heartbeat,
            "shut down worker": self._shut_down,
            "get history": self._get_history,
            "answer query": self._answer_query,
            "start workflow": self._start,
            "signal": self._signal,
            "cancel": self._cancel,
            "terminate": self._terminate,
            "reset": self._reset,
            "update": self._update,
            "query": self._query,
        }

    # ---- for workers ---------------------------------------------------------------------------------------

    def _workflow_task_failed(self, link: Link, call: Call) -> None:
        run_id: int
        task: WorkflowTask
        run_id, task, cause, message = call.args
        state = self._store.runs.get(run_id)
        if state is not None and state.wft is task and task.started_at is not None:
            self._tasks.failed(state, task, cause, message)
        link.reply(call, "failed")

    def _shut_down(self, link: Link, call: Call) -> None:
        queue: QueueId = call.args[0]
        self._matching.lost(link)
        self._matching.unload(queue)

    def _get_history(self, link: Link, call: Call) -> None:
        run_id: int = call.args[0]
        state = self._store.runs.get(run_id)
        link.reply(call, () if state is None else tuple(state.history.events))

    def _answer_query(self, link: Link, call: Call) -> None:
        query: Query
        query, answer = call.args
        self._queries.answered(query, answer)
        link.reply(call, "answered")

    # ---- for clients ---------------------------------------------------------------------------------------

    def _start(self, link: Link, call: Call) -> None:
        """StartWorkflowExecution, SignalWithStart, or UpdateWithStart (U5)."""
        options: StartOptions
        signal: Signal | None
        update: StartUpdate | None
        options, conflict, signal, update, eager, request_id = call.args
        running = self._store.open_run(options.workflow_id)
        again = self._store.started.get(options.workflow_id) == request_id
        if again and (update is None or running is None):  # the same request again, whose answer was lost
            link.reply(call, "started" if update is None else ("started", self._ended(options.workflow_id, update[0])))
            return
        ended = self._store.last_updates.get(options.workflow_id)
        if update is not None and ended is not None and update[0] in ended:
            link.reply(call, ("attached", ended[update[0]]))  # the run that it was part of has closed since
            return
        started = "started" if again or running is None else "attached"
        if running is None:
            first_task = "eager" if eager else "now"
            running = self._executions.create(options, signal=signal, first_task=first_task, request_id=request_id)
            if update is None:
                link.reply(call, "started")
        elif (signal is not None or update is not None) and running.closing:
            self._ask_again(link, call)
            return
        elif signal is not None:
            self._executions.signalled(running, *signal)
            link.reply(call, "attached")
        elif update is None:
            link.reply(call, "attached" if conflict == "use-existing" else "refused")
        if update is not None:
            self._updates.admit(link, call, running, *update, started)

    def _ask_again(self, link: Link, call: Call) -> None:
        """The run is busy closing (W10): the frontend itself tries again, as whenever something is exhausted."""
        self._after(self._throttled, self.methods[call.method], link, call)

    def _ended(self, workflow_id: str, update_id: str) -> str:
        """What became of an update of a closed run."""
        return self._store.last_updates.get(workflow_id, {}).get(update_id, "not found")

    def _open(self, link: Link, call: Call, workflow_id: str) -> MutableState | None:
        state = self._store.open_run(workflow_id)
        if state is None:
            link.reply(call, "not found")
        return state

    def _signal(self, link: Link, call: Call) -> None:
        workflow_id, name, payload = call.args
        state = self._open(link, call, workflow_id)
        if state is not None and state.closing:
            self._ask_again(link, call)
        elif state is not None:
            accepted = self._executions.signalled(state, name, payload)
            link.reply(call, "accepted" if accepted else "refused")

    def _cancel(self, link: Link, call: Call) -> None:
        state = self._open(link, call, call.args[0])
        if state is not None:
            self._executions.cancel_requested(state)
            link.reply(call, "accepted")

    def _terminate(self, link: Link, call: Call) -> None:
        state = self._open(link, call, call.args[0])
        if state is not None:
            self._closing.terminate(state, "kill")
            link.reply(call, "accepted")

    def _reset(self, link: Link, call: Call) -> None:
        """ResetWorkflowExecution of the latest run, open or closed, to before a step."""
        workflow_id, step = call.args
        state = self._store.latest_run(workflow_id)
        done = state is not None and self._resets.reset(state, step)
        link.reply(call, "accepted" if done else "not found")

    def _update(self, link: Link, call: Call) -> None:
        workflow_id, update_id, name, payload = call.args
        state = self._open(link, call, workflow_id)
        if state is not None and state.closing:
            self._ask_again(link, call)
        elif state is not None:
            self._updates.admit(link, call, state, update_id, name, payload)

    def _query(self, link: Link, call: Call) -> None:
        workflow_id, name = call.args
        state = self._store.latest_run(workflow_id)
        if state is None:
            link.reply(call, "not found")
        else:
            self._queries.ask(link, call, state, name)
