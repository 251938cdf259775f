"""A local activity in the worker: attempts, backoffs in memory, and the marker that comes of them (§7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.world import Call
from durascope.simulators.services import Execution
from durascope.simulators.temporal.activity_options import retry_policy_of
from durascope.simulators.temporal.commands import Failure
from durascope.simulators.temporal.handles import LocalActivity

if TYPE_CHECKING:
    from durascope.simulators.temporal.worker import Worker
    from durascope.simulators.temporal.workflow_instance import WorkflowInstance

_TOTAL: Final = Failure("schedule-to-close timeout", "timeout")
RETRY_THRESHOLD: Final = 60_000_000
"""A longer backoff becomes a timer in the history, in µs (§7)."""


class LocalExecution:
    """The attempts of one local activity in one worker."""

    __slots__ = (
        "_body", "_cancelled", "_latest_start", "_limit", "_pause", "_since", "attempt", "deadline", "instance",
        "limit_at", "local", "policy", "timeout", "worker",
    )  # fmt: skip

    def __init__(self, worker: Worker, instance: WorkflowInstance, local: LocalActivity) -> None:
        self.worker = worker
        self.instance = instance
        self.local = local
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
        self._pause: Call | None = None
        self._limit: Call | None = None
        self.limit_at = 0
        """When the attempt that runs has used up its time."""
        self._cancelled = False

    def begin(self) -> None:
        """An attempt begins as soon as the worker has a slot for it."""
        if self.local.since is not None and self.deadline is not None and self.worker.world.now >= self.deadline:
            self._resolve({"failure": _TOTAL, "attempt": self.attempt})  # the timer of its backoff took too long
        else:
            self.worker.local_slots.take_or_wait(self._begin)

    def _begin(self) -> None:
        if self._cancelled:
            self.worker.local_slots.give_back()
            return
        if self._latest_start is not None and self.worker.world.now >= self._latest_start:  # timers are never early
            self.worker.local_slots.give_back()
            self._resolve({"failure": Failure("schedule-to-start timeout", "timeout"), "attempt": self.attempt})
            return
        self.worker.local_attempts[self] = None
        local, worker, options = self.local, self.worker, self.instance.options
        key = local.key if options.acts_as == 1 else f"{options.acts_as}/{local.key}"
        info = self.instance.sdk.info
        self._body = worker.services.execute(worker, info, local.step, local.name, key, self._ended, self.attempt)
        now = worker.world.now
        self.limit_at = now + self.timeout
        if self.deadline is not None and now < self.deadline:
            self.limit_at = min(self.limit_at, self.deadline)
        if not self._body.over and self._body.takes > self.limit_at - now:
            self._limit = worker.after(self.limit_at - now, self.timed_out)

    def _attempt_over(self) -> None:
        """The attempt's slot is free, and nothing of it goes on."""
        worker, body = self.worker, self._body
        if self not in worker.local_attempts:
            return
        del worker.local_attempts[self]
        worker.cancel(self._limit)
        if body is not None and not body.over:
            body.cancel()
        worker.local_slots.give_back()

    def timed_out(self) -> None:
        """Start-to-close has passed, or else schedule-to-close: after that there is no retry.

        Core's timer of schedule-to-close ends an attempt that runs. Where it passes in a backoff, or while the next
        attempt waits for a slot, nobody is told, and nothing limits the attempts after it (`complete`: Untracked).
        """
        if self not in self.worker.local_attempts:
            return
        self._attempt_over()
        if self.limit_at == self.deadline:
            self._resolve({"failure": _TOTAL, "attempt": self.attempt})
        else:
            self._failed(Failure("start-to-close timeout", "timeout"))

    def _ended(self, outcome: Outcome) -> None:
        self._attempt_over()
        if outcome.ok:
            self._resolve({"values": outcome.values, "size": outcome.size, "attempt": self.attempt})
        else:
            self._failed(
                Failure(outcome.error or "error", retryable=outcome.retryable, retry_after=outcome.retry_after)
            )

    def _failed(self, failure: Failure) -> None:
        policy = self.policy
        final = not failure.retryable or (policy.max_attempts and self.attempt >= policy.max_attempts)
        if final:
            self._resolve({"failure": failure, "attempt": self.attempt})
            return
        backoff = policy.interval(self.attempt) if failure.retry_after is None else failure.retry_after
        retry = self.local.step.retry
        threshold = RETRY_THRESHOLD if retry is None or retry.local_threshold is None else retry.local_threshold
        self.attempt += 1
        if backoff > threshold:
            self._resolve(
                {"failure": failure, "backoff": (backoff, self.attempt, self._since), "attempt": self.attempt - 1}
            )
        else:
            self._pause = self.worker.after(backoff, self.begin)

    def _resolve(self, attributes: dict[str, Any]) -> None:
        self.instance.local_done(self.local, attributes)
        self.worker.local_activity_done(self.instance)

    def cancel(self) -> None:
        """Stops it where it is; nothing of it is kept."""
        self._cancelled = True
        self._attempt_over()
        self.worker.cancel(self._pause)
