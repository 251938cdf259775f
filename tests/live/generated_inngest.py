"""A generated Python app for Inngest, served: what generated_inngest.js is for TypeScript."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durascope.live.inngest.serving import Asgi, Reply, serve_until


@dataclass
class Told:
    """What the app asked of the outside during a request."""

    executed: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    asked: list[str] = field(default_factory=list[str])
    begun: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    posted: list[Any] = field(default_factory=list[Any])
    checkpoints: list[Any] = field(default_factory=list[Any])
    fetched: list[str] = field(default_factory=list[str])


class Outside:
    """The outside world, as the script of a request has it."""

    def __init__(self) -> None:
        self.script: dict[str, Any] = {}
        self.told = Told()
        self.drawn: list[bool] = []

    async def server(self, method: str, path: str, body: bytes) -> Reply:
        """The server's own API, as far as an app asks for it, and what the test says and asks."""
        del method
        given = json.loads(body) if body else None
        status, answer = self._answered(path, given)
        return status, {"content-type": "application/json"}, json.dumps(answer).encode()

    def _answered(self, path: str, given: Any) -> tuple[int, Any]:
        if path == "/script":
            self.script, self.told = given, Told()
            return 200, {}
        if path == "/told":
            return 200, vars(self.told)
        if path.startswith("/e/"):
            self.told.posted += given
            accepted = self.script["posts"].pop(0) if self.script["posts"] else True
            return (
                (200, {"ids": ["1"], "status": 200}) if accepted else (400, {"ids": [], "status": 400, "error": "no"})
            )
        what = path.rsplit("/", maxsplit=1)[-1]
        self.told.fetched.append(what)
        return (200, self.script[what]) if what in self.script else (404, {})

    def enter(self, functions: Any) -> None:
        """Takes the place of the services, of random numbers in steps, and of the table of what has begun."""
        services = importlib.import_module("app.services")

        async def call(_service: object, operation: str, *, key: str | None = None, **_: Any) -> None:
            self.told.executed.append({"operation": operation, "key": key})
            done = self.script["outcomes"].pop(0)
            self.drawn = [value for name, value in done["values"].items() if name != "attempts"]
            if not done["ok"] and done["error"] in ("ServiceError", "ServiceUnavailable"):
                raise services.ServiceError(done["error"])
            if not done["ok"] and done["error"] == "Rejected":
                raise services.Rejected(done["error"])

        async def has_done(_service: object, reference: str, **_: Any) -> bool:
            self.told.asked.append(reference)
            answer = self.script["questions"].pop(0)
            self.drawn = [value for name, value in answer["values"].items() if name != "attempts"]
            return bool(answer["found"])

        services.Service.call, services.Service.has_done = call, has_done
        own = random.random
        random.random = lambda: (0.0 if self.drawn.pop(0) else 1.0) if self.drawn else own()
        if not hasattr(functions, "begin"):
            return

        async def begin(_run: str, undo: str, step_id: str, work: Callable[..., Awaitable[Any]], *given: Any) -> Any:
            self.told.begun.append({"undo": undo, "id": step_id})
            return await work(*given)

        functions.begin = begin
        functions.begun_in = self.begun_in

    def begun_in(self, _run: str) -> list[tuple[str, str]]:
        """What undoes a run, last first."""
        return [(each["id"], each["undo"]) for each in self.script["begun"]]


async def main(folder: Path, port: int) -> None:
    os.environ["INNGEST_DEV"] = f"http://127.0.0.1:{port}"
    sys.path.insert(0, str(folder))
    outside = Outside()
    functions = importlib.import_module("app.functions")
    if (folder / "app" / "services.py").exists():
        outside.enter(functions)
    of = importlib.import_module("app.client").inngest_client
    await serve_until(Asgi(of, functions.FUNCTIONS, other=outside.server), port, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
