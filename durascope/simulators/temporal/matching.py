"""Matching: task queues, where tasks meet the polls of workers.

A task is given to a waiting poll at once (sync match); which one is random, for tasks and polls are spread over the
queue's partitions (§16). Else it goes to the backlog of one of them; a poll that comes takes from any
partition that has something, so a drained backlog is not first come, first served (§10). A sticky queue has one
partition and one worker; it refuses tasks once that worker has been silent for 10 s (W4).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import Callback
from durascope.simulators.temporal.calls import Call
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.constants import duration
from durascope.simulators.temporal.mutable_state import Activity, MutableState, WorkflowTask
from durascope.simulators.temporal.rate_limit import RateLimit
from durascope.simulators.temporal.task_queues import (
    QueueId,
    TaskQueueKind,
    TaskQueueType,
    TaskType,
    activity_queue,
    sticky_queue,
    workflow_queue,
)

LANE: Final = "matching"
MATCH: Final = {TaskType.WORKFLOW: 79, TaskType.ACTIVITY: 80, TaskType.QUERY: 81}
"""Kinds of luck: which of the waiting polls a task finds."""
_STICKY: Final = TaskQueueKind.STICKY
_WORKFLOW: Final = TaskType.WORKFLOW
_ACTIVITY: Final = TaskType.ACTIVITY

QueuedTask = tuple[TaskType, MutableState, Any, int]
"""A reference to a task of history: who takes it learns from history whether it still is one.

its type, the run, the task, and its number among the run's: what matching's luck is drawn by
"""

Poll = tuple[Link, Call, int]
"""A worker that waits for a task of a queue: its connection, its call, when that began"""

Start = Callable[[MutableState, Any, Link, TaskQueueKind], object]
"""History's answer to a poll that has met a task: what the worker gets, or None, for the task is none any more.

