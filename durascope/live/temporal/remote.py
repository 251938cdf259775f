"""Workflow code for a worker in another language: it runs here, and asks the worker to do what it needs.

The scenario's language is interpreted once, by `simulators.program`. A worker begins the code of a run, is told
what to do with its own SDK (an activity, a timer, two pieces of code side by side), and says what came of it; order,
cancellation and replay are that SDK's. Each instance of a workflow in a worker's cache begins its own; a replay is
another one.

    worker ── begin ──▶ Codes        worker ◀── request ── Code ◀── Program
           ── outcome of the request ─────────────────────▶
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final, cast

from temporalio.common import RetryPolicy

from durascope.live.plan import plan
from durascope.live.temporal.settings import activity_queue, every_code, place_of, step_at
from durascope.live.temporal.starting import REQUEST, child_start, external_id, retry_policy, started_by
from durascope.models.attempt_limits import start_to_close
from durascope.models.scenario import Scenario
from durascope.models.steps import (
    Bug,
    Call,
    Clear,
    Compute,
    Fail,
    Get,
    Patched,
    Run,
    Send,
    Set,
    Sleep,
    Start,
    Step,
    WaitFor,
)
from durascope.models.units import SECOND
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.program.endings import CodeBug, Finished, RunCancelled, WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Cancelled, Coroutine, Future
from durascope.simulators.program.sdk import TIMED_OUT, Sdk
from durascope.simulators.services import Services

Message = Mapping[str, Any]
_MS: Final = 1_000


class Codes:
    """All code that workers have begun, and the bodies of its steps."""

    def __init__(self, scenario: Scenario, seed: int, take: Callable[[dict[str, object]], object]) -> None:
        self.scenario = scenario
        self._every_code = every_code(scenario)
        self.seed = seed
        self.take = take
        """What the ledger does with a message of an app."""
        self.code_of: dict[str, Scenario] = {}
        """By process: the scenario with the code that it has."""
        self.world = World(seed, full=False)
        self.services = Services(self.world, scenario)
        self._codes: list[Code] = []

    def add(self, sdk: RemoteSdk, coroutine: Coroutine) -> int:
        self._codes.append(Code(sdk, coroutine))
        return len(self._codes) - 1

    def answer(self, message: Message) -> object:
        """What a worker asks of a run's code."""
        match message["do"]:
            case "begin":
                return self._begin(message)
            case "step":
                return self._codes[message["code"]].step(message)
            case "update":
                return self._update(message)
            case _:
                return self._refusal(message)

    def ended(self, number: int) -> BaseException | None:
        """How that code has ended, where it raised."""
        return self._codes[number].raised

    def _begin(self, message: Message) -> object:
        given = message["given"]
        scenario = self.code_of[message["process"]]
        workflow = scenario.workflows[given["workflow"]]
        sdk = RemoteSdk(self, scenario, message, given)
        updates = {name: {"oneAtATime": each.one_at_a_time} for name, each in workflow.updates.items()}
        if given.get("entity"):
            updates[REQUEST] = {"oneAtATime": True}
        return {
            "code": self.add(sdk, sdk.program.main()),
            "signals": {name: each.then for name, each in workflow.signals.items()},
            "updates": updates,
            "entity": bool(given.get("entity")),
        }

    def _update(self, message: Message) -> int:
        host = self._codes[message["code"]].sdk
        if message["name"] == REQUEST:
            sdk = RemoteSdk(self, host.scenario, message, message["payload"], host.variables)
            return self.add(sdk, sdk.program.main())
        program = host.program
        return self.add(host, program.body(program.workflow.updates[message["name"]].steps, message["payload"]))

    def _refusal(self, message: Message) -> str | None:
        program = self._codes[message["code"]].sdk.program
        update = program.workflow.updates.get(message["name"])
        values = {**program.run.input, **message["payload"]}
        if update is not None and update.rejects is not None and update.rejects.holds(values):
            return f"{message['name']} is rejected: {update.rejects}"
        return None

    def body(self, message: Message) -> object:
        """How a step's body goes: times in milliseconds."""
        given, attempt = message["given"], int(message["attempt"])
        step = step_at(self._every_code, given["workflow"], given["label"], given["place"])
        run = RunInfo(given["run"], given["workflow"], given["number"], given["entity"], given["handed"], given["luck"])
        down = bool(self.take({"down": self.services.body(step).lane}))
        planned = plan(self.scenario, self.services, run, step, given["step"], given["key"], attempt, down=down)
        heartbeat = step.heartbeat
        beats = None if heartbeat is None or heartbeat.every == "never" else (heartbeat.every or 200_000) / _MS
        return {
            **planned.words,
            "found": planned.found.values,
            "beats": beats,
            "values": planned.outcome.values,
            "padding": planned.outcome.size or 0,
        }


