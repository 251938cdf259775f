"""Temporal, assembled: the server, its workers, and the client that starts, signals and asks.

workload ─▶ client ─▶ channel ─▶ server ◀─ channel ◀─ workers ◀─ app
                                   └─▶ accounts (what closes, for the trace)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from durascope.models.attempt_limits import start_to_close
from durascope.models.scenario import Cut, Hang, Scenario, TemporalWorker, Workflow
from durascope.models.trace import Kind
from durascope.simulators.engine import Engine, Findings, OutsideEvent, StartRequest
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.app import App
from durascope.simulators.temporal.channel import Channel
from durascope.simulators.temporal.client import Client
from durascope.simulators.temporal.findings import Accounts
from durascope.simulators.temporal.mutable_state import MutableState
from durascope.simulators.temporal.server import Server, ServerStore
from durascope.simulators.temporal.task_queues import queue_of_workflow
from durascope.simulators.temporal.worker import Worker
from durascope.simulators.temporal.workflow_ids import WorkflowIds


class Temporal(Engine):
    """One Temporal deployment."""

    name = "temporal"

    def __init__(self, world: World, scenario: Scenario, *, records: bool = True) -> None:
        super().__init__(world, scenario, records=records)
        deployment = self.deployment = scenario.deployments.temporal
        self._lossy = any(isinstance(fault, (Cut, Hang)) for fault in scenario.faults)
        """Whether messages can get lost without anybody being told."""
        self._retains = records or any(
            event.query is not None or event.operator == "reset" for event in scenario.workload.events
        )
        """Whether closed runs stay in the store, as long as they may be asked for."""
        self.store = ServerStore()
        self.accounts = Accounts(world, scenario, self.store.history, records=records)
        self.server = Server(world, self.network, self.store, deployment, on_run_closed=self._closed)
        ids = WorkflowIds(world, scenario)
        self.workload = Client(
            self.client, Channel(self.client, self.server, lossy=self._lossy), self.server.delays, scenario,
            code=self.code, ids=ids, accounts=self.accounts, starts_eagerly=self._starts_eagerly,
        )  # fmt: skip
        self.app = App(
            deployment, latest=self.code, code=self.app_code, services=self.services, ids=ids,
            replayed_step=self.accounts.replayed, start_to_close=partial(start_to_close, scenario),
        )  # fmt: skip
        self.pools: dict[str, list[Worker]] = {}
        for pool in deployment.workers:
            names = [pool.name] if pool.replicas == 1 else [f"{pool.name}-{n}" for n in range(1, pool.replicas + 1)]
            self.pools[pool.name] = [self._worker(pool, name) for name in names]
        for worker in self.workers:
            worker.execute(worker.started)

    def _worker(self, pool: TemporalWorker, name: str) -> Worker:
        server = self.server
        return Worker(self.world, name, pool, app=self.app, server=server, delays=server.delays, lossy=self._lossy)

    @property
    def workers(self) -> list[Worker]:
        return [worker for pool in self.pools.values() for worker in pool]

    # ---- for the workload ----------------------------------------------------------------------------------

    def start(self, requests: Sequence[StartRequest]) -> None:
        for request in requests:
            self.workload.start(request)

    def send(self, event: OutsideEvent) -> None:
        self.workload.send(event)

    def _starts_eagerly(self, workflow: str) -> bool:
        """Whether the client's own worker has a slot for the run's first task: idle polls hold slots, too (A12b)."""
        queue = queue_of_workflow(self.deployment, workflow)
        return self.deployment.eager_start and any(
            worker.workflow_slots.free > 0
            for worker in self.workers
            if worker.alive and worker.runs_workflows and worker.queue == queue
        )

    # ---- for faults ----------------------------------------------------------------------------------------

    def replicas(self, name: str) -> Sequence[Sequence[Component]]:
        if name == "engine":
            return [[self.server]]
        return [[worker] for worker in self.pools.get(name, self.workers)]

    def deploy(self, name: str, workflow: Workflow, down_for: int | None, *, in_place: bool) -> None:
        """Every process that runs workflows is replaced; without a gap, the old ones stop gracefully, and at once.

        Those that run activities only go on: a step of the new code has the body that is written there all the same.
        """
        self.world.emit("deployment", Kind.DEPLOYED, detail=name)
        self.server.code_changed()
        for worker in self.workers:
            if not worker.runs_workflows:
                continue
            if down_for is None:
                worker.shut_down()
                worker.restart()
            else:
                worker.crash()
                self.world.after(down_for, worker.restart)

    # ---- for the trace -------------------------------------------------------------------------------------

    def _closed(self, state: MutableState) -> None:
        self.accounts.closed(state)
        if not self._retains:
            history = self.store.history
            history.runs.pop(state.run_id, None)
            if history.current.get(state.options.workflow_id) == state.run_id:
                del history.current[state.options.workflow_id]

    def findings(self) -> Findings:
        return self.accounts.findings()
