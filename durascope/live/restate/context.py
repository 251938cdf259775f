"""A scenario's steps on an SDK of Restate, and the loop that runs a handler's code on its futures.

The code (`simulators.program`) runs on its own small loop, as in the model: deterministic, whatever the
language's own loop does. Where it can't go on, the SDK is asked for the next completion of all that is awaited, in one
call, as its own combinators do; what has completed is given to the code. What differs between the SDKs is in `python`
and in `remote`.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Protocol

import restate

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
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.endings import CodeBug, RunCancelled, WorkflowFailure
from durascope.simulators.program.loop import Block, Coroutine, Future, Loop, Task
from durascope.simulators.program.sdk import TIMED_OUT, Sdk


class Durable(Protocol):
    """An SDK's future. Awaited when it is completed, it gives the value, or raises."""

    def is_completed(self) -> bool: ...

    def __await__(self) -> Any: ...


class Wait(Future):
    """A wait for the first of some of the SDK's futures; resolved with (its index, its value)."""

    __slots__ = ("futures", "step")

    def __init__(self, loop: Loop, futures: Sequence[Durable], step: str | None) -> None:
        super().__init__(loop)
        self.futures = futures
        self.step = step


class App:
    """The handler's process and the outside, as its code sees them."""

    signals: bool
    """Whether events come as named signals."""
    watched: frozenset[tuple[str, str]] = frozenset()
    """The moments (step, moment) that a fault or event waits for and that only cost time elsewhere."""

    async def ask(self, question: str, **fields: object) -> Any:
        raise NotImplementedError

    def ask_now(self, question: str, **fields: object) -> Any:
        """As `ask`, without giving way to others."""
        raise NotImplementedError

    async def passed(self, run: str, step: str, execution: int, moment: str) -> None:
        """Reports a moment of a step, and goes on when what waits for it has been done."""
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
    """The calls that the code of one attempt makes."""

    fails_at_once: ClassVar[bool]
    """Whether branches side by side fail with the first that fails (`Promise.all`), or when all have ended."""

    def __init__(self, context: Any, app: App, target: Target, run: RunInfo) -> None:
        self.loop = Loop()
        self.context = context
        """The SDK's own."""
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

    # ---- what is the SDK's ------------------------------------------------------------------------------------

    @abstractmethod
    async def poll(self, futures: Sequence[Durable], *, together: bool) -> None:
        """Waits until one of these has completed (`together`: until all have). Raises `restate.TerminalError`."""

    @abstractmethod
    async def pause(self, us: int) -> None:
        """The code is busy for `us` microseconds."""

    @abstractmethod
    def begin(self, step: Run, name: str, key: str) -> Durable:
        """Begins a step."""

    @abstractmethod
    def within(self, future: Durable, duration: int, name: str) -> Coroutine:
        """The value of a future, or `TIMED_OUT` if a timer ends before it."""

    @abstractmethod
    def make(self, event: str) -> Durable:
        """Makes an awakeable, and tells who may resolve it."""

    @abstractmethod
    def mark(self, event: str) -> None:
        """Reports what the code has begun, unless this is a replay."""

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
            if not left or self._ends_all(task.exception):
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
        if not self._ends_all(failed):
            failed = next((task.exception for task in tasks if task.exception is not None), None)
        if failed is not None:
            self._drop(tasks)
            raise failed
        return [task.result for task in tasks]

    def _ends_all(self, error: BaseException | None) -> bool:
        """Whether a branch's error is not waited out: what is no failure of a step never is."""
        return error is not None and (self.fails_at_once or not isinstance(error, WorkflowFailure))

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        """`restate.select`: the losers are left as they are. Raises what the winner has failed with."""
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
        try:
            values: Mapping[str, object] = yield from self.value(self.begin(step, name, key), name)
        except WorkflowFailure:
            yield from self._recorded(name, key)
            raise
        yield from self._recorded(name, key)
        return {each: values[each] for each in values if each not in ("step", "ok", "padding")}

    def _recorded(self, name: str, key: str) -> Coroutine:
        """The code has come to the step's end, well or not."""
        if (name, "recorded") not in self.app.watched:
            return
        begun = self.executed.get(key)
        if begun is not None:
            told = self.app.passed(self.run_info.name, *begun, "recorded")
        else:  # an earlier attempt's: this is the first in which the code has come to its result
            told = self.app.ask("moment", number=self.run_info.number, step=name, moment="recorded")
        yield from self.outside(told)

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        future = self.timer(step.sleep, None if step.name is None else name)
        self.mark("SleepStarted")
        yield from self.value(future, name)

    def timer(self, duration: int, name: str | None) -> Durable:
        return self.context.sleep(timedelta(microseconds=duration), name)

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        event = yield from self._listen(step.wait_for)
        if step.timeout is None:
            return (yield from self.value(event, name))
        return (yield from self.within(event, step.timeout, name))

    def awakeable(self, step: Awakeable) -> Coroutine:
        if self.target.service_kind != "workflow" and not self.app.signals:
            self.made.setdefault(step.awakeable, []).append(self.make(step.awakeable))
        return
        yield

    def _listen(self, event: str) -> Coroutine:
        """Asks for the event: a promise of the workflow, a named signal, or an awakeable that is published."""
        if self.target.service_kind == "workflow":
            future: Durable = self.context.promise(event).value()
        elif self.app.signals:
            future = self.context.signal(event)
        else:
            made = self.made.get(event)
            future = made.pop(0) if made else self.make(event)
        self.mark("WaitStarted")
        return future
        yield

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        target, run = self._child(step.call, step.key, key)
        future: Durable = self.context.generic_call(target.service, target.handler, payload_of(run), _key(target, run))
        if step.timeout is None:
            return (yield from self.value(future, name))
        if (yield from self.within(future, step.timeout, name)) is TIMED_OUT:
            raise WorkflowFailure(f"{name} timed out", code=408, step=name)
        return None

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        handle = self._one_way(*self._child(step.start, step.key, key), after=step.after)
        if step.confirm:
            yield from self.confirmed(handle)

    def confirmed(self, handle: Any) -> Coroutine:
        """Waits until what was sent has been accepted."""
        return (yield from self.outside(handle.invocation_id()))

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
        match self.app.ask_now("addressee", run=self.run_info.name, key=key, to=step.to, event=step.send):
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
                pass
        return
        yield

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
                await self.pause(block.us)
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
                futures, together = self._awaited()
                await self.poll(futures, together=together)
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

    def _awaited(self) -> tuple[list[Durable], bool]:
        """All that is awaited, and whether the SDK's own combinator would wait for all of it together."""
        together = [task._waiting for tasks in self._gathered for task in tasks if not task.done]
        gathered = [wait for wait in together if isinstance(wait, Wait) and wait in self.waiting]
        others = [wait for wait in self.waiting if wait not in gathered]
        return [future for wait in (*others, *gathered) for future in wait.futures], bool(gathered and not others)


def _single(step: Parallel | ForEach | None) -> bool:
    """Whether each branch is one step with one completion."""
    if isinstance(step, ForEach):
        return step.at_once is None and len(step.do) == 1 and isinstance(step.do[0], Run | Sleep | Call)
    return step is not None and all(
        len(branch) == 1 and isinstance(branch[0], Run | Sleep | Call) for branch in step.parallel
    )


def _key(target: Target, run: RunInfo) -> str | None:
    return None if target.service_kind == "service" else run.key or target.workflow


def payload_of(run: RunInfo) -> bytes:
    """The request that starts a run: its identity as JSON."""
    return json.dumps(run.plain()).encode()