class Code:
    """A piece of code: a run's, a branch's or an update's."""

    def __init__(self, sdk: RemoteSdk, coroutine: Coroutine) -> None:
        self.sdk = sdk
        self.raised: BaseException | None = None
        self._coroutine = coroutine
        self._begun = False

    def step(self, message: Message) -> object:
        """Goes on with what came of the last request: the next request, or how it has ended."""
        sdk = self.sdk
        sdk.message = message
        why = message.get("cancelling")
        if why is not None and sdk.cancelling is None:
            sdk.cancelling = RunCancelled(why["reason"], returns=why["returns"])
        try:
            request: object = self._resumed(message["outcome"])
        except StopIteration as end:
            return {"ended": {"how": "returned", "value": end.value}}
        except (WorkflowFailure, RunCancelled, Cancelled, CodeBug, Finished) as raised:
            self.raised = raised
            return {"ended": _end(raised)}
        return {"request": request, "shielded": sdk.program._unwinding}  # pyright: ignore[reportPrivateUsage]

    def _resumed(self, outcome: Message) -> object:
        if not self._begun:
            self._begun = True
            return next(self._coroutine)
        if "value" in outcome:
            return self._coroutine.send(outcome["value"])
        if "cancelled" in outcome:
            return self._coroutine.throw(self.sdk.cancelling or Cancelled())
        failure = WorkflowFailure(outcome["failed"])
        failure.__cause__ = _Kept(outcome["error"])
        return self._coroutine.throw(failure)


class _Kept(Exception):
    """An error that the worker has kept under a number."""

    @property
    def number(self) -> int:
        return int(self.args[0])


def _end(raised: BaseException) -> object:
    match raised:
        case WorkflowFailure():
            kept = raised.__cause__
            return {
                "how": "failed",
                "message": raised.message,
                "error": kept.number if isinstance(kept, _Kept) else None,
            }
        case CodeBug():
            return {"how": "bug", "message": str(raised)}
        case _:
            return {"how": "cancelled"}


