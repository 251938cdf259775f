"""Activities in the history service: scheduled, started, reported, timed out, retried, closed (A1 to A13).

An attempt that fails with a retry left leaves no event; ActivityTaskStarted is written when the activity closes, and
tells of the last attempt (A2).
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.states import after
from durascope.simulators.temporal.calls import Call
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.commands import ScheduleActivityTask
from durascope.simulators.temporal.constants import limit
from durascope.simulators.temporal.events import (
    ActivityEnd,
    ActivityTaskCanceled,
    ActivityTaskCancelRequested,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskScheduled,
    ActivityTaskStarted,
    ActivityTaskTimedOut,
)
from durascope.simulators.temporal.failure import Failure, FailureKind, RetryState, TimeoutType
from durascope.simulators.temporal.messages import ActivityTask
from durascope.simulators.temporal.mutable_state import NEXT, Activity, ActivityStatus, MutableState
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.task_queues import TaskQueueKind
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks

_STEP_RECORDED: Final = Kind.STEP_RECORDED
_SCHEDULED: Final = ActivityStatus.SCHEDULED
_STARTED: Final = ActivityStatus.STARTED

TIMEOUTS: Final = (
    TimeoutType.SCHEDULE_TO_START, TimeoutType.SCHEDULE_TO_CLOSE, TimeoutType.START_TO_CLOSE, TimeoutType.HEARTBEAT,
)  # fmt: skip
"""In the order in which the server handles those of one activity that are due at the same time."""
_NO_RETRY: Final = (TimeoutType.SCHEDULE_TO_START, TimeoutType.SCHEDULE_TO_CLOSE)
_TO_START: Final = 0
_TO_CLOSE: Final = 1
_START_TO_CLOSE: Final = 2
_HEARTBEAT: Final = 3


class Activities:
    """The activities of every run."""

    __slots__ = ("_ends", "_payload", "_tasks", "_timers", "_transfer", "shard", "world")

    def __init__(self, shard: Shard, transfer: TransferQueue, tasks: WorkflowTasks) -> None:
        self.shard = shard
        self.world = shard.world
        self._timers = shard.timers
        self._transfer = transfer
        self._tasks = tasks
        self._payload = limit("payload")
        self._ends: dict[str, Callable[..., bool]] = {
            "complete activity": self._completed,
            "fail activity": self._failed,
            "report cancelled activity": self._cancelled,
        }
        """By the call that reports it: how an attempt ends, and whether the activity does."""
        shard.timers.on("activity_timeout", self.timeout_due)
        shard.timers.on("activity_retry", self.retry_due)

    # ---- scheduled and started -----------------------------------------------------------------------------

    def schedule(self, state: MutableState, command: ScheduleActivityTask, completed_id: int) -> Activity:
        """A ScheduleActivityTask command: the event, with all timeouts filled in (A5)."""
        options = command.asked.options
        run_timeout = state.options.run_timeout
        timeouts = options.within(run_timeout) if run_timeout else options.timeouts
        event = ActivityTaskScheduled(command.seq, command.name, command.asked, timeouts, options.policy, completed_id)
        state.history.append(event, self.world.now)
        activity = state.activities[event.id] = Activity(event, state.options)
        if timeouts[0] or timeouts[1]:
            self._arm(state, activity, _TO_CLOSE, event.at, timeouts[0])
            self._arm(state, activity, _TO_START, event.at, timeouts[1])
        return activity

    def again(self, state: MutableState, event: ActivityTaskScheduled) -> Activity:
        """One that was under way where the run is reset to: it begins anew, and so do its timeouts."""
        activity = state.activities[event.id] = Activity(event, state.options)
        activity.scheduled_at = now = self.world.now
        self._arm(state, activity, _TO_CLOSE, now, event.timeouts[0])
        self._arm(state, activity, _TO_START, now, event.timeouts[1])
        return activity

    def start(self, state: MutableState, activity: Activity, worker: str, eager: bool = False) -> ActivityTask | None:
        """A worker takes it, by a poll or eagerly (A12): no event, only the state (A1)."""
        if activity.status is not _SCHEDULED:
            return None
        activity.status = after(NEXT, activity, _SCHEDULED, "start")
        now = activity.started_at = activity.heartbeat_at = self.world.now
        activity.worker = worker
        _, _, start_to_close, heartbeat = activity.timeouts
        timeouts = state.activity_timeouts
        before = len(timeouts)
        if start_to_close:
            heappush(timeouts, (now + start_to_close, activity.scheduled_id, _START_TO_CLOSE, activity.attempt))
        if heartbeat:
            self._arm(state, activity, _HEARTBEAT, now, heartbeat)
        if eager:
            pass
        elif before:
            self.set_timer(state)
        elif timeouts:  # the first is one of these: it holds
            self._time(state, timeouts[0])
        return ActivityTask(
            state.run_id, activity.run, state.luck, activity.scheduled_id, activity.attempt, activity.name,
            activity.key, activity.step, activity.timeouts,
        )  # fmt: skip

    def polled(
        self, state: MutableState, activity: Activity, link: Link, _queue_kind: TaskQueueKind
    ) -> ActivityTask | None:
        """A poll has met it in matching."""
        return self.start(state, activity, link.worker)

    # ---- what workers report -------------------------------------------------------------------------------

    def _reported_on(self, task: ActivityTask) -> tuple[MutableState, Activity] | None:
        """The pending activity that a report is about; None if its attempt is no longer the pending one (A9)."""
        state = self.shard.store.runs.get(task.run_id)
        if state is None or not state.open:
            return None
        activity = state.activities.get(task.scheduled_id)
        if activity is None or activity.attempt != task.attempt or activity.status is not _STARTED:
            return None
        return state, activity

    def reported(self, link: Link, call: Call) -> None:
        """An attempt has ended, as the name of the call says. It is answered before anybody outside can have seen what
        was written."""
        task: ActivityTask = call.args[0]
        world = self.world
        found = self._reported_on(task)
        if found is None:
            world.emit(HISTORY, Kind.STEP_DROPPED, task.run, task.name, task.attempt, "not found")
            link.reply(call, "not found")
            return
        state, activity = found
        closed = self._ends[call.method](state, activity, *call.args[1:])
        self.shard.commit(state)
        link.reply(call, "recorded")
        if closed:
            world.moment(HISTORY, _STEP_RECORDED, activity.run, activity.name, activity.attempt)
        else:
            world.emit(HISTORY, Kind.STEP_RETRIED, activity.run, activity.name, activity.attempt)

    def _completed(self, state: MutableState, activity: Activity, outcome: Outcome) -> bool:
        size = outcome.size
        if size and size > self._payload.error:
            failure = Failure("Complete result exceeds size limit.", FailureKind.SERVER, retryable=False)
            self._fails(state, activity, failure, RetryState.NON_RETRYABLE_FAILURE)
        else:
            if size:
                state.payload_warnings += size > self._payload.warn
                state.history.payload_bytes += size
            started = self._over(state, activity)
            values = outcome.values
            end = ActivityTaskCompleted(activity.scheduled_id, started, activity.name, activity.worker, values, size)
            self._tell(state, activity, started, end)
        return True

    def _failed(self, state: MutableState, activity: Activity, failure: Failure) -> bool:
        """Whether there is no retry."""
        why_not = self._retry(state, activity, failure)
        if why_not is not None:
            self._fails(state, activity, failure, why_not)
        return why_not is not None

    def _cancelled(self, state: MutableState, activity: Activity) -> bool:
        started = self._over(state, activity)
        end = ActivityTaskCanceled(activity.scheduled_id, started, activity.name, activity.worker)
        self._tell(state, activity, started, end)
        return True

    def heartbeat(self, link: Link, call: Call) -> None:
        task: ActivityTask = call.args[0]
        found = self._reported_on(task)
        if found is None:
            link.reply(call, "not found")
            return
        state, activity = found
        state.heartbeats += 1
        activity.heartbeat_at = self.world.now
        self._overtaken(state)
        link.reply(call, "cancel" if activity.cancel_requested else "go on")

    def _overtaken(self, state: MutableState) -> None:
        """A heartbeat is a write, too: a timeout that now comes before the heartbeat's gets its task (T3)."""
        heap = state.activity_timeouts
        if len(heap) < 2 or heap[0][2] != _HEARTBEAT:
            return
        held = ((entry, self._holds(state, entry)) for entry in heap)
        due = ((self._due(entry, activity), entry) for entry, activity in held if activity is not None)
        _, first = min(due)
        if first[2] != _HEARTBEAT:
            self._time(state, first)

    @staticmethod
    def _due(entry: tuple[int, int, int, int], activity: Activity) -> int:
        """When a timeout is due by now: heartbeats put theirs off."""
        return activity.heartbeat_at + activity.timeouts[3] if entry[2] == _HEARTBEAT else entry[0]

    # ---- retries and timeouts ------------------------------------------------------------------------------

    def _retry(self, state: MutableState, activity: Activity, failure: Failure) -> RetryState | None:
        """Sets the next attempt up and returns None, or returns why there is none (A3)."""
        now, policy = self.world.now, activity.policy
        if activity.cancel_requested:
            return RetryState.CANCEL_REQUESTED
        if failure.timeout_type in _NO_RETRY:
            return RetryState.TIMEOUT
        if not failure.retryable:
            return RetryState.NON_RETRYABLE_FAILURE
        if policy.max_attempts and activity.attempt >= policy.max_attempts:
            return RetryState.MAXIMUM_ATTEMPTS_REACHED
        interval = policy.interval(activity.attempt) if failure.retry_after is None else failure.retry_after
        to_close = activity.timeouts[0]
        if to_close and now + interval > activity.scheduled_at + to_close:
            return RetryState.TIMEOUT
        activity.last_failure = failure
        activity.attempt += 1
        activity.started_at = None
        activity.status = after(NEXT, activity, activity.status, "retry")
        state.retries += 1
        activity.retry_timer = self._timers.add(now + interval, "activity_retry", state, activity)
        # from when the backoff is to end (activity.go, ScheduledTime): a timer that is stretched may be too late for it
        self._arm(state, activity, _TO_START, now + interval, activity.timeouts[1])
        self.set_timer(state)
        return None

    def retry_due(self, state: MutableState, activity: Activity) -> None:
        """The backoff is over: the next attempt goes to matching directly (A6)."""
        if state.activities.get(activity.scheduled_id) is not activity:
            return
        activity.status = after(NEXT, activity, activity.status, "schedule")
        self.set_timer(state)
        self.world.moment(HISTORY, Kind.STEP_SCHEDULED, activity.run, activity.name, activity.attempt)
        self._transfer.dispatch(state, activity)

    def _arm(self, state: MutableState, activity: Activity, number: int, since: int, timeout: int) -> None:
        if timeout:
            heappush(state.activity_timeouts, (since + timeout, activity.scheduled_id, number, activity.attempt))

    def _holds(self, state: MutableState, entry: tuple[int, int, int, int]) -> Activity | None:
        """The activity that this timeout still concerns."""
        _, scheduled_id, number, attempt = entry
        activity = state.activities.get(scheduled_id)
        if activity is None or number == _TO_CLOSE:
            return activity
        if activity.attempt != attempt:
            return None
        if number == _TO_START:
            return activity if activity.started_at is None else None
        return activity if activity.status is _STARTED else None

    def set_timer(self, state: MutableState) -> None:
        """The earliest timeout of all its activities has a timer task, and those that once were it (T3)."""
        heap = state.activity_timeouts
        while heap and self._holds(state, heap[0]) is None:
            heappop(heap)
        if heap:
            self._time(state, heap[0])
        else:
            timers = self._timers
            for task in state.activity_timers:
                timers.cancel(task)

    def _time(self, state: MutableState, first: tuple[int, int, int, int]) -> None:
        self._timers.ensure(state.activity_timers, first[0], "activity_timeout", state, first, self._holds)

    def timeout_due(self, state: MutableState, _: Any) -> None:
        """Every timeout that has passed by now (T3, T4)."""
        now, heap = self.world.now, state.activity_timeouts
        closed: list[Activity] = []
        retried: list[Activity] = []
        while heap and heap[0][0] <= now:
            entry = heappop(heap)
            activity = self._holds(state, entry)
            if activity is None:
                continue
            type_ = TIMEOUTS[entry[2]]
            if type_ is TimeoutType.HEARTBEAT and activity.heartbeat_at + activity.timeouts[3] > now:
                self._arm(state, activity, _HEARTBEAT, activity.heartbeat_at, activity.timeouts[3])
                continue
            (closed if self._timed_out(state, activity, type_) else retried).append(activity)
        self.set_timer(state)
        self.shard.commit(state)
        for activity in retried:
            failure = activity.last_failure
            noticed = None if failure is None or failure.timeout_type is None else failure.timeout_type.value
            self.world.emit(HISTORY, Kind.STEP_RETRIED, activity.run, activity.name, activity.attempt - 1, noticed)
        for activity in closed:
            self.world.moment(HISTORY, _STEP_RECORDED, activity.run, activity.name, activity.attempt)

    def _timed_out(self, state: MutableState, activity: Activity, type_: TimeoutType) -> bool:
        """Whether the timeout closes the activity, rather than to lead to a retry (A4)."""
        failure = Failure(f"activity {type_} timeout", FailureKind.TIMEOUT, timeout_type=type_)
        why_not = self._retry(state, activity, failure)
        if why_not is None:
            return False
        if why_not is RetryState.TIMEOUT and type_ in (TimeoutType.START_TO_CLOSE, TimeoutType.HEARTBEAT):
            type_ = TimeoutType.SCHEDULE_TO_CLOSE
        started = self._over(state, activity)
        scheduled_id, name, worker = activity.scheduled_id, activity.name, activity.worker
        end = ActivityTaskTimedOut(scheduled_id, started, name, worker, type_, why_not)
        self._tell(state, activity, started, end)
        return True

    # ---- closed --------------------------------------------------------------------------------------------

    def request_cancel(self, state: MutableState, scheduled_id: int, completed_id: int) -> bool:
        """A RequestCancelActivityTask command; True if the activity had not started, and so is cancelled now.

        An activity whose end is in the buffer is none any more, but the event is written.
        """
        activity = state.activities.get(scheduled_id)
        scheduled = state.history.events[scheduled_id - 1]
        assert isinstance(scheduled, ActivityTaskScheduled)
        event = ActivityTaskCancelRequested(scheduled_id, scheduled.name, completed_id)
        state.history.append(event, self.world.now)
        if activity is None:
            return False
        activity.cancel_requested = True
        if activity.status is _STARTED:
            return False
        self._cancelled_unstarted(state, activity, event.id)
        return True

    def _cancelled_unstarted(self, state: MutableState, activity: Activity, request_id: int) -> None:
        """The event waits until all commands of the task have theirs, like any that comes while a task is started."""
        self._forget(state, activity)
        event = ActivityTaskCanceled(activity.scheduled_id, None, activity.name, activity.worker, request_id)
        state.history.hold(event, self.world.now)

    def _forget(self, state: MutableState, activity: Activity) -> None:
        activity.status = after(NEXT, activity, activity.status, "close")
        del state.activities[activity.scheduled_id]
        timers = self._timers
        if activity.retry_timer is not None:
            timers.discard(activity.retry_timer)
        if state.activities:
            self.set_timer(state)
        else:  # no timeout holds any more
            state.activity_timeouts.clear()
            for task in state.activity_timers:
                timers.cancel(task)

    def _over(self, state: MutableState, activity: Activity) -> ActivityTaskStarted | None:
        """It is pending no more; the start of its last attempt, if there was one (A2)."""
        self._forget(state, activity)
        if activity.started_at is None:
            return None
        return ActivityTaskStarted(
            activity.scheduled_id, activity.name, activity.attempt, activity.worker, activity.last_failure
        )

    def _tell(
        self, state: MutableState, activity: Activity, started: ActivityTaskStarted | None, end: ActivityEnd
    ) -> None:
        """Writes the end, right after the start of the last attempt (A2)."""
        now = self.world.now
        if started is None or activity.started_at is None:
            self._tasks.tell(state, (end, now))
        else:
            self._tasks.tell(state, (started, activity.started_at), (end, now))

    def _fails(self, state: MutableState, activity: Activity, failure: Failure, retry_state: RetryState) -> None:
        started = self._over(state, activity)
        scheduled_id, name, worker = activity.scheduled_id, activity.name, activity.worker
        end = ActivityTaskFailed(scheduled_id, started, name, worker, failure, retry_state)
        self._tell(state, activity, started, end)

    def drop(self, state: MutableState) -> None:
        """The run is over; attempts that run are not told (A11)."""
        for activity in state.activities.values():
            activity.status = after(NEXT, activity, activity.status, "close")
            self._timers.discard(activity.retry_timer)
        state.activities.clear()
        for task in state.activity_timers:
            self._timers.discard(task)
