"""Resets: a run begins anew as another, from a workflow task of its past on (resetworkflow, workflow_resetter.go).

    base run:  1 … task started │ task completed, step scheduled, …  ─▶ terminated, if it is open
    new run:   1 … task started │ task failed (reset) · signals, updates, ends of children since ─▶ a new task

What the new run has not done at that point it does again; what had been under way then is under way again: activities
from their first attempt, timers until their old time, children reconnected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from heapq import heappush

from durascope.models.trace import Kind
from durascope.simulators.temporal.activities import Activities
from durascope.simulators.temporal.closing import Closing
from durascope.simulators.temporal.events import (
    ActivityEnd,
    ActivityTaskCancelRequested,
    ActivityTaskScheduled,
    ChildEnd,
    ChildWorkflowExecutionStarted,
    ExternalEnd,
    MarkerRecorded,
    RequestCancelExternalWorkflowExecutionInitiated,
    SignalExternalWorkflowExecutionInitiated,
    StartChildWorkflowExecutionFailed,
    StartChildWorkflowExecutionInitiated,
    TimerCanceled,
    TimerFired,
    TimerStarted,
    WorkflowExecutionCancelRequested,
    WorkflowExecutionSignaled,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateAdmitted,
    WorkflowExecutionUpdateCompleted,
    WorkflowTaskCompleted,
    WorkflowTaskFailed,
    WorkflowTaskStarted,
)
from durascope.simulators.temporal.executions import Executions
from durascope.simulators.temporal.failure import TaskFailedCause
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.mutable_state import Child, MutableState, StartOptions, Update
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.user_timers import UserTimers
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks


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
        state.cancel_requested = any(isinstance(event, WorkflowExecutionCancelRequested) for event in events[:finished])
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
        assert isinstance(started, WorkflowTaskStarted)
        completed = (each for each in reversed(state.history.events) if isinstance(each, WorkflowTaskCompleted))
        state.previous_started_id = next((each.started_event_id for each in completed), 0)
        failed = WorkflowTaskFailed(
            started.scheduled_event_id,
            started.id,
            TaskFailedCause.RESET_WORKFLOW,
            "reset",
            "history-service",
            base.run_id,
        )
        state.history.append(failed, self.world.now)

    # ---- what was under way at the point -------------------------------------------------------------------

    def _rebuild(self, state: MutableState, base: MutableState) -> None:
        for event in _open(state.history.events):
            match event:
                case ActivityTaskScheduled():
                    self._transfer.activity(state, self._activities.again(state, event))
                case TimerStarted():
                    due = event.at + event.start_to_fire_timeout
                    state.timers[event.timer_id] = (due, event)
                    heappush(state.timer_heap, (due, event.timer_id))
                case StartChildWorkflowExecutionInitiated():
                    self._reconnect(state, base, event)
                case WorkflowExecutionUpdateAccepted():
                    state.updates[event.update_id] = Update(event.update_id, event.name, event)
                case SignalExternalWorkflowExecutionInitiated():
                    state.externals[event.id] = event
                    self._transfer.other(state, event.id, "signal_external", state.run_id, event.id)
                case RequestCancelExternalWorkflowExecutionInitiated():
                    state.externals[event.id] = event
                    self._transfer.other(state, event.id, "cancel_external", state.run_id, event.id)
                case _:
                    pass
        self._activities.set_timer(state)
        self._user_timers.set_timer(state)
        state.signals = sum(isinstance(event, WorkflowExecutionSignaled) for event in state.history.events)

    def _reconnect(
        self, state: MutableState, base: MutableState, initiated: StartChildWorkflowExecutionInitiated
    ) -> None:
        """A child of the base run reports to the new one; what it has reported since is reapplied."""
        number = initiated.id
        child = base.children.get(number)
        started, since = _start_of(number, state.history.events), _start_of(number, base.history.events)
        run_id = since.run_id if since is not None else 0 if child is None else child.run_id
        state.children[number] = Child(initiated, run_id, started)
        if not since and child is not None:
            self._transfer.other(state, number, "start_child", state.run_id, number)

    # ---- what has come since -------------------------------------------------------------------------------

    def _reapply(self, state: MutableState, event: HistoryEvent) -> None:
        """Signals, updates, and what has become of children that were there before the point."""
        now, history = self.world.now, state.history
        match event:
            case WorkflowExecutionSignaled():
                state.signals += 1
                history.append(copy(event), now)
            case WorkflowExecutionUpdateAccepted(update_id=update_id, name=name, payload=payload):
                history.append(WorkflowExecutionUpdateAdmitted(update_id, name, payload), now)
                self._registry.add(state, update_id, name, payload)
            case ChildWorkflowExecutionStarted(initiated_event_id=number) if number in state.children:
                state.children[number].started = history.append(copy(event), now)
            case ChildEnd() | StartChildWorkflowExecutionFailed() | ExternalEnd():
                if event.initiated_event_id in state.children:
                    history.append(copy(event), now)
                    del state.children[event.initiated_event_id]
            case _:
                pass


def _finishes(events: Sequence[HistoryEvent], step: str) -> Iterator[int]:
    """The completions of workflow tasks that have scheduled the step, or told what became of it."""
    for event in events:
        match event:
            case ActivityTaskScheduled() | ActivityTaskCancelRequested() | TimerStarted() | MarkerRecorded():
                if event.name == step:
                    yield event.workflow_task_completed_event_id
            case StartChildWorkflowExecutionInitiated() | SignalExternalWorkflowExecutionInitiated():
                if step in (event.name, event.label):
                    yield event.workflow_task_completed_event_id
            case _:
                pass


def _open(events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """What has begun in these events and not ended."""
    ended = set(map(_ended, events))
    return [event for event in events if event.id not in ended]


def _ended(event: HistoryEvent) -> int:
    """The number of the event whose matter this one ends; 0: it ends none."""
    match event:
        case ActivityEnd(scheduled_event_id=number):
            return number
        case TimerFired(started_event_id=number) | TimerCanceled(started_event_id=number):
            return number
        case ChildEnd(initiated_event_id=number) | ExternalEnd(initiated_event_id=number):
            return number
        case StartChildWorkflowExecutionFailed(initiated_event_id=number):
            return number
        case WorkflowExecutionUpdateCompleted(accepted_event_id=number):
            return number
        case _:
            return 0


def _start_of(initiated_id: int, events: Sequence[HistoryEvent]) -> ChildWorkflowExecutionStarted | None:
    """That of the child, if it is among the events."""
    starts = (event for event in events if isinstance(event, ChildWorkflowExecutionStarted))
    return next((event for event in starts if event.initiated_event_id == initiated_id), None)
