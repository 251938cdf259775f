"""The code of a workflow between two transitions: it goes on in the state that its row is in.

There is no replay. The code that one writes by hand jumps to the row's state; here the program runs up to it without
doing anything, which takes no time and is in no trace. Each state that it leaves is a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from durascope.models.scenario import Workflow
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
from durascope.models.trace import Kind
from durascope.simulators.bodies import Outcome
from durascope.simulators.database.database import Write
from durascope.simulators.database.rows import Changes, Claim, Row, Saved, Status
from durascope.simulators.program.endings import RunCancelled, WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Block, Coroutine, Future, Loop, first
from durascope.simulators.program.sdk import TIMED_OUT, Sdk
from durascope.simulators.services import Execution
from durascope.simulators.workload import run_info

if TYPE_CHECKING:
    from durascope.simulators.database.process import Process
    from durascope.simulators.database.session import Session

ATTEMPTS: Final = 3
"""Of a step whose `retry` says nothing, as at the message queue's consumer."""
BACKOFF_US: Final = 1_000_000
"""After the first attempt, in microseconds; it doubles each time, up to `LONGEST_BACKOFF_US`."""
LONGEST_BACKOFF_US: Final = 60_000_000
_LATE: Final = "(timed out)"
"""What is saved of a wait whose event has not come."""


def labels_of(workflow: Workflow) -> tuple[str, ...]:
    """The states that the code has a branch for."""
    return tuple(step.label for step in workflow.walk())


