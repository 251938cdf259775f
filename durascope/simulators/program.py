"""Runs a workflow's steps deterministically, and so replays them: what the user's code does inside an SDK.

The workflow's code is a tree of coroutines on a small event loop with asyncio's order: what becomes ready first runs
first, a cancellation reaches its target one turn later. Everything durable is asked of an `Sdk`, which each engine
provides; it answers at once (from its record) or by a `Future` that it resolves later. A replay is nothing but a new
`Program` that is fed the recorded answers.

    Program.main ── run · sleep · wait_for · … ──▶ Sdk ── Future ──▶ the engine
         ▲                                                              │
         └────────────── Loop.run() resumes what is ready ◀── resolve ──┘
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.models.scenario import Workflow
from durascope.models.steps import (
    Awakeable,
    Bug,
    Call,
    Choose,
    Clear,
    Compute,
    Fail,
    Finish,
    ForEach,
    Get,
    Parallel,
    Patched,
    Race,
    Repeat,
    Run,
    Send,
    Set,
    Sleep,
    Start,
    Step,
    Steps,
    WaitFor,
)
from durascope.simulators.kernel.runs import RunInfo

Coroutine = Generator["Future | Block", Any, Any]


# ---- the event loop ------------------------------------------------------------------------------------------


class Future:
    """A result that is not there yet."""

    __slots__ = ("_callbacks", "cancelled", "done", "exception", "loop", "result")

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.done = False
        self.cancelled = False
        self.result: Any = None
        self.exception: BaseException | None = None
        self._callbacks: list[Callable[[Future], Any]] = []

    def resolve(self, result: Any = None) -> None:
        """Gives the result; who waits for it goes on in the loop's next turn. Once only: later calls do nothing."""
        if not self.done:
            self.result = result
            self._finish()

    def fail(self, exception: BaseException) -> None:
        if not self.done:
            self.exception = exception
            self._finish()

    def cancel(self) -> bool:
        if self.done:
            return False
        self.cancelled = True
        self.exception = Cancelled()
        self._finish()
        return True

    def then(self, callback: Callable[[Future], Any]) -> None:
        """Calls `callback(self)` in a turn of the loop after it is done."""
        if self.done:
            self.loop.call_soon(callback, self)
        else:
            self._callbacks.append(callback)

    def forget(self, callback: Callable[[Future], Any]) -> None:
        if callback in self._callbacks:
            self._callbacks.remove(callback)

    def _finish(self) -> None:
        self.done = True
        for callback in self._callbacks:
            self.loop.call_soon(callback, self)
        self._callbacks.clear()


@dataclass(frozen=True, slots=True)
class Block:
    """Yielded by code that is busy: the whole loop is blocked for that many microseconds."""

    us: int
    name: str
    run: RunInfo | None = None
    """Whose step it is, where that is not the run whose code it is."""


class Cancelled(Exception):
    """Thrown into code that is cancelled where it waits."""


class Task(Future):
    """A coroutine on the loop; its result is what the coroutine returns."""

    __slots__ = ("_must_cancel", "_waiting", "coroutine")

    def __init__(self, loop: Loop, coroutine: Coroutine) -> None:
        super().__init__(loop)
        self.coroutine = coroutine
        self._waiting: Future | None = None
        self._must_cancel: BaseException | None = None
        loop.call_soon(self.step)

    def cancel(self, reason: BaseException | None = None) -> bool:
        """Throws `Cancelled` (or the reason) into the coroutine where it waits, one turn later."""
        if self.done:
            return False
        thrown = reason or Cancelled()
        waiting = self._waiting
        if waiting is not None and reason is None and waiting.cancel():
            return True
        if waiting is not None:
            waiting.forget(self._wake)
            self._waiting = None
            self.loop.call_soon(self.step, None, thrown)
        else:
            self._must_cancel = thrown
        return True

    def _wake(self, future: Future) -> None:
        if self._waiting is future:
            self._waiting = None
            self.step(future.result, future.exception)

    def step(self, value: Any = None, thrown: BaseException | None = None) -> None:
        """Runs the coroutine up to where it has to wait."""
        if self.done:
            return
        coroutine = self.coroutine
        if self._must_cancel is not None:
            thrown, self._must_cancel = self._must_cancel, None
        try:
            while True:
                waited = coroutine.send(value) if thrown is None else coroutine.throw(thrown)
                if isinstance(waited, Block):
                    self.loop.blocked = (self, waited)
                    return
                if not waited.done:
                    waited.then(self._wake)
                    self._waiting = waited
                    return
                value, thrown = waited.result, waited.exception
        except StopIteration as end:
            self.resolve(end.value)
        except Cancelled as cancelled:
            self.cancelled = True
            self.fail(cancelled)
        except Exception as failure:
            self.fail(failure)


