"""One attempt in the app: the handler's code on the SDK's state machine, and the closures that it has started.

    accepted ─▶ code runs ─▶ waits ─┬─ a notification resolves what it waits for ─▶ code runs
                                    ├─ closures that it waits for are started
                                    ├─ input closed, none of them executing ─▶ Suspension
                                    └─ returns · fails ─▶ Output, End · Error

Volatile: it dies with the process, with the stream, and at its end; closures that are still executing are cancelled
then by Python, and go on for nothing in TypeScript (restate.md §6, §8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from durascope.models.scenario import Workflow
from durascope.models.steps import Clear, Get, Run, Send, Set
from durascope.models.trace import Kind
from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.network import Connection
from durascope.simulators.program.endings import CodeBug, RunCancelled, WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Coroutine
from durascope.simulators.restate.context import Context, failure_of
from durascope.simulators.restate.journal import CANCEL, CANCELLED, Command, Failure, Notification, NotificationId
from durascope.simulators.restate.process import Process
from durascope.simulators.restate.protocol import End, Error, Message, Proposal, Reply, Start, Suspension
from durascope.simulators.restate.retries import RunPolicy
from durascope.simulators.restate.routing import Outgoing
from durascope.simulators.restate.state_machine import JournalMismatchError, StateMachine, output
from durascope.simulators.services import Execution

LATE: Final = Outcome(error="TimeoutError")
"""What becomes of a closure whose time limit is over; its message is the same each time."""

BEGINNING: Final = ("scheduled", "started")
AT_ONCE: Final = (*BEGINNING, "before-effect", "after-effect")
"""The moments with which a closure begins; the second, where its effect comes with them."""


class Attempt:
    """Runs one handler once."""

    def __init__(
        self,
        endpoint: Process,
        connection: Connection,
        reply: Reply,
        start: Start,
        workflow: Workflow,
        handler: Callable[[Attempt], Coroutine],
    ) -> None:
        self.endpoint = endpoint
        self.connection = connection
        self.reply = reply
        self.start = start
        self.workflow = workflow
        self.vm = StateMachine(start)
        self.context = Context(self)
        self.input_closed = start.request_response
        self.closed = False
        self.failing = False
        """A closure has failed, and the attempt is about to end with it."""
        self.bug = ""
        """What the code's last bug says."""
        self.cancelling = False
        """The cancellation is known, and waits for the ids of what has been called."""
        self._waking = True
        """The code is about to go on."""
        self._begun = False
        self.to_execute: dict[NotificationId, tuple[Run, str, str]] = {}
        """Runs without a result, by completion id: executed once the code waits for them."""
        self.executing: dict[NotificationId, Execution | None] = {}
        self.begun: dict[NotificationId, tuple[int, Run, str, int]] = {}
        """When these began, with what `_time_out` is to be told."""
        self._replay = self.vm.replaying
        self._loop = self.context.loop
        run = start.run
        self.program = Program(
            workflow, run, self.context, compute_time=lambda step, key: endpoint.compute_time(run, step, key)
        )
        self._root = self._loop.task(handler(self))

    # ---- running ---------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Reads what has come with the request, and lets the code begin."""
        if self._replay:
            self.endpoint.emit(Kind.REPLAY_STARTED, self.start.run, detail=len(self.start.entries))
        self.endpoint.after(self.endpoint.delay("first_turn", self.start.run.luck, self.start.attempt), self._first)

    def _first(self) -> None:
        self._begun = True
        self._wake()

    def go_on(self) -> None:
        """Lets the code run as far as it can; then sends what it has asked for, and starts closures or suspends."""
        if self.closed or not self._begun or self._loop.blocked is not None:
            return
        while True:
            block = self._loop.run()
            if block is not None:
                self.endpoint.after(block.us, self._unblock)
                return
            if self.closed:
                return
            if self._root.done:
                self._ended(self._root.exception)
                return
            if not self._advance():
                break
        if self._replay:
            if self.vm.replaying:
                labels = ", ".join(map(str, self.context.awaited))
                self._mismatch(self.vm.unawaited(labels))
                return
            self._replayed()
        if self.vm.output:
            self._flush()
        if self.to_execute:
            self._execute()
        if self.input_closed and not self.closed:
            self._suspend()

    def _unblock(self) -> None:
        if not self.closed:
            self._loop.unblock()
            self.go_on()

    def _advance(self) -> bool:
        """Looks at notifications, one by one, until the code can go on; before that, what it asked for is sent."""
        if self.context.there:
            return self.context.take_what_is_there()
        if self.vm.output and self.vm.queue:
            self._flush()
        if self.cancelling:
            return self._cancel()
        while (notification := self.vm.pop()) is not None:
            if notification.id == CANCEL:
                self.cancelling = True
                return self._cancel()
            if self.context.resolve(notification):
                return True
        return False

    def _cancel(self) -> bool:
        """Throws the cancellation into the code where it waits, after telling what it has called (restate.md §8)."""
        try:
            if not self.context.cancel_calls():
                return False
        except JournalMismatchError as mismatch:
            self._mismatch(mismatch)
            return True
        self.cancelling = False
        self.vm.ready.pop(CANCEL, None)
        self.context.awaited.clear()
        self.context.there.clear()
        self._root.cancel(RunCancelled("cancelled"))
        return True

    def _ended(self, failure: BaseException | None) -> None:
        """Sends how the handler has ended."""
        match failure:
            case None:
                self._finish(None)
            case WorkflowFailure():
                self._finish(failure_of(failure))
            case RunCancelled():
                self._finish(CANCELLED)
            case JournalMismatchError():
                self._mismatch(failure)
            case CodeBug():
                self._fail(Error(500, self.bug, "code"))
            case _:
                raise failure

    def _finish(self, failure: Failure | None) -> None:
        try:
            self.vm.command(output(failure, self.endpoint.entry_bytes))
            if self.vm.replaying:
                raise self.vm.unawaited("the end")
        except JournalMismatchError as mismatch:
            self._mismatch(mismatch)
            return
        self._replayed()
        self._close(End(), "completed")

    def _mismatch(self, mismatch: JournalMismatchError) -> None:
        self._fail(mismatch.error)

    def _fail(self, error: Error) -> None:
        """The attempt ends; the engine tries again."""
        self._close(error, "failed")

    def _fail_soon(self, error: Error) -> None:
        """The same once the SDK has come to it; closures that end in that time have had their effects, for nothing."""
        if not self.failing:
            self.failing = True
            delay = self.endpoint.delay("closure_failed", self.start.run.luck, self.start.attempt)
            self.endpoint.after(delay, self._failed, error)

    def _failed(self, error: Error) -> None:
        if not self.closed:
            self._fail(error)

    def _suspend(self) -> None:
        """Nothing that the code waits for is executing here: it has to wait elsewhere (restate.md §6)."""
        if any(each in self.context.awaited for each in self.executing):
            return
        self._close(Suspension(self.context.waiting(self._root)), "suspended")

    def _close(self, last: Message, how: str) -> None:
        self.vm.output.append(last)
        self._flush(how)
        self.stop(how)

    def stop(self, how: str, *, killed: bool = False) -> None:
        """The attempt is over: nothing of it is sent any more. TypeScript's closures go on, unless they are killed."""
        if self.closed:
            return
        self.closed = True
        self.endpoint.emit(Kind.WORK_ENDED, self.start.run, detail=how)
        self.endpoint.over(self.connection)
        if killed or not self.endpoint.typescript:
            for execution in self.executing.values():
                if execution is not None:
                    execution.cancel()
        del self.context, self.program, self._root  # they hold on to the attempt

    def _flush(self, last: str | None = None) -> None:
        """Sends what is to be sent; `last`: how the attempt ends with it."""
        self.endpoint.observer.sent(self.start.run.name, self.endpoint.world.now, last)
        messages, self.vm.output = self.vm.output, []
        self.endpoint.send(self.connection, self.reply, messages)

    def _replayed(self) -> None:
        if self._replay:
            self._replay = False
            self.endpoint.emit(Kind.REPLAY_ENDED, self.start.run)

    # ---- from the engine -------------------------------------------------------------------------------------

    def deliver(self, notification: Notification) -> None:
        """Python reads on only when its code waits again; TypeScript reads all that comes before its code goes on."""
        if self.closed:
            return
        self.vm.arrived(notification)
        if not self.endpoint.typescript:
            self.go_on()
        elif not self._waking:
            self._waking = True
            self.endpoint.after(self.endpoint.turn(self.start.run, self.start.attempt, notification), self._wake)

    def _wake(self) -> None:
        self._waking = False
        if not self.closed:
            self.go_on()

    def close_input(self) -> None:
        self.input_closed = True
        self.endpoint.observer.input_closed(self.start.run.name, self.endpoint.world.now)
        self.go_on()

    # ---- for the context -------------------------------------------------------------------------------------

    def command(self, command: Command, label: str | None = None) -> None:
        new = self.vm.command(command)
        if self._replay:
            if not new:
                self.endpoint.emit(Kind.REPLAY_STEP, self.start.run, label or command.name, detail=command.type)
            if not self.vm.replaying:
                self._replayed()

    def busy(self, name: str) -> None:
        """The code computes: that is no step of the journal, and happens in every attempt."""
        self.endpoint.world.moment(self.endpoint.name, Kind.STEP_STARTED, self.start.run, name, self.start.attempt)

    def outgoing(self, workflow: str, key: object, luck: str, *, after: int = 0) -> Outgoing:
        return self.endpoint.outgoing(self.start.run, workflow, key, luck, after)

    def event_handlers(self, step: Send, luck: str) -> Sequence[tuple[str, Outgoing]]:
        return self.endpoint.event_handlers(self.start.run, step, luck)

    def event_signal(self, step: Send, luck: str) -> Command | None:
        return self.endpoint.event_signal(self.start.run, step, luck)

    def variable(self, step: Get | Set | Clear) -> Any:
        """State where there is no key: a variable of the code, with nothing durable about it."""
        values = self.program.values
        match step:
            case Get(get="*"):
                return sorted(values)
            case Get():
                return values.get(step.get)
            case Set():
                values[step.set] = step.value
            case Clear():
                values.pop(step.clear, None)
        return None

    # ---- closures --------------------------------------------------------------------------------------------

    def _execute(self) -> None:
        """Starts the closures that the code waits for, one after the other (restate.md §4.7)."""
        awaited = self.context.awaited
        runnable = [number for number in self.to_execute if number in awaited]
        if not runnable:
            return
        luck, start = self.endpoint.world.luck, self.start
        if len(runnable) > 1:
            runnable = luck.order(runnable, "closures", start.run.luck, start.attempt, runnable[0])
        chosen = [(number, self.to_execute.pop(number)) for number in runnable]
        self.executing.update(dict.fromkeys(runnable))
        delay, wait = 0, "first_closure"
        for number, closure in chosen:
            delay += self.endpoint.delay(wait, start.run.luck, start.attempt, number)
            self._begin_in(delay, number, *closure)
            wait = "closure"

    def _begin_in(self, delay: int, number: NotificationId, step: Run, name: str, key: str) -> None:
        """Starts a closure after a while; one that is watched as it begins, when its command is stored."""
        moments = self.endpoint.world.moments
        at_once = AT_ONCE if step.effect_at == 0 else BEGINNING
        if moments is not None and moments.watched(name, *at_once):
            moments.about_to(self.start.run, name, self.endpoint)
            delay += self.endpoint.stored_us
        if delay:
            self.endpoint.after(delay, self._begin, number, step, name, key)
        else:
            self._begin(number, step, name, key)

    def _begin(self, number: NotificationId, step: Run, name: str, key: str) -> None:
        if self.closed and not self.endpoint.typescript:
            return
        services = self.endpoint.services

        def report(outcome: Outcome) -> None:
            self._report(number, step, name, attempt, outcome)

        attempt = services.begun(self.start.run, key) + 1
        limit = step.timeout
        if limit is not None and services.takes(self.start.run, step, key, attempt) >= limit:
            self.endpoint.after(limit, self._time_out, number, step, name, attempt)
        self.begun[number] = (self.endpoint.world.now, step, name, attempt)
        execution = services.execute(self.endpoint, self.start.run, step, name, key, report)
        if number in self.executing:
            self.executing[number] = execution

    def out_of_time(self) -> Iterator[Callable[[], None]]:
        """What ends the closures whose time is over by now, though they had no chance to go on: after a hang.

        In the round of the loop in which the body's own wait has ended `asyncio.wait_for` comes after the body, and
        cancels it if it waits again.
        """
        now = self.endpoint.world.now
        for number, (began, step, name, attempt) in self.begun.items():
            execution = self.executing.get(number)
            if step.timeout is not None and began + step.timeout <= now and execution is not None:
                execution.yields()
                yield partial(self._time_out, number, step, name, attempt)

    def _time_out(self, number: NotificationId, step: Run, name: str, attempt: int) -> None:
        """The closure's own time limit (`asyncio.wait_for`, `AbortSignal.timeout`): a failure worth a retry.

        Its clock begins before the body does: one that takes as long as the limit is late.
        """
        execution = self.executing.get(number)
        if execution is not None and execution.attempt == attempt and not execution.over:
            execution.cancel()
            self.endpoint.world.moment(self.endpoint.name, Kind.STEP_FAILED, self.start.run, name, attempt, LATE.error)
            self._report(number, step, name, attempt, LATE)

    def _report(self, number: NotificationId, step: Run, name: str, execution: int, outcome: Outcome) -> None:
        """A closure has ended: its result is proposed, or the attempt fails (restate.md §5, §9)."""
        self.executing.pop(number, None)
        began = self.begun.pop(number)[0]
        if self.closed or self.failing:  # the state machine takes nothing more
            return
        assert isinstance(number, int)
        if outcome.ok:
            notification = Notification("Run", number, outcome.values, None, outcome.size or self.endpoint.entry_bytes)
        else:
            message = f"{outcome.error}" if outcome is LATE else f"{outcome.error} (execution {execution})"
            if outcome.retryable:
                retries, duration = self.vm.failures()
                duration += (self.endpoint.world.now - began) // 1000 * 1000
                verdict = RunPolicy.of(step).verdict(retries + 1, duration, outcome.retry_after)
                if not verdict.give_up:
                    self._fail_soon(Error(500, message, f"Run {name} {number}", verdict.delay, name))
                    return
            notification = Notification("Run", number, None, Failure(500, message), self.endpoint.entry_bytes)
        self.vm.output.append(Proposal(notification, name, execution))
        if self._loop.blocked is None:
            self._flush()
            if self.input_closed:
                self.go_on()
