"""A process of a generated Python project's worker: its own code, with the outside world that the model has.

The services answer when and as the model's do, and what activities draw at random is what the model draws. Nothing
else of the project is touched: its workers, workflows and activities run as they were written.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import signal
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Worker
from temporalio.worker import Interceptor as WorkerInterceptor

from durascope.live.ledger import ask
from durascope.live.temporal.settings import WorkerSettings

_CALL: ContextVar[OneCall] = ContextVar("call")


class OneCall:
    """One attempt of an activity."""

    def __init__(self, settings: WorkerSettings, given: Mapping[str, Any], attempt: int) -> None:
        self.ledger = settings.ledger
        self.process = settings.process
        self.given = given
        self.attempt = attempt
        self.body: Mapping[str, Any] = {}

    async def pass_moment(self, moment: str, **more: object) -> None:
        told = {"run": self.given["run"], "step": self.given["step"], "attempt": self.attempt, "moment": moment}
        await ask(self.ledger, {**told, "process": self.process, **more})

    async def look(self, known_by: str) -> bool:
        """The question whether the service knows the effect."""
        await self._planned()
        await asyncio.sleep(self.body["check"] / 1000)
        if self.away:
            return False
        found = int(str(await ask(self.ledger, {"counted": f"done {known_by}"}))) > 0
        if found:
            self.body = {**self.body, "values": self.body["found"]}
        return found

    @property
    def away(self) -> bool:
        return not self.body["ok"] and self.body["error"] == "ServiceUnavailable"

    async def _planned(self) -> None:
        self.body = await ask(self.ledger, {"ask": "body", "given": self.given, "attempt": self.attempt})  # pyright: ignore[reportAttributeAccessIssue]

    async def answer(self, key: str | None, reference: str | None) -> None:
        """What the service does; returns where the activity goes on, the failures that it makes itself among it."""
        await self._planned()
        seconds, at = self.body["ms"] / 1000, self.body["effectAt"]
        await asyncio.sleep(seconds * (1 if at is None else at))
        if at is None:
            return
        await self.pass_moment("before-effect")
        if self.body["effect"] is not None and (key or reference):
            await ask(self.ledger, {"count": f"done {key or reference}"})
        known = self.body["known"] is not None and int(str(await ask(self.ledger, {"count": f"key {key}"}))) > 1
        await self.pass_moment("after-effect", deduplicated=known)
        await asyncio.sleep(seconds * (1 - at))

    def draw(self) -> float:
        """A random number that decides as the model did: the outcomes are drawn in the order of their names."""
        drawn = [value for name, value in self.body["values"].items() if name != "attempts"]
        self.body["values"].pop(next(name for name in self.body["values"] if name != "attempts"))
        return 0.0 if drawn[0] else 1.0


class Told(ClientInterceptor, WorkerInterceptor):
    """Gives each activity its call."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Inbound(next, self.settings)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, settings: WorkerSettings) -> None:
        super().__init__(inner)
        self.settings = settings

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        asked: dict[str, object] = {"ask": "given", "workflow": info.workflow_id, "type": info.activity_type,
                 "input": vars(input.args[0]), "variables": list(input.args[1:])}  # fmt: skip
        given: Any = await ask(self.settings.ledger, asked)
        call = OneCall(self.settings, given, info.attempt)
        _CALL.set(call)
        await call.pass_moment("started")
        result = await super().execute_activity(input)
        await call.pass_moment("reported")
        return result


def in_the_models_world() -> None:
    """Has the project's stand-ins of services, and its random numbers, do what the model does."""
    services, activities = importlib.import_module("app.services"), importlib.import_module("app.activities")

    async def has_done(_service: object, reference: str, **_: object) -> bool:
        found = await _CALL.get().look(reference)
        if _CALL.get().away:
            raise services.ServiceError("away")
        return found

    async def call(self: Any, operation: str, key: str | None = None, reference: str | None = None, **_: Any) -> None:
        now = _CALL.get()
        await now.answer(key, reference)
        match now.body["ok"], now.body["error"]:
            case False, "ServiceError" | "ServiceUnavailable":
                raise services.ServiceError(f"{self.title} has failed")
            case False, "Rejected":
                raise services.Rejected(f"{self.title} refuses {operation}")
            case _:
                pass  # the activity goes on, and fails by itself where the scenario says so

    services.Service.call, services.Service.has_done = call, has_done
    if hasattr(activities, "random"):
        activities.random.random = lambda: _CALL.get().draw()


async def serve(settings: WorkerSettings) -> None:
    """Polls until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await Client.connect(settings.target, identity=settings.process, interceptors=[Told(settings)])
    made: list[Worker] = importlib.import_module("app.worker").workers(client)
    async with contextlib.AsyncExitStack() as stack:
        for worker in made:
            if worker.task_queue == settings.queue:
                await stack.enter_async_context(worker)
        await asyncio.sleep(0.02)
        Path(settings.ready).touch()
        await stop.wait()


async def main(path: Path) -> None:
    while not path.exists():
        await asyncio.sleep(0.005)
    settings = WorkerSettings.read(path)
    sys.path.insert(0, json.loads(path.with_suffix(".project").read_text()))
    in_the_models_world()
    await serve(settings)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
