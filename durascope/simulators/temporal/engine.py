"""Temporal: the server, its workers, and the client that starts, signals and asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from durascope.models.scenario import Cut, Hang, Scenario, Workflow
from durascope.models.steps import Run, WaitFor
from durascope.models.trace import Kind
from durascope.simulators.engine import Engine, Findings, OutsideEvent, StartRequest
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.activity_options import SECOND, ActivityOptions, activity_options
from durascope.simulators.temporal.calls import REPORTS, REQUESTS
from durascope.simulators.temporal.channel import Channel
from durascope.simulators.temporal.commands import REQUEST
from durascope.simulators.temporal.findings import Accounts
from durascope.simulators.temporal.mutable_state import MutableState, StartOptions
from durascope.simulators.temporal.server import DEFAULT_QUEUE, Server, ServerStore
from durascope.simulators.temporal.worker import Worker
from durascope.simulators.workload import run_info

OVERTAKES: Final = 0.05
"""Share of the calls of one instant that overtake those before them."""


class Temporal(Engine):
    """One Temporal deployment."""

    name = "temporal"

    def __init__(self, world: World, scenario: Scenario, *, records: bool = True) -> None:
        super().__init__(world, scenario, records=records)
        self.options = scenario.deployments.temporal
        self.lossy = any(isinstance(fault, (Cut, Hang)) for fault in scenario.faults)
        """Whether messages can get lost without anybody being told."""
        self.accounts = Accounts(self)
        self.store = ServerStore()
        self.server = Server(
            world, self.network, self.store, self.options, keep=self._closed, queue_of=self.workflow_queue_of
        )
        self.channel = Channel(self.client, self.server, lossy=self.lossy)
        self._starting: dict[str, list[Callable[[], Any]]] = {}
        """What waits for a start to be answered, by workflow id."""
        self._arrivals: dict[str, tuple[int, int, int]] = {}
        """When the last request to a workflow id arrives, and how many there were."""
        self._computed: dict[tuple[str, str], int] = {}
        self._children: dict[str, str] = {}
        """The workflow ids of called and started runs, where the workload's events are addressed to them."""
        self._activity_options: dict[int, ActivityOptions] = {}
        """By the step's identity; each keeps its step, so that it stays the only one with it."""
        self._processes = 0
        self._retains = records or any(
            event.query is not None or event.operator == "reset" for event in scenario.workload.events
        )
        """Whether closed runs stay in the store, as long as they may be asked for."""
        self._keyed = {name: workflow for name, workflow in scenario.workflows.items() if workflow.key is not None}
        workflow_pool = next((pool for pool in self.options.workers if pool.runs != "activities"), None)
        activity_pool = next((pool for pool in self.options.workers if pool.runs != "workflows"), None)
        both = workflow_pool is not None and workflow_pool.runs == "both"
        pool = workflow_pool if both else activity_pool
        self.activity_queue = (pool.queue if pool is not None else None) or DEFAULT_QUEUE
        """Where workflow code sends its activities."""
        self.pools: dict[str, list[Worker]] = {}
        for pool in self.options.workers:
            names = [pool.name] if pool.replicas == 1 else [f"{pool.name}-{n}" for n in range(1, pool.replicas + 1)]
            self.pools[pool.name] = [Worker(world, self, pool, name) for name in names]
        for worker in self.workers:
            worker.execute(worker.started)

    @property
    def workers(self) -> list[Worker]:
        return [worker for pool in self.pools.values() for worker in pool]

    # ---- queues and ids ------------------------------------------------------------------------------------

    def workflow_queue(self, worker: Worker) -> str:
        return worker.options.queue or DEFAULT_QUEUE

    def queue_of_activities(self, worker: Worker) -> str:
        return worker.options.queue or DEFAULT_QUEUE

    def workflow_queue_of(self, workflow: str) -> str:
        """The queue that a workflow is started on: one named like it, else the first that runs workflows."""
        queues = [pool.queue or DEFAULT_QUEUE for pool in self.options.workers if pool.runs != "activities"]
        return workflow if workflow in queues else next(iter(queues), DEFAULT_QUEUE)

    def activity_options(self, step: Run) -> ActivityOptions:
        """What workflow code schedules that step with; made once for each."""
        options = self._activity_options.get(id(step))
        if options is None:
            if len(self._activity_options) > 10_000:  # undo steps are made anew each time
                self._activity_options.clear()
            options = activity_options(step, self.activity_queue, self.options.step_timeout)
            self._activity_options[id(step)] = options
        return options

    def id_of(self, run: RunInfo) -> str:
        """A run's workflow id: its workflow and key, or its own name."""
        child = self._children.get(run.name)
        if child is not None:
            return child
        return f"{run.workflow}/{run.key}" if run.key is not None else run.name

    def workflow_id_of(self, reference: object, event: str | None = None) -> str:
        """The id of the run that a step or an event is addressed to: a run's number, or a key."""
        if isinstance(reference, int):
            return self.id_of(self._numbered(reference))
        listening = [name for name, workflow in self._keyed.items() if event is None or self._hears(workflow, event)]
        name = next(iter(listening or self._keyed), None)
        return str(reference) if name is None else f"{name}/{reference}"

    def _hears(self, workflow: Workflow, event: str) -> bool:
        return event in workflow.signals or any(
            isinstance(step, WaitFor) and step.wait_for == event for step in workflow.walk()
        )

    def _numbered(self, number: int) -> RunInfo:
        started = self.scenario.started
        workflow = started[min(number, len(started)) - 1]
        return run_info(self.world, self.scenario, workflow, f"run {number}", number)

    def started_by(self, event: str) -> list[str]:
        """The workflows that an event starts."""
        return [
            name
            for name, workflow in self.scenario.workflows.items()
            if workflow.started_by is not None and workflow.started_by.event == event
        ]

    def child_run(
        self, parent: StartOptions, info: RunInfo, workflow: str, key: str, reference: object
    ) -> tuple[RunInfo, str]:
        """Who a child workflow is, and its workflow id."""
        chain = f".{parent.execution}" if parent.execution > 1 else ""
        label, _, again = key.rpartition(":")
        shown = f"{info.name}{chain}/" + (f"{label} {int(again) + 1}" if label and again.isdigit() else key)
        definition = self.scenario.workflows[workflow]
        given = {field: value for field, value in info.input.items() if field in definition.input}
        entity = None if reference is None else str(reference)
        if entity is None and definition.key is not None and definition.key in info.input:
            entity = str(info.input[definition.key])
        run = run_info(self.world, self.scenario, workflow, shown, info.number, key=entity, given=given)
        run = RunInfo(shown, workflow, info.number, run.key, run.input, f"{info.luck}/{key}", info.name)
        workflow_id = f"{workflow}/{entity}" if reference is not None else f"{parent.workflow_id}/{key}"
        if self.world.recorder.identities is not None:
            self._children[shown] = workflow_id
        return run, workflow_id

    # ---- what the client asks ------------------------------------------------------------------------------

    def _ask(
        self, workflow_id: str, method: str, args: tuple[Any, ...], on_reply: Callable[[Any], Any], run: RunInfo | None
    ) -> None:
        """Sends a request; what is asked of one workflow id arrives in the order in which it was asked.

        Calls of one instant are made side by side: now and then one overtakes those before it (U4).
        """
        now = self.world.now
        before, asked, asked_at = self._arrivals.get(workflow_id, (0, 0, -1))
        luck = int(self.world.luck("request", workflow_id, asked) * (1 << 53))
        delays = self.server.delays
        arrives = now + delays("request", luck, asked)
        if asked_at != now or self.world.luck("request overtakes", workflow_id, asked) >= OVERTAKES:
            arrives = max(arrives, before + delays("lock", luck, asked))
        if len(self._arrivals) > 10_000:
            self._arrivals = {each: last for each, last in self._arrivals.items() if last[0] > now - SECOND}
        self._arrivals[workflow_id] = (max(arrives, before), asked + 1, now)
        self.channel.call(method, args, on_reply, REQUESTS, run=run, delay=arrives - now)

    def _when_started(self, workflow_id: str, ask: Callable[[], Any]) -> None:
        """A client addresses a run once its start has been answered."""
        waiting = self._starting.get(workflow_id)
        if waiting is None:
            ask()
        else:
            waiting.append(ask)

    def start(self, requests: Sequence[StartRequest]) -> None:
        for request in requests:
            self._start(request)

    def _start_again(self, request: StartRequest, tries: int) -> None:
        """A request that met an entity at its end is sent again, as any call is."""
        if tries < REPORTS.max_tries:
            pause = min(REPORTS.max_interval, int(REPORTS.initial * REPORTS.factor ** (tries - 1)))
            self.client.after(pause, self._start, request, tries + 1)
        else:
            self.world.run_ended(self.client.name, request.run, "failed")

    def _starts_eagerly(self, workflow: str) -> bool:
        """Whether the client's own worker has a slot for the run's first task: idle polls hold slots, too (A12b)."""
        queue = self.workflow_queue_of(workflow)
        return self.options.eager_start and any(
            worker.workflow_slots.free > 0
            for worker in self.workers
            if worker.alive and worker.runs_workflows and self.workflow_queue(worker) == queue
        )

    def _start(self, request: StartRequest, tries: int = 1) -> None:
        run = request.run
        workflow = self.code[run.workflow]
        workflow_id = self.id_of(run)
        with_ = request.start_with
        entity = workflow.one_at_a_time and run.key is not None
        signal = update = None
        if entity:
            update = (f"{run.name} request {tries}", REQUEST, {"run": run})  # asked again, it is another update
        elif with_ is not None and with_.send is not None:
            signal = (with_.send, dict(with_.with_))
        elif with_ is not None:
            update = (f"{run.name} update", str(with_.update), dict(with_.with_))
        options = StartOptions(
            run=run,
            workflow_id=workflow_id,
            delay=request.after,
            run_timeout=workflow.run_timeout or 0,
            retry=workflow.retry,
            entity=entity,
        )
        eager = not request.after and update is None and self._starts_eagerly(run.workflow)
        args = (options, workflow.id_conflict, signal, update, eager, f"{run.name} #{tries}")
        if update is None:
            self._starting.setdefault(workflow_id, [])

        def answered(answer: Any) -> None:
            for ask in self._starting.pop(workflow_id, ()):
                ask()
            started = answer
            if update is not None:
                started, answer = answer
            if entity:
                if answer in ("not found", "aborted"):  # the entity has ended without it: it takes a new one
                    self._start_again(request, tries)
                return
            if update is not None:
                self.accounts.answer(update[1], answer)
            self.accounts.start(run, started)

        self._ask(workflow_id, "start workflow", args, answered, run)

    def send(self, event: OutsideEvent) -> None:
        for workflow_id, run in self._targets(event):
            self._when_started(workflow_id, partial(self._send, event, workflow_id, run))

    def _targets(self, event: OutsideEvent) -> list[tuple[str, RunInfo | None]]:
        if event.run is not None:
            return [(self.id_of(event.run), event.run)]
        if event.key is not None:
            return [(self.workflow_id_of(event.key, event.name), None)]
        starts = self.started_by(event.name) if event.kind == "send" else []
        for workflow in starts:
            run = run_info(
                self.world, self.scenario, workflow, f"{workflow} run {event.number}", 0, given=event.payload
            )
            self._start(StartRequest(run))
        if starts:
            return []
        for name, workflow in self._keyed.items():
            if workflow.key is not None and workflow.key in event.payload and self._hears(workflow, event.name):
                return [(f"{name}/{event.payload[workflow.key]}", None)]
        self.accounts.note(
            f"event {event.name}: Temporal has no events that find their receivers; address it with `to:`, or look "
            "the workflow ids up (search attributes) and signal each"
        )
        return []

    def _send(self, event: OutsideEvent, workflow_id: str, run: RunInfo | None) -> None:
        payload, name = dict(event.payload), event.name

        def answered(answer: Any) -> None:
            if event.kind in ("update", "query"):
                self.accounts.answer(name, answer)
            elif answer != "accepted":
                if name == "reset":
                    self.accounts.note(f"reset of {workflow_id}: no workflow task has scheduled {event.step} yet")
                self.world.emit(self.client.name, Kind.MESSAGE_REFUSED, run, detail=(name, answer))

        match event.kind, name:
            case "send", _:
                self._ask(workflow_id, "signal", (workflow_id, name, payload), answered, run)
            case "update", _:
                update_id = f"{workflow_id} update {event.number}"
                self._ask(workflow_id, "update", (workflow_id, update_id, name, payload), answered, run)
            case "query", _:
                self._ask(workflow_id, "query", (workflow_id, name), answered, run)
            case _, "cancel":
                self._ask(workflow_id, "cancel", (workflow_id,), answered, run)
            case _, "kill":
                self._ask(workflow_id, "terminate", (workflow_id,), answered, run)
            case _, "reset":
                self._ask(workflow_id, "reset", (workflow_id, event.step or ""), answered, run)
            case _:
                self.accounts.note(
                    f"operator {name}: Temporal cannot {name} a run like this; cancel or kill it and start it again "
                    "(or reset it to an earlier workflow task)"
                )

    # ---- faults --------------------------------------------------------------------------------------------

    def replicas(self, name: str) -> Sequence[Sequence[Component]]:
        if name == "engine":
            return [[self.server]]
        return [[worker] for worker in self.pools.get(name, self.workers)]

    def deploy(self, name: str, workflow: Workflow, down_for: int | None, *, in_place: bool) -> None:
        """Every process that runs workflows is replaced; without a gap, the old ones stop gracefully.

        Those that run activities only go on: a step of the new code has the body that is written there all the same.
        """
        self.world.emit("deployment", Kind.DEPLOYED, detail=name)
        self.server.code_changed()
        for worker in self.workers:
            if not worker.runs_workflows:
                continue
            if down_for is None:
                worker.stop()
                worker.restart()
            else:
                worker.crash()
                self.world.after(down_for, worker.restart)

    # ---- what parts report ---------------------------------------------------------------------------------

    def process_started(self, worker: Worker) -> str:
        """The name of a worker process: `worker-1` is the first that runs workflows, and so on."""
        if not worker.runs_workflows:
            return worker.name
        self._processes += 1
        return f"worker-{self._processes}"

    def computes(self, run: RunInfo, name: str) -> int:
        """How often the run's code has now been busy there."""
        count = self._computed[run.name, name] = self._computed.get((run.name, name), 0) + 1
        return count

    def replayed_step(self, process: str, name: str) -> None:
        self.accounts.replayed(process, name)

    def _closed(self, state: MutableState) -> None:
        self.accounts.closed(state)
        if not self._retains:
            history = self.store.history
            history.runs.pop(state.run_id, None)
            if history.current.get(state.options.workflow_id) == state.run_id:
                del history.current[state.options.workflow_id]

    def findings(self) -> Findings:
        return self.accounts.findings()
