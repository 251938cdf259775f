"""One execution of a workflow's code: each kind of step becomes calls of the SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

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
from durascope.simulators.program.endings import CodeBug, Finished, RunCancelled, WorkflowFailure
from durascope.simulators.program.labels import filled
from durascope.simulators.program.loop import Coroutine
from durascope.simulators.program.members import Members
from durascope.simulators.program.sdk import TIMED_OUT, Sdk

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
        passed = self.sdk.passed(steps)
        if passed is not None:  # goes on as if they had run and returned these values
            steps = steps[passed.length :]
            self._uses = dict(passed.names)
            self.values.update(passed.values)
        try:
            yield from self.block(steps)
        except Finished as finished:
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
        except Finished as finished:
            return finished.result

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
        members = self._targeted(step, scope)
        if members is not None:
            yield from self._find(members)
            return
        yield from self.sdk.gather([self.block(branch, scope) for branch in step.parallel])

    def _targeted(self, group: Parallel | ForEach, scope: Mapping[str, object]) -> Members | None:
        """Its members, where the keys that they get here are the keys that they know of themselves."""
        if scope or self._drawn or self._unwinding:
            return None
        members = self.sdk.targeted(group)
        return members if members is not None and self._uses.keys().isdisjoint(members.counts.keys()) else None

    def _find(self, members: Members) -> Coroutine:
        self._uses.update(members.counts)
        self.values.update((yield from self.sdk.find(members)))

    def _for_each(self, step: ForEach, scope: Mapping[str, object]) -> Coroutine:
        members = self._targeted(step, scope)
        if members is not None:
            yield from self._find(members)
            return
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
        raise Finished(step.finish)
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
