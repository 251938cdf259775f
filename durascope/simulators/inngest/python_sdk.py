"""The Python SDK: one step at a time; what is found interrupts the function (inngest-py execution_lib/v0.py).

A step that is not memoised and not to be run raises an interrupt that unwinds the function; a parallel group calls its
members one after the other and collects the interrupts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from durascope.models.steps import Call, ForEach, Parallel, Run, Send, Sleep, Start, Steps, WaitFor
from durascope.models.units import SECOND
from durascope.simulators.bodies import Outcome
from durascope.simulators.inngest.invocation import Invocation, step_done
from durascope.simulators.inngest.protocol import (
    INVOKE_FUNCTION,
    SLEEP,
    STEP_ERROR,
    STEP_FAILED,
    STEP_PLANNED,
    STEP_RUN,
    WAIT_FOR_EVENT,
    Answer,
    Memo,
    Op,
    SleepOpts,
    failed,
    failure,
)
from durascope.simulators.inngest.sdk import InngestSdk
from durascope.simulators.program.endings import CodeBug, WorkflowFailure
from durascope.simulators.program.loop import Block, Coroutine, Loop
from durascope.simulators.program.members import Members, members_of
from durascope.simulators.program.sdk import TIMED_OUT

_NO_LOOP: Final = Loop()
"""Nothing ever runs on it: a request of the Python SDK is one coroutine, which its invocation drives itself."""


class ResponseInterrupt(BaseException):
    """Ends the request with op codes."""

    def __init__(self, ops: tuple[Op, ...]) -> None:
        self.ops = ops


class SkipInterrupt(BaseException):
    """A step that is not the one the request is targeted at."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class RetryAfter(Exception):
    """RetryAfterError: an error of the function, not of the step (§6.4)."""

    def __init__(self, message: str, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


class InvalidConfig(Exception):
    """FunctionConfigInvalidError: a timeout that is not whole seconds."""


class Body(NamedTuple):
    """Yielded by a step whose body is to run now."""

    step: Run | Send | Start
    name: str
    key: str


LONG: Final = 100
"""Finished steps from which on a replay that nobody sees is shortened."""

MOST_PREFIXES: Final = 100
"""Runs at a time of which is known what their replays pass over."""


class Prefix:
    """The first steps of a function as far as they are plain ones and finished: what every later request finds so."""

    __slots__ = ("code", "length", "names", "values")

    def __init__(self, code: Steps) -> None:
        self.code = code
        self.length = 0
        self.names: dict[str, int] = {}
        self.values: dict[str, object] = {}

    def grow(self, memos: Mapping[str, Memo]) -> None:
        """Takes in what has finished since."""
        for step in self.code[self.length :]:
            memo = memos.get(step.run) if isinstance(step, Run) and step.undo is None else None
            if memo is None or memo.error is not None or memo.name in self.names:
                return
            self.names[memo.name] = 1
            if memo.value:
                self.values.update(memo.value)
            self.length += 1


class PythonSdk(InngestSdk):
    """`ctx.step` and `ctx.group`."""

    def __init__(self, invocation: PythonInvocation) -> None:
        super().__init__(invocation, _NO_LOOP)
        self._in_parallel = False

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        memo = self.request.steps.get(key)
        if memo is not None and memo.error is None:
            self.invocation.replayed(memo)
            return memo.value
        return (yield from self._body(step, name, key))

    def passed(self, steps: Steps) -> Prefix | None:
        world, request = self.invocation.host.world, self.request
        if request.step is not None or len(request.steps) < LONG or not world.unseen:
            return None
        prefixes = self.app.prefixes
        prefix: Prefix | None = prefixes.get(request.run.name)
        if prefix is None or prefix.code is not steps:
            if len(prefixes) >= MOST_PREFIXES:
                prefixes.clear()
            prefix = prefixes[request.run.name] = Prefix(steps)
        prefix.grow(request.steps)
        world.recorder.count += prefix.length
        return prefix

    def targeted(self, group: Parallel | ForEach) -> Members | None:
        """A request that is targeted at a step passes all others by: those without a result are skipped."""
        if self.request.step is None:
            return None
        groups = self.app.groups
        known = groups.get(id(group))
        if known is None:
            known = groups[id(group)] = (group, members_of(group))
        return known[1]

    def find(self, members: Members) -> Coroutine:
        """As `_group` does it with all: results and failures in the branches' order, the target at its place.

        Raises `ResponseInterrupt` with what the request answers.
        """
        memos, numbers, target = self.request.steps, members.numbers, self.request.step
        wanted = {numbers[key] for key in memos if key in numbers}
        if target in numbers:
            wanted.add(numbers[target])
        values: dict[str, object] = {}
        ops: list[Op] = []
        outer, self._in_parallel = self._in_parallel, True
        try:
            for number in sorted(wanted):
                step, name = members.steps[number]
                self.before_step(step)
                try:
                    values.update((yield from self.run(step, name, members.keys[number])) or {})
                except ResponseInterrupt as interrupt:
                    ops.extend(interrupt.ops)
        finally:
            self._in_parallel = outer
        if ops:
            raise ResponseInterrupt(tuple(ops))
        return values

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        yield from self._body(step, name, key)

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        yield from self._body(step, name, key)

    def _body(self, step: Run | Send | Start, name: str, key: str) -> Coroutine:
        """step.run: memoised, planned, or run here and now."""
        memo = self._memo(name, key)
        if memo is not None:
            return memo.value
        request = self.request
        if request.step is None and (self._in_parallel or request.plan_only):
            raise ResponseInterrupt((Op(STEP_PLANNED, key, name),))
        outcome: Outcome = yield Body(step, name, key)  # pyright: ignore[reportReturnType]
        if outcome.ok:
            raise ResponseInterrupt((Op(STEP_RUN, key, name, step_done(name, outcome)),))
        error = outcome.error or ""
        if not outcome.retryable:
            raise WorkflowFailure(error, step=name)
        if outcome.retry_after is not None:
            raise RetryAfter(error, outcome.retry_after)
        code = STEP_FAILED if request.attempt + 1 >= request.max_attempts else STEP_ERROR
        raise ResponseInterrupt((Op(code, key, name, failed(name, error)),))

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        if self._memo(name, key) is None:
            until = self.invocation.host.world.now + step.sleep
            raise ResponseInterrupt((Op(SLEEP, key, name, opts=SleepOpts(until, None)),))
        return
        yield

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        opts = self.wait_opts(step)
        _whole_seconds(opts.timeout)
        memo = self._memo(name, key)
        if memo is None:
            raise ResponseInterrupt((Op(WAIT_FOR_EVENT, key, name, opts=opts),))
        return TIMED_OUT if memo.value is None else memo.value
        yield

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        if step.timeout is not None:
            _whole_seconds(step.timeout)
        memo = self._memo(name, key)
        if memo is None:
            raise ResponseInterrupt((Op(INVOKE_FUNCTION, key, name, opts=self.invoke_opts(step, key, step.timeout)),))
        return memo.value
        yield

    def _memo(self, name: str, key: str) -> Memo | None:
        """What is known of a step; raises what a memoised error is raised as, or skips what is not wanted."""
        memo = self.request.steps.get(key)
        if memo is None:
            if self.request.step is not None and self.request.step != key:
                raise SkipInterrupt(name)
            return None
        self.invocation.replayed(memo)
        if memo.error is not None:
            raise failure(memo)
        return memo

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        """group.parallel: a member's failure leaves at once, whatever the others would have said."""
        return (yield from self._group(branches, race=self._mode == "race"))

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        """Python has no way to go on with the first: all are awaited, in mode race unless that is left out."""
        yield from self._group(branches, race=self._mode != "plain")
        return 0

    def _group(self, branches: Sequence[Coroutine], *, race: bool) -> Coroutine:
        outer, self._in_parallel = self._in_parallel, True
        results: list[Any] = []
        ops: list[Op] = []
        try:
            for branch in branches:
                try:
                    results.append((yield from branch))
                except ResponseInterrupt as interrupt:
                    ops.extend(interrupt.ops)
                except SkipInterrupt:
                    pass
        finally:
            self._in_parallel = outer
        if ops:
            raise ResponseInterrupt(tuple(replace(op, race=True) for op in ops) if race else tuple(ops))
        return results


class PythonInvocation(Invocation):
    """Runs the coroutine itself: there is never more than one thing to wait for."""

    __slots__ = ("_code",)

    def begin(self) -> None:
        self._code = self.program(PythonSdk(self)).main()
        self.replay_starts()
        self._go_on(None)

    def _go_on(self, value: object) -> None:
        if self.over:
            return
        try:
            wanted: Any = self._code.send(value)
        except StopIteration:
            self.answer(Answer(200))
        except ResponseInterrupt as interrupt:
            self.answer(Answer(206, interrupt.ops))
        except SkipInterrupt as skip:
            self.answer(Answer(500, error=f'found step "{skip.name}" when targeting a different step'))
        except RetryAfter as error:
            self.answer(Answer(500, retry_after=error.wait, error=str(error)))
        except WorkflowFailure as error:
            self.answer(Answer(500, no_retry=True, error=error.message))
        except (CodeBug, InvalidConfig) as error:
            self.answer(Answer(500, error=str(error)))
        else:
            self._wait(wanted)

    def _wait(self, wanted: Block | Body) -> None:
        self.replay_ends()
        if isinstance(wanted, Block):
            self.busy(wanted.name, wanted.us, lambda: self._go_on(None))
        elif isinstance(wanted.step, Run):
            self.execute(wanted.step, wanted.name, wanted.key, self._go_on)
        else:
            self.send(wanted.step, wanted.name, wanted.key, self._go_on)


def _whole_seconds(timeout: int) -> None:
    """§4: Python rejects timeouts that are not whole seconds."""
    if timeout < SECOND:
        raise InvalidConfig("duration must be at least 1 second")
    if timeout % SECOND:
        raise InvalidConfig("duration must be a whole number of seconds")
