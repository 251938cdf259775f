"""The life of an invocation: accepted, invoked, suspended, resumed, paused, ended (restate.md §7).

Every function here is (part of) what a record does when it is applied. Who calls it is the leader of the
invocation's partition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durascope.models.trace import Kind
from durascope.simulators.restate.invocation import IN_FLIGHT, Event, Invocation, Sink, Status
from durascope.simulators.restate.journal import CANCELLED, INPUT, Failure, Notification
from durascope.simulators.restate.waiting import Waiting

if TYPE_CHECKING:
    from durascope.simulators.restate.deployments import Deployment

# ---- begins ------------------------------------------------------------------------------------------------------


def begin(invocation: Invocation) -> None:
    """A new row with its Input: scheduled, inboxed behind its key, or invoked."""
    processor = invocation.partition.leader
    invocation.partition.invocations[invocation.name] = invocation
    if invocation.target.kind in ("run", "update"):
        processor.world.run_started(processor.name, invocation.run)
    if not len(invocation.journal):
        processor.write(invocation, INPUT)
    due = invocation.due
    if due is not None and due > processor.world.now:
        invocation.status = Status.SCHEDULED
        processor.set_timer(invocation, due, "delayed start", _due, invocation)
    else:
        lock_or_wait(invocation)


def _due(invocation: Invocation) -> None:
    if invocation.status is Status.SCHEDULED:
        lock_or_wait(invocation)


def lock_or_wait(invocation: Invocation) -> None:
    """Takes the lock of its key, or waits in the inbox; without a lock it is invoked at once."""
    vobject = invocation.vobject
    if vobject is not None and invocation.target.exclusive:
        if vobject.holder is not None:
            invocation.status = Status.INBOXED
            vobject.inbox.append(invocation)
            leader = invocation.partition.leader
            leader.world.emit(leader.name, Kind.TASK_QUEUED, invocation.run, detail=f"inbox {vobject.key}")
            return
        vobject.holder = invocation
    invoke(invocation)


def invoke(invocation: Invocation) -> None:
    """Hands the invocation to the invoker."""
    invocation.status = Status.INVOKED
    invocation.partition.leader.invoker.invoke(invocation)


# ---- stops and goes on -------------------------------------------------------------------------------------------


def pin(invocation: Invocation, deployment: Deployment) -> None:
    """Its attempts go to this deployment from now on (restate.md §12)."""
    if invocation.pinned is None:
        invocation.pinned = deployment


def suspend(invocation: Invocation, waiting: Waiting, tell: bool) -> None:
    """The attempt has ended waiting; it goes on at once if what it waits for is there already (restate.md §6)."""
    if invocation.status is not Status.INVOKED:
        return
    if waiting.over(invocation.journal.notified):
        invocation.partition.leader.invoker.invoke(invocation, resumed=True)
        return
    invocation.status = Status.SUSPENDED
    invocation.waiting = waiting
    if tell:
        event(invocation, "Suspended")


def resume(invocation: Invocation) -> None:
    """A new attempt, with fresh retry state."""
    invocation.status = Status.INVOKED
    invocation.modified_at = invocation.partition.leader.world.now
    invocation.waiting = None
    invocation.partition.leader.invoker.invoke(invocation)


def pause(invocation: Invocation, failure: tuple[str, str] | None) -> None:
    """Stops it until somebody resumes it; a paused invocation keeps its key."""
    if invocation.status is Status.INVOKED:
        invocation.status = Status.PAUSED
        event(invocation, "Paused", *(failure or (None, None)))


def event(invocation: Invocation, kind: str, code: str | None = None, message: str | None = None) -> None:
    """A row of the journal's events, after the entry that is the last one now."""
    leader = invocation.partition.leader
    row = Event(kind, code, message, max(0, len(invocation.journal) - 1), leader.world.now)
    if invocation.events is None:
        invocation.events = []
    invocation.events.append(row)


def transient_error(invocation: Invocation, code: str, message: str) -> None:
    if invocation.status is Status.INVOKED:
        event(invocation, "TransientError", code, message)


def wake(invocation: Invocation, notification: Notification) -> None:
    """What a notification that has just been stored does to who waits for it."""
    status = invocation.status
    if status is Status.INVOKED:
        invocation.partition.leader.forward(invocation, notification)
    elif status is Status.SUSPENDED:
        waiting = invocation.waiting
        if waiting is not None and waiting.over(invocation.journal.notified):
            resume(invocation)
    elif notification.id == -1:  # paused: only a cancellation wakes it (restate.md §8)
        resume(invocation)


# ---- ends --------------------------------------------------------------------------------------------------------


def end(invocation: Invocation, ended: str | None = None, failure: Failure | None = None) -> None:
    """Completed: the result goes to who waits for it, the key to who is next; nothing is appended any more."""
    if invocation.status not in IN_FLIGHT:
        return
    if ended is None:
        output = next((each for each in reversed(invocation.journal.entries) if each.type == "Output"), None)
        failure = None if output is None else output.failure
        ended = "completed" if failure is None else "cancelled" if failure == CANCELLED else "failed"
    invocation.status = Status.COMPLETED
    invocation.waiting = None
    invocation.failure = failure
    _over(invocation, ended)
    answer(invocation, failure)
    release(invocation)


def remove(invocation: Invocation, failure: Failure) -> None:
    """One that had not begun vanishes; its caller gets the failure (restate.md §8)."""
    vobject = invocation.vobject
    if invocation.status is Status.INBOXED and vobject is not None:
        vobject.inbox.remove(invocation)
    invocation.status = Status.FREE
    invocation.failure = failure
    _over(invocation, "removed")
    answer(invocation, failure)
    invocation.partition.invocations.pop(invocation.name, None)


def _over(invocation: Invocation, ended: str) -> None:
    processor = invocation.partition.leader
    processor.drop_timers(invocation)
    invocation.partition.tally.add(invocation)
    invocation.ended = ended
    invocation.completed_at = processor.world.now
    if invocation.target.kind in ("run", "update"):
        processor.world.run_ended(processor.name, invocation.run, ended)


def answer(invocation: Invocation, failure: Failure | None) -> None:
    """Sends the result to the calls that wait for it."""
    for sink in invocation.sinks:
        _answer(invocation, sink, failure)
    invocation.sinks = ()


def _answer(invocation: Invocation, sink: Sink, failure: Failure | None) -> None:
    completion = Notification("Call", sink.completion, None, failure)
    partition = invocation.partition
    partition.leader.send(partition, sink.caller.partition, notified, sink.caller, completion)


def notified(invocation: Invocation, notification: Notification) -> None:
    """Stores a notification and wakes who waits for it; nothing is stored once it has ended (restate.md §4.5)."""
    if invocation.status in IN_FLIGHT:
        invocation.partition.leader.write(invocation, notification)
        wake(invocation, notification)


def release(invocation: Invocation) -> None:
    """Hands the key over to the next in the inbox, in the same record (restate.md §10)."""
    partition, vobject = invocation.partition, invocation.vobject
    if not partition.leader.records and invocation.target.key is None:
        partition.invocations.pop(invocation.name, None)
    if vobject is None or vobject.holder is not invocation:
        return
    vobject.holder = None
    if vobject.inbox:
        following = vobject.inbox.popleft()
        vobject.holder = following
        leader = partition.leader
        leader.world.emit(leader.name, Kind.TASK_PICKED_UP, following.run, detail=f"inbox {vobject.key}")
        invoke(following)
