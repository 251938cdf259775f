"""Inngest, assembled: the server's parts, its stores, the function host, and the wires between them (inngest.md §2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

from durascope.models.deployments import nearest
from durascope.models.scenario import Cut, Scenario, Workflow
from durascope.models.steps import Send, Start, WaitFor
from durascope.models.trace import Kind, Unconsumed
from durascope.models.units import FOREVER, SECOND
from durascope.simulators.engine import Engine, Findings, OutsideEvent, StartRequest
from durascope.simulators.inngest.api import Api, ApiClient
from durascope.simulators.inngest.batching import Batcher
from durascope.simulators.inngest.billing import Meter
from durascope.simulators.inngest.cron import next_time
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.executor import Executor
from durascope.simulators.inngest.finalize import Finalizer
from durascope.simulators.inngest.functions import INVOKED, SCHEDULED, Function, by_trigger, register
from durascope.simulators.inngest.host import FunctionHost
from durascope.simulators.inngest.items import BY_AGE, Item
from durascope.simulators.inngest.lines import Relay
from durascope.simulators.inngest.protocol import Request
from durascope.simulators.inngest.resume import Resumer
from durascope.simulators.inngest.runner import EventApi, Runner
from durascope.simulators.inngest.scheduling import Scheduler
from durascope.simulators.inngest.settings import NUMBERS, TIMES
from durascope.simulators.inngest.state import RunState
from durascope.simulators.inngest.stores import History, Redis
from durascope.simulators.inngest.transport import Connect, Gateway, Http
from durascope.simulators.inngest.undo import UndoLog
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.defaults import latencies
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

_DEPLOYED: Final = Kind.DEPLOYED
_TASK_QUEUED: Final = Kind.TASK_QUEUED
_LOOKAHEAD: Final = TIMES.lookahead

_CLIENT_RETRY: Final = 1_000_000


class Inngest(Engine):
    """The server of a deployment and the app that it calls."""

    # More attributes than CPython looks up fast in an instance's dict.
    __slots__ = (
        "_cron_until", "_deployed", "_ended", "_events", "_fixed", "_passes", "_runs_of", "_server", "_started",
        "_triggered", "_us_per_byte", "api", "api_client", "backoff", "batcher", "checkpointing", "cuts", "delays",
        "deployment", "event_api", "executor", "failures", "finalizer", "functions", "gateway", "history", "hosts",
        "in_stream", "max_runtime", "meter", "redis", "relay", "request_version", "resumer", "runner", "scheduler",
        "sdk", "step_limit", "transport", "unconsumed", "undo", "workers",
    )  # fmt: skip

    name = "inngest"

    def __init__(self, world: World, scenario: Scenario, *, records: bool = True) -> None:
        super().__init__(world, scenario, records=records)
        deployment = self.deployment = scenario.deployments.inngest
        self.sdk: Literal["python", "typescript"] = nearest(deployment.app.sdk)
        self.delays = latencies(__package__ or "", deployment.latencies)
        self._fixed = {name: spread.values[0] for name, spread in self.delays.items() if spread.fixed}
        self._us_per_byte = self.delays["megabyte"].typical / 1_000_000
        self.functions = register(scenario)
        self._triggered = by_trigger(self.functions.values())
        self.backoff: int | None = None if deployment.backoff == "default" else int(deployment.backoff)
        self.step_limit = deployment.server.step_limit
        self.workers = NUMBERS.queue_workers if deployment.server.hosting != "cloud" else 1_000_000
        self.request_version = 1 if self.sdk == "typescript" and not deployment.app.optimize_parallelism else 2
        self.checkpointing = None if self.sdk == "python" else deployment.app.checkpoints
        self.max_runtime = self._max_runtime()
        self.cuts = any(isinstance(fault, Cut) for fault in scenario.faults)
        self.relay = Relay(world, keep=records)
        self.meter = Meter(self.step_limit)
        self.failures: dict[str, int] = {}
        """By step: attempts that failed before they had an effect."""
        self.undo = UndoLog(scenario)
        self.unconsumed: list[Unconsumed] = []
        self.prefixes: dict[str, Any] = {}
        """By run: what its replays pass over; the SDK's own."""
        self._events = 0
        self.in_stream: dict[str, None] = {}
        """Starts whose events were accepted and not handled yet."""
        self._started: dict[str, int] = {}
        """When each start of the workload was sent."""
        self._ended: dict[str, int] = {}
        self._runs_of: dict[str, int] = {}
        self._passes: dict[tuple[str, str], int] = {}
        self._deployed: dict[str, int] = {}
        self._cron_until: dict[str, int] = {}
        self._build()

    def _build(self) -> None:
        world, server = self.world, self.deployment.server
        memory = server.hosting == "dev"
        self.redis = Redis(world, self.sdk, self.delay("clock_phase"))
        self.history = History(world, "sqlite" if server.hosting != "cloud" else "history")
        self.scheduler = Scheduler(self)
        self.batcher = Batcher(self)
        self.finalizer = Finalizer(self)
        self.resumer = Resumer(self)
        self.event_api = EventApi(self)
        self.runner = Runner(self)
        self.api = Api(self)
        self.api_client = ApiClient(self)
        self.executor = Executor(self)
        gateway = self.gateway = Gateway(self) if self.deployment.app.transport == "connect" else None
        self.transport = Http(self) if gateway is None else Connect(self, gateway)
        count = self.deployment.app.replicas
        self.hosts = [self.host(f"app-{n}" if count > 1 else "app") for n in range(1, count + 1)]
        volatile: list[Component] = [] if server.survives else [self.redis]
        if memory:
            volatile.append(self.history)
        parts: list[Component] = [self.event_api, self.runner, self.api, self.executor]
        self._server = [*volatile, *parts, *([] if gateway is None else [gateway])]
        """What dies with the server's process, in the order in which it comes up again."""
        self.executor.execute(self.executor.started)
        for host in self.hosts:
            host.execute(host.join)

    def _max_runtime(self) -> int:
        chosen = None if self.checkpointing is None else self.checkpointing.max_runtime
        if chosen is not None:
            return chosen
        http = self.deployment.app.transport == "http"
        return TIMES.max_runtime_http if http else TIMES.max_runtime_connect

    # ---- time ----------------------------------------------------------------------------------------------

    def delay(self, *address: Any) -> int:
        """How long one of the engine's own hops takes, in microseconds: its name first, then what else luck goes by."""
        name = address[0]
        fixed = self._fixed.get(name)
        return self.delays[name].at(self.world.luck(*address)) if fixed is None else fixed

    def spread(self, name: str, luck: float) -> int:
        """The same, for luck that has been drawn."""
        return self.delays[name].at(luck)

    def transfer(self, size: int) -> int:
        """What a large body takes, beside the hop itself."""
        return int(size * self._us_per_byte)

    # ---- queue ---------------------------------------------------------------------------------------------

    def enqueue(self, item: Item, state: RunState | None = None) -> bool:
        """Puts an item into the queue; False where its job is known there."""
        luck = item.luck = self.world.luck(item.job)
        now = self.world.now
        item.score, item.tie = item.due // 1_000, luck
        if state is not None and item.kind in BY_AGE:
            if item.due <= now + _LOOKAHEAD:
                item.score, item.tie = state.created_ms - state.priority * 1_000, state.tie + luck
            if state.priority:
                item.due -= state.priority * SECOND
        if not self.redis.queue.enqueue(item, now):
            return False
        if item.calls:
            if self.world.full:
                self.world.emit("queue", _TASK_QUEUED, item.run, item.step_name, None, item.kind)
            else:
                self.world.recorder.count += 1
        return True

    def requeue(self, item: Item, due: int) -> None:
        """Puts a leased item back into the queue, for a later time."""
        item.luck = self.world.luck("dispatch", item.job, item.generation)
        self.redis.queue.requeue(item, due)
        self.world.emit("queue", _TASK_QUEUED, item.run, item.step_name, None, item.kind)

    # ---- events --------------------------------------------------------------------------------------------

    def next_event(self) -> int:
        self._events += 1
        return self._events

    def publish_internal(self, event: Event) -> None:
        """An event of the server's own: straight into the event stream."""
        self.meter.events += 1
        delay = self.delay("event_stream", event.name, event.parent and event.parent.name)
        delay += event.at - self.world.now
        runner = self.runner
        self.network.post(self.executor, runner, delay, runner.handle, ((event,),), event.name, event.parent)

    def triggered_by(self, event: Event) -> list[Function]:
        """The functions that an event starts, in an order that only luck knows (§12.6)."""
        if event.name == INVOKED:
            invoked = self.functions.get(event.function or "")
            return [] if invoked is None else [invoked]
        found = self._triggered.get(event.name)
        if found is None:
            return []
        found = [function for function in found if function.of is None or function.of == event.function]
        return found if len(found) < 2 else self.world.luck.order(found, "fan-out", event.name, event.number)

    def event_from_step(self, run: RunInfo, step: Send | Start, luck: str) -> Event:
        """What a `send` or `start` step posts: the run's own data, and whom it is for."""
        data = dict(run.input)
        if isinstance(step, Start):
            name, function = self.functions[step.start].event, step.start
            data = self.child_data(data, function, None if step.key is None else str(step.key))
        else:
            name, function = step.send, None
            data.update(self._addressed(step.to))
        due = self.world.now + step.after if step.after else 0
        return Event(name, data, self.world.now, self.next_event(), ts=due, function=function, parent=run, luck=luck)

    def child_data(self, data: Mapping[str, Any], function: str, key: str | None) -> dict[str, Any]:
        """The data for a function that another one starts or invokes; a key is a field of the caller's, or literal."""
        field = self.functions[function].key
        return {**data, **({} if key is None or field is None else {field: str(data.get(key, key))})}

    def match_field(self, function: str, step: WaitFor) -> str | None:
        """The field that a wait's expression compares; without a word on it, the workflow's key."""
        return step.match or self.functions[function].key

    def _addressed(self, to: str | int | None) -> dict[str, Any]:
        """The data that makes an event meant for a run, by its number or by the key of its entity."""
        if to is None:
            return {}
        if isinstance(to, int):
            state = self.redis.state.get(f"run {to}")
            return {} if state is None else dict(state.info.input)
        return {workflow.key: to for workflow in self.scenario.workflows.values() if workflow.key is not None}

    # ---- runs ----------------------------------------------------------------------------------------------

    def identify(self, function: Function, event: Event) -> RunInfo:
        """The identity of a run that is created: the start of the workload that it is, or the next of its function."""
        start = event.start
        if start is not None and start.workflow == function.name:
            return start
        number = self._runs_of[function.name] = self._runs_of.get(function.name, 0) + 1
        name = f"{function.name} run {number}"
        parent = event.parent or start
        data = dict(event.data)
        if function.kind != "function" and event.parent is not None:
            data["run_id"] = event.parent.name
        key = None if function.key is None else str(data.get(function.key))
        number, luck = 0 if parent is None else parent.number, event.luck or name
        starter = None if event.parent is None else event.parent.name
        return RunInfo(name, function.name, number, key, data, luck, starter)

    def run_over(self, run: RunInfo, status: str) -> None:
        self.world.run_ended(self.executor.name, run, status)
        if self.records:
            self._ended[run.name] = self.world.now
        self.undo.run_over(run, status)

    def passes(self, run: RunInfo, name: str) -> int:
        """How often the code has come to that point, over all requests; counted outside of everything."""
        count = self._passes[run.name, name] = self._passes.get((run.name, name), 0) + 1
        return count

    def deployed_at(self, function: str) -> int:
        """When the latest code of the function went live."""
        return self._deployed.get(function, 0)

    # ---- hosts ---------------------------------------------------------------------------------------------

    def host(self, name: str) -> FunctionHost:
        """A replica of the app; one that is judged by the real SDK takes its place here (durascope.live.inngest)."""
        return FunctionHost(self, name)

    def host_for(self, item: Item) -> FunctionHost:
        """The replica that the load balancer picks: one that is up, if there is one."""
        hosts = self.hosts
        if len(hosts) == 1:
            return hosts[0]
        hosts = [host for host in hosts if host.alive] or hosts
        return hosts[int(self.world.luck("replica", item.job, item.generation) * len(hosts))]

    def handler_code(self, request: Request, code: Mapping[str, Workflow]) -> Workflow:
        """The steps of the function that is called."""
        function = self.functions[request.function]
        workflow = code[function.workflow]
        if function.kind == "function":
            return workflow
        if function.kind == "on-failure":
            return Workflow(steps=workflow.on_failure)
        return Workflow(steps=self.undo.steps(str(request.run.input.get("run_id"))))

    def checkpoint_backoff(self, request: Request, attempt: int) -> int | None:
        """The wait before the next try of a checkpoint POST; None after the last (§11)."""
        if attempt >= NUMBERS.checkpoint_tries:
            return None
        jitter = self.world.luck("checkpoint", request.job, request.generation, attempt)
        return int(TIMES.checkpoint_retry * (2 ** (attempt - 1) + jitter))

    # ---- for the workload ----------------------------------------------------------------------------------

    def start(self, requests: Sequence[StartRequest]) -> None:
        events: list[Event] = []
        for request in requests:
            function = self.functions[request.run.workflow]
            if function.cron is not None:
                self._schedule(request.run, function.cron)
                continue
            events.append(self._start_event(request, function))
            if request.start_with is not None and request.start_with.send is not None:
                data = {**request.run.input, **request.start_with.with_}
                events.append(Event(request.start_with.send, data, 0, self.next_event()))
        if events:
            self._post(events)

    def _start_event(self, request: StartRequest, function: Function) -> Event:
        now, run = self.world.now, request.run
        self._started[run.name] = now if self.records else 0
        due = now + request.after if request.after else 0
        return Event(function.event, run.input, now, self.next_event(), request.idempotency_key, due, run, run.luck)

    def _post(self, events: Sequence[Event]) -> None:
        """The client posts to the event API, again every second while nobody is there."""
        first, api = events[0], self.event_api
        delay = self.delay("event_api", first.name, first.number)
        again = partial(self._post_again, events)
        what = f"POST {first.name}"
        self.network.send(self.client, api, delay, api.post, events, what=what, run=first.start, on_refused=again)

    def _post_again(self, events: Sequence[Event]) -> None:
        self.client.after(_CLIENT_RETRY, self._post, events)

    def _schedule(self, run: RunInfo, cron: str) -> None:
        """A run of a schedule: the next time it comes round."""
        after = max(self._cron_until.get(run.workflow, -1), self.world.now)
        at = next_time(cron, after)
        if at is None:
            return
        self._cron_until[run.workflow] = at
        self._started[run.name] = at
        event = Event(SCHEDULED, run.input, at, self.next_event(), start=run, luck=run.luck)
        function = self.functions[run.workflow]
        self.world.after(at - self.world.now, self.runner.scheduled, event, function)

    def send(self, event: OutsideEvent) -> None:
        if event.kind == "send":
            data = dict(event.run.input) if event.run is not None else self._addressed(event.key)
            self._post([Event(event.name, {**data, **event.payload}, 0, self.next_event(), ts=event.time or 0)])
        elif event.kind == "operator" and event.name in ("cancel", "kill"):
            for run in self._meant(event):
                self._cancel(run)

    def _meant(self, event: OutsideEvent) -> list[RunInfo]:
        """Whom a command is for: a run, or all of that key, as the operator sees them in the server's list."""
        if event.run is not None:
            return [event.run]
        known = (self.redis.state.get(name) for name, status in self.history.status.items() if status == "running")
        return [state.info for state in known if state is not None and state.info.key == event.key]

    def _cancel(self, run: RunInfo) -> None:
        """DELETE /v1/runs/<id>."""
        self.network.send(
            self.client,
            self.api,
            self.delay("http", run.name),
            self.api.cancel_run,
            run,
            what="DELETE run",
            run=run,
            on_refused=lambda: self.client.after(_CLIENT_RETRY, self._cancel, run),
        )

    # ---- for faults ----------------------------------------------------------------------------------------

    def replicas(self, name: str) -> Sequence[Sequence[Component]]:
        return [self._server] if name == "engine" else [[host] for host in self.hosts]

    def deploy(self, name: str, workflow: Workflow, down_for: int | None, *, in_place: bool) -> None:
        """New code: the app's processes are replaced, or, without a gap, take the new requests over."""
        self._deployed[name] = self.world.now
        for host in self.hosts:
            self.world.emit(host.name, _DEPLOYED, detail=name)
            if down_for is None:
                host.deployed()
            else:
                host.crash()
                if down_for < FOREVER:
                    self.world.after(down_for, host.restart)

    # ---- for the trace -------------------------------------------------------------------------------------

    def findings(self) -> Findings:
        status = self._statuses()
        facts: dict[str, object] = {}
        records: dict[str, list[str]] = {}
        if self.records:
            written = self.relay.records
            records = {run: written.get(run, ["no run"]) for run in status}
            facts = self.relay.facts(self._started, self._ended, status)
            facts["attempts"] = {
                step: self.services.effects.get(step, 0) + failed for step, failed in self.failures.items()
            }
            facts["event_bytes"] = self.relay.event_sizes
        return Findings(
            records=records,
            status=status,
            counters=self.meter.counters(),
            facts=facts,
            notes=self._vanished(),
            unconsumed=self.unconsumed if self.records else None,
        )

    def _vanished(self) -> list[str]:
        """Starts that were accepted and never handled, because the server died in between."""
        lost = ", ".join(self.in_stream)
        if not lost or self.runner.incarnation == 1:
            return []
        return [
            f"Inngest accepted the event of {lost} and lost it: the open-source server's event stream is in its "
            "memory, and the server died before it had scheduled the run. Send it again, until a run shows."
        ]

    def _statuses(self) -> dict[str, str]:
        """What the server shows of each run; one that it has forgotten is lost, a start without a run is none."""
        if self.world.many:  # what the recorder has of them is enough
            begun = self.world.recorder.runs
            lost = {run.name: "lost" for run in self.world.recorder.open_runs() if run.name not in self.history.status}
            return lost | {name: "none" for name in self._started if name not in begun}
        status = dict(self.history.status)
        for name, run in self.world.recorder.runs.items():
            status.setdefault(name, "lost" if run.status == "running" else run.status)
        return {name: status.pop(name, "none") for name in self._started} | status
