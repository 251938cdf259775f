"""Generated projects for Inngest under the real SDK: each answer to the model's executor is compared with the model's.

    executor ── request ──▶ modelled host ── predicted answer ──▶ executor
                   │                              ║ equal?
                   └─ HTTP ▶ generated app ─ answer ═╝

Requests that nobody answered, because a crash came first, have nothing to compare.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar, Final, cast
from unittest.mock import patch

from durascope.live.inngest import wire
from durascope.live.inngest.judge import (
    Disagreement,
    JudgedEngine,
    JudgedHost,
    JudgedInvocation,
    Noting,
    Script,
    Verdict,
    simulated,
)
from durascope.live.inngest.wire import Response
from durascope.live.processes import HOST, free_ports, listens, wait_until
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Run, Send, Start
from durascope.models.units import SECOND
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.python.names import Named as PythonNamed
from durascope.render.code.inngest.typescript.names import Named as TypeScriptNamed
from durascope.render.code.program import Book, Operation
from durascope.simulators.bodies import Body
from durascope.simulators.inngest.checkpointing import CheckpointingInvocation
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.lines import Exchange
from durascope.simulators.inngest.protocol import (
    RUN_COMPLETE,
    WAIT_FOR_EVENT,
    Answer,
    InvokeOpts,
    Memo,
    Op,
    Request,
    SleepOpts,
    WaitOpts,
)
from durascope.simulators.inngest.typescript_sdk import TypeScriptInvocation
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.services import Execution, Services
from tests.live.written import packages, written

HERE: Final = Path(__file__).parent
PACKAGES: Final = packages("inngest")


# ---- the generated app ---------------------------------------------------------------------------------------


class App(ABC):
    """A process that serves a generated project."""

    sdk: ClassVar[str]
    named: PythonNamed | TypeScriptNamed
    """What everything in the project is called."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        written(scenario, "inngest", self.sdk, folder)
        self.named = self.names(facts.told_of(scenario))
        (self.port,) = free_ports(1)
        with (folder / "app.log").open("wb") as log:
            self.process = subprocess.Popen(self.command(folder), stdout=log, stderr=subprocess.STDOUT)
        wait_until(lambda: listens(self.port), "the generated app", seconds=60)
        self._connection = HTTPConnection(HOST, self.port, timeout=60)

    @abstractmethod
    def names(self, book: Book) -> PythonNamed | TypeScriptNamed: ...

    @abstractmethod
    def command(self, folder: Path) -> Sequence[str]:
        """What starts it."""

    def ask(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Response:
        text = json.dumps(body, separators=(",", ":"))
        self._connection.request("POST", path, text, {"content-type": "application/json", **(headers or {})})
        answer = self._connection.getresponse()
        return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(answer.read()))

    def close(self) -> None:
        self._connection.close()
        self.process.kill()
        self.process.wait(10)


class TypeScript(App):
    """A project on the TypeScript SDK."""

    sdk = "typescript"

    def names(self, book: Book) -> TypeScriptNamed:
        return TypeScriptNamed(book)

    def command(self, folder: Path) -> Sequence[str]:
        (folder / "node_modules").symlink_to(PACKAGES)
        return ["node", str(HERE / "generated_inngest.js"), str(folder), str(self.port)]


class Python(App):
    """A project on the Python SDK."""

    sdk = "python"

    def names(self, book: Book) -> PythonNamed:
        return PythonNamed(book)

    def command(self, folder: Path) -> Sequence[str]:
        return [sys.executable, str(HERE / "generated_inngest.py"), str(folder), str(self.port)]


# ---- the model -----------------------------------------------------------------------------------------------


@dataclass(eq=False)
class ProjectScript(Script):
    """What the outside world decided, checkpoints included."""

    checkpoints: list[tuple[Sequence[Op], str]] = field(default_factory=list[tuple[Sequence[Op], str]])
    """What was posted, and what came of it."""
    takes: dict[str, int] = field(default_factory=dict[str, int])
    """How long the bodies of steps take, by their use."""


