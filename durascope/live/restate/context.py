"""A scenario's steps on Restate's Python SDK, and the loop that runs a handler's code on its futures.

The code (`simulators.program.Program`) runs on its own small loop, as in the model: deterministic, whatever asyncio
does. Where it can't go on, the SDK's state machine is asked for the next completion of all that is awaited, in one
call, as `restate.select` and `restate.gather` do; what has completed is given to the code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import restate
from restate.exceptions import RetryableError
from restate.server_context import ServerDurableFuture, ServerInvocationContext
from restate.vm import (
    AllCompletedUnresolvedFuture,
    FirstCompletedUnresolvedFuture,
    SingleUnresolvedFuture,
    UnresolvedFuture,
)

from durascope.live.body import Bodies, result_of
from durascope.models.steps import (
    Awakeable,
    Bug,
    Call,
    Clear,
    Compute,
    Fail,
    ForEach,
    Get,
    Parallel,
    Patched,
    Run,
    Send,
    Set,
    Sleep,
    Start,
    Step,
    WaitFor,
)
from durascope.models.targets import Kind, Target
from durascope.models.units import SECOND
from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program import (
    TIMED_OUT,
    Block,
    CodeBug,
    Coroutine,
    Future,
    Loop,
    RunCancelled,
    Sdk,
    Task,
    WorkflowFailure,
)

Durable = ServerDurableFuture[Any]


class Wait(Future):
    """A wait for the first of some of the SDK's futures; resolved with (its index, its value)."""

    __slots__ = ("futures", "step")

    def __init__(self, loop: Loop, futures: Sequence[Durable], step: str | None) -> None:
        super().__init__(loop)
        self.futures = futures
        self.step = step


class App:
    """What a handler's code knows of its process and of the outside."""

    bodies: Bodies
    signals: bool
    """Whether events come as named signals."""
    watched: frozenset[tuple[str, str]] = frozenset()
    """The moments (step, moment) that a fault or event waits for and that only cost time elsewhere."""

    async def ask(self, question: str, **fields: object) -> Any:
        raise NotImplementedError

    def ask_now(self, question: str, **fields: object) -> Any:
        """As `ask`, without giving way to others."""
        raise NotImplementedError

    def child(self, caller: RunInfo, number: int, workflow: str, key: object, luck: str) -> tuple[Target, RunInfo]:
        """The handler and the identity of what a run calls as its `number`-th."""
        raise NotImplementedError

    def target(self, workflow: str, kind: Kind, name: str) -> Target:
        raise NotImplementedError

    def starters(self, event: str) -> Iterator[str]:
        """The workflows that an event starts."""
        raise NotImplementedError


