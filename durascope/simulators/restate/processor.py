"""The partition processor: reads its partitions' logs, applies each record, and as their leader acts on it.

What it applies changes the store, deterministically; its actions (invoke, forward a notification, arm a timer, ship a
message) are volatile, and done again from the store by whoever leads the partition next (restate.md §1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import Delays
from durascope.simulators.kernel.world import Callback, World
from durascope.simulators.restate.applying import HOW
from durascope.simulators.restate.journal import Command, Entry, Notification
from durascope.simulators.restate.leaders import Leaders
from durascope.simulators.restate.log import Record
from durascope.simulators.restate.records import Arrived, Fired
from durascope.simulators.restate.retention import Retention
from durascope.simulators.restate.store import Invocation, Message, Partition, Status, Timer

LANE: Final = "partition-processor"


class Runs(Protocol):
    """Who runs the attempts: the invoker of the same node."""

    name: str

    def has(self, invocation: Invocation) -> bool: ...

    def invoke(self, invocation: Invocation, *, resumed: bool = False) -> None: ...

    def notify(self, invocation: Invocation, notification: Notification) -> None: ...

    def abort(self, invocation: Invocation) -> None: ...

    def pause(self, invocation: Invocation) -> None: ...

    def retry_now(self, invocation: Invocation) -> None: ...


class PartitionProcessor(Component):
    """The leader of some partitions, on one node."""

    transactional = True

    def __init__(
        self,
        world: World,
        name: str,
        delays: Delays,
        *,
        leaders: Leaders,
        retention: Retention,
        child: Callable[[Invocation, Command], Invocation],
        answers: dict[str, Callable[[int], None]],
        records: bool,
    ) -> None:
        """`child` makes the row of what an invocation calls; `answers`: by ingress, who has a request answered."""
        self.retention = retention
        self.child = child
        self.records = records
        self.partitions: list[Partition] = []
        self.join: Callable[[], None] = lambda: None
        """Tells the cluster that this node is there; one node is no cluster."""
        self._delay = delays
        self._leaders = leaders
        self._answers = answers
        self._invoker: Runs
        super().__init__(world, name)

    def connect(self, invoker: Runs) -> None:
        """Both are in one process; the invoker is made of this one's log."""
        self._invoker = invoker
        self.invoke, self.abort = invoker.invoke, invoker.abort
        self.stop_attempt, self.retry_now = invoker.pause, invoker.retry_now

    # ---- leadership ------------------------------------------------------------------------------------------

    def reset(self) -> None:
        self.armed: dict[tuple[int, int], Callback] = {}
        """The wheel: what is to happen when each timer is due, by partition and number."""
        self.leading: set[int] = set()
        """The partitions that it has taken over completely."""

    def started(self) -> None:
        self.join()
        for partition in self.partitions:
            self.lead(partition)

    def lead(self, partition: Partition) -> None:
        """Becomes the leader: applies the log's suffix, then does all that the store says is to be done."""
        self._leaders.elect(partition, self)
        partition.log.apply(self)
        self.after(self._delay("recover", partition.number), self._take_over, partition)

    def leads(self, partition: Partition) -> bool:
        """Whether it takes proposals for that partition."""
        return self.alive and partition.number in self.leading

    def _take_over(self, partition: Partition) -> None:
        """Invokes what was in flight; messages leave and timers fire once that is done."""
        self.leading.add(partition.number)
        for invocation in tuple(partition.invocations.values()):
            if invocation.status is Status.INVOKED and not self._invoker.has(invocation):
                self._invoker.invoke(invocation)
        self.after(self._delay("invoke", partition.number), self._catch_up, partition)

    def _catch_up(self, partition: Partition) -> None:
        for number in tuple(partition.outbox):
            self._ship(partition, number)
        for number in tuple(partition.timers):
            if (partition.number, number) not in self.armed:
                self._arm(partition, number)

    # ---- the log ---------------------------------------------------------------------------------------------

    def append(self, partition: Partition, record: Record) -> int:
        """Proposes a record; it has happened when it is committed, at the time returned."""
        return partition.log.append(self, record)

    def apply(self, record: Record) -> None:
        """Does what the record says."""
        HOW[type(record)](self, *record)

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

    def received(self, invocation: Invocation, what: str) -> None:
        """Notes in the trace that something of an attempt has come to be applied."""
        if self.world.full:
            source = (self._invoker.name, what)
            self.world.emit(self.name, Kind.MESSAGE_RECEIVED, invocation.run, None, None, source)
        else:
            self.world.recorder.count += 1

    def forward(self, invocation: Invocation, notification: Notification) -> None:
        """Hands a new notification to the invoker, which sends it to the attempt in flight."""
        world, run, invoker = self.world, invocation.run, self._invoker
        if world.full:
            world.emit(self.name, Kind.MESSAGE_SENT, run, None, None, (invoker.name, notification.type))
            world.emit(invoker.name, Kind.MESSAGE_RECEIVED, run, None, None, (self.name, notification.type))
        else:
            world.recorder.count += 2
        invoker.notify(invocation, notification)

    # ---- timers ----------------------------------------------------------------------------------------------

    def set_timer(self, invocation: Invocation, due: int, label: str, record: Record) -> None:
        """Stores a timer; when it is due its record is appended."""
        partition = invocation.partition
        number = partition.next()
        partition.timers[number] = Timer(due, label, invocation, record)
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
        self.append(partition, Fired(partition, number))

    # ---- the outbox ------------------------------------------------------------------------------------------

    def send(self, partition: Partition, to: Partition, record: Record) -> None:
        """Puts a message to another invocation into the outbox; it arrives exactly once (restate.md §1)."""
        number = partition.next()
        partition.outbox[number] = Message(to, record)
        self._ship(partition, number)

    def _ship(self, partition: Partition, number: int) -> None:
        self.after(self._delay("outbox", partition.number, number), self._shipped, partition, number)

    def _shipped(self, partition: Partition, number: int) -> None:
        message = partition.outbox.get(number)
        if message is None:
            return
        leader = self._leaders.of(message.to)
        if leader is not None:
            leader.append(message.to, Arrived(partition, number))
        else:  # its partition has no leader at the moment
            self.after(self._delay.typical("leader_poll"), self._shipped, partition, number)

    # ---- requests from outside -------------------------------------------------------------------------------

    def answer(self, ingress: str, request: int) -> None:
        """A request has been applied: its ingress may answer."""
        self._answers[ingress](request)
