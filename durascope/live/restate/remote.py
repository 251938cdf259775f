"""Handlers of a service in another language: their code runs here, and asks the service to do what it needs.

The scenario's language is interpreted once, by `Context`. A service begins the code of an attempt, is told which
commands its own SDK is to issue and what to wait for, and says what has completed.

    service ── begin ──▶ RemoteServices      service ◀── commands, then: wait · pause ── RemoteContext ◀── Program
            ── what has completed ─────────────────────▶
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, cast

import restate

from durascope.live.body import result_of
from durascope.live.plan import plan
from durascope.live.restate.context import Context, Durable
from durascope.live.restate.handlers import Handlers
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Run
from durascope.models.targets import Target
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.program.loop import Coroutine
from durascope.simulators.program.sdk import TIMED_OUT
from durascope.simulators.services import Services

Message = Mapping[str, Any]
_MS: Final = 1_000


class RemoteServices:
    """All services of another language, and the attempts that they have begun."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        watched: frozenset[tuple[str, str]],
        code_of: Callable[[str], Mapping[str, Workflow]],
        take: Callable[[dict[str, object]], Any],
    ) -> None:
        self.code_of = code_of
        """The workflows' code that a process has now."""
        self.take = take
        """What the ledger does with a message of a service."""
        self._scenario = scenario
        self._seed = seed
        self._watched = watched
        self._processes: dict[str, RemoteService] = {}
        self._bodies = Services(World(seed, full=False), scenario)
        self._attempts: list[RemoteAttempt] = []

    def answer(self, message: Message) -> object:
        """What a service asks of an attempt's code."""
        if message["do"] == "begin":
            return self._begin(message)
        return self._attempts[message["attempt"]].go_on(message)

    def _begin(self, message: Message) -> object:
        process, at = str(message["process"]), message["target"]
        service = self._service(process)
        target = service.target(at["workflow"], at["kind"], at["name"])
        restarted = self.take({"ask": "name", "invocation": message["invocation"]})
        run = service.run_of(message["request"], restarted)
        context = RemoteContext(Commands(), service, target, run)
        coroutine = service.coroutine(context, target, self.code_of(process)[target.workflow], run)
        attempt = RemoteAttempt(context, coroutine)
        self._attempts.append(attempt)
        return {"attempt": len(self._attempts) - 1, **attempt.go_on(None)}

    def _service(self, process: str) -> RemoteService:
        if process not in self._processes:
            self._processes[process] = RemoteService(self._scenario, self._seed, self._watched, process, self.take)
        return self._processes[process]

    def execution(self, message: Message) -> object:
        """What the closure of a step begins as: its run, name and number, and the time that it allows itself."""
        context = self._attempts[message["attempt"]].context
        step, name, key = context.begun[message["handle"]]
        run = context.run_info.name
        waits = (name, "scheduled") in self._watched and not message.get("stored")
        number = int(self.take({"ask": "execution", "run": run, "key": key, "next": waits}))
        if not waits:
            context.executed[key] = (name, number)
        return {
            "run": run,
            "step": name,
            "execution": number,
            "limit": None if step.timeout is None else step.timeout / _MS,
            "scheduled": waits,
        }

    def body(self, message: Message) -> object:
        """How that execution goes: times in milliseconds."""
        context = self._attempts[message["attempt"]].context
        step, name, key = context.begun[message["handle"]]
        number = int(message["execution"])
        down = bool(self.take({"down": self._bodies.body(step).lane}))
        planned = plan(self._scenario, self._bodies, context.run_info, step, name, key, number, down=down)
        return {
            **planned.words,
            "found": result_of(step, name, planned.found),
            "values": result_of(step, name, planned.outcome) if planned.outcome.ok else {},
        }


class RemoteService(Handlers):
    """One process that serves the handlers, as their code sees it."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        watched: frozenset[tuple[str, str]],
        process: str,
        take: Callable[[dict[str, object]], Any],
    ) -> None:
        super().__init__(scenario, seed, watched)
        self.take = take
        self.process = process

    async def ask(self, question: str, **fields: object) -> Any:
        return self.ask_now(question, **fields)

    def ask_now(self, question: str, **fields: object) -> Any:
        return self.take({"ask": question, "process": self.process, **fields})

    async def passed(self, run: str, step: str, execution: int, moment: str) -> None:
        self.take({"run": run, "step": step, "attempt": execution, "moment": moment, "process": self.process})


class RemoteAttempt:
    """One attempt; goes on with each answer of the service."""

    def __init__(self, context: RemoteContext, coroutine: Coroutine) -> None:
        self.context = context
        self._driving = cast("Generator[object, Any, Any]", context.drive(coroutine))

    def go_on(self, message: Message | None) -> dict[str, object]:
        """The commands that the service is to issue, and what it is to do then, or how the attempt has ended."""
        commands = self.context.context
        for completed in message["completed"] if message is not None else ():
            commands.futures[completed["handle"]].outcome = completed
        try:
            then = self._driving.send(message)
        except StopIteration as end:
            return {"commands": commands.take(), "ended": {"how": "returned", "value": end.value}}
        except restate.TerminalError as failure:
            ended = {"how": "failed", "message": failure.message, "code": failure.status_code}
            return {"commands": commands.take(), "ended": ended}
        except RuntimeError as bug:
            return {"commands": commands.take(), "ended": {"how": "bug", "message": str(bug)}}
        return {"commands": commands.take(), "then": then}


class RemoteFuture:
    """Something that the service's SDK waits for."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.outcome: Message | None = None

    def is_completed(self) -> bool:
        return self.outcome is not None

    def __await__(self) -> Generator[Any, Any, Any]:
        assert self.outcome is not None
        failure = self.outcome.get("failure")
        if failure is not None:
            raise restate.TerminalError(failure["message"], failure["code"])
        return TIMED_OUT if self.outcome.get("timedOut") else self.outcome.get("value")
        yield


