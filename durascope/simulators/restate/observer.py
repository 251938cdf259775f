"""What the cases' recordings saw from outside: the requests between the engine and the app (a logging proxy).

It is no part of the engine: it survives everything, and nothing is decided by it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class AttemptRow:
    """One attempt that reached the app."""

    entries: int
    retries: int
    at: int
    ends: str | None = None
    silent_since: int | None = None
    """Since when its input is closed, or since the app has last sent anything after that."""

    @property
    def fact(self) -> dict[str, object]:
        """In the form of the cases: `retries` is left out if 0."""
        retries = {"retries": self.retries} if self.retries else {}
        return {"entries": self.entries, **retries, **({"ends": self.ends} if self.ends else {})}


class Observer:
    """Keeps the attempts of each invocation, where records are kept; counts them always."""

    def __init__(self, *, keeps_attempts: bool, abort_timeout: int) -> None:
        self.keeps_attempts = keeps_attempts
        self._abort_timeout = abort_timeout
        self.attempts: dict[str, list[AttemptRow]] = {}
        self.count = 0
        self.replayed = 0
        """Journal entries that were sent to the app again."""

    def accepted(self, invocation: str, entries: int, retries: int, at: int) -> None:
        self.count += 1
        self.replayed += entries - 1
        if self.keeps_attempts:
            self.attempts.setdefault(invocation, []).append(AttemptRow(entries, retries, at))

    def input_closed(self, invocation: str, at: int) -> None:
        """The engine has closed its side of the stream."""
        rows = self.attempts.get(invocation)
        if rows:
            rows[-1].silent_since = at

    def sent(self, invocation: str, at: int, last: str | None = None) -> None:
        """The app has sent something; `last`: how the attempt ends with it, unless that comes too late."""
        rows = self.attempts.get(invocation)
        if not rows:
            return
        since = rows[-1].silent_since
        if since is not None:
            rows[-1].silent_since = at
        if since is not None and at - since > self._abort_timeout:
            self.ended(invocation, "aborted")
        elif last is not None:
            self.ended(invocation, last)

    def ended(self, invocation: str, how: str) -> None:
        """How the attempt that is under way ended; the first that tells is believed."""
        rows = self.attempts.get(invocation)
        if rows and rows[-1].ends is None:
            rows[-1].ends = how
