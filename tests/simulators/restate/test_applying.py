"""What records do when they are applied: records in, changes of the store and acts of the leader out.

The leader here is a clerk: it writes down what it is asked to do, and does nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from durascope.models.units import Spread
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.states import UnexpectedEvent
from durascope.simulators.kernel.world import World
from durascope.simulators.restate import records
from durascope.simulators.restate.applying import HOW
from durascope.simulators.restate.journal import CANCEL_SIGNAL, Command, Entry, Failure, Journal, Notification
from durascope.simulators.restate.log import PartitionLog, Record
from durascope.simulators.restate.protocol import Proposal
from durascope.simulators.restate.retention import Retention
from durascope.simulators.restate.store import (
    Invocation,
    Message,
    Partition,
    Promise,
    Sink,
    Status,
    Target,
    Timer,
    VirtualObject,
)
from durascope.simulators.restate.waiting import Waiting

DAY = 86_400_000_000
SLEEP = Command("Sleep", None, (1,), 5_000_000)


class Clerk:
    """A leader that only keeps the store, and notes what it would do."""

    def __init__(self) -> None:
        self.world = World(0, full=True)
        self.name = "partition-processor"
        self.records = True
        self.retention = Retention(DAY, DAY)
        self.done: list[tuple[str, object]] = []

    def apply(self, record: Record) -> None:
        HOW[type(record)](self, *record)

    def write(self, invocation: Invocation, entry: Entry) -> int:
        return invocation.journal.append(entry)

    def set_timer(self, invocation: Invocation, due: int, label: str, record: Record) -> None:
        number = invocation.partition.next()
        invocation.partition.timers[number] = Timer(due, label, invocation, record)
        invocation.timers = [*(invocation.timers or ()), number]

    def drop_timers(self, invocation: Invocation) -> None:
        for number in invocation.timers or ():
            invocation.partition.timers.pop(number, None)
        invocation.timers = None

    def send(self, partition: Partition, to: Partition, record: Record) -> None:
        partition.outbox[partition.next()] = Message(to, record)

    def child(self, caller: Invocation, command: Command) -> Invocation:
        child = invocation(caller.partition, f"{caller.name}.1")
        child.sinks = (Sink(caller, command.ids[1]),)
        return child

    def received(self, invocation: Invocation, what: str) -> None: ...

    def invoke(self, invocation: Invocation, *, resumed: bool = False) -> None:
        self.done.append(("resume" if resumed else "invoke", invocation.name))

    def forward(self, invocation: Invocation, notification: Notification) -> None:
        self.done.append(("forward", notification.type))

    def abort(self, invocation: Invocation) -> None:
        self.done.append(("abort", invocation.name))

    def stop_attempt(self, invocation: Invocation) -> None:
        self.done.append(("stop attempt", invocation.name))

    def retry_now(self, invocation: Invocation) -> None:
        self.done.append(("retry now", invocation.name))

    def answer(self, ingress: str, request: int) -> None:
        self.done.append(("answer", request))

    def acts(self) -> list[tuple[str, object]]:
        """What it was asked to do since it was asked last."""
        done, self.done = self.done, []
        return done


@pytest.fixture
def leader() -> Clerk:
    return Clerk()


@pytest.fixture
def partition() -> Partition:
    return Partition(0, PartitionLog(0, Spread.parse("1ms")))


def invocation(partition: Partition, name: str = "run 1", key: str | None = None, **more: Any) -> Invocation:
    info = RunInfo(name, "order", 1, key, {}, name)
    target = Target("order", "order", "run", "Orders", "service" if key is None else "object", key, key is not None)
    vobject = None if key is None else partition.vobject("Orders", key)
    return Invocation(info, target, partition, Journal(), Status.FREE, 0, vobject, **more)


def running(leader: Clerk, partition: Partition, name: str = "run 1", key: str | None = None) -> Invocation:
    row = invocation(partition, name, key)
    leader.apply(records.Begin(row))
    leader.acts()
    return row


def lines(row: Invocation) -> list[str]:
    return [entry.type for entry in row.journal.entries]


# ---- begins ------------------------------------------------------------------------------------------------------


def test_a_call_gets_its_input_and_is_invoked(leader: Clerk, partition: Partition) -> None:
    row = invocation(partition)
    leader.apply(records.Asked("ingress", 7, records.Accept(row, None, "ingress")))
    assert row.status is Status.INVOKED
    assert lines(row) == ["Input"]
    assert leader.acts() == [("invoke", "run 1"), ("answer", 7)]


def test_a_call_that_is_asked_for_again_begins_once(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.Accept(row, None, "ingress"))
    assert lines(row) == ["Input"]
    assert leader.acts() == []


def test_a_second_call_with_an_idempotency_key_is_attached(leader: Clerk, partition: Partition) -> None:
    first, second = invocation(partition), invocation(partition, "run 2")
    for row in (first, second):
        leader.apply(records.Accept(row, "order-7", "ingress"))
    assert (first.status, second.status, second.ended) == (Status.INVOKED, Status.FREE, "attached")


def test_a_delayed_call_waits_for_its_timer(leader: Clerk, partition: Partition) -> None:
    row = invocation(partition, due=5_000_000)
    leader.apply(records.Begin(row))
    assert row.status is Status.SCHEDULED
    assert leader.acts() == []
    (number,) = partition.timers
    leader.apply(records.Fired(partition, number))
    assert leader.acts() == [("invoke", "run 1")]


def test_who_finds_the_key_locked_waits_in_the_order_of_coming(leader: Clerk, partition: Partition) -> None:
    first, second, third = (invocation(partition, f"run {n}", "ann") for n in (1, 2, 3))
    for row in (first, second, third):
        leader.apply(records.Begin(row))
    assert leader.acts() == [("invoke", "run 1")]
    leader.apply(records.End(first))
    assert leader.acts() == [("invoke", "run 2")]
    assert third.status is Status.INBOXED


# ---- the journal -------------------------------------------------------------------------------------------------


def test_a_sleep_is_stored_with_its_timer_and_completed_by_it(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.StoreCommand(row, SLEEP))
    ((number, timer),) = partition.timers.items()
    assert timer.due == SLEEP.detail
    leader.apply(records.Fired(partition, number))
    assert lines(row) == ["Input", "Sleep", "Sleep"]
    assert leader.acts() == [("forward", "Sleep")]


def test_a_timer_fires_once(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.StoreCommand(row, SLEEP))
    (number,) = partition.timers
    for _ in range(2):
        leader.apply(records.Fired(partition, number))
    assert lines(row) == ["Input", "Sleep", "Sleep"]


def test_a_closures_result_is_stored_once(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.StoreCommand(row, Command("Run", "charge", (1,))))
    for value in ({"by": "first"}, {"by": "second"}):
        leader.apply(records.StoreProposal(row, Proposal(Notification("Run", 1, value), "charge", 1)))
    assert lines(row) == ["Input", "Run", "Run"]
    assert row.journal.notified[1].value == {"by": "first"}
    assert leader.acts() == [("forward", "Run")]


def test_a_call_leaves_by_the_outbox_and_its_result_comes_back(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    asked = Command("Call", "ship", (1, 2))
    leader.apply(records.StoreCommand(row, asked))
    assert leader.acts() == [("forward", "CallInvocationId")]
    (number,) = partition.outbox
    for _ in range(2):  # a message that is shipped again is known by its number
        leader.apply(records.Arrived(partition, number))
    assert leader.acts() == [("invoke", "run 1.1")]
    leader.apply(records.End(partition.invocations["run 1.1"]))
    (number,) = partition.outbox
    leader.apply(records.Arrived(partition, number))
    assert leader.acts() == [("forward", "Call")]


def test_state_belongs_to_the_key(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition, key="ann")
    leader.apply(records.StoreCommand(row, Command("SetState", "total", (), 7)))
    leader.apply(records.StoreCommand(row, Command("GetLazyState", "total", (1,))))
    assert row.journal.notified[1].value == 7


@pytest.mark.parametrize("clears", [Command("ClearState", "total"), Command("ClearAllState")])
def test_state_that_was_cleared_is_gone(leader: Clerk, partition: Partition, clears: Command) -> None:
    row = running(leader, partition, key="ann")
    for command in (Command("SetState", "total", (), 7), clears, Command("GetLazyState", "total", (1,))):
        leader.apply(records.StoreCommand(row, command))
    assert row.journal.notified[1].value is None


def test_a_key_may_be_forgotten_when_it_has_no_holder_no_inbox_no_state_and_no_promise(partition: Partition) -> None:
    assert partition.vobject("Orders", "nobody").unused
    assert not VirtualObject("Orders", "held", holder=invocation(partition)).unused
    assert not VirtualObject("Orders", "waited for", inbox=deque([invocation(partition)])).unused
    assert not VirtualObject("Orders", "known", state={"total": 7}).unused
    assert not VirtualObject("Orders", "promised", promises={"paid": Promise()}).unused


def test_commands_of_an_attempt_that_is_over_are_ignored(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.Suspend(row, Waiting("first-completed", (1,)), True))
    leader.apply(records.StoreCommand(row, SLEEP))
    assert lines(row) == ["Input"]


# ---- stops and goes on -------------------------------------------------------------------------------------------


def test_a_suspended_one_goes_on_when_what_it_waits_for_is_there(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.Suspend(row, Waiting("first-completed", (1,)), True))
    leader.apply(records.Notified(row, Notification("Sleep", 2)))
    assert row.status is Status.SUSPENDED
    leader.apply(records.Notified(row, Notification("Sleep", 1)))
    assert row.status is Status.INVOKED
    assert leader.acts() == [("invoke", "run 1")]


def test_what_it_waits_for_may_be_there_before_the_suspension(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.Notified(row, Notification("Sleep", 1)))
    leader.acts()
    leader.apply(records.Suspend(row, Waiting("first-completed", (1,)), True))
    assert leader.acts() == [("resume", "run 1")]


def test_only_a_cancellation_wakes_a_paused_one(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.Pause(row, ("500", "boom")))
    leader.apply(records.Notified(row, Notification("Sleep", 1)))
    assert row.status is Status.PAUSED
    assert leader.acts() == []
    leader.apply(records.Notified(row, CANCEL_SIGNAL))
    assert leader.acts() == [("invoke", "run 1")]


def test_an_event_is_tied_to_the_last_entry_before_it(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    for number in (1, 2):
        leader.apply(records.StoreCommand(row, Command("Sleep", None, (number,), 5_000_000)))
    leader.apply(records.Pause(row, ("500", "boom")))
    assert [event.line for event in row.events or ()] == ["Paused after 2"]


def test_an_operator_pauses_by_ending_the_attempt(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.PauseByHand(row))
    assert row.status is Status.INVOKED
    assert leader.acts() == [("stop attempt", "run 1")]


def test_a_paused_one_is_resumed_on_another_deployment(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.Pin(row, 1))
    leader.apply(records.Pause(row, None))
    leader.apply(records.ResumeByHand(row, 2))
    assert row.pinned == 2
    assert leader.acts() == [("invoke", "run 1")]


def test_one_that_backs_off_is_tried_at_once(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.ResumeByHand(row, None))
    assert leader.acts() == [("retry now", "run 1")]


# ---- ends --------------------------------------------------------------------------------------------------------


def test_one_that_has_ended_stores_nothing_more(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.StoreCommand(row, SLEEP))
    leader.apply(records.End(row, "failed", Failure(500, "boom")))
    assert (row.status, row.ended) == (Status.COMPLETED, "failed")
    assert partition.timers == {}
    leader.apply(records.Notified(row, Notification("Sleep", 1)))
    assert lines(row) == ["Input", "Sleep"]


def test_one_that_waits_for_its_key_is_cancelled_without_a_trace(leader: Clerk, partition: Partition) -> None:
    running(leader, partition, "run 1", "ann")
    second = invocation(partition, "run 2", "ann")
    leader.apply(records.Begin(second))
    leader.apply(records.Cancel(second))
    assert (second.status, second.ended) == (Status.FREE, "removed")
    assert "run 2" not in partition.invocations
    assert not partition.vobject("Orders", "ann").inbox


def test_a_cancellation_is_a_signal_to_one_that_runs(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.Cancel(row))
    assert row.status is Status.INVOKED
    assert leader.acts() == [("forward", "Signal")]


def test_a_kill_reaches_what_was_called(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.StoreCommand(row, Command("Call", "ship", (1, 2))))
    (begun,) = partition.outbox
    leader.apply(records.Arrived(partition, begun))
    leader.acts()
    leader.apply(records.Kill(row))
    assert row.ended == "killed"
    assert leader.acts() == [("abort", "run 1")]
    (killed,) = partition.outbox.values()
    assert killed.record == records.Kill(partition.invocations["run 1.1"])


def test_a_finished_one_begins_anew_with_part_of_its_journal(leader: Clerk, partition: Partition) -> None:
    row, new = running(leader, partition), invocation(partition, "run 2")
    leader.apply(records.StoreCommand(row, Command("Run", "charge", (1,))))
    leader.apply(records.RestartAsNew(row, new, 1))
    assert new.status is Status.FREE, "one that runs is left alone"
    leader.apply(records.End(row))
    leader.apply(records.RestartAsNew(row, new, 1))
    assert lines(new) == ["Input", "Run"]
    assert leader.acts() == [("invoke", "run 2")]


def test_a_transition_that_there_is_not_says_what_was_tried(leader: Clerk, partition: Partition) -> None:
    row = running(leader, partition)
    leader.apply(records.End(row))
    with pytest.raises(UnexpectedEvent, match=r"^run 1 is completed: no transition for invocation$"):
        leader.apply(records.Begin(row))


def test_every_kind_of_record_can_be_applied() -> None:
    kinds = {each for each in vars(records).values() if isinstance(each, type) and each.__module__ == records.__name__}
    assert kinds == set(HOW)
