"""Journal v2: the entries of one invocation, commands of its code and notifications of what became of them.

    0 Input │ 1 Run charge-payment #1 │ 2 > Run #1 │ 3 Sleep nap #2 │ …          (restate.md §2, §3)

Entries are immutable; a journal only grows. A notification's id is the completion id (1, 2, …), the negative index of
a signal (-1 cancel, -17 the first awakeable) or the name of a named signal.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

CANCEL: Final = -1
"""The notification id of signal 1."""
FIRST_AWAKEABLE: Final = 17

NotificationId = int | str


class Failure(NamedTuple):
    """A terminal error: what a completion or an output may be instead of a value."""

    code: int
    message: str


CANCELLED: Final = Failure(409, "cancelled")
KILLED: Final = Failure(409, "killed")
ALREADY_COMPLETED: Final = Failure(409, "conflict: already completed")


class Command(NamedTuple):
    """An entry that the handler's code has asked for."""

    type: str
    name: str | None = None
    ids: tuple[int, ...] = ()
    """The completion ids that its notifications will have, in order."""
    detail: Any = None
    """What the engine needs to carry it out: a wake-up time, a target, a value."""
    failure: Failure | None = None
    """Output: how the handler failed."""
    size: int = 0
    """Bytes of payload."""

    @property
    def line(self) -> str:
        words = [self.type, *([self.name] if self.name else []), *(f"#{each}" for each in self.ids)]
        return " ".join(words) + failed(self.failure)


class Notification(NamedTuple):
    """An entry that tells what became of a command, or that a signal has come."""

    type: str
    id: NotificationId
    value: Any = None
    failure: Failure | None = None
    size: int = 0

    @property
    def line(self) -> str:
        if self.type != "Signal":
            return f"> {self.type} #{self.id}{failed(self.failure)}"
        return f"> Signal {signal_label(self.id)}"


Entry = Command | Notification

INPUT: Final = Command("Input")
CANCEL_SIGNAL: Final = Notification("Signal", CANCEL)


def failed(failure: Failure | None) -> str:
    return "" if failure is None else f" failed {failure.code}"


def signal_label(number: NotificationId) -> str:
    """How a signal is written: its name, its index, or `1 (cancel)`."""
    if number == CANCEL:
        return "1 (cancel)"
    return number if isinstance(number, str) else str(-number)


class Journal:
    """The entries of an invocation, and which notifications are among them. Durable.

    >>> journal = Journal()
    >>> for entry in (INPUT, Command("Run", "charge", (1,)), Notification("Run", 1)):
    ...     _ = journal.append(entry)
    >>> journal.lines
    ['Input', 'Run charge #1', '> Run #1']
    >>> journal.prefix(0).lines
    ['Input']
    """

    __slots__ = ("bytes", "entries", "largest", "notified", "results", "steps")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.notified: dict[NotificationId, Notification] = {}
        self.steps = 0
        """Commands but Input and Output."""
        self.results = 0
        """Completions of runs."""
        self.bytes = 0
        self.largest = 0
        """Bytes of the largest entry."""

    def append(self, entry: Entry) -> int:
        """Adds an entry; returns its index."""
        self.entries.append(entry)
        size = entry.size
        self.bytes += size
        if size > self.largest:
            self.largest = size
        kind = entry.type
        if isinstance(entry, Notification):
            self.notified[entry.id] = entry
            self.results += kind == "Run"
        else:
            self.steps += kind != "Input" and kind != "Output"
        return len(self.entries) - 1

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def lines(self) -> list[str]:
        return [entry.line for entry in self.entries]

    def prefix(self, last: int) -> Journal:
        """A copy of entries 0..last, and of what completes them later (restart-as-new, restate.md §8)."""
        copy = Journal()
        missing: dict[NotificationId, None] = {}
        for index, entry in enumerate(self.entries):
            if index > last and (isinstance(entry, Command) or entry.id not in missing):
                continue
            copy.append(entry)
            if isinstance(entry, Command):
                missing.update(dict.fromkeys(entry.ids))
            else:
                missing.pop(entry.id, None)
        return copy
