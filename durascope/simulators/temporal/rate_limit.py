"""The rate limit of a task queue: a token bucket, as matching has one for each partition."""

from __future__ import annotations

from durascope.models.units import SECOND


class RateLimit:
    """Lets tasks through at a rate, after a burst.

    The rate is spread over the partitions, each of which lets at least one task through at once.

    >>> limit = RateLimit(rate=2, partitions=1)
    >>> [limit.take(0) for _ in range(3)]
    [True, True, False]
    >>> limit.wait(0)
    500000
    >>> limit.take(500_000)
    True
    """

    __slots__ = ("_at", "_burst", "_tokens", "rate")

    def __init__(self, rate: float, partitions: int) -> None:
        self.rate = rate
        """Tasks per second."""
        self._burst = float(partitions * max(1, int(rate / partitions)))
        self._tokens = self._burst
        self._at = 0

    def take(self, now: int) -> bool:
        """Takes a token, if there is one at that time (in microseconds)."""
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait(self, now: int) -> int:
        """Microseconds until the next token is there."""
        self._refill(now)
        return 0 if self._tokens >= 1 else max(1, round((1 - self._tokens) / self.rate * SECOND))

    def _refill(self, now: int) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._at) / SECOND * self.rate)
        if self._tokens > 1 - 1e-6 and self._tokens < 1:
            self._tokens = 1.0  # what was waited for is there, whatever rounding says
        self._at = now
