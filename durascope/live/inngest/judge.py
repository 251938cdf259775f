"""The real SDK as judge: each request of the simulated executor goes, over real HTTP, to a host on the Python SDK.

    executor ── request ──▶ modelled host ── predicted answer ──▶ executor
                   │                              ║ equal?
                   └─ HTTP ▶ real host ── answer ═╝

The real host runs the same steps; what the outside world decided in the simulation (how a step's body ends, whether a
bug shows) it decides here too. Requests that nobody answered, because a crash came first, have nothing to compare.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import inngest

from durascope.live.inngest import wire
from durascope.live.inngest.functions import client, function_id, let_go, served
from durascope.live.inngest.serving import Asgi, Reply, lifespan, serve_until
from durascope.live.inngest.steps import App, call, matches
from durascope.live.inngest.wire import Response
from durascope.live.processes import HOST, free_ports, listens, wait_until
from durascope.models.durations import parse_duration
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Bug, Call, Compute, Fail, Patched, Run, Send, Start, WaitFor
from durascope.models.units import SECOND
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.app import App as ModelledApp
from durascope.simulators.inngest.engine import Inngest
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import Function, register
from durascope.simulators.inngest.host import FunctionHost
from durascope.simulators.inngest.invocation import Invocation
from durascope.simulators.inngest.lines import Exchange
from durascope.simulators.inngest.protocol import Answer, InvokeOpts, Op, Request, SleepOpts, WaitOpts
from durascope.simulators.inngest.python_sdk import PythonInvocation
from durascope.simulators.kernel.faults import FaultInjector, Moments
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.sdk import Sdk
from durascope.simulators.services import Execution
from durascope.simulators.workload import WorkloadDriver

CLOCK_S: Final = 0.002
"""How far a time in an answer may be off, in seconds; it is cut to milliseconds."""


@dataclass(eq=False)
class Script:
    """What the outside world decided while the modelled host answered one request: the script for the real host."""

    request: Request
    events: Sequence[Event]
    code: Mapping[str, Workflow]
    """The workflows as the host has them."""
    workflow: Workflow | None = None
    new_code: bool = False
    steps: dict[str, Run | Send | Start] = field(default_factory=dict[str, Run | Send | Start])
    """The steps whose bodies began, by their use."""
    outcomes: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    """How the bodies ended, by the use of the step, in the order in which they began."""
    bugs: dict[str, bool] = field(default_factory=dict[str, bool])
    computed: dict[str, int] = field(default_factory=dict[str, int])
    """How many times the code had come to each computation that is not deterministic."""
    posts: dict[str, Event] = field(default_factory=dict[str, Event])
    payloads: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where the real SDK answered differently."""

    run: str
    request: str
    """The request's line."""
    what: str

    def __str__(self) -> str:
        return f"{self.run}: {self.request}: {self.what}"


@dataclass(slots=True)
class Verdict:
    """The result of judging one simulation."""

    compared: int = 0
    disagreements: list[Disagreement] = field(default_factory=list[Disagreement])
    records: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


# ---- the simulation ------------------------------------------------------------------------------------------


def judge(scenario: Scenario, host: RealHost, *, seed: int = 0, port: int | None = None) -> Verdict:
    """Simulates the scenario, every answer compared with the real SDK's.

    `port`: where to send requests to, if something is between here and the host.
    """
    world = World(seed, full=True)
    host.load(scenario)
    with closing(JudgedEngine(world, scenario, host, port or host.port)) as engine:
        return simulated(engine, world, scenario)


def simulated(engine: JudgedEngine, world: World, scenario: Scenario) -> Verdict:
    """Runs the simulation to its end; returns what came of judging it."""
    moments = world.moments = Moments(world)
    FaultInjector(world, scenario, engine, moments).arm()
    WorkloadDriver(world, scenario, engine, moments).arm()
    world.run()
    engine.verdict.records = engine.findings().records
    return engine.verdict


