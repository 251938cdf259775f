"""Why an invocation has not ended: what it waits for, who holds it up, what would let it go on.

run 1 ──holds the key o1, waits for──▶ run 1.1 ──waits for the key o1, held by──▶ run 1        a deadlock
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from durascope.models.trace import Unended
from durascope.simulators.restate.invocation import Invocation, Status
from durascope.simulators.restate.journal import Command

if TYPE_CHECKING:
    from durascope.simulators.restate.outside import Outside


def unended(row: Invocation, status: str, outside: Outside) -> Unended:
    """The facts of one that is running or paused when the simulation is over."""
    circle = _circle(row)
    held_by = _blocker(row)
    return Unended(
        row.name,
        status,
        _waits_for(row, outside),
        row.modified_at,
        None if held_by is None else f"{held_by.name}, which {_state(held_by, circle)}",
        _freed_by(row, circle, outside),
        tuple(each.name for each in circle),
    )


def _waits_for(row: Invocation, outside: Outside) -> str:
    match row.status:
        case Status.PAUSED:
            failed = next((each for each in reversed(row.events or ()) if each.message), None)
            return "somebody to resume it" + (f" after {failed.message}" if failed is not None else "")
        case Status.INBOXED:
            return f"the key {row.target.key} of {row.target.service}"
        case Status.SCHEDULED:
            return "its time to start"
        case _:
            command = next(_pending(row), None)
            events = outside.awaited(row.name)
            if command is None:
                return f"event {events[0]}" if events else "its next attempt"
            return _awaited(row, command, events)


def _awaited(row: Invocation, command: Command, events: list[str]) -> str:
    match command.type:
        case "Call":
            child = _child(row, command)
            return f"the result of {command.name}" + ("" if child is None else f", {child.name}")
        case "GetPromise":
            return f"event {command.name}"
        case "Run":
            return f"the result of {command.name}"
        case _:
            return f"event {events[0]}" if events else f"the timer {command.name or ''}".rstrip()


def _pending(row: Invocation) -> Iterator[Command]:
    """The commands that have no result yet, calls and promises before timers."""
    open_ones = [
        each
        for each in row.journal.entries
        if isinstance(each, Command) and each.ids and each.ids[-1] not in row.journal.notified
    ]
    yield from sorted(open_ones, key=lambda each: each.type == "Sleep")


def _child(row: Invocation, command: Command) -> Invocation | None:
    """The invocation that a call has begun."""
    known = row.journal.notified.get(command.ids[0])
    return None if known is None or not isinstance(known.value, Invocation) else known.value


def _blocker(row: Invocation) -> Invocation | None:
    """Whoever has to do something first: the holder of the key, or what was called."""
    if row.status is Status.INBOXED:
        return None if row.vobject is None else row.vobject.holder
    if row.status in (Status.INVOKED, Status.SUSPENDED):
        for command in _pending(row):
            if command.type == "Call":
                return _child(row, command)
    return None


def _circle(row: Invocation) -> list[Invocation]:
    """The invocations that wait for each other in a circle, this one first; empty: there is none."""
    path = [row]
    while (following := _blocker(path[-1])) is not None:
        if following in path:
            return path if following is row else []
        path.append(following)
    return []


def _state(held_by: Invocation, circle: list[Invocation]) -> str:
    if circle:
        waits = _blocker(held_by)
        return "waits" if waits is None else f"waits for {waits.name}"
    return {Status.PAUSED: "is paused", Status.INBOXED: "waits for its key", Status.SUSPENDED: "waits"}.get(
        held_by.status, "is running"
    )


def _freed_by(row: Invocation, circle: list[Invocation], outside: Outside) -> str | None:
    if circle:
        return f"kill {row.name}, or another of the circle"
    last, seen = row, {row.name}
    while (following := _blocker(last)) is not None and following.name not in seen:
        seen.add(following.name)
        last = following
    if following is not None:  # others wait for each other in a circle
        return f"kill {last.name}"
    if last.status is Status.PAUSED:
        return f"resume {last.name}"
    events = outside.awaited(last.name)
    return f"send {events[0]}" if events else None
