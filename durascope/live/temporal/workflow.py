"""A real workflow that interprets a scenario's steps on the Temporal Python SDK.

One dynamic workflow stands for every workflow of a scenario: it runs the same `Program` as the model, on the SDK's own
event loop, so that the order of commands, cancellation and replay are the real SDK's. It needs a worker whose workflows
are not sandboxed, and that `serve` has told of the scenario.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Protocol

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from durascope.live.driving import RealSdk, awaited, drive
from durascope.live.temporal.settings import activity_queue, place_of
from durascope.live.temporal.starting import REQUEST, child_start, external_id, retry_policy, started_by
from durascope.models.attempt_limits import start_to_close
from durascope.models.leaf_steps import OnClose
from durascope.models.scenario import Scenario, Update, Workflow
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
from durascope.simulators.program.endings import CodeBug, RunCancelled, WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Coroutine
from durascope.simulators.program.sdk import TIMED_OUT

CANCELLATION: Final = {
    "try": workflow.ActivityCancellationType.TRY_CANCEL,
    "wait": workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    "abandon": workflow.ActivityCancellationType.ABANDON,
}


CLOSE: Final[dict[OnClose, workflow.ParentClosePolicy]] = {
    "terminate": workflow.ParentClosePolicy.TERMINATE,
    "cancel": workflow.ParentClosePolicy.REQUEST_CANCEL,
    "abandon": workflow.ParentClosePolicy.ABANDON,
}

REJECTED: Final = "Rejected"
"""The type of the error that an update's validator raises."""
WARM_UP: Final = "warm-up"
"""The workflow, and its only argument, that is run before a scenario is."""
WARMING: Final = timedelta(seconds=10)


class Outside(Protocol):
    """Whoever hears what the workflow's code does; it may block."""

    def replayed(self, run: str, step: str) -> None:
        """A step was begun during a replay."""

    def waits(self, run: str) -> None:
        """A wait without a timer begins: it leaves no event."""

    def computes(self, run: str, step: str, us: int) -> None:
        """The code is busy for `us` microseconds."""

    def bug_shown(self, run: str, key: str) -> int:
        """How many times that bug has shown, this one included."""
        ...


class Nobody:
    """Outside of replays that nobody counts."""

    def replayed(self, run: str, step: str) -> None: ...

    def waits(self, run: str) -> None: ...

    def computes(self, run: str, step: str, us: int) -> None: ...

    def bug_shown(self, run: str, key: str) -> int:
        """A bug that goes away has gone: what is replayed has got past it."""
        return sys.maxsize


_served: list[tuple[Scenario, Outside, int]] = []


def serve(scenario: Scenario, outside: Outside | None = None, seed: int = 0) -> None:
    """Has this process interpret that scenario; `outside` is told of what its workflows do."""
    _served[:] = [(scenario, outside or Nobody(), seed)]


