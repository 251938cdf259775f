"""The Restate model: one server (or several nodes), its log and stores, and the service endpoints that it calls.

client ─▶ ingress ─▶ log ─▶ partition processor ─▶ invoker ══(stream)══▶ service endpoint
                      ▲            │ timers, outbox, inbox    │                │
                      └────────────┴──────────── proposals ◀──┴───── commands ◀┘
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Clear, Set, Step, walk
from durascope.models.trace import Kind
from durascope.models.units import FOREVER
from durascope.simulators.engine import Engine, Findings, OutsideEvent, StartRequest, label_of
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.defaults import latencies
from durascope.simulators.kernel.delays import Delays
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.restate import records
from durascope.simulators.restate.cluster import Controller, build_node, share_out
from durascope.simulators.restate.constants import constant
from durascope.simulators.restate.deployments import Deployment, Registry
from durascope.simulators.restate.endpoint import ServiceEndpoint
from durascope.simulators.restate.findings import every_row, findings, unconsumed
from durascope.simulators.restate.ingress import Ingress
from durascope.simulators.restate.leaders import Leaders
from durascope.simulators.restate.lifecycle import identity
from durascope.simulators.restate.log import PartitionLog, Record
from durascope.simulators.restate.observer import Observer
from durascope.simulators.restate.outside import Outside
from durascope.simulators.restate.routing import Router
from durascope.simulators.restate.store import HandlerKind, Invocation, Partition
from durascope.simulators.restate.tables import invocations
from durascope.simulators.workload import run_info


class Restate(Engine):
    """Restate 1.7, with the Python or the TypeScript SDK."""

    name = "restate"

    def __init__(self, world: World, scenario: Scenario, *, records: bool = True) -> None:
        super().__init__(world, scenario, records=records)
        options = self.options = scenario.deployments.restate
        delays = self.delays = Delays(world, latencies(__package__ or "", options.latencies))
        nodes = options.server.nodes
        replicated = nodes > 1 or options.server.hosting in ("cluster", "cloud")
        commit = delays.spread("replicated_commit" if replicated else "commit")
        self.observer = Observer(keeps_attempts=records, abort_timeout=self.options.abort_timeout)
        self.partitions: list[Partition] = []
        self.router = Router(world, scenario, self.partitions)
        self.outside = Outside(scenario, self.router)
        self.registry = Registry(Deployment(1, self._endpoints("")))
        leaders, answers = Leaders(), dict[str, Callable[[int], None]]()
        restarted = any(each.operator in ("restart", "reset") for each in scenario.workload.events)
        self.nodes = [
            build_node(
                world, f"-{n}" if nodes > 1 else "", self.network, options, delays, self.registry, self.router,
                self.observer, leaders, answers, records=records or restarted,
            )
            for n in range(1, nodes + 1)
        ]  # fmt: skip
        self.partitions += [Partition(n, PartitionLog(n, commit)) for n in range(options.server.partitions)]
        share_out(self.partitions, self.nodes, leaders)
        self.controller = Controller(world, "cluster-controller", self.network, self.nodes, delays)
        self.rows: list[Invocation] = []
        """Every invocation that was asked for, where records are kept."""
        self.accepted: dict[tuple[str, str], list[int]] = {}
        """By run and event: when messages for it were accepted."""
        self.started = scenario.workload.runs
        """How many runs have been accepted from outside; those that events and restarts start are counted on."""
        self._requests = 0
        self._deployments = 1
        """Those that are being registered are counted, too."""
        self.said: dict[str, None] = {}

    def _endpoints(self, version: str) -> list[ServiceEndpoint]:
        service = self.options.service
        name = f"{service.name or 'service'}{version}"
        names = [name] if service.replicas == 1 else [f"{name}-{n}" for n in range(1, service.replicas + 1)]
        return [
            ServiceEndpoint(
                self.world, each, network=self.network, services=self.services, observer=self.observer,
                outside=self.outside, client=self.client, app_code=self.app_code, code=self.code, service=service,
                delays=self.delays,
            )
            for each in names
        ]  # fmt: skip

    # ---- the client's side -----------------------------------------------------------------------------------

    def _ask(self, what: str, run: RunInfo | None, request: Any, *args: Any) -> None:
        """Sends a request to the ingress; one that is refused or not answered is sent again."""
        ingress = next((node.ingress for node in self.nodes if node.ingress.alive), self.nodes[0].ingress)
        again = partial(self.client.after, self.delays.typical("client_retry"), self._ask, what, run, request, *args)
        connection = self.network.connect(
            self.client, ingress, self._reaches(run), partial(request, ingress, *args),
            on_refused=again, what=what, run=run,
        )  # fmt: skip
        connection.gives_up = int(constant("keep_alive_us")) + int(constant("keep_alive_timeout_us"))
        connection.on_lost[self.client] = again

    def _reaches(self, run: RunInfo | None) -> int:
        """How long this request takes to the ingress."""
        self._requests += 1
        return self.delays("ingress", None if run is None else run.luck, self._requests)

    def start(self, requests: Sequence[StartRequest]) -> None:
        for request in requests:
            self._start(request.run, request.after, request.idempotency_key)
            with_ = request.start_with
            if with_ is not None:
                kind, name = ("send", with_.send) if with_.send is not None else ("update", with_.update)
                self.send(OutsideEvent(0, kind, str(name), request.run, None, with_.with_))

    def _start(self, run: RunInfo, after: int = 0, idempotency_key: str | None = None) -> None:
        due = self.world.now + after if after else None
        row = self._row(run, run.workflow, run.key, due=due, idempotency_key=idempotency_key)
        self._ask("send" if after else "call", run, Ingress.invoke, row, idempotency_key)

    def _row(
        self,
        run: RunInfo,
        workflow: str,
        key: str | None,
        kind: HandlerKind = "run",
        handler: str | None = None,
        due: int | None = None,
        idempotency_key: str | None = None,
    ) -> Invocation:
        target = self.router.target(workflow, self.router.key_of(workflow, key, run.name), kind, handler)
        row = self.router.invocation(run, target, due=due, idempotency_key=idempotency_key)
        self.outside.asked[run.name] = workflow
        if self.records:
            self.rows.append(row)
        return row

    # ---- events ----------------------------------------------------------------------------------------------

    def send(self, event: OutsideEvent) -> None:
        handle = {"send": self._event, "query": self._query, "update": self._update, "operator": self._operator}
        handle[event.kind](event)

    def _event(self, event: OutsideEvent) -> None:
        """Starts whom it starts, and reaches whom it is for: by the cancel API, a promise, an awakeable, a signal."""
        starters = list(self.outside.starters(event.name))
        for workflow in starters:
            self._start_by(event, workflow)
        addressed = self._addressed(event)
        for run in addressed:
            self._deliver(event, run)
        if not starters and not addressed:
            if event.key is not None:
                self._say(f"{event.name}: refused (not found), because no run has the key {event.key}")
            self._ask(event.name, None, Ingress.unknown, event.name)

    def _start_by(self, event: OutsideEvent, workflow: str) -> None:
        self.started += 1
        number, key = self.started, event.key if event.run is None else event.run.key
        run = run_info(self.world, self.scenario, workflow, f"run {number}", number, key=key, given=event.payload)
        if run.key is None and key is not None:
            run = replace(run, key=key)
        self._start(run)

    def _addressed(self, event: OutsideEvent) -> list[RunInfo]:
        """The runs that it is for; nobody keeps it for a run that nobody has asked for yet, or that was turned away."""
        if event.run is not None:
            row = self.router.find(event.run.name)
            if row is not None:  # asked for from outside, or called
                return [row.run]
            return [event.run] if event.run.name in self.outside.asked and not self._turned_away(event.run) else []
        if event.key is not None:
            row = self.router.of_key(event.key)
            return [] if row is None else [row.run]
        return list(self.outside.addressed(event.name, dict(event.payload)))

    def _turned_away(self, run: RunInfo) -> bool:
        """Whether another run has its key, or its idempotency key."""
        keys = self.scenario.workload.idempotency_keys
        given = keys[run.number - 1] if keys is not None and run.number <= len(keys) else None
        target = self.router.target(run.workflow, self._key_of(run))
        same = identity(target, given)
        if same is None:
            return False
        known = self.router.partition(target, given or run.name).idempotency.get(same)
        return (known is not None and known.name != run.name) or (target.of_workflow and given is not None)

    def _deliver(self, event: OutsideEvent, run: RunInfo) -> None:
        signal = self.scenario.workflows[run.workflow].signals.get(event.name)
        if signal is not None and signal.then in ("cancel", "cancel-now"):
            self._tell("cancel", run, records.Cancel)
        elif not self.outside.waits_for(run.workflow, event.name):
            self._ask(event.name, run, Ingress.unknown, event.name)
        elif self.router.target(run.workflow, run.key).of_workflow:
            self._accept(event.name, run)
            self._invoke_handler(event, run, "complete-promise", event.payload)
        elif self.options.service.wait_for == "signal":
            self._accept(event.name, run)
            self._invoke_handler(event, run, "send-signal", {"target": self.router.find(run.name)})
        else:
            payload = dict(event.payload)

            def resolve(index: int) -> None:
                self._accept(event.name, run)
                self._tell(event.name, run, records.Signalled, -index, payload)

            self.outside.resolve(run, event.name, resolve)

    def _accept(self, event: str, run: RunInfo) -> None:
        if self.records:
            self.accepted.setdefault((run.name, event), []).append(self.world.now)

    def _tell(self, what: str, run: RunInfo, record: Callable[..., Record], *args: Any) -> None:
        """Has a record appended for a run, if there is one of that name by then."""

        def tell(ingress: Ingress, connection: Connection) -> None:
            row = self.router.find(run.name)
            if row is None:
                ingress.unknown(what, connection)
            else:
                ingress.tell(what, row, record(row, *args), connection)

        self._ask(what, run, tell)

    def _invoke_handler(self, event: OutsideEvent, run: RunInfo, kind: HandlerKind, given: Any) -> None:
        """Invokes a handler other than the run's own: `event N`, `query N`, `update N`."""
        name = label_of(event, run.name)
        info = RunInfo(name, run.workflow, 0, run.key, dict(given), f"{run.luck}/{name}", run.name)
        row = self._row(info, run.workflow, self._key_of(run), kind, event.name)
        self._ask(event.name, info, Ingress.invoke, row, None)

    def _key_of(self, run: RunInfo) -> str | None:
        return self.router.key_of(run.workflow, run.key, run.name)

    def _query(self, event: OutsideEvent) -> None:
        for run in self._addressed(event):
            if self.router.target(run.workflow, run.key).key is None:
                self._say(f"query {event.name}: a plain service has no state to read; use an object or a workflow")
            else:
                self._invoke_handler(event, run, "query", {})

    def _say(self, note: str) -> None:
        self.said[note] = None

    def _update(self, event: OutsideEvent) -> None:
        for run in self._addressed(event):
            update = self.scenario.workflows[run.workflow].updates.get(event.name)
            if update is not None:
                target = self.router.target(run.workflow, run.key, "update")
                if target.stateful and not target.writes_state and any(map(_writes, walk(update.steps))):
                    self._say(f"update {event.name}: only the workflow's own handler may write state (RT0017)")
                self._invoke_handler(event, run, "update", {**run.input, **event.payload})

    def _operator(self, event: OutsideEvent) -> None:
        for run in self._addressed(event):
            match event.name:
                case "cancel":
                    self._tell("cancel", run, records.Cancel)
                case "kill":
                    self._tell("kill", run, records.Kill)
                case "pause":
                    self._tell("pause", run, records.PauseByHand)
                case "resume":
                    self._resume(run, event.deployment)
                case "reset":
                    self._restart(run, records.ResetAsNew, event.step or "")
                case _:
                    self._restart(run, records.RestartAsNew, event.from_entry or 0)

    def _resume(self, run: RunInfo, deployment: int | None) -> None:
        chosen = self.registry.numbered(deployment)
        self._tell("resume", run, records.ResumeByHand, None if chosen is None else chosen.number)

    def _restart(self, run: RunInfo, record: Callable[..., Record], since: int | str) -> None:
        self.started += 1
        new = replace(run, name=f"run {self.started}", luck=f"run {self.started}")
        row = self._row(new, run.workflow, self._key_of(run))
        self._tell("restart-as-new", run, record, row, since)

    # ---- faults ----------------------------------------------------------------------------------------------

    def replicas(self, name: str) -> Sequence[Sequence[Component]]:
        if name == "engine":
            return [node.components for node in self.nodes]
        return [[endpoint] for deployment in self.registry.deployments for endpoint in deployment.endpoints]

    def deploy(self, name: str, workflow: Workflow, down_for: int | None, *, in_place: bool) -> None:
        """In place: another program behind the same URL. Else a new deployment is registered beside the others.

        What begins while the server discovers it goes to the one before.
        """
        old = self.registry.latest
        if in_place:
            old.replace(self.code)
        else:
            version = self._deployments = self._deployments + 1
            new = Deployment(version, self._endpoints(f"-v{version}"))
            self.world.after(self.delays("register", version), self.registry.register, new)
        self.world.emit(old.endpoints[0].name, Kind.DEPLOYED, None, None, None, name)
        if down_for is not None:
            for endpoint in old.endpoints:
                endpoint.crash()
                if down_for < FOREVER:
                    self.world.after(down_for, endpoint.restart)

    # ---- the trace -------------------------------------------------------------------------------------------

    def findings(self) -> Findings:
        server = self.options.server
        untaken = unconsumed(self.accepted, self.app_code.handled) if self.records else None
        for each in untaken or ():
            if each.run is not None and self.outside.has_newer(each.run, each.event):
                self._say(
                    f"{each.event}: each wait of {each.run} has an awakeable of its own, and this resolved an earlier "
                    "one than the latest. To reach whichever wait is open, use a durable promise (`kind: workflow`) or "
                    "a signal (`wait_for: signal`)"
                )
        found = findings(
            self.rows, self.partitions, self.observer, notes=self.said, records=self.records,
            most_in_flight=max(node.invoker.most_in_flight for node in self.nodes),
            in_flight_limit=server.concurrent_invocations,
        )  # fmt: skip
        if self.records:
            found.unconsumed = untaken
            if self.world.full:
                rows = every_row(self.rows)
                found.facts = {**found.facts, "invocations": invocations(rows, self.observer, server.protocol)}
        return found


def _writes(step: Step) -> bool:
    return isinstance(step, Set | Clear)
