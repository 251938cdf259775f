"""A process that serves a generated Python project's handlers, with the outside world that the model has.

The services answer when and as the model's do, and what steps draw at random is what the model draws. Nothing else of
the project is touched: its handlers and steps run as they were written.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import pickle
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

import httpx
import pydantic
import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config
from restate.server_context import ServerInvocationContext, current_context

from durascope.live.body import Bodies, Clock
from durascope.live.ledger import ask, count
from durascope.live.processes import HOST
from durascope.live.restate import service as own
from durascope.live.restate.attempts import watched
from durascope.models.steps import Call, Run
from durascope.models.units import SECOND
from durascope.simulators.bodies import Body, Outcome
from durascope.simulators.kernel.runs import RunInfo

USED = (httpx, pydantic)
"""What projects import: they are loaded before the process has to be ready."""
NO_OPTIONS = restate.RunOptions[Any]()
_CALL: ContextVar[OneCall] = ContextVar("call")


class World:
    """What the process knows of the outside."""

    def __init__(self, setting: own.Setting) -> None:
        self.setting = setting
        self.bodies = ProjectBodies(setting.scenario, setting.seed, setting.ledger, setting.process)
        self.workflows = pickle.loads(setting.code.read_bytes())

    async def ask(self, question: str, **fields: object) -> Any:
        return await ask(self.setting.ledger, {"ask": question, "process": self.setting.process, **fields})

    def ask_now(self, question: str, **fields: object) -> Any:
        with socket.create_connection((HOST, self.setting.ledger)) as connection:
            connection.sendall(json.dumps({"ask": question, **fields}).encode() + b"\n")
            return json.loads(connection.makefile("rb").readline())

    def step(self, workflow: str, name: str) -> Run:
        """The scenario's step of that name, undo steps included."""
        for step in self._steps(workflow):
            if re.fullmatch(re.sub(r"\\\{\w+\\\}", ".*", re.escape(step.run)), name):
                return step
        raise LookupError(name)

    def _steps(self, workflow: str) -> Iterator[Run]:
        for step in self.workflows[workflow].walk():
            if isinstance(step, Run):
                yield step
            if isinstance(step, Run | Call) and step.undo_step is not None:
                yield step.undo_step


class OneCall:
    """One execution of what a handler gives to `ctx.run`."""

    def __init__(self, world: World, name: str, key: str) -> None:
        self.world = world
        self.name = name
        self.key = key
        self.number = 0
        self.begun = False
        self.known_by: str | None = None
        """What the service is to know the effect by."""
        self.outcome: Outcome | None = None
        self.drawn: list[bool] = []

    async def begin(self, invocation: str) -> None:
        self.clock = Clock()
        given = await self.world.ask("given", invocation=invocation)
        self.run = RunInfo(**given)
        self.number = int(await self.world.ask("execution", run=self.run.name, key=self.key))
        if (self.name, "scheduled") in self.world.setting.watched:
            await asyncio.sleep(0.005)
            await self.world.bodies.pass_moment(self.run.name, self.name, self.number, "scheduled")

    async def look(self, known_by: str) -> Outcome | None:
        """The question whether the service knows the effect; returns how the step ends if so."""
        body = await self._begun()
        known_as = f"done {known_by}"
        found = await self.world.bodies.look(self.run, body, self.name, self.key, self.number, known_as, self.clock)
        return None if found is None else self._ended(found)

    async def answer(self, known_by: str | None) -> Outcome:
        """What the service does; the failures that the step makes itself come after it."""
        body, self.known_by = await self._begun(), known_by
        return self._ended(await self.world.bodies.act(self.run, body, self.name, self.key, self.number, self.clock))

    async def _begun(self) -> Body:
        if not self.begun:
            await self.world.bodies.pass_moment(self.run.name, self.name, self.number, "started")
        self.begun = True
        return self.world.bodies.services.body(self.world.step(self.run.workflow, self.name))

    def _ended(self, outcome: Outcome) -> Outcome:
        self.outcome = outcome
        self.drawn = [bool(value) for name, value in outcome.values.items() if name != "attempts"]
        return outcome

    def draw(self) -> float:
        """A random number that decides as the model did: the outcomes are drawn in the order of their names."""
        return 0.0 if self.drawn.pop(0) else 1.0


