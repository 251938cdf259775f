"""The shard's timer queue (T1 to T5): durable timer tasks in the order in which they are due.

A queue that is read at time t has its read level at t + 1 s; no task may be put below it. A timer shorter than that
is therefore stretched to just after the level. What reads a queue: the timer queue's own firing (stale tasks too,
T5), and every task of the transfer queue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from durascope.simulators.kernel.world import Call
from durascope.simulators.temporal.constants import duration

if TYPE_CHECKING:
    from durascope.simulators.temporal.server import Server


class TimerTask:
    """Something to do at a time; `live` until it is done or no longer needed."""

    __slots__ = ("due", "handler", "live", "server", "state", "subject")

    def __init__(self, server: Server, due: int, handler: str, state: Any, subject: Any) -> None:
        self.server = server
        self.due = due
        self.handler = handler
        """The name of what processes it: the task itself is plain data and survives a crash."""
        self.state = state
        self.subject = subject
        self.live = True

    def cancel(self) -> None:
        """The task is no longer needed; it stays in the queue, stale, until its time comes."""
        if self.live:
            self.live = False
            self.server.timers.stale()


@dataclass(slots=True)
class TimerStore:
    """What the timer queue keeps on disk."""

    tasks: list[tuple[int, int, TimerTask]] = field(default_factory=list[tuple[int, int, TimerTask]])
    count: int = 0
    live: int = 0


class TimerQueue:
    """Fires timer tasks in the server."""

    def __init__(self, server: Server, store: TimerStore, late: int) -> None:
        self.server = server
        self.store = store
        self.late = late
        self._shift = duration("timer_max_shift")
        self.reset()

    def reset(self) -> None:
        self._level = 0
        self._armed: Call | None = None
        self._armed_for = 0
        self._stale_reads: list[int] = []

    def read(self) -> None:
        """Some queue of the shard is read now: the level rises (T2)."""
        self._level = self.server.world.now // 1000 * 1000 + self._shift

    def add(self, due: int, handler: str, state: Any, subject: Any = None) -> TimerTask:
        """Has `handler` process (state, subject) when it is due, or just above the level if that is later (T2)."""
        store = self.store
        task = TimerTask(self.server, due, handler, state, subject)
        rounded = -(-due // 1000) * 1000
        if self._stale_reads:
            self._pass_stale_reads()
        if rounded < self._level:
            rounded = self._level + 1000
        store.count += 1
        store.live += 1
        heappush(store.tasks, (rounded + self.late, store.count, task))
        if self._armed is None or rounded + self.late < self._armed_for:
            self._arm()
        return task

    def stale(self) -> None:
        self.store.live -= 1
        if not self.store.live and self._armed is not None:
            self.server.cancel(self._armed)
            self._armed = None

    def recover(self) -> None:
        """After a restart: begins from the stored tasks."""
        self.read()
        self._arm()

    def _pass_stale_reads(self) -> None:
        """Stale tasks whose time has come have been read too (T5)."""
        now, reads = self.server.world.now, self._stale_reads
        while reads and reads[0] <= now:
            self._level = max(self._level, reads.pop(0) // 1000 * 1000 + self._shift)

    def _arm(self) -> None:
        tasks = self.store.tasks
        while tasks and not tasks[0][2].live:
            self._stale_reads.append(heappop(tasks)[0])
        if self._armed is not None:
            self.server.cancel(self._armed)
            self._armed = None
        if tasks:
            at = self._armed_for = tasks[0][0]
            self._armed = self.server.after(max(0, at - self.server.world.now), self._fire)

    def _fire(self) -> None:
        self._armed = None
        self.read()
        tasks, now = self.store.tasks, self.server.world.now
        due: list[TimerTask] = []
        while tasks and tasks[0][0] <= now:
            due.append(heappop(tasks)[2])
        try:
            while due:
                task = due.pop(0)
                if task.live:
                    task.live = False
                    self.store.live -= 1
                    self.server.timer_due(task)
        finally:
            for task in due:  # a fault has struck in the middle: the rest is still to be done
                self.store.count += 1
                heappush(tasks, (now, self.store.count, task))
        if self._armed is None:
            self._arm()