class Loop:
    """Runs what is ready, first come first served, until nothing is or the code is busy."""

    __slots__ = ("_ready", "blocked")

    def __init__(self) -> None:
        self._ready: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.blocked: tuple[Task, Block] | None = None

    def call_soon(self, fn: Callable[..., Any], *args: Any) -> None:
        self._ready.append((fn, args))

    def task(self, coroutine: Coroutine) -> Task:
        return Task(self, coroutine)

    def future(self) -> Future:
        return Future(self)

    def run(self) -> Block | None:
        """Runs until nothing is ready (None), or until the code is busy: call `unblock` when that time is over."""
        ready = self._ready
        while ready:
            fn, args = ready.popleft()
            fn(*args)
            if self.blocked is not None:
                return self.blocked[1]
        return None

    def unblock(self) -> None:
        """The busy code goes on, before anything else."""
        blocked, self.blocked = self.blocked, None
        assert blocked is not None
        task = blocked[0]
        self._ready.appendleft((task.step, ()))


def gather(loop: Loop, coroutines: Iterable[Coroutine]) -> Coroutine:
    """Runs all side by side, waits for every one, then raises the first failure (in their order)."""
    tasks = [loop.task(coroutine) for coroutine in coroutines]
    all_done = loop.future()
    left = len(tasks)

    def one_done(_: Future) -> None:
        nonlocal left
        left -= 1
        if not left:
            all_done.resolve()

    for task in tasks:
        task.then(one_done)
    if tasks:
        try:
            yield all_done
        except BaseException:
            for task in tasks:
                task.cancel()
            raise
    for task in tasks:
        if task.exception is not None:
            raise task.exception
    return [task.result for task in tasks]


def first(loop: Loop, coroutines: Iterable[Coroutine]) -> Coroutine:
    """Runs all side by side and goes on with the first that ends; returns (its index, the tasks). Cancels nobody."""
    tasks = [loop.task(coroutine) for coroutine in coroutines]
    one_done = loop.future()

    def done(task: Future) -> None:
        one_done.resolve(tasks.index(task))  # pyright: ignore[reportArgumentType]

    for task in tasks:
        task.then(done)
    try:
        index = yield one_done
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    return index, tasks


# ---- how code ends -------------------------------------------------------------------------------------------


