"""The function host: the user's process, which serves the functions. It persists nothing (inngest.md §2, §17 HOST).

Each request runs the function's code from the top, in an `Invocation` of the SDK's language.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from durascope.models.scenario import Workflow
from durascope.models.steps import Run, Send, Start
from durascope.models.trace import Kind
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.lines import Exchange
from durascope.simulators.inngest.protocol import Answer, Memo, Request, shown
from durascope.simulators.inngest.worker import Worker
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program import Program, Sdk
from durascope.simulators.services import Execution

if TYPE_CHECKING:
    from durascope.simulators.inngest.engine import Inngest

_REPLAY_ENDED: Final = Kind.REPLAY_ENDED
_REPLAY_STARTED: Final = Kind.REPLAY_STARTED
_REPLAY_STEP: Final = Kind.REPLAY_STEP
_STEP_AFTER_EFFECT: Final = Kind.STEP_AFTER_EFFECT
_STEP_BEFORE_EFFECT: Final = Kind.STEP_BEFORE_EFFECT
_STEP_FAILED: Final = Kind.STEP_FAILED
_STEP_REPORTED: Final = Kind.STEP_REPORTED
_STEP_SCHEDULED: Final = Kind.STEP_SCHEDULED
_STEP_STARTED: Final = Kind.STEP_STARTED
_WORK_ENDED: Final = Kind.WORK_ENDED
_WORK_STARTED: Final = Kind.WORK_STARTED

Reply = Callable[[Answer], Any]


class Invocation(ABC):
    """One request in the host: the function's code, from the top to the first thing that decides the answer."""

    __slots__ = (
        "connection", "engine", "exchange", "execution", "host", "memos", "over", "replaying", "reply", "request",
        "run",
    )  # fmt: skip

    def __init__(self, host: FunctionHost, exchange: Exchange, connection: Connection, reply: Reply) -> None:
        self.host = host
        self.engine = host.engine
        self.exchange = exchange
        self.request: Request = exchange.request
        self.run: RunInfo = exchange.run
        self.memos = exchange.request.steps
        self.connection = connection
        self.reply = reply
        self.execution: Execution | None = None
        """Of the step that ran last."""
        self.over = False
        self.replaying = False
        """The code has not come to anything new yet."""

    @abstractmethod
    def begin(self) -> None:
        """Starts the code; called once, in the host."""

    def program(self, sdk: Sdk) -> Program:
        """The function's code, as this replica has it, at its top."""
        engine, run = self.engine, self.run
        code = engine.handler_code(self.request, self.host.code)
        return Program(code, run, sdk, compute_time=partial(engine.compute_time, run))

    def execute(self, step: Run, name: str, key: str, report: Callable[[Outcome], Any]) -> Execution:
        """Runs a step's body. The engine learns of a step that is not planned only now (moment `scheduled`)."""
        engine, host, run = self.engine, self.host, self.run
        if self.request.step is None:
            engine.world.moment(host.name, _STEP_SCHEDULED, run, name)
        if step.undo is not None:
            engine.undo.begun(run, step, name)
        if engine.records:
            report = partial(self._ran, step, name, report)
        self.execution = engine.services.execute(host, run, step, name, key, report)
        return self.execution

    def _ran(self, step: Run, name: str, report: Callable[[Outcome], Any], outcome: Outcome) -> None:
        if not outcome.ok and (step.fails is None or step.fails.moment == "before-effect"):
            self.engine.failures[name] = self.engine.failures.get(name, 0) + 1
        report(outcome)

    def send(self, step: Send | Start, name: str, key: str, report: Callable[[Outcome], Any]) -> None:
        """The body of step.sendEvent: the host itself posts to the event API."""
        engine, host, run = self.engine, self.host, self.run
        event = engine.event_from_step(run, step, f"{run.luck}/{key}")
        world = engine.world
        passes = engine.passes(run, name)
        world.moment(host.name, _STEP_STARTED, run, name, passes)

        def accepted() -> None:
            if self.over:
                return
            world.moment(host.name, _STEP_AFTER_EFFECT, run, name, passes)
            world.moment(host.name, _STEP_REPORTED, run, name, passes)
            report(Outcome({"sent": 1}))

        def refused() -> None:
            if not self.over:
                world.emit(host.name, _STEP_FAILED, run, name, passes, "SendEventsError")
                report(Outcome(error="SendEventsError"))

        world.moment(host.name, _STEP_BEFORE_EFFECT, run, name, passes)
        engine.api_client.post_event(host, run, event, accepted, refused)

    def busy(self, name: str, us: int, go_on: Callable[[], Any]) -> None:
        """The function's own code is busy."""
        run = self.run
        self.engine.world.moment(self.host.name, _STEP_STARTED, run, name, self.engine.passes(run, name))
        if us:
            self.host.after(us, go_on)
        else:
            go_on()

    def replay_starts(self) -> None:
        if self.memos:
            self.replaying = True
            self.engine.world.emit(self.host.name, _REPLAY_STARTED, self.run)

    def replayed(self, memo: Memo) -> None:
        """The code passes a finished step."""
        self.engine.world.emit(self.host.name, _REPLAY_STEP, self.run, memo.name)

    def replay_ends(self) -> None:
        """The code has come to something new."""
        if self.replaying:
            self.replaying = False
            self.engine.world.emit(self.host.name, _REPLAY_ENDED, self.run)

    def killed(self) -> None:
        """Its process is gone: what the step that runs has not done yet it will not do."""
        if self.execution is not None and not self.execution.over:
            self.execution.cancel()

    def answer(self, answer: Answer) -> None:
        """The HTTP response; the request is over."""
        if not self.over:
            self.over = True
            if self.execution is not None and self.execution.over:
                self.execution = None  # it holds what it reports to: this request, with all of the run's state
            self.replay_ends()
            self.host.respond(self, answer)


