"""Calls to the server under way, and how one that fails is tried again (§10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import Callback

GAVE_UP: Final = "gave up"
"""The answer to a call that has been retried for as long as its policy allows."""


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How a failed call is retried (§10), in microseconds."""

    initial: int
    factor: float
    max_interval: int
    max_elapsed: int = 0
    """0: for ever."""
    max_tries: int = 0
    long_poll: bool = False


REPORTS: Final = CallPolicy(100_000, 1.7, 5_000_000, 10_000_000, 10)
"""Reports of results, completions of workflow tasks: at most 10 s or 10 tries."""
POLLS: Final = CallPolicy(200_000, 2.0, 10_000_000, long_poll=True)
"""Polls are repeated for ever."""
REQUESTS: Final = CallPolicy(100_000, 1.7, 5_000_000)
"""Of the client, which lives as long as the world and insists."""


class Retry:
    """How far a call that has failed has come with its policy."""

    __slots__ = ("backoff", "due", "interval", "tries")

    def __init__(self, policy: CallPolicy) -> None:
        self.interval = policy.initial
        self.tries = 0
        self.backoff: Callback | None = None
        self.due = 0


@dataclass(slots=True, eq=False)
class Call:
    """One call under way."""

    number: int
    method: str
    args: tuple[Any, ...]
    on_reply: Callable[[Any], Any] | None
    policy: CallPolicy
    run: RunInfo | None = None
    first_at: int = 0
    delay: int = 0
    """How long it has been on its way before it comes to the network."""
    retry: Retry | None = None
