"""Inngest's own server as a process: where its program is, how a scenario's hosting is started, its REST API."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from durascope.live.inngest.functions import APP
from durascope.live.processes import HOST, LiveProblem, Managed, Stage, free_ports, listens, wait_until
from durascope.models.deployments import InngestDeployment
from durascope.models.units import SECOND

MISSING: Final = (
    "inngest is not installed: npm install -g inngest-cli (its installer needs the open internet), or --server PATH"
)
NO_REDIS: Final = "the scenario keeps its state in Redis: redis-server is not installed (apt install redis-server)"
SIGNING_KEY: Final = "signkey-test-" + "00" * 32
TICK_MS: Final = 150
"""Milliseconds between two scans of the queue: the dev server's default, and that of the recordings."""


class Refused(Exception):
    """The server has answered with an error."""


def find(given: str | None = None) -> str:
    """The `inngest` command: as given, beside this Python, or on PATH. Raises `LiveProblem`."""
    if given is not None:
        found = shutil.which(given)
        if found is None:
            raise LiveProblem(f"{given} is no program that can be run")
        return str(Path(found).absolute())
    beside = Path(sys.executable).parent / "inngest"
    found = shutil.which("inngest") or shutil.which(str(beside))
    if found is None:
        raise LiveProblem(MISSING)
    return found


class Server:
    """The server of a deployment, on free ports of the loopback, and its Redis."""

    def __init__(self, stage: Stage, deployment: InngestDeployment, program: str | None) -> None:
        found = find(program)
        self.deployment = deployment
        self.port, gateway, gateway_grpc, executor_grpc, debug, redis = free_ports(6)
        self.signing_key = None if self.is_dev else SIGNING_KEY
        command = [found, "dev", "--no-discovery", "--no-poll"] if self.is_dev else [found, "start", *self._keys()]
        command += ["--host", HOST, "--port", str(self.port), "--tick", str(TICK_MS)]
        command += ["--connect-gateway-port", str(gateway), "--connect-gateway-grpc-port", str(gateway_grpc)]
        command += ["--connect-executor-grpc-port", str(executor_grpc)]
        if self.is_dev:
            command += ["--debug-api-port", str(debug)]
        if deployment.backoff != "default":
            command += ["--retry-interval", str(max(1, round(deployment.backoff / SECOND)))]
        self.redis: Managed | None = None
        if not self.is_dev:
            command += ["--sqlite-dir", str(stage.directory)]
        if deployment.server.store == "redis":
            self.redis = self._redis(stage, redis)
            command += ["--redis-uri", f"redis://{HOST}:{redis}"]
        environment = {"DO_NOT_TRACK": "1", "HOME": str(stage.directory), "NO_COLOR": "1"}
        self.process = stage.process("inngest", command, environment)
        self._redis_port = redis
        self._asked = 0

    @property
    def is_dev(self) -> bool:
        server = self.deployment.server
        return server.hosting == "dev" and server.store != "redis"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @staticmethod
    def _keys() -> list[str]:
        return ["--event-key", APP.encode().hex(), "--signing-key", SIGNING_KEY.rsplit("-", 1)[1], "--no-ui"]

    @staticmethod
    def _redis(stage: Stage, port: int) -> Managed:
        found = shutil.which("redis-server")
        if found is None:
            raise LiveProblem(NO_REDIS)
        command = [found, "--bind", HOST, "--port", str(port), "--save", "", "--dir", str(stage.directory)]
        return stage.process("redis", command)

    def start(self) -> None:
        """Starts it and returns when it answers. Raises `LiveProblem` if it ends or does not answer in time."""
        if self.redis is not None and not self.redis.running:
            self.redis.start()
            wait_until(lambda: listens(self._redis_port), "Redis")
        self.process.start()
        wait_until(lambda: self._answers() or not self.process.running, "Inngest's server", seconds=60.0)
        if not self.process.running:
            raise LiveProblem(f"Inngest's server has ended: {self.process.tail(3)}")

    def _answers(self) -> bool:
        try:
            self.call("GET", "/health")
        except (OSError, Refused, http.client.HTTPException):
            return False
        return True

    # ---- its API ---------------------------------------------------------------------------------------------

    @property
    def event_key(self) -> str:
        return APP if self.is_dev else APP.encode().hex()

    def post(self, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        """Sends events in one request; returns their ids."""
        return self.call("POST", f"/e/{self.event_key}", list(events)).get("ids", ())

    def cancel(self, run: str) -> None:
        self.call("DELETE", f"/v1/runs/{run}")

    def rerun(self, run: str, step: str) -> str:
        """Has a run's function called anew from that step on; returns the id of the new run. Raises `Refused`."""
        answer = self.call("POST", f"/api/v2/runs/{run}/rerun", {"fromStep": {"stepId": step}})
        return str((answer.get("data") or {}).get("runId", ""))

    def status(self, run: str) -> str | None:
        """`running`, `completed`, …; None: it knows no such run."""
        try:
            found = self.call("GET", self._fresh(f"/v1/runs/{run}"))
        except Refused:
            return None
        if found.get("error") is not None:  # an unknown run is a 200 that tells of an error
            return None
        return str((found.get("data") or {}).get("status", "running")).lower()

    def runs_of(self, event: str) -> Sequence[Mapping[str, Any]]:
        """The runs that an event has started."""
        try:
            return self.call("GET", self._fresh(f"/v1/events/{urllib.parse.quote(event)}/runs")).get("data") or ()
        except Refused:
            return ()

    def limit_steps(self, function: str, limit: int) -> None:
        """How many steps a run of that function, by its UUID, may have: a setting of the dev server's."""
        self.call("POST", f"/fn/step-limit?functionId={function}&limit={limit}")

    def functions(self) -> Mapping[str, str]:
        """The UUIDs of the registered functions, by name."""
        found = self.call("GET", "/dev").get("functions") or ()
        return {str(each["slug"]).removeprefix(f"{APP}-"): str(each["id"]) for each in found}

    def _fresh(self, path: str) -> str:
        """The server answers a GET from its cache by URL, for up to 15 s: a query that changes is not in it."""
        self._asked += 1
        return f"{path}?fresh={self._asked}"

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One request. Raises `Refused`, or `OSError` where nobody is there, or nobody answers to the end."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        headers = {"content-type": "application/json"}
        if self.signing_key is not None:
            headers["authorization"] = f"Bearer {self.signing_key}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(f"{method} {path}: {answer.status} {text[:200].decode('utf-8', 'replace')}")
        try:
            found = json.loads(text or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {"data": found}

    def version(self) -> str:
        """The version that its program prints."""
        import subprocess

        try:
            said = subprocess.run(
                [self.process.command[0], "version"], capture_output=True, text=True, timeout=10, check=False
            ).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            said = ""
        return f"inngest {'dev' if self.is_dev else 'start'} {said.splitlines()[-1] if said else ''}".strip()
