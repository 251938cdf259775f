"""The activities of a worker: its slots and threads (§10), and the attempts that run in them, each with its body, its
heartbeats, its cancellation and its report (A7, A10, A13).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import NumberedDelays
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import Callback
from durascope.simulators.services import Execution, Services
from durascope.simulators.temporal.calls import REPORTS
from durascope.simulators.temporal.channel import Channel
from durascope.simulators.temporal.failure import Failure, FailureKind
from durascope.simulators.temporal.messages import ActivityTask
from durascope.simulators.temporal.pollers import Slots

LOCAL_TIMEOUT_BUFFER: Final = 5_000_000
"""µs after an attempt's timeout at which the worker itself cancels it (sdk-core, local_timeout_buffer)."""
MAX_THROTTLE: Final = 60_000_000
"""µs between two heartbeats that reach the server, at most."""
DEFAULT_THROTTLE: Final = 30_000_000
"""µs between two heartbeats of an activity without heartbeat timeout (none and 0 are the same to the server)."""
LEAST_THROTTLE: Final = 200_000
"""µs between two heartbeats where a step says how often it reports: what the recordings' workers let through."""


class ActivityExecution:
    """An attempt that runs."""

    __slots__ = ("_beat", "_limit", "_over", "_thread", "body", "limit_at", "task", "worker")

    def __init__(self, worker: ActivityWorker, task: ActivityTask) -> None:
        self.worker = worker
        self.task = task
        self.body: Execution | None = None
        self._over = False
        self._beat: Callback | None = None
        self._limit: Callback | None = None
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
        if not self._over and (self.body is None or self.body.lasts > timeout + LOCAL_TIMEOUT_BUFFER):
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
        services = worker.services
        body = services.execute(worker.process, task.run, task.step, task.name, task.key, self._ended, task.attempt)
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
        self.worker.over(self)

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
        """What reaches the server: as often as the step says, if the SDK lets it through (A7)."""
        heartbeat = self.task.step.heartbeat
        assert heartbeat is not None
        throttle = min(heartbeat.timeout * 4 // 5, MAX_THROTTLE) or DEFAULT_THROTTLE
        if isinstance(heartbeat.every, int):
            return max(heartbeat.every, min(throttle, LEAST_THROTTLE))
        return throttle

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
        self.worker.world.emit(self.worker.lane, Kind.STEP_DROPPED, task.run, task.name, task.attempt, why)

    # ---- ends that the body does not choose ----------------------------------------------------------------

    def timed_out(self) -> None:
        """The server has given this attempt up long ago."""
        if self._over:
            return
        self._emit_cancelled("timed out")
        self._report("fail activity", Failure("timed out", FailureKind.TIMEOUT))

    def shut_down(self) -> None:
        """The worker stops: the attempt is cancelled, and reported as a failure worth a retry (A13)."""
        self._report("fail activity", Failure("Worker is shutting down and this activity did not complete in time"))


class ActivityWorker:
    """What of a worker process runs activities."""

    __slots__ = (
        "_many", "_next_turn", "_reports", "_sent", "_turn", "after", "cancel", "channel", "delays", "draining", "lane",
        "leaving", "process", "running", "services", "slots", "threads", "world",
    )  # fmt: skip

    def __init__(
        self, process: Component, channel: Channel, services: Services, delays: NumberedDelays, *, slots: int,
        threads: int | None, many: int, reports: Callable[[int, int], int], sent: Callable[[], object],
    ) -> None:  # fmt: skip
        """`threads`: where activities block a thread each, fewer than the slots; `many`: with more free slots
        than this, nobody waits for one; `reports`: what a report takes; `sent` is called when one has left a process
        that stops."""
        self.process = process
        self.lane = process.name
        self.world = process.world
        self.after, self.cancel = process.after, process.cancel
        self.channel = channel
        self.services = services
        self.delays = delays
        self.slots = Slots(slots)
        self.threads = None if threads is None else Slots(threads)
        self.running: dict[ActivityExecution, None] = {}
        self.draining = False
        """The process stops."""
        self._turn = delays.of("turn")
        self._next_turn = 0
        """When what came together has begun, and the next may."""
        self._many = many
        self._reports = reports
        self._sent = sent
        self.leaving = 0
        """Attempts that it is about to begin, and reports that it is about to send."""

    def execute_in_turn(self, tasks: Sequence[ActivityTask]) -> None:
        """Begins attempts that came together: the language's side of the worker takes one after the other."""
        now = self.world.now
        for task in tasks:
            begins = max(now, self._next_turn)
            self._next_turn = begins + self._turn(task.luck, task.scheduled_id)
            if begins == now:
                self._begin(task)
            else:
                self.leaving += 1
                self.after(begins - now, self._begin_late, task)

    def execute(self, task: ActivityTask) -> None:
        """Begins an attempt, after those that came before it."""
        if self.world.now < self._next_turn:
            self.execute_in_turn((task,))
        else:
            self._begin(task)

    def _begin_late(self, task: ActivityTask) -> None:
        self.leaving -= 1
        self._begin(task)
        if self.draining:
            self._sent()

    def _begin(self, task: ActivityTask) -> None:
        """One that begins while the worker stops is cancelled at once (A13)."""
        execution = ActivityExecution(self, task)
        self.running[execution] = None
        execution.begin()
        if self.draining and execution in self.running:
            execution.shut_down()

    def over(self, execution: ActivityExecution) -> None:
        """An attempt has ended without a report: nobody wants to know."""
        if self.running.pop(execution, 0) is None:
            self.slots.give_back()

    def report(self, method: str, execution: ActivityExecution, content: Outcome | Failure | None) -> None:
        """Reports an attempt's end; its slot is free once that has been answered (§10).

        The SDK takes a while to send the report, and a crash in that time loses it: where two steps end side by side
        and a fault strikes at the end of one, neither is ever reported.
        """
        if self.running.pop(execution, 0) is not None:
            return
        task = execution.task
        args = (task,) if content is None else (task, content)
        delay_of = self._reports
        delay = delay_of(task.luck, task.scheduled_id * 1000 + task.attempt)
        slots, answered = self.slots, None
        if slots.free > self._many:  # nobody waits for this one
            slots.free += 1
        else:
            answered = self._reported
        if self.draining:  # a process that stops sends off what it has
            self.channel.call(method, args, answered, REPORTS, task.run, delay)
        else:
            self.leaving += 1
            self.after(delay, self._send, method, args, answered, task.run)

    def _send(self, method: str, args: tuple[Any, ...], answered: Callable[[Any], Any] | None, run: RunInfo) -> None:
        self.leaving -= 1
        self.channel.call(method, args, answered, REPORTS, run)
        if self.draining:
            self._sent()

    def _reported(self, _answer: Any) -> None:
        self.slots.give_back()

    def shut_down(self) -> None:
        """SIGTERM with a grace period of 0: attempts are reported as failed (A13)."""
        self.draining = True
        for execution in tuple(self.running):
            execution.shut_down()