class JudgedEngine(Inngest):
    """The model, with each of its hosts judged."""

    judged: str = "python"
    """The language of the real SDK."""

    def __init__(self, world: World, scenario: Scenario, real: RealHost, port: int) -> None:
        self.real = real
        self.verdict = Verdict()
        self.current: Script | None = None
        """Of the request whose code is running now."""
        self.events: dict[str, Sequence[Event]] = {}
        self.planned: dict[str, dict[str, Op]] = {}
        """By run: the op by which each step was asked for."""
        self._client = http.client.HTTPConnection(HOST, port, timeout=30)
        self._requests = 0
        super().__init__(world, scenario, records=True)
        if self.app.sdk != self.judged:
            raise ValueError(f"the real SDK at hand is {self.judged}'s")

    def close(self) -> None:
        self._client.close()

    def build_app(self) -> ModelledApp:
        app = super().build_app()
        fails, computes, sends = app.code.code_fails, app.code.computed, app.event_from_step

        def code_fails(run: RunInfo, step: Fail | Bug, key: str) -> bool:
            shows = fails(run, step, key)
            assert self.current is not None
            self.current.bugs[key] = shows
            return shows

        def computed(run: RunInfo, key: str) -> int:
            times = computes(run, key)
            assert self.current is not None
            self.current.computed[key] = times
            return times

        def event_from_step(run: RunInfo, step: Send | Start, luck: str) -> Event:
            event = sends(run, step, luck)
            assert self.current is not None
            self.current.posts[luck.removeprefix(f"{run.luck}/")] = event
            return event

        app.code.code_fails, app.code.computed, app.event_from_step = code_fails, computed, event_from_step
        return app

    def build_host(self, name: str, kind: type[FunctionHost] = FunctionHost) -> FunctionHost:
        host = super().build_host(name, JudgedHost)
        assert isinstance(host, JudgedHost)
        host.engine = self
        return host

    def invocation(self, host: JudgedHost, exchange: Exchange, connection: Connection, reply: Any) -> Noting:
        """One request in a judged host."""
        return JudgedInvocation(host, exchange, connection, reply)

    def compare(self, script: Script, answer: Answer) -> None:
        """Asks the real host the same, and compares."""
        request = script.request
        planned = self.planned.setdefault(request.run.name, {})
        for op in answer.ops:
            if isinstance(op.opts, InvokeOpts):
                script.payloads[op.id] = self.functions.child_data(script.events[0].data, op.opts.function, op.opts.key)
        self._requests += 1
        call = self.real.expect(str(self._requests), script, wire.steps(request, planned))
        before = time.time()
        response = self._answered(request, script, planned)
        window = (before - CLOCK_S, time.time() + CLOCK_S)
        problems = [*call.problems(), *differences(script, answer, response, self.world.now, window)]
        self.verdict.compared += 1
        self.verdict.disagreements += [Disagreement(request.run.name, request.line, each) for each in problems]
        planned.update({op.id: op for op in answer.ops if op.opts is not None})

    def _answered(self, request: Request, script: Script, planned: Mapping[str, Op]) -> Response:
        body = json.dumps(wire.body(request, self._requests, script.events, planned), separators=(",", ":"))
        version = -1 if not request.stack and not request.attempt else self.app.request_version
        self._client.request("POST", wire.query(request), body, wire.headers(request, self._requests, version))
        answer = self._client.getresponse()
        return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(answer.read()))


class JudgedHost(FunctionHost):
    """A modelled host that lets each of its answers be compared before it is given."""

    engine: JudgedEngine

    def _invocation(self, exchange: Exchange, connection: Connection, reply: Any) -> Invocation:
        engine, run = self.engine, exchange.run.name
        state = engine.redis.state.get(run)
        if state is not None:
            engine.events[run] = state.events
        return engine.invocation(self, exchange, connection, reply)

    def respond(self, invocation: Invocation, answer: Answer) -> None:
        assert isinstance(invocation, Noting)
        self.engine.compare(invocation.script, answer)
        super().respond(invocation, answer)


class Noting(Invocation):
    """Notes what the outside decides, on the way to an SDK's own invocation."""

    engine: JudgedEngine

    def __init__(self, host: JudgedHost, exchange: Exchange, connection: Connection, reply: Any) -> None:
        super().__init__(host, exchange, connection, reply)
        self.engine = host.engine
        self.script = Script(exchange.request, host.engine.events[exchange.run.name], dict(host.code))

    def program(self, sdk: Sdk) -> Program:
        program = super().program(sdk)
        self.script.workflow = program.workflow
        self.script.new_code = self.request.created_at >= self.app.deployed_at(self.request.function)
        return program

    def execute(self, step: Run, name: str, key: str, report: Callable[[Outcome], Any]) -> Execution:
        self.script.steps[key] = step
        return super().execute(step, name, key, self._noted(key, report))

    def send(self, step: Send | Start, name: str, key: str, report: Callable[[Outcome], Any]) -> None:
        self.script.steps[key] = step
        super().send(step, name, key, self._noted(key, report))

    def _noted(self, key: str, report: Callable[[Outcome], Any]) -> Callable[[Outcome], Any]:
        def noted(outcome: Outcome) -> None:
            self.script.outcomes[key] = outcome
            report(outcome)

        return noted


class JudgedInvocation(Noting, PythonInvocation):
    """An invocation on the Python SDK."""

    def _go_on(self, value: object) -> None:
        self.engine.current = self.script
        super()._go_on(value)


