"""The SDK as workflow code sees it: each step of the program becomes commands, in the order of the Python SDK.

A wait cancels its own timer before it returns; the loser of a race is cancelled one turn of the loop after the winner
has gone on (§4).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

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
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.endings import CodeBug, RunCancelled, WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Cancelled, Coroutine, Future, Task, first
from durascope.simulators.program.sdk import TIMED_OUT, Sdk
from durascope.simulators.temporal.activity_machine import ActivityMachine
from durascope.simulators.temporal.child_machine import ChildMachine
from durascope.simulators.temporal.commands import (
    Asked,
    CancelTimer,
    CancelWorkflowExecution,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    FailWorkflowExecution,
    ScheduleActivityTask,
    SignalExternalWorkflowExecution,
    StartChildWorkflowExecution,
    StartTimer,
)
from durascope.simulators.temporal.context import Backoff, TaskFailure, WorkflowContext
from durascope.simulators.temporal.external_machine import ExternalMachine
from durascope.simulators.temporal.failure import Failure
from durascope.simulators.temporal.gathered import Gathered
from durascope.simulators.temporal.host import Host
from durascope.simulators.temporal.local_activity import LocalActivity
from durascope.simulators.temporal.patch_machine import PatchMachine
from durascope.simulators.temporal.timer_machine import TimerMachine

LOSERS_TURNS: Final = 2
"""How many times the loop goes round before the code goes on after a race, where its losers come first."""
_BEGUN_IN_A_SCOPE: Final = (Run, Sleep, WaitFor, Call, Start, Send)
"""What a cancelled scope refuses to begin."""


class ContinueAsNew(Exception):
    """The run is to go on as a new one."""

    def __init__(self, done: int) -> None:
        super().__init__(done)
        self.done = done


class WorkflowSdk(Sdk):
    """The calls of one run's code."""

    def __init__(self, context: WorkflowContext, info: RunInfo, host: Host, resume_at: int = 0) -> None:
        self.context = context
        self.host = host
        self.app = host.app
        self.info = info
        """The run that the steps are done for: an entity works off those of its requests."""
        self._by: RunInfo | None = None
        """Whose steps they are, where that is not the run itself."""
        self.loop = context.loop
        self.workflow = context.workflow
        self.program = Program(context.workflow, info, self, compute_time=self._compute_time, resume_at=resume_at)
        self.primary: Task | None = None
        """The workflow function."""
        self.begun = False
        """Whether the workflow function has begun."""
        self.cancelling: RunCancelled | None = None
        self.variables: dict[str, object] = dict(context.options.carried)
        self.events: dict[str, deque[object]] = {}
        """Signals (and updates that have been worked off) that nobody has waited for yet."""
        self._patches: dict[str, PatchMachine] = {}
        self.open_updates = 0
        """How many updates are being worked off."""
        rules = host.rules
        self._scopes, self._shortest_sleep = rules.scopes, rules.shortest_sleep
        self._waits_let_go = rules.waits_let_go
        self._losers_first = rules.losers_first

    def _compute_time(self, step: Compute, key: str) -> int:
        return self.app.code.compute_time(self.context.options.run, step, key)

    @property
    def values(self) -> dict[str, object]:
        """What the run's code knows by name: its input, and results."""
        return self.program.values

    def close(self) -> None:
        """The run has left the worker: its parts let go of each other."""
        del self.program, self.primary

    # ---- the workflow function -----------------------------------------------------------------------------

    def begin(self) -> None:
        """The workflow function begins."""
        self.primary = self.loop.task(self._main())

    def _main(self) -> Coroutine:
        """The workflow function; how it ends becomes a command."""
        self.begun = True
        try:
            if self.context.options.entity:
                result = yield from self.entity()
            else:
                result = yield from self.program.main()
        except RunCancelled as cancelled:
            if cancelled.returns:
                self.context.issue(CompleteWorkflowExecution(0, "", self.unhandled(), "cancelled"))
            else:
                self.context.issue(CancelWorkflowExecution(0, "", self.unhandled()))
        except ContinueAsNew as new:
            self.context.issue(ContinueAsNewWorkflowExecution(0, "", self.unhandled(), new.done, self.carried()))
        except WorkflowFailure as failure:
            reason = Failure(failure.message, retryable=failure.retryable)
            self.context.issue(FailWorkflowExecution(0, "", self.unhandled(), reason, failure.step))
        except TaskFailure as failure:
            self.context.failure = failure
        else:
            self.context.issue(CompleteWorkflowExecution(0, "", self.unhandled(), result))

    def entity(self) -> Coroutine:
        """An entity workflow: it takes requests as updates and ends when none is left. Raises a cancellation."""
        try:
            yield self.condition(lambda: not self.open_updates)
        except Cancelled:
            raise self.interrupted() from None

    def unhandled(self) -> dict[str, int]:
        """How many signals of each name no code has taken; one that the workflow declares has been handled."""
        declared = self.workflow.signals.keys() | self.workflow.updates.keys()
        return {name: len(kept) for name, kept in self.events.items() if kept and name not in declared}

    def carried(self) -> tuple[tuple[str, object], ...]:
        """What the next run of a chain is handed over."""
        return tuple(self.variables.items())

    # ---- cancellation --------------------------------------------------------------------------------------

    def cancel_run(self, reason: RunCancelled) -> None:
        """Cancels the workflow function where it waits."""
        if self.cancelling is None:
            self.cancelling = reason
        if self.primary is not None:
            self.primary.cancel()

    def cancel_requested(self) -> None:
        """Somebody asks the run to end."""
        self.context.cancel_requested = True
        if self.primary is not None:
            self.loop.call_soon(self.cancel_run, RunCancelled("cancel request"))

    def interrupted(self) -> Exception:
        """What a cancelled wait raises in the code: the end of the run, or just of this branch."""
        return self.cancelling or Cancelled()

    def before_step(self, step: Step) -> None:
        reason = self.cancelling
        if reason is not None and (reason.returns or (self._scopes and isinstance(step, _BEGUN_IN_A_SCOPE))):
            raise reason

    def after_step(self, step: Step) -> None:
        if self.cancelling is not None and self.cancelling.returns:
            raise self.cancelling

    # ---- run -----------------------------------------------------------------------------------------------

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        context = self.context
        if context.replaying:
            self.host.step_replayed(context.options.run, name)
        options = self.app.activity_options.of(step)
        if options.local:
            return (yield from self._run_local(step, name, key, options.start_to_close))
        try:
            return (yield ActivityMachine(context, ScheduleActivityTask(0, name, Asked(self.info, key, options))))
        except Cancelled:
            raise self.interrupted() from None

    def _run_local(self, step: Run, name: str, key: str, timeout: int) -> Coroutine:
        attempt, since = 1, None
        while True:
            try:
                return (yield LocalActivity(self.context, step, name, key, timeout, attempt=attempt, since=since))
            except Backoff as backoff:
                attempt, since = backoff.attempt, backoff.since
                yield from self._pause(backoff.us, name, None)
            except Cancelled:
                raise self.interrupted() from None

    # ---- timers and waits ----------------------------------------------------------------------------------

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        if step.sleep or self._shortest_sleep:
            yield from self._pause(max(step.sleep, self._shortest_sleep), name, "SleepStarted")
        else:
            yield from self.turn()

    def turn(self) -> Coroutine:
        """Lets the loop go round once."""
        turn = self.loop.future()
        self.loop.call_soon(turn.resolve)
        yield turn

    def _pause(self, us: int, name: str, mark: str | None) -> Coroutine:
        timer = self._start_timer(us, name, mark)
        try:
            yield timer.future
        except Cancelled:
            self._cancel_timer(timer)
            raise self.interrupted() from None

    def _start_timer(self, us: int, name: str, mark: str | None) -> TimerMachine:
        command = self.context.issue(StartTimer(0, name, us, mark, self._by))
        timer = command.handle = TimerMachine(self.loop, command)
        return timer

    def _cancel_timer(self, timer: TimerMachine) -> None:
        if timer.cancel():
            self.context.issue(CancelTimer(timer.seq, timer.command.name), timer)

    def condition(self, holds: Callable[[], bool]) -> Future:
        """Done as soon as it holds: it is looked at after each turn of the code."""
        future = self.loop.future()
        self.context.conditions.append((holds, future))
        return future

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        """A signal that is already there ends the wait at once, without a timer; a timer is cancelled first."""
        arrived = self.events.setdefault(step.wait_for, deque())

        def matching() -> object | None:
            return next((payload for payload in arrived if self._matches(step, payload)), None)

        payload = matching()
        if payload is None:
            payload = yield from self._wait(step, name, matching)
        if payload is None:
            return TIMED_OUT
        arrived.remove(payload)
        return payload

    def _wait(self, step: WaitFor, name: str, matching: Any) -> Coroutine:
        condition = self.condition(lambda: matching() is not None)
        if step.timeout is None:
            self.context.waits.append((name, step.wait_for, self.info))
            try:
                yield condition
            except Cancelled:
                raise self.interrupted() from None
            return matching()
        timer = self._start_timer(step.timeout, name, "WaitStarted")
        either = self.loop.future()
        condition.then(either.resolve)
        timer.future.then(either.resolve)
        try:
            yield either
        except Cancelled:
            yield from self._let_go(condition, timer)
            raise self.interrupted() from None
        if condition.done:
            self._cancel_timer(timer)
            return matching()
        condition.cancel()
        return None

    def _let_go(self, condition: Future, timer: TimerMachine) -> Coroutine:
        """A wait with a timeout is cancelled: first its condition, then its timer, in Python two turns later."""
        released = self.loop.future()
        condition.then(released.resolve)
        condition.cancel()
        try:
            if self._waits_let_go:
                yield released
        finally:
            self._cancel_timer(timer)

    def _matches(self, step: WaitFor, payload: object) -> bool:
        field = step.match
        if field is None or not isinstance(payload, Mapping) or field not in payload:
            return True
        return payload[field] == self.info.input.get(field)  # pyright: ignore[reportUnknownVariableType]

    # ---- side by side --------------------------------------------------------------------------------------

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        tasks = [self.loop.task(branch) for branch in branches]
        if not tasks:
            return []
        try:
            yield Gathered(tasks)
        except Cancelled:
            if not self._scopes:
                raise self.interrupted() from None
        # in a scope each branch hears of a cancellation by itself: one that had failed before counts
        for task in tasks:
            if isinstance(task.exception, Cancelled):
                raise self.interrupted() from None
            if task.exception is not None:
                raise task.exception
        return [task.result for task in tasks]

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        try:
            index, tasks = yield from first(self.loop, branches)
        except Cancelled:
            raise self.interrupted() from None
        for task in tasks:
            if not task.done:
                task.cancel()
        if self._losers_first:
            for _ in range(LOSERS_TURNS):
                yield from self.turn()
        if tasks[index].exception is not None:
            raise tasks[index].exception
        return index

    # ---- other runs ----------------------------------------------------------------------------------------

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        on_close = step.on_close or "terminate"
        child = yield from self._start_child(step.call, name, key, step.key, step.timeout, on_close)
        try:
            return (yield child)
        except Cancelled:
            raise self.interrupted() from None

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        if step.after:
            yield from self._pause(step.after, name, None)
        yield from self._start_child(step.start, name, key, step.key, None, step.on_close or "abandon")

    def _start_child(
        self, workflow: str, name: str, key: str, reference: object, timeout: int | None, on_close: str
    ) -> Coroutine:
        context = self.context
        entity = self._value(reference)
        run, workflow_id = self.app.ids.child(context.options, self.info, workflow, key, entity)
        definition = self.host.code[workflow]
        run_timeout, retry = timeout or definition.run_timeout or 0, definition.retry
        command = StartChildWorkflowExecution(
            0, workflow, run, workflow_id, name, on_close, run_timeout, retry, self._by
        )
        child = ChildMachine(context, command)
        try:
            yield child.start
        except Cancelled:
            raise self.interrupted() from None
        return child

    def _value(self, reference: object) -> object:
        """A value that a step refers to: a result or field of that name, else what is written there."""
        values = self.values
        return values.get(reference, reference) if isinstance(reference, str) else reference

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        if step.after:
            yield from self._pause(step.after, name, None)
        context, ids = self.context, self.app.ids
        if step.to is None:
            for number, workflow in enumerate(ids.started_by(step.send)):
                child_key = f"{workflow} of {key}" if number else key
                yield from self._start_child(workflow, name, child_key, None, None, "abandon")
            return
        pending = ExternalMachine(context)
        workflow_id, payload = ids.meant(self._value(step.to), step.send), dict(self.values)
        context.issue(SignalExternalWorkflowExecution(0, step.send, workflow_id, payload, name, self._by), pending)
        try:
            yield pending
        except Cancelled:
            raise self.interrupted() from None

    # ---- state, versions, code that fails ------------------------------------------------------------------

    def state(self, step: Get | Set | Clear) -> Coroutine:
        """Workflow variables: nothing of it is seen outside."""
        match step:
            case Get(get=name):
                return tuple(self.variables) if name == "*" else self.variables.get(name)
            case Set(set=name, value=value):
                self.variables[name] = value
            case Clear(clear=name):
                if name == "*":
                    self.variables.clear()
                self.variables.pop(name, None)
        return None
        yield

    def patched(self, step: Patched) -> Coroutine:
        """True for new code, and for replays of runs that had it (§4)."""
        if step.patched not in self._patches:
            self._patches[step.patched] = PatchMachine(self.context, step.patched)
        return self._patches[step.patched].is_new()
        yield

    def computed(self, step: Compute, key: str) -> int:
        return self.app.code.computed(self.info, key)

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        """A plain exception in workflow code fails the task, not the run (W11). Raises TaskFailure."""
        if self.app.code.code_fails(self.info, step, key):
            raise TaskFailure(str(CodeBug(step.fail if isinstance(step, Fail) else step.bug)))
        return False

    def continue_as_new(self, done: int) -> Coroutine:
        """Raises ContinueAsNew, which ends the run; an entity just goes on with its request."""
        if not self.context.options.entity:
            raise ContinueAsNew(done)
        return
        yield