class Context(Sdk):
    """What the code of one attempt calls."""

    def __init__(self, context: ServerInvocationContext, app: App, target: Target, run: RunInfo) -> None:
        self.loop = Loop()
        self.context: Any = context
        self.app = app
        self.target = target
        self.run_info = run
        self.variables: dict[str, object] = {}
        self.executed: dict[str, tuple[str, int]] = {}
        """The bodies that this attempt has begun: by the use of the step its name and execution."""
        self.waiting: dict[Wait, None] = {}
        self.asked: list[tuple[Awaitable[Any], Future]] = []
        """Questions to the outside, and single answers of the SDK; they come before everything else."""
        self.made: dict[str, list[Durable]] = {}
        """The awakeables that were made before they are awaited, by event."""
        self._children = 0
        self._begun: Parallel | ForEach | None = None
        self._gathered: list[list[Task]] = []
        """Branches of a single step each, that one call of the SDK waits for together."""

    @property
    def replaying(self) -> bool:
        return bool(self.context.vm.is_replaying())

    # ---- waiting ---------------------------------------------------------------------------------------------

    def first(self, *futures: Durable, step: str | None = None) -> Coroutine:
        """Waits for the first of them; returns (its index, its value). A failure is one for good."""
        wait = Wait(self.loop, futures, step)
        self.waiting[wait] = None
        return (yield wait)

    def value(self, future: Durable, step: str | None = None) -> Coroutine:
        return (yield from self.first(future, step=step))[1]

    def outside(self, awaitable: Awaitable[Any]) -> Coroutine:
        """Waits for something that is no future of the SDK."""
        future = self.loop.future()
        self.asked.append((awaitable, future))
        return (yield future)

    def before_step(self, step: Step) -> None:
        self._begun = step if isinstance(step, Parallel | ForEach) else None

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        """Waits for all branches, then raises the first failure: `restate.gather` where each is a single step."""
        single = _single(self._begun)
        self._begun = None
        tasks = [self.loop.task(branch) for branch in branches]
        if not tasks:
            return []
        all_done = self.loop.future()
        left = len(tasks)

        def ended(task: Future) -> None:
            nonlocal left
            left -= 1
            if not left or not isinstance(task.exception, WorkflowFailure | None):
                all_done.resolve(task)

        for task in tasks:
            task.then(ended)
        if single:
            self._gathered.append(tasks)
        try:
            last: Task = yield all_done
        finally:
            if single:
                self._gathered.remove(tasks)
        failed = last.exception
        if isinstance(failed, WorkflowFailure | None):
            failed = next((task.exception for task in tasks if task.exception is not None), None)
        if failed is not None:
            self._drop(tasks)
            raise failed
        return [task.result for task in tasks]

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        """`restate.select`: the losers are left as they are."""
        tasks = [self.loop.task(branch) for branch in branches]
        one_done = self.loop.future()
        for index, task in enumerate(tasks):
            task.then(lambda _, index=index: one_done.resolve(index))  # pyright: ignore[reportUnknownLambdaType]
        index: int = yield one_done
        self._drop(tasks)
        failed = tasks[index].exception
        if failed is not None:
            raise failed
        return index

    def _drop(self, tasks: Sequence[Task]) -> None:
        """Nobody waits for these any more."""
        for task in tasks:
            if isinstance(task._waiting, Wait):
                self.waiting.pop(task._waiting, None)

    # ---- steps -----------------------------------------------------------------------------------------------

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        async def body() -> dict[str, Any]:
            return await self._body(step, name, key)

        future: Durable = self.context.run_typed(name, body, _options(step))
        values: Mapping[str, object] = yield from self.value(future, name)
        if (name, "recorded") in self.app.watched:
            begun = self.executed.get(key)
            if begun is not None:
                told = self.app.bodies.pass_moment(self.run_info.name, *begun, "recorded")
            else:  # an earlier attempt's: this is the first in which the code has come to its result
                told = self.app.ask("moment", number=self.run_info.number, step=name, moment="recorded")
            yield from self.outside(told)
        return {each: values[each] for each in values if each not in ("step", "ok", "padding")}

    async def _body(self, step: Run, name: str, key: str) -> dict[str, Any]:
        number = int(await self.app.ask("execution", run=self.run_info.name, key=key))
        self.executed[key] = (name, number)
        if (name, "scheduled") in self.app.watched:
            await self._pass_scheduled(name, number)
        execution = self.app.bodies.execute(self.run_info, step, name, key, number)
        limit = None if step.timeout is None else step.timeout / SECOND
        outcome = await asyncio.wait_for(execution, limit)
        if outcome.ok:
            return result_of(step, name, outcome)
        raise _error(outcome, number)

    async def _pass_scheduled(self, name: str, number: int) -> None:
        """The command has been sent before its body begins, and is stored a few milliseconds later.

        The body waits for that: what strikes at this moment (an outage, say) is there before the step has begun.
        """
        await asyncio.sleep(0.005)
        await self.app.bodies.pass_moment(self.run_info.name, name, number, "scheduled")

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        future = self._timer(step.sleep, None if step.name is None else name)
        self._mark("SleepStarted")
        yield from self.value(future, name)

    def _timer(self, duration: int, name: str | None) -> Durable:
        return self.context.sleep(timedelta(microseconds=duration), name)

    def _mark(self, event: str) -> None:
        if not self.replaying:
            self.loop.call_soon(self._tell, event)

    def _tell(self, event: str) -> None:
        self.asked.append((self.app.ask("marked", event=event, number=self.run_info.number), self.loop.future()))

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        event = yield from self._listen(step.wait_for)
        if step.timeout is None:
            return (yield from self.value(event, name))
        index, payload = yield from self.first(event, self._timer(step.timeout, f"{name}-timeout"), step=name)
        return TIMED_OUT if index else payload

    def awakeable(self, step: Awakeable) -> Coroutine:
        if self.target.service_kind != "workflow" and not self.app.signals:
            self.made.setdefault(step.awakeable, []).append(self._make(step.awakeable))
        return
        yield

    def _make(self, event: str) -> Durable:
        """Makes an awakeable, and tells who may resolve it."""
        awakeable, future = self.context.awakeable()
        told = self.app.ask("awakeable", run=self.run_info.name, event=event, id=awakeable)
        self.asked.append((told, self.loop.future()))
        return future

    def _listen(self, event: str) -> Coroutine:
        """Asks for the event: a promise of the workflow, a named signal, or an awakeable that is published."""
        if self.target.service_kind == "workflow":
            future: Durable = self.context.promise(event).value()
        elif self.app.signals:
            future = self.context.signal(event)
        else:
            made = self.made.get(event)
            future = made.pop(0) if made else self._make(event)
        self._mark("WaitStarted")
        return future
        yield

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        target, run = self._child(step.call, step.key, key)
        future: Durable = self.context.generic_call(target.service, target.handler, payload_of(run), _key(target, run))
        if step.timeout is None:
            return (yield from self.value(future, name))
        index, _ = yield from self.first(future, self._timer(step.timeout, f"{name}-timeout"), step=name)
        if index:
            raise WorkflowFailure(f"{name} timed out", code=408, step=name)
        return None

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        handle = self._one_way(*self._child(step.start, step.key, key), after=step.after)
        if step.confirm:
            yield from self.outside(handle.invocation_id())

    def _child(self, workflow: str, key: object, luck: str) -> tuple[Target, RunInfo]:
        self._children += 1
        return self.app.child(self.run_info, self._children, workflow, key, luck)

    def _one_way(self, target: Target, run: RunInfo, after: int | None) -> Any:
        delay = timedelta(microseconds=after) if after else None
        return self.context.generic_send(
            target.service, target.handler, payload_of(run), _key(target, run), send_delay=delay
        )

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        """Starts who is started by it, and resolves the promise, awakeable or signal that its addressee waits for."""
        for workflow in self.app.starters(step.send):
            self._one_way(*self._child(workflow, step.to, key), after=step.after)
        if step.to is None:
            return
        found = yield from self.outside(
            self.app.ask("addressee", run=self.run_info.name, key=key, to=step.to, event=step.send)
        )
        match found:
            case {"promise": workflow, "key": entity}:
                self._children += 1
                target = self.app.target(workflow, "complete-promise", step.send)
                run = RunInfo(f"{self.run_info.name}.{self._children}", workflow, 0, entity, {}, "")
                self._one_way(target, run, after=step.after)
            case {"signal": invocation}:
                self.context.resolve_signal(invocation, step.send, {})
            case {"awakeable": awakeable}:
                self.context.resolve_awakeable(awakeable, {})
            case _:
                return

    def state(self, step: Get | Set | Clear) -> Coroutine:
        if self.target.service_kind == "service":
            return self._variable(step)
        match step:
            case Get(get="*"):
                return (yield from self.value(self.context.state_keys()))
            case Get():
                return (yield from self.value(self.context.get(step.get)))
            case Set():
                self.context.set(step.set, True if step.value is None else step.value)
            case Clear(clear="*"):
                self.context.clear_all()
            case Clear():
                self.context.clear(step.clear)
        return None

    def _variable(self, step: Get | Set | Clear) -> Any:
        """State where there is no key: a variable of the code."""
        match step:
            case Get(get="*"):
                return sorted(self.variables)
            case Get():
                return self.variables.get(step.get)
            case Set():
                self.variables[step.set] = step.value
            case Clear():
                self.variables.pop(step.clear, None)
        return None

    def patched(self, step: Patched) -> Coroutine:
        """Old runs stay on their old deployment: the code of this one is the new one."""
        return True
        yield

    def compute(self, step: Compute, name: str, us: int) -> Coroutine:
        """Code that is busy gives way to nobody, and no branch beside it goes first."""
        self.app.ask_now("moment", number=self.run_info.number, step=name, moment="started")
        yield Block(us, name)

    def computed(self, step: Compute, key: str) -> int:
        return int(self.app.ask_now("execution", run=self.run_info.name, key=f"computed/{key}"))

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        times = step.times if isinstance(step, Fail) else None
        shown = int(self.app.ask_now("execution", run=self.run_info.name, key=f"bug {key}"))
        if times is not None and shown > times:
            return False
        self.bug = name if isinstance(step, Bug) else f"{name} (attempt {shown})"
        return True

    bug: str = ""
    """What the code's last bug says."""

    # ---- shared handlers -------------------------------------------------------------------------------------

    def complete_promise(self, name: str, payload: object) -> Coroutine:
        yield from self.value(self.context.promise(name).resolve(payload))

    def peek_promise(self, name: str) -> Coroutine:
        return (yield from self.value(self.context.promise(name).peek()))

    # ---- progress --------------------------------------------------------------------------------------------

    async def drive(self, coroutine: Coroutine) -> Any:
        """Runs the code to its end; raises what the SDK expects of a handler that fails."""
        root = self.loop.task(coroutine)
        while not root.done:
            block = self.loop.run()
            if block is not None:
                await asyncio.sleep(block.us / SECOND)
                self.loop.unblock()
            elif self.asked:
                await self._answer(root)
            elif not root.done:
                await self._progress(root)
        await self._answer(root)
        match root.exception:
            case None:
                return root.result
            case WorkflowFailure() as failure:
                raise restate.TerminalError(failure.message, failure.code)
            case RunCancelled():
                raise restate.TerminalError("cancelled", 409)
            case CodeBug():
                raise RuntimeError(self.bug)
            case other:
                raise other

    async def _answer(self, root: Task) -> None:
        while self.asked:
            awaitable, future = self.asked.pop(0)
            try:
                future.resolve(await awaitable)
            except restate.TerminalError:
                self._cancel(root)

    def _cancel(self, root: Task) -> None:
        self.waiting.clear()
        root.cancel(RunCancelled("cancelled"))

    async def _progress(self, root: Task) -> None:
        """Waits until something that is awaited has completed, and gives it to the code."""
        if not self._completed():
            try:
                await self.context.create_poll_or_cancel_coroutine(self._unresolved())
            except restate.TerminalError:
                self._cancel(root)
                return
        for wait, index in self._completed():
            del self.waiting[wait]
            try:
                wait.resolve((index, await wait.futures[index]))
            except restate.TerminalError as error:
                wait.fail(WorkflowFailure(error.message, code=error.status_code, step=wait.step))

    def _completed(self) -> list[tuple[Wait, int]]:
        found: list[tuple[Wait, int]] = []
        for wait in self.waiting:
            index = next((n for n, future in enumerate(wait.futures) if future.is_completed()), None)
            if index is not None:
                found.append((wait, index))
        return found

    def _unresolved(self) -> UnresolvedFuture:
        """All that is awaited, as the SDK's own combinators would ask for it."""
        together = [task._waiting for tasks in self._gathered for task in tasks if not task.done]
        gathered = [wait for wait in together if isinstance(wait, Wait) and wait in self.waiting]
        others = [wait for wait in self.waiting if wait not in gathered]
        parts: list[UnresolvedFuture] = [_single_future(future) for wait in others for future in wait.futures]
        if gathered and not others:
            return AllCompletedUnresolvedFuture(
                [_single_future(future) for wait in gathered for future in wait.futures]
            )
        parts += [_single_future(future) for wait in gathered for future in wait.futures]
        return parts[0] if len(parts) == 1 else FirstCompletedUnresolvedFuture(parts)