class Commands:
    """Stands for the SDK's context: what is called on it is a command to the service's."""

    def __init__(self) -> None:
        self.futures: list[RemoteFuture] = []
        self._commands: list[dict[str, object]] = []

    def take(self) -> list[dict[str, object]]:
        taken, self._commands = self._commands, []
        return taken

    def do(self, what: str, **fields: object) -> None:
        self._commands.append({"do": what, **fields})

    def future(self, what: str, **fields: object) -> RemoteFuture:
        future = RemoteFuture(len(self.futures))
        self.futures.append(future)
        self.do(what, handle=future.number, **fields)
        return future

    def sleep(self, duration: timedelta, name: str | None) -> RemoteFuture:
        return self.future("sleep", ms=_ms(duration), name=name)

    def signal(self, name: str) -> RemoteFuture:
        return self.future("signal", name=name)

    def promise(self, name: str) -> RemotePromise:
        return RemotePromise(self, name)

    def generic_call(self, service: str, handler: str, request: bytes, key: str | None) -> RemoteFuture:
        return self.future("call", service=service, handler=handler, request=json.loads(request), key=key)

    def generic_send(
        self, service: str, handler: str, request: bytes, key: str | None, *, send_delay: timedelta | None
    ) -> RemoteSend:
        future = self.future(
            "send", service=service, handler=handler, request=json.loads(request), key=key,
            delay=0 if send_delay is None else _ms(send_delay),
        )  # fmt: skip
        return RemoteSend(future)

    def resolve_signal(self, invocation: str, name: str, payload: object) -> None:
        self.do("resolve-signal", invocation=invocation, name=name, payload=payload)

    def resolve_awakeable(self, awakeable: str, payload: object) -> None:
        self.do("resolve-awakeable", id=awakeable, payload=payload)

    def get(self, name: str) -> RemoteFuture:
        return self.future("get", name=name)

    def state_keys(self) -> RemoteFuture:
        return self.future("state-keys")

    def set(self, name: str, value: object) -> None:
        self.do("set", name=name, value=value)

    def clear(self, name: str) -> None:
        self.do("clear", name=name)

    def clear_all(self) -> None:
        self.do("clear-all")


class RemotePromise:
    """A workflow's durable promise."""

    def __init__(self, commands: Commands, name: str) -> None:
        self._commands = commands
        self._name = name

    def value(self) -> RemoteFuture:
        return self._commands.future("promise", name=self._name)

    def peek(self) -> RemoteFuture:
        return self._commands.future("peek-promise", name=self._name)

    def resolve(self, payload: object) -> RemoteFuture:
        return self._commands.future("resolve-promise", name=self._name, payload=payload)


class RemoteSend:
    """What has been sent."""

    def __init__(self, invocation: RemoteFuture) -> None:
        self.invocation = invocation
        """Its id, once it has been accepted."""


class _Turn:
    """Ends a turn: the service does that, and answers."""

    def __init__(self, then: object) -> None:
        self._then = then

    def __await__(self) -> Generator[object, Message, Message]:
        message = yield self._then
        if message.get("cancelled"):
            raise restate.TerminalError("cancelled", 409)
        return message


class RemoteContext(Context):
    """The code runs here, its commands and closures in the service."""

    fails_at_once = True

    def __init__(self, context: Commands, app: RemoteService, target: Target, run: RunInfo) -> None:
        super().__init__(context, app, target, run)
        self.begun: dict[int, tuple[Run, str, str]] = {}
        """The steps whose closures the service may execute, by handle."""

    async def poll(self, futures: Sequence[Durable], *, together: bool) -> None:
        numbers = [cast("RemoteFuture", each).number for each in futures]
        await _Turn({"wait": numbers, "together": together})

    async def pause(self, us: int) -> None:
        await _Turn({"pause": us / _MS})

    def begin(self, step: Run, name: str, key: str) -> Durable:
        future = self.context.future("run", name=name, options=_options(step))
        self.begun[future.number] = (step, name, key)
        return future

    def within(self, future: Durable, duration: int, name: str) -> Coroutine:
        of = cast("RemoteFuture", future).number
        either = self.context.future("or-timeout", of=of, ms=duration // _MS)
        return (yield from self.value(either, name))

    def confirmed(self, handle: Any) -> Coroutine:
        return (yield from self.value(handle.invocation))

    def make(self, event: str) -> Durable:
        return self.context.future("awakeable", event=event, run=self.run_info.name)

    def mark(self, event: str) -> None:
        self.context.do("mark", event=event, number=self.run_info.number)


def _options(step: Run) -> dict[str, object]:
    """The step's own retry policy, as the SDK's options."""
    options: dict[str, object] = {}
    if step.total_timeout is not None:
        options["maxRetryDuration"] = step.total_timeout // _MS
    retry = step.retry
    if retry is not None:
        options |= {
            "maxRetryAttempts": retry.max_attempts,
            "initialRetryInterval": None if retry.initial is None else retry.initial // _MS,
            "maxRetryInterval": None if retry.max_interval is None else retry.max_interval // _MS,
            "retryIntervalFactor": retry.factor,
        }
    return {name: value for name, value in options.items() if value is not None}


def _ms(duration: timedelta) -> int:
    """Whole milliseconds: the SDK takes no other."""
    return duration // timedelta(milliseconds=1)
