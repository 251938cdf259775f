"""The function host of a scenario: `python -m durascope.live.inngest.app SETTING`.

SETTING is a file with the scenario and where everything is. The code of the workflows is read anew for every request,
so that it can be replaced under a running process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import inngest

from durascope.live.body import Bodies
from durascope.live.inngest.functions import client, let_go, served
from durascope.live.inngest.recorder import IDENTITY
from durascope.live.inngest.serving import Asgi, serve_until
from durascope.live.inngest.steps import App, call
from durascope.live.ledger import ask, ask_now
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Bug, Call, Compute, Fail, Patched, Run, Send, Start, WaitFor
from durascope.models.units import SECOND
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.functions import register
from durascope.simulators.inngest.undo import UndoLog
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

GO: Final = "DURASCOPE_GO"
"""The variable of the environment with the file that lets the app serve: in it, from when on the monotonic clock."""
_GLANCE: Final = 0.005
"""Seconds between two looks for that file."""
BINDS: Final = 0.02
"""Seconds that it takes from there until it listens."""


@dataclass(frozen=True, slots=True)
class Code:
    """What is deployed."""

    workflows: Mapping[str, Workflow]
    since: Mapping[str, int]
    """When each workflow's code was deployed, in milliseconds since 1970; not in it: before everything."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a function host is told."""

    scenario: Scenario
    code: Path
    """The file with the `Code`."""
    seed: int
    port: int
    origin: str
    """Where the server is to reach it."""
    server: str
    """Where it is to reach the server."""
    signing_key: str | None
    ledger: int
    process: str

    def write(self, file: Path) -> None:
        file.write_bytes(pickle.dumps(self))


class Service:
    """One process that serves the functions of a scenario."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.functions = register(setting.scenario)
        self.world = World(setting.seed, full=False)
        """Only for its random draws."""
        self.bodies = Bodies(setting.scenario, setting.seed, setting.ledger, setting.process)

    async def ask(self, question: str, **fields: object) -> Any:
        return await ask(self.setting.ledger, {"ask": question, "process": self.setting.process, **fields})

    def count(self, name: str) -> int:
        return int(str(ask_now(self.setting.ledger, {"count": name})))

    def code(self) -> Code:
        return pickle.loads(self.setting.code.read_bytes())

    async def handle(self, name: str, context: inngest.Context) -> Any:
        """Runs a function's code for one request."""
        told = await self.ask("run", id=context.run_id)
        run = RunInfo(told["name"], told["workflow"], told["number"], told["key"], told["input"], told["luck"])
        function, code = self.functions[name], self.code()
        workflow = code.workflows[function.workflow]
        if function.kind == "on-failure":
            workflow = Workflow(steps=workflow.on_failure)
        elif function.kind == "on-cancel":
            steps = await self.ask("undo", run=run.input.get("run_id"))
            workflow = Workflow(steps=tuple(Run.model_validate(each) for each in steps))
        return await call(context, Request(self, run, code, context), workflow, run)

    async def serve(self) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        of = client(self.setting.server, self.setting.signing_key)
        app = Asgi(of, served(of, self.functions, self.handle), origin=self.setting.origin)
        await _go(Path(os.environ[GO]), stop)
        await serve_until(app, self.setting.port, stop)
        await let_go(of)


async def _go(file: Path, stop: asyncio.Event) -> None:
    """Waits until the app may serve: a process that has loaded everything waits for its turn."""
    while not file.exists() and not stop.is_set():
        await asyncio.sleep(_GLANCE)
    if file.exists():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.0, float(file.read_text("utf-8")) - time.monotonic()))


class Request(App):
    """What the code of one request knows."""

    def __init__(self, service: Service, run: RunInfo, code: Code, context: inngest.Context) -> None:
        self.service = service
        self.run = run
        self.code = code
        self.context = context

    async def _passed(self, step: str, moment: str) -> None:
        await self.service.ask("moment", number=self.run.number, step=step, moment=moment)

    async def execute(self, step: Run, name: str, key: str) -> Outcome:
        await self._passed(name, "scheduled")
        if step.undo is not None:
            log = UndoLog(self.service.setting.scenario)
            log.begun(self.run, step, name)
            for undo in log.steps(self.run.name):
                told = undo.model_dump(mode="json", by_alias=True, exclude_defaults=True)
                await self.service.ask("begun", run=self.run.name, step=name, undo=told)
        return await self.service.bodies.execute(self.run, step, name, key)

    def compute_time(self, step: Compute, key: str) -> int:
        return self.service.world.scenario_luck.sample(step.compute, "compute", self.run.luck, key)

    async def compute(self, step: Compute, name: str, us: int) -> None:
        """Whoever waits for the point in the code is told of it; the process is busy in between."""
        await self._passed(name, "started")
        await asyncio.sleep(us / SECOND)

    async def sending(self, name: str) -> None:
        for moment in ("scheduled", "started", "before-effect"):
            await self._passed(name, moment)

    async def sent(self, name: str) -> None:
        for moment in ("after-effect", "reported"):
            await self._passed(name, moment)

    def event(self, step: Send | Start, key: str) -> inngest.Event:
        functions = self.service.functions
        data: dict[str, Any] = dict(self.run.input)
        if isinstance(step, Start):
            name = functions[step.start].event
            data |= self._keyed(step.start, step.key)
        else:
            name = step.send
            data |= self._addressed(step.to)
        ts = 0 if not step.after else round(time.time() * 1_000 + step.after / 1_000)
        identity = {"number": self.run.number, "luck": f"{self.run.luck}/{key}", "sender": self.run.name}
        return inngest.Event(name=name, data={**data, IDENTITY: identity}, ts=ts)

    def _addressed(self, to: str | int | None) -> dict[str, Any]:
        if to is None:
            return {}
        if isinstance(to, int):
            found = ask_now(self.service.setting.ledger, {"ask": "input", "run": f"run {to}"})
            return dict(found) if isinstance(found, dict) else {}
        workflows = self.service.setting.scenario.workflows.values()
        return {workflow.key: to for workflow in workflows if workflow.key is not None}

    def _keyed(self, function: str, key: object) -> dict[str, Any]:
        field = self.service.functions[function].key
        return {} if key is None or field is None else {field: str(self.run.input.get(str(key), key))}

    def payload(self, step: Call, key: str) -> Mapping[str, Any]:
        identity = {"number": self.run.number, "luck": f"{self.run.luck}/{key}"}
        return {**self.run.input, **self._keyed(step.call, step.key), IDENTITY: identity}

    def match_field(self, step: WaitFor) -> str | None:
        return step.match or self.service.functions[self.run.workflow].key

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        times = step.times if isinstance(step, Fail) else None
        return times is None or self.service.count(f"bug/{self.run.name}/{key}") <= times

    def patched(self, step: Patched) -> bool:
        function = self.service.functions[self.run.workflow]
        return self.context.event.ts >= self.code.since.get(function.workflow, 0)


def main() -> None:
    setting: Setting = pickle.loads(Path(sys.argv[1]).read_bytes())
    asyncio.run(Service(setting).serve())


if __name__ == "__main__":
    main()