def _single_future(future: Durable) -> UnresolvedFuture:
    return SingleUnresolvedFuture(future.handle)


def _single(step: Parallel | ForEach | None) -> bool:
    """Whether each branch is one step with one completion."""
    if isinstance(step, ForEach):
        return step.at_once is None and len(step.do) == 1 and isinstance(step.do[0], Run | Sleep | Call)
    return step is not None and all(
        len(branch) == 1 and isinstance(branch[0], Run | Sleep | Call) for branch in step.parallel
    )


def _options(step: Run) -> restate.RunOptions[Any]:
    """The step's own retry policy; without one a failing step fails the attempt, and the invocation's applies."""
    options: restate.RunOptions[Any] = restate.RunOptions(max_duration=_delta(step.total_timeout))
    retry = step.retry
    if retry is not None:
        options.max_attempts = retry.max_attempts
        options.initial_retry_interval = _delta(retry.initial)
        options.max_retry_interval = _delta(retry.max_interval)
        options.retry_interval_factor = retry.factor
    return options


def _delta(us: int | None) -> timedelta | None:
    return None if us is None else timedelta(microseconds=us)


def _error(outcome: Outcome, number: int) -> Exception:
    message = f"{outcome.error} (execution {number})"
    if not outcome.retryable:
        return restate.TerminalError(message)
    if outcome.retry_after is not None:
        return RetryableError(message, retry_after=timedelta(microseconds=outcome.retry_after))
    return RuntimeError(message)


def _key(target: Target, run: RunInfo) -> str | None:
    return None if target.service_kind == "service" else run.key or target.workflow


def payload_of(run: RunInfo) -> bytes:
    """The request that starts a run: its identity as JSON."""
    import json

    return json.dumps(as_request(run)).encode()


def as_request(run: RunInfo) -> dict[str, object]:
    return {
        "run": run.name,
        "workflow": run.workflow,
        "number": run.number,
        "key": run.key,
        "input": dict(run.input),
        "luck": run.luck,
    }
