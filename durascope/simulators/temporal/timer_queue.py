"""The shard's timer queue (T1 to T5): durable timer tasks in the order in which they are due.

A queue that is read at time t has its read level at t + 1 s; no task may be put below it. A timer shorter than that
is therefore stretched to just after the level. What reads a queue: every task of the transfer and visibility queues,
and the first task of the timer queue that lies beyond what it has read: it then reads all that is due within the next
second (stale tasks too, T5), and does that from memory when its time comes, without another read
(T6; queues/queue_scheduled.go, processNewRange, lookAheadTask).

A task that is set again keeps its entry in the queue if that comes first, and is put back when the entry is met: most
timers (of workflow tasks, of activities) are taken back long before their time, and cost next to nothing so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Final, Protocol

from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import NumberedDelays
from durascope.simulators.kernel.world import Callback
from durascope.simulators.temporal.constants import duration

NEVER: Final = 1 << 62
IN_USE_US: Final = 80_000
"""µs since a server that is in use has last read a queue when the first run comes: 33 to 154 before six recorded starts
with a delay, which a shard that nobody uses would not stretch."""
MANY: Final = 4096
"""How many stale tasks are remembered before those whose time has come are passed."""


class Execution(Protocol):
    """The run that a timer task is part of."""

    luck: int
    open: bool


class TimerTask:
    """Something to do at a time; `live` until it is done or no longer needed. Plain data: it survives a crash."""

    __slots__ = ("at", "entry", "entry_at", "handler", "live", "state", "subject")

    def __init__(self, state: Any) -> None:
        self.state = state
        self.handler = ""
        """The name of what processes it."""
        self.subject: Any = None
        self.at = 0
        """When it fires: when it is due, or later (T2)."""
        self.live = False
        self.entry = 0
        """The number of its entry in the queue."""
        self.entry_at = NEVER
        """The time of that entry; `NEVER`: it has none."""


@dataclass(slots=True)
class TimerStore:
    """What the timer queue keeps on disk."""

    entries: list[tuple[int, int, TimerTask]] = field(default_factory=list[tuple[int, int, TimerTask]])
    count: int = 0
    live: int = 0


Process = Callable[[Any, Any], object]
"""What is done with (run, subject) of a timer task that has fired."""


class TimerQueue:
    """Fires timer tasks in the server's process; who makes tasks of a kind says by `on` how they are processed."""

    __slots__ = (
        "_armed", "_armed_for", "_delays", "_fixed", "_late", "_loaded", "_luck", "_not_before", "_process", "_read_at",
        "_server", "_shift", "_stale_reads", "store", "to_read", "world",
    )  # fmt: skip

    def __init__(self, server: Component, store: TimerStore, delays: NumberedDelays, luck: int) -> None:
        self._server = server
        self.world = server.world
        self.store = store
        self._delays = delays
        self._luck = luck
        """The server's own."""
        self._process: dict[str, Process] = {}
        self._shift = duration("timer_max_shift")
        self._late = delays.of("timer_late")
        self._fixed = delays.fixed("timer_late")
        self.reset()

    def on(self, handler: str, process: Process) -> None:
        """Has `process(run, subject)` called for tasks of that name, if the run is still open."""
        self._process[handler] = process

    def reset(self) -> None:
        self._read_at = self.world.now - IN_USE_US
        """When a queue of the shard was last read: it sets the level."""
        self.to_read = False
        """Whether the write under way has tasks for a queue, which reads them once it is done: its own timers are set
        before that (task_key_manager.go: keys are given at the write)."""
        self._loaded = 0
        """Up to when the timer queue itself has been read."""
        self._armed: Callback | None = None
        self._armed_for = 0
        self._not_before = 0
        """When the shard has been acquired after a restart: calls are taken before that already."""
        self._stale_reads: list[int] = []
        """When tasks are due that nobody needs any more, a heap: the queue is read for them all the same."""

    def read(self) -> None:
        """Some queue of the shard is read now: the level rises (T2)."""
        self.to_read = False
        self._read_at = self.world.now

    def _reads_for(self, at: int) -> None:
        """A task is due then: the queue is read on, unless that has been read already."""
        if at >= self._loaded:
            self._read_at = max(self._read_at, at)
            self._loaded = at // 1000 * 1000 + self._shift

    def recover(self) -> None:
        """After a restart: begins from the stored tasks, once the shard has been acquired."""
        self._not_before = self.world.now + self._delays("recovery", self._luck, self._server.incarnation)
        self.read()
        self._arm()

    # ---- tasks ---------------------------------------------------------------------------------------------

    def add(self, due: int, handler: str, state: Any, subject: Any = None) -> TimerTask:
        """A new task: has `handler` process (state, subject) when it is due."""
        task = TimerTask(state)
        self.set(task, due, handler, subject)
        return task

    def set(self, task: TimerTask, due: int, handler: str, subject: Any = None) -> None:
        """Sets a task, or sets it anew: it fires when it is due, or just above the level if that is later (T2)."""
        at = due + (-due % 1000)
        if at < self.world.now + self._shift:
            if self._stale_reads:
                self._pass_stale_reads()
            level = self._read_at // 1000 * 1000 + self._shift
            if at < level:
                at = level + 1000
        at += self._fixed or self._late(task.state.luck, due)
        if task.live:
            self._stale(task.at)
        else:
            task.live = True
            self.store.live += 1
        task.at = at
        task.handler = handler
        task.subject = subject
        if task.entry_at > at:
            self._enter(task, at)
        elif self._armed is None:
            self._arm()

    def ensure(
        self, tasks: list[TimerTask], due: int, handler: str, state: Any, subject: Any, holds: Callable[[Any, Any], Any]
    ) -> None:
        """Ensures that one of a run's `tasks` is set for the subject, which comes first now (T3).

        What came first before keeps its task as long as it `holds(state, subject)`: it is not stretched another time.
        """
        spare: TimerTask | None = None
        for task in tasks:
            if task.live and task.subject == subject:
                return
            if not task.live or not holds(state, task.subject):
                spare = task
        if spare is None:
            tasks.append(self.add(due, handler, state, subject))
        else:
            self.set(spare, due, handler, subject)

    def cancel(self, task: TimerTask | None) -> None:
        """A task is no longer needed; it stays in the queue, stale, until its time comes."""
        if task is None or not task.live:
            return
        task.live = False
        self._stale(task.at)
        store = self.store
        store.live -= 1
        if not store.live and self._armed is not None:
            self._server.cancel(self._armed)
            self._armed = None

    def discard(self, task: TimerTask | None) -> None:
        """The task's run is over: nothing of it is kept for the entry that is still in the queue."""
        if task is not None:
            self.cancel(task)
            task.state = task.subject = None

    def _enter(self, task: TimerTask, at: int) -> None:
        store = self.store
        store.count += 1
        task.entry, task.entry_at = store.count, at
        heappush(store.entries, (at, store.count, task))
        if self._armed is None or at < self._armed_for:
            self._arm()

    def _pass_stale_reads(self) -> None:
        """Stale tasks whose time has come have been read too (T5)."""
        now, reads = self.world.now, self._stale_reads
        while reads and reads[0] <= now:
            self._reads_for(heappop(reads))

    def _stale(self, at: int) -> None:
        heappush(self._stale_reads, at)
        if len(self._stale_reads) > MANY:
            self._pass_stale_reads()

    # ---- firing --------------------------------------------------------------------------------------------

    def _first(self) -> int | None:
        """When the first live task fires; entries that stand for nothing any more are dropped, others put back."""
        entries = self.store.entries
        while entries:
            at, number, task = entries[0]
            if task.entry != number:
                heappop(entries)
            elif not task.live:
                heappop(entries)
                task.entry_at = NEVER
            elif task.at > at:
                heappop(entries)
                self.store.count += 1
                task.entry, task.entry_at = self.store.count, task.at
                heappush(entries, (task.at, self.store.count, task))
            else:
                return at
        return None

    def _arm(self) -> None:
        if self._armed is not None:
            self._server.cancel(self._armed)
            self._armed = None
        at = self._first()
        if at is not None:
            self._armed_for = at
            now = self.world.now
            self._armed = self._server.after(max(0, at - now, self._not_before - now), self._fire)

    def _fire(self) -> None:
        self._armed = None
        self._pass_stale_reads()
        now = self.world.now
        self._reads_for(now)
        try:
            while (at := self._first()) is not None and at <= now:
                task = heappop(self.store.entries)[2]
                task.entry_at = NEVER
                task.live = False
                self.store.live -= 1
                execution: Execution = task.state
                if execution.open:
                    self._process[task.handler](execution, task.subject)
        finally:
            if self._armed is None and self._server.alive:
                self._arm()
