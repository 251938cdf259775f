"""The SDK's state machine of one attempt, as in Restate's shared core (restate.md §6).

    replaying ──(commands used up)──▶ processing ──(End · Suspension · Error)──▶ closed

Each command of the code takes its ids, and is matched against the journal while there is any left to match; then it
is sent. Notifications wait in the order of the journal, and are looked at one by one only when the code waits: that
is what fixes the winner of a race for every later attempt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from durascope.simulators.restate.journal import (
    FIRST_AWAKEABLE,
    Command,
    Failure,
    Notification,
    NotificationId,
)
from durascope.simulators.restate.protocol import JOURNAL_MISMATCH, Error, Message, Start

UNKNOWN: Final = object()
"""The attempt does not know the state of that name: the engine has to be asked."""


class JournalMismatchError(Exception):
    """The code asks for something else than the journal says it did (RT0016)."""

    def __init__(self, message: str, related: str | None) -> None:
        super().__init__(message)
        self.error = Error(JOURNAL_MISMATCH, message, related)


class EagerState:
    """What the attempt knows of the key's state: all of it, or what it has written itself (restate.md §3)."""

    __slots__ = ("partial", "values")

    def __init__(self, values: Mapping[str, Any], *, partial: bool) -> None:
        self.partial = partial
        self.values: dict[str, Any] = dict(values)

    def get(self, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        return UNKNOWN if self.partial else None

    def keys(self) -> Any:
        return UNKNOWN if self.partial else sorted(name for name, value in self.values.items() if value is not None)

    def clear_all(self) -> None:
        self.values.clear()
        self.partial = False


class StateMachine:
    """Ids, matching, and what has been notified. Volatile: it lasts as long as the attempt."""

    __slots__ = (
        "_arrived", "_commands", "_next_completion", "_next_signal", "_passed",
        "broken", "first_entry", "output", "queue", "ready", "retry_count", "since_last_entry", "state",
    )  # fmt: skip

    def __init__(self, start: Start) -> None:
        self._commands: list[Command] = []
        self._arrived: dict[NotificationId, None] = {}
        self.queue: deque[Notification] = deque()
        """Notifications that the code has not been told of, in the order of the journal."""
        for entry in start.entries:
            if isinstance(entry, Command):
                self._commands.append(entry)
            else:
                self.arrived(entry)
        self._passed = 1
        """Commands matched so far; the Input is the first."""
        self._next_completion = 1
        self._next_signal = FIRST_AWAKEABLE
        self.ready: dict[NotificationId, Notification] = {}
        """Notifications that the code may have."""
        self.broken: JournalMismatchError | None = None
        """The mismatch that was found: from then on nothing works any more."""
        self.output: list[Message] = []
        """What is to be sent at the next await."""
        self.state = EagerState(start.state or {}, partial=start.partial_state)
        self.first_entry = True
        """Whether nothing new has been stored in this attempt: only then the retries so far count (restate.md §9)."""
        self.retry_count = start.retry_count
        self.since_last_entry = start.since_last_entry if start.retry_count else 0

    @property
    def replaying(self) -> bool:
        return self._passed < len(self._commands)

    # ---- notifications ---------------------------------------------------------------------------------------

    def arrived(self, notification: Notification) -> None:
        self._arrived[notification.id] = None
        self.queue.append(notification)

    def pop(self) -> Notification | None:
        """The next notification of the journal becomes ready."""
        if not self.queue:
            return None
        notification = self.queue.popleft()
        self.ready[notification.id] = notification
        return notification

    def is_known(self, notification: NotificationId) -> bool:
        """Whether the journal has it, however far the code has come."""
        return notification in self._arrived

    # ---- commands --------------------------------------------------------------------------------------------

    def completion_id(self) -> int:
        number = self._next_completion
        self._next_completion = number + 1
        return number

    def awakeable(self) -> int:
        """The index of the next awakeable's signal."""
        number = self._next_signal
        self._next_signal = number + 1
        return number

    def command(self, command: Command) -> bool:
        """Matches the command or sends it; returns whether it is new. Raises `JournalMismatchError`."""
        if self.broken is not None:
            raise self.broken
        if self._passed < len(self._commands):
            self._match(command)
            return False
        self.first_entry = False
        self.output.append(command)
        return True

    def _match(self, command: Command) -> Command:
        index = self._passed
        recorded = self._commands[index]
        self._passed = index + 1
        failed = (recorded.failure is None) != (command.failure is None)
        if recorded.type != command.type or recorded.name != command.name or recorded.ids != command.ids or failed:
            self.broken = JournalMismatchError(
                f"Found a mismatch between the code paths taken during the previous execution and the paths taken "
                f"during this execution: command {index} is '{recorded.line}', the code wants '{command.line}'",
                f"{command.line} {index}",
            )
            raise self.broken
        return recorded

    def get_state(self, name: str) -> tuple[int, Any]:
        """Asks for a state's value; returns (its completion id, the value or UNKNOWN). Takes an id either way."""
        number = self.completion_id()
        eager, lazy = Command("GetEagerState", name), Command("GetLazyState", name, (number,))
        return number, self._read(eager, lazy, self.state.get(name))

    def get_state_keys(self) -> tuple[int, Any]:
        number = self.completion_id()
        eager, lazy = Command("GetEagerStateKeys"), Command("GetLazyStateKeys", None, (number,))
        return number, self._read(eager, lazy, self.state.keys())

    def _read(self, eager: Command, lazy: Command, known: Any) -> Any:
        """The value, from the journal where it has one; UNKNOWN: a notification will bring it."""
        if self.broken is not None:
            raise self.broken
        if self.replaying:
            if self._commands[self._passed].type == eager.type:
                return self._match(eager).detail
            self._match(lazy)
            return UNKNOWN
        self.command(lazy if known is UNKNOWN else eager._replace(detail=known))
        return known

    def unawaited(self, labels: str) -> JournalMismatchError:
        """The code waits although the journal shows that it once went on: an await has been added."""
        return JournalMismatchError(f"await of {labels} in the middle of the replay: the code has changed", None)

    def failures(self) -> tuple[int, int]:
        """(retries, µs) of the loop of retries that a run's failure now belongs to, before this attempt."""
        return (self.retry_count, self.since_last_entry) if self.first_entry else (0, 0)


def output(failure: Failure | None, size: int) -> Command:
    """The last command of an invocation: what it returns."""
    return Command("Output", failure=failure, size=size)
