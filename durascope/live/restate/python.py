"""Restate's Python SDK under a scenario's code."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import restate
from restate.exceptions import RetryableError
from restate.server_context import ServerDurableFuture, ServerInvocationContext
from restate.vm import (
    AllCompletedUnresolvedFuture,
    FirstCompletedUnresolvedFuture,
    SingleUnresolvedFuture,
    UnresolvedFuture,
)

from durascope.live.body import Bodies, result_of
from durascope.live.restate.attempts import closure_begins
from durascope.live.restate.context import App, Context, Durable
from durascope.models.steps import Run
from durascope.models.targets import Target
from durascope.models.units import SECOND
from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.loop import Coroutine
from durascope.simulators.program.sdk import TIMED_OUT


class PythonContext(Context):
    """The code runs in the service's own process."""

    fails_at_once = False

    def __init__(
        self, context: ServerInvocationContext, app: App, bodies: Bodies, target: Target, run: RunInfo
    ) -> None:
        super().__init__(context, app, target, run)
        self.bodies = bodies

    async def poll(self, futures: Sequence[Durable], *, together: bool) -> None:
        single: list[UnresolvedFuture] = [
            SingleUnresolvedFuture(cast("ServerDurableFuture[Any]", each).handle) for each in futures
        ]
        if together:
            awaited: UnresolvedFuture = AllCompletedUnresolvedFuture(single)
        else:
            awaited = single[0] if len(single) == 1 else FirstCompletedUnresolvedFuture(single)
        await self.context.create_poll_or_cancel_coroutine(awaited)

    async def pause(self, us: int) -> None:
        await asyncio.sleep(us / SECOND)

    def begin(self, step: Run, name: str, key: str) -> Durable:
        async def body() -> dict[str, Any]:
            closure_begins()
            return await self._body(step, name, key)

        return self.context.run_typed(name, body, _options(step))

    async def _body(self, step: Run, name: str, key: str) -> dict[str, Any]:
        began, run = asyncio.get_running_loop().time(), self.run_info.name
        if (name, "scheduled") in self.app.watched:
            await self._pass_scheduled(name, int(await self.app.ask("execution", run=run, key=key, next=True)))
            began = asyncio.get_running_loop().time()
        number = int(await self.app.ask("execution", run=run, key=key, next=False))
        self.executed[key] = (name, number)
        execution = self.bodies.execute(self.run_info, step, name, key, number, began=began)
        limit = None if step.timeout is None else step.timeout / SECOND
        outcome = await asyncio.wait_for(execution, limit)
        if outcome.ok:
            return result_of(step, name, outcome)
        raise _error(outcome, number)

    async def _pass_scheduled(self, name: str, number: int) -> None:
        """The command has been sent before its body begins, and is stored a few milliseconds later.

        The body waits for that: what strikes at this moment (an outage, say) is there before the step has begun.
        """
        await asyncio.sleep(0.005)
        await self.app.passed(self.run_info.name, name, number, "scheduled")

    def within(self, future: Durable, duration: int, name: str) -> Coroutine:
        index, value = yield from self.first(future, self.timer(duration, f"{name}-timeout"), step=name)
        return TIMED_OUT if index else value

    def make(self, event: str) -> Durable:
        awakeable, future = self.context.awakeable()
        self.app.ask_now("awakeable", run=self.run_info.name, event=event, id=awakeable)
        return future

    def mark(self, event: str) -> None:
        if not self.context.vm.is_replaying():
            self.loop.call_soon(self._tell, event)

    def _tell(self, event: str) -> None:
        self.asked.append((self.app.ask("marked", event=event, number=self.run_info.number), self.loop.future()))


def _options(step: Run) -> restate.RunOptions[Any]:
    """The step's own retry policy; without one a failing step fails the attempt, and the invocation's applies."""
    options: restate.RunOptions[Any] = restate.RunOptions(max_duration=_delta(step.total_timeout))
    retry = step.retry
    if retry is not None:
        options.max_attempts = retry.max_attempts
        options.initial_retry_interval = _delta(retry.initial)
        options.max_retry_interval = _delta(retry.max_interval)
        options.retry_interval_factor = retry.factor
    return options


def _delta(us: int | None) -> timedelta | None:
    return None if us is None else timedelta(microseconds=us)


def _error(outcome: Outcome, number: int) -> Exception:
    message = f"{outcome.error} (execution {number})"
    if not outcome.retryable:
        return restate.TerminalError(message)
    if outcome.retry_after is not None:
        return RetryableError(message, retry_after=timedelta(microseconds=outcome.retry_after))
    return RuntimeError(message)
