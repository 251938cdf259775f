"""Flow control: the rules that decide whether and when a run starts (inngest.md §10)."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Final

from durascope.models.flow import PriorityArm, RateLimit, Throttle

MAX_PRIORITY: Final = 12 * 3_600
"""Seconds; the factor is clamped to this on both sides."""


class Gcra:
    """The generic cell rate algorithm, as the server's `gcra.lua`: `burst` + 1 at rest, then one per period / limit.

    All of its state is the theoretical arrival time `tat`, in microseconds.

    >>> rate = Gcra(limit=2, period=60_000_000, burst=0)
    >>> rate.admit(0)
    >>> rate.admit(0)
    30000000
    >>> rate.admit(30_000_000)
    """

    __slots__ = ("_emission", "_tat", "_tolerance")

    def __init__(self, limit: int, period: int, burst: int) -> None:
        self._emission = period / max(limit, 1)
        self._tolerance = self._emission * (burst + 1)
        self._tat: float | None = None

    def admit(self, now: int) -> int | None:
        """None: admitted, and counted. Else when it would be."""
        tat = now if self._tat is None else max(self._tat, now)
        new_tat = tat + self._emission
        early = new_tat - self._tolerance - now
        if early > 0:
            return now + ceil(early)
        self._tat = new_tat
        return None


def rate_limiter(limit: RateLimit) -> Gcra:
    """A rate limit's burst is a tenth of its limit: 10 a minute lets 2 of 12 simultaneous events through."""
    return Gcra(limit.limit, limit.period, limit.limit // 10)


def throttler(throttle: Throttle, sdk: str) -> Gcra:
    """A throttle lets limit + burst start at once; Python sends a burst of 1 if none is set, JS none."""
    burst = throttle.burst if throttle.burst is not None else int(sdk == "python")
    return Gcra(throttle.limit, throttle.period, throttle.limit + burst - 1)


def key_of(field: str | None, data: Mapping[str, Any]) -> str | None:
    """The value of a key expression `event.data.FIELD`; None without one.

    >>> key_of("customer", {"customer": 7})
    '7'
    """
    return None if field is None else str(data.get(field))


def priority(rule: tuple[PriorityArm, ...] | str | None, data: Mapping[str, Any]) -> int:
    """The run's priority factor in seconds.

    The expression must give an integer. A bare field of the event is a float to CEL, the error is swallowed, and the
    factor is 0 (§10, priority-number-ignored).
    """
    if not isinstance(rule, tuple):
        return 0
    for arm in rule:
        if arm.when is None or arm.when.holds(data):
            seconds = (arm.otherwise if arm.when is None else arm.is_) or 0
            return max(-MAX_PRIORITY, min(MAX_PRIORITY, seconds))
    return 0