@workflow.defn(dynamic=True)
class ScenarioWorkflow:
    """One run of any workflow of the scenario that is served."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        self.scenario, self.outside, self.seed = _served[0]
        self.workflow_id = workflow.info().workflow_id
        given: dict[str, Any] = workflow.payload_converter().from_payload(args[0].payload)
        self.given = given
        self.begun = False
        self.cancelling: RunCancelled | None = None
        self.events: dict[str, deque[Any]] = {}
        """Signals (and updates that have been worked off) that nobody has waited for yet."""
        self._task: asyncio.Task[Any] | None = None
        self._locks: dict[str, asyncio.Lock] = {}
        self._open_updates = 0
        if WARM_UP in given:
            return
        self.definition: Workflow = self.scenario.workflows[given["workflow"]]
        self.variables: dict[str, object] = dict(given.get("state", {}))
        self.program = self._program(given)

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> Any:
        """The workflow. Raises what a workflow raises that fails, or is cancelled."""
        if WARM_UP in self.given:
            return await self._warm_up(self.given[WARM_UP])
        self.begun = True
        self._task = asyncio.current_task()
        try:
            if self.given.get("entity"):
                await workflow.wait_condition(lambda: not self._open_updates)
                return None
            return await drive(self.program.main())
        except RunCancelled as cancelled:
            if cancelled.returns:
                return "cancelled"
            raise asyncio.CancelledError from None
        except WorkflowFailure as failure:
            if isinstance(failure.__cause__, FailureError):
                raise failure.__cause__ from None
            raise ApplicationError(failure.message, type="WorkflowFailure") from None
        except CodeBug as bug:
            raise RuntimeError(str(bug)) from None

    @property
    def link(self) -> str:
        """Which execution of its chain it is, where it is not the first: `.2`."""
        number = int(self.given.get("execution", 1)) + workflow.info().attempt - 1
        return f".{number}" if number > 1 else ""

    def _program(self, given: Mapping[str, Any]) -> Program:
        """The program of the run, or of a request that it works off as an entity."""
        run = RunInfo.from_plain(given)
        luck = World(self.seed, full=False).scenario_luck

        def compute_time(step: Compute, key: str) -> int:
            return luck.sample(step.compute, "compute", run.luck, key)

        resume_at = int(given.get("resume_at", 0))
        return Program(self.definition, run, TemporalSdk(self, run), compute_time=compute_time, resume_at=resume_at)

    async def _warm_up(self, depth: int) -> None:
        """Has the server and the workers do once what they will do, so that the first run does not wait for it."""
        options: dict[str, Any] = {"task_queue": activity_queue(self.scenario), "start_to_close_timeout": WARMING}
        await workflow.execute_activity(WARM_UP, self.given, **options)
        if depth:
            await workflow.execute_child_workflow(WARM_UP, {WARM_UP: depth - 1})

    # ---- handlers ------------------------------------------------------------------------------------------

    @workflow.signal(dynamic=True)
    def signalled(self, name: str, args: Sequence[RawValue]) -> None:
        """Keeps the signal for whoever waits for it, and acts on one that is to cancel the run."""
        self.events.setdefault(name, deque()).append(_payload(args))
        signal = self.definition.signals.get(name)
        if signal is None or signal.then == "ignore" or self.cancelling is not None:
            return
        self.cancelling = RunCancelled(name, returns=True)
        if signal.then == "cancel-now" and self._task is not None and not self.given.get("entity"):
            self._task.cancel()

    @workflow.update(dynamic=True)
    async def updated(self, name: str, args: Sequence[RawValue]) -> Any:
        """Works off an update; one that came with the start waits until the run has begun."""
        payload, update = _payload(args), self.definition.updates.get(name)
        self._open_updates += 1
        try:
            if not self.begun:
                await workflow.wait_condition(lambda: self.begun)
            if update is None or update.one_at_a_time:
                async with self._locks.setdefault(name, asyncio.Lock()):
                    await self._work_off(update, payload)
            else:
                await self._work_off(update, payload)
        finally:
            self._open_updates -= 1
        self.events.setdefault(name, deque()).append(payload)

    @updated.validator
    def validate(self, name: str, args: Sequence[RawValue]) -> None:
        """Raises ApplicationError for an update that the scenario rejects."""
        update = self.definition.updates.get(name)
        if update is None and not (self.given.get("entity") and name == REQUEST):
            raise ApplicationError(f"there is no update {name}", type=REJECTED)
        values = {**self.program.run.input, **_payload(args)}
        if update is not None and update.rejects is not None and update.rejects.holds(values):
            raise ApplicationError(f"{name} is rejected: {update.rejects}", type=REJECTED)

    async def _work_off(self, update: Update | None, payload: Mapping[str, Any]) -> None:
        """An update's own steps, or the whole program for an entity's request."""
        program = self._program(payload) if update is None else self.program
        try:
            await drive(program.main() if update is None else program.body(update.steps, payload))
        except (WorkflowFailure, RunCancelled) as failure:
            raise ApplicationError(str(failure), non_retryable=True) from None

    @workflow.query(dynamic=True)
    def queried(self, name: str, args: Sequence[RawValue]) -> Any:
        """The state of the run, whatever the query's name."""
        return {"query": name, "values": dict(self.program.values)}


