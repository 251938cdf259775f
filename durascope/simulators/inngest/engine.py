"""Inngest, assembled: the server's parts, its stores, the function hosts, and the wires between them (inngest.md §2).

Each part is handed what it works with; only this module knows them all.

    stores ─▶ queue client, stream ─▶ resumer ─▶ finalizer ─▶ deadlines ─▶ scheduler ─▶ batcher
                                                     └──▶ runner, event API, API · generator ─▶ executor
    app ─▶ hosts ─▶ balancer ─▶ transport ─▶ executor
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from durascope.models.deployments import nearest
from durascope.models.scenario import Cut, Scenario, Workflow
from durascope.models.trace import Kind
from durascope.models.units import FOREVER
from durascope.simulators.engine import Engine, Findings, OutsideEvent, StartRequest
from durascope.simulators.inngest import items
from durascope.simulators.inngest.api import Api, ApiClient
from durascope.simulators.inngest.app import App
from durascope.simulators.inngest.batching import Batcher
from durascope.simulators.inngest.billing import Meter
from durascope.simulators.inngest.checkpointing import CheckpointingInvocation
from durascope.simulators.inngest.client import Client
from durascope.simulators.inngest.deadlines import Deadlines
from durascope.simulators.inngest.executor import Executor
from durascope.simulators.inngest.finalize import Finalizer
from durascope.simulators.inngest.functions import Functions
from durascope.simulators.inngest.generator import Generator
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.host import FunctionHost
from durascope.simulators.inngest.identity import Identities
from durascope.simulators.inngest.invocation import Invocation
from durascope.simulators.inngest.lines import Relay
from durascope.simulators.inngest.python_sdk import PythonInvocation
from durascope.simulators.inngest.queue_client import QueueClient
from durascope.simulators.inngest.resume import Resumer
from durascope.simulators.inngest.runner import EventApi, Runner
from durascope.simulators.inngest.scheduling import Scheduler
from durascope.simulators.inngest.settings import NUMBERS
from durascope.simulators.inngest.stores import History, Redis
from durascope.simulators.inngest.stream import EventStream
from durascope.simulators.inngest.transport import Balancer, Connect, Gateway, Http
from durascope.simulators.inngest.typescript_sdk import TypeScriptInvocation
from durascope.simulators.inngest.undo import UndoLog
from durascope.simulators.inngest.worker import Worker
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.defaults import latencies
from durascope.simulators.kernel.world import World

_CLOUD_WORKERS: Final = 1_000_000
"""The cloud's queue workers are not what limits anybody."""


