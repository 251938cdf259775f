"""A scenario's steps on Inngest's Python SDK: `ctx.step` and `ctx.group`, as a user would write them.

The interrupts by which the SDK leaves a function (`ResponseInterrupt`, `SkipInterrupt`) pass through the program's
coroutine as they pass through a user's code; failures are turned into those that the program catches, and back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from typing import Any, Final

import inngest

from durascope.live.body import result_of
from durascope.live.driving import RealSdk, awaited, drive
from durascope.models.scenario import Workflow
from durascope.models.steps import Bug, Call, Compute, Fail, Patched, Run, Send, Sleep, Start, WaitFor
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.sdk import Variables
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Coroutine
from durascope.simulators.program.sdk import TIMED_OUT

RESULT_ONLY: Final = frozenset({"step", "ok", "padding"})
"""Fields of a step's result that are no outcome of the scenario's."""


class StepFails(Exception):
    """What a step's body raises; worth retrying."""


class App(ABC):
    """What a function's code knows of the process that it runs in, and of the outside."""

    @abstractmethod
    async def execute(self, step: Run, name: str, key: str) -> Outcome:
        """Runs a step's body."""

    def compute_time(self, step: Compute, key: str) -> int:
        """How long the function's own code is busy, in microseconds."""
        return 0

    def computed(self, step: Compute, key: str) -> int:
        """How many times the run's code has come to that computation."""
        return 1

    @abstractmethod
    async def compute(self, step: Compute, name: str, us: int) -> None:
        """The function's own code is busy."""

    @abstractmethod
    def event(self, step: Send | Start, key: str) -> inngest.Event:
        """What a `send` or `start` step posts."""

    @abstractmethod
    def payload(self, step: Call, key: str) -> Mapping[str, Any]:
        """The data for an invoked function."""

    @abstractmethod
    def match_field(self, step: WaitFor) -> str | None:
        """The field that a wait compares."""

    @abstractmethod
    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool: ...

    @abstractmethod
    def patched(self, step: Patched) -> bool:
        """Whether the new code is to run."""

    async def sending(self, name: str) -> None:
        """A `send` step is about to post; `Sending` tells it."""

    async def sent(self, name: str) -> None:
        """The event API has accepted what it posted."""


_SENDER: Final[ContextVar[tuple[App, str]]] = ContextVar("sender")


class Sending(inngest.Middleware):
    """Tells the app of what happens inside of step.send_event."""

    async def before_send_events(self, events: list[inngest.Event]) -> None:
        app, name = _SENDER.get()
        await app.sending(name)

    async def after_send_events(self, result: inngest.SendEventsResult) -> None:
        app, name = _SENDER.get()
        if result.error is None:
            await app.sent(name)


class Steps(Variables, RealSdk):
    """What the code of one request calls."""

    def __init__(self, context: inngest.Context, app: App) -> None:
        super().__init__()
        self.context = context
        self.app = app

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        """step.run; its memoised error, or one that is not retried, is what the program catches."""

        async def body() -> Any:
            outcome = await self.app.execute(step, name, key)
            if outcome.ok:
                return result_of(step, name, outcome)
            error = outcome.error or ""
            if not outcome.retryable:
                raise inngest.NonRetriableError(error)
            if outcome.retry_after is not None:
                raise inngest.RetryAfterError(error, timedelta(microseconds=outcome.retry_after))
            raise StepFails(error)

        result = yield from self._caught(name, self.context.step.run(name, body))
        return {field: value for field, value in result.items() if field not in RESULT_ONLY}

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        yield from awaited(self.context.step.sleep(name, timedelta(microseconds=step.sleep)))

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        field = self.app.match_field(step)
        event = yield from awaited(
            self.context.step.wait_for_event(
                name,
                event=step.wait_for,
                if_exp=None if field is None else matches(field),
                timeout=timedelta(microseconds=TIMES.year if step.timeout is None else step.timeout),
            )
        )
        return TIMED_OUT if event is None else event.data

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        return (
            yield from self._caught(
                name,
                self.context.step.invoke_by_id(
                    name,
                    function_id=step.call,
                    data=self.app.payload(step, key),
                    timeout=None if step.timeout is None else timedelta(microseconds=step.timeout),
                ),
            )
        )

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        yield from self._post(step, name, key)

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        yield from self._post(step, name, key)

    def _post(self, step: Send | Start, name: str, key: str) -> Coroutine:
        """step.send_event: the SDK posts inside of a step.run."""
        yield from self._caught(name, self._sent(step, name, key))

    async def _sent(self, step: Send | Start, name: str, key: str) -> Any:
        token = _SENDER.set((self.app, name))
        try:
            return await self.context.step.send_event(name, self.app.event(step, key))
        finally:
            _SENDER.reset(token)

    def patched(self, step: Patched) -> Coroutine:
        return self.app.patched(step)
        yield

    def compute(self, step: Compute, name: str, us: int) -> Coroutine:
        yield from awaited(self.app.compute(step, name, us))

    def computed(self, step: Compute, key: str) -> int:
        return self.app.computed(step, key)

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        return self.app.code_fails(step, name, key)

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        return (yield from self._group(branches, race=self._mode == "race"))

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        """The SDK has no way to go on with the first: all are awaited, in mode race unless that is left out."""
        yield from self._group(branches, race=self._mode != "plain")
        return 0

    def _group(self, branches: Sequence[Coroutine], *, race: bool) -> Coroutine:
        mode = inngest.ParallelMode.RACE if race else inngest.ParallelMode.WAIT
        members = tuple(partial(drive, branch) for branch in branches)
        return (yield from awaited(self.context.group.parallel(members, mode)))

    @staticmethod
    def _caught(name: str, step: Awaitable[Any]) -> Coroutine:
        try:
            return (yield from awaited(step))
        except (inngest.StepError, inngest.NonRetriableError) as error:
            raise WorkflowFailure(str(error), step=name) from error


async def call(context: inngest.Context, app: App, workflow: Workflow, run: RunInfo) -> Any:
    """Runs a function's code, from the top, for one request. Raises what a function raises that fails."""
    program = Program(workflow, run, Steps(context, app), compute_time=app.compute_time)
    try:
        return await drive(program.main())
    except WorkflowFailure as failure:
        if failure.__cause__ is not None:
            raise failure.__cause__ from None
        raise inngest.NonRetriableError(failure.message) from None


def matches(field: str) -> str:
    """The expression that compares a field of the run's event and of the one that comes."""
    return f"event.data.{field} == async.data.{field}"