@dataclass(frozen=True, slots=True)
class Question:
    """A step has asked its service for its effect."""

    effect: str
    found: bool


class OnTypeScript(Noting, TypeScriptInvocation):
    """Notes what the outside decides, on the TypeScript SDK."""

    def __init__(self, host: JudgedHost, exchange: Exchange, connection: Connection, reply: Any) -> None:
        super().__init__(host, exchange, connection, reply)
        self.script = ProjectScript(self.script.request, self.script.events, self.script.code)

    def advance(self) -> None:
        self.engine.current = self.script
        super().advance()

    def send(self, step: Send | Start, name: str, key: str, report: Any) -> None:
        self.engine.current = self.script
        super().send(step, name, key, report)

    def execute(self, step: Run, name: str, key: str, report: Any) -> Execution:
        execution = super().execute(step, name, key, report)
        assert isinstance(self.script, ProjectScript)
        self.script.takes[key] = execution.takes
        return execution


class OnCheckpointing(OnTypeScript, CheckpointingInvocation):
    """The same, where steps run on and on."""

    def _saved(self) -> None:
        self._note("saved")
        super()._saved()

    def _refused(self) -> None:
        self._note("refused")
        super()._refused()

    def _note(self, what: str) -> None:
        assert isinstance(self.script, ProjectScript)
        self.script.checkpoints.append((tuple(self._buffer), what))


class ProjectEngine(JudgedEngine):
    """The model, its hosts judged by the project that is written for each version of the code."""

    def __init__(self, world: World, scenario: Scenario, folder: Path, kind: type[App]) -> None:
        self.written_of, self.folder, self.kind = scenario, folder, kind
        self.apps: list[tuple[Mapping[str, Workflow], App]] = []
        self.questions: dict[tuple[str, str], Question] = {}
        """By run and step: the last time that it asked its service."""
        self.references: dict[str, str] = {}
        """By effect: what the project's code calls it."""
        self.judged = kind.sdk
        super().__init__(world, scenario, cast("Any", None), 0)

    @contextmanager
    def noting(self) -> Generator[None]:
        """Notes what steps ask of their services meanwhile."""
        is_done = Services.is_done

        def noted(services: Services, run: RunInfo, body: Body, name: str, key: str) -> bool:
            found = is_done(services, run, body, name, key)
            self.questions[run.name, key] = Question(services.effect_name(run, body, name, key), found)
            return found

        with patch.object(Services, "is_done", noted):
            yield

    def close(self) -> None:
        for _, app in self.apps:
            app.close()
        super().close()

    def invocation(self, host: JudgedHost, exchange: Exchange, connection: Connection, reply: Any) -> Noting:
        if self.kind.sdk == "python":
            return JudgedInvocation(host, exchange, connection, reply)
        plain = exchange.request.step is not None or exchange.request.plan_only or self.app.checkpointing is None
        return (OnTypeScript if plain else OnCheckpointing)(host, exchange, connection, reply)

    def app_of(self, code: Mapping[str, Workflow]) -> App:
        """The app with that code."""
        for known, app in self.apps:
            if known == code:
                return app
        folder = self.folder / f"project-{len(self.apps) + 1}"
        app = self.kind(self.written_of.model_copy(update={"workflows": dict(code)}), folder)
        self.apps.append((code, app))
        return app

    def compare(self, script: Script, answer: Answer) -> None:
        request, app = script.request, self.app_of(script.code)
        judge = Comparison(self, app, script)
        planned = self.planned.setdefault(request.run.name, {})
        app.ask("/script", judge.script_json(planned))
        self._requests += 1
        response = app.ask(judge.query(), judge.body(self._requests, planned), judge.headers(self._requests))
        problems = [*judge.differences(answer, response), *judge.beside(app.ask("/told", {}).body)]
        self.verdict.compared += 1
        self.verdict.disagreements += [Disagreement(request.run.name, request.line, each) for each in problems]
        planned.update({op.id: op for op in answer.ops if op.opts is not None})


