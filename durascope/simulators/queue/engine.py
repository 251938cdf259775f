"""The baseline without durable execution: a message per run, and consumers that run all of its steps in one go.

A consumer that dies says nothing; the broker gives the message out again when its visibility timeout is over, and the
whole workflow begins anew: every effect that had happened happens again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final

from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Bug, Call, Clear, Compute, Fail, Get, Patched, Run, Send, Set, Sleep, Start, WaitFor
from durascope.models.trace import Kind
from durascope.simulators.bodies import Outcome
from durascope.simulators.engine import Engine, Findings, OutsideEvent, StartRequest
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.defaults import latencies
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.states import after
from durascope.simulators.kernel.world import Callback, World
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Block, Coroutine, Loop
from durascope.simulators.program.sdk import TIMED_OUT, Sdk

QUEUE: Final = "jobs"
RETRY_US: Final = 1_000_000
"""A client of the broker that finds nobody tries again after this (1 s), as its publishers do."""
PATIENCE: Final = 60
"""After this many tries (a minute) it goes on, but no longer keeps the simulation alive."""

Handler = Callable[..., Any]


class Status(StrEnum):
    """Of a job, as the broker's store says it.

    running ─┬─(acknowledgement)───────▶ completed
             └─(rejection, dead letter)─▶ failed
    """

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


ENDS: Final = {
    (Status.RUNNING, "acknowledgement"): Status.COMPLETED,
    (Status.RUNNING, "rejection"): Status.FAILED,
    (Status.RUNNING, "dead letter"): Status.FAILED,
}
"""The transitions of a job: what it becomes with an event."""
_LINES: Final = {
    "acknowledgement": "message acknowledged",
    "rejection": "message rejected",
    "dead letter": "message moved to the dead-letter queue",
}
"""What a run's record says of each event."""


@dataclass(slots=True, eq=False)
class Message:
    """A job in the broker's store."""

    run: RunInfo
    received: int = 0
    """How many times it has been given out."""
    hidden_until: int = 0
    """When it is given out again unless it has been acknowledged by then, in microseconds."""


@dataclass(slots=True)
class BrokerStore:
    """What the broker keeps on disk."""

    messages: dict[str, Message]
    record: dict[str, list[str]]
    status: dict[str, Status]
    received: int = 0
    """How many times a message has been given out."""


class Broker(Component):
    """Keeps messages until somebody acknowledges them."""

    def __init__(self, world: World, network: Network, store: BrokerStore, scenario: Scenario) -> None:
        self.network = network
        self.store = store
        self.options = scenario.deployments.queue
        self.delays = latencies(__package__ or "", self.options.latencies)
        super().__init__(world, "broker")

    def reset(self) -> None:
        self.ready: deque[Message] = deque()
        self.idle: deque[tuple[Connection, Handler]] = deque()
        """Consumers that wait for a message: the connection, and what they do with one."""
        self.timers: dict[str, Callback] = {}
        """By run: what makes its message visible again."""

    def started(self) -> None:
        """What was hidden stays hidden until its time: a restart makes nothing visible earlier."""
        for message in tuple(self.store.messages.values()):
            if message.hidden_until > self.world.now:
                self._hide(message)
            elif message.received:
                self._reappear(message)
            else:
                self.put(message)

    def _hide(self, message: Message) -> None:
        delay = message.hidden_until - self.world.now
        self.timers[message.run.name] = self.after(delay, self._reappear, message)

    def publish(self, run: RunInfo) -> None:
        if run.name in self.store.status:
            return
        self.store.status[run.name] = Status.RUNNING
        self.store.record[run.name] = ["message published"]
        self.world.run_started(self.name, run)
        message = self.store.messages[run.name] = Message(run)
        self.put(message)

    def put(self, message: Message) -> None:
        self.world.emit(self.name, Kind.TASK_QUEUED, message.run, detail=QUEUE)
        self.ready.append(message)
        self._hand_out()

    def poll(self, take: Handler, connection: Connection) -> None:
        self.idle.append((connection, take))
        self._hand_out()

    def _hand_out(self) -> None:
        while self.ready and self.idle:
            message = self.ready[0]
            if message.run.name not in self.store.messages:  # acknowledged late, after it had become visible again
                self.ready.popleft()
                continue
            connection, take = self.idle.popleft()
            if connection.closed:
                continue
            self.ready.popleft()
            message.received += 1
            self.store.received += 1
            message.hidden_until = self.world.now + self.options.visibility_timeout
            self.store.record[message.run.name].append(f"message received #{message.received}")
            self._hide(message)
            connection.run = message.run
            connection.send(self, take, message, connection, what="message", delay=self.delays["receive"].values[0])

    def _reappear(self, message: Message) -> None:
        if message.received >= self.options.max_receives:
            self.done(message, "dead letter")
        else:
            self.put(message)

    def done(self, message: Message, event: str) -> None:
        """The message goes, and its job has ended; a second acknowledgement changes nothing."""
        run = message.run
        if self.store.messages.pop(run.name, None) is None:
            return
        self.cancel(self.timers.pop(run.name, None))
        status = self.store.status[run.name] = after(ENDS, run.name, self.store.status[run.name], event)
        self.store.record[run.name].append(_LINES[event])
        self.world.run_ended(self.name, run, status.value)


