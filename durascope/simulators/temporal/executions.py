"""Runs of workflows in the history service: created, signalled, cancelled, closed, continued in chains (§8, §9)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from durascope.models.trace import Kind
from durascope.simulators.kernel.world import HOPELESS_ATTEMPT
from durascope.simulators.temporal.activity_options import retry_policy_of
from durascope.simulators.temporal.commands import CLOSES, Command
from durascope.simulators.temporal.constants import duration, limit
from durascope.simulators.temporal.mutable_state import MutableState, StartOptions

if TYPE_CHECKING:
    from durascope.simulators.temporal.server import Server

HISTORY = "history"

REMEMBERED: Final = 1000
"""So many of the latest start requests are known again."""

STATUS: Final = {
    "WorkflowExecutionCompleted": "completed",
    "WorkflowExecutionFailed": "failed",
    "WorkflowExecutionCanceled": "cancelled",
    "WorkflowExecutionContinuedAsNew": "continued-as-new",
    "WorkflowExecutionTerminated": "terminated",
    "WorkflowExecutionTimedOut": "timed-out",
}
"""How the last event of a history says that the run has ended."""


class Executions:
    """Every run from its first event to its last."""

    __slots__ = (
        "_reuse_interval", "_signals", "server",
    )  # fmt: skip

    def __init__(self, server: Server) -> None:
        self.server = server
        self._reuse_interval = duration("id_reuse_interval")
        self._signals = limit("signals").error

    def open_run(self, workflow_id: str) -> MutableState | None:
        """The open run of that workflow id, if there is one."""
        run_id = self.server.store.current.get(workflow_id)
        state = None if run_id is None else self.server.store.runs.get(run_id)
        return state if state is not None and state.open else None

    # ---- started -------------------------------------------------------------------------------------------

    def create(
        self, options: StartOptions, *, first_task: str = "now", signal: tuple[str, Any] | None = None,
        request_id: str = "",
    ) -> MutableState:  # fmt: skip
        """A new run: its first events, its run timer and its first workflow task, in one transition.

        `first_task`: now · later (a child's, in a second transition) · eager (A12b).
        """
        server, now, store = self.server, self.server.world.now, self.server.store
        if options.execution == 1 and not options.entity:
            options = self._under_its_own_name(options)
        state = self.enter(options)
        if request_id:
            store.started.pop(options.workflow_id, None)
            store.started[options.workflow_id] = request_id
            if len(store.started) > REMEMBERED:
                del store.started[next(iter(store.started))]
        state.history.append("WorkflowExecutionStarted", now, {"options": options, "attempt": options.attempt,
                             "initiator": options.initiator, "queue": state.queue})  # fmt: skip
        if options.run_timeout:
            state.run_timer = server.timers.add(now + options.delay + options.run_timeout, "run_timeout", state)
        if signal is not None:
            state.signals += 1
            state.history.append("WorkflowExecutionSignaled", now, _signal(*signal, None))
        if options.delay:
            state.first_task_timer = server.timers.add(now + options.delay, "first_workflow_task", state)
        elif first_task == "now":
            server.workflow_tasks.schedule(state)
        elif first_task == "eager":
            self._told(options)
            self._start_eagerly(state)
        elif first_task == "later":
            server.after(server.delays("first_transfer", state.luck, 1), self.first_workflow_task, state, None)
        self._told(options)
        server.commit(state)
        return state

    def _told(self, options: StartOptions) -> None:
        """The logical run begins once, before anything of it leaves the server, however often it is asked for."""
        world = self.server.world
        if options.execution == 1 and options.run.name not in world.recorder.runs:
            world.run_started(HISTORY, options.run)

    def enter(self, options: StartOptions) -> MutableState:
        """A run without events yet, the latest of its workflow id."""
        server, store = self.server, self.server.store
        store.last_run_id += 1
        luck = int(server.world.luck("run", options.run.luck, options.execution) * (1 << 63))
        state = MutableState(
            store.last_run_id, options, luck, server.queue_of(options.run.workflow),
            options.task_timeout(server.options.workflow_task_timeout), server.world.now,
        )  # fmt: skip
        store.runs[state.run_id] = state
        store.current[options.workflow_id] = state.run_id
        return state

    def _under_its_own_name(self, options: StartOptions) -> StartOptions:
        """A request makes two runs if another run of its id began, and ended, before it was repeated (§8).

        The server knows the request of the latest run only; what it has started before is another run.
        """
        run, begun = options.run, self.server.world.recorder.runs
        while run.name in begun:
            run = replace(run, name=f"{run.name} again", luck=f"{run.luck}/again")
        return options if run is options.run else replace(options, run=run)

    def _start_eagerly(self, state: MutableState) -> None:
        """The first task goes out with the answer to the start: client and worker share a process (A12b)."""
        server = self.server
        queue = ("workflow", state.queue)
        link = next((link for link in server.links.values() if link.open and queue in link.queues), None)
        if link is None:
            server.workflow_tasks.schedule(state)
            return
        task = server.workflow_tasks.schedule(state, inline=True)
        server.workflow_tasks.begin(state, task, link.worker)
        state.history.events[0].attributes["eager_execution_accepted"] = True
        server.commit(state)
        link.push(server.workflow_tasks.for_worker(state, task, True))

    def first_workflow_task(self, state: MutableState, _: Any) -> None:
        """A delayed first task is due, or a child's follows its start."""
        if state.open and state.wft is None and not state.previous_started_id:
            self.server.timers.cancel(state.first_task_timer)
            self.server.workflow_tasks.schedule(state)
            self.server.commit(state)

    def recover(self, state: MutableState) -> None:
        """After a restart: tasks for matching that nobody had taken are pushed again."""
        server, task = self.server, state.wft
        if task is not None and task.kind == "speculative":
            state.wft = None
        elif task is not None and task.started_at is None:
            server.transfer.workflow_task(state, task)
        elif task is None and not state.previous_started_id and not state.options.delay:
            self.first_workflow_task(state, None)
        for activity in state.activities.values():
            if server.activities.waits(state, activity):
                server.transfer.activity(state, activity)

    # ---- what comes from outside while it runs -------------------------------------------------------------

    def signalled(self, state: MutableState, name: str, payload: Any, sender: tuple[int, int] | None = None) -> bool:
        """Accepts a signal (§8); False above the limit of signals per run.

        `sender` is the run that sent it, and the event there; None: it came from outside.
        """
        if state.signals >= self._signals:
            return False
        state.signals += 1
        state.record("WorkflowExecutionSignaled", self.server.world.now, _signal(name, payload, sender))
        self._wake(state)
        self.server.world.emit(HISTORY, Kind.EVENT_RECEIVED, state.run, detail=name)
        return True

    def cancel_requested(self, state: MutableState, sender: tuple[int, int] | None = None) -> None:
        if state.cancel_requested:
            return
        state.cancel_requested = True
        state.record("WorkflowExecutionCancelRequested", self.server.world.now, {"sender": sender})
        self.server.timers.cancel(state.first_task_timer)  # unlike a signal, it does not wait for the first task
        self._wake(state)
        self.server.world.emit(HISTORY, Kind.EVENT_RECEIVED, state.run, detail="cancel")

    def _wake(self, state: MutableState) -> None:
        """Schedules a task, unless the run still waits for its first one."""
        if state.first_task_timer is None or not state.first_task_timer.live:
            self.server.workflow_tasks.need(state)
        self.server.commit(state)

    def terminate(self, state: MutableState, reason: str) -> None:
        """One last event, no workflow task; running activities are not told (A11)."""
        self._ended_from_outside(state, "WorkflowExecutionTerminated", {"reason": reason})
        self.server.world.emit(HISTORY, Kind.EVENT_RECEIVED, state.run, detail=reason)

    def terminate_to_reset(self, state: MutableState, successor: StartOptions) -> None:
        """Another run begins where this one once was; its children stay, and nobody hears of its end."""
        self._ended_from_outside(state, "WorkflowExecutionTerminated", {"reason": "reset"}, successor)

    def run_timeout(self, state: MutableState, _: Any) -> None:
        """The run's time is up (§9): a policy of the workflow may start another run."""
        successor = self._retry_of(state, timed_out=True)
        attributes = {"retry_state": None if successor is None else "in-progress"}
        self._ended_from_outside(state, "WorkflowExecutionTimedOut", attributes, successor)

    def _ended_from_outside(
        self, state: MutableState, kind: str, attributes: dict[str, Any], successor: StartOptions | None = None
    ) -> None:
        """A task that is started fails first, and what it has kept in the buffer is written (§5)."""
        self.server.workflow_tasks.force_close(state)
        self.server.workflow_tasks.drop(state)
        state.history.append(kind, self.server.world.now, attributes)
        self._close(state, kind, successor)
        self.server.commit(state)

    # ---- closed --------------------------------------------------------------------------------------------

    def close_by(self, state: MutableState, command: Command, completed_id: int) -> None:
        """A command of the workflow's code ends the run; a new one may take over (§9)."""
        kind, now = CLOSES[command.kind], self.server.world.now
        attributes: dict[str, Any] = command.attributes | {"workflow_task_completed_event_id": completed_id}
        successor: StartOptions | None = None
        if command.kind == "ContinueAsNewWorkflowExecution":
            successor = replace(
                state.options, execution=state.options.execution + 1, initiator="workflow", attempt=1,
                redoes=state.options.redoes and state.options.redoes + 1,
                resume_at=attributes["done"], carried=attributes["carried"], delay=self._backoff(state, 0),
            )  # fmt: skip
        elif command.kind == "FailWorkflowExecution" and state.options.retry is not None:
            successor = self._retry_of(state) if attributes["failure"].retryable else None
            attributes["retry_state"] = (
                "in-progress"
                if successor is not None
                else "maximum-attempts-reached"
                if attributes["failure"].retryable
                else "non-retryable-failure"
            )
        state.history.append(kind, now, attributes)
        self._close(state, kind, successor)

    def _retry_of(self, state: MutableState, *, timed_out: bool = False) -> StartOptions | None:
        """The next run of a workflow with a retry policy, or None."""
        options = state.options
        if options.retry is None:
            return None
        policy = retry_policy_of(options.retry)
        if options.attempt >= HOPELESS_ATTEMPT and not self.server.world.more_to_come:
            self.server.world.give_up(state.run)
        if policy.max_attempts and options.attempt >= policy.max_attempts:
            return None
        return replace(
            options, execution=options.execution + 1, initiator="retry", attempt=options.attempt + 1,
            redoes=options.redoes and options.redoes + 1,
            delay=self._backoff(state, max(1000, policy.interval(options.attempt))),
        )  # fmt: skip

    def _backoff(self, state: MutableState, asked: int) -> int:
        """What the next run waits before its first task: no two of a chain begin within a second (§9).

        What counts of this run is its life after its own backoff.
        """
        lived = self.server.world.now - state.started_at - state.options.delay
        return asked if lived + asked >= self._reuse_interval else self._reuse_interval - lived

    def _close(self, state: MutableState, kind: str, successor: StartOptions | None) -> None:
        server = self.server
        state.open = False
        state.status = STATUS[kind]
        state.closed_at = server.world.now
        server.activities.drop(state)
        server.user_timers.drop(state)
        timers = server.timers
        timers.discard(state.wft_timer)
        timers.discard(state.run_timer)
        timers.discard(state.first_task_timer)
        server.updates.closed(state)
        if state.completed_updates:
            server.store.last_updates.setdefault(state.options.workflow_id, {}).update(state.completed_updates)
        if successor is not None:
            if not successor.reset[0]:
                state.history.events[-1].attributes["new_execution"] = successor.execution
                server.externals.abandon_or_end(state)
            server.closing.append((state, successor))
        else:
            server.externals.closed(state)
            server.closing.append((state, None))

    def after_close(self, state: MutableState, successor: StartOptions | None) -> None:
        """Once the last event is written: the next run of the chain, or the end of the logical run."""
        server = self.server
        if successor is not None and successor.reset[0]:
            server.resets.begin(successor)
        elif successor is not None:
            self.create(successor)
        elif not state.options.entity:
            server.world.run_ended(HISTORY, state.run, state.status)
        server.keep(state)


def _signal(name: str, payload: Any, sender: tuple[int, int] | None) -> dict[str, Any]:
    return {"name": name, "payload": payload, "sender": sender}
