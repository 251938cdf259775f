"""A reverse proxy for HTTP/1.1 that shows a watcher each request and its answer, each on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from durascope.live.processes import HOST

_LIMIT: Final = 1 << 20
_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
"""Headers of one connection, which are not passed on."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer."""

    first: str
    """The request line, or the status line."""
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def method(self) -> str:
        return self.first.split(" ")[0]

    @property
    def path(self) -> str:
        return urlsplit(self.first.split(" ")[1]).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.first.split(" ")[1]).query))

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.headers if each == name), None)

    def encoded(self) -> bytes:
        kept = [f"{name}: {value}" for name, value in self.headers if name not in _HOP]
        head = "\r\n".join([self.first, *kept, f"content-length: {len(self.body)}", "connection: close"])
        return f"{head}\r\n\r\n".encode("latin-1") + self.body


class Watcher(Protocol):
    """Whoever watches a relay; the relay waits for what it does."""

    async def asked(self, request: Message) -> Any:
        """A request has come; returns the token that the other calls get."""

    async def answered(self, token: Any, answer: Message, *, heard: bool) -> None:
        """It was answered; who asked gets the answer after this, if there is anybody left (`heard`)."""

    async def passed_on(self, token: Any, answer: Message) -> None:
        """The answer has been passed on."""

    async def unanswered(self, token: Any, why: str) -> None:
        """Nobody listened (`refused`), or the connection broke (`lost`); who asked sees it close after this."""


class Relay:
    """A proxy: one address of the loopback in front of another one."""

    def __init__(self, target: int, watcher: Watcher) -> None:
        self.target = target
        self._watcher = watcher
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def open(self, port: int) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, port, limit=_LIMIT)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                request = await read(reader)
                await self._exchange(request, reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _exchange(self, request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        token = await self._watcher.asked(request)
        gone = asyncio.ensure_future(reader.read(1))
        try:
            try:
                answer = await self._ask(request)
            except ConnectionRefusedError:
                await self._watcher.unanswered(token, "refused")
                return
            except (OSError, asyncio.IncompleteReadError):
                await self._watcher.unanswered(token, "lost")
                return
            await self._watcher.answered(token, answer, heard=not gone.done())
            if not gone.done():
                writer.write(answer.encoded())
                await writer.drain()
            await self._watcher.passed_on(token, answer)
        finally:
            gone.cancel()

    async def _ask(self, request: Message) -> Message:
        reader, writer = await asyncio.open_connection(HOST, self.target, limit=_LIMIT)
        try:
            writer.write(request.encoded())
            await writer.drain()
            return await read(reader, answer=True)
        finally:
            writer.close()


async def read(reader: asyncio.StreamReader, *, answer: bool = False) -> Message:
    """One message. Raises `IncompleteReadError` if the connection ends before it does."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
    message = Message(first, headers, b"")
    length = message.header("content-length")
    if "chunked" in (message.header("transfer-encoding") or ""):
        body = await _chunks(reader)
    elif length is not None:
        body = await reader.readexactly(int(length))
    else:
        body = await reader.read() if answer and message.status not in (204, 304) else b""
    return Message(first, headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        part = await reader.readexactly(size + 2)
        if not size:
            return b"".join(parts)
        parts.append(part[:-2])
