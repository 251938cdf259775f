"""The messages of a trace that the engine has accepted and no code has handled, as events of the trace."""

from __future__ import annotations

from durascope.models.trace import Kind, Trace


def unhandled(trace: Trace) -> frozenset[int]:
    """The numbers of the events with which they came in."""
    came: dict[str, list[tuple[int, int]]] = {}
    if trace.unconsumed:
        for number, event in trace.of_kind(Kind.EVENT_RECEIVED):
            came.setdefault(str(event.detail), []).append((event.at, number))
    found: set[int] = set()
    for message in trace.unconsumed or ():
        left = [each for each in came.get(message.event, ()) if each[1] not in found]
        if left:
            found.add(min(left, key=lambda each: (abs(each[0] - message.at), each[1]))[1])
    return frozenset(found)
