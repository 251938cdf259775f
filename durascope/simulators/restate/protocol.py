"""The service protocol: what an attempt's stream carries between the invoker and the SDK (restate.md §5, §6).

To the SDK: `Start` with the known entries, then `Notification`s; the end of the request side is its closing.
From the SDK: `Command`s, `Proposal`s, and one of `Suspension`, `Error`, `End`, after which it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.restate.journal import Entry, Notification
from durascope.simulators.restate.store import Target
from durascope.simulators.restate.waiting import Waiting

JOURNAL_MISMATCH = 570
"""The code of the error by which the SDK tells that the code does not fit the journal."""


class Start(NamedTuple):
    """The first message of an attempt, and the journal as it is known."""

    run: RunInfo
    target: Target
    entries: Sequence[Entry]
    state: Mapping[str, Any] | None
    """The key's state; None: the handler has none."""
    partial_state: bool
    retry_count: int
    """Since the last stored command."""
    since_last_entry: int
    """Microseconds."""
    attempt: int
    """The number of the request, over the invocation's life."""
    request_response: bool
    protocol: int


class Proposal(NamedTuple):
    """The result of a run's closure, to be committed."""

    notification: Notification
    step: str
    execution: int
    """Which execution of the step's body it comes from."""


class Suspension(NamedTuple):
    """The code can go on only when what it waits for is there."""

    waiting: Waiting


class Error(NamedTuple):
    """The attempt has failed in a way that is worth another."""

    code: int
    message: str
    related: str | None = None
    """The command it belongs to, as `Run charge-payment 3`."""
    retry_after: int | None = None
    """Microseconds, where the SDK says when to try again."""
    step: str | None = None


class End(NamedTuple):
    """The handler has returned; its Output went before."""


Message = Entry | Proposal | Suspension | Error | End


Reply = Callable[[Connection, Sequence[Message]], Any]
"""How the SDK's messages get to who has made the request."""


def label_of(message: object) -> str:
    """How a message is called in the trace: the line of its entry, or its name."""
    if isinstance(message, Proposal):
        return f"Propose {message.notification.line[2:]}"
    line = getattr(message, "line", None)
    return line if isinstance(line, str) else type(message).__name__
