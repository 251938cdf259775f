"""A step's activity options as the server keeps them: timeouts normalised, the retry policy filled in (A5, §12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from durascope.models.steps import Retry, Run
from durascope.models.units import SECOND

MOST_KEPT: Final = 10_000
"""Steps whose options are kept: those that undo others are made anew each time."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A retry policy with its defaults filled in, in microseconds (§12).

    >>> [RetryPolicy().interval(attempt) for attempt in (1, 2, 20)]
    [1000000, 2000000, 100000000]
    """

    initial: int = SECOND
    factor: float = 2.0
    max_interval: int = 100 * SECOND
    max_attempts: int = 0
    """0: unlimited."""

    def interval(self, attempt: int) -> int:
        """The backoff after that attempt has failed (A3)."""
        try:
            grown = self.initial * self.factor ** (attempt - 1)
        except OverflowError:
            return self.max_interval
        return int(min(float(self.max_interval), grown))


_DEFAULT: Final = RetryPolicy()


def retry_policy_of(retry: Retry | None) -> RetryPolicy:
    """The policy that the server makes of a scenario's."""
    if retry is None:
        return _DEFAULT
    initial = retry.initial or _DEFAULT.initial
    return RetryPolicy(
        initial=initial,
        factor=retry.factor or _DEFAULT.factor,
        max_interval=retry.max_interval or 100 * initial,
        max_attempts=retry.max_attempts or 0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class ActivityOptions:
    """What workflow code schedules a step with."""

    step: Run
    local: bool
    queue: str
    cancellation: str
    """try · wait · abandon"""
    start_to_close: int
    """As the step says it, for a local activity."""
    timeouts: tuple[int, int, int, int]
    """schedule-to-close, schedule-to-start, start-to-close, heartbeat; 0: none."""
    policy: RetryPolicy

    def within(self, run_timeout: int) -> tuple[int, int, int, int]:
        """The timeouts of an activity in a run with a timeout of its own, which caps all of them (A5)."""
        if not run_timeout:
            return self.timeouts
        to_close, to_start, start_to_close, heartbeat = self.timeouts
        return (
            min(to_close or run_timeout, run_timeout),
            min(to_start or run_timeout, run_timeout),
            min(start_to_close, run_timeout),
            min(heartbeat, run_timeout),
        )


def activity_options(step: Run, default_queue: str, default_timeout: int) -> ActivityOptions:
    """The options of a step; only schedule-to-close given sets the others too (A5)."""
    start_to_close = step.timeout or default_timeout
    to_close, to_start = step.total_timeout or 0, step.queue_timeout or 0
    heartbeat = step.heartbeat.timeout if step.heartbeat is not None else 0
    timeouts = (to_close, to_start, start_to_close, heartbeat)
    if to_close:
        timeouts = (to_close, min(to_start or to_close, to_close), min(start_to_close, to_close), heartbeat)
    return ActivityOptions(
        step=step,
        local=step.local,
        queue=step.queue or default_queue,
        cancellation=step.cancellation,
        start_to_close=start_to_close,
        timeouts=timeouts,
        policy=retry_policy_of(step.retry),
    )


class OptionsOfSteps:
    """What workflow code schedules each step with, made once for each."""

    __slots__ = ("_made", "_queue", "_start_to_close")

    def __init__(self, queue: str, start_to_close: Callable[[Run], int]) -> None:
        """`queue`: where a step goes that names none; `start_to_close` is the limit of an attempt in µs."""
        self._queue = queue
        self._start_to_close = start_to_close
        self._made: dict[int, ActivityOptions] = {}
        """By the step's identity; each keeps its step, so that it stays the only one with it."""

    def of(self, step: Run) -> ActivityOptions:
        options = self._made.get(id(step))
        if options is None:
            if len(self._made) > MOST_KEPT:
                self._made.clear()
            options = self._made[id(step)] = activity_options(step, self._queue, self._start_to_close(step))
        return options
