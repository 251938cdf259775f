"""One attempt of an activity in a worker: its body, its heartbeats, its cancellation and its report (A7, A10, A13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from durascope.models.trace import Kind
from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.world import Call
from durascope.simulators.services import Execution
from durascope.simulators.temporal.calls import REPORTS
from durascope.simulators.temporal.commands import Failure
from durascope.simulators.temporal.messages import ActivityTask
from durascope.simulators.temporal.pollers import Slots

if TYPE_CHECKING:
    from durascope.simulators.temporal.worker import Worker

LOCAL_TIMEOUT_BUFFER: Final = 5_000_000
"""µs after an attempt's timeout at which the worker itself cancels it (sdk-core, local_timeout_buffer)."""
MAX_THROTTLE: Final = 60_000_000


class ActivityExecution:
    """An attempt that runs."""

    __slots__ = ("_beat", "_limit", "_over", "_thread", "body", "limit_at", "task", "worker")

    def __init__(self, worker: Worker, task: ActivityTask) -> None:
        self.worker = worker
        self.task = task
        self.body: Execution | None = None
        self._over = False
        self._beat: Call | None = None
        self._limit: Call | None = None
        self._thread: Slots | None = None
        """The threads of which it holds one."""
        self.limit_at = 0
        """When the worker itself takes the attempt for timed out, if it has not heartbeat since."""

    def begin(self) -> None:
        """The worker has taken the task: its time runs, also while it waits for a thread."""
        task, worker = self.task, self.worker
        heartbeat, timeout = task.step.heartbeat, task.timeouts[2]
        if heartbeat is not None and heartbeat.every == "never":
            timeout = min(timeout, task.timeouts[3])
        self.limit_at = worker.world.now + timeout + LOCAL_TIMEOUT_BUFFER
        if worker.threads is None:
            self._run()
        else:
            worker.threads.take_or_wait(self._thread_taken)
        if not self._over and (self.body is None or self.body.takes > timeout + LOCAL_TIMEOUT_BUFFER):
            self._limit = worker.after(timeout + LOCAL_TIMEOUT_BUFFER, self.timed_out)

    def _thread_taken(self) -> None:
        threads = self.worker.threads
        assert threads is not None
        if self._over:
            threads.give_back()
        else:
            self._thread = threads
            self._run()

    def _run(self) -> None:
        """The activity's own code begins."""
        task, worker = self.task, self.worker
        heartbeat = task.step.heartbeat
        if heartbeat is not None and heartbeat.every != "never":
            self._beat = worker.after(0, self._heartbeat)
        # a later execution of a chain has its own keys in the ledger
        key = task.key if task.execution == 1 else f"{task.execution}/{task.key}"
        services = worker.services
        body = services.execute(worker, task.run, task.step, task.name, key, self._ended, task.attempt)
        if not self._over:
            self.body = body

    def _ended(self, outcome: Outcome) -> None:
        if outcome.error is None:
            self._report("complete activity", outcome)
        else:
            failure = Failure(outcome.error, retryable=outcome.retryable, retry_after=outcome.retry_after)
            self._report("fail activity", failure)

    def _report(self, method: str, content: Outcome | Failure | None) -> None:
        self._end()
        self.worker.report(method, self, content)

    def _stop(self) -> None:
        """Ends it without a report: nobody wants to know."""
        self._end()
        self.worker.activity_over(self)

    def _end(self) -> None:
        self._over = True
        worker = self.worker
        body, self.body = self.body, None
        if body is not None and not body.over:
            body.cancel()
        if self._beat is not None:
            worker.cancel(self._beat)
        if self._limit is not None:
            worker.cancel(self._limit)
        if self._thread is not None:
            thread, self._thread = self._thread, None
            thread.give_back()

    # ---- heartbeats ----------------------------------------------------------------------------------------

    def _interval(self) -> int:
        """What reaches the server: as often as the step says, else as the SDK lets through (A7)."""
        heartbeat = self.task.step.heartbeat
        assert heartbeat is not None
        if isinstance(heartbeat.every, int):
            return heartbeat.every
        return min(heartbeat.timeout * 4 // 5, MAX_THROTTLE)

    def _heartbeat(self) -> None:
        task, worker = self.task, self.worker
        delay = worker.delays("heartbeat", task.luck, task.scheduled_id * 1000 + task.attempt)
        worker.channel.call("heartbeat", (task,), self._answered, REPORTS, run=task.run, delay=delay)
        self._beat = self.worker.after(self._interval(), self._heartbeat)

    def _answered(self, answer: Any) -> None:
        """The answer to a heartbeat is how a cancellation reaches an activity (A10)."""
        if self._over:
            return
        if answer == "cancel":
            self._emit_cancelled("cancelled")
            self._report("report cancelled activity", None)
        elif answer == "not found":
            self._emit_cancelled("not found")
            self._stop()

    def _emit_cancelled(self, why: str) -> None:
        task = self.task
        self.worker.world.emit(self.worker.name, Kind.STEP_DROPPED, task.run, task.name, task.attempt, why)

    # ---- ends that the body does not choose ----------------------------------------------------------------

    def timed_out(self) -> None:
        """The server has given this attempt up long ago."""
        if self._over:
            return
        self._emit_cancelled("timed out")
        self._report("fail activity", Failure("timed out", "timeout"))

    def shut_down(self) -> None:
        """The worker stops: the attempt is cancelled, and reported as a failure worth a retry (A13)."""
        self._report("fail activity", Failure("Worker is shutting down and this activity did not complete in time"))
