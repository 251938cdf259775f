"""A local activity in the worker: attempts, backoffs in memory, and the marker that comes of them (§7)."""

from __future__ import annotations

from typing import Final

from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import Callback
from durascope.simulators.services import Execution, Services
from durascope.simulators.temporal.activity_options import retry_policy_of
from durascope.simulators.temporal.commands import LocalEnd
from durascope.simulators.temporal.failure import Failure, FailureKind
from durascope.simulators.temporal.host import LocalDone
from durascope.simulators.temporal.local_activity import LocalActivity
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.temporal.pollers import Slots

_TOTAL: Final = Failure("schedule-to-close timeout", FailureKind.TIMEOUT)
TOTAL_FIRST: Final = 0.75
"""How often schedule-to-close is served first of two timers that are due in the same millisecond: 18 of 24 recorded."""
RETRY_THRESHOLD: Final = 60_000_000
"""A longer backoff becomes a timer in the history, in µs (§7)."""


class LocalExecution:
    """The attempts of one local activity in one worker."""

    __slots__ = (
        "_body", "_cancelled", "_done", "_last", "_latest_start", "_limit", "_limits", "_options", "_pause", "_since",
        "attempt", "deadline", "limit_at", "local", "policy", "timeout", "worker",
    )  # fmt: skip

    def __init__(self, worker: LocalActivities, local: LocalActivity, options: StartOptions, done: LocalDone) -> None:
        self.worker = worker
        self.local = local
        self._options = options
        self._done = done
        self.policy = retry_policy_of(local.step.retry)
        self.attempt = local.attempt
        now, total = worker.world.now, local.step.total_timeout
        self._since = now if local.since is None else local.since
        self.timeout = local.start_to_close if total is None else min(local.start_to_close, total)
        """Start-to-close, of one attempt."""
        self.deadline = None if total is None else self._since + total
        """Schedule-to-close, over all attempts."""
        queued = local.step.queue_timeout
        self._latest_start = None if queued is None else now + (queued if total is None else min(queued, total))
        """Schedule-to-start: core counts it from the first scheduling, for retries, too (§7)."""
        self._body: Execution | None = None
        self._pause: Callback | None = None
        self._limit: Callback | None = None
        self._limits: list[int] = []
        """When the start-to-close timers end: core leaves those of earlier attempts running (`mark_started`)."""
        self.limit_at = 0
        """When the attempt that runs is timed out: by the first of these timers, whosever it is."""
        self._last = False
        """Whether that is schedule-to-close: there is no retry after it."""
        self._cancelled = False

    def begin(self) -> None:
        """An attempt begins as soon as the worker has a slot for it."""
        if self.local.since is not None and self.deadline is not None and self.worker.world.now >= self.deadline:
            self._resolve(LocalEnd(self.attempt, failure=_TOTAL))  # the timer of its backoff took too long
        else:
            self.worker.slots.take_or_wait(self._begin)

    def _begin(self) -> None:
        if self._cancelled:
            self.worker.slots.give_back()
            return
        if self._latest_start is not None and self.worker.world.now >= self._latest_start:  # timers are never early
            self.worker.slots.give_back()
            self._resolve(LocalEnd(self.attempt, failure=Failure("schedule-to-start timeout", FailureKind.TIMEOUT)))
            return
        self.worker.attempts[self] = None
        local, worker, options = self.local, self.worker, self._options
        key, services = options.effect_key(local.key), worker.services
        self._body = services.execute(
            worker.process, options.run, local.step, local.name, key, self._ended, self.attempt
        )
        now = worker.world.now
        self._limits = [*(at for at in self._limits if at > now), now + self.timeout]
        self.limit_at = self._limits[0]
        self._last = False
        if self.deadline is not None and now < self.deadline <= self.limit_at:
            self._last = self.deadline < self.limit_at or self._total_comes_first()
            self.limit_at = self.deadline
        if not self._body.over and self._body.lasts > self.limit_at - now:
            self._limit = worker.after(self.limit_at - now, self.timed_out)

    def _total_comes_first(self) -> bool:
        """Start-to-close is due in the same millisecond: which of the two is served first is random."""
        run, local = self._options.run.name, self.local
        return self.worker.world.luck("schedule-to-close first", run, local.seq, self.attempt) < TOTAL_FIRST

    def _attempt_over(self) -> None:
        """The attempt's slot is free, and nothing of it goes on."""
        worker, body = self.worker, self._body
        if self not in worker.attempts:
            return
        del worker.attempts[self]
        worker.take_back(self._limit)
        if body is not None and not body.over:
            body.cancel()
        worker.slots.give_back()

    def timed_out(self) -> None:
        """Start-to-close has passed, or else schedule-to-close: after that there is no retry.

        Core's timer of schedule-to-close ends an attempt that runs. Where it passes in a backoff, or while the next
        attempt waits for a slot, nobody is told, and nothing limits the attempts after it (`complete`: Untracked).
        """
        if self not in self.worker.attempts:
            return
        self._attempt_over()
        if self._last:
            self._resolve(LocalEnd(self.attempt, failure=_TOTAL))
        else:
            self._failed(Failure("start-to-close timeout", FailureKind.TIMEOUT))

    def _ended(self, outcome: Outcome) -> None:
        self._attempt_over()
        if outcome.ok:
            self._resolve(LocalEnd(self.attempt, outcome.values, outcome.size))
        else:
            self._failed(
                Failure(outcome.error or "error", retryable=outcome.retryable, retry_after=outcome.retry_after)
            )

    def _failed(self, failure: Failure) -> None:
        policy = self.policy
        final = not failure.retryable or (policy.max_attempts and self.attempt >= policy.max_attempts)
        if final:
            self._resolve(LocalEnd(self.attempt, failure=failure))
            return
        backoff = policy.interval(self.attempt) if failure.retry_after is None else failure.retry_after
        retry = self.local.step.retry
        threshold = RETRY_THRESHOLD if retry is None or retry.local_threshold is None else retry.local_threshold
        self.attempt += 1
        if backoff > threshold:
            again = (backoff, self.attempt, self._since)
            self._resolve(LocalEnd(self.attempt - 1, failure=failure, backoff=again))
        else:
            self._pause = self.worker.after(backoff, self.begin)

    def _resolve(self, end: LocalEnd) -> None:
        self._done(self.local, end)

    def cancel(self) -> None:
        """Stops it where it is; nothing of it is kept."""
        self._cancelled = True
        self._attempt_over()
        self.worker.take_back(self._pause)


class LocalActivities:
    """What of a worker process runs local activities: as many attempts at a time as it has slots."""

    __slots__ = ("after", "attempts", "process", "services", "slots", "take_back", "world")

    def __init__(self, process: Component, services: Services, slots: int) -> None:
        self.process = process
        self.world = process.world
        self.after, self.take_back = process.after, process.cancel
        self.services = services
        self.slots = Slots(slots)
        self.attempts: dict[LocalExecution, None] = {}
        """Those that run."""

    def run(self, local: LocalActivity, options: StartOptions, done: LocalDone) -> None:
        """Runs it for the run that was started so; `done` is told how it has ended."""
        local.running = LocalExecution(self, local, options, done)
        local.running.begin()

    def cancel(self, local: LocalActivity) -> None:
        """Stops it where it is."""
        if local.running is not None:
            local.running.cancel()
            local.running = None
