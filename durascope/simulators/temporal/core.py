"""The core's part of a run in a worker: commands on their way to the server, and machines that its events answer.

issued by the code ─▶ outgoing ─▶ sent ─▶ confirmed by its event, whose id the machine is found by from then on
                         └─(taken back before it was sent)─▶ withdrawn: the server never sees it
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from durascope.simulators.temporal.commands import Command, RecordMarker, RejectUpdate
from durascope.simulators.temporal.failure import Failure, FailureKind

Job = tuple[Callable[..., Any], tuple[Any, ...]]
"""What is to be done when the code runs next."""

CANCELLED: Final = Failure("cancelled", FailureKind.CANCELED, retryable=False)
_WITHDRAWN: Final = attrgetter("withdrawn")


class Core:
    """Of one run in one worker process."""

    __slots__ = ("jobs", "machines", "outgoing", "sent")

    def __init__(self) -> None:
        self.outgoing: deque[Command] = deque()
        """Commands that no event has confirmed yet."""
        self.sent = 0
        """How many of them the server has been sent."""
        self.machines: dict[int, Any] = {}
        """What waits for later events, by the id of the event that began it."""
        self.jobs: list[Job] = []
        """What the core tells the code by itself, without new events."""

    def send(self, command: Command) -> None:
        self.outgoing.append(command)

    def unsent(self, command: Command) -> bool:
        """Whether the server has not seen the command: then it can be taken back without a trace."""
        return command.handle is not None and not self._was_sent(command)

    def _was_sent(self, command: Command) -> bool:
        for number, each in enumerate(self.outgoing):
            if number >= self.sent:
                return False
            if each is command:
                return True
        return False

    def sends(self) -> list[Command]:
        """What a completion takes along: all that has not been withdrawn."""
        commands = list(self.outgoing)
        if any(map(_WITHDRAWN, commands)):
            commands = [command for command in commands if not command.withdrawn]
            self.outgoing = deque(commands)
        self.sent = len(commands)
        return commands

    def forget_rejections(self) -> None:
        """They leave no events: nothing will confirm them."""
        self.outgoing = deque(command for command in self.outgoing if not isinstance(command, RejectUpdate))

    def next(self) -> Command | None:
        """The command that the next command event has to confirm."""
        outgoing = self.outgoing
        while outgoing:
            command = outgoing.popleft()
            if not command.withdrawn:
                return command
        return None

    def marker(self, seq: int) -> Command | None:
        """The marker of that local activity: markers may come in any order."""
        for command in self.outgoing:
            if isinstance(command, RecordMarker) and command.seq == seq:
                self.outgoing.remove(command)
                return command
        return None