class RemoteSdk(Sdk):
    """What the program asks for, as requests to a worker."""

    def __init__(
        self,
        codes: Codes,
        scenario: Scenario,
        message: Message,
        given: Mapping[str, Any],
        variables: dict[str, object] | None = None,
    ) -> None:
        self.codes = codes
        self.scenario = scenario
        self.given = given
        self.message = message
        """The latest of the worker."""
        self.workflow_id: str = message["workflow"]
        self.execution = int(message["execution"])
        self.variables = dict(given.get("state", {})) if variables is None else variables
        self.cancelling: RunCancelled | None = None
        self.info = RunInfo.from_plain(given)
        self.program = Program(
            scenario.workflows[given["workflow"]],
            self.info,
            self,
            compute_time=lambda step, key: codes.world.scenario_luck.sample(
                step.compute, "compute", self.info.luck, key
            ),
            resume_at=int(given.get("resume_at", 0)),
        )

    def _do(self, what: str, **fields: object) -> Coroutine:
        return (yield cast("Future", {"do": what, **fields}))

    def _tell(self, question: str, **fields: object) -> object:
        return self.codes.take({"ask": question, "process": self.message["process"], **fields})

    def before_step(self, step: Step) -> None:
        if self.cancelling is not None and self.cancelling.returns:
            raise self.cancelling

    def after_step(self, step: Step) -> None:
        self.before_step(step)

    # ---- side by side --------------------------------------------------------------------------------------

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        """Awaits every branch, then raises the first failure."""
        numbers = [self.codes.add(self, branch) for branch in branches]
        yield from self._do("gather", codes=numbers)
        for number in numbers:
            raised = self.codes.ended(number)
            if raised is not None:
                raise raised
        return numbers

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        numbers = [self.codes.add(self, branch) for branch in branches]
        first: int = yield from self._do("race", codes=numbers)
        raised = self.codes.ended(numbers[first])
        if raised is not None:
            raise raised
        return first

    # ---- steps ---------------------------------------------------------------------------------------------

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        if self.message["replaying"]:
            self._tell("replayed", step=name)
        info = self.info
        fields = () if step.idempotency_key is None else (step.idempotency_key,)
        given = {
            "run": info.name,
            "luck": info.luck,
            "workflow": info.workflow,
            "number": info.number,
            "entity": info.key,
            "step": name,
            "label": step.label,
            "place": place_of(self.scenario, info.workflow, step),
            "key": key,
            "handed": {field: info.input[field] for field in fields if field in info.input},
        }
        options = {
            "startToCloseTimeout": start_to_close(self.scenario, step),
            "scheduleToCloseTimeout": step.total_timeout,
            "scheduleToStartTimeout": step.queue_timeout,
        }
        if step.local:
            options["localRetryThreshold"] = step.retry.local_threshold if step.retry is not None else None
        else:
            options["heartbeatTimeout"] = step.heartbeat.timeout if step.heartbeat is not None else None
        try:
            return (
                yield from self._do(
                    "activity",
                    name=name,
                    given=given,
                    options={each: us / _MS for each, us in options.items() if us is not None},
                    retry=_policy(retry_policy(step.retry)),
                    cancellation=step.cancellation,
                    queue=step.queue or activity_queue(self.scenario),
                    local=step.local,
                )
            )
        except WorkflowFailure as failure:
            failure.step = name
            raise

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        yield from self._do("sleep", ms=step.sleep / _MS, summary="sleep")

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        """A signal that is already there ends the wait at once, without a timer."""
        if step.timeout is None and not self.message["replaying"]:
            self._tell("waits", run=self.given["run"])
        found = yield from self._do(
            "wait",
            event=step.wait_for,
            ms=None if step.timeout is None else step.timeout / _MS,
            field=step.match,
            value=None if step.match is None else self.info.input.get(step.match),
        )
        return TIMED_OUT if found is None else found["payload"]

    # ---- other runs ----------------------------------------------------------------------------------------

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        reference = self._value(step.key)
        yield from self._child(step.call, key, reference, wait=True, timeout=step.timeout, close=step.on_close)

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        if step.after:
            yield from self._do("sleep", ms=step.after / _MS, summary="")
        yield from self._child(step.start, key, self._value(step.key), wait=False, close=step.on_close or "abandon")

    def _child(
        self,
        target: str,
        key: str,
        reference: object,
        *,
        wait: bool,
        timeout: int | None = None,
        close: str | None = None,
    ) -> Coroutine:
        link = f".{self.execution}" if self.execution > 1 else ""
        parent: Any = SimpleNamespace(
            scenario=self.scenario, link=link, seed=self.codes.seed, workflow_id=self.workflow_id
        )
        given, options = child_start(parent, self.info, target, key, reference)
        limit = options["run_timeout"]
        run_timeout = None if limit is None else limit.total_seconds() * 1_000
        yield from self._do(
            "child",
            workflow=target,
            given=given,
            id=options["id"],
            queue=options["task_queue"],
            retry=_policy(options["retry_policy"]),
            runTimeout=run_timeout if timeout is None else timeout / _MS,
            close=close,
            wait=wait,
        )

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        if step.after:
            yield from self._do("sleep", ms=step.after / _MS, summary="")
        if step.to is None:
            for target in started_by(self.scenario, step.send):
                yield from self._child(target, f"{key}/{target}", None, wait=False, close="abandon")
            return
        target = external_id(self.scenario, self._value(step.to), step.send, self.codes.seed)
        yield from self._do("signal", id=target, name=step.send, payload=dict(self.program.values))

    def _value(self, reference: object) -> object:
        """A value that a step refers to: a result or field of that name, else what is written there."""
        return self.program.values.get(reference, reference) if isinstance(reference, str) else reference

    # ---- state, versions, code that is busy or fails -------------------------------------------------------

    def state(self, step: Get | Set | Clear) -> Coroutine:
        match step:
            case Get(get="*"):
                return tuple(self.variables)
            case Get(get=name):
                return self.variables.get(name)
            case Set(set=name, value=value):
                self.variables[name] = value
            case Clear(clear="*"):
                self.variables.clear()
            case Clear(clear=name):
                self.variables.pop(name, None)
        return None
        yield

    def patched(self, step: Patched) -> Coroutine:
        return (yield from self._do("patched", id=step.patched))

    def compute(self, step: Compute, name: str, us: int) -> Coroutine:
        """The code is busy: the worker's thread stands still until it is answered."""
        run, process = self.info.name, self.message["worker"]
        attempt = int(str(self.codes.take({"count": f"{run}/{name}"})))
        self.codes.take({"run": run, "step": name, "attempt": attempt, "moment": "started", "process": process})
        time.sleep(us / SECOND)
        return
        yield

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        times = step.times if isinstance(step, Fail) else None
        return times is None or int(str(self.codes.take({"count": f"{self.info.name}/{key}"}))) <= times

    def computed(self, step: Compute, key: str) -> int:
        return int(str(self.codes.take({"count": f"{self.info.name}/computed/{key}"})))

    def continue_as_new(self, done: int) -> Coroutine:
        later = {"resume_at": done, "state": self.variables, "execution": self.execution + 1}
        yield from self._do("continue", given={**self.given, **later})


def _policy(retry: RetryPolicy | None) -> object:
    if retry is None:
        return None
    most = retry.maximum_interval
    return {
        "initial": retry.initial_interval.total_seconds() * 1_000,
        "factor": retry.backoff_coefficient,
        "most": None if most is None else most.total_seconds() * 1_000,
        "attempts": retry.maximum_attempts,
    }
