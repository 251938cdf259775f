"""Records what passes between a real server and a real app, in the line grammar of the conformance cases.

Requests and answers are read back into the model's own terms (`Request`, `Answer`), and written by the model's relay.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from durascope.live.inngest.functions import APP
from durascope.live.inngest.relay import Message
from durascope.live.inngest.serving import PATH
from durascope.live.inngest.wire import Response, moment
from durascope.models.durations import parse_duration
from durascope.models.units import SECOND
from durascope.simulators.inngest.functions import FINISHED, Function
from durascope.simulators.inngest.lines import Exchange, Relay
from durascope.simulators.inngest.protocol import (
    INVOKE_FUNCTION,
    SLEEP,
    STEP_FAILED,
    STEP_PLANNED,
    WAIT_FOR_EVENT,
    Answer,
    InvokeOpts,
    Memo,
    Op,
    Request,
    SleepOpts,
    WaitOpts,
)
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

IDENTITY: Final = "_durascope"
"""The field of an event's data that says which run of the scenario it starts."""
_TIMED_OUT: Final = "Timed out waiting"


class _Clock:
    """What the model's relay needs of a world: the time, in microseconds, and somebody to tell of its lines."""

    full = True

    @property
    def now(self) -> int:
        return round(time.time() * SECOND)

    def emit(self, *_: object, **__: object) -> int:
        return 0


@dataclass(eq=False)
class Run:
    """A real run."""

    id: str
    info: RunInfo
    status: str = "running"
    asked: dict[str, Op] = field(default_factory=dict[str, Op])
    """What its answers asked for or told of, by hash."""
    inherits: bool = False
    """What its first request shows as finished is another run's work."""
    memos: dict[str, Memo] = field(default_factory=dict[str, Memo])
    """Its finished steps, by hash, as far as requests have shown them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits for its answer."""

    run: Run
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Posted:
    """Finished steps on their way to the server: a checkpoint."""

    run: Run
    ops: tuple[Op, ...]


