"""Watches the attempts that reach a service endpoint: what each got at its start, and how it ended.

It stands between the web server and the SDK (ASGI) and reads the frames of Restate's service protocol as they pass:
eight bytes of header (type, flags, length), then a protobuf message.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, cast

START: Final = 0x0000
ENDINGS: Final = {0x0001: "suspended", 0x0002: "failed", 0x0003: "completed"}
"""Suspension, Error, End."""
_KNOWN_ENTRIES: Final = 3
_RETRIES: Final = 7
_DEBUG_ID: Final = 2
_INTERNAL_ERROR: Final = 2
"""Of HTTP/2's errors."""

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Tell = Callable[..., Awaitable[None]]
"""Tells the conductor of an attempt's start (`attempt-started`, entries, retries) or end (`attempt-ended`, how)."""


def watched(app: App, tell: Tell, abort_timeout: float, longest: float | None = None) -> App:
    """The app with its attempts watched; `longest`: the host kills a request that lasts longer. Both in seconds."""

    numbers = itertools.count(1)

    async def watching(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "/invoke/" not in scope["path"]:
            await app(scope, receive, send)
            return
        attempt = _Attempt(partial(tell, attempt=next(numbers)), abort_timeout)

        async def received() -> Message:
            message = await receive()
            await attempt.received(message)
            return message

        async def sent(message: Message) -> None:
            await attempt.sending(message)
            if not attempt.killed:
                await send(message)

        _CURRENT.set(attempt)
        running = asyncio.ensure_future(app(scope, received, sent))
        await asyncio.wait((running,), timeout=longest)
        if not running.done():
            await attempt.kill()
            running.cancel()
            await _reset(send)
        with contextlib.suppress(asyncio.CancelledError):
            await running

    return watching


def closure_begins() -> None:
    """The task that runs is a closure of the attempt whose code has begun it: it dies with the attempt's process."""
    attempt, task = _CURRENT.get(None), asyncio.current_task()
    if attempt is not None and task is not None:
        attempt.closures.add(task)
        task.add_done_callback(attempt.closures.discard)


async def _reset(send: Send) -> None:
    """Breaks the request's stream off, for which ASGI has no message: by the web server's own connection."""
    stream = cast("Any", send).__self__
    protocol = stream.send.__self__
    protocol.connection.reset_stream(stream.stream_id, _INTERNAL_ERROR)
    await protocol._flush()


class _Attempt:
    """One request, as it passes."""

    def __init__(self, tell: Tell, abort_timeout: float) -> None:
        self.tell = tell
        self.abort_timeout = abort_timeout
        self.invocation: str | None = None
        self.ended = False
        self.killed = False
        self.closures: set[asyncio.Task[Any]] = set()
        self._incoming = b""
        self._outgoing = Frames()
        self._closed_at: float | None = None

    async def received(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            await self._end("disconnected")
        elif message["type"] == "http.request":
            if self.invocation is None:
                await self._begin(message.get("body", b""))
            if not message.get("more_body", False):
                self._closed_at = time.monotonic()

    async def sending(self, message: Message) -> None:
        if message["type"] != "http.response.body" or self.killed:
            return
        for kind in self._outgoing.types(message.get("body", b"")):
            late = self._closed_at is not None and time.monotonic() - self._closed_at > self.abort_timeout
            if late:
                await self._end("aborted")
            elif kind in ENDINGS:
                await self._end(ENDINGS[kind])
            if self._closed_at is not None:
                self._closed_at = time.monotonic()

    async def kill(self) -> None:
        """Its process is killed by the host: nothing of it goes any further."""
        self.killed = True
        for closure in tuple(self.closures):
            closure.cancel()
        await self._end("connection-lost")

    async def _begin(self, body: bytes) -> None:
        self._incoming += body
        if len(self._incoming) < 8:
            return
        length = int.from_bytes(self._incoming[4:8], "big")
        if len(self._incoming) < 8 + length:
            return
        fields = dict(protobuf_fields(self._incoming[8 : 8 + length]))
        self._incoming = b""
        debug_id = fields.get(_DEBUG_ID, b"")
        self.invocation = debug_id.decode() if isinstance(debug_id, bytes) else ""
        await self.tell(
            "attempt-started",
            invocation=self.invocation,
            entries=fields.get(_KNOWN_ENTRIES, 0),
            retries=fields.get(_RETRIES, 0),
        )

    async def _end(self, how: str) -> None:
        if not self.ended and self.invocation is not None:
            self.ended = True
            await self.tell("attempt-ended", invocation=self.invocation, how=how)


_CURRENT: Final[ContextVar[_Attempt]] = ContextVar("attempt")


class Frames:
    """Takes a stream apart into its frames, of which it tells the types."""

    def __init__(self) -> None:
        self._header = b""
        self._skip = 0

    def types(self, chunk: bytes) -> Iterator[int]:
        """The types of the frames whose headers are complete with this chunk."""
        while chunk:
            if self._skip:
                passed = min(self._skip, len(chunk))
                self._skip -= passed
                chunk = chunk[passed:]
                continue
            needed = 8 - len(self._header)
            self._header += chunk[:needed]
            chunk = chunk[needed:]
            if len(self._header) == 8:
                self._skip = int.from_bytes(self._header[4:8], "big")
                yield int.from_bytes(self._header[0:2], "big")
                self._header = b""


def protobuf_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: numbers as they are, what has a length as bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
                yield tag >> 3, value
            case 1:
                yield tag >> 3, message[at : at + 8]
                at += 8
            case 2:
                length, at = _varint(message, at)
                yield tag >> 3, message[at : at + length]
                at += length
            case _:
                yield tag >> 3, message[at : at + 4]
                at += 4


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return value, at
