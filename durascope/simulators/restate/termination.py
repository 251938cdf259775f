"""Cancel and kill: asked for by an operator, or by the invocation that called (restate.md §8)."""

from __future__ import annotations

from durascope.simulators.restate import lifecycle
from durascope.simulators.restate.invocation import IN_FLIGHT, Invocation, Status
from durascope.simulators.restate.journal import CANCEL_SIGNAL, CANCELLED, KILLED


def cancel(invocation: Invocation) -> None:
    """Appends signal 1; what has not begun vanishes, what has ended stays as it is."""
    if invocation.status in IN_FLIGHT:
        lifecycle.notified(invocation, CANCEL_SIGNAL)
    elif invocation.status in (Status.INBOXED, Status.SCHEDULED):
        lifecycle.remove(invocation, CANCELLED)


def kill(invocation: Invocation) -> None:
    """Ends it at once, nothing is appended and nothing undone; all that it has called and sent dies with it."""
    if invocation.status in IN_FLIGHT:
        partition = invocation.partition
        for child in invocation.children or ():
            partition.leader.send(partition, child.partition, kill, child)
        lifecycle.end(invocation, "killed", KILLED)
        partition.leader.invoker.abort(invocation)
    elif invocation.status in (Status.INBOXED, Status.SCHEDULED):
        lifecycle.remove(invocation, KILLED)
