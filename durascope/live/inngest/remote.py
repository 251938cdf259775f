"""Functions of an app in another language: their code runs here, and asks the app to do what it needs.

The scenario's language is interpreted once, by `Program`. For each request the app begins the code, is told which of
its own SDK's steps to call, and says what has come of each. Where the SDK leaves the function, because there is
something to report, the code is simply left where it waits.

    app ── begin ──▶ RemoteFunctions       app ◀── steps to call · busy · how it ended ── RemoteRequest ◀── Program
        ── what has come of a step ────────────▶
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from durascope.live.body import result_of
from durascope.live.inngest.outside import Outside
from durascope.live.inngest.steps import RESULT_ONLY, matches
from durascope.live.plan import plan
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Bug, Call, Compute, Fail, Patched, Run, Send, Sleep, Start, WaitFor
from durascope.simulators.inngest.promises import Promises
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Coroutine, Future, Loop
from durascope.simulators.program.sdk import TIMED_OUT
from durascope.simulators.services import Services

Message = Mapping[str, Any]
Reply = dict[str, object]
_MS: Final = 1_000


class Surroundings(ABC):
    """What the code of one request knows of the outside, and what its steps' bodies do there."""

    run: RunInfo
    workflow: Workflow
    """Its code."""

    @abstractmethod
    def compute_time(self, step: Compute, key: str) -> int: ...

    @abstractmethod
    def computing(self, name: str) -> None:
        """The code is about to be busy."""

    @abstractmethod
    def computed(self, key: str) -> int: ...

    @abstractmethod
    def event(self, step: Send | Start, key: str) -> Mapping[str, object]:
        """What a `send` or `start` step posts, as the SDK takes it."""

    @abstractmethod
    def payload(self, step: Call, key: str) -> Mapping[str, Any]: ...

    @abstractmethod
    def match_field(self, step: WaitFor) -> str | None: ...

    @abstractmethod
    def code_fails(self, step: Fail | Bug, key: str) -> bool: ...

    @abstractmethod
    def patched(self, step: Patched) -> bool: ...

    @abstractmethod
    def begins(self, step: Run, name: str, key: str) -> Reply:
        """The body of a step begins: its run, its name, and the number of this execution."""

    @abstractmethod
    def body(self, step: Run, name: str, key: str, execution: int) -> Reply:
        """How that execution goes."""

    @abstractmethod
    def posting(self, name: str, key: str) -> None:
        """A `send` or `start` step is about to post."""

    @abstractmethod
    def posted(self, name: str, key: str) -> None:
        """The event API has accepted what it posted."""


class RemoteFunctions:
    """All functions of an app of another language, and the requests that have begun."""

    def __init__(self, surroundings: Callable[[Message], Surroundings]) -> None:
        self._surroundings = surroundings
        self._requests: list[RemoteRequest] = []

    @property
    def answers(self) -> Mapping[str, Callable[[Message], object]]:
        """What the app may ask, by the question's name."""
        return {
            "code": self._code,
            "closure": lambda message: self._request(message).begins(message["handle"]),
            "body": lambda message: self._request(message).body(message["handle"], message["execution"]),
            "posting": lambda message: self._request(message).posting(message["handle"]),
            "posted": lambda message: self._request(message).posted(message["handle"]),
        }

    def _request(self, message: Message) -> RemoteRequest:
        return self._requests[message["request"]]

    def _code(self, message: Message) -> Reply:
        if message["do"] == "begin":
            self._requests.append(RemoteRequest(self._surroundings(message)))
            return {"request": len(self._requests) - 1, **self._requests[-1].go_on({})}
        return self._request(message).go_on(message)


@dataclass(frozen=True, slots=True)
class Called:
    """A step that the code has called in this request."""

    step: Run | Sleep | WaitFor | Call | Send | Start
    name: str
    key: str
    future: Future


class RemoteRequest:
    """The code of one request; goes on with what has come of each step."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.loop = Loop()
        self.called: list[Called] = []
        self._commands: list[Reply] = []
        self._failures: dict[int, WorkflowFailure] = {}
        program = Program(around.workflow, around.run, RemoteSdk(self), compute_time=around.compute_time)
        self._main = self.loop.task(program.main())

    def call(
        self,
        do: str,
        step: Run | Sleep | WaitFor | Call | Send | Start,
        name: str,
        key: str,
        *,
        race: bool,
        **more: Any,
    ) -> Future:
        """Has the app call a step of its SDK's."""
        called = Called(step, name, key, self.loop.future())
        mode = {"parallelMode": "race"} if race else {}
        self._commands.append({"do": do, "handle": len(self.called), "step": {"id": name, **mode}, **more})
        self.called.append(called)
        return called.future

    def go_on(self, message: Message) -> Reply:
        """Runs the code until it waits: returns the steps that it calls, and why it waits."""
        if "handle" in message:
            self._settle(message["handle"], message)
        elif self.loop.blocked is not None:
            self.loop.unblock()
        block = self.loop.run()
        reply: Reply = {"commands": self._commands}
        self._commands = []
        if block is not None:
            self.around.computing(block.name)
            reply["busy"] = block.us / _MS
        elif self._main.done:
            reply["ended"] = self._ended()
        return reply

    def _settle(self, handle: int, message: Message) -> None:
        called = self.called[handle]
        if "failure" in message:
            self._failures[handle] = WorkflowFailure(message["failure"], step=called.name)
            called.future.fail(self._failures[handle])
        else:
            called.future.resolve(_value(called.step, message["value"]))

    def _ended(self) -> Reply:
        """How the function ends: with a result, a step's own error, one for good, or one that is worth a retry."""
        error = self._main.exception
        if error is None:
            return {"how": "returned", "value": self._main.result}
        for handle, failure in self._failures.items():
            if failure is error:
                return {"how": "rethrown", "handle": handle}
        return {"how": "failed" if isinstance(error, WorkflowFailure) else "bug", "message": str(error)}

    # ---- bodies of steps -------------------------------------------------------------------------------------

    def begins(self, handle: int) -> Reply:
        step, name, key = self._run(handle)
        return self.around.begins(step, name, key)

    def body(self, handle: int, execution: int) -> Reply:
        step, name, key = self._run(handle)
        return self.around.body(step, name, key, execution)

    def posting(self, handle: int) -> None:
        self.around.posting(self.called[handle].name, self.called[handle].key)

    def posted(self, handle: int) -> None:
        self.around.posted(self.called[handle].name, self.called[handle].key)

    def _run(self, handle: int) -> tuple[Run, str, str]:
        called = self.called[handle]
        assert isinstance(called.step, Run)
        return called.step, called.name, called.key


