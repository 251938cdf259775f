"""User timers in the history service: started, fired, cancelled (T1 to T4)."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from durascope.models.trace import Kind
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.commands import StartTimer
from durascope.simulators.temporal.events import TimerCanceled, TimerFired, TimerStarted
from durascope.simulators.temporal.mutable_state import MutableState
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks


class UserTimers:
    """The timers that workflow code has started."""

    __slots__ = ("_tasks", "_timers", "shard", "world")

    def __init__(self, shard: Shard, tasks: WorkflowTasks) -> None:
        self.shard = shard
        self.world = shard.world
        self._timers = shard.timers
        self._tasks = tasks
        shard.timers.on("user_timer", self.due)

    def start(self, state: MutableState, command: StartTimer, completed_id: int) -> None:
        now, due = self.world.now, self.world.now + command.duration
        by = None if command.by is state.run else command.by
        event = TimerStarted(command.seq, command.duration, command.name, completed_id, by)
        state.history.append(event, now)
        state.timers[command.seq] = (due, event)
        heappush(state.timer_heap, (due, command.seq))
        self.world.emit(HISTORY, Kind.TIMER_SET, by or state.run, command.name, detail=due)

    def cancel(self, state: MutableState, timer_id: int, completed_id: int) -> None:
        """A CancelTimer command; a TimerFired of it that is still in the buffer is deleted (§4)."""
        pending = state.timers.pop(timer_id, None)
        buffer = state.history.buffer
        buffer[:] = [event for event in buffer if not isinstance(event, TimerFired) or event.timer_id != timer_id]
        started = None if pending is None else pending[1]
        event = TimerCanceled(timer_id, 0 if started is None else started.id, completed_id)
        state.history.append(event, self.world.now)
        run = state.run if started is None else started.by or state.run
        self.world.emit(HISTORY, Kind.TIMER_CANCELLED, run, detail=timer_id)

    def set_timer(self, state: MutableState) -> None:
        """The earliest pending timer of a run has a task in the timer queue, and those that once were it (T3)."""
        heap = state.timer_heap
        while heap and heap[0][1] not in state.timers:
            heappop(heap)
        timers = self._timers
        if heap:
            due, timer_id = heap[0]
            timers.ensure(state.user_timers, due, "user_timer", state, timer_id, self._pending)
        else:
            for task in state.user_timers:
                timers.cancel(task)

    def _pending(self, state: MutableState, timer_id: int) -> bool:
        return timer_id in state.timers

    def due(self, state: MutableState, _: Any) -> None:
        """Every timer of the run that is due by now fires, in due order, in one transition (T4)."""
        now, heap = self.world.now, state.timer_heap
        fired: list[tuple[str, RunInfo]] = []
        while heap and heap[0][0] <= now:
            _, timer_id = heappop(heap)
            pending = state.timers.pop(timer_id, None)
            if pending is None:
                continue
            started = pending[1]
            self._tasks.record(state, (TimerFired(timer_id, started.id), now))
            fired.append((started.name, started.by or state.run))
        self.set_timer(state)
        if not fired:
            return
        self._tasks.need(state)
        self.shard.commit(state)
        for name, run in fired:
            self.world.emit(HISTORY, Kind.TIMER_FIRED, run, name)
            self.world.moment(HISTORY, Kind.STEP_RECORDED, run, name, 1)

    def drop(self, state: MutableState) -> None:
        state.timers.clear()
        for task in state.user_timers:
            self._timers.discard(task)
