"""Cancel and kill: asked for by an operator, or by the invocation that called (restate.md §8)."""

from __future__ import annotations

from durascope.simulators.restate import lifecycle
from durascope.simulators.restate.journal import CANCEL_SIGNAL, CANCELLED, KILLED
from durascope.simulators.restate.leader import Leader
from durascope.simulators.restate.records import Kill
from durascope.simulators.restate.store import IN_FLIGHT, Invocation, Status


def cancel(leader: Leader, invocation: Invocation) -> None:
    """Appends signal 1; what has not begun vanishes, what has ended stays as it is."""
    if invocation.status in IN_FLIGHT:
        lifecycle.notified(leader, invocation, CANCEL_SIGNAL)
    elif invocation.status in (Status.INBOXED, Status.SCHEDULED):
        lifecycle.remove(leader, invocation, CANCELLED)


def kill(leader: Leader, invocation: Invocation) -> None:
    """Ends it at once, nothing is appended and nothing undone; all that it has called and sent dies with it."""
    if invocation.status in IN_FLIGHT:
        partition = invocation.partition
        for child in invocation.children or ():
            leader.send(partition, child.partition, Kill(child))
        lifecycle.end(leader, invocation, "killed", KILLED)
        leader.abort(invocation)
    elif invocation.status in (Status.INBOXED, Status.SCHEDULED):
        lifecycle.remove(leader, invocation, KILLED)
