"""What an operator can do by hand besides cancel and kill: pause, resume, restart (restate.md §8)."""

from __future__ import annotations

from durascope.simulators.restate import lifecycle
from durascope.simulators.restate.journal import Command
from durascope.simulators.restate.leader import Leader
from durascope.simulators.restate.store import Invocation, Status


def pause(leader: Leader, invocation: Invocation) -> None:
    """One that runs is made to end its attempt first, one that backs off pauses at once.

    One that is suspended stays as it is (answered 200 by 1.7.12, and resumed by its timer all the same).
    """
    if invocation.status is Status.INVOKED:
        leader.stop_attempt(invocation)


def resume(leader: Leader, invocation: Invocation, deployment: int | None) -> None:
    """Goes on with fresh retry state, on another deployment if one is named; one that backs off tries at once."""
    if invocation.status in (Status.PAUSED, Status.SUSPENDED):
        if deployment is not None and invocation.pinned is not None:
            invocation.pinned = deployment
        lifecycle.resume(leader, invocation)
    elif invocation.status is Status.INVOKED:
        leader.retry_now(invocation)


def reset(leader: Leader, invocation: Invocation, new: Invocation, step: str) -> None:
    """A finished one begins anew from a step on: all before that step's command is kept."""
    entries = enumerate(invocation.journal.entries)
    found = next((n for n, each in entries if isinstance(each, Command) and each.name == step), None)
    if found is not None:
        restart(leader, invocation, new, found - 1)


def restart(leader: Leader, invocation: Invocation, new: Invocation, last: int) -> None:
    """A finished one begins anew as another, keeping the journal's entries 0 to `last`."""
    if invocation.status is not Status.COMPLETED or last >= len(invocation.journal):
        return
    new.journal = invocation.journal.prefix(last)
    new.pinned = invocation.pinned
    lifecycle.begin(leader, new)
