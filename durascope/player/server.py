"""Serves the page on this machine's own address; a `Worker` computes the answers to its questions.

Nothing is written. Whoever asks must show the token that is in the page's address, under the address's own host: so
that no other page in the same browser, whatever its name resolves to, can ask.
"""

from __future__ import annotations

import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from durascope.models.reading import MAX_BYTES
from durascope.player.packing import Json
from durascope.player.page import bundle, html, policy
from durascope.player.worker import TooLong, Worker

ADDRESS: Final = "127.0.0.1"
MOST_BYTES: Final = 2 * MAX_BYTES
"""The largest question that is read, in bytes."""
PATIENCE_S: Final = 10.0
"""Connections that send nothing for this long are closed, in seconds."""
ASKED: Final = {"/simulate": "simulate", "/check": "check"}


class Server(ThreadingHTTPServer):
    """A server for one page and its questions."""

    daemon_threads = True

    def __init__(self, document: Json, yaml: str, *, port: int = 0, worker: Worker | None = None) -> None:
        """`yaml`: the scenario that is asked about unless the page sends another.

        Raises OSError if the port is in use, `NoPlayer` without the page's script.
        """
        self.token = secrets.token_urlsafe(24)
        self.page = html(document, token=self.token).encode("utf-8")
        self.policy = policy(bundle(), live=True)
        self.asked = {"yaml": yaml, "seed": document["seed"]}
        self.worker = Worker() if worker is None else worker
        super().__init__((ADDRESS, port), _Handler)  # closes, worker and all, where the port is in use

    @property
    def hosts(self) -> tuple[str, str]:
        """The names under which the page may be asked for."""
        return f"{ADDRESS}:{self.server_port}", f"localhost:{self.server_port}"

    @property
    def url(self) -> str:
        """The page's address, with its token."""
        return f"http://{self.hosts[0]}/?token={self.token}"

    def server_close(self) -> None:
        super().server_close()
        self.worker.close()


class _Refused(Exception):
    """What is asked is not answered."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = PATIENCE_S
    server_version = "durascope"
    sys_version = ""

    def do_GET(self) -> None:
        try:
            self._from_here()
            asked = urlsplit(self.path)
            if asked.path != "/":
                raise _Refused(HTTPStatus.NOT_FOUND, "there is only one page here")
            self._allowed(parse_qs(asked.query).get("token", [""])[0])
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)
        except _Refused as refused:
            self._send(refused.status, "text/plain; charset=utf-8", f"{refused}\n".encode())

    def do_POST(self) -> None:
        try:
            self._from_here()
            if self.path not in ASKED:
                raise _Refused(HTTPStatus.NOT_FOUND, "ask /simulate or /check")
            question = self._question()
            self._allowed(question.pop("token", ""))
            known = {key: value for key, value in question.items() if value is not None}
            answer = self.server.worker.ask({**self.server.asked, **known, "ask": ASKED[self.path]})
        except _Refused as refused:
            self._send_json(refused.status, {"problems": [{"place": "", "message": str(refused), "fix": None}]})
        except TooLong:
            why = {"place": "", "message": "this took too long and was stopped", "fix": "fewer runs, or shorter waits"}
            self._send_json(HTTPStatus.OK, {"problems": [why]})
        else:
            self._send(HTTPStatus.OK, "application/json", answer)

    def _from_here(self) -> None:
        """Only a page of this server asks: not one that was led here by another name, or sends from elsewhere."""
        origin = self.headers.get("Origin")
        if self.headers.get("Host") not in self.server.hosts:
            raise _Refused(HTTPStatus.FORBIDDEN, "this is served at 127.0.0.1 only")
        if origin is not None and origin.removeprefix("http://") not in self.server.hosts:
            raise _Refused(HTTPStatus.FORBIDDEN, "the request comes from another page")

    def _allowed(self, token: object) -> None:
        if not isinstance(token, str) or not secrets.compare_digest(token.encode(), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "the token is missing or wrong: use the address that was printed")

    def _question(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "the request has no Content-Length")
        if len(length) > 9 or int(length) > MOST_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MOST_BYTES:,} bytes")
        try:
            question: Any = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            question = None
        return _of_known_shape(question)

    def _send_json(self, status: HTTPStatus, value: Json) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", f"{self.server.policy}; frame-ancestors 'none'"),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the terminal has the address, and needs no more."""


_SHAPE: Final = {"token": str, "yaml": str, "story": str, "engine": str, "faults": list}


def _of_known_shape(question: Any) -> dict[str, Any]:
    """The question, with nothing in it that is not asked for."""
    if not isinstance(question, dict):
        raise _Refused(HTTPStatus.BAD_REQUEST, "send a JSON object")
    for name, kind in _SHAPE.items():
        if not isinstance(question.get(name, kind()), kind) and question[name] is not None:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"`{name}` must be a {kind.__name__}")
    return {name: question[name] for name in _SHAPE if name in question}