class Recorder:
    """Watches both ways: requests to the app (`to_app`), and the app's own to the server (`to_server`)."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        *,
        starts: int = 0,
        moment: Callable[[Run, str, str], None] = lambda _run, _step, _moment: None,
        marked: Callable[[Run, str], None] = lambda _run, _event: None,
    ) -> None:
        self.runs: dict[str, Run] = {}
        """By id."""
        self.functions = functions
        self.clock = _Clock()
        self.relay = Relay(cast("World", self.clock), keeps_records=True)
        self.active = time.monotonic()
        """When anything passed last."""
        self._moment = moment
        self._marked = marked
        self._numbers: dict[str, int] = {}
        self._starts = starts
        """How many runs there are with the workload's and those that an operator has made of others."""
        self._lock = threading.RLock()
        self.to_app = _ToApp(self)
        self.to_server = _ToServer(self)

    # ---- runs ------------------------------------------------------------------------------------------------

    def identify(self, id_: str, function: str, event: Mapping[str, Any], count: int = 1) -> Run:
        """Returns the run of that id; a new one gets its name and its first line."""
        with self._lock:
            run = self.runs.get(id_)
            if run is None:
                run = self._made(id_, self._info(function, event))
                more = f" x{count}" if count > 1 else ""
                self.relay.other(run.info, f"run created {event['name']}{more}")
            return run

    def _made(self, id_: str, info: RunInfo) -> Run:
        """A new run; where there is one of that name an operator has made it of that one, whose steps it may have."""
        other = next((run for run in self.runs.values() if run.info.name == info.name), None)
        if other is None:
            run = Run(id_, info)
        else:
            self._starts += 1
            name = f"run {self._starts}"
            run = Run(id_, replace(info, name=name, luck=name), asked=dict(other.asked), inherits=True)
        self.runs[id_] = run
        return run

    def _info(self, name: str, event: Mapping[str, Any]) -> RunInfo:
        function = self.functions[name]
        data = dict(event.get("data") or {})
        told: dict[str, Any] = data
        if function.kind != "function" or function.of is not None:
            told = dict((data.get("event") or {}).get("data") or {})
            parent = self.runs.get(str(data.get("run_id")))
            data = {**told, "run_id": None if parent is None else parent.info.name}
        identity: Mapping[str, Any] = told.get(IDENTITY) or {}
        data = {field: value for field, value in data.items() if field not in (IDENTITY, "_inngest")}
        key = None if function.key is None else str(data.get(function.key))
        if identity.get("run") is not None and identity.get("workflow") == name:
            return RunInfo(identity["run"], name, identity["number"], key, data, identity["luck"])
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        called = f"{name} run {number}"
        return RunInfo(called, name, int(identity.get("number", 0)), key, data, str(identity.get("luck") or called))

    def ended(self, run: Run, status: str) -> None:
        """The server says that the run is over."""
        with self._lock:
            if run.status == "running":
                run.status = status
                self.relay.other(run.info, f"run {status}")

    # ---- requests to the app ---------------------------------------------------------------------------------

    def request(self, message: Message) -> Asked:
        body = json.loads(message.body)
        with self._lock:
            name = message.query["fnId"].removeprefix(f"{APP}-")
            run = self.identify(body["ctx"]["run_id"], name, body["event"], len(body.get("events") or (None,)))
            new = self._memos(run, body)
            if run.inherits:
                new, run.inherits = (), False
            target = message.query.get("stepId", "step")
            op = run.asked.get(target)
            step = None if target == "step" else target
            context = body["ctx"]
            stack = tuple(each for each in context["stack"].get("stack") or () if each in run.memos)
            request = Request(
                run=run.info,
                function=name,
                step=step,
                step_name=target if op is None and step else None if op is None else op.name,
                attempt=context["attempt"],
                max_attempts=context.get("max_attempts") or 0,
                generation=int(context.get("generation_id") or message.header("x-inngest-generation-id") or 1),
                job=str(context.get("job_id", "")),
                steps={each: run.memos[each] for each in stack},
                stack=stack,
                current=context["stack"].get("current", 0),
                plan_only=bool(context.get("disable_immediate_execution")),
                use_api=bool(body.get("use_api")),
                created_at=int(body["event"].get("ts", 0)) * 1_000,
                size=len(message.body),
            )
            for each in new:
                self._resumed(run, each)
            asked = Asked(run, self.relay.post(run.info, request))
        for each in new:
            self._moment(run, run.memos[each].name, "recorded")
        return asked

    def _memos(self, run: Run, body: Mapping[str, Any]) -> Sequence[str]:
        """Learns the finished steps that a request shows; returns those that are new."""
        steps: Mapping[str, Any] = body["steps"]
        if body.get("use_api"):
            known = body["ctx"]["stack"].get("stack") or ()
            steps = {each: self._by_api(run, each) for each in known}
        new: list[str] = []
        stack = body["ctx"]["stack"].get("stack") or ()
        for each, value in sorted(steps.items(), key=lambda item: stack.index(item[0]) if item[0] in stack else -1):
            if each not in run.memos and each in run.asked:
                name = run.asked[each].name
                error = value.get("error") if isinstance(value, dict) and set(value) == {"error"} else None
                text = None if error is None else str(error.get("message", ""))
                run.memos[each] = Memo(name, value if isinstance(value, dict) else None, text, 0)
                new.append(each)
        return new

    @staticmethod
    def _by_api(run: Run, step: str) -> Any:
        """What is not in the request: as its op told."""
        op = run.asked.get(step)
        return {"error": {}} if op is not None and op.code == STEP_FAILED else {"data": None}

    def _resumed(self, run: Run, step: str) -> None:
        op, memo = run.asked[step], run.memos[step]
        if op.code == INVOKE_FUNCTION:
            timed_out = memo.error is not None and memo.error.startswith(_TIMED_OUT)
            how = "timed out" if timed_out else f"resumed by {FINISHED}"
        elif op.code == WAIT_FOR_EVENT:
            how = "timed out" if memo.value is None else f"resumed by {memo.value['name']}"
        else:
            return
        self.relay.resumed(run.info, step, f"pause {op.name} {how}")

    # ---- answers ---------------------------------------------------------------------------------------------

    def answer(self, asked: Asked, message: Message) -> tuple[Op, ...]:
        response = _response(message)
        answer = answer_of(response, self.clock.now)
        with self._lock:
            for op in answer.ops:
                old = asked.run.asked.get(op.id)
                if old is None or old.opts is None:
                    asked.run.asked[op.id] = op
            self.relay.answer(asked.exchange, answer, self.clock.now)
        return answer.ops

    def no_answer(self, asked: Asked, why: str) -> None:
        with self._lock:
            self.relay.no_answer(asked.exchange, why)

    def told(self, run: Run, ops: Sequence[Op]) -> None:
        """The server has the answer."""
        for op in ops:
            if op.code == STEP_PLANNED:
                self._moment(run, op.name, "scheduled")
            elif op.code in (SLEEP, WAIT_FOR_EVENT):
                self._marked(run, "SleepStarted" if op.code == SLEEP else "WaitStarted")

    # ---- the app's own requests ------------------------------------------------------------------------------

    def sent(self, message: Message) -> Posted | None:
        """A host posts events, or fetches a run's state; or it posts steps, of which the answer matters."""
        with self._lock:
            if message.path.startswith("/e/"):
                events = json.loads(message.body)
                for event in events if isinstance(events, list) else [events]:
                    sender = ((event.get("data") or {}).get(IDENTITY) or {}).get("sender")
                    run = next((each for each in self.runs.values() if each.info.name == sender), None)
                    if run is not None:
                        self.relay.other(run.info, f"send {event['name']}")
            elif message.path.startswith("/v1/checkpoint/"):
                return self._checkpointed(message)
            elif message.path.startswith("/v0/runs/"):
                _, _, _, id_, what, *_ = (*message.path.split("/"), "")
                run = self.runs.get(id_)
                if run is not None and message.method == "GET":
                    self.relay.other(run.info, f"GET {what}")
        return None

    def _checkpointed(self, message: Message) -> Posted | None:
        run = self.runs.get(message.path.split("/")[3])
        if run is None:
            return None
        ops = tuple(_op(each) for each in json.loads(message.body)["steps"])
        return Posted(run, ops)

    def saved(self, posted: Posted, said: str = "") -> None:
        """Notes the outcome of posted steps; `said`: the server's reason for refusing them."""
        with self._lock:
            for op in posted.ops:
                posted.run.asked.setdefault(op.id, op)
            self.relay.checkpoint(posted.run.info, posted.ops, said)
        for op in () if said else posted.ops:
            self._moment(posted.run, op.name, "recorded")