class Consumer(Component):
    """Takes one message at a time and runs its workflow from the top."""

    def __init__(self, world: World, name: str, engine: Queue) -> None:
        self.engine = engine
        super().__init__(world, name)

    def reset(self) -> None:
        self.tries = 0
        """Polls that the broker has not answered since it last did."""

    def started(self) -> None:
        """Asks for a message, on a connection whose end tells that the broker is gone."""
        engine, broker = self.engine, self.engine.broker
        ask = partial(broker.poll, self.take)
        connection = engine.network.connect(self, broker, broker.delays["poll"].values[0], ask, on_refused=self._again)
        connection.on_lost[self] = self._again

    def _again(self) -> None:
        """Waiting for a broker that has been down for long does not keep the simulation alive."""
        self.tries += 1
        self.after(RETRY_US, self.started, daemon=self.tries > PATIENCE)

    def take(self, message: Message, connection: Connection) -> None:
        connection.close()
        self.tries = 0
        self.world.emit(self.name, Kind.TASK_PICKED_UP, message.run, detail=QUEUE)
        run = message.run
        sdk = PlainCode(self, run)
        program = Program(
            self.engine.code[run.workflow], run, sdk, compute_time=lambda s, key: self.engine.compute_time(run, s, key)
        )
        task = sdk.loop.task(program.main())
        task.then(lambda _: self._ended(message, task.exception))
        sdk.go_on()

    def _ended(self, message: Message, failure: BaseException | None) -> None:
        if failure is None:
            self._answer(message, "acknowledgement")
        elif isinstance(failure, WorkflowFailure):
            self._answer(message, "rejection")
        self.started()

    def _answer(self, message: Message, event: str, tries: int = 0) -> None:
        """An acknowledgement that the broker does not take is sent again: the work is done."""
        broker = self.engine.broker

        def again() -> None:
            self.after(RETRY_US, self._answer, message, event, tries + 1, daemon=tries >= PATIENCE)

        delay = broker.delays["acknowledge"].values[0]
        self.engine.network.send(self, broker, delay, broker.done, message, event, on_refused=again)


