"""The life of an invocation: accepted, invoked, suspended, resumed, paused, ended (restate.md §7).

Every function here is (part of) what a record does when it is applied. `leader` leads the invocation's partition.
"""

from __future__ import annotations

from durascope.models.trace import Kind
from durascope.simulators.kernel.world import World
from durascope.simulators.restate.journal import CANCELLED, INPUT, Failure, Notification
from durascope.simulators.restate.leader import Leader
from durascope.simulators.restate.records import Due, Notified
from durascope.simulators.restate.store import IN_FLIGHT, Event, Invocation, Sink, Status, Target
from durascope.simulators.restate.waiting import Waiting

# ---- begins ------------------------------------------------------------------------------------------------------


def accept(leader: Leader, invocation: Invocation, idempotency_key: str | None, ingress: str) -> None:
    """A call or send from outside: a new invocation, unless its idempotency key or workflow key is known."""
    if invocation.status is not Status.FREE or invocation.ended is not None:
        return  # the client has asked again: its request had been accepted
    known_by = invocation.partition.idempotency
    same = identity(invocation.target, idempotency_key)
    if same is not None:
        known = known_by.get(same)
        if known is not None and not leader.retention.forgotten(known, leader.world.now):
            turned_away(leader.world, ingress, invocation, "refused" if invocation.target.of_workflow else "attached")
            return
        if known is not None and known.vobject is not None and known.target.of_workflow:
            known.vobject.clear()
        known_by[same] = invocation
    begin(leader, invocation)


def turned_away(world: World, ingress: str, invocation: Invocation, how: str) -> None:
    """Nothing begins; the ingress tells who asked."""
    invocation.ended = how
    world.emit(ingress, Kind.EVENT_RECEIVED, invocation.run, detail=how)


def identity(target: Target, idempotency_key: str | None) -> tuple[str, str | None, str] | None:
    """What makes two requests the same invocation (restate.md §10, §11); None: nothing does."""
    if target.kind == "run" and target.of_workflow:
        return (target.workflow, target.key, "")
    if idempotency_key is not None:
        return (target.handler, target.key, idempotency_key)
    return None


def begin(leader: Leader, invocation: Invocation) -> None:
    """A new row with its Input: scheduled, inboxed behind its key, or invoked."""
    invocation.partition.invocations[invocation.name] = invocation
    if invocation.target.kind in ("run", "update"):
        leader.world.run_started(leader.name, invocation.run)
    if not len(invocation.journal):
        leader.write(invocation, INPUT)
    due = invocation.due
    if due is not None and due > leader.world.now:
        invocation.become("delay")
        leader.set_timer(invocation, due, "delayed start", Due(invocation))
    else:
        lock_or_wait(leader, invocation)


def due(leader: Leader, invocation: Invocation) -> None:
    if invocation.status is Status.SCHEDULED:
        lock_or_wait(leader, invocation)


def lock_or_wait(leader: Leader, invocation: Invocation) -> None:
    """Takes the lock of its key, or waits in the inbox; without a lock it is invoked at once."""
    vobject = invocation.vobject
    if vobject is not None and invocation.target.exclusive:
        if vobject.holder is not None:
            invocation.become("wait for the lock")
            vobject.inbox.append(invocation)
            leader.world.emit(leader.name, Kind.TASK_QUEUED, invocation.run, detail=f"inbox {vobject.key}")
            return
        vobject.holder = invocation
    invoke(leader, invocation)


def invoke(leader: Leader, invocation: Invocation) -> None:
    """Hands the invocation to the invoker."""
    invocation.become("invocation")
    leader.invoke(invocation)


# ---- stops and goes on -------------------------------------------------------------------------------------------


def pin(_leader: Leader, invocation: Invocation, deployment: int) -> None:
    """Its attempts go to this deployment from now on (restate.md §12)."""
    if invocation.pinned is None:
        invocation.pinned = deployment


def suspend(leader: Leader, invocation: Invocation, waiting: Waiting, tell: bool) -> None:
    """The attempt has ended waiting; it goes on at once if what it waits for is there already (restate.md §6)."""
    if invocation.status is not Status.INVOKED:
        return
    if waiting.over(invocation.journal.notified):
        leader.invoke(invocation, resumed=True)
        return
    invocation.become("suspension")
    invocation.waiting = waiting
    if tell:
        event(leader, invocation, "Suspended")


def resume(leader: Leader, invocation: Invocation) -> None:
    """A new attempt, with fresh retry state."""
    invocation.become("resumption")
    invocation.modified_at = leader.world.now
    invocation.waiting = None
    leader.invoke(invocation)


