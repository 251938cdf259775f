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
from functools import partial
from pathlib import Path
from typing import Any, Final

import inngest

from durascope.live.body import Bodies
from durascope.live.inngest.functions import client, let_go, served
from durascope.live.inngest.outside import Outside, code_of
from durascope.live.inngest.serving import Asgi, serve_until
from durascope.live.inngest.steps import App, call
from durascope.live.ledger import ask, ask_now
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Bug, Call, Compute, Fail, Patched, Run, Send, Start, WaitFor
from durascope.models.units import SECOND
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.functions import register
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

GO: Final = "DURASCOPE_GO"
"""The variable of the environment with the file that lets the app serve: in it, from when on the monotonic clock."""
_GLANCE_S: Final = 0.005
"""Seconds between two looks for that file."""
BINDS_S: Final = 0.02
"""Time from then until it listens, in seconds."""


@dataclass(frozen=True, slots=True)
class Code:
    """What is deployed."""

    workflows: Mapping[str, Workflow]
    since: Mapping[str, int]
    """When each workflow's code was deployed, in milliseconds since 1970; not in it: before everything."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a function host."""

    scenario: Scenario
    code: Path
    """The file with the `Code`."""
    seed: int
    port: int
    origin: str
    """The address at which the server reaches it."""
    server: str
    """The address at which it reaches the server."""
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

    def code(self) -> Code:
        return pickle.loads(self.setting.code.read_bytes())

    async def handle(self, name: str, context: inngest.Context) -> Any:
        """Runs a function's code for one request."""
        told = await self.ask("run", id=context.run_id)
        run = RunInfo.from_plain(told)
        code, ask = self.code(), partial(ask_now, self.setting.ledger)
        workflow = code_of(
            self.functions[name], code.workflows, lambda: ask({"ask": "undo", "run": run.input.get("run_id")})
        )
        outside = Outside(
            self.setting.scenario, self.functions, run, ask,
            world=self.world, created_at=context.event.ts, since=code.since,
        )  # fmt: skip
        return await call(context, Request(self, run, outside), workflow, run)

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
        await asyncio.sleep(_GLANCE_S)
    if file.exists():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.0, float(file.read_text("utf-8")) - time.monotonic()))


class Request(App):
    """The outside of the code of one request."""

    def __init__(self, service: Service, run: RunInfo, outside: Outside) -> None:
        self.service = service
        self.run = run
        self.outside = outside

    async def _passed(self, step: str, moment: str) -> None:
        await self.service.ask("moment", number=self.run.number, step=step, moment=moment)

    async def execute(self, step: Run, name: str, key: str) -> Outcome:
        await self._passed(name, "scheduled")
        self.outside.begun(step, name)
        return await self.service.bodies.execute(self.run, step, name, key)

    def compute_time(self, step: Compute, key: str) -> int:
        return self.outside.compute_time(step, key)

    async def compute(self, step: Compute, name: str, us: int) -> None:
        """Whoever waits for the point in the code is told of it; the process is busy in between."""
        await self._passed(name, "started")
        await asyncio.sleep(us / SECOND)

    def computed(self, step: Compute, key: str) -> int:
        return self.outside.computed(key)

    async def sending(self, name: str) -> None:
        for moment in ("scheduled", "started", "before-effect"):
            await self._passed(name, moment)

    async def sent(self, name: str) -> None:
        for moment in ("after-effect", "reported"):
            await self._passed(name, moment)

    def event(self, step: Send | Start, key: str) -> inngest.Event:
        name, data, due_ms = self.outside.event(step, key)
        return inngest.Event(name=name, data=data, ts=due_ms)

    def payload(self, step: Call, key: str) -> Mapping[str, Any]:
        return self.outside.payload(step, key)

    def match_field(self, step: WaitFor) -> str | None:
        return self.outside.match_field(step)

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        return self.outside.code_fails(step, key)

    def patched(self, step: Patched) -> bool:
        return self.outside.patched(step)


def main() -> None:
    setting: Setting = pickle.loads(Path(sys.argv[1]).read_bytes())
    asyncio.run(Service(setting).serve())


if __name__ == "__main__":
    main()
