"""A service endpoint of a scenario: `python -m durascope.live.restate.service SETTING`.

SETTING is a file with the scenario and where everything is (`Setting`). The code of the workflows is read anew for
every attempt, so that code can be replaced under a running process. With `--when FILE` the process gets ready, and
serves from when that file is there: a restart that takes no time.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config
from restate.server_context import ServerInvocationContext

from durascope.live.body import Bodies
from durascope.live.ledger import ask
from durascope.live.processes import HOST
from durascope.live.restate.attempts import watched
from durascope.live.restate.context import App, Context
from durascope.models.scenario import RestateDeployment, RestateRetry, Scenario, Workflow
from durascope.models.steps import Compute, Get, WaitFor
from durascope.models.targets import Kind, Target, Targets
from durascope.models.units import SECOND
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.program import Coroutine, Program, WorkflowFailure
from durascope.simulators.workload import run_info

HELPER: Final = "Helper"
"""The service that sends named signals: only handlers can."""
SEND_SIGNAL: Final = "send_signal"
READY: Final = "ready"
"""Its handler that only answers."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a service endpoint is told."""

    scenario: Scenario
    code: Path
    """The file with the workflows' code."""
    seed: int
    port: int
    ledger: int
    process: str
    watched: frozenset[tuple[str, str]]

    def write(self, file: Path) -> None:
        file.write_bytes(pickle.dumps(self))


class Service(App):
    """One process that serves the handlers of a scenario."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.scenario = setting.scenario
        self.targets = Targets(setting.scenario)
        self.world = World(setting.seed, full=False)
        self.bodies = Bodies(setting.scenario, setting.seed, setting.ledger, setting.process)
        self.watched = setting.watched
        started_by = [name for name, workflow in self.scenario.workflows.items() if workflow.started_by is not None]
        self.outer = frozenset((*self.scenario.started, *started_by))
        """The workflows that are started from outside: those have the deployment's inactivity timeout."""
        self.signals = setting.scenario.deployments.restate.service.wait_for == "signal"

    # ---- for the context -------------------------------------------------------------------------------------

    async def ask(self, question: str, **fields: object) -> Any:
        return await ask(self.setting.ledger, {"ask": question, "process": self.setting.process, **fields})

    def ask_now(self, question: str, **fields: object) -> Any:
        with socket.create_connection((HOST, self.setting.ledger)) as connection:
            connection.sendall(json.dumps({"ask": question, **fields}).encode() + b"\n")
            return json.loads(connection.makefile("rb").readline())

    def starters(self, event: str) -> Iterator[str]:
        return starters(self.scenario, event)

    def target(self, workflow: str, kind: Kind, name: str) -> Target:
        return self.targets.of(workflow, kind, name)

    def child(self, caller: RunInfo, number: int, workflow: str, key: object, luck: str) -> tuple[Target, RunInfo]:
        name = f"{caller.name}.{number}"
        entity = None if key is None else str(caller.input.get(str(key), key))
        run = run_info(self.world, self.scenario, workflow, name, caller.number, key=entity, given=caller.input)
        if entity is not None and run.key is None:
            run = replace(run, key=entity)
        target = self.targets.of(workflow)
        if run.key is None and target.service_kind == "workflow":
            run = replace(run, key=name)
        return target, replace(run, luck=f"{caller.luck}/{luck}")

    # ---- handlers --------------------------------------------------------------------------------------------

    async def handle(self, target: Target, context: ServerInvocationContext, request: Mapping[str, Any]) -> Any:
        """Runs one attempt of one handler."""
        name = await self.ask("name", invocation=context.request().id)
        run = RunInfo(
            name or request["run"],
            request["workflow"],
            request["number"],
            request["key"],
            request["input"],
            name or request["luck"],
        )
        workflow = self._code()[target.workflow]
        sdk = Context(context, self, target, run)
        return await sdk.drive(self._coroutine(sdk, target, workflow, run))

    def _code(self) -> Mapping[str, Workflow]:
        return pickle.loads(self.setting.code.read_bytes())

    def _coroutine(self, sdk: Context, target: Target, workflow: Workflow, run: RunInfo) -> Coroutine:
        program = Program(workflow, run, sdk, compute_time=lambda step, key: self._compute_time(run, step, key))
        match target.kind:
            case "run":
                return program.main()
            case "complete-promise":
                return sdk.complete_promise(target.name, dict(run.input))
            case "query":
                waits = (step.wait_for for step in workflow.walk() if isinstance(step, WaitFor))
                if target.service_kind == "workflow" and target.name in waits:
                    return sdk.peek_promise(target.name)
                return sdk.state(Get(get=target.name))
            case "update":
                return self._update(program, workflow, target.name, run)

    def _update(self, program: Program, workflow: Workflow, name: str, run: RunInfo) -> Coroutine:
        update = workflow.updates[name]
        if update.rejects is not None and update.rejects.holds(run.input):
            raise WorkflowFailure(f"{name} is rejected", code=400)
        return (yield from program.block(update.steps))

    def _compute_time(self, run: RunInfo, step: Compute, key: str) -> int:
        return self.world.outside.sample(step.compute, "compute", run.luck, key)

    # ---- the endpoint ----------------------------------------------------------------------------------------

    def app(self) -> Any:
        """The ASGI application, with its attempts watched."""
        deployment = self.scenario.deployments.restate
        services: dict[str, Any] = {}
        for target in self.targets:
            if target.service not in services:
                services[target.service] = _service(target, deployment)
            self._bind(services[target.service], target)
        services[HELPER] = _helper()
        mode = "request_response" if deployment.service.mode == "request-response" else "bidi"

        async def tell(question: str, **fields: object) -> None:
            await self.ask(question, **fields)

        return watched(restate.app(services.values(), mode), tell, deployment.abort_timeout / SECOND)

    def _bind(self, service: Any, target: Target) -> None:
        async def handler(ctx: Any, request: dict[str, Any]) -> Any:
            return await self.handle(target, cast("ServerInvocationContext", ctx), request)

        timeout = self.scenario.deployments.restate.inactivity_timeout
        options = {"inactivity_timeout": timedelta(microseconds=timeout)} if target.workflow in self.outer else {}
        if timeout == RestateDeployment().inactivity_timeout:
            options.clear()
        if target.service_kind == "workflow" and target.kind == "run":
            service.main(target.handler, **options)(handler)
        elif target.service_kind == "object":
            kind = "shared" if target.kind == "query" else "exclusive"
            service.handler(target.handler, kind=kind, **options)(handler)
        else:
            service.handler(target.handler, **options)(handler)