def pause(leader: Leader, invocation: Invocation, failure: tuple[str, str] | None) -> None:
    """Stops it until somebody resumes it; a paused invocation keeps its key."""
    if invocation.status is Status.INVOKED:
        invocation.become("pause")
        event(leader, invocation, "Paused", *(failure or (None, None)))


def event(
    leader: Leader, invocation: Invocation, kind: str, code: str | None = None, message: str | None = None
) -> None:
    """A row of the journal's events, after the entry that is the last one now."""
    row = Event(kind, code, message, max(0, len(invocation.journal) - 1), leader.world.now)
    if invocation.events is None:
        invocation.events = []
    invocation.events.append(row)


def transient_error(leader: Leader, invocation: Invocation, code: str, message: str) -> None:
    if invocation.status is Status.INVOKED:
        event(leader, invocation, "TransientError", code, message)


def wake(leader: Leader, invocation: Invocation, notification: Notification) -> None:
    """What a notification that has just been stored does to who waits for it."""
    status = invocation.status
    if status is Status.INVOKED:
        leader.forward(invocation, notification)
    elif status is Status.SUSPENDED:
        waiting = invocation.waiting
        if waiting is not None and waiting.over(invocation.journal.notified):
            resume(leader, invocation)
    elif notification.id == -1:  # paused: only a cancellation wakes it (restate.md §8)
        resume(leader, invocation)


# ---- ends --------------------------------------------------------------------------------------------------------


def end(leader: Leader, invocation: Invocation, ended: str | None = None, failure: Failure | None = None) -> None:
    """Completed: the result goes to who waits for it, the key to who is next; nothing is appended any more."""
    if invocation.status not in IN_FLIGHT:
        return
    if ended is None:
        output = next((each for each in reversed(invocation.journal.entries) if each.type == "Output"), None)
        failure = None if output is None else output.failure
        ended = "completed" if failure is None else "cancelled" if failure == CANCELLED else "failed"
    invocation.become("end")
    invocation.waiting = None
    invocation.failure = failure
    _over(leader, invocation, ended)
    answer(leader, invocation, failure)
    release(leader, invocation)


def remove(leader: Leader, invocation: Invocation, failure: Failure) -> None:
    """One that had not begun vanishes; its caller gets the failure (restate.md §8)."""
    vobject = invocation.vobject
    if invocation.status is Status.INBOXED and vobject is not None:
        vobject.inbox.remove(invocation)
    invocation.become("removal")
    invocation.failure = failure
    _over(leader, invocation, "removed")
    answer(leader, invocation, failure)
    invocation.partition.invocations.pop(invocation.name, None)


def _over(leader: Leader, invocation: Invocation, ended: str) -> None:
    leader.drop_timers(invocation)
    invocation.partition.tally.add(invocation.journal)
    invocation.ended = ended
    invocation.completed_at = leader.world.now
    if invocation.target.kind in ("run", "update"):
        leader.world.run_ended(leader.name, invocation.run, ended)


def answer(leader: Leader, invocation: Invocation, failure: Failure | None) -> None:
    """Sends the result to the calls that wait for it."""
    for sink in invocation.sinks:
        _answer(leader, invocation, sink, failure)
    invocation.sinks = ()


def _answer(leader: Leader, invocation: Invocation, sink: Sink, failure: Failure | None) -> None:
    completion = Notification("Call", sink.completion, None, failure)
    partition = invocation.partition
    leader.send(partition, sink.caller.partition, Notified(sink.caller, completion))


def notified(leader: Leader, invocation: Invocation, notification: Notification) -> None:
    """Stores a notification and wakes who waits for it; nothing is stored once it has ended (restate.md §4.5)."""
    if invocation.status in IN_FLIGHT:
        leader.write(invocation, notification)
        wake(leader, invocation, notification)


def release(leader: Leader, invocation: Invocation) -> None:
    """Hands the key over to the next in the inbox, in the same record (restate.md §10)."""
    partition, vobject = invocation.partition, invocation.vobject
    if not leader.records and invocation.target.key is None:
        partition.invocations.pop(invocation.name, None)
    if vobject is None or vobject.holder is not invocation:
        return
    vobject.holder = None
    if vobject.inbox:
        following = vobject.inbox.popleft()
        vobject.holder = following
        leader.world.emit(leader.name, Kind.TASK_PICKED_UP, following.run, detail=f"inbox {vobject.key}")
        invoke(leader, following)