class _ToApp:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def asked(self, request: Message) -> Asked | None:
        if request.method != "POST" or request.path != PATH or "fnId" not in request.query:
            return None
        self._recorder.active = time.monotonic()
        return await asyncio.to_thread(self._recorder.request, request)

    async def answered(self, token: Asked | None, answer: Message, *, heard: bool) -> None:
        if token is None:
            return
        self._recorder.active = time.monotonic()
        if answer.header("x-inngest-sdk") is None:
            self._recorder.no_answer(token, "lost")  # the web server's own: it stops, and gives the request up
        elif heard:
            self._recorder.answer(token, answer)
        else:
            self._recorder.no_answer(token, "unheard")

    async def passed_on(self, token: Asked | None, answer: Message) -> None:
        if token is not None and answer.header("x-inngest-sdk") is not None:
            ops = answer_of(_response(answer), self._recorder.clock.now).ops
            await asyncio.to_thread(self._recorder.told, token.run, ops)

    async def unanswered(self, token: Asked | None, why: str) -> None:
        if token is not None:
            self._recorder.active = time.monotonic()
            self._recorder.no_answer(token, why)


class _ToServer:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def asked(self, request: Message) -> Posted | None:
        self._recorder.active = time.monotonic()
        return self._recorder.sent(request)

    async def answered(self, token: Posted | None, answer: Message, *, heard: bool) -> None:
        if token is not None:
            said = "" if answer.status < 400 else f" -> {answer.status}"
            await asyncio.to_thread(self._recorder.saved, token, said)

    async def passed_on(self, token: Posted | None, answer: Message) -> None:
        return

    async def unanswered(self, token: Posted | None, why: str) -> None:
        if token is not None:
            self._recorder.saved(token, f" -> {why}")


# ---- reading answers -----------------------------------------------------------------------------------------


def _response(message: Message) -> Response:
    try:
        body = json.loads(message.body)
    except ValueError:
        body = None
    return Response(message.status, dict(message.headers), body)


def answer_of(response: Response, now: int) -> Answer:
    """A real answer in the model's terms; ops carry their hashes as ids."""
    wait = response.headers.get("retry-after")
    body = response.body
    return Answer(
        response.status,
        tuple(_op(each) for each in response.ops),
        response.headers.get("x-inngest-no-retry") == "true",
        None if wait is None else _wait(wait, now),
        error=body.get("message") if isinstance(body, dict) and response.status >= 400 else None,
        version=int(response.headers.get("x-inngest-req-version", 2)),
    )


def _wait(text: str, now: int) -> int:
    """Seconds, or a date; what is left of a date, to the tenth of a second that was asked for."""
    if text.isdigit():
        return int(text) * SECOND
    tenth = SECOND // 10
    return -(-(round(moment(text) * SECOND) - now) // tenth) * tenth


def _op(op: Mapping[str, Any]) -> Op:
    opts: Mapping[str, Any] = op.get("opts") or {}
    code, name = op["op"], op.get("displayName") or op.get("name") or op["id"]
    parsed: SleepOpts | WaitOpts | InvokeOpts | None = None
    match code:
        case "Sleep":
            parsed = _sleep(str(op["name"]))
        case "WaitForEvent":
            parsed = WaitOpts(op["name"], opts.get("if"), parse_duration(opts["timeout"]))
        case "InvokeFunction":
            timeout = opts.get("timeout")
            known = None if timeout is None else parse_duration(timeout)
            parsed = InvokeOpts(opts["function_id"].removeprefix(f"{APP}-"), None, known, "")
        case _:
            pass
    error: Mapping[str, Any] | None = op.get("error")
    memo = None
    if "data" in op or error:
        memo = Memo(name, None, None if error is None else str(error.get("message", "")), 0)
    return Op(code, op["id"], name, memo, parsed, opts.get("parallelMode") == "race")


def _sleep(text: str) -> SleepOpts:
    if text[:1].isdigit() and "T" not in text:
        return SleepOpts(None, parse_duration(text) // SECOND)
    return SleepOpts(round(moment(text) * SECOND), None)
