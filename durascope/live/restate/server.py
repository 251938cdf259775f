"""Finds restate-server, starts it with its data in the stage's folder, and speaks to its ingress and admin API."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from durascope.live.processes import HOST, LiveProblem, Managed, Stage, free_ports, wait_until

INSTALL: Final = "npm install @restatedev/restate-server"
SERVER: Final = "restate-server"


def find(given: str | None = None) -> str:
    """The server's path: the one given, or on PATH, or where npm has put it in this folder or one above.

    Raises `LiveProblem` with what to install.
    """
    if given:
        found = shutil.which(given)
        if found is None:
            raise LiveProblem(f"{given} is no program; {SERVER} comes with: {INSTALL}")
        return found
    here = Path.cwd()
    places = [
        folder / parent / "node_modules" / ".bin" for folder in (here, *here.parents) for parent in ("", ".engines")
    ]
    found = shutil.which(SERVER) or shutil.which(SERVER, path=os.pathsep.join(map(str, places)))
    if found is None:
        raise LiveProblem(f"verify needs {SERVER}, which is not on PATH nor in node_modules: {INSTALL}")
    return found


class Refused(Exception):
    """The server has refused the request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:200]}")
        self.status = status


class Server:
    """One restate-server with its ports."""

    def __init__(self, stage: Stage, program: str, *, protocol: int, partitions: int, concurrent: int = 1000) -> None:
        self.ingress, self.admin, node = free_ports(3)
        self.process: Managed = stage.process(
            SERVER,
            [_binary(program), "--no-logo"],
            {
                "RESTATE_BASE_DIR": str(stage.directory / "restate-data"),
                "RESTATE_LISTEN_MODE": "tcp",
                "RESTATE_BIND_IP": HOST,
                "RESTATE_BIND_PORT": str(node),
                "RESTATE_ADVERTISED_HOST": HOST,
                "RESTATE_INGRESS__BIND_PORT": str(self.ingress),
                "RESTATE_ADMIN__BIND_PORT": str(self.admin),
                "RESTATE_NODE_NAME": "durascope",
                "RESTATE_CLUSTER_NAME": f"durascope-{node}",
                "RESTATE_DEFAULT_NUM_PARTITIONS": str(partitions),
                "RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT": str(concurrent),
                "RESTATE_DISABLE_TELEMETRY": "true",
                "DO_NOT_TRACK": "1",
                "RESTATE_LOG_DISABLE_ANSI_CODES": "true",
                "RESTATE_EXPERIMENTAL_ENABLE_PROTOCOL_V7": str(protocol >= 7).lower(),
            },
        )

    def start(self) -> None:
        """Returns when it is healthy; raises `LiveProblem` with the end of its log where it does not get so."""
        began = time.monotonic()
        self.process.start()
        wait_until(lambda: self.healthy() or not self.process.running, SERVER, every_s=0.02)
        if not self.process.running:
            raise LiveProblem(f"{SERVER} has ended: {self.process.tail(3)}")
        self.process.lead_s = time.monotonic() - began

    def healthy(self) -> bool:
        try:
            self._request(self.ingress, "GET", "/restate/health")
            self._request(self.admin, "GET", "/health")
        except (OSError, http.client.HTTPException, Refused):
            return False
        return True

    @property
    def version(self) -> str:
        answer = self._request(self.admin, "GET", "/version")
        return str(answer.get("version", "")) if isinstance(answer, dict) else ""

    # ---- the ingress -----------------------------------------------------------------------------------------

    def send(
        self, path: str, payload: object, *, after: int = 0, idempotency_key: str | None = None
    ) -> Mapping[str, Any]:
        """A one-way call; `after` microseconds. Answers `{invocationId, status}`."""
        delay = f"?delay={after // 1000}ms" if after else ""
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        return self._patient(self.ingress, "POST", f"{path}/send{delay}", payload, headers)

    def call(self, path: str, payload: object) -> None:
        """A call that waits for the result."""
        self._patient(self.ingress, "POST", path, payload)

    def resolve(self, awakeable: str, payload: object) -> None:
        self._patient(self.ingress, "POST", f"/restate/awakeables/{awakeable}/resolve", payload)

    # ---- the admin API ---------------------------------------------------------------------------------------

    def register(self, port: int) -> str:
        """Has a service endpoint discovered; returns the deployment's id."""
        return str(self._patient(self.admin, "POST", "/deployments", {"uri": f"http://{HOST}:{port}"})["id"])

    def command(self, invocation: str, command: str, **query: object) -> Mapping[str, Any]:
        """cancel · kill · pause · resume · restart-as-new. Raises `Refused`."""
        asked = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
        path = f"/invocations/{invocation}/{command}" + (f"?{asked}" if asked else "")
        return self._patient(self.admin, "PATCH", path)

    def query(self, sql: str) -> list[dict[str, Any]]:
        return self._request(self.admin, "POST", "/query", {"query": sql})["rows"]

    # ---- requests --------------------------------------------------------------------------------------------

    def _patient(
        self, port: int, method: str, path: str, payload: object = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Asks again while the server is down or does not know its partitions yet (503), as a client would."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self._request(port, method, path, payload, headers)
            except (OSError, http.client.HTTPException, Refused) as error:
                away = not isinstance(error, Refused) or error.status >= 500
                if not away or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _request(
        self, port: int, method: str, path: str, payload: object = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        try:
            body = None if payload is None else json.dumps(payload)
            kind = {"content-type": "application/json"} if body is not None else {}
            connection.request(method, path, body, {"accept": "application/json", **kind, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(answer.status, text)
        try:
            return json.loads(text) if text else {}
        except ValueError:
            return {}


def _binary(found: str) -> str:
    """The program itself where npm's launcher stands before it: a launcher would outlive a kill of its child."""
    launcher = Path(found).resolve()
    for parent in launcher.parents:
        candidates: Sequence[Path] = sorted((parent / "@restatedev").glob(f"restate-server-*/bin/{SERVER}"))
        if candidates:
            return str(candidates[0])
    return found
