"""The partition processor: reads its partitions' logs, applies each record, and as their leader acts on it.

What it applies changes the store, deterministically; its actions (invoke, forward a notification, arm a timer, ship a
message) are volatile, and done again from the store by whoever leads the partition next (restate.md §1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import Delays
from durascope.simulators.kernel.world import Call, World
from durascope.simulators.restate.invocation import Invocation, Status
from durascope.simulators.restate.journal import Entry, Notification
from durascope.simulators.restate.partition import Message, Partition, Timer

if TYPE_CHECKING:
    from durascope.simulators.restate.invoker import Invoker

LANE: Final = "partition-processor"


class PartitionProcessor(Component):
    """The leader of some partitions, on one node."""

    transactional = True

    def __init__(self, world: World, name: str, delays: Delays, *, records: bool) -> None:
        self.delay = delays
        self.records = records
        self.partitions: list[Partition] = []
        self.invoker: Invoker
        self.join: Callable[[], None] = lambda: None
        """Tells the cluster that this node is there; one node is no cluster."""
        super().__init__(world, name)

    # ---- leadership ------------------------------------------------------------------------------------------

    def reset(self) -> None:
        self.armed: dict[tuple[int, int], Call] = {}
        """The wheel: what is to happen when each timer is due, by partition and number."""
        self.leading: set[int] = set()
        """The partitions that it has taken over completely."""

    def started(self) -> None:
        self.join()
        for partition in self.partitions:
            self.lead(partition)

    def lead(self, partition: Partition) -> None:
        """Becomes the leader: applies the log's suffix, then does all that the store says is to be done."""
        partition.leader = self
        partition.log.apply(self)
        self.after(self.delay("recover", partition.number), self._take_over, partition)

    def leads(self, partition: Partition) -> bool:
        """Whether it takes proposals for that partition."""
        return self.alive and partition.number in self.leading

    def _take_over(self, partition: Partition) -> None:
        """Invokes what was in flight; messages leave and timers fire once that is done."""
        self.leading.add(partition.number)
        for invocation in tuple(partition.invocations.values()):
            if invocation.status is Status.INVOKED and not self.invoker.has(invocation):
                self.invoker.invoke(invocation)
        self.after(self.delay("invoke", partition.number), self._catch_up, partition)

    def _catch_up(self, partition: Partition) -> None:
        for number in tuple(partition.outbox):
            self._ship(partition, number)
        for number in tuple(partition.timers):
            if (partition.number, number) not in self.armed:
                self._arm(partition, number)

    # ---- the log ---------------------------------------------------------------------------------------------

    def append(self, partition: Partition, apply: Callable[..., Any], *args: Any) -> int:
        """Proposes a record; it has happened when it is committed, at the time returned."""
        return partition.log.append(self, apply, *args)

    def write(self, invocation: Invocation, entry: Entry) -> int:
        """Stores an entry of the invocation's journal, as part of the record that is being applied."""
        index = invocation.journal.append(entry)
        invocation.modified_at = self.world.now
        self.world.progressed = True
        if self.world.full:
            self.world.emit(self.name, Kind.RECORDED, invocation.run, detail=entry.line)
        else:
            self.world.recorder.count += 1
        return index

    def forward(self, invocation: Invocation, notification: Notification) -> None:
        """Hands a new notification to the invoker, which sends it to the attempt in flight."""
        emit, run = self.world.emit, invocation.run
        emit(self.name, Kind.MESSAGE_SENT, run, None, None, (self.invoker.name, notification.type))
        emit(self.invoker.name, Kind.MESSAGE_RECEIVED, run, None, None, (self.name, notification.type))
        self.invoker.notify(invocation, notification)

    # ---- timers ----------------------------------------------------------------------------------------------

    def set_timer(self, invocation: Invocation, due: int, label: str, apply: Callable[..., Any], *args: Any) -> None:
        """Stores a timer; when it is due its record is appended, and applied it does `apply(*args)`."""
        partition = invocation.partition
        number = partition.next()
        partition.timers[number] = Timer(due, label, invocation, apply, args)
        if invocation.timers is None:
            invocation.timers = []
        invocation.timers.append(number)
        self.world.emit(self.name, Kind.TIMER_SET, invocation.run, label, None, due)
        self._arm(partition, number)

    def _arm(self, partition: Partition, number: int) -> None:
        due = partition.timers[number].due
        call = self.after(max(0, due - self.world.now), self._due, partition, number)
        self.armed[partition.number, number] = call

    def drop_timers(self, invocation: Invocation) -> None:
        """The timers of one that has ended would change nothing when they are due."""
        partition = invocation.partition
        for number in invocation.timers or ():
            partition.timers.pop(number, None)
            self.cancel(self.armed.pop((partition.number, number), None))
        invocation.timers = None

    def _due(self, partition: Partition, number: int) -> None:
        self.armed.pop((partition.number, number), None)
        timer = partition.timers.get(number)
        if timer is None:
            return
        self.world.emit(self.name, Kind.TIMER_FIRED, timer.invocation.run, timer.label)
        self.append(partition, self._fired, partition, number)

    def _fired(self, partition: Partition, number: int) -> None:
        timer = partition.timers.pop(number, None)
        if timer is not None:
            timer.apply(*timer.args)

    # ---- the outbox ------------------------------------------------------------------------------------------

    def send(self, partition: Partition, to: Partition, apply: Callable[..., Any], *args: Any) -> None:
        """Puts a message to another invocation into the outbox; it arrives exactly once (restate.md §1)."""
        number = partition.next()
        partition.outbox[number] = Message(to, apply, args)
        self._ship(partition, number)

    def _ship(self, partition: Partition, number: int) -> None:
        self.after(self.delay("outbox", partition.number, number), self._shipped, partition, number)

    def _shipped(self, partition: Partition, number: int) -> None:
        message = partition.outbox.get(number)
        if message is None:
            return
        leader = message.to.leader
        if leader.leads(message.to):
            leader.append(message.to, _arrived, partition, number)
        else:  # its partition has no leader at the moment
            self.after(self.delay.typical("leader_poll"), self._shipped, partition, number)


def _arrived(partition: Partition, number: int) -> None:
    """Applies a message of another partition's outbox, unless its sequence number has been seen."""
    message = partition.outbox.pop(number, None)
    if message is not None:
        message.apply(*message.args)
