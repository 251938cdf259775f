"""The event loop that a workflow's code runs on, with asyncio's order: what becomes ready first runs first, and a
cancellation reaches its target one turn later."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

from durascope.simulators.kernel.runs import RunInfo

Coroutine = Generator["Future | Block", Any, Any]


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
    """Runs what is ready, first come first served, until nothing is or the code is busy.

    >>> loop = Loop()
    >>> answer = loop.future()
    >>> def code():
    ...     value = yield answer
    ...     return value + 1
    >>> task = loop.task(code())
    >>> loop.run()
    >>> answer.resolve(41)
    >>> loop.run()
    >>> task.result
    42
    """

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
    """Runs all side by side, waits for every one, then raises the first failure (in their order).

    >>> def plus_one(future):
    ...     value = yield future
    ...     return value + 1
    >>> loop = Loop()
    >>> first, second = loop.future(), loop.future()
    >>> both = loop.task(gather(loop, [plus_one(first), plus_one(second)]))
    >>> second.resolve(20)
    >>> first.resolve(10)
    >>> loop.run()
    >>> both.result
    [11, 21]
    """
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