class Inngest(Engine):
    """The server of a deployment and the app that it calls."""

    name = "inngest"

    def __init__(self, world: World, scenario: Scenario, *, records: bool = True) -> None:
        super().__init__(world, scenario, records=records)
        deployment = self.deployment = scenario.deployments.inngest
        self.hops = Hops(world, latencies(__package__ or "", deployment.latencies))
        self.functions = Functions(scenario, world.luck)
        self.relay = Relay(world, keeps_records=records)
        self.meter = Meter(deployment.server.step_limit)
        self.stream = EventStream(self.network, self.hops, self.meter)
        self.undo = UndoLog(scenario)
        self._build_server()
        self.app = self.build_app()
        self._build_hosts()
        self._build_executor()
        self.stream.connect(self.executor, self.runner, self.runner.handle)
        self.workload = Client(
            self.client, self.network, self.hops, functions=self.functions, stream=self.stream,
            event_api=self.event_api, runner=self.runner, api=self.api, states=self.redis.state, history=self.history,
            app=self.app, records=records,
        )  # fmt: skip
        self.executor.execute(self.executor.started)
        for host in self.hosts:
            host.execute(host.join)

    # ---- what there is -------------------------------------------------------------------------------------

    def _build_server(self) -> None:
        """All of the server but the executor, from its stores up."""
        world, hops, relay, meter, stream = self.world, self.hops, self.relay, self.meter, self.stream
        cloud = self.deployment.server.hosting == "cloud"
        redis = self.redis = Redis(world, nearest(self.deployment.app.sdk), hops("clock_phase"))
        history = self.history = History(
            world, "history" if cloud else "sqlite",
            keeps_spans=any(event.operator == "reset" for event in self.scenario.workload.events),
        )  # fmt: skip
        states, pauses, flow = redis.state, redis.pauses, redis.flow
        queue = self.queue = QueueClient(world, redis.queue)
        resumer = self.resumer = Resumer(world, states=states, pauses=pauses, queue=queue, relay=relay)
        finalizer = self.finalizer = Finalizer(
            world, states=states, pauses=pauses, flow=flow, history=history, queue=queue, resumer=resumer,
            stream=stream, relay=relay, meter=meter, undo=self.undo,
        )  # fmt: skip
        self.deadlines = Deadlines(world, queue, states, finalizer)
        scheduler = self.scheduler = Scheduler(
            world, states=states, pauses=pauses, flow=flow, history=history, queue=queue, finalizer=finalizer,
            deadlines=self.deadlines, stream=stream, identities=Identities(self.scenario.workload.runs),
            hops=hops, relay=relay, meter=meter,
        )  # fmt: skip
        self.batcher = Batcher(world, flow=flow, queue=queue, scheduler=scheduler, stream=stream)
        self.event_api = EventApi(world, stream)
        self.runner = Runner(
            world, functions=self.functions, pauses=pauses, history=history, scheduler=scheduler, batcher=self.batcher,
            resumer=resumer, finalizer=finalizer, hops=hops, records=self.records,
        )  # fmt: skip
        self.api = Api(
            world, states=states, line=redis.queue, finalizer=finalizer, scheduler=scheduler, history=history,
            relay=relay, meter=meter,
        )  # fmt: skip

    def build_app(self) -> App:
        """What the app's replicas share; one that is judged by the real SDK takes its place (live/inngest/judge.py)."""
        return App(
            self.world, self.scenario, latest=self.code, code=self.app_code, functions=self.functions,
            services=self.services, states=self.redis.state, stream=self.stream, undo=self.undo, records=self.records,
        )  # fmt: skip

    def _build_hosts(self) -> None:
        """The app's replicas, and how requests get to them."""
        world, network, hops = self.world, self.network, self.hops
        connect, count = self.deployment.app.transport == "connect", self.deployment.app.replicas
        self.gateway = Gateway(world, network, hops) if connect else None
        self.server = ApiClient(network, hops, api=self.api, event_api=self.event_api, relay=self.relay)
        self.hosts = [self.build_host(f"app-{n}" if count > 1 else "app") for n in range(1, count + 1)]
        balancer = Balancer(world.luck, self.hosts)
        if self.gateway is None:
            cuts = any(isinstance(fault, Cut) for fault in self.scenario.faults)
            self.transport = Http(network, hops, balancer, cuts=cuts)
        else:
            self.transport = Connect(network, hops, balancer, self.gateway)

    def build_host(self, name: str, kind: type[FunctionHost] = FunctionHost) -> FunctionHost:
        """A replica of the app."""
        app, gateway = self.app, self.gateway
        plain: type[Invocation] = PythonInvocation if app.sdk == "python" else TypeScriptInvocation
        running_on = plain if app.checkpointing is None else CheckpointingInvocation
        dial = None if gateway is None else partial(self._dial, gateway)
        return kind(
            self.world, name, app=app, server=self.server, hops=self.hops, relay=self.relay, plain=plain,
            running_on=running_on, dial=dial,
        )  # fmt: skip

    def _dial(self, gateway: Gateway, host: FunctionHost) -> None:
        Worker(host, gateway, self.network, self.hops, gives_up=self.app.sdk == "python").dial()

    def _build_executor(self) -> None:
        world, redis, queue, server = self.world, self.redis, self.queue, self.deployment.server
        generator = Generator(
            world, pauses=redis.pauses, queue=queue, finalizer=self.finalizer, functions=self.functions,
            stream=self.stream, history=self.history, hops=self.hops,
        )  # fmt: skip
        self.executor = Executor(
            world, line=redis.queue, queue=queue, states=redis.state, transport=self.transport, generator=generator,
            finalizer=self.finalizer, deadlines=self.deadlines, hops=self.hops, relay=self.relay, meter=self.meter,
            jobs={
                items.PAUSE: self.resumer.timed_out,
                items.CANCEL: self.deadlines.passed,
                items.BATCH: self.batcher.start,
                items.DEBOUNCE: self.scheduler.start_debounced,
            },
            workers=_CLOUD_WORKERS if server.hosting == "cloud" else NUMBERS.queue_workers,
            step_limit=server.step_limit,
            constant_backoff=None if self.deployment.backoff == "default" else int(self.deployment.backoff),
        )  # fmt: skip

    # ---- for the workload ----------------------------------------------------------------------------------

    def start(self, requests: Sequence[StartRequest]) -> None:
        self.workload.start(requests)

    def send(self, event: OutsideEvent) -> None:
        self.workload.send(event)

    # ---- for faults ----------------------------------------------------------------------------------------

    def replicas(self, name: str) -> Sequence[Sequence[Component]]:
        return [self._process()] if name == "engine" else [[host] for host in self.hosts]

    def _process(self) -> list[Component]:
        """What dies with the server's process, in the order in which it comes up again."""
        server = self.deployment.server
        volatile: list[Component] = [] if server.survives else [self.redis]
        if server.hosting == "dev":
            volatile.append(self.history)
        gateway = [] if self.gateway is None else [self.gateway]
        return [*volatile, self.event_api, self.runner, self.api, self.executor, *gateway]

    def deploy(self, name: str, workflow: Workflow, down_for: int | None, *, in_place: bool) -> None:
        """New code: the app's processes are replaced, or, without a gap, take the new requests over."""
        self.app.deployed(name)
        for host in self.hosts:
            self.world.emit(host.name, Kind.DEPLOYED, detail=name)
            if down_for is None:
                host.deployed()
            else:
                host.crash()
                if down_for < FOREVER:
                    self.world.after(down_for, host.restart)

    # ---- for the trace -------------------------------------------------------------------------------------

    def findings(self) -> Findings:
        status, relay = self._statuses(), self.relay
        facts: dict[str, object] = {}
        records: dict[str, list[str]] = {}
        if self.records:
            records = {run: relay.records.get(run, ["no run"]) for run in status}
            facts = relay.facts(self.workload.sent, relay.ended, status)
            facts["attempts"] = {
                step: self.services.effects.get(step, 0) + failed for step, failed in self.app.failures.items()
            }
            facts["event_bytes"] = relay.event_sizes
        return Findings(
            records=records,
            status=status,
            counters=self.meter.counters(),
            facts=facts,
            notes=[*self._vanished(), *self.finalizer.notes(), *self.api.notes],
            unconsumed=self.runner.unconsumed,
        )

    def _vanished(self) -> list[str]:
        """Starts that were accepted and never handled, because the server died in between."""
        lost = ", ".join(self.stream.unhandled)
        if not lost or self.runner.incarnation == 1:
            return []
        return [
            f"Inngest accepted the event of {lost} and lost it: the open-source server's event stream is in its "
            "memory, and the server died before it had scheduled the run. Send it again, until a run shows."
        ]

    def _statuses(self) -> dict[str, str]:
        """What the server shows of each run; one that it has forgotten is lost, a start without a run is none."""
        begun, shown, started = self.world.recorder.runs, self.history.status, self.workload.started()
        if self.world.many:  # what the recorder has of them is enough
            lost = {run.name: "lost" for run in self.world.recorder.open_runs() if run.name not in shown}
            return lost | {name: "none" for name in started if name not in begun}
        status = {name: each.value for name, each in shown.items()}
        for name, run in begun.items():
            status.setdefault(name, "lost" if run.status == "running" else run.status)
        return {name: status.pop(name, "none") for name in started} | status
