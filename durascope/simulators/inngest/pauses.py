"""Pauses: what waits for an event: a wait, an invocation, a cancellation (inngest.md §9).

They are found by event name and, where the expression compares a field, by its value: the model's form of the
aggregate matcher.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from durascope.simulators.inngest.events import Event
from durascope.simulators.kernel.runs import RunInfo


class Pause:
    """One pause."""

    __slots__ = ("address", "cancel", "coalesce", "correlation", "created_at", "event", "expires", "field", "item",
                 "name", "race", "run", "step")  # fmt: skip

    def __init__(
        self, run: RunInfo, event: str, field: str | None, value: object, created_at: int, expires: int
    ) -> None:
        self.run = run
        self.event = event
        self.field = field
        self.address = (event, field, "" if field is None else str(value))
        """The event, and what the field must be: interpolated from the run's own event when the pause was made."""
        self.created_at = created_at
        """Events received before this are lost on it."""
        self.expires = expires
        self.step = ""
        self.name = ""
        self.cancel = False
        self.correlation: str | None = None
        """Of an invocation: the waiting step."""
        self.race = False
        self.coalesce: str | None = None
        self.item: Any = None
        """The queue item that times it out."""


class PauseStore:
    """All pauses of runs that are not over."""

    def __init__(self) -> None:
        self.flush()

    def flush(self) -> None:
        """Redis has lost its memory."""
        self._found: dict[tuple[str, str | None, str], dict[Pause, None]] = {}
        self._fields: dict[str, dict[str | None, int]] = {}
        """By event: which fields its pauses compare, and how many do."""
        self._of_run: dict[str, dict[Pause, None]] = {}
        self._invoking: dict[str, Pause] = {}

    def add(self, pause: Pause) -> None:
        self._of_run.setdefault(pause.run.name, {})[pause] = None
        if pause.correlation is not None:
            self._invoking[pause.correlation] = pause
            return
        self._found.setdefault(pause.address, {})[pause] = None
        fields = self._fields.setdefault(pause.event, {})
        fields[pause.field] = fields.get(pause.field, 0) + 1

    def matching(self, event: Event) -> Iterator[Pause]:
        """The pauses whose event and expression match."""
        for field in tuple(self._fields.get(event.name, ())):
            if field is not None and field not in event.data:
                continue
            value = "" if field is None else str(event.data[field])
            yield from tuple(self._found.get((event.name, field, value), ()))

    def invoking(self, correlation: str) -> Pause | None:
        return self._invoking.get(correlation)

    def listens(self, event: str) -> bool:
        return event in self._fields

    def remove(self, pause: Pause) -> bool:
        """Consumes a pause; False if somebody else has: it is consumed once."""
        mine = self._of_run.get(pause.run.name)
        if mine is None or pause not in mine:
            return False
        del mine[pause]
        if not mine:
            del self._of_run[pause.run.name]
        self._unlist(pause)
        return True

    def remove_run(self, run: str) -> None:
        for pause in self._of_run.pop(run, {}):
            self._unlist(pause)

    def _unlist(self, pause: Pause) -> None:
        if pause.correlation is not None:
            self._invoking.pop(pause.correlation, None)
            return
        listed = self._found[pause.address]
        del listed[pause]
        if not listed:
            del self._found[pause.address]
        fields = self._fields[pause.event]
        fields[pause.field] -= 1
        if not fields[pause.field]:
            del fields[pause.field]
            if not fields:
                del self._fields[pause.event]
