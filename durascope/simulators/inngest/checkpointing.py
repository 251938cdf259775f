"""Checkpointing: the TypeScript SDK runs steps on and on in one request and posts their results (inngest.md §11).

step has run ──▶ the code goes on ──▶ buffer full? POST /v1/checkpoint ──▶ the next step
                 └── a crash here repeats the step (§5)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.invocation import Host, Reply
from durascope.simulators.inngest.lines import Exchange
from durascope.simulators.inngest.protocol import RUN_COMPLETE, Answer, Op
from durascope.simulators.inngest.settings import NUMBERS, TIMES
from durascope.simulators.inngest.typescript_sdk import FoundStep, TypeScriptInvocation
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.world import Callback


class CheckpointingInvocation(TypeScriptInvocation):
    """The core loop with checkpointing: steps run on, their results are posted to the server (§11).

    A step's result is handed to the code *before* it is posted: the window in which a crash repeats it (§5).
    """

    __slots__ = (
        "_buffer", "_buffered_steps", "_config", "_max_runtime", "_runtime_exceeded", "_then", "_tries",
    )  # fmt: skip

    def __init__(self, host: Host, exchange: Exchange, connection: Connection, reply: Reply) -> None:
        super().__init__(host, exchange, connection, reply)
        self._buffer: list[Op] = []
        self._tries = 0
        """Of the POST under way; while there is one, nothing else goes on (`_busy`)."""
        self._then: Callable[[], Any] | None = None
        """What waits for that POST."""
        self._runtime_exceeded = False
        self._max_runtime: Callback | None = None

    def begin(self) -> None:
        config = self.app.checkpointing
        assert config is not None
        self._config = config
        self._buffered_steps = config.buffered_steps
        self._max_runtime = self.host.after(self.app.max_runtime, self._runtime_over, daemon=True)
        if config.max_interval:
            self.host.after(config.max_interval, self._interval, daemon=True)
        super().begin()

    def answer(self, answer: Answer) -> None:
        self.host.cancel(self._max_runtime)
        self._max_runtime = None
        super().answer(answer)

    def _timer(self, report: Callable[[], Any]) -> None:
        if not self.over:
            self._reports.append(report)
            self.pump()

    def _runtime_over(self) -> None:
        self._timer(self._runtime_reached)

    def _runtime_reached(self) -> None:
        self._runtime_exceeded = True

    def _interval(self) -> None:
        if not self.over:
            self._timer(self._flush)
            self.host.after(self._config.max_interval, self._interval, daemon=True)

    def _steps_found(self, batch: Iterable[FoundStep]) -> None:
        step = None if self._runtime_exceeded else self.only_new(batch)
        if step is not None:
            self._run(step)
        else:
            self._leave([step for step in batch if not step.finished])

    def _leave(self, new: list[FoundStep]) -> None:
        """Leaves new steps to the server; all that were ever found, once the request has run for too long."""
        if new:
            self._flush(lambda: self.new_steps(tuple(self.steps.values()) if self._runtime_exceeded else new))

    def ran(self, step: FoundStep, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._flush(partial(self.step_failed, step, outcome))
        elif self.request.attempt > 0:
            # A request that began as a retry answers with the retried step, so that what follows has all its attempts.
            self.respond(206, (self.run_op(step, outcome),))
        else:
            # The code first, then the checkpoint.
            step.finished = True
            self._buffer.append(self.run_op(step, outcome))
            step.future.resolve(outcome.values)
            self._busy = full = len(self._buffer) >= self._buffered_steps
            self.advance()
            if full and self.loop.blocked is None:
                self._post()
            elif full:
                self._after_block.append(self._post)

    def _flush(self, then: Callable[[], Any] | None = None) -> None:
        """Posts what is buffered, then goes on."""
        if self._buffer:
            self._busy = True
            self._then = then
            self._post()
        elif then is not None:
            then()

    # ---- the POST --------------------------------------------------------------------------------------------

    def _post(self) -> None:
        """POST /v1/checkpoint/<run>/async; five tries, then the steps go back in the answer."""
        if self.over:
            return
        self._tries += 1
        self.host.server.checkpoint(self.host, self.request, self._buffer, self._saved, self._refused)

    def _saved(self) -> None:
        self._buffer.clear()
        then, self._then = self._then, None
        self._tries = 0
        self._busy = False
        if then is not None:
            then()
        if not self._busy:
            self.pump()

    def _refused(self) -> None:
        again = self._backoff(self._tries)
        if again is None:
            self._busy = False
            self._then = None
            self.respond(206, tuple(self._buffer))
        else:
            self.host.after(again, self._post)

    def _backoff(self, attempt: int) -> int | None:
        """The wait before the next try of the POST, in microseconds; None after the last (§11)."""
        if attempt >= NUMBERS.checkpoint_tries:
            return None
        request = self.request
        jitter = self.host.world.luck("checkpoint", request.job, request.generation, attempt)
        return int(TIMES.checkpoint_retry * (2 ** (attempt - 1) + jitter))

    def returned(self) -> None:
        self.respond(206, (*self._buffer, Op(RUN_COMPLETE, "complete", "complete")))

    def _rejected(self) -> None:
        self._flush(lambda: self.threw(self._main.exception))