class WorkflowFailure(Exception):
    """The run has failed for good: a step's failure that nobody caught, or a `fail` step."""

    def __init__(self, message: str, *, code: int = 500, step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.step = step
        """The step whose failure it is; None: the workflow's own."""


class CodeBug(Exception):
    """The workflow's code has thrown something that is not a failure of the run: what the engine retries."""


class RunCancelled(Exception):
    """The run is to be cancelled: undo what was done, then end.

    `returns`: the code handles the wish itself and returns normally (a Temporal signal), instead of ending as
    cancelled.
    """

    def __init__(self, reason: str, *, returns: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.returns = returns


class _Finished(Exception):
    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


class TimedOut(Exception):
    """A wait has timed out."""


TIMED_OUT: Final = TimedOut()


# ---- what an SDK offers ------------------------------------------------------------------------------------


class Sdk(ABC):
    """What a workflow's code calls; every engine's package has its own.

    Each method is a coroutine: it may `yield` futures of `self.loop`. `name` is the step's label with loop variables
    filled in; `key` tells several uses of one name apart (`name`, `name:1`, `name:2`, …). Whatever waits raises
    `RunCancelled` where the run is cancelled meanwhile, or what the SDK ends an execution of the code with.
    """

    loop: Loop
    catches_failures: bool = True
    """Whether `on_failure` is caught in the workflow's own code (else the engine runs it as a function of its own)."""

    @abstractmethod
    def run(self, step: Run, name: str, key: str) -> Coroutine:
        """Returns the named outcomes (a mapping); raises `WorkflowFailure` where the step failed for good."""

    @abstractmethod
    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        """Returns when the time is over; raises like whatever waits."""

    @abstractmethod
    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        """Returns the event's payload, or `TIMED_OUT`; raises like whatever waits."""

    @abstractmethod
    def call(self, step: Call, name: str, key: str) -> Coroutine:
        """Returns what the called workflow gives; raises `WorkflowFailure` where it failed."""

    @abstractmethod
    def start(self, step: Start, name: str, key: str) -> Coroutine: ...

    @abstractmethod
    def send(self, step: Send, name: str, key: str) -> Coroutine:
        """Returns when the event is under way; raises like whatever waits."""

    def awakeable(self, step: Awakeable) -> Coroutine:
        """Makes what a later wait of that name awaits; where events are addressed by name nothing is to be made."""
        return
        yield

    @abstractmethod
    def state(self, step: Get | Set | Clear) -> Coroutine: ...

    @abstractmethod
    def patched(self, step: Patched) -> Coroutine:
        """Returns whether the new code is to run."""

    def compute(self, step: Compute, name: str, us: int) -> Coroutine:
        """The code is busy; the host passes the moment `started` and lets the time go by."""
        yield Block(us, name)

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        """Whether a bug in the code (a `bug`, a retryable `fail`) shows this time. An SDK's own error it raises."""
        raise NotImplementedError

    def computed(self, step: Compute, key: str) -> int:
        """How many times the run's code has come to that step, over all its executions, this one included."""
        raise NotImplementedError

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        """Returns when all have ended; raises the first failure among them."""
        return (yield from gather(self.loop, branches))

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        """The first to end wins, or raises; the losers are cancelled, which they notice one turn later."""
        index, tasks = yield from first(self.loop, branches)
        for task in tasks:
            if not task.done:
                task.cancel()
        if tasks[index].exception is not None:
            raise tasks[index].exception
        return index

    def passed(self, program: Program, steps: Steps) -> int:
        """How many of the program's first steps are recorded and need not be passed one by one, because nobody looks.

        Their values are in the program then. A replay of thousands of steps, thousands of times, would else be nearly
        all that a simulation does.
        """
        return 0

    def before_step(self, step: Step) -> None:
        """Called before each step of the program proper; raises `RunCancelled` where the run has been cancelled."""

    def after_step(self, step: Step) -> None:
        """Called after each step of the program proper; raises `RunCancelled` where the run has been cancelled."""

    def continue_as_new(self, done: int) -> Coroutine:
        """Told after each `continue_as_new_every` rounds with the place to go on from; most engines just go on.

        Raises what ends this execution where another one goes on.
        """
        return
        yield


# ---- the interpreter ---------------------------------------------------------------------------------------


LOOP: Final = 1_000_000
"""More than the rounds of any loop: a place to go on from is the step's number times this, plus the rounds done."""


class Program:
    """One execution of a workflow's code."""

    __slots__ = (
        "_compute_time", "_drawn", "_resume_at", "_undo", "_unwinding", "_uses", "run", "sdk", "undone", "values",
        "workflow",
    )  # fmt: skip

    def __init__(
        self,
        workflow: Workflow,
        run: RunInfo,
        sdk: Sdk,
        *,
        compute_time: Callable[[Compute, str], int],
        resume_at: int = 0,
    ) -> None:
        self.workflow = workflow
        self.run = run
        self.sdk = sdk
        self.values: dict[str, object] = dict(run.input)
        self.undone = False
        """Whether anything has been undone."""
        self._compute_time = compute_time
        self._resume_at = resume_at
        self._uses: dict[str, int] = {}
        self._undo: list[tuple[Run | Call, str]] = []
        self._drawn: dict[str, object] = {}
        """The values of computations that are not deterministic: names of steps may hold them."""
        self._unwinding = False

    def main(self) -> Coroutine:
        """Runs the workflow; returns the result, or raises `WorkflowFailure`, `RunCancelled`, `CodeBug`."""
        steps = self._steps_left()
        passed = self.sdk.passed(self, steps)
        try:
            yield from self.block(steps[passed:] if passed else steps)
        except _Finished as finished:
            return finished.result
        except WorkflowFailure:
            yield from self.unwind()
            if self.workflow.after_undo == "complete" and self.undone:
                return "undone"
            if self.workflow.on_failure and self.sdk.catches_failures:
                yield from self.body(self.workflow.on_failure)
            raise
        except RunCancelled as cancelled:
            yield from self.unwind()
            if cancelled.returns:
                return "cancelled"
            raise
        return None

    def unwind(self) -> Coroutine:
        """Undoes, last first, every step whose `undo` is registered."""
        self._unwinding = True
        while self._undo:
            done, name = self._undo.pop()
            undo = done.undo_step
            assert undo is not None
            self.undone = True
            yield from self.sdk.run(undo, name, self._key(name))

    def block(self, steps: Steps, scope: Mapping[str, object] | None = None) -> Coroutine:
        """Runs steps one after the other; `scope` holds the loop variables around them."""
        before, after = self.sdk.before_step, self.sdk.after_step
        for step in steps:
            if not self._unwinding:
                before(step)
            yield from _HOW[type(step)](self, step, scope or _NO_SCOPE)  # pyright: ignore[reportArgumentType]
            if not self._unwinding:
                after(step)

    def body(self, steps: Steps, scope: Mapping[str, object] | None = None) -> Coroutine:
        """Runs the steps of a handler beside the workflow's own; a `finish` ends that handler, with its result."""
        try:
            yield from self.block(steps, scope)
        except _Finished as finished:
            return finished.result

    def pass_over(self, names: Mapping[str, int], values: Mapping[str, object]) -> None:
        """Goes on as if steps of these names (and how many of each) had run and returned these values."""
        self._uses = dict(names)
        self.values.update(values)

    def _steps_left(self) -> Steps:
        """The whole program, or, in a run that another has continued as, what is left from that one's loop on."""
        first, self._resume_at = divmod(self._resume_at, LOOP)
        return self.workflow.steps[first:]

    def _place(self, loop: Repeat, done: int) -> int | None:
        """Where another run can go on, as one number; None inside of other steps, which have no such place."""
        places = (n for n, step in enumerate(self.workflow.steps) if step is loop)
        at = next(places, None)
        return None if at is None else at * LOOP + done

    def _key(self, name: str) -> str:
        uses = self._uses.get(name, 0)
        self._uses[name] = uses + 1
        return f"{name}:{uses}" if uses else name

    def _name(self, step: Step, scope: Mapping[str, object]) -> str:
        label = step.run if isinstance(step, Run) else step.label  # the same; many are asked for, and labels are slow
        return filled(label, {**self._drawn, **scope} if self._drawn else scope)

    def _registers(self, step: Run | Call, undo: Run, scope: Mapping[str, object]) -> None:
        """The step is undone, should the run fail; from its begin on, since nobody knows how far it came."""
        self._undo.append((step, filled(undo.run, scope)))

    # ---- one method per kind of step -----------------------------------------------------------------------

    def _run(self, step: Run, scope: Mapping[str, object]) -> Coroutine:
        name = self._name(step, scope) if scope or self._drawn else step.run
        if step.undo is not None:
            self._registers(step, step.undo, scope)
        values = yield from self.sdk.run(step, name, self._key(name))
        if values:
            self.values.update(values)

    def _sleep(self, step: Sleep, scope: Mapping[str, object]) -> Coroutine:
        name = self._name(step, scope)
        yield from self.sdk.sleep(step, name, self._key(name))

    def _wait_for(self, step: WaitFor, scope: Mapping[str, object]) -> Coroutine:
        name = self._name(step, scope)
        timed_out = False
        for _ in range(step.times):
            payload = yield from self.sdk.wait_for(step, name, self._key(name))
            if payload is TIMED_OUT:
                timed_out = True
                break
            if isinstance(payload, Mapping):
                self.values.update(payload)  # pyright: ignore[reportUnknownArgumentType]
        yield from self.block(step.on_timeout if timed_out else step.then, scope)

    def _parallel(self, step: Parallel, scope: Mapping[str, object]) -> Coroutine:
        yield from self.sdk.gather([self.block(branch, scope) for branch in step.parallel])

    def _for_each(self, step: ForEach, scope: Mapping[str, object]) -> Coroutine:
        rounds = [self.block(step.do, _with(scope, step.as_, number)) for number in range(1, step.for_each + 1)]
        limit = step.at_once or len(rounds)
        if limit >= len(rounds):
            yield from self.sdk.gather(rounds)
            return
        waiting = iter(rounds)

        def lane() -> Coroutine:
            for each in waiting:
                yield from each

        yield from self.sdk.gather([lane() for _ in range(limit)])

    def _race(self, step: Race, scope: Mapping[str, object]) -> Coroutine:
        yield from self.sdk.race([self.block(branch, scope) for branch in step.race])

    def _repeat(self, step: Repeat, scope: Mapping[str, object]) -> Coroutine:
        begin, self._resume_at = self._resume_at, 0
        for number in range(begin + 1, step.repeat + 1):
            yield from self.block(step.do, _with(scope, step.as_, number))
            every = step.continue_as_new_every
            if every and number % every == 0 and number < step.repeat:
                place = self._place(step, number)
                if place is not None:
                    yield from self.sdk.continue_as_new(place)

    def _choose(self, step: Choose, scope: Mapping[str, object]) -> Coroutine:
        values = {**self.values, **scope}
        for choice in step.choose:
            if choice.when is None or choice.when.holds(values):
                yield from self.block(choice.steps, scope)
                return

    def _call(self, step: Call, scope: Mapping[str, object]) -> Coroutine:
        name = self._name(step, scope)
        if step.undo is not None:
            self._registers(step, step.undo, scope)
        yield from self.sdk.call(step, name, self._key(name))

    def _start(self, step: Start, scope: Mapping[str, object]) -> Coroutine:
        name = self._name(step, scope)
        yield from self.sdk.start(step, name, self._key(name))

    def _send(self, step: Send, scope: Mapping[str, object]) -> Coroutine:
        name = self._name(step, scope)
        yield from self.sdk.send(step, name, self._key(name))

    def _awakeable(self, step: Awakeable, _scope: Mapping[str, object]) -> Coroutine:
        yield from self.sdk.awakeable(step)

    def _state(self, step: Get | Set | Clear, _scope: Mapping[str, object]) -> Coroutine:
        value = yield from self.sdk.state(step)
        if isinstance(step, Get) and step.get != "*":
            self.values[step.get] = value
        elif isinstance(step, Set):
            self.values[step.set] = step.value

    def _compute(self, step: Compute, scope: Mapping[str, object]) -> Coroutine:
        name = self._name(step, scope)
        key = self._key(name)
        yield from self.sdk.compute(step, name, self._compute_time(step, key))
        if step.nondeterministic:
            self.values[name] = self._drawn[name] = self.sdk.computed(step, key)

    def _patched(self, step: Patched, scope: Mapping[str, object]) -> Coroutine:
        new = yield from self.sdk.patched(step)
        yield from self.block(step.do if new else step.otherwise, scope)

    def _fail(self, step: Fail, scope: Mapping[str, object]) -> Coroutine:
        name = self._name(step, scope)
        if not step.retryable:
            raise WorkflowFailure(step.fail, code=step.code)
        if self.sdk.code_fails(step, name, self._key(name)):
            raise CodeBug(step.fail)
        return
        yield

    def _bug(self, step: Bug, scope: Mapping[str, object]) -> Coroutine:
        name = self._name(step, scope)
        if self.sdk.code_fails(step, name, self._key(name)):
            raise CodeBug(step.bug)
        return
        yield

    def _finish(self, step: Finish, _scope: Mapping[str, object]) -> Coroutine:
        raise _Finished(step.finish)
        yield


_NO_SCOPE: Final[Mapping[str, object]] = {}

_HOW: Final[dict[type, Callable[..., Coroutine]]] = {
    Run: Program._run,
    Sleep: Program._sleep,
    WaitFor: Program._wait_for,
    Parallel: Program._parallel,
    ForEach: Program._for_each,
    Race: Program._race,
    Repeat: Program._repeat,
    Choose: Program._choose,
    Call: Program._call,
    Start: Program._start,
    Send: Program._send,
    Awakeable: Program._awakeable,
    Get: Program._state,
    Set: Program._state,
    Clear: Program._state,
    Compute: Program._compute,
    Patched: Program._patched,
    Fail: Program._fail,
    Bug: Program._bug,
    Finish: Program._finish,
}


def _with(scope: Mapping[str, object], name: str | None, number: int) -> Mapping[str, object]:
    return scope if name is None else {**scope, name: number}


def filled(label: str, scope: Mapping[str, object]) -> str:
    """The label with `{variable}` replaced by the loop variables around it."""
    if "{" in label:
        for name, value in scope.items():
            label = label.replace(f"{{{name}}}", str(value))
    return label


def scope_of(label: str, name: str) -> dict[str, object]:
    """The loop variables in a label, read off the name that was made of it."""
    if "{" not in label:
        return {}
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(label))
    found = re.fullmatch(pattern, name)
    return {} if found is None else dict(found.groupdict())