class TemporalSdk(RealSdk):
    """What the program asks for, as calls of the real SDK."""

    def __init__(self, host: ScenarioWorkflow, info: RunInfo) -> None:
        self.host = host
        self.info = info
        """The run that the steps are done for: an entity works off those of its requests."""

    def before_step(self, step: Step) -> None:
        cancelling = self.host.cancelling
        if cancelling is not None and cancelling.returns:
            raise cancelling

    def after_step(self, step: Step) -> None:
        self.before_step(step)

    def _await(self, awaitable: Any, name: str) -> Coroutine:
        """Awaits a call of the SDK; its failures become the program's."""
        try:
            return (yield from awaited(awaitable))
        except FailureError as error:  # a local activity raises its own error, unwrapped
            if is_cancelled_exception(error):
                raise self._interrupted() from error
            raise WorkflowFailure(_message(error), step=name) from error
        except asyncio.CancelledError as error:
            raise self._interrupted() from error

    def _interrupted(self) -> BaseException:
        """What a cancelled wait raises in the code: the end of the run, or just of this branch."""
        if self.host.cancelling is None and workflow.cancellation_reason() is not None:
            self.host.cancelling = RunCancelled("cancel request")
        return self.host.cancelling or asyncio.CancelledError()

    # ---- side by side --------------------------------------------------------------------------------------

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        try:
            return (yield from super().gather(branches))
        except asyncio.CancelledError as error:
            raise self._interrupted() from error

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        try:
            return (yield from super().race(branches))
        except asyncio.CancelledError as error:
            raise self._interrupted() from error

    # ---- run -----------------------------------------------------------------------------------------------

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        host = self.host
        if workflow.unsafe.is_replaying():
            host.outside.replayed(self.info.name, name)
        given = {
            "run": self.info.name,
            "luck": self.info.luck,
            "workflow": self.info.workflow,
            "number": self.info.number,
            "entity": self.info.key,
            "step": name,
            "label": step.label,
            "place": place_of(host.scenario, self.info.workflow, step),
            "key": key,
            "handed": {name: self.info.input[name] for name in _fields(step) if name in self.info.input},
        }
        options: dict[str, Any] = {
            "start_to_close_timeout": _time(start_to_close(host.scenario, step)),
            "schedule_to_close_timeout": _time(step.total_timeout),
            "schedule_to_start_timeout": _time(step.queue_timeout),
            "retry_policy": retry_policy(step.retry),
            "cancellation_type": CANCELLATION[step.cancellation],
        }
        if step.local:
            threshold = step.retry.local_threshold if step.retry is not None else None
            options["local_retry_threshold"] = _time(threshold)
            result = yield from self._await(workflow.start_local_activity(name, given, **options), name)
        else:
            options["heartbeat_timeout"] = _time(step.heartbeat.timeout if step.heartbeat else None)
            options["task_queue"] = step.queue or activity_queue(host.scenario)
            result = yield from self._await(workflow.start_activity(name, given, **options), name)
        return result.get("values", {}) if isinstance(result, dict) else {}

    # ---- timers and waits ----------------------------------------------------------------------------------

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        yield from self._pause(step.sleep, "sleep")

    def _pause(self, us: int, summary: str | None = None) -> Coroutine:
        pause = workflow.sleep(us / SECOND, summary=summary) if us else asyncio.sleep(0)
        yield from self._await(pause, "sleep")

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        """A signal that is already there ends the wait at once, without a timer."""
        arrived = self.host.events.setdefault(step.wait_for, deque())

        def matching() -> Any:
            return next((payload for payload in arrived if self._matches(step, payload)), None)

        if matching() is None:
            if step.timeout is None and not workflow.unsafe.is_replaying():
                self.host.outside.waits(self.host.given["run"])
            condition = workflow.wait_condition(
                lambda: matching() is not None,
                timeout=None if step.timeout is None else step.timeout / SECOND,
                timeout_summary=None if step.timeout is None else "wait",
            )
            try:
                yield from self._await(condition, name)
            except TimeoutError:
                return TIMED_OUT
        payload = matching()
        arrived.remove(payload)
        return payload

    def _matches(self, step: WaitFor, payload: Mapping[str, Any]) -> bool:
        if step.match is None or step.match not in payload:
            return True
        return payload[step.match] == self.info.input.get(step.match)

    # ---- other runs ----------------------------------------------------------------------------------------

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        arguments, options = child_start(self.host, self.info, step.call, key, self._value(step.key))
        if step.timeout is not None:
            options["run_timeout"] = _time(step.timeout)
        if step.on_close is not None:
            options["parent_close_policy"] = CLOSE[step.on_close]
        child = yield from self._await(workflow.start_child_workflow(step.call, arguments, **options), name)
        yield from self._await(child, name)

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        if step.after:
            yield from self._pause(step.after)
        yield from self._start(step.start, name, key, self._value(step.key), step.on_close or "abandon")

    def _start(self, target: str, name: str, key: str, reference: object, on_close: OnClose = "abandon") -> Coroutine:
        arguments, options = child_start(self.host, self.info, target, key, reference)
        options["parent_close_policy"] = CLOSE[on_close]
        yield from self._await(workflow.start_child_workflow(target, arguments, **options), name)

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        if step.after:
            yield from self._pause(step.after)
        if step.to is None:
            for target in started_by(self.host.scenario, step.send):
                yield from self._start(target, name, f"{key}/{target}", None)
            return
        target = external_id(self.host.scenario, self._value(step.to), step.send, self.host.seed)
        handle = workflow.get_external_workflow_handle(target)
        yield from self._await(handle.signal(step.send, dict(self.host.program.values)), name)

    def _value(self, reference: object) -> object:
        """A value that a step refers to: a result or field of that name, else what is written there."""
        values = self.host.program.values
        return values.get(reference, reference) if isinstance(reference, str) else reference

    # ---- state, versions, code that is busy or fails ---------------------------------------------------------

    def state(self, step: Get | Set | Clear) -> Coroutine:
        match step:
            case Get(get="*"):
                return tuple(self.host.variables)
            case Get(get=name):
                return self.host.variables.get(name)
            case Set(set=name, value=value):
                self.host.variables[name] = value
            case Clear(clear="*"):
                self.host.variables.clear()
            case Clear(clear=name):
                self.host.variables.pop(name, None)
        return None
        yield

    def patched(self, step: Patched) -> Coroutine:
        return workflow.patched(step.patched)
        yield

    def compute(self, step: Compute, name: str, us: int) -> Coroutine:
        """The code is busy: the whole loop stands still."""
        self.host.outside.computes(self.info.name, name, us)
        return
        yield

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        times = step.times if isinstance(step, Fail) else None
        return times is None or self.host.outside.bug_shown(self.info.name, key) <= times

    def computed(self, step: Compute, key: str) -> int:
        return self.host.outside.bug_shown(self.info.name, f"computed/{key}")

    def continue_as_new(self, done: int) -> Coroutine:
        execution = int(self.host.given.get("execution", 1)) + 1
        later = {"resume_at": done, "state": self.host.variables, "execution": execution}
        workflow.continue_as_new({**self.host.given, **later})
        yield


def _fields(step: Run) -> tuple[str, ...]:
    """The fields of the input that the step's body needs."""
    return () if step.idempotency_key is None else (step.idempotency_key,)


def _time(us: int | None) -> timedelta | None:
    return None if us is None else timedelta(microseconds=us)


def _payload(args: Sequence[RawValue]) -> dict[str, Any]:
    value: Any = workflow.payload_converter().from_payload(args[0].payload) if args else None
    return value if isinstance(value, dict) else {}


def _message(error: BaseException) -> str:
    return str(error.__cause__ or error)