class PlainCode(Sdk):
    """No SDK at all: steps are plain calls, sleeps block the consumer, nothing is recorded."""

    def __init__(self, consumer: Consumer, run: RunInfo) -> None:
        self.loop = Loop()
        self.consumer = consumer
        self.info = run

    def go_on(self) -> None:
        """Runs what is ready; code that is busy stands in the way of everything else."""
        if self.loop.blocked is not None:
            return
        block = self.loop.run()
        if block is not None:
            self.consumer.after(block.us, self._unblock)

    def _unblock(self) -> None:
        self.loop.unblock()
        self.go_on()

    def run(self, step: Run, name: str, key: str) -> Coroutine:
        for number in range(1, (step.retry.max_attempts if step.retry and step.retry.max_attempts else 3) + 1):
            future = self.loop.future()

            def report(outcome: Outcome, future=future) -> None:  # pyright: ignore[reportMissingParameterType]
                future.resolve(outcome)
                self.go_on()

            engine = self.consumer.engine
            engine.services.execute(self.consumer, self.info, step, name, key, report)
            outcome: Outcome = yield future
            if outcome.ok:
                return outcome.values
            if not outcome.retryable:
                break
            yield from self._pause(1_000_000 * 2 ** (number - 1))
        raise WorkflowFailure(f"{name} failed", step=name)

    def _pause(self, us: int) -> Coroutine:
        future = self.loop.future()

        def over() -> None:
            future.resolve()
            self.go_on()

        self.consumer.after(us, over)
        yield future

    def sleep(self, step: Sleep, name: str, key: str) -> Coroutine:
        yield from self._pause(step.sleep)

    def wait_for(self, step: WaitFor, name: str, key: str) -> Coroutine:
        """A plain consumer has no way to be found by an event: it can only wait its timeout out."""
        yield from self._pause(step.timeout or 0)
        return TIMED_OUT

    def call(self, step: Call, name: str, key: str) -> Coroutine:
        yield from self.start(Start(start=step.call, key=step.key), name, key)

    def start(self, step: Start, name: str, key: str) -> Coroutine:
        engine, run = self.consumer.engine, self.info
        child = RunInfo(f"{run.name}/{name}", step.start, run.number, None, run.input, f"{run.luck}/{key}", run.name)
        engine.network.send(self.consumer, engine.broker, 1_000, engine.broker.publish, child)
        yield Block(0, name)

    def send(self, step: Send, name: str, key: str) -> Coroutine:
        yield Block(0, name)

    def state(self, step: Get | Set | Clear) -> Coroutine:
        return None
        yield

    def patched(self, step: Patched) -> Coroutine:
        return True
        yield

    def computed(self, step: Compute, key: str) -> int:
        return self.consumer.engine.computed(self.info, key)

    def code_fails(self, step: Fail | Bug, name: str, key: str) -> bool:
        return self.consumer.engine.code_fails(self.info, step, key)


class Queue(Engine):
    """The broker and its consumers."""

    name = "queue"

    def __init__(self, world: World, scenario: Scenario, *, records: bool = True) -> None:
        super().__init__(world, scenario, records=records)
        self.store = BrokerStore({}, {}, {})
        self.broker = Broker(world, self.network, self.store, scenario)
        count = scenario.deployments.queue.consumers
        self.consumers = [
            Consumer(world, f"consumer-{n}" if count > 1 else "consumer", self) for n in range(1, count + 1)
        ]
        for consumer in self.consumers:
            consumer.execute(consumer.started)

    def start(self, requests: Sequence[StartRequest]) -> None:
        for request in requests:
            self._publish(request)

    def _publish(self, request: StartRequest) -> None:
        def again() -> None:
            self.client.after(1_000_000, self._publish, request)

        delay = self.broker.delays["publish"].values[0] + request.after
        self.network.send(
            self.client,
            self.broker,
            delay,
            self.broker.publish,
            request.run,
            what="publish",
            run=request.run,
            on_refused=again,
        )

    def send(self, event: OutsideEvent) -> None:
        """Nobody listens for events: a job once taken runs to its end."""
        self.world.emit(self.broker.name, Kind.EVENT_RECEIVED, event.run, detail=event.name)

    def replicas(self, name: str) -> Sequence[Sequence[Component]]:
        return [[self.broker]] if name == "engine" else [[consumer] for consumer in self.consumers]

    def deploy(self, name: str, workflow: Workflow, down_for: int | None, *, in_place: bool) -> None:
        for consumer in self.consumers:
            consumer.crash()
            self.world.after(down_for or 0, consumer.restart)

    def findings(self) -> Findings:
        return Findings(
            records=self.store.record,
            status={name: status.value for name, status in self.store.status.items()},
            counters={"messages_received": self.store.received},
        )