# ---- one request ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request, as the project's app is asked, and what is compared of its answer."""

    engine: ProjectEngine
    app: App
    script: Script

    @property
    def request(self) -> Request:
        return self.script.request

    # ---- what is asked ---------------------------------------------------------------------------------------

    def query(self) -> str:
        request = self.request
        step = "step" if request.step is None else wire.hashed(request.step)
        return f"/api/inngest?fnId={self.app.named.app}-{request.function}&stepId={step}"

    def headers(self, number: int) -> Mapping[str, str]:
        request = self.request
        version = -1 if not request.stack and not request.attempt else self.engine.app.request_version
        return wire.headers(request, number, version)

    def body(self, number: int, planned: Mapping[str, Op]) -> Mapping[str, Any]:
        made = wire.body(self.request, number, self.script.events, planned)
        made["event"] = self._event(self.script.events[0])
        if not self.request.use_api:
            made["events"] = [self._event(each) for each in self.script.events]
            made["steps"] = self._steps(planned)
        return made

    def _event(self, event: Event) -> dict[str, Any]:
        """Handlers of failed and cancelled runs get those runs' events inside of their own."""
        made, function = wire.as_json(event), self.engine.functions[self.request.function]
        if function.kind == "function":
            return made
        inner = {**made, "name": self.engine.functions[function.workflow].event}
        data = {"function_id": "x", "run_id": "x", "error": {"name": "Error", "message": "x"}, "event": inner}
        return {**made, "data": data}

    def _steps(self, planned: Mapping[str, Op]) -> Mapping[str, Any]:
        return {wire.hashed(id_): self._memo(memo, planned.get(id_)) for id_, memo in self.request.steps.items()}

    def _memo(self, memo: Memo, op: Op | None) -> Any:
        if memo.error is not None:
            return {"error": {"name": "Error", "message": memo.error, "stack": ""}}
        if memo.value is None:
            return None
        if op is not None and op.code == WAIT_FOR_EVENT:
            assert isinstance(op.opts, WaitOpts)
            return {"name": op.opts.event, "data": dict(memo.value), "id": "x", "ts": wire.EPOCH_MS}
        return {"data": dict(memo.value) or None}

    def script_json(self, planned: Mapping[str, Op]) -> Mapping[str, Any]:
        script = self.script
        asked = self._questions()
        ran = [(key, outcome) for key, outcome in script.outcomes.items() if self._acts(key)]
        return {
            "questions": [
                {"found": it.found, "values": dict(script.outcomes[key].values)} for key, it in asked.items()
            ],
            "outcomes": [
                {"ok": it.ok, "error": it.error, "values": dict(it.values), "ms": self._takes(key)} for key, it in ran
            ],
            "posts": [it.ok for key, it in script.outcomes.items() if not isinstance(script.steps[key], Run)],
            "begun": list(self._begun()),
            "checkpoints": [what for _, what in script.checkpoints] if isinstance(script, ProjectScript) else [],
            "batch": [self._event(each) for each in script.events],
            "actions": self._steps(planned),
        }

    def _takes(self, key: str) -> float:
        """How many milliseconds a body takes in the app: none, unless the scenario limits a request's time."""
        checkpointing = self.engine.app.checkpointing
        if checkpointing is None or checkpointing.max_runtime is None or not isinstance(self.script, ProjectScript):
            return 0
        return self.script.takes[key] / 1000

    def _questions(self) -> dict[str, Question]:
        """What was asked of services, by the step's use."""
        run, steps = self.request.run.name, self.script.steps
        asking = [key for key, step in steps.items() if isinstance(step, Run) and step.check_first is not None]
        return {key: self.engine.questions[run, key] for key in asking if key in self.script.outcomes}

    def _acts(self, key: str) -> bool:
        """Whether a step calls its service to have an effect."""
        question = self._questions().get(key)
        return isinstance(self.script.steps[key], Run) and not (question is not None and question.found)

    def _begun(self) -> Iterator[Mapping[str, str]]:
        """What the app's table holds of a cancelled run, last first."""
        function = self.engine.functions[self.request.function]
        if function.kind != "on-cancel" or self.script.workflow is None:
            return
        for step in self.script.workflow.steps:
            assert isinstance(step, Run)
            it = next(it for it in self.app.named.book.operations if _label(it).fullmatch(step.run))
            yield {"undo": self.app.named.steps[it], "id": step.run}

    # ---- what is compared ------------------------------------------------------------------------------------

    def beside(self, told: Mapping[str, Any]) -> Iterator[str]:
        """What the app did beside its answer."""
        script = self.script
        executed = [each["operation"] for each in told["executed"]]
        ran = [step.run for key, step in script.steps.items() if isinstance(step, Run) and self._acts(key)]
        yield from self._referred(told["asked"])
        if len(executed) != len(ran) or not all(
            _label(self._operation(name)).fullmatch(label) or self._operation(name).step.run == label
            for name, label in zip(executed, ran, strict=False)
        ):
            yield f"bodies run: {ran} predicted, {executed} real"
        posted = [each["name"] for each in told["posted"]]
        if posted != [event.name for event in script.posts.values()]:
            yield f"events sent: {[event.name for event in script.posts.values()]} predicted, {posted} real"
        for event, real in zip(script.posts.values(), told["posted"], strict=False):
            yield from _common(event.data, real["data"], "event data")
        yield from self.checkpointed(told["checkpoints"])
        if sorted(told["fetched"]) != (["actions", "batch"] if self.request.use_api else []):
            yield f"fetched: {told['fetched']}"

    def _referred(self, asked: Sequence[str]) -> Iterator[str]:
        """Each effect has a reference of its own, and the same one in each attempt."""
        questions = [each.effect for each in self._questions().values()]
        if len(questions) != len(asked):
            yield f"questions: {questions} predicted, {asked} real"
        references = self.engine.references
        for effect, reference in zip(questions, asked, strict=False):
            if references.setdefault(effect, reference) != reference:
                yield f"{effect} is {references[effect]} first, and then {reference}"
            if list(references.values()).count(reference) > 1:
                yield f"{reference} stands for two effects"

    def checkpointed(self, real: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[str]:
        """What was posted in the course of the request."""
        predicted = self.script.checkpoints if isinstance(self.script, ProjectScript) else ()
        for (ops, _), steps in zip(predicted, real, strict=False):
            yield from self._ops("checkpoint", ops, steps)
        if len(predicted) != len(real):
            yield f"checkpoints: {len(predicted)} predicted, {len(real)} real"

    def _operation(self, name: str) -> Operation:
        return next(each for each in self.app.named.book.operations if each.name == name)

    def differences(self, answer: Answer, response: Response) -> Iterator[str]:
        """What is not as predicted in the real answer."""
        headers, body = response.headers, response.body
        pairs: list[tuple[str, object, object]] = [
            ("status", answer.status, response.status),
            ("no-retry", answer.no_retry, headers.get("x-inngest-no-retry") == "true"),
            ("req-version", str(answer.version), headers.get("x-inngest-req-version")),
            ("retry-after", _seconds(answer), _rounded(headers.get("retry-after"))),
        ]
        if response.status >= 400:
            pairs.append(("error", answer.error, _error(body)))
        yield from _unequal(pairs)
        yield from self._ops("op", answer.ops, response.ops)

    def _ops(self, what: str, ops: Sequence[Op], real: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        if len(ops) != len(real):
            yield f"{what}s: {[op.code for op in ops]} predicted, {[each.get('op') for each in real]} real"
        for number, (op, each) in enumerate(zip(ops, real, strict=False), 1):
            yield from (f"{what} {number}: {said}" for said in _unequal(self._op(op, each)))

    def _op(self, op: Op, real: Mapping[str, Any]) -> Iterator[tuple[str, object, object]]:
        opts: Mapping[str, Any] = real.get("opts") or {}
        yield "op", op.code, real.get("op")
        if op.code == RUN_COMPLETE:
            return
        yield "id", op.hashed, real.get("id")
        yield "displayName", op.name, real.get("displayName")
        yield "parallelMode", "race" if op.race else None, opts.get("parallelMode")
        yield "error", None if op.memo is None else op.memo.error, (real.get("error") or {}).get("message")
        if op.memo is not None and op.memo.value and isinstance(real.get("data"), dict):
            found: Mapping[str, Any] = real["data"]
            named_outcomes = {name: value for name, value in op.memo.value.items() if name in found}
            yield "data", named_outcomes, {name: found[name] for name in named_outcomes}
        named = self.app.named
        match op.opts:
            case SleepOpts(until=until) if until is None:
                yield "sleep", op.opts.seconds, _parsed(str(real.get("name")))
            case SleepOpts(until=until):
                assert until is not None
                ahead = wire.moment(str(real.get("name"))) - time.time()
                yield "sleep", True, -2 < ahead - (until - self.engine.world.now) / SECOND < 2
            case WaitOpts():
                yield "event", op.opts.event, real.get("name")
                yield "if", None if op.opts.field is None else named.matches(op.opts.field), opts.get("if")
                yield "timeout", op.opts.timeout // SECOND, _parsed(str(opts.get("timeout")))
            case InvokeOpts(function=function, timeout=timeout):
                yield "function", f"{named.app}-{function}", opts.get("function_id")
                yield "timeout", timeout and timeout // SECOND, _parsed(opts.get("timeout"))
                given = self.engine.functions.child_data(self.script.events[0].data, function, op.opts.key)
                data: Mapping[str, Any] = (opts.get("payload") or {}).get("data") or {}
                yield "payload", {k: v for k, v in given.items() if k in data}, {k: data[k] for k in given if k in data}
            case None:
                pass


def _label(it: Operation) -> re.Pattern[str]:
    """The names that steps with that operation have: loop variables may be any numbers."""
    return re.compile(r"\w+".join(map(re.escape, re.split(r"\{\w+\}", it.step.run))))


def _common(predicted: Mapping[str, Any], real: Mapping[str, Any], what: str) -> Iterator[str]:
    """The fields that both have; the model hands on the whole of a run's input."""
    for name in predicted.keys() & real.keys():
        if predicted[name] != real[name]:
            yield f"{what}: {name} = {predicted[name]!r} predicted, {real[name]!r} real"


def _unequal(pairs: Iterator[tuple[str, object, object]] | Sequence[tuple[str, object, object]]) -> Iterator[str]:
    for what, predicted, got in pairs:
        if predicted != got:
            yield f"{what}: {predicted!r} predicted, {got!r} real"


def _error(body: Any) -> object:
    """What an answer says is wrong; without the steps that were found in place of the one that was asked for."""
    if not isinstance(body, dict):
        return body
    said = str(body.get("message") or body.get("error"))
    return said.partition(". Found new steps")[0].removesuffix(".") if "error" in body else said


def _seconds(answer: Answer) -> int | None:
    """How long the answer asks to wait, in whole seconds."""
    return None if answer.retry_after is None else -(-answer.retry_after // SECOND)


def _rounded(header: str | None) -> int | None:
    """The same of the real one: a number, or a date."""
    if header is None:
        return None
    if header.isdigit():
        return int(header)
    return round(wire.moment(header) - time.time() + 0.4)


_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}


def _parsed(text: str | None) -> int | None:
    """`1w2d` in seconds."""
    return None if text is None else sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([wdhms])", text))


def judged(scenario: Scenario, folder: Path, kind: type[App], *, seed: int = 0) -> Verdict:
    """Simulates the scenario, every answer compared with that of its generated project on the real SDK."""
    world = World(seed, full=True)
    with closing(ProjectEngine(world, scenario, folder, kind)) as engine, engine.noting():
        return simulated(engine, world, scenario)
