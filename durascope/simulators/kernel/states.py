"""States and their tables of transitions: what every state machine of an engine has in common."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar


class UnexpectedEvent(AssertionError):
    """A machine is in a state that has no transition for what has happened to it: a bug of the model.

    >>> from enum import StrEnum
    >>> class Door(StrEnum):
    ...     OPEN = "open"
    >>> str(UnexpectedEvent("the door", Door.OPEN, "ring"))
    'the door is open: no transition for ring'
    """

    def __init__(self, machine: object, state: Enum, event: str) -> None:
        super().__init__(f"{machine} is {state.value}: no transition for {event}")


S = TypeVar("S", bound=Enum)
E = TypeVar("E", str, type)


def after(table: Mapping[tuple[S, E], S], machine: object, state: S, event: E) -> S:
    """The state that the table of transitions leads to.

    Args:
        table: The next state, by the present one and the event.
        machine: What the error calls it; its text is only made for that.
        state: The present state.
        event: A kind of record, or a word.

    Raises:
        UnexpectedEvent: The table has no such transition.
    """
    try:
        return table[state, event]
    except KeyError:
        raise UnexpectedEvent(machine, state, event if isinstance(event, str) else event.__name__) from None
