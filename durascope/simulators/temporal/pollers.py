"""A worker's slots and the loops that poll for what fills them (§10), as the SDK core has them.

    balance ─▶ a slot ─▶ fewer than `most` polls under way ─▶ poll ─▶ task (in that slot) ─▶ … ─▶ the slot is free
       ▲                                                       │
       └───────────────────────────────────────────────────────┘  the loop goes on as soon as the poll has left

A poll holds its slot from before it leaves until its task is done, so that as many tasks are in hand and asked for as
there are slots, never more. Slots are given in the order in which they were asked for. The loops for the normal and the
sticky queue share the slots of workflow tasks; where these are very few, a poll that finds nothing keeps the other loop
from asking, until it is answered or has waited for a minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.temporal.calls import POLLS, Call
from durascope.simulators.temporal.channel import Channel
from durascope.simulators.temporal.task_queues import QueueId

ALWAYS_ENOUGH: Final = 5
"""Slots beside those of the polls; with these, polls alone never use the slots up."""


class Slots:
    """A fixed number of permits: first come, first served.

    >>> slots = Slots(1)
    >>> slots.take(), slots.take()
    (True, False)
    >>> slots.take_or_wait(lambda: print("my turn"))
    >>> slots.give_back()
    my turn
    """

    __slots__ = ("free", "waiting")

    def __init__(self, count: int) -> None:
        self.free = count
        self.waiting: deque[Callable[[], Any]] = deque()

    def take(self) -> bool:
        """Takes one if one is free; nobody who waits is passed over, for then none is free."""
        if self.free <= 0:
            return False
        self.free -= 1
        return True

    def take_or_wait(self, then: Callable[[], Any]) -> None:
        """Has `then()` called with a slot taken: now, or when it is this one's turn."""
        if self.free > 0:
            self.free -= 1
            then()
        else:
            self.waiting.append(then)

    def give_back(self) -> None:
        """A slot is free again: who has waited longest has it."""
        self.free += 1
        if self.waiting and self.free > 0:
            self.free -= 1
            self.waiting.popleft()()


class Poller:
    """One poll, which is made again and again."""

    __slots__ = ("call", "loop")

    def __init__(self, loop: PollLoop) -> None:
        self.loop = loop
        self.call = Call(0, "poll", (loop.queue, loop.few), self.answered, POLLS)

    def answered(self, task: Any) -> None:
        """The poll has found a task, or nothing for a minute (None)."""
        loop = self.loop
        loop.active -= 1
        loop.spare.append(self)
        if task is None:
            loop.slots.give_back()
        else:
            world = loop.world
            if world.full:
                world.emit(loop.lane, Kind.TASK_PICKED_UP, task.run, detail=loop.queue.name)
            else:
                world.recorder.count += 1
            take = loop.take
            take(task)
        if loop.holds_slot and not loop.stopped:
            loop.poll()
        if loop.balance is not None:
            loop.balance.changed()


class PollLoop:
    """Keeps up to `most` polls under way on one queue, each in a slot of its own."""

    __slots__ = (
        "_channel", "active", "balance", "barred", "few", "holds_slot", "lane", "most", "queue", "slots", "spare",
        "stopped", "take", "world",
    )  # fmt: skip

    def __init__(
        self, worker: Component, channel: Channel, slots: Slots, queue: QueueId, most: int, take: Callable[[Any], Any],
        *, few: bool,
    ) -> None:  # fmt: skip
        self.lane = worker.name
        self.world = worker.world
        self._channel = channel
        self.slots = slots
        self.queue = queue
        self.most = most
        self.take = take
        self.few = few
        """Whether the slot of an idle poll may be wanted elsewhere."""
        self.active = 0
        """Polls under way."""
        self.holds_slot = False
        """It has a slot for its next poll, and as many under way as may be."""
        self.barred = False
        """It waits for the balance with the other loop."""
        self.stopped = False
        self.balance: Balance | None = None
        self.spare = [Poller(self) for _ in range(most)]

    def ask(self) -> None:
        """Wants a slot for its next poll."""
        if self.stopped:
            return
        if self.balance is not None and not self.balance.allows(self):
            self.barred = True
            return
        self.slots.take_or_wait(self._slot_taken)

    def _slot_taken(self) -> None:
        if self.stopped:
            self.slots.give_back()
        elif self.active < self.most:
            self.poll()
        else:
            self.holds_slot = True

    def poll(self) -> None:
        """A poll leaves; the loop goes on to the next."""
        self.holds_slot = False
        self.active += 1
        self._channel.repeat(self.spare.pop().call)
        if self.balance is not None:
            self.balance.changed()
        self.ask()

    def stop(self) -> None:
        """The worker stops: no poll goes out any more."""
        self.stopped = True
        if self.holds_slot:
            self.holds_slot = False
            self.slots.give_back()


class Balance:
    """Keeps the normal and the sticky queue from being polled with the last slot that the other needs."""

    __slots__ = ("count", "normal", "sticky")

    def __init__(self, normal: PollLoop, sticky: PollLoop, count: int) -> None:
        self.normal = normal
        self.sticky = sticky
        self.count = count
        """How many slots the two share."""
        normal.balance = sticky.balance = self

    def allows(self, loop: PollLoop) -> bool:
        """Whether the loop may ask for a slot: always for its first poll, else while a slot is left for the other."""
        other = self.sticky if loop is self.normal else self.normal
        if not loop.active:
            return True
        if not other.active and loop.active + 1 >= self.count:
            return False
        return loop.active + other.active < self.count

    def changed(self) -> None:
        for loop in (self.normal, self.sticky):
            if loop.barred and self.allows(loop):
                loop.barred = False
                loop.ask()
