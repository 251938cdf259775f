"""A worker's pollers: each asks one task queue for a task, takes what comes, and asks again (§10)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sized
from typing import TYPE_CHECKING, Any

from durascope.models.trace import Kind
from durascope.simulators.temporal.channel import POLLS, Call
from durascope.simulators.temporal.matching import QueueId

if TYPE_CHECKING:
    from durascope.simulators.temporal.worker import Worker


class Poller:
    """One poll loop."""

    __slots__ = ("call", "pollers", "queue")

    def __init__(self, pollers: Pollers, queue: QueueId) -> None:
        self.pollers = pollers
        self.queue = queue
        self.call = Call(0, "poll", (queue,), self.answered, POLLS)

    def answered(self, task: Any) -> None:
        """The poll has found a task; the next poll goes out as soon as there is a slot for another."""
        pollers = self.pollers
        pollers.idle -= 1
        world = pollers.world
        if world.full:
            world.emit(pollers.worker.name, Kind.TASK_PICKED_UP, task.run, detail=self.queue[1])
        else:
            world.recorder.count += 1
        take = pollers.take
        take(task)
        pollers.poll(self)


class Pollers:
    """The poll loops for one kind of task; they never ask for more than there are free slots."""

    __slots__ = ("_channel", "_stopped", "busy", "held", "idle", "slots", "take", "worker", "world")

    def __init__(self, worker: Worker, busy: Sized, slots: int, take: Callable[[Any], Any]) -> None:
        self.worker = worker
        self.world = worker.world
        self._channel = worker.channel
        self.busy = busy
        """What is in the slots."""
        self.slots = slots
        self.take = take
        self.idle = 0
        """Polls that wait at the server."""
        self.held: deque[Poller] = deque()
        """Poll loops that wait for a slot."""
        self._stopped = False

    def add(self, queue: QueueId) -> None:
        self.poll(Poller(self, queue))

    def poll(self, poller: Poller) -> None:
        busy = len(self.busy)
        if busy and busy + self.idle >= self.slots:
            self.held.append(poller)
        elif not self._stopped:
            self.idle += 1
            self._channel.repeat(poller.call)

    def slot_free(self) -> None:
        if self.held:
            self.poll(self.held.popleft())

    def stop(self) -> None:
        """The worker stops: no poll goes out any more."""
        self._stopped = True
