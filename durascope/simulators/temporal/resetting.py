"""Resets: a run begins anew as another, from a workflow task of its past on (resetworkflow, workflow_resetter.go).

    base run:  1 … task started │ task completed, step scheduled, …  ─▶ terminated, if it is open
    new run:   1 … task started │ task failed (reset) · signals, updates, ends of children since ─▶ a new task

What the new run has not done at that point it does again; what had been under way then is under way again: activities
from their first attempt, timers until their old time, children reconnected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import heappush
from typing import Final

from durascope.models.trace import Kind
from durascope.simulators.temporal.activities import Activities
from durascope.simulators.temporal.closing import Closing
from durascope.simulators.temporal.executions import Executions
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.mutable_state import Child, MutableState, StartOptions, Update
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.user_timers import UserTimers
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks

ENDED: Final = {
    "scheduled_event_id": frozenset((
        "ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskTimedOut", "ActivityTaskCanceled",
    )),
    "started_event_id": frozenset(("TimerFired", "TimerCanceled")),
    "initiated_event_id": frozenset((
        "StartChildWorkflowExecutionFailed", "ChildWorkflowExecutionCompleted", "ChildWorkflowExecutionFailed",
        "ChildWorkflowExecutionCanceled", "ChildWorkflowExecutionTimedOut", "ChildWorkflowExecutionTerminated",
        "ExternalWorkflowExecutionSignaled", "SignalExternalWorkflowExecutionFailed",
        "ExternalWorkflowExecutionCancelRequested", "RequestCancelExternalWorkflowExecutionFailed",
    )),
    "accepted_event_id": frozenset(("WorkflowExecutionUpdateCompleted",)),
}  # fmt: skip
"""The kinds that end what another event has begun, by the attribute that names it."""
CHILDREN: Final = ENDED["initiated_event_id"] | {"ChildWorkflowExecutionStarted"}
"""Reapplied where the child was there before the point."""


class Resets:
    """Makes the runs that begin where another once was."""

    __slots__ = (
        "_activities", "_closing", "_executions", "_registry", "_tasks", "_transfer", "_user_timers", "shard", "world",
    )  # fmt: skip

    def __init__(
        self, shard: Shard, transfer: TransferQueue, tasks: WorkflowTasks, activities: Activities,
        user_timers: UserTimers, executions: Executions, closing: Closing,
    ) -> None:  # fmt: skip
        self.shard = shard
        self.world = shard.world
        self._transfer = transfer
        self._tasks = tasks
        self._registry = tasks.registry
        self._activities = activities
        self._user_timers = user_timers
        self._executions = executions
        self._closing = closing

    def reset(self, base: MutableState, step: str) -> bool:
        """Resets the run to before the task that has scheduled the step first; False: there is no such task."""
        finished = next(_finishes(base.history.events, step), 0)
        if not finished:
            return False
        self.world.emit(HISTORY, Kind.EVENT_RECEIVED, base.run, detail="reset")
        options = replace(base.options, reset=(base.run_id, finished), redoes=base.options.acts_as)
        if base.open:
            self._closing.terminate_to_reset(base, replace(options, execution=options.execution + 1))
        else:
            self.begin(replace(options, run=replace(base.run, name=f"{base.run.name} again"), execution=1))
        return True

    def begin(self, options: StartOptions) -> None:
        """The new run: what its base was at the point, and what has come from outside since."""
        shard, now = self.shard, self.world.now
        base_id, finished = options.reset
        base = shard.store.runs[base_id]
        state = self._executions.enter(replace(options, reset=(0, 0)))
        base.reset_to = state.run_id
        events = base.history.events
        state.history.events = events[: finished - 1]
        state.history.committed = state.copied = finished - 1
        state.history.payload_bytes = base.history.payload_bytes
        state.cancel_requested = any(event.kind == "WorkflowExecutionCancelRequested" for event in events[:finished])
        self._fail_task(state, base)
        self._rebuild(state, base)
        for event in events[finished:]:
            self._reapply(state, event)
        if options.run_timeout:
            state.run_timer = shard.timers.add(now + options.run_timeout, "run_timeout", state)
        base.children.clear()
        self._tasks.schedule(state)
        if options.execution == 1:
            self.world.run_started(HISTORY, options.run)
        shard.commit(state)

    def _fail_task(self, state: MutableState, base: MutableState) -> None:
        """The task that was started at the point has failed; it does not count as an attempt."""
        started = state.history.events[-1]
        completed = (each for each in reversed(state.history.events) if each.kind == "WorkflowTaskCompleted")
        state.previous_started_id = next((each.attributes["started_event_id"] for each in completed), 0)
        state.history.append(
            "WorkflowTaskFailed",
            self.world.now,
            {
                "scheduled_event_id": started.attributes["scheduled_event_id"],
                "started_event_id": started.id,
                "cause": "reset-workflow",
                "message": "reset",
                "identity": "history-service",
                "base_run_id": base.run_id,
            },
        )

    # ---- what was under way at the point -------------------------------------------------------------------

    def _rebuild(self, state: MutableState, base: MutableState) -> None:
        for event in _open(state.history.events):
            match event.kind:
                case "ActivityTaskScheduled":
                    self._transfer.activity(state, self._activities.again(state, event))
                case "TimerStarted":
                    due = event.at + event.attributes["start_to_fire_timeout"]
                    state.timers[event.attributes["timer_id"]] = (due, event)
                    heappush(state.timer_heap, (due, event.attributes["timer_id"]))
                case "StartChildWorkflowExecutionInitiated":
                    self._reconnect(state, base, event)
                case "WorkflowExecutionUpdateAccepted":
                    a = event.attributes
                    state.updates[a["id"]] = Update(a["id"], a["name"], event)
                case "SignalExternalWorkflowExecutionInitiated" | "RequestCancelExternalWorkflowExecutionInitiated":
                    state.externals[event.id] = (event, event.attributes["workflow_id"])
                    task = "signal_external" if event.kind.startswith("Signal") else "cancel_external"
                    self._transfer.other(state, event.id, task, state.run_id, event.id)
                case _:
                    pass
        self._activities.set_timer(state)
        self._user_timers.set_timer(state)
        state.signals = sum(event.kind == "WorkflowExecutionSignaled" for event in state.history.events)

    def _reconnect(self, state: MutableState, base: MutableState, initiated: HistoryEvent) -> None:
        """A child of the base run reports to the new one; what it has reported since is reapplied."""
        a, number = initiated.attributes, initiated.id
        child = base.children.get(number)
        started = [each for each in state.history.events if _concerns(each, "ChildWorkflowExecutionStarted", number)]
        since = [each for each in base.history.events if _concerns(each, "ChildWorkflowExecutionStarted", number)]
        run_id = since[0].attributes["run_id"] if since else 0 if child is None else child.run_id
        state.children[number] = Child(
            initiated, a["name"], a["key"], a["workflow_id"], a["on_close"], run_id,
            started[0] if started else None,
        )  # fmt: skip
        if not since and child is not None:
            self._transfer.other(state, number, "start_child", state.run_id, number)

    # ---- what has come since -------------------------------------------------------------------------------

    def _reapply(self, state: MutableState, event: HistoryEvent) -> None:
        now, a = self.world.now, event.attributes
        if event.kind == "WorkflowExecutionSignaled":
            state.signals += 1
            state.history.append(event.kind, now, a)
        elif event.kind == "WorkflowExecutionUpdateAccepted":
            admitted = {"id": a["id"], "name": a["name"], "payload": a["payload"]}
            state.history.append("WorkflowExecutionUpdateAdmitted", now, admitted)
            self._registry.add(state, a["id"], a["name"], a["payload"])
        elif event.kind in CHILDREN and a["initiated_event_id"] in state.children:
            copy = state.history.append(event.kind, now, a)
            if event.kind == "ChildWorkflowExecutionStarted":
                state.children[a["initiated_event_id"]].started = copy
            else:
                del state.children[a["initiated_event_id"]]


def _finishes(events: Sequence[HistoryEvent], step: str) -> Iterator[int]:
    """The completions of workflow tasks that have scheduled the step, or told what became of it."""
    for event in events:
        a = event.attributes
        if "workflow_task_completed_event_id" in a and step in (a.get("name"), a.get("label")):
            yield a["workflow_task_completed_event_id"]


def _open(events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """What has begun in these events and not ended."""
    ended: set[int] = set()
    for event in events:
        for attribute, kinds in ENDED.items():
            if event.kind in kinds:
                ended.add(event.attributes[attribute])
    return [event for event in events if event.id not in ended]


def _concerns(event: HistoryEvent, kind: str, initiated_id: int) -> bool:
    return event.kind == kind and event.attributes["initiated_event_id"] == initiated_id
