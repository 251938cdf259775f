"""Serves functions over HTTP: the SDK's own request handler behind a small ASGI app, on hypercorn.

It is what the SDK's adapters of web frameworks are, without a framework.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import inngest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from inngest._internal.server_lib import Framework

from durascope.live.processes import HOST

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # pydantic's advice, to the SDK
    from inngest._internal.comm_lib import CommHandler, CommRequest, CommResponse

PATH: Final = "/api/inngest"
Reply = tuple[int, Mapping[str, str], bytes]
Other = Callable[[str, str, bytes], Awaitable[Reply]]
"""Answers what is not for the functions: method, path, body."""


class Asgi:
    """The app: functions at `PATH`, and whatever `other` answers."""

    def __init__(
        self,
        client: inngest.Inngest,
        functions: list[inngest.Function[Any]],
        *,
        origin: str | None = None,
        other: Other | None = None,
    ) -> None:
        self.origin = origin
        """Where the server is to reach the app, if that is somewhere else."""
        self._other = other
        self._handler = CommHandler(
            client=client, enable_unauthed_sync=None, framework=Framework.FAST_API, functions=functions, streaming=None
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(scope, receive, send)
            return
        body = await _body(receive)
        if scope["path"] == PATH:
            status, headers, content = await self._functions(scope, body)
        elif self._other is not None:
            status, headers, content = await self._other(scope["method"], scope["path"], body)
        else:
            status, headers, content = 404, {}, b""
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        pairs.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})

    async def _functions(self, scope: Any, body: bytes) -> Reply:
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        request = CommRequest(
            body=body,
            headers=headers,
            public_path=None,
            query_params=dict(parse_qsl(scope["query_string"].decode())),
            raw_request=None,
            request_url=f"http://{headers.get('host', HOST)}{PATH}",
            serve_origin=self.origin,
            serve_path=None,
        )
        match scope["method"]:
            case "POST":
                response = await self._handler.post(request)
            case "PUT":
                response = await self._handler.put(request)
            case _:
                response = self._handler.get_sync(request)
        return _reply(response)


def _reply(response: CommResponse) -> Reply:
    return response.status_code, response.headers, json.dumps(response.body).encode()


async def _body(receive: Any) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def lifespan(_scope: Any, receive: Any, send: Any) -> None:
    """Answers hypercorn's own messages: nothing is to be done at the start or the end."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def serve_until(app: Callable[[Any, Any, Any], Awaitable[None]], port: int, stop: asyncio.Event) -> None:
    """Serves on that port of the loopback until `stop` is set."""
    config = Config()
    config.bind = [f"{HOST}:{port}"]
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = 0.1
    config.keep_alive_max_requests = 1_000_000
    await serve(cast("Any", app), config, shutdown_trigger=stop.wait)
    await asyncio.sleep(0.05)  # connections that are being closed need a turn of the loop to be so
