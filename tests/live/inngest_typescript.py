"""The TypeScript app of `verify` under the real SDK: each answer to the model's executor is compared with the model's.

executor ── request ──▶ modelled host ── predicted answer ──▶ executor
               │                              ║ equal?
               └─ HTTP ▶ the app, on Node.js ─ answer ═╝
                             │ steps, code, moments
                             ▼
                      the script of the request: what the outside world decided in the simulation
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from durascope.live.body import result_of
from durascope.live.inngest.functions import APP
from durascope.live.inngest.judge import Disagreement, Script, Verdict, simulated
from durascope.live.inngest.recorder import IDENTITY
from durascope.live.inngest.remote import RemoteFunctions, Reply, Surroundings
from durascope.live.inngest.serving import PATH
from durascope.live.inngest.steps import matches
from durascope.live.inngest.typescript import SERVICE, write_settings
from durascope.live.inngest.wire import Response
from durascope.live.ledger import Ledger
from durascope.live.node import node
from durascope.live.processes import HOST, free_ports, listens, wait_until
from durascope.models.scenario import Scenario
from durascope.models.steps import Bug, Call, Compute, Fail, Patched, Run, Send, Start, WaitFor
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.functions import register
from durascope.simulators.inngest.protocol import Answer, InvokeOpts, Op
from durascope.simulators.kernel.world import World
from tests.live import inngest_projects
from tests.live.inngest_projects import Comparison, ProjectEngine, ProjectScript


class Scripted(Surroundings):
    """The code of one request: runs to the script, and notes what it did beside its answer."""

    def __init__(self, script: Script, key: str | None, state: Mapping[str, Any]) -> None:
        assert script.workflow is not None
        self.script = script
        self.run = script.request.run
        self.workflow = script.workflow
        self.key = key
        self.state = state
        """What the API tells of the run."""
        self.executed: list[str] = []
        self.posted_events: list[Mapping[str, Any]] = []
        self.checkpoints: list[Sequence[Mapping[str, Any]]] = []
        self.fetched: list[str] = []
        self.called = False

    def compute_time(self, step: Compute, key: str) -> int:
        return 0

    def computing(self, name: str) -> None:
        return

    def computed(self, key: str) -> int:
        return self.script.computed.get(key, 1)

    def event(self, step: Send | Start, key: str) -> Mapping[str, object]:
        event = self.script.posts.get(key)
        name, data = ("nothing/predicted", {}) if event is None else (event.name, dict(event.data))
        return {"name": name, "data": {**data, IDENTITY: {"luck": key}}}

    def payload(self, step: Call, key: str) -> Mapping[str, Any]:
        return self.script.payloads.get(key, {})

    def match_field(self, step: WaitFor) -> str | None:
        return step.match or self.key

    def code_fails(self, step: Fail | Bug, key: str) -> bool:
        return self.script.bugs.get(key, False)

    def patched(self, step: Patched) -> bool:
        return self.script.new_code

    def begins(self, step: Run, name: str, key: str) -> Reply:
        self.executed.append(key)
        return {"run": self.run.name, "step": name, "execution": len(self.executed)}

    def body(self, step: Run, name: str, key: str, execution: int) -> Reply:
        outcome = self.script.outcomes.get(key, Outcome(error=f"the model does not run {key} here"))
        return {
            "ms": 0,
            "effectAt": None,
            "known": None,
            "check": None,
            "effect": None,
            "ok": outcome.ok,
            "error": outcome.error or "",
            "retryable": outcome.retryable,
            "retryAfter": None if outcome.retry_after is None else outcome.retry_after / 1_000,
            "values": result_of(step, name, outcome) if outcome.ok else {},
            "found": {},
            "waits": [],
        }

    def posting(self, name: str, key: str) -> None:
        self.executed.append(key)

    def posted(self, name: str, key: str) -> None:
        return


class Host:
    """The app, on Node.js, and the server's API that it calls beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.current: Scripted | None = None
        self.ledger = Ledger()
        self.ledger.answers |= RemoteFunctions(self._begin).answers
        self.server = _Api((HOST, 0), self)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._apps = 0

    def load(self, scenario: Scenario) -> None:
        """From here on the app serves the functions of that scenario."""
        self._stop()
        (self.port,) = free_ports(1)
        self._apps += 1
        file = self.folder / f"app-{self._apps}.json"
        url = f"http://{HOST}:{self.server.server_address[1]}"
        write_settings(
            file, register(scenario), scenario.deployments.inngest.app, port=self.port,
            origin=f"http://{HOST}:{self.port}", server=url, signing_key=None, ledger=self.ledger.port, process="app",
        )  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if name != "DURASCOPE_GO"}
        with (self.folder / "app.log").open("ab") as log:
            self._process = subprocess.Popen([*node(SERVICE), str(file)], stdout=log, stderr=log, env=environment)
        wait_until(lambda: listens(self.port), "the app", seconds=30, every_s=0.01)

    def _begin(self, message: Mapping[str, Any]) -> Scripted:
        assert self.current is not None
        self.current.called = message["function"] == self.current.script.request.function
        return self.current

    def register(self) -> Sequence[Mapping[str, Any]]:
        """The functions that the SDK registers with the server."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        connection.request("PUT", PATH)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, text
        return self.server.registered

    def __enter__(self) -> Host:
        self.ledger.__enter__()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self.server.shutdown()
        self.server.server_close()
        self.ledger.__exit__(None, None, None)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


class _Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], host: Host) -> None:
        self.host = host
        self.registered: Sequence[Mapping[str, Any]] = ()
        super().__init__(address, _Asked)


class _Asked(BaseHTTPRequestHandler):
    """The server's own API, as far as an app asks for it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        assert isinstance(self.server, _Api)
        current, what = self.server.host.current, self.path.rsplit("/", 1)[1]
        assert current is not None
        current.fetched.append(what)
        self._reply(200, current.state[what])

    def do_POST(self) -> None:
        assert isinstance(self.server, _Api)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.startswith("/fn/register"):
            self.server.registered = body["functions"]
            self._reply(200, {"ok": True, "modified": True})
            return
        current = self.server.host.current
        assert current is not None
        if self.path.startswith("/v1/checkpoint/"):
            said = current.script.checkpoints if isinstance(current.script, ProjectScript) else []
            number = len(current.checkpoints)
            current.checkpoints.append(body["steps"])
            self._reply(200 if number < len(said) and said[number][1] == "saved" else 400, {})
            return
        events = body if isinstance(body, list) else [body]
        current.posted_events += events
        outcome = current.script.outcomes.get(events[0]["data"][IDENTITY]["luck"])
        if outcome is not None and not outcome.ok:
            self._reply(400, {"ids": [], "status": 400, "error": outcome.error})
        else:
            self._reply(200, {"ids": ["01"], "status": 200})

    def _reply(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


class _Named:
    """What everything is called in the app: as in the scenario."""

    app = APP
    matches = staticmethod(matches)


class _App:
    named = _Named()


class Judged(Comparison):
    """One request of the app's."""

    def state(self, planned: Mapping[str, Op]) -> Mapping[str, Any]:
        return {"batch": [self._event(each) for each in self.script.events], "actions": self._steps(planned)}

    def beside(self, told: Scripted) -> Iterator[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What the app did beside its answer."""
        script = self.script
        if not told.called:
            yield "the SDK did not call the function"
        if told.executed != list(script.steps):
            yield f"bodies run: {list(script.steps)} predicted, {told.executed} real"
        sent = [(event.name, json.loads(json.dumps(dict(event.data)))) for event in script.posts.values()]
        posted = [
            (each["name"], {k: v for k, v in each["data"].items() if k != IDENTITY}) for each in told.posted_events
        ]
        if sent != [each for number, each in enumerate(posted) if each not in posted[:number]]:
            yield f"events sent: {sent} predicted, {posted} real"
        yield from self.checkpointed(told.checkpoints)
        if sorted(told.fetched) != (["actions", "batch"] if self.request.use_api else []):
            yield f"fetched: {told.fetched}"


class RunnerEngine(ProjectEngine):
    """The model, its hosts judged by the app of `verify`."""

    def __init__(self, world: World, scenario: Scenario, host: Host) -> None:
        super().__init__(world, scenario, host.folder, inngest_projects.TypeScript)
        self.host = host

    def compare(self, script: Script, answer: Answer) -> None:
        request = script.request
        judge = Judged(self, cast("Any", _App), script)
        planned = self.planned.setdefault(request.run.name, {})
        for op in answer.ops:
            if isinstance(op.opts, InvokeOpts):
                script.payloads[op.id] = self.functions.child_data(script.events[0].data, op.opts.function, op.opts.key)
        self._requests += 1
        body = judge.body(self._requests, planned)
        self.host.current = around = Scripted(script, self.functions[request.function].key, judge.state(planned))
        response = self._asked(judge.query(), body, judge.headers(self._requests))
        problems = [*judge.differences(answer, response), *judge.beside(around)]
        self.verdict.compared += 1
        self.verdict.disagreements += [Disagreement(request.run.name, request.line, each) for each in problems]
        planned.update({op.id: op for op in answer.ops if op.opts is not None})

    def _asked(self, path: str, body: object, headers: Mapping[str, str]) -> Response:
        connection = http.client.HTTPConnection(HOST, self.host.port, timeout=60)
        with closing(connection):
            connection.request("POST", path, json.dumps(body, separators=(",", ":")), dict(headers))
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(answer.read()))


def judged(scenario: Scenario, host: Host, *, seed: int = 0) -> Verdict:
    """Simulates the scenario, every answer compared with that of the app."""
    world = World(seed, full=True)
    host.load(scenario)
    with closing(RunnerEngine(world, scenario, host)) as engine:
        return simulated(engine, world, scenario)
