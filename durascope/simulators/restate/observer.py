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

    @property
    def fact(self) -> dict[str, object]:
        """In the form of the cases: `retries` is left out if 0."""
        retries = {"retries": self.retries} if self.retries else {}
        return {"entries": self.entries, **retries, **({"ends": self.ends} if self.ends else {})}


class Observer:
    """Keeps the attempts of each invocation, where records are kept; counts them always."""

    def __init__(self, *, keep: bool) -> None:
        self.keep = keep
        self.attempts: dict[str, list[AttemptRow]] = {}
        self.count = 0
        self.replayed = 0
        """Journal entries that were sent to the app again."""

    def accepted(self, invocation: str, entries: int, retries: int, at: int) -> None:
        self.count += 1
        self.replayed += entries - 1
        if self.keep:
            self.attempts.setdefault(invocation, []).append(AttemptRow(entries, retries, at))

    def ended(self, invocation: str, how: str) -> None:
        """How the attempt that is under way ended; the first that tells is believed."""
        rows = self.attempts.get(invocation)
        if rows and rows[-1].ends is None:
            rows[-1].ends = how
