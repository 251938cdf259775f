"""A service endpoint of a scenario: `python -m durascope.live.restate.service SETTING`.

SETTING is a file with the scenario and where everything is (`Setting`). The code of the workflows is read anew for
every attempt, so that code can be replaced under a running process. With a second argument, FILE, the process gets
ready, says so by making FILE.ready, and serves from when FILE is there: a restart that takes no time.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config
from restate.server_context import ServerInvocationContext

from durascope.live.body import Bodies
from durascope.live.ledger import ask
from durascope.live.processes import HOST
from durascope.live.restate.attempts import watched
from durascope.live.restate.handlers import CONTROL, READY, SEND_SIGNAL, Handlers, started_from_outside
from durascope.live.restate.python import PythonContext
from durascope.models.scenario import RestateDeployment, RestateRetry, Scenario, Workflow
from durascope.models.targets import Target
from durascope.models.units import SECOND


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a service endpoint."""

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


class Service(Handlers):
    """One process that serves the handlers of a scenario."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting.scenario, setting.seed, setting.watched)
        self.setting = setting
        self.bodies = Bodies(setting.scenario, setting.seed, setting.ledger, setting.process)

    # ---- for the context -------------------------------------------------------------------------------------

    async def ask(self, question: str, **fields: object) -> Any:
        return await ask(self.setting.ledger, {"ask": question, "process": self.setting.process, **fields})

    def ask_now(self, question: str, **fields: object) -> Any:
        with socket.create_connection((HOST, self.setting.ledger)) as connection:
            connection.sendall(json.dumps({"ask": question, **fields}).encode() + b"\n")
            return json.loads(connection.makefile("rb").readline())

    async def passed(self, run: str, step: str, execution: int, moment: str) -> None:
        await self.bodies.pass_moment(run, step, execution, moment)

    # ---- handlers --------------------------------------------------------------------------------------------

    async def handle(self, target: Target, context: ServerInvocationContext, request: Mapping[str, Any]) -> Any:
        """Runs one attempt of one handler."""
        name = await self.ask("name", invocation=context.request().id)
        run = self.run_of(request, name)
        sdk = PythonContext(context, self, self.bodies, target, run)
        return await sdk.drive(self.coroutine(sdk, target, self._code()[target.workflow], run))

    def _code(self) -> Mapping[str, Workflow]:
        return pickle.loads(self.setting.code.read_bytes())

    # ---- the endpoint ----------------------------------------------------------------------------------------

    def app(self) -> Any:
        """The ASGI application, with its attempts watched."""
        deployment = self.scenario.deployments.restate
        services: dict[str, Any] = {}
        for target in self.targets:
            if target.service not in services:
                services[target.service] = _service(target, deployment)
            self._bind(services[target.service], target)
        services[CONTROL] = _control()
        mode = "request_response" if deployment.service.mode == "request-response" else "bidi"

        async def tell(question: str, **fields: object) -> None:
            await self.ask(question, **fields)

        longest = deployment.service.longest_request
        limit = None if longest is None else longest / SECOND
        return watched(restate.app(services.values(), mode), tell, deployment.abort_timeout / SECOND, limit)

    def _bind(self, service: Any, target: Target) -> None:
        async def handler(ctx: Any, request: dict[str, Any]) -> Any:
            return await self.handle(target, cast("ServerInvocationContext", ctx), request)

        outer = started_from_outside(self.scenario)
        timeout = self.scenario.deployments.restate.inactivity_timeout
        options = {"inactivity_timeout": timedelta(microseconds=timeout)} if target.workflow in outer else {}
        if timeout == RestateDeployment().inactivity_timeout:
            options.clear()
        if target.service_kind == "workflow" and target.kind == "run":
            service.main(target.handler, **options)(handler)
        elif target.service_kind == "object":
            kind = "shared" if target.kind == "query" else "exclusive"
            service.handler(target.handler, kind=kind, **options)(handler)
        else:
            service.handler(target.handler, **options)(handler)


def _control() -> restate.Service:
    """Beside the scenario's own: sends named signals, which only handlers can, and says that all is ready."""
    service = restate.Service(CONTROL)

    async def send_signal(ctx: Any, request: dict[str, Any]) -> None:
        ctx.resolve_signal(request["invocation"], request["signal"], request["payload"])

    async def ready(_ctx: Any, _request: dict[str, Any]) -> None:
        return None

    service.handler(SEND_SIGNAL)(send_signal)
    service.handler(READY)(ready)
    return service


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
