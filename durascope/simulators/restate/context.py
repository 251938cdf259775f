"""The handler's context: how the steps of a workflow become commands and awaits of the SDK (restate.md §3).

A wait is a future registered under the ids that may end it. Only what the code waits for now is registered: a race's
losers are taken out when it is decided, and nothing ever wakes them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from durascope.models.steps import (
    Awakeable,
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
    WaitFor,
)
from durascope.models.units import MILLISECOND
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.loop import Block, Coroutine, Future, Loop, Task
from durascope.simulators.program.sdk import TIMED_OUT, Sdk
from durascope.simulators.restate.journal import CANCEL, Command, Failure, Notification, NotificationId
from durascope.simulators.restate.process import Process
from durascope.simulators.restate.protocol import Start as Begun
from durascope.simulators.restate.routing import Outgoing
from durascope.simulators.restate.state_machine import UNKNOWN, StateMachine
from durascope.simulators.restate.waiting import Combinator, Waiting
from durascope.simulators.services import NEWS_US


class Handle(Future):
    """A wait for the first of some notifications."""

    __slots__ = ("ids",)

    def __init__(self, loop: Loop, ids: tuple[NotificationId, ...]) -> None:
        super().__init__(loop)
        self.ids = ids


class There(Future):
    """A wait for something that is there already."""

    __slots__ = ("value",)

    def __init__(self, loop: Loop, value: Any) -> None:
        super().__init__(loop)
        self.value = value


class Combined(Future):
    """A wait for branches that run side by side."""

    __slots__ = ("combinator", "tasks")

    def __init__(self, loop: Loop, combinator: Combinator, tasks: list[Task]) -> None:
        super().__init__(loop)
        self.combinator: Combinator = combinator
        self.tasks = tasks


class Caller(Protocol):
    """The attempt, as far as the context knows it."""

    vm: StateMachine
    endpoint: Process
    start: Begun
    to_execute: dict[NotificationId, tuple[Run, str, str]]
    bug: str

    def command(self, command: Command, label: str | None = None) -> None:
        """The code has come to a command."""
        ...

    def busy(self, name: str) -> None:
        """The code computes."""
        ...

    def outgoing(self, workflow: str, key: object, luck: str, *, after: int = 0) -> Outgoing:
        """What a call asks for."""
        ...

    def event_handlers(self, step: Send, luck: str) -> Sequence[tuple[str, Outgoing]]:
        """The handlers that an event starts."""
        ...

    def event_signal(self, step: Send, luck: str) -> Command | None:
        """The signal that an event is."""
        ...

    def variable(self, step: Get | Set | Clear) -> Any:
        """State where there is no key."""
        ...


class Context(Sdk):
    """What the handler's code calls."""

    def __init__(self, attempt: Caller) -> None:
        self.loop = Loop()
        self.attempt = attempt
        self.vm = attempt.vm
        self.typescript = attempt.endpoint.typescript
        self._clock_read = -1
        self._past = -1
        """How far the clock, which is read in milliseconds, is past one in this turn; below 0: it was read once."""
        self.awaited: dict[NotificationId, Handle] = {}
        self.there: list[There] = []
        self.made: dict[str, list[int]] = {}
        """The awakeables that were made before they are awaited, by event."""
        self.calls: list[int] = []
        self._taken: Counter[str] = Counter()
        """The ids of the invocation ids of all that this attempt has called: what a cancellation reaches."""

    # ---- waiting ---------------------------------------------------------------------------------------------

    def result(self, *ids: NotificationId) -> Coroutine:
        """Waits for the first of the notifications and returns it."""
        ready = self.vm.ready
        for each in ids:
            if each in ready:
                return (yield from self.gives_way(ready[each]))
        handle = Handle(self.loop, ids)
        for each in ids:
            self.awaited[each] = handle
        return (yield handle)

    def gives_way(self, value: Any) -> Coroutine:
        """What is there already is awaited, too: branches beside this one go first, as far as they can."""
        future = There(self.loop, value)
        self.there.append(future)
        return (yield future)

    def take_what_is_there(self) -> bool:
        """Gives it to the code. Whether there was any."""
        there, self.there = self.there, []
        for each in there:
            each.resolve(each.value)
        return bool(there)

    def value(self, completion: NotificationId, step: str | None = None) -> Coroutine:
        """Waits for a completion. Raises `WorkflowFailure` if it is a failure."""
        notification: Notification = yield from self.result(completion)
        if notification.failure is not None:
            raise WorkflowFailure(notification.failure.message, code=notification.failure.code, step=step)
        return notification.value

    def resolve(self, notification: Notification) -> bool:
        """Gives a notification to the code that waits for it, if any does."""
        handle = self.awaited.get(notification.id)
        if handle is None:
            return False
        for each in handle.ids:
            self.awaited.pop(each, None)
        handle.resolve(notification)
        return True

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        """`gather` waits for all, then raises the first failure; TypeScript's `all` fails with the first failure."""
        if not branches:
            return []
        combinator: Combinator = "all-succeeded-or-first-failed" if self.typescript else "all-completed"
        combined = Combined(self.loop, combinator, [self.loop.task(branch) for branch in branches])
        left = len(branches)

        def ended(task: Future) -> None:
            nonlocal left
            left -= 1
            if not left or _ends_all(task.exception, self.typescript):
                combined.resolve(task)

        for task in combined.tasks:
            task.then(ended)
        last = yield combined
        if _ends_all(last.exception, self.typescript):
            self._drop(combined)
            raise last.exception
        for task in combined.tasks:
            if task.exception is not None:
                raise task.exception
        return [task.result for task in combined.tasks]

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        """`select`: the losers are left as they are; what they had begun goes on and its completion comes late.

        Raises what the winner has failed with.
        """
        combined = Combined(self.loop, "first-completed", [self.loop.task(branch) for branch in branches])
        for index, task in enumerate(combined.tasks):
            task.then(lambda _, index=index: combined.resolve(index))  # pyright: ignore[reportUnknownLambdaType]
        index: int = yield combined
        self._drop(combined)
        winner = combined.tasks[index]
        if winner.exception is not None:
            raise winner.exception
        return index

    def _drop(self, waiting: Future | None) -> None:
        """Nobody waits for this any more."""
        if isinstance(waiting, Handle):
            for each in waiting.ids:
                self.awaited.pop(each, None)
        elif isinstance(waiting, There):
            self.there = [each for each in self.there if each is not waiting]
        elif isinstance(waiting, Combined):
            for task in waiting.tasks:
                if not task.done:
                    self._drop(task._waiting)

    def waiting(self, root: Task) -> Waiting:
        """What the code waits for, as the suspension tells it: flat in protocol 6, with its combinators in 7."""
        if self.attempt.start.protocol < 7:
            return Waiting("first-completed", (*self.awaited, CANCEL))
        tree = _tree(root._waiting)
        nested = () if tree is None else (tree,)
        return Waiting("first-completed", (CANCEL,), nested)

    # ---- steps -----------------------------------------------------------------------------------------------

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        number = self.vm.completion_id()
        self.attempt.command(Command("Run", name, (number,)), name)
        if not self.vm.is_known(number):
            self.attempt.to_execute[number] = (step, name, key)
        if number in self.vm.ready:
            notification = yield from self.gives_way(self.vm.ready[number])
        else:
            handle = self.awaited[number] = Handle(self.loop, (number,))
            notification: Notification = yield handle
        if notification.failure is not None:
            raise WorkflowFailure(notification.failure.message, code=notification.failure.code, step=name)
        return notification.value

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        number = self.timer(step.sleep, name if step.name else None)
        yield from self._mark("SleepStarted", number)
        yield from self.value(number)

    def _mark(self, event: str, awaited: NotificationId) -> Coroutine:
        """Passes a named moment, the first time that the code comes here; stands still while it sets something off."""
        attempt = self.attempt
        if self.vm.replaying or self.vm.is_known(awaited):
            return
        world = attempt.endpoint.world
        struck = world.struck
        world.mark(event, attempt.start.run)
        if world.struck != struck:
            yield Block(NEWS_US, event)

    def timer(self, duration: int, name: str | None) -> int:
        """Issues a Sleep; its wake-up time is this process's clock, in milliseconds, plus the duration.

        The clock may go on between two commands of one turn: then their timers are due one after the other.
        """
        number = self.vm.completion_id()
        world = self.attempt.endpoint.world
        if self._clock_read != world.now:
            self._clock_read, self._past = world.now, -1
        else:
            if self._past < 0:
                self._past = int(world.luck("clock", self.attempt.start.run.luck, world.now) * MILLISECOND)
            self._past += self.attempt.endpoint.delay("command", self.attempt.start.run.luck, number)
        ticks = max(0, self._past) // MILLISECOND * MILLISECOND
        wake_up = world.now + ticks + duration
        self.attempt.command(Command("Sleep", name, (number,), wake_up), name)
        return number

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        event = yield from self._listen(step, name)
        if step.timeout is None:
            notification: Notification = yield from self.result(event)
        else:
            timeout = self.timer(step.timeout, None if self.typescript else f"{name}-timeout")
            notification = yield from self.result(event, timeout)
            if notification.id == timeout:
                return TIMED_OUT
        if notification.failure is not None:
            raise WorkflowFailure(notification.failure.message, code=notification.failure.code, step=name)
        self._taken[step.wait_for] += 1
        attempt = self.attempt
        attempt.endpoint.handles(attempt.start.run, step.wait_for, self._taken[step.wait_for])
        return notification.value

    def _listen(self, step: WaitFor, name: str) -> Coroutine:
        """Asks for the event: a promise of the workflow, a named signal, or an awakeable that is published."""
        attempt = self.attempt
        event: NotificationId
        if attempt.start.target.of_workflow:
            event = self.vm.completion_id()
            attempt.command(Command("GetPromise", step.wait_for, (event,)), name)
        elif attempt.endpoint.signals:
            event = step.wait_for
        else:
            made = self.made.get(step.wait_for)
            event = made.pop(0) if made else (yield from self._make(step.wait_for))
        yield from self._mark("WaitStarted", event)
        return event

    def _make(self, event: str) -> Coroutine:
        """Makes an awakeable, and tells who may resolve it."""
        attempt, awakeable = self.attempt, self.vm.awakeable()
        attempt.endpoint.publish(attempt.start.run, event, awakeable)
        address = attempt.start.run.luck, attempt.start.attempt, awakeable
        yield Block(attempt.endpoint.delay("publish", *address), event)
        return -awakeable

    def awakeable(self, step: Awakeable) -> Coroutine:
        if not (self.attempt.start.target.of_workflow or self.attempt.endpoint.signals):
            self.made.setdefault(step.awakeable, []).append((yield from self._make(step.awakeable)))

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        first, second = self.vm.completion_id(), self.vm.completion_id()
        target = self.attempt.outgoing(step.call, step.key, key)
        self.attempt.command(Command("Call", step.call, (first, second), target), name)
        self.calls.append(first)
        if step.timeout is None:
            return (yield from self.value(second, name))
        timeout = self.timer(step.timeout, None if self.typescript else f"{name}-timeout")
        notification: Notification = yield from self.result(second, timeout)
        if notification.id == timeout:
            raise WorkflowFailure(f"{name} timed out", code=408, step=name)
        if notification.failure is not None:
            raise WorkflowFailure(notification.failure.message, code=notification.failure.code, step=name)
        return notification.value

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        target = self.attempt.outgoing(step.start, step.key, key, after=step.after or 0)
        number = self._one_way(step.start, target, name)
        if step.confirm:
            yield from self.value(number)

    def _one_way(self, handler: str, target: object, name: str) -> int:
        number = self.vm.completion_id()
        self.attempt.command(Command("OneWayCall", handler, (number,), target), name)
        return number

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        """Resolves the promise, awakeable or signal that the addressee waits on, and starts who is started by it."""
        for handler, target in self.attempt.event_handlers(step, key):
            self._one_way(handler, target, name)
        signal = self.attempt.event_signal(step, key)
        if signal is not None:
            self.attempt.command(signal, name)
        return
        yield

    def state(self, step: Get | Set | Clear) -> Coroutine:
        if not self.attempt.start.target.stateful:
            return self.attempt.variable(step)
        match step:
            case Get(get="*"):
                number, value = self.vm.get_state_keys()
            case Get():
                number, value = self.vm.get_state(step.get)
            case Set():
                written = True if step.value is None else step.value
                self.vm.state.values[step.set] = written
                self.attempt.command(Command("SetState", step.set, (), written))
                return None
            case Clear():
                self._clear(step.clear)
                return None
        return (yield from self.value(number) if value is UNKNOWN else self.gives_way(value))

    def _clear(self, name: str) -> None:
        if name == "*":
            self.vm.state.clear_all()
            self.attempt.command(Command("ClearAllState"))
        else:
            self.vm.state.values[name] = None
            self.attempt.command(Command("ClearState", name))

    def patched(self, step: Patched) -> Coroutine:
        """Old runs stay on their old deployment: the code of this one is the new one (restate.md §12)."""
        return True
        yield

    def compute(self, step: Compute, name: str, us: int) -> Coroutine:
        self.attempt.busy(name)
        yield Block(us, name)

    def computed(self, step: Compute, key: str) -> int:
        return self.attempt.endpoint.computed(self.attempt.start.run, key)

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        """A retryable `fail` says how often it has been tried, so its errors differ; a `bug`'s are all the same."""
        attempt = self.attempt
        shows = attempt.endpoint.code_fails(attempt.start.run, step, key)
        if shows:
            attempt.bug = name if isinstance(step, Bug) else f"{name} (attempt {attempt.start.attempt})"
        return shows

    # ---- shared handlers -------------------------------------------------------------------------------------

    def complete_promise(self, name: str, payload: object) -> Coroutine:
        number = self.vm.completion_id()
        self.attempt.command(Command("CompletePromise", name, (number,), payload))
        yield from self.value(number)

    def peek_promise(self, name: str) -> Coroutine:
        number = self.vm.completion_id()
        self.attempt.command(Command("PeekPromise", name, (number,)))
        return (yield from self.value(number))

    # ---- cancellation ----------------------------------------------------------------------------------------

    def cancel_calls(self) -> bool:
        """Signals the cancellation to all that was called, once their ids are known; whether that is done."""
        while any(each not in self.vm.ready for each in self.calls):
            if self.vm.pop() is None:
                return False
        for each in self.calls:
            self.attempt.command(Command("SendSignal", "1 (cancel)", (), (self.vm.ready[each].value, CANCEL)))
        self.calls.clear()
        return True


def _ends_all(error: BaseException | None, typescript: bool) -> bool:
    """Whether a branch's error is not waited out: what is no failure of a step never is."""
    return error is not None and (typescript or not isinstance(error, WorkflowFailure))


def _tree(waiting: Future | None) -> Waiting | None:
    if isinstance(waiting, Handle):
        return Waiting("first-completed", waiting.ids)
    if not isinstance(waiting, Combined):
        return None
    below = [_tree(task._waiting) for task in waiting.tasks if not task.done]
    return Waiting(waiting.combinator, (), tuple(each for each in below if each is not None))


def failure_of(error: WorkflowFailure) -> Failure:
    return Failure(error.code, error.message)
