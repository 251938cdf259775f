"""The ledger, outside the engine and its apps: apps report each moment of a step to it and wait for its answer.

Because an app goes on only when it has been answered, a fault at a moment strikes exactly there: the answer to a
process that has been killed meanwhile reaches nobody. Of moments that nothing waits for an app only tells (`tell_now`):
waiting for answers, two steps that end together would end in any order. Effects are counted here, outside the engine
and its apps.

One report is one connection: a line of JSON, `{run, step, attempt, moment, process}`, answered by a line: whether the
moment has set something off, for which the body has stood still. The moment
`after-effect` is the effect. `query` reports ask for a number instead: how often that step's body has begun.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from durascope.live.processes import HOST


@dataclass(frozen=True, slots=True)
class Report:
    """One moment that an app has reported."""

    at: float
    """Seconds since the ledger was opened."""
    run: str
    step: str
    attempt: int
    moment: str
    process: str
    """The name of the process that reported, as the stage calls it."""
    deduplicated: bool = False
    """The service knew the idempotency key of the call: it had no second effect."""


def number_of(run: str) -> int | None:
    """The number of the run from outside that it is, or that has called it (`run 3.1`: 3)."""
    digits = run.removeprefix("run ").split("/")[0].split(".")[0]
    return int(digits) if digits.isdigit() else None


class Ledger:
    """Keeps the reports, and passes each one on to its listener before the app is answered."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.listeners: list[Callable[[Report], bool]] = []
        """Told of each report; they say whether it has set something off."""
        self.answers: dict[str, Callable[[Mapping[str, Any]], object]] = {}
        """What an engine's module answers to its apps' own questions, by the question's name (`ask`)."""
        self.down: list[str] = []
        """The services that fail every call now."""
        self._lock = threading.Lock()
        self._opened = time.monotonic()
        self._counters: dict[str, int] = {}
        self._server = _Server((HOST, 0), self)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def now(self) -> float:
        """Seconds since it was opened."""
        return time.monotonic() - self._opened

    def take(self, message: dict[str, object]) -> object:
        """Handles one message of an app and returns the answer."""
        if "count" in message:
            with self._lock:
                name = str(message["count"])
                self._counters[name] = self._counters.get(name, 0) + 1
                return self._counters[name]
        if "counted" in message:
            return self._counters.get(str(message["counted"]), 0)
        if "down" in message:
            return message["down"] in self.down
        if "ask" in message:
            return self.answers[str(message["ask"])](message)
        report = Report(
            self.now,
            str(message["run"]),
            str(message["step"]),
            int(str(message["attempt"])),
            str(message["moment"]),
            str(message.get("process", "")),
            bool(message.get("deduplicated", False)),
        )
        with self._lock:
            self.reports.append(report)
        struck = [listener(report) for listener in self.listeners]
        return any(struck)

    def effects(self) -> dict[str, int]:
        """Side effects by step, over all runs; a step that began and had none counts 0."""
        counts: dict[str, int] = {}
        for report in list(self.reports):
            counts.setdefault(report.step, 0)
            counts[report.step] += report.moment == "after-effect" and not report.deduplicated
        return counts

    def begun(self) -> dict[str, int]:
        """How many times each step's body began."""
        counts: dict[str, int] = {}
        for report in list(self.reports):
            if report.moment == "started":
                counts[report.step] = counts.get(report.step, 0) + 1
        return counts

    def __enter__(self) -> Ledger:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        line = self.rfile.readline()
        if not line:
            return
        answer = self.server.ledger.take(json.loads(line))
        try:
            self.wfile.write(json.dumps(answer).encode() + b"\n")
        except OSError:
            return  # the app has been killed: nobody waits for the answer


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256  # more apps' steps than this never report at once; one that found no place waits a second

    def __init__(self, address: tuple[str, int], ledger: Ledger) -> None:
        self.ledger = ledger
        super().__init__(address, _Handler)


# ---- the app's side ----------------------------------------------------------------------------------------


async def report(
    port: int, run: str, step: str, attempt: int, moment: str, process: str, *, deduplicated: bool = False
) -> bool:
    """Tells the ledger of a moment and waits for its answer: whether it has set something off. Used inside apps."""
    return bool(await ask(port, _told(run, step, attempt, moment, process, deduplicated=deduplicated)))


def tell_now(
    port: int, run: str, step: str, attempt: int, moment: str, process: str, *, deduplicated: bool = False
) -> None:
    """Tells the ledger of a moment; what is sent gets there even if the app is killed next."""
    told = _told(run, step, attempt, moment, process, deduplicated=deduplicated)
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(json.dumps(told).encode() + b"\n")


def _told(run: str, step: str, attempt: int, moment: str, process: str, *, deduplicated: bool) -> dict[str, object]:
    told: dict[str, object] = {"run": run, "step": step, "attempt": attempt, "moment": moment, "process": process}
    return told | ({"deduplicated": True} if deduplicated else {})


async def count(port: int, name: str) -> int:
    """Counts something in the ledger, which survives crashes, and returns the new count."""
    return int(str(await ask(port, {"count": name})))


async def asked(port: int, name: str) -> int:
    """The count under that name so far."""
    return int(str(await ask(port, {"counted": name})))


def ask_now(port: int, message: Mapping[str, object]) -> object:
    """One question to the ledger, for code that may not await."""
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(json.dumps(message).encode() + b"\n")
        with connection.makefile("rb") as answer:
            return json.loads(answer.readline())


async def ask(port: int, message: dict[str, object]) -> object:
    """One question to the ledger."""
    import asyncio

    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(json.dumps(message).encode() + b"\n")
        await writer.drain()
        return json.loads(await reader.readline())
    finally:
        writer.close()