def _value(step: object, value: Any) -> Any:
    """What a step returns to the program."""
    match step:
        case Run():
            return {field: each for field, each in value.items() if field not in RESULT_ONLY}
        case WaitFor():
            return TIMED_OUT if value is None else value["data"]
        case _:
            return value


class RemoteSdk(Promises):
    """What the code calls: each call is one of the app's own SDK."""

    def __init__(self, request: RemoteRequest) -> None:
        super().__init__()
        self.request = request
        self.loop = request.loop
        self.around = request.around

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        return (yield self.request.call("run", step, name, key, race=self.in_race))

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        yield self.request.call("sleep", step, name, key, race=self.in_race, ms=step.sleep // _MS)

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        field = self.around.match_field(step)
        options = {
            "event": step.wait_for,
            "timeout": (TIMES.year if step.timeout is None else step.timeout) // _MS,
            **({} if field is None else {"if": matches(field)}),
        }
        return (yield self.request.call("wait", step, name, key, race=self.in_race, options=options))

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        options = {
            "data": self.around.payload(step, key),
            **({} if step.timeout is None else {"timeout": step.timeout // _MS}),
        }
        return (
            yield self.request.call("invoke", step, name, key, race=self.in_race, function=step.call, options=options)
        )

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        yield from self._post(step, name, key)

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        yield from self._post(step, name, key)

    def _post(self, step: Send | Start, name: str, key: str) -> Coroutine:
        event = self.around.event(step, key)
        yield self.request.call("send", step, name, key, race=self.in_race, event=event)

    def patched(self, step: Patched) -> Coroutine:
        return self.around.patched(step)
        yield

    def computed(self, step: Compute, key: str) -> int:
        return self.around.computed(key)

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        return self.around.code_fails(step, key)


class Around(Surroundings):
    """The code of a request to a real app: its bodies do what the scenario's do."""

    def __init__(
        self,
        outside: Outside,
        workflow: Workflow,
        scenario: Scenario,
        bodies: Services,
        take: Callable[[dict[str, object]], Any],
        passed: Callable[[str, str], None],
    ) -> None:
        """`take`: what the ledger does with a message; `passed`: tells of a step's moment that it does not see."""
        self.run = outside.run
        self.workflow = workflow
        self._outside = outside
        self._scenario = scenario
        self._bodies = bodies
        self._take = take
        self._passed = passed

    def compute_time(self, step: Compute, key: str) -> int:
        return self._outside.compute_time(step, key)

    def computing(self, name: str) -> None:
        self._passed(name, "started")

    def computed(self, key: str) -> int:
        return self._outside.computed(key)

    def event(self, step: Send | Start, key: str) -> Mapping[str, object]:
        name, data, due_ms = self._outside.event(step, key)
        return {"name": name, "data": data, **({"ts": due_ms} if due_ms else {})}

    def payload(self, step: Call, key: str) -> Mapping[str, Any]:
        return self._outside.payload(step, key)

    def match_field(self, step: WaitFor) -> str | None:
        return self._outside.match_field(step)

    def code_fails(self, step: Fail | Bug, key: str) -> bool:
        return self._outside.code_fails(step, key)

    def patched(self, step: Patched) -> bool:
        return self._outside.patched(step)

    def begins(self, step: Run, name: str, key: str) -> Reply:
        self._passed(name, "scheduled")
        self._outside.begun(step, name)
        return {"run": self.run.name, "step": name, "execution": self._take({"count": f"{self.run.name}/{key}"})}

    def body(self, step: Run, name: str, key: str, execution: int) -> Reply:
        down = bool(self._take({"down": self._bodies.body(step).lane}))
        planned = plan(self._scenario, self._bodies, self.run, step, name, key, execution, down=down)
        return {
            **planned.words,
            "found": result_of(step, name, planned.found),
            "values": result_of(step, name, planned.outcome) if planned.outcome.ok else {},
        }

    def posting(self, name: str, key: str) -> None:
        for moment in ("scheduled", "started", "before-effect"):
            self._passed(name, moment)

    def posted(self, name: str, key: str) -> None:
        for moment in ("after-effect", "reported"):
            self._passed(name, moment)