# ---- the real host -------------------------------------------------------------------------------------------


class Expected(App):
    """One request in the real host: runs to the script, and notes where the code leaves it."""

    def __init__(self, host: RealHost, script: Script, steps: Mapping[str, Any]) -> None:
        self.host = host
        self.script = script
        self.steps = steps
        self.executed: list[str] = []
        self.posted: list[Mapping[str, Any]] = []
        self.fetched: list[str] = []
        self.called = False

    def problems(self) -> Iterator[str]:
        """What the real host did apart from its answer that the modelled one did not, and vice versa."""
        script = self.script
        if not self.called:
            yield "the real SDK did not call the function"
        if self.executed != list(script.outcomes):
            yield f"bodies run: {list(script.outcomes)} predicted, {self.executed} real"
        sent = [{"name": event.name, "data": dict(event.data)} for event in script.posts.values()]
        posted = [{"name": each["name"], "data": each["data"]} for each in self.posted]
        if json.loads(json.dumps(sent)) != posted:
            yield f"events sent: {sent} predicted, {posted} real"
        if sorted(self.fetched) != (["actions", "batch"] if script.request.use_api else []):
            yield f"fetched: {self.fetched}"

    async def execute(self, step: Run, name: str, key: str) -> Outcome:
        self.executed.append(key)
        outcome = self.script.outcomes.get(key)
        return Outcome(error=f"the model does not run {key} here") if outcome is None else outcome

    async def compute(self, step: Compute, name: str, us: int) -> None:
        return

    def computed(self, step: Compute, key: str) -> int:
        return self.script.computed.get(key, 1)

    def event(self, step: Send | Start, key: str) -> inngest.Event:
        event = self.script.posts.get(key)
        return (
            inngest.Event(name="nothing/predicted")
            if event is None
            else inngest.Event(name=event.name, data=dict(event.data))
        )

    async def sending(self, name: str) -> None:
        posting = [key for key in self.script.posts if key not in self.executed]
        self.executed += posting[:1]
        self.host.posting = self

    def payload(self, step: Call, key: str) -> Mapping[str, Any]:
        return self.script.payloads.get(key, {})

    def match_field(self, step: WaitFor) -> str | None:
        return step.match or self.host.functions[self.script.request.function].key

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        return self.script.bugs.get(key, False)

    def patched(self, step: Patched) -> bool:
        return self.script.new_code


class RealHost:
    """A function host on the Python SDK, in a thread, with the server's API that it calls beside it."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self.functions: Mapping[str, Function] = {}
        self.posting: Expected | None = None
        """The request that is sending events."""
        self._expected: dict[str, Expected] = {}
        self._latest: dict[str, Expected] = {}
        """By run id."""
        self._client: inngest.Inngest | None = None
        self._functions: Asgi | None = None
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def load(self, scenario: Scenario) -> None:
        """Serves the functions of that scenario from now on."""
        assert self._client is not None
        self.functions = register(scenario)
        self._functions = Asgi(self._client, served(self._client, self.functions, self._call), other=self._server)

    def expect(self, number: str, script: Script, steps: Mapping[str, Any]) -> Expected:
        """The next request."""
        expected = Expected(self, script, steps)
        self._expected = {number: expected}
        self._latest = {wire.run_id(script.request.run.name): expected}
        return expected

    def __enter__(self) -> RealHost:
        self._thread.start()
        wait_until(lambda: listens(self.port), "the function host", every_s=0.005)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._client = client(f"http://{HOST}:{self.port}")
        await serve_until(self._answer, self.port, self._stop)
        await let_go(self._client)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        app = lifespan if self._functions is None or scope["type"] == "lifespan" else self._functions
        await app(scope, receive, send)

    async def _call(self, name: str, context: inngest.Context) -> Any:
        expected = self._expected[str(context.request_id)]
        script = expected.script
        assert script.workflow is not None
        expected.called = script.request.function == name
        return await call(context, expected, script.workflow, script.request.run)

    async def _server(self, method: str, path: str, body: bytes) -> Reply:
        """The server's side: events are taken as they were in the simulation, state is given out."""
        if path.startswith("/e/"):
            return self._take_events(json.loads(body))
        _, version, runs, run, what = (*path.split("/"), "", "", "")[:5]
        if (method, version, runs) == ("GET", "v0", "runs") and run in self._latest:
            expected = self._latest[run]
            expected.fetched.append(what)
            events = [wire.as_json(event) for event in expected.script.events]
            return _json(200, events if what == "batch" else expected.steps)
        return _json(404, {"error": "not found"})

    def _take_events(self, events: list[Mapping[str, Any]]) -> Reply:
        expected = self.posting
        assert expected is not None
        expected.posted += events
        key = expected.executed[-1] if expected.executed else ""
        outcome = expected.script.outcomes.get(key)
        if outcome is not None and not outcome.ok:
            return _json(400, {"ids": [], "status": 400, "error": outcome.error})
        return _json(200, {"ids": [wire.run_id(f"sent {key}")], "status": 200})


