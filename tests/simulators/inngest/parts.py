"""Parts of the server, put together by hand: no host, no app, no engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from durascope.models.flow import Flow
from durascope.models.scenario import Scenario
from durascope.models.trace import StopReason
from durascope.simulators.inngest import items
from durascope.simulators.inngest.batching import Batcher
from durascope.simulators.inngest.billing import Meter
from durascope.simulators.inngest.deadlines import Deadlines
from durascope.simulators.inngest.dispatch import Dispatch
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.executor import Executor
from durascope.simulators.inngest.finalize import Finalizer
from durascope.simulators.inngest.functions import Function, Functions, Rules
from durascope.simulators.inngest.generator import Generator
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.identity import Identities
from durascope.simulators.inngest.lines import Relay
from durascope.simulators.inngest.queue_client import QueueClient
from durascope.simulators.inngest.resume import Resumer
from durascope.simulators.inngest.scheduling import Scheduler
from durascope.simulators.inngest.stores import History, Redis
from durascope.simulators.inngest.stream import EventStream
from durascope.simulators.inngest.transport import Transport
from durascope.simulators.inngest.undo import UndoLog
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.defaults import latencies
from durascope.simulators.kernel.network import Network
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

SCENARIO = Scenario.model_validate(
    {"scenario": "parts", "workflows": {"order": {"steps": [{"run": "charge"}]}}, "workload": {"runs": 1}}
)


def function(name: str = "order", *, attempts: int = 3, **flow: Any) -> Function:
    rules = Flow.model_validate(flow)
    return Function(name, name, "function", name, None, None, attempts, rules, Rules.of(rules), (), None)


def event(number: int = 1, **data: Any) -> Event:
    run = RunInfo(f"run {number}", "order", number, None, data, f"run {number}")
    return Event("order", data, 0, number, start=run, luck=run.luck)


@dataclass
class Posted(Transport):
    """A transport that keeps what it is handed; the test answers."""

    dispatches: list[Dispatch] = field(default_factory=list[Dispatch])

    def send(self, executor: Component, dispatch: Dispatch) -> None:
        self.dispatches.append(dispatch)

    @property
    def last(self) -> Dispatch:
        return self.dispatches[-1]


class Server:
    """The server from its stores to its executor."""

    def __init__(self, *, workers: int = 100, step_limit: int = 1000) -> None:
        world = self.world = World(0, full=True)
        network = Network(world)
        hops = Hops(world, latencies("durascope.simulators.inngest", {}))
        self.relay, self.meter = Relay(world, keeps_records=True), Meter(step_limit)
        redis = self.redis = Redis(world, "python", 0)
        self.history = History(world, "history", keeps_spans=False)
        self.told: list[Event] = []
        self.stream = EventStream(network, hops, self.meter)
        self.queue = QueueClient(world, redis.queue)
        resumer = self.resumer = Resumer(
            world, states=redis.state, pauses=redis.pauses, queue=self.queue, relay=self.relay
        )
        finalizer = self.finalizer = Finalizer(
            world, states=redis.state, pauses=redis.pauses, flow=redis.flow, history=self.history, queue=self.queue,
            resumer=resumer, stream=self.stream, relay=self.relay, meter=self.meter, undo=UndoLog(SCENARIO),
        )  # fmt: skip
        deadlines = Deadlines(world, self.queue, redis.state, finalizer)
        self.scheduler = Scheduler(
            world, states=redis.state, pauses=redis.pauses, flow=redis.flow, history=self.history, queue=self.queue,
            finalizer=finalizer, deadlines=deadlines, stream=self.stream, identities=Identities(0), hops=hops,
            relay=self.relay, meter=self.meter,
        )  # fmt: skip
        self.batcher = Batcher(
            world, flow=redis.flow, queue=self.queue, scheduler=self.scheduler, stream=self.stream
        )  # fmt: skip
        functions = Functions(SCENARIO, world.luck)
        generator = Generator(
            world, pauses=redis.pauses, queue=self.queue, finalizer=finalizer, functions=functions,
            stream=self.stream, history=self.history, hops=hops,
        )  # fmt: skip
        self.host = Posted()
        self.executor = Executor(
            world, line=redis.queue, queue=self.queue, states=redis.state, transport=self.host, generator=generator,
            finalizer=finalizer, deadlines=deadlines, hops=hops, relay=self.relay, meter=self.meter,
            jobs={
                items.PAUSE: resumer.timed_out,
                items.CANCEL: deadlines.passed,
                items.BATCH: self.batcher.start,
                items.DEBOUNCE: self.scheduler.start_debounced,
            },
            workers=workers, step_limit=step_limit, constant_backoff=1_000_000,
        )  # fmt: skip
        self.stream.connect(self.executor, Component(world, "runner"), self.told.extend)
        self.executor.execute(self.executor.started)

    def create(self, of: Function, **data: Any) -> str:
        """Creates a run of the function, due at once."""
        number = len(self.redis.state.runs) + 1
        self.scheduler.create(of, (event(number, **data),), self.world.now)
        return f"run {number}"

    def pass_time(self, us: int) -> None:
        """Lets so many microseconds pass."""
        self.world.after(us, self.world.stop, StopReason.CALLBACKS)
        self.world.run()
        self.world.stopped = None

    @property
    def runs(self) -> dict[str, str]:
        """How the server shows its runs."""
        return dict(self.history.status)
