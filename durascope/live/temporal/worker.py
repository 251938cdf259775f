"""A worker process: `python -m durascope.live.temporal.worker SETTINGS`.

It waits for the file SETTINGS, so that it can be started before anybody knows what it is to be (a spare, whose start
takes no time then), polls until SIGTERM, and stops with a grace period of 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from durascope.live.ledger import ask_now
from durascope.live.processes import HOST
from durascope.live.temporal.activities import HEARTBEATS_S, Activities
from durascope.live.temporal.settings import WorkerSettings, unpacked
from durascope.live.temporal.starting import StartOrder, start
from durascope.live.temporal.workflow import ScenarioWorkflow, serve
from durascope.models.units import SECOND


class Ledgered:
    """Passes what workflow code reports on to the ledger; the code waits for the answer."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings

    def _ask(self, **message: object) -> object:
        return ask_now(self.settings.ledger, message)

    def replayed(self, run: str, step: str) -> None:
        self._ask(ask="replayed", process=self.settings.incarnation, step=step)

    def waits(self, run: str) -> None:
        self._ask(ask="waits", run=run)

    def computes(self, run: str, step: str, us: int) -> None:
        attempt = int(str(self._ask(count=f"{run}/{step}")))
        self._ask(run=run, step=step, attempt=attempt, moment="started", process=self.settings.process)
        time.sleep(us / SECOND)

    def bug_shown(self, run: str, key: str) -> int:
        return int(str(self._ask(count=f"{run}/{key}")))


RECONNECT_S: Final = 0.05
"""Seconds between two tries to reach a server that is down while the worker starts."""


async def connected(settings: WorkerSettings) -> Client:
    """A client, as soon as there is a server: a worker that starts before it is started again until it comes."""
    while True:
        try:
            return await Client.connect(settings.target, identity=settings.process)
        except RuntimeError:
            await asyncio.sleep(RECONNECT_S)


async def serve_until_told(settings: WorkerSettings) -> None:
    """Polls until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connected(settings)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(worker(client, settings))
        if settings.control:
            server = await asyncio.start_server(lambda r, w: _take_start(client, r, w), HOST, settings.control)
            await stack.enter_async_context(server)
        await asyncio.sleep(0.02)
        Path(settings.ready).touch()
        await stop.wait()


def worker(client: Client, settings: WorkerSettings) -> Worker:
    """The SDK's worker of this process."""
    scenario = unpacked(settings.scenario)
    serve(scenario, Ledgered(settings), settings.seed)
    deployment = scenario.deployments.temporal
    common: dict[str, Any] = {
        "identity": settings.process,
        "workflow_runner": UnsandboxedWorkflowRunner(),
        "workflow_task_executor": ThreadPoolExecutor(settings.slots),
        "max_cached_workflows": settings.cache,
        "max_concurrent_workflow_tasks": settings.slots,
        "max_concurrent_activities": settings.slots,
        "max_concurrent_local_activities": settings.slots,
        "sticky_queue_schedule_to_start_timeout": timedelta(seconds=deployment.sticky_timeout / SECOND),
        "max_heartbeat_throttle_interval": timedelta(seconds=HEARTBEATS_S),
        "default_heartbeat_throttle_interval": timedelta(seconds=HEARTBEATS_S),
        "disable_eager_activity_execution": not settings.eager,
        "graceful_shutdown_timeout": timedelta(0),
    }
    return Worker(
        client,
        task_queue=settings.queue,
        workflows=[ScenarioWorkflow] if settings.runs != "activities" else [],
        activities=[Activities(settings).step],
        no_remote_activities=settings.runs == "workflows",
        **common,
    )


async def _take_start(client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An eager start has to come from the process that runs the workflow; None answers one that was refused."""
    asked = StartOrder(**json.loads(await reader.readline()))
    try:
        run_id = (await start(client, asked)).result_run_id
    except WorkflowAlreadyStartedError:
        run_id = None
    writer.write(json.dumps(run_id).encode() + b"\n")
    await writer.drain()
    writer.close()


async def main(path: Path) -> None:
    parent = os.getppid()
    while not path.exists():
        if os.getppid() != parent:  # nobody is left who could tell it anything
            return
        await asyncio.sleep(0.005)
    await serve_until_told(WorkerSettings.read(path))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
