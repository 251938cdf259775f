"""Checkpointing: the TypeScript SDK runs steps on and on in one request and posts their results (inngest.md §11).

step has run ──▶ the code goes on ──▶ buffer full? POST /v1/checkpoint ──▶ the next step
                 └── a crash here repeats the step (§5)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.protocol import RUN_COMPLETE, Answer, Op
from durascope.simulators.inngest.typescript_sdk import FoundStep, TypeScriptInvocation

if TYPE_CHECKING:
    from durascope.simulators.inngest.host import FunctionHost, Reply
    from durascope.simulators.inngest.lines import Exchange
    from durascope.simulators.kernel.network import Connection
    from durascope.simulators.kernel.world import Call


class CheckpointingInvocation(TypeScriptInvocation):
    """The core loop with checkpointing: steps run on, their results are posted to the server (§11).

    A step's result is handed to the code *before* it is posted: the window in which a crash repeats it (§5).
    """

    def __init__(self, host: FunctionHost, exchange: Exchange, connection: Connection, reply: Reply) -> None:
        super().__init__(host, exchange, connection, reply)
        self._buffer: list[Op] = []
        self._runtime_exceeded = False
        self._max_runtime: Call | None = None

    def begin(self) -> None:
        config = self.engine.checkpointing
        assert config is not None
        self._config = config
        self._max_runtime = self.host.after(self.engine.max_runtime, self._timer, self._runtime_reached, daemon=True)
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

    def _runtime_reached(self) -> None:
        self._runtime_exceeded = True

    def _interval(self) -> None:
        if not self.over:
            self._timer(self._flush)
            self.host.after(self._config.max_interval, self._interval, daemon=True)

    def _steps_found(self, batch: list[FoundStep]) -> None:
        new = [step for step in batch if not step.finished]
        if not new:
            return
        if self._runtime_exceeded:
            self._flush(lambda: self.new_steps(tuple(self.steps.values())))
            return
        step = self.only_new(new)
        if step is not None:
            self._run(step)
        else:
            self._flush(lambda: self.new_steps(new))

    def ran(self, step: FoundStep, outcome: Outcome) -> None:
        if not outcome.ok:
            self._flush(lambda: self.step_failed(step, outcome))
        elif self.request.attempt > 0:
            # A request that began as a retry answers with the retried step, so that what follows has all its attempts.
            self.respond(206, (self.run_op(step, outcome),))
        else:
            self._resume(step, outcome)

    def _resume(self, step: FoundStep, outcome: Outcome) -> None:
        """The code first, then the checkpoint."""
        step.finished = True
        self._buffer.append(self.run_op(step, outcome))
        step.future.resolve(outcome.values)
        if len(self._buffer) < self._config.buffered_steps:
            self.advance()
            return
        self._busy = True
        self.advance()
        if self.loop.blocked is None:
            self._post_buffer()
        else:
            self._after_block.append(self._post_buffer)

    def _post_buffer(self) -> None:
        self._post(tuple(self._buffer), 1, None)

    def _flush(self, then: Callable[[], Any] | None = None) -> None:
        """Posts what is buffered, then goes on."""
        if self._buffer:
            self._busy = True
            self._post(tuple(self._buffer), 1, then)
        elif then is not None:
            then()

    def _post(self, ops: tuple[Op, ...], attempt: int, then: Callable[[], Any] | None) -> None:
        """POST /v1/checkpoint/<run>/async; five tries, then the steps go back in the answer."""

        def accepted() -> None:
            self._buffer.clear()
            self._busy = False
            if then is not None:
                then()
            self.pump()

        def refused() -> None:
            again = self.engine.checkpoint_backoff(self.request, attempt)
            if again is None:
                self._busy = False
                self.respond(206, ops)
            else:
                self.host.after(again, self._post, ops, attempt + 1, then)

        self.engine.api_client.checkpoint(self.host, self.request, ops, accepted, refused)

    def returned(self) -> None:
        self.respond(206, (*self._buffer, Op(RUN_COMPLETE, "complete", "complete")))

    def _rejected(self) -> None:
        self._flush(lambda: self.threw(self._main.exception))