class FunctionHost(Component):
    """One replica of the app."""

    def __init__(self, engine: Inngest, name: str) -> None:
        self.engine = engine
        self.code: dict[str, Workflow] = dict(engine.code)
        kinds = _invocations()
        self._plain = kinds[engine.sdk]
        self._running_on = self._plain if engine.checkpointing is None else kinds["checkpointing"]
        """For discoveries that may run steps."""
        self._longest = engine.deployment.app.longest_request
        super().__init__(engine.world, name)

    def reset(self) -> None:
        self.invocations: dict[Exchange, Invocation] = {}

    def started(self) -> None:
        self.deployed()
        self.join()

    def join(self) -> None:
        """A worker that is connected to the gateway is one that dials first."""
        if self.engine.gateway is not None:
            Worker(self, self.engine.gateway).dial()

    def deployed(self) -> None:
        """From here on the process has the latest code; requests in progress go on with theirs."""
        self.code = dict(self.engine.code)

    def crash(self) -> None:
        """The requests in progress are lost, as whoever is on the line sees at once."""
        open_exchanges = tuple(self.invocations) if self.alive else ()
        super().crash()
        for exchange in open_exchanges:
            self.engine.relay.no_answer(exchange, "lost")

    def receive(self, exchange: Exchange, connection: Connection, reply: Reply) -> None:
        """A request has come."""
        request = exchange.request
        invocation = self._invocation(exchange, connection, reply)
        self.invocations[exchange] = invocation
        if self._longest is not None:
            self.after(self._longest, self._killed, invocation, daemon=True)
        if self.world.full:
            what = f"POST {request.step_name or 'step'}"
            self.world.emit(self.name, _WORK_STARTED, request.run, request.step_name, request.attempt + 1, what)
        else:
            self.world.recorder.count += 1
        if request.use_api:
            self._fetch(invocation)
        else:
            invocation.begin()

    def _killed(self, invocation: Invocation) -> None:
        """The platform's limit: the request's process is killed, and who asked is told by the gateway before it."""
        if not invocation.over:
            invocation.killed()
            invocation.answer(Answer(504, error="FUNCTION_INVOCATION_TIMEOUT", version=self.engine.request_version))

    def _invocation(self, exchange: Exchange, connection: Connection, reply: Reply) -> Invocation:
        """How the SDK's language runs the function; checkpointing is for discoveries that may run steps (§11)."""
        request = exchange.request
        kind = self._plain if request.step is not None or request.plan_only else self._running_on
        return kind(self, exchange, connection, reply)

    def _fetch(self, invocation: Invocation) -> None:
        """§3: the state is too much for a request: the SDK gets events and steps by API, one after the other."""
        engine, run = self.engine, invocation.run

        def batch() -> None:
            engine.relay.other(run, "GET batch")
            engine.api_client.get(self, run, "GET actions", actions, failed)

        def actions() -> None:
            engine.relay.other(run, "GET actions")
            self.after(engine.transfer(sum(memo.size for memo in invocation.memos.values())), invocation.begin)

        def failed() -> None:
            invocation.answer(Answer(500, error="could not fetch the state", version=engine.request_version))

        engine.api_client.get(self, run, "GET batch", batch, failed)

    def respond(self, invocation: Invocation, answer: Answer) -> None:
        """Answers; a server that has died meanwhile does not hear it."""
        engine, world = self.engine, self.world
        exchange, connection, request = invocation.exchange, invocation.connection, invocation.request
        self.invocations.pop(exchange, None)
        delay = engine.delay("http", request.job) + engine.delay("host", request.job, request.generation)
        for op in answer.ops:
            memo = op.memo
            if memo is not None:
                delay += engine.transfer(memo.size)
        if world.full:
            world.emit(self.name, _WORK_ENDED, request.run, request.step_name, request.attempt + 1, _ended(answer))
        else:
            world.recorder.count += 1
        if connection.closed or connection.client not in connection.on_lost:
            engine.relay.no_answer(exchange, "unheard")
            return
        engine.relay.answer(exchange, answer, world.now + delay)
        connection.send(self, invocation.reply, answer, what=f"{answer.status}", delay=delay)


def _invocations() -> dict[str, type[Invocation]]:
    """By SDK: how it runs a function."""
    from durascope.simulators.inngest.checkpointing import CheckpointingInvocation
    from durascope.simulators.inngest.python_sdk import PythonInvocation
    from durascope.simulators.inngest.typescript_sdk import TypeScriptInvocation

    return {"python": PythonInvocation, "typescript": TypeScriptInvocation, "checkpointing": CheckpointingInvocation}


def _ended(answer: Answer) -> str:
    return f"{answer.status} {shown(answer.ops, 0)}".strip()


def step_done(name: str, outcome: Outcome) -> Memo:
    """A step's result as it is memoised: text of the given size, or `{"step": NAME, "ok": true}`."""
    size = len(name) + 21 if outcome.size is None else outcome.size + 2
    return Memo(name, outcome.values, None, size + 9)