(the run, the task, the worker's connection, the kind of queue)
"""


@dataclass(slots=True)
class Backlog:
    """What one queue keeps on disk: tasks by partition."""

    partitions: list[deque[QueuedTask]]
    count: int = 0
    """How many tasks have ever been put into it."""
    waiting: int = 0
    """How many tasks are in it."""


@dataclass(slots=True)
class MatchingStore:
    """What matching keeps on disk."""

    backlogs: dict[QueueId, Backlog] = field(default_factory=dict[QueueId, Backlog])


MANY_QUEUES: Final = 1_000
"""With more queues than this, those that nobody uses are dropped."""


class TaskQueue:
    """The volatile half of a queue: who waits, and when a poll last began, or ended with an answer (W4)."""

    __slots__ = ("backlog", "id", "kind", "last_poll_at", "limit", "polls", "released")

    def __init__(self, queue_id: QueueId, backlog: Backlog, limit: RateLimit | None) -> None:
        self.id = queue_id
        self.kind = queue_id.kind
        self.backlog = backlog
        self.polls: deque[Poll] = deque()
        self.last_poll_at: int | None = None
        self.limit = limit
        self.released: Callback | None = None
        """What hands out the next task when the rate limit lets it."""


class Matching:
    """All task queues of the server; who hands it tasks of a kind says by `on` how they are started."""

    __slots__ = (
        "_expiries", "_long_poll", "_rates", "_server", "_start", "_window", "partitions", "queues", "store", "world",
    )  # fmt: skip

    def __init__(
        self, server: Component, store: MatchingStore, *, partitions: int = 1, rates: Mapping[str, float] | None = None
    ) -> None:
        self._server = server
        self.world = server.world
        self.store = store
        self._start: dict[TaskType, Start] = {}
        self.partitions = partitions
        self._rates = rates or {}
        """Tasks per second, of task queues of activities that have a limit."""
        self._window = duration("sticky_poller_window")
        self._long_poll = duration("long_poll")
        self.reset()

    def on(self, kind: TaskType, start: Start) -> None:
        """Has `start` asked when a task of that type has met a poll."""
        self._start[kind] = start

    def reset(self) -> None:
        self.queues: dict[QueueId, TaskQueue] = {}
        self._expiries: dict[Poll, Callback] = {}
        """Idle polls that are answered when they have waited for a minute, because a task finds none."""

    # ---- tasks ---------------------------------------------------------------------------------------------

    def add_workflow_task(self, state: MutableState, task: WorkflowTask) -> None:
        """Takes a workflow task from history's transfer queue; a dead sticky queue passes it on (W4)."""
        if state.wft is not task or task.started_at is not None:
            return
        number = len(state.history.events) * 1000 + task.attempt
        queue: TaskQueue | None = None
        if task.queue_kind is _STICKY:
            queue = self.queues.get(sticky_queue(task.queue_name))
            if queue is not None and not self._polled_lately(queue):
                queue = None
        if queue is None:
            queue = self._queue(workflow_queue(state.queue))
        self._add(queue, (_WORKFLOW, state, task, number))

    def add_query(self, state: MutableState, query: Any) -> None:
        self._add(self._queue(workflow_queue(state.queue)), (TaskType.QUERY, state, query, 0))

    def add_sticky_query(self, state: MutableState, query: Any) -> bool:
        """Asks the worker that has the run in its cache; False if that one has not polled lately."""
        queue = None if state.sticky is None else self.queues.get(sticky_queue(state.sticky[0]))
        if queue is None or not self._polled_lately(queue):
            return False
        self._add(queue, (TaskType.QUERY, state, query, 0))
        return True

    def add_activity_task(self, state: MutableState, activity: Activity) -> None:
        number = activity.scheduled_id * 1000 + activity.attempt
        queue_id = activity_queue(activity.queue)
        queue = self.queues.get(queue_id) or self._queue(queue_id)
        self._add(queue, (_ACTIVITY, state, activity, number))

    def _polled_lately(self, queue: TaskQueue) -> bool:
        for link, _, _ in queue.polls:
            if link.open:
                return True
        return queue.last_poll_at is not None and self.world.now - queue.last_poll_at <= self._window

    def _add(self, queue: TaskQueue, task: QueuedTask) -> None:
        world = self.world
        if world.full:
            world.emit(LANE, Kind.TASK_QUEUED, task[1].run, detail=queue.id.name)
        else:
            world.recorder.count += 1
        polls = queue.polls
        if queue.limit is not None and (queue.backlog.waiting or not queue.limit.take(world.now)):
            self._put_back(queue, task)
            self._release_later(queue)
            return
        while polls:
            poll = polls.popleft() if queue.kind is _STICKY else self._chosen(polls, task)
            if poll[0].open:
                queue.last_poll_at = world.now
                if not self._started(task, poll, queue.kind):
                    polls.appendleft(poll)
                return
        self._put_back(queue, task)
        self._give_up_polls()

    def _started(self, task: QueuedTask, poll: Poll, queue_kind: TaskQueueKind) -> bool:
        """A poll and a task have met; False if the task is none any more."""
        kind, state, subject, _ = task
        link, call, _ = poll
        answer = self._start[kind](state, subject, link, queue_kind)
        if answer is None:
            return False
        link.reply(call, answer)
        return True

    def _put_back(self, queue: TaskQueue, task: QueuedTask) -> None:
        """Nobody has it, or may have it: it is kept on disk."""
        backlog = queue.backlog
        backlog.count += 1
        backlog.waiting += 1
        partition = self.world.luck.bits(task[1].luck, 77, backlog.count) % len(backlog.partitions)
        backlog.partitions[partition].append(task)

    def _release_later(self, queue: TaskQueue) -> None:
        """The rate limit lets the next task through in a while."""
        if queue.limit is not None and (queue.released is None or not queue.released.live):
            queue.released = self._server.after(queue.limit.wait(self.world.now), self._release, queue)

    def _release(self, queue: TaskQueue) -> None:
        backlog, polls = queue.backlog, queue.polls
        while backlog.waiting and polls:
            if not polls[0][0].open:
                polls.popleft()
            elif queue.limit is not None and not queue.limit.take(self.world.now):
                self._release_later(queue)
                return
            elif self._started(self._from_backlog(backlog), polls[0], queue.kind):
                polls.popleft()

    def _chosen(self, polls: deque[Poll], task: QueuedTask) -> Poll:
        """One of the polls that wait; only a sticky queue has one partition, where the first is the first."""
        first = polls[0][0]
        for poll in polls:
            if poll[0] is not first:
                break
        else:  # all are of one worker
            return polls.popleft()
        kind, state, _, number = task
        luck = self.world.luck.drawn(state.luck, MATCH[kind], number)
        chosen = int(luck * len(polls))
        poll = polls[chosen]
        del polls[chosen]
        return poll

    # ---- polls ---------------------------------------------------------------------------------------------

    def poll(self, link: Link, call: Call) -> None:
        """A worker asks for a task of the queue; it gets one from the backlog, or waits."""
        queue_id: QueueId = call.args[0]
        queue = self.queues.get(queue_id) or self._queue(queue_id)
        now = queue.last_poll_at = self.world.now
        poll = (link, call, now)
        link.queues[queue_id] = None
        while queue.backlog.waiting:
            if queue.limit is not None and not queue.limit.take(now):
                self._release_later(queue)
                break
            if self._started(self._from_backlog(queue.backlog), poll, queue.kind):
                return
        queue.polls.append(poll)

    def _give_up_polls(self) -> None:
        """A task finds no poll: it may wait for a slot that an idle poll for another queue holds, up to a minute."""
        now = self.world.now
        for queue in self.queues.values():
            for poll in queue.polls:
                _, call, began_at = poll
                if call.args[1] and poll not in self._expiries:
                    left = self._long_poll - (now - began_at) % self._long_poll
                    self._expiries[poll] = self._server.after(left, self._found_nothing, queue, poll)

    def _found_nothing(self, queue: TaskQueue, poll: Poll) -> None:
        """A poll has waited for a minute: it is answered without a task."""
        link, call, _ = poll
        if poll in queue.polls:
            queue.polls.remove(poll)
            link.reply(call, None)

    def _all_taken(self) -> None:
        """No task waits any more: idle polls hold nobody up."""
        for expiry in self._expiries.values():
            self._server.cancel(expiry)
        self._expiries.clear()

    def _from_backlog(self, backlog: Backlog) -> QueuedTask:
        backlog.waiting -= 1
        if self._expiries and not any(each.waiting for each in self.store.backlogs.values()):
            self._all_taken()
        filled = [partition for partition in backlog.partitions if partition]
        if len(filled) == 1:
            return filled[0].popleft()
        state = filled[0][0][1]
        return filled[self.world.luck.bits(state.luck, 78, sum(map(len, filled))) % len(filled)].popleft()

    def lost(self, link: Link) -> None:
        """A worker's connection has broken, and its polls with it: what counts is when they began (W4)."""
        for queue_id in link.queues:
            queue = self.queues.get(queue_id)
            if queue is None:
                continue
            broken = [began_at for each, _, began_at in queue.polls if each is link]
            if broken:
                queue.polls = deque(poll for poll in queue.polls if poll[0] is not link)
                queue.last_poll_at = max(queue.last_poll_at or 0, *map(self._last_began_at, broken))
        if len(self.queues) > MANY_QUEUES:
            self._unload_the_dead()

    def _unload_the_dead(self) -> None:
        """Sticky queues of workers that are gone, which hold nothing: nobody would find them any more (W4)."""
        for queue_id, queue in tuple(self.queues.items()):
            unused = queue.kind is _STICKY and not queue.polls and not queue.backlog.waiting
            if unused and not self._polled_lately(queue):
                del self.queues[queue_id]
                self.store.backlogs.pop(queue_id, None)

    def _last_began_at(self, began_at: int) -> int:
        """A poll that finds nothing is answered after a minute and begins again; no event is spent on that here."""
        open_for = self.world.now - began_at
        return began_at + open_for // self._long_poll * self._long_poll

    def unload(self, queue_id: QueueId) -> None:
        """A worker that stops gracefully gives its sticky queue up; what is in it goes to the normal one (W4)."""
        queue = self.queues.pop(queue_id, None)
        if queue is None:
            return
        self.store.backlogs.pop(queue_id, None)
        for task in (task for partition in queue.backlog.partitions for task in partition):
            self._add(self._queue(workflow_queue(task[1].queue)), task)

    def _queue(self, queue_id: QueueId) -> TaskQueue:
        queue = self.queues.get(queue_id)
        if queue is None:
            backlog = self.store.backlogs.get(queue_id)
            if backlog is None:
                count = 1 if queue_id.kind is _STICKY else self.partitions
                backlog = self.store.backlogs[queue_id] = Backlog([deque() for _ in range(count)])
            rate = self._rates.get(queue_id.name) if queue_id.type is TaskQueueType.ACTIVITY else None
            limit = None if rate is None else RateLimit(rate, self.partitions)
            queue = self.queues[queue_id] = TaskQueue(queue_id, backlog, limit)
        return queue
