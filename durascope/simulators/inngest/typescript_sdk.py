"""The TypeScript SDK: the function as promises on an event loop (inngest-js components/execution/engine.ts).

Every `step.…` call is *found*. When the loop has nothing left to do, the finished steps among the found ones are
resolved one at a time in the order of their completion; when that is over too, what was found is reported. Reports are
handled one after the other, which may take a while; the code may go on meanwhile.

    found ──▶ finished? resolve the next, let the code go on ──▶ none left: report ──▶ handler ──▶ answer, or go on
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha1
from typing import Any, Final

from durascope.models.steps import Call, Run, Send, Sleep, Start, WaitFor
from durascope.models.units import SECOND
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.invocation import Host, Invocation, Reply, step_done
from durascope.simulators.inngest.lines import Exchange
from durascope.simulators.inngest.promises import Promises
from durascope.simulators.inngest.protocol import (
    INVOKE_FUNCTION,
    SLEEP,
    STEP_ERROR,
    STEP_FAILED,
    STEP_PLANNED,
    STEP_RUN,
    WAIT_FOR_EVENT,
    Answer,
    InvokeOpts,
    Memo,
    Op,
    SleepOpts,
    WaitOpts,
    failed,
    failure,
)
from durascope.simulators.inngest.sdk import InngestSdk
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.world import Callback
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.loop import Coroutine, Future, Loop
from durascope.simulators.program.sdk import TIMED_OUT

_WHOLE_SECONDS: Final = True
"""How an answer says when to try again."""

Body = Run | Send | Start
Opts = SleepOpts | WaitOpts | InvokeOpts | None


class FoundStep:
    """A step that the code has asked for."""

    __slots__ = ("body", "code", "finished", "future", "key", "name", "opts", "race")

    def __init__(
        self, code: str, key: str, name: str, body: Body | None, opts: Opts, race: bool, future: Future, finished: bool
    ) -> None:
        self.code = code
        self.key = key
        self.name = name
        self.body = body
        """What `step.run` is to run; None for sleeps, waits and invocations."""
        self.opts = opts
        self.race = race
        self.future = future
        self.finished = finished
        """Memoised, or run in this request."""

    def op(self) -> Op:
        """How it is reported."""
        return Op(self.code, self.key, self.name, None, self.opts, self.race)


class TypeScriptSdk(Promises, InngestSdk):
    """`step` and `group`."""

    invocation: TypeScriptInvocation

    def __init__(self, invocation: TypeScriptInvocation) -> None:
        super().__init__(invocation, invocation.loop)

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        return (yield self.invocation.found(STEP_PLANNED, key, name, step, None, self.in_race))

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        return (yield self.invocation.found(STEP_PLANNED, key, name, step, None, self.in_race))

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        return (yield self.invocation.found(STEP_PLANNED, key, name, step, None, self.in_race))

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        opts = SleepOpts(None, _seconds(step.sleep))
        yield self.invocation.found(SLEEP, key, name, None, opts, self.in_race)

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        opts = self.wait_opts(step)
        opts = WaitOpts(opts.event, opts.field, _seconds(opts.timeout) * SECOND)
        value = yield self.invocation.found(WAIT_FOR_EVENT, key, name, None, opts, self.in_race)
        return TIMED_OUT if value is None else value

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        timeout = None if step.timeout is None else _seconds(step.timeout) * SECOND
        opts = self.invoke_opts(step, key, timeout)
        return (yield self.invocation.found(INVOKE_FUNCTION, key, name, None, opts, self.in_race))


class TypeScriptInvocation(Invocation):
    """The core loop of one request, without checkpointing."""

    __slots__ = (
        "_after_block", "_busy", "_completed", "_main", "_not_found", "_pumping", "_recently_rejected", "_reports",
        "_running", "_settled", "_to_report", "_unhandled", "loop", "steps",
    )  # fmt: skip

    def __init__(self, host: Host, exchange: Exchange, connection: Connection, reply: Reply) -> None:
        super().__init__(host, exchange, connection, reply)
        self.loop = Loop()
        self.steps: dict[str, FoundStep] = {}
        """All steps found, in order."""
        self._to_report: dict[str, FoundStep] = {}
        self._unhandled: dict[str, FoundStep] = {}
        """Those of them that may be among the finished ones."""
        self._completed = list(self.request.stack)
        """Finished steps that the code has not come to, in the order of their completion."""
        self._reports: list[tuple[FoundStep, ...] | Callable[[], Any]] = []
        """Steps that were found, and whatever else is to be handled in its turn."""
        self._running: FoundStep | None = None
        """Whose body it is that runs; one at a time."""
        self._busy = False
        """A handler of a report waits for something."""
        self._pumping = False
        self._settled = False
        self._after_block: list[Callable[[], Any]] = []
        self._recently_rejected: BaseException | None = None
        self._not_found: Callback | None = None

    def begin(self) -> None:
        self.replay_starts()
        self._main = self.loop.task(self.program(TypeScriptSdk(self)).main())
        self._search()
        self.advance()

    # ---- finding steps -------------------------------------------------------------------------------------

    def found(self, code: str, key: str, name: str, body: Body | None, opts: Opts, race: bool) -> Future:
        future = Future(self.loop)
        step = FoundStep(code, key, name, body, opts, race, future, key in self.memos)
        self.steps[key] = self._to_report[key] = step
        if self._completed:
            self._unhandled[key] = step
        return future

    def advance(self) -> None:
        """Lets the code run as far as it gets, and reports what it has found."""
        while True:
            block = self.loop.run()
            if block is not None:
                if block.us:
                    self.busy(block.name, block.us, self._unblocked)
                    return
                self.busy(block.name, 0, self.loop.unblock)
                continue
            if self._after_block:
                for then in self._after_block:
                    then()
                self._after_block.clear()
            if self._main.done and not self._settled:
                self._settled = True
                self._reports.append(self._resolved if self._main.exception is None else self._rejected)
                self.pump()
                return
            if not self._completed or not self._resolve_next():
                break
        if self._to_report:
            self._reports.append(tuple(self._to_report.values()))
            self._to_report.clear()
            if self._unhandled:
                self._unhandled.clear()
        if not self._busy:
            self.pump()

    def _unblocked(self) -> None:
        self.loop.unblock()
        self.advance()

    def _resolve_next(self) -> bool:
        """Resolves the next finished step that the code waits for; False if there is none."""
        for number, key in enumerate(self._completed):
            step = self._unhandled.pop(key, None)
            if step is not None:
                del self._completed[number]
                self._settle(step, self.memos[key])
                return True
        return False

    def _settle(self, step: FoundStep, memo: Memo) -> None:
        self.replayed(memo)
        if memo.error is None:
            step.future.resolve(memo.value)
        else:
            error = failure(memo)
            self._recently_rejected = error
            step.future.fail(error)

    # ---- handling reports ----------------------------------------------------------------------------------

    def pump(self) -> None:
        """Handles reports, one after the other; what is reported meanwhile waits for its turn."""
        if self._pumping:
            return
        self._pumping = True
        while self._reports and not self._busy and not self.over:
            report = self._reports.pop(0)
            if isinstance(report, tuple):
                self._steps_found(report)
            else:
                report()
        self._pumping = False

    def _steps_found(self, batch: Iterable[FoundStep]) -> None:
        step = self._to_run(batch)
        if step is not None:
            self._run(step)
        elif self.request.step is not None:
            self._search()
        else:
            self.new_steps(batch)

    def _to_run(self, batch: Iterable[FoundStep]) -> FoundStep | None:
        """The step that the request is targeted at, or the only new one if it can be run."""
        target = self.request.step
        if target is not None:
            return next((step for step in batch if step.key == target and step.body is not None), None)
        return self.only_new(batch)

    def only_new(self, batch: Iterable[FoundStep]) -> FoundStep | None:
        """The new one among the steps, if there is only one and it can be run."""
        new = None
        for step in batch:
            if not step.finished:
                if new is not None:
                    return None
                new = step
        if new is None or new.body is None or new.race or self.request.plan_only:
            return None
        return new

    def new_steps(self, batch: Iterable[FoundStep]) -> None:
        """Reports the new ones among the steps; where there is none, the code is left to go on."""
        ops = tuple(step.op() for step in batch if not step.finished)
        if ops:
            self.respond(206, ops)

    def _run(self, step: FoundStep) -> None:
        if self._not_found is not None:
            self.host.cancel(self._not_found)
        self._busy = True
        self._running = step
        if self.replaying:
            self.replay_ends()
        body = step.body
        if isinstance(body, Run):
            self.execute(body, step.name, step.key, self._ended)
        elif body is not None:
            self.send(body, step.name, step.key, self._ended)

    def _ended(self, outcome: Outcome) -> None:
        step = self._running
        assert step is not None
        self._running = None
        self._busy = False
        self.ran(step, outcome)
        if not self._busy:
            self.pump()

    def ran(self, step: FoundStep, outcome: Outcome) -> None:
        """A step's body has ended."""
        if outcome.error is None:
            self.respond(206, (self.run_op(step, outcome),))
        else:
            self.step_failed(step, outcome)

    def run_op(self, step: FoundStep, outcome: Outcome) -> Op:
        return Op(STEP_RUN, step.key, step.name, step_done(step.name, outcome), None, step.race)

    def step_failed(self, step: FoundStep, outcome: Outcome) -> None:
        """§3: StepFailed for good, on the last attempt or where the error says so; else StepError."""
        final = self._exhausted or not outcome.retryable
        code = STEP_FAILED if final else STEP_ERROR
        op = Op(code, step.key, step.name, failed(step.name, outcome.error or ""), None, step.race)
        self.respond(206, (op,), no_retry=final, retry_after=None if final else outcome.retry_after)

    # ---- how the function ends -----------------------------------------------------------------------------

    def _resolved(self) -> None:
        """The function has returned; where steps are still open (the losers of a race), it is called again."""
        left = [step for step in self.steps.values() if not step.finished]
        if left and self.request.step is None:
            self.new_steps(left)
        else:
            self.returned()

    def returned(self) -> None:
        self.respond(200)

    def _rejected(self) -> None:
        self.threw(self._main.exception)

    def threw(self, error: BaseException | None) -> None:
        """§3: 400 where no further attempt makes sense: the last one, or an error that came from a step, unchanged."""
        retriable = not self._exhausted
        if isinstance(error, WorkflowFailure):
            retriable = retriable and error.step is not None and error is not self._recently_rejected
        self.respond(500 if retriable else 400, no_retry=not retriable, error=str(error))

    @property
    def _exhausted(self) -> bool:
        return self.request.attempt + 1 >= self.request.max_attempts

    def _search(self) -> None:
        """A targeted step that is not found within 10 s of the last one that was is taken for gone (§7)."""
        if self.request.step is not None:
            self.host.cancel(self._not_found)
            self._not_found = self.host.after(TIMES.step_not_found, self._give_up)

    def _give_up(self) -> None:
        """The step has no name here: only code that has come to it would know."""
        target = sha1((self.request.step or "").encode()).hexdigest()
        self.respond(500, error=f'Could not find step "{target}" to run; timed out')

    def respond(
        self,
        status: int,
        ops: tuple[Op, ...] = (),
        *,
        no_retry: bool = False,
        retry_after: int | None = None,
        error: str | None = None,
    ) -> None:
        if self._not_found is not None:
            self.host.cancel(self._not_found)
        version = self.app.request_version
        self.answer(Answer(status, ops, no_retry, retry_after, _WHOLE_SECONDS, error, version))


def _seconds(duration: int) -> int:
    """timeStr: whole seconds, cut; anything under a second is one."""
    return max(duration // SECOND, 1) if duration > 0 else 0