class RowCode(Sdk):
    """The code that works on one row, as long as its process has claimed it."""

    def __init__(self, process: Process, row: Row, claim: Claim, session: Session) -> None:
        self.loop = Loop()
        self.process = process
        self.engine = process.engine
        self.run_info = row.run
        self.row = row
        self.claim = claim
        self.session = session
        workflow = self.engine.code[row.run.workflow]
        self.labels = labels_of(workflow)
        self.unvisited = {key for key, saved in row.saved.items() if saved.label in self.labels}
        """Results of states that the code has not come by yet."""
        self.busy = 0
        """Executions and transactions under way: while there are any, the row is not released."""
        self.over = False
        self._written = 0
        self._drawn: dict[str, int] = {}
        self._executions: list[Execution] = []
        self._dues: list[tuple[int, Future]] = []
        self._listening: list[Future] = []
        self._places = 0
        self._races = 0
        self._values = 0
        program = Program(
            workflow, row.run, self, compute_time=lambda step, key: self.engine.compute_time(row.run, step, key)
        )
        self.main = self.loop.task(program.main())

    # ---- going on --------------------------------------------------------------------------------------------

    def unknown_state(self) -> str | None:
        """The state that the row is in, if new code has no branch for it: a step that was removed or renamed."""
        steps = self.engine.code[self.run_info.workflow].steps
        straight = all(isinstance(step, Run | Sleep | Call) for step in steps)
        left = {saved.label for saved in self.row.saved.values()}
        state = next((label for label in self.row.labels if label not in left), None)
        return state if straight and state is not None and state not in self.labels else None

    def go_on(self) -> None:
        """Runs what is ready; at its end the process decides what becomes of the row."""
        if self.over or self.loop.blocked is not None:
            return
        block = self.loop.run()
        if self.over:
            return
        if block is not None:
            self.process.after(block.us, self._unblock)
        elif self.main.done:
            self.process.ended(self, self.main.exception)
        elif not self.busy:
            self.process.idle(self, min((due for due, _ in self._dues), default=None))

    def _unblock(self) -> None:
        if not self.over:
            self.loop.unblock()
            self.go_on()

    def abandon(self) -> None:
        """The row is somebody else's: what is under way is stopped, as far as it can be."""
        self.over = True
        for execution in self._executions:
            if not execution.over:
                execution.cancel()
                self.process.world.emit(
                    self.process.name, Kind.STEP_DROPPED, self.run_info, execution.name, execution.attempt,
                    "the lease ran out",
                )  # fmt: skip

    def learn(self, row: Row) -> None:
        """What the row says now: events that have come, the ends of other runs, a wish to cancel."""
        if row.news != self.row.news:
            for listener in self._listening:
                listener.resolve()
            self._listening.clear()
        self.row = row

    def child_ended(self, key: str, failure: str | None) -> None:
        """A run that this one has called has ended in the same process."""
        self.row.saved[key] = Saved(key, None, failure)
        for listener in self._listening:
            listener.resolve()
        self._listening.clear()
        self.go_on()

    # ---- transactions ----------------------------------------------------------------------------------------

    def commit(self, changes: Changes, size: int = 0, moment: tuple[str, int] | None = None) -> Coroutine:
        """A transition."""
        self._written += 1
        if self._drawn:
            changes.drawn, self._drawn = self._drawn, {}
        future = self.loop.future()
        self.busy += 1

        def written(row: Row | None) -> None:
            self.busy -= 1
            if row is None:
                self.process.dropped(self)
                return
            self.learn(row)
            future.resolve()
            self.go_on()

        write = Write(self.run_info.name, changes, self.labels, size, moment)
        self.session.ask("transaction", self.process.database.commit, self.claim, self._written, write, reply=written)
        yield future

    def _recall(self, key: str) -> Saved | None:
        self.unvisited.discard(key)
        return self.row.saved.get(key)

    def _already_past(self, step: Step) -> bool:
        """A deploy has put the step before the state that the row is in: nobody goes back for it."""
        return bool(self.unvisited) and step.label not in self.row.labels

    # ---- steps -----------------------------------------------------------------------------------------------

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        saved = self._recall(key)
        if saved is not None:
            if saved.failure is not None:
                raise WorkflowFailure(saved.failure, step=name)
            return saved.value
        if self._already_past(step):
            return {}
        most = (step.retry.max_attempts if step.retry else None) or ATTEMPTS
        attempt = self.row.attempts.get(key, 0)
        yield from self._until(self.row.timers.get(key, 0))
        while True:
            attempt += 1
            execution, outcome = yield from self._execute(step, name, key)
            moment = (name, execution.attempt)
            if outcome.ok:
                result = Changes(saved={key: Saved(step.label, outcome.values)}, line=f"{name} done")
                yield from self.commit(result, outcome.size or 0, moment)
                return outcome.values
            if not outcome.retryable or attempt >= most:
                failure = f"{name} failed"
                yield from self.commit(Changes(saved={key: Saved(step.label, None, failure)}, line=failure))
                raise WorkflowFailure(failure, step=name)
            backoff = min(BACKOFF_US << attempt - 1, LONGEST_BACKOFF_US)
            due = self.process.world.now + (outcome.retry_after or backoff)
            world = self.process.world
            world.moment(self.process.name, Kind.STEP_RETRIED, self.run_info, name, execution.attempt, backoff)
            again = Changes(attempts={key: attempt}, timers={key: due}, line=f"attempt {attempt} of {name} failed")
            yield from self.commit(again)
            yield from self._until(due)

    def _execute(self, step: Run, name: str, key: str) -> Coroutine:
        future = self.loop.future()
        self.busy += 1

        def report(outcome: Outcome) -> None:
            self.busy -= 1
            future.resolve(outcome)
            self.go_on()

        execution = self.engine.services.execute(self.process, self.run_info, step, name, key, report)
        self._executions.append(execution)
        try:
            outcome = yield future
        except Exception:  # the branch has lost a race, or the run is cancelled
            self.busy -= 1
            execution.cancel()
            raise
        self._executions.remove(execution)
        return execution, outcome

    def _until(self, due: int) -> Coroutine:
        """Waits for a time that stands in the row."""
        process = self.process
        if due <= process.world.now:
            return
        future = self.loop.future()
        process.after(due - process.world.now, self._wakes, future)
        entry = due, future
        self._dues.append(entry)
        try:
            yield future
        finally:
            self._dues.remove(entry)

    def _wakes(self, future: Future) -> None:
        if not self.over:
            future.resolve()
            self.go_on()

    def _news_until(self, due: int | None) -> Coroutine:
        """Waits until something reaches the row, or for that time."""
        listener = self.loop.future()
        self._listening.append(listener)
        if due is None:
            yield listener
        else:

            def timer() -> Coroutine:
                yield from self._until(due)

            def news() -> Coroutine:
                yield listener

            _, tasks = yield from first(self.loop, (timer(), news()))
            for task in tasks:
                task.cancel()

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        if self._recall(key) is not None or (key not in self.row.timers and self._already_past(step)):
            return
        due = self.row.timers.get(key)
        if due is None:
            due = self.process.world.now + step.sleep
            self.process.world.emit(self.process.name, Kind.TIMER_SET, self.run_info, name, detail=due)
            yield from self.commit(Changes(timers={key: due}, line=f"{name} begins"))
            self.process.world.mark("SleepStarted", self.run_info)
        yield from self._until(due)
        self.process.world.emit(self.process.name, Kind.TIMER_FIRED, self.run_info, name)
        yield from self.commit(Changes(saved={key: Saved(step.label)}, line=f"{name} is over"))

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        saved = self._recall(key)
        if saved is not None:
            return TIMED_OUT if saved.value == _LATE else saved.value
        if key not in self.row.attempts and self._already_past(step):
            return TIMED_OUT
        world, due = self.process.world, self.row.timers.get(key)
        if key not in self.row.attempts:
            timers: dict[str, int] = {}
            if step.timeout is not None:
                due = timers[key] = world.now + step.timeout
                world.emit(self.process.name, Kind.TIMER_SET, self.run_info, name, detail=due)
            yield from self.commit(Changes(timers=timers, attempts={key: 1}, line=f"waiting for {step.wait_for}"))
            world.mark("WaitStarted", self.run_info)
        while True:
            number = self._came(step)
            if number is not None:
                payload = self.row.inbox.pop(number)[1]
                if due is not None:
                    world.emit(self.process.name, Kind.TIMER_CANCELLED, self.run_info, name)
                yield from self.commit(
                    Changes(saved={key: Saved(step.label, payload)}, took=number, line=f"{step.wait_for} came")
                )
                return payload
            if due is not None and due <= world.now:
                world.emit(self.process.name, Kind.TIMER_FIRED, self.run_info, name)
                yield from self.commit(Changes(saved={key: Saved(step.label, _LATE)}, line=f"{name} timed out"))
                return TIMED_OUT
            yield from self._news_until(due)

    def _came(self, step: WaitFor) -> int | None:
        """The first event in the row's inbox that the step waits for."""
        given = self.run_info.input
        for number, (event, payload) in self.row.inbox.items():
            if event == step.wait_for and (step.match is None or payload.get(step.match) == given.get(step.match)):
                return number
        return None

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        if key not in self.row.attempts:
            if key not in self.row.saved and self._already_past(step):
                return
            child = self._child(step.call, key, step.key)
            yield from self.commit(Changes(started=[(child, key)], attempts={key: 1}, line=f"{name} inserted"))
            self.process.begun(child, (self.run_info.name, key))
        while (saved := self._recall(key)) is None:
            yield from self._news_until(None)
        if saved.failure is not None:
            raise WorkflowFailure(saved.failure, step=name)

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        if self._recall(key) is not None or self._already_past(step):
            return
        child = self._child(step.start, key, step.key)
        yield from self.commit(
            Changes(started=[(child, None)], saved={key: Saved(step.label)}, line=f"{name} inserted")
        )
        self.process.begun(child, None)

    def _child(self, workflow: str, key: str, reference: object) -> Any:
        run = self.run_info
        entity = None if reference is None else str(run.input.get(str(reference), reference))
        return run_info(
            self.process.world, self.engine.scenario, workflow, f"{run.name}/{key}", run.number, key=entity,
            given=run.input,
        )  # fmt: skip

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        if self._recall(key) is not None or self._already_past(step):
            return
        to = None if step.to is None else str(self.run_info.input.get(str(step.to), step.to))
        yield from self.commit(
            Changes(posts=[(step.send, to)], saved={key: Saved(step.label)}, line=f"{name}: in the outbox")
        )

    def state(self, step: Get | Set | Clear) -> Coroutine:
        self._values += 1
        key = f"{step.label}:{self._values}"
        saved = self._recall(key)
        if saved is None:
            yield from self.commit(Changes(state=step, saved={key: Saved(step.label)}))
            saved = self.row.saved[key]
        return saved.value

    def patched(self, step: Patched) -> Coroutine:
        return True
        yield

    # ---- the code itself -------------------------------------------------------------------------------------

    def compute(self, step: Compute, name: str, us: int) -> Coroutine:
        if not self.unvisited:
            yield Block(us, name)

    def computed(self, step: Compute, key: str) -> int:
        known = self.row.drawn.get(key)
        if known is None:
            known = self._drawn[key] = self.engine.computed(self.run_info, key)
        return known

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        return self.engine.code_fails(self.run_info, step, key)

    def before_step(self, step: Step) -> None:
        """Raises a wish to cancel: once, and at the same place when the row is taken again."""
        self._places += 1
        row = self.row
        if row.cancel_at == self._places or (row.cancelled and row.cancel_at is None and not self.unvisited):
            raise RunCancelled("cancelled")

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        self._races += 1
        key = f"race:{self._races}"
        saved = self.row.saved.get(key)
        if saved is not None:
            yield from branches[saved.value]
            return saved.value
        index, tasks = yield from first(self.loop, branches)
        for task in tasks:
            task.cancel()
        if tasks[index].exception is not None:
            raise tasks[index].exception
        yield from self.commit(Changes(saved={key: Saved(key, index)}, line=f"branch {index + 1} has won"))
        return index


def ended_as(failure: BaseException | None) -> tuple[Status, str | None] | None:
    """The status of a run whose code has ended so, and what its caller is told; None: a bug."""
    if failure is None:
        return Status.COMPLETED, None
    if isinstance(failure, WorkflowFailure):
        return Status.FAILED, failure.message
    if isinstance(failure, RunCancelled):
        return Status.CANCELLED, "cancelled"
    return None
