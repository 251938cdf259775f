"""The two retry policies (restate.md §9): the invocation's, in the invoker's memory, and `ctx.run`'s, stored nowhere.

The SDK computes a run's policy anew in each attempt, from the retry count that comes with it. The delay it asks for
overrides the invocation's policy and does not advance it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from durascope.models.scenario import RestateRetry
from durascope.models.steps import Run
from durascope.simulators.restate.constants import constant


@dataclass(slots=True)
class PolicyCursor:
    """Where an invocation's session stands in its policy; progress does not reset it.

    >>> cursor = PolicyCursor(RestateRetry(initial="50ms", factor=2, max_attempts=4))
    >>> [cursor.next(lambda: 0.0) for _ in range(4)]
    [53000, 103000, 203000, None]
    """

    policy: RestateRetry
    retries: int = 0
    last: int = 0

    def next(self, luck: Callable[[], float]) -> int | None:
        """The next delay in microseconds, with its jitter; None: the attempts are used up."""
        policy = self.policy
        self.retries += 1
        if self.retries >= policy.max_attempts:
            return None
        self.last = policy.initial if not self.last else min(int(self.last * policy.factor), policy.max_interval)
        return self.last + jitter(self.last, luck)


def jitter(delay: int, luck: Callable[[], float]) -> int:
    """3 ms to 30 % of the delay: only ever longer."""
    least, most = int(constant("min_jitter_us")), int(delay * constant("jitter_share"))
    return least if most <= least else least + int(luck() * (most - least))


class Verdict(NamedTuple):
    """What becomes of a failed run: another try after a delay (None: as the invocation's policy says), or failure."""

    give_up: bool
    delay: int | None = None


class RunPolicy(NamedTuple):
    """The retry options of one `ctx.run`; all None: the invocation's policy applies."""

    initial: int | None = None
    factor: float | None = None
    max_interval: int | None = None
    max_attempts: int | None = None
    max_duration: int | None = None

    @classmethod
    def of(cls, step: Run) -> RunPolicy:
        retry = step.retry
        if retry is None:
            return cls(max_duration=step.total_timeout)
        return cls(retry.initial, retry.factor, retry.max_interval, retry.max_attempts, step.total_timeout)

    def verdict(self, retries: int, duration: int, retry_after: int | None) -> Verdict:
        """After the `retries`-th failure since the last stored command, `duration` µs into the loop of retries.

        The attempt that failed counts too: the SDK adds how long its closure took, in whole milliseconds.
        """
        if self.max_attempts is not None and self.max_attempts <= retries:
            return Verdict(give_up=True)
        if self.max_duration is not None and self.max_duration <= duration:
            return Verdict(give_up=True)
        if retry_after is not None:
            return Verdict(give_up=False, delay=retry_after)
        if all(each is None for each in self):
            return Verdict(give_up=False)
        return Verdict(give_up=False, delay=self._delay(retries))

    def _delay(self, retries: int) -> int:
        initial = self.initial if self.initial is not None else constant("run_initial_us")
        factor = self.factor if self.factor is not None else constant("run_factor")
        longest = self.max_interval if self.max_interval is not None else constant("run_max_interval_us")
        return int(min(initial * factor ** min(retries - 1, 64), longest))
