"""One request in the function host: the function's code, from the top to what decides the answer (inngest.md §17 HOST).

Each SDK's language has an invocation of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from durascope.models.scenario import Workflow
from durascope.models.steps import Run, Send, Start
from durascope.models.trace import Kind
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.api import ApiClient
from durascope.simulators.inngest.app import App
from durascope.simulators.inngest.lines import Exchange
from durascope.simulators.inngest.protocol import Answer, Memo, Request
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.sdk import Sdk
from durascope.simulators.services import Execution

_REPLAY_ENDED: Final = Kind.REPLAY_ENDED
_REPLAY_STARTED: Final = Kind.REPLAY_STARTED
_REPLAY_STEP: Final = Kind.REPLAY_STEP
_STEP_AFTER_EFFECT: Final = Kind.STEP_AFTER_EFFECT
_STEP_BEFORE_EFFECT: Final = Kind.STEP_BEFORE_EFFECT
_STEP_FAILED: Final = Kind.STEP_FAILED
_STEP_REPORTED: Final = Kind.STEP_REPORTED
_STEP_SCHEDULED: Final = Kind.STEP_SCHEDULED
_STEP_STARTED: Final = Kind.STEP_STARTED

Reply = Callable[[Answer], Any]


class Host(Component, ABC):
    """What an invocation knows of the process that it runs in."""

    app: App
    server: ApiClient
    code: dict[str, Workflow]
    """The version of the code that the process has."""

    @abstractmethod
    def respond(self, invocation: Invocation, answer: Answer) -> None:
        """Sends the answer; the invocation is over."""


class Invocation(ABC):
    """One request in the host: the function's code, from the top to the first thing that decides the answer."""

    __slots__ = (
        "app", "connection", "exchange", "execution", "host", "memos", "over", "replaying", "reply", "request", "run",
    )  # fmt: skip

    def __init__(self, host: Host, exchange: Exchange, connection: Connection, reply: Reply) -> None:
        self.host = host
        self.app = host.app
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
        app, run = self.app, self.run
        code = app.handler_code(self.request, self.host.code)
        return Program(code, run, sdk, compute_time=partial(app.code.compute_time, run))

    def execute(self, step: Run, name: str, key: str, report: Callable[[Outcome], Any]) -> Execution:
        """Runs a step's body. The engine learns of a step that is not planned only now (moment `scheduled`)."""
        app, host, run = self.app, self.host, self.run
        if self.request.step is None:
            host.world.moment(host.name, _STEP_SCHEDULED, run, name)
        if step.undo is not None:
            app.undo.begun(run, step, name)
        if app.records:
            report = partial(self._ran, step, name, report)
        self.execution = app.services.execute(host, run, step, name, key, report)
        return self.execution

    def _ran(self, step: Run, name: str, report: Callable[[Outcome], Any], outcome: Outcome) -> None:
        if not outcome.ok and (step.fails is None or step.fails.moment == "before-effect"):
            self.app.failed_before_effect(name)
        report(outcome)

    def send(self, step: Send | Start, name: str, key: str, report: Callable[[Outcome], Any]) -> None:
        """The body of step.sendEvent: the host itself posts to the event API."""
        app, host, run = self.app, self.host, self.run
        event = app.event_from_step(run, step, f"{run.luck}/{key}")
        world = host.world
        passes = app.passes(run, name)
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
        host.server.post_event(host, run, event, accepted, refused)

    def busy(self, name: str, us: int, go_on: Callable[[], Any]) -> None:
        """The function's own code is busy."""
        run = self.run
        self.host.world.moment(self.host.name, _STEP_STARTED, run, name, self.app.passes(run, name))
        if us:
            self.host.after(us, go_on)
        else:
            go_on()

    def replay_starts(self) -> None:
        if self.memos:
            self.replaying = True
            self.host.world.emit(self.host.name, _REPLAY_STARTED, self.run)

    def replayed(self, memo: Memo) -> None:
        """The code passes a finished step."""
        self.host.world.emit(self.host.name, _REPLAY_STEP, self.run, memo.name)

    def replay_ends(self) -> None:
        """The code has come to something new."""
        if self.replaying:
            self.replaying = False
            self.host.world.emit(self.host.name, _REPLAY_ENDED, self.run)

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


def step_done(name: str, outcome: Outcome) -> Memo:
    """A step's result as it is memoised: text of the given size, or `{"step": NAME, "ok": true}`."""
    size = len(name) + 21 if outcome.size is None else outcome.size + 2
    return Memo(name, outcome.values, None, size + 9)