def _helper() -> restate.Service:
    """Beside the scenario's own: sends named signals, which only handlers can, and says that all is ready."""
    service = restate.Service(HELPER)

    async def send_signal(ctx: Any, request: dict[str, Any]) -> None:
        ctx.resolve_signal(request["invocation"], request["signal"], request["payload"])

    async def ready(_ctx: Any, _request: dict[str, Any]) -> None:
        return None

    service.handler(SEND_SIGNAL)(send_signal)
    service.handler(READY)(ready)
    return service


def starters(scenario: Scenario, event: str) -> Iterator[str]:
    """The workflows that an event starts."""
    for name, workflow in scenario.workflows.items():
        started_by = workflow.started_by
        if started_by is not None and started_by.event == event and started_by.of is None:
            yield name


def _service(target: Target, deployment: RestateDeployment) -> Any:
    service = deployment.service
    options: dict[str, Any] = {
        name: timedelta(microseconds=getattr(service, name))
        for name in ("idempotency_retention", "journal_retention")
        if name in service.model_fields_set
    }
    if deployment.abort_timeout != RestateDeployment().abort_timeout:
        options["abort_timeout"] = timedelta(microseconds=deployment.abort_timeout)
    if deployment.retry != RestateRetry():
        options["invocation_retry_policy"] = restate.InvocationRetryPolicy(
            initial_interval=timedelta(microseconds=deployment.retry.initial),
            exponentiation_factor=deployment.retry.factor,
            max_interval=timedelta(microseconds=deployment.retry.max_interval),
            max_attempts=deployment.retry.max_attempts,
            on_max_attempts=deployment.retry.then,
        )
    if target.service_kind == "service":
        return restate.Service(target.service, **options)
    if deployment.service.lazy_state:
        options["enable_lazy_state"] = True
    kind = restate.VirtualObject if target.service_kind == "object" else restate.Workflow
    return kind(target.service, **options)


# ---- the process ---------------------------------------------------------------------------------------------


def listening(port: int) -> socket.socket:
    """A socket that shares its port with the other replicas behind one address."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((HOST, port))
    listener.listen(100)
    return listener


def main(setting_file: str, when: str | None = None) -> None:
    setting: Setting = pickle.loads(Path(setting_file).read_bytes())
    app = Service(setting).app()
    if when is not None:
        Path(f"{when}.ready").touch()
    parent = os.getppid()
    while when is not None and not Path(when).exists():
        if os.getppid() != parent:
            return
        time.sleep(0.003)
    config = Config()
    config.bind = [f"fd://{listening(setting.port).detach()}"]
    run: Callable[..., Awaitable[None]] = serve
    asyncio.run(cast("Any", run(app, config)))


if __name__ == "__main__":
    main(*sys.argv[1:])