def _json(status: int, value: Any) -> Reply:
    return status, {"content-type": "application/json"}, json.dumps(value).encode()


# ---- comparing -----------------------------------------------------------------------------------------------


def differences(
    script: Script, answer: Answer, response: Response, now: int, window: tuple[float, float]
) -> Iterator[str]:
    """How the real answer differs from the predicted one; `now` is the simulation's time, `window` the real time."""
    headers, body = response.headers, response.body
    pairs: list[tuple[str, object, object]] = [
        ("status", answer.status, response.status),
        ("x-inngest-no-retry", answer.no_retry, headers.get("x-inngest-no-retry") == "true"),
        ("x-inngest-req-version", str(answer.version), headers.get("x-inngest-req-version")),
        ("x-inngest-sdk", True, headers.get("x-inngest-sdk", "").startswith("inngest-py:v")),
        ("retry-after", answer.retry_after is not None, "retry-after" in headers),
        ("number of ops", len(answer.ops), len(response.ops)),
    ]
    if response.status >= 400:
        pairs.append(("error", answer.error, body.get("message") if isinstance(body, dict) else body))
    if answer.retry_after is not None and "retry-after" in headers:
        pairs.append(("retry-after", True, _within(headers["retry-after"], answer.retry_after, window)))
    for number, (op, real) in enumerate(zip(answer.ops, response.ops, strict=False), 1):
        pairs += [
            (f"op {number}: {what}", predicted, got) for what, predicted, got in _op(script, op, real, now, window)
        ]
    for what, predicted, got in pairs:
        if predicted != got:
            yield f"{what}: {predicted!r} predicted, {got!r} real"


def _op(
    script: Script, op: Op, real: Mapping[str, Any], now: int, window: tuple[float, float]
) -> Iterator[tuple[str, object, object]]:
    opts: Mapping[str, Any] = real.get("opts") or {}
    yield "op", op.code, real.get("op")
    yield "id", op.hashed, real.get("id")
    yield "displayName", op.name, real.get("displayName")
    _, _, index = op.id.removeprefix(op.name).partition(":")
    yield "userland", {"id": op.name, "index": int(index) if index else None}, real.get("userland")
    yield "parallelMode", "race" if op.race else None, opts.get("parallelMode")
    yield "has data", op.memo is not None and op.memo.error is None, real.get("data") is not None
    yield "error", None if op.memo is None else op.memo.error, (real.get("error") or {}).get("message")
    if op.memo is not None and op.memo.error is None:
        yield "data", *_data(script, op, real.get("data"))
    match op.opts:
        case SleepOpts(until=until):
            assert until is not None
            later = (window[0], window[1] + _busy(script))
            yield "until", True, _within(str(real.get("name")), until - now, later)
        case WaitOpts():
            yield "event", op.opts.event, real.get("name")
            yield "if", None if op.opts.field is None else matches(op.opts.field), opts.get("if")
            yield "timeout", op.opts.timeout, parse_duration(str(opts.get("timeout")))
        case InvokeOpts():
            timeout = opts.get("timeout")
            yield "function", function_id(op.opts.function), opts.get("function_id")
            yield "payload", script.payloads[op.id], (opts.get("payload") or {}).get("data")
            yield "timeout", op.opts.timeout, None if timeout is None else parse_duration(timeout)
        case None:
            yield "name", op.name, real.get("name")


def _data(script: Script, op: Op, real: Any) -> tuple[object, object]:
    """Outcomes as predicted; of a `send` step, as many ids as events."""
    assert op.memo is not None
    if op.id in script.posts:
        return 1, len(real) if isinstance(real, list) else real
    values = {name: value for name, value in (real or {}).items() if name != "padding"}
    return {"step": op.name, "ok": True, **(op.memo.value or {})}, values


def _busy(script: Script) -> float:
    """Seconds that code beside a sleep may be busy between the sleep's being asked for and the answer."""
    steps = () if script.workflow is None else script.workflow.walk()
    return sum(max(step.compute.values) for step in steps if isinstance(step, Compute)) / SECOND


def _within(time_: str, ahead: int, window: tuple[float, float]) -> bool:
    """Whether an ISO time lies that many microseconds ahead of some moment of the window."""
    at = wire.moment(time_) - ahead / SECOND
    return window[0] <= at <= window[1]