class ProjectBodies(Bodies):
    """Bodies whose effects are known by what the project's code hands on."""

    async def note_effect(self, info: RunInfo, body: Body, name: str, key: str) -> None:
        known_by = _CALL.get().known_by
        if known_by is not None:
            await count(self.port, f"done {known_by}")


def in_the_models_world(world: World) -> None:
    """Has the project's stand-ins of services, and its random numbers, do what the model does."""
    original = ServerInvocationContext.run_typed

    def run_typed(self: Any, name: str, action: Any, options: Any = NO_OPTIONS, /, *args: Any, **given: Any) -> Any:
        uses: Counter[str] = self.__dict__.setdefault("uses", Counter())
        key = f"{name}:{uses[name]}" if uses[name] else name
        uses[name] += 1

        @functools.wraps(action)
        async def acted(*args: Any, **given: Any) -> Any:
            now = OneCall(world, name, key)
            await now.begin(self.request().id)
            _CALL.set(now)
            return await action(*args, **given)

        return original(self, name, acted, options, *args, **given)

    ServerInvocationContext.run_typed = run_typed
    with_folder(world)
    if not (Path(sys.path[0]) / "app" / "services.py").exists():
        return
    services: Any = importlib.import_module("app.services")
    steps: Any = importlib.import_module("app.steps")

    async def has_done(_service: object, reference: str, **_: object) -> bool:
        found = await _CALL.get().look(reference)
        if found is not None and not found.ok:
            raise services.ServiceError("away")
        return found is not None

    async def call(self: Any, operation: str, key: str | None = None, reference: str | None = None, **_: Any) -> None:
        outcome = await _CALL.get().answer(key or reference)
        match outcome.ok, outcome.error:
            case False, "ServiceError" | "ServiceUnavailable":
                raise services.ServiceError(f"{self.title} has failed (execution {_CALL.get().number})")
            case False, "Rejected":
                raise services.Rejected(f"{self.title} refuses {operation}")
            case _:
                pass  # the step goes on, and fails by itself where the scenario says so

    services.Service.call, services.Service.has_done = call, has_done

    def attempt(_run: str, _step: str) -> int:
        return _CALL.get().number

    services.attempt = attempt
    if hasattr(steps, "random"):
        steps.random.random = lambda: _CALL.get().draw()


def with_folder(world: World) -> None:
    """Has the project's modules found, and what they publish told."""
    folder = Path(world.setting.code.with_suffix(".folder").read_text())
    sys.path.insert(0, str(folder))
    if (folder / "app" / "awaiting.py").exists():
        awaiting: Any = importlib.import_module("app.awaiting")

        def publish(_run: str, event: str, identifier: str) -> None:
            invocation = cast("Any", current_context()).request().id
            if identifier != invocation:
                world.ask_now("published", invocation=invocation, event=event, id=identifier)

        awaiting.publish = publish


def app(world: World) -> Any:
    """The project's services, and durascope's own control service, with their attempts watched."""
    deployment = world.setting.scenario.deployments.restate
    services = importlib.import_module("app.handlers").SERVICES
    mode = "request_response" if deployment.service.mode == "request-response" else "bidi"

    async def tell(question: str, **fields: object) -> None:
        await world.ask(question, **fields)

    made = restate.app([*services, own._control()], mode)  # pyright: ignore[reportPrivateUsage]
    return watched(made, tell, deployment.abort_timeout / SECOND)


def main(setting_file: str, when: str | None = None) -> None:
    setting: own.Setting = pickle.loads(Path(setting_file).read_bytes())
    if when is not None:
        Path(f"{when}.ready").touch()
    while when is not None and not Path(when).exists():
        time.sleep(0.003)
    world = World(setting)
    in_the_models_world(world)
    config = Config()
    config.bind = [f"fd://{own.listening(setting.port).detach()}"]
    run: Callable[..., Awaitable[None]] = serve
    asyncio.run(cast("Any", run(app(world), config)))


if __name__ == "__main__":
    main(*sys.argv[1:])
