"""Temporal, really: the dev server, workers in processes of their own, a client that starts and sends."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import temporalio.service
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from durascope.live.engine import LiveEngine, Recording
from durascope.live.ledger import Ledger
from durascope.live.processes import HOST, LiveProblem, Managed, Stage, free_ports, wait_until
from durascope.live.temporal.lines import Event, attributes, kind, lines, payload, step_name, time_of
from durascope.live.temporal.runs import Chain, Execution, Runs
from durascope.live.temporal.server import DevServer
from durascope.live.temporal.settings import (
    DEFAULT_QUEUE,
    WorkerSettings,
    packed,
    workflow_queue,
)
from durascope.live.temporal.starting import StartOrder, external_id, order, start, start_with_update, workflow_id
from durascope.live.temporal.workflow import WARM_UP
from durascope.models.faults import Crash, Deploy
from durascope.models.scenario import Scenario, TemporalWorker, Workflow
from durascope.simulators.engine import OutsideEvent, StartRequest

SPARES: Final = 8
"""The most worker processes that are kept waiting for a crash or a deploy."""
JOIN: Final = 0.06
"""Seconds that a spare takes until it polls (measured)."""


@dataclass(eq=False)
class Place:
    """A worker's place: the process that has it now."""

    worker: TemporalWorker
    name: str
    process: Managed
    ready: Path = Path()
    """The file that the process makes when it polls."""


class TemporalLive(LiveEngine):
    """A dev server and the scenario's workers."""

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger, *, seed: int) -> None:
        super().__init__(scenario, stage, ledger, seed=seed)
        for event in scenario.workload.events:
            if event.operator in ("pause", "resume", "restart"):
                raise LiveProblem(f"verify can't {event.operator} runs on temporal")
        self.server = DevServer(stage)
        self.code = scenario
        """The scenario with the latest code."""
        self.places: list[Place] = []
        self._spares: list[Managed] = []
        self._incarnations = 0
        self._workers = 0
        self._replayed: dict[str, Counter[str]] = {}
        self._waiting: set[str] = set()
        self._starts: Counter[str] = Counter()
        self._answers: dict[str, list[str]] = {}
        self._pending: set[Future[None]] = set()
        self._background: set[asyncio.Future[None]] = set()
        self._attempts: dict[tuple[str, str], int] = {}
        self._control = free_ports(1)[0] if scenario.deployments.temporal.eager_start else 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._acting = ThreadPoolExecutor(8)
        ledger.answers["replayed"] = self._take_replay
        ledger.answers["waits"] = self._take_wait

    # ---- processes -----------------------------------------------------------------------------------------

    def open(self) -> None:
        self._thread.start()
        self.server.start()
        self.client = self._wait(self._connect(), 60)
        self.runs = Runs(self.client, self._seen)
        deployed = [w for w in self.scenario.deployments.temporal.workers for _ in range(w.replicas)]
        self._spares = [self._spare() for _ in range(len(deployed) + self._spares_needed(deployed))]
        for number, worker in enumerate(deployed):
            of_its_name = sum(each.worker is worker for each in self.places) + 1
            name = worker.name if worker.replicas == 1 else f"{worker.name}-{of_its_name}"
            self.places.append(Place(worker, name, self._spares.pop(0)))
            self._assign(self.places[number])
        for place in self.places:
            self._wait_for(place)
        self._wait(self._warm_up(), 60)

    async def _warm_up(self) -> None:
        """Lets the server and every worker do once what they will do: the recordings are of a warm server."""
        started = [
            self.client.execute_workflow(
                WARM_UP, {WARM_UP: 1}, id=f"{WARM_UP}-{number}", task_queue=workflow_queue(self.scenario)
            )
            for number in range(len(self.places) + 1)
        ]
        await asyncio.gather(*started)

    def _spares_needed(self, deployed: Sequence[TemporalWorker]) -> int:
        names = {worker.name for worker in deployed} | {"app"}
        crashes = sum(isinstance(fault, Crash) and fault.crash in names for fault in self.scenario.faults)
        deploys = sum(isinstance(fault, Deploy) for fault in self.scenario.faults)
        return min(SPARES, crashes + deploys * sum(worker.runs != "activities" for worker in deployed))

    def _spare(self) -> Managed:
        """A process that has loaded everything and waits for its settings."""
        self._workers += 1
        name = f"process-{self._workers}"
        settings = self.stage.directory / f"{name}.json"
        process = self.stage.process(name, [sys.executable, "-m", "durascope.live.temporal.worker", str(settings)])
        process.lead = JOIN
        process.start()
        return process

    def _assign(self, place: Place) -> None:
        """Tells the place's process what it is."""
        path = self.stage.directory / f"{place.process.name}.json"
        worker = place.worker
        self._incarnations += worker.runs != "activities"
        settings = WorkerSettings(
            target=self.server.target,
            ledger=self.ledger.port,
            process=place.name,
            incarnation=f"worker-{self._incarnations}",
            runs=worker.runs,
            queue=worker.queue or DEFAULT_QUEUE,
            cache=worker.cache,
            slots=worker.slots,
            seed=self.seed,
            scenario=packed(self.code),
            ready=str(path.with_suffix(".ready")),
            control=self._control if worker.runs != "activities" else 0,
        )
        settings.write(path)
        place.ready = path.with_suffix(".ready")
        place.process.name = place.name

    def _wait_for(self, place: Place) -> None:
        def polls() -> bool:
            if not place.process.running:
                raise LiveProblem(f"temporal's worker {place.name} has ended at its start: {place.process.tail(3)}")
            return place.ready.exists()

        wait_until(polls, f"temporal's worker {place.name}", seconds=60)

    def replicas(self, name: str) -> Sequence[Managed]:
        if name == "engine":
            return [self.server.process]
        found = [place.process for place in self.places if name in ("app", place.worker.name)]
        if not found:
            raise LiveProblem(f"there is no process {name} to crash on temporal")
        return found

    def restart(self, process: Managed) -> None:
        if process is self.server.process:
            self.server.start()
            return
        place = next(place for place in self.places if place.process is process)
        self._renew(place)

    def _renew(self, place: Place) -> None:
        """Another process takes the place, with the latest code."""
        place.process = self._spares.pop(0) if self._spares else self._spare()
        self._assign(place)
        self._wait_for(place)

    def deploy(self, name: str, workflow: Workflow, down_for: float | None, *, in_place: bool) -> None:
        began = time.monotonic()
        self.code = self.code.model_copy(update={"workflows": {**self.code.workflows, name: workflow}})
        places = [place for place in self.places if place.worker.runs != "activities"]
        old = [place.process for place in places]
        if down_for is None:
            for place in places:
                self._renew(place)
        for process in old:
            process.terminate()
        if down_for is not None:
            time.sleep(max(0.0, began + down_for - JOIN - time.monotonic()))
            for place in places:
                self._renew(place)

    # ---- the client ----------------------------------------------------------------------------------------

    async def _connect(self) -> Client:
        while True:
            try:
                client = await Client.connect(self.server.target, identity="client")
                info = await client.workflow_service.get_system_info(GetSystemInfoRequest(), retry=False)
                self.version = info.server_version
                await client.count_workflows()
                return client
            except (RPCError, RuntimeError):
                await asyncio.sleep(0.02)

    def start(self, requests: Sequence[StartRequest]) -> None:
        for request in requests:
            self._submit(self._start(request))

    async def _start(self, request: StartRequest) -> None:
        asked = order(self.scenario, request.run, workflow_queue(self.scenario), request)
        try:
            if asked.eager:
                run_id = await self._start_eagerly(asked)
            elif asked.update is not None:
                run_id = await self._start_with_update(asked)
            else:
                run_id = (await start(self.client, asked)).result_run_id
        except WorkflowAlreadyStartedError:
            self._starts["refused"] += 1
            return
        known = any(run_id == each.run_id for chain in self.runs.chains for each in chain.executions)
        self._starts["attached" if known else "started"] += 1
        self.runs.follow(request.run.name, asked.id, str(run_id))

    async def _start_with_update(self, asked: StartOrder) -> str | None:
        assert asked.update is not None
        operation, update = start_with_update(self.client, asked)
        task = asyncio.ensure_future(self._answered(asked.update[0], update))
        self._background.add(task)
        handle = await operation.workflow_handle()
        return handle.result_run_id

    async def _start_eagerly(self, asked: StartOrder) -> str:
        reader, writer = await asyncio.open_connection(HOST, self._control)
        writer.write(json.dumps(asdict(asked)).encode() + b"\n")
        run_id = json.loads(await reader.readline())
        writer.close()
        return run_id

    def send(self, event: OutsideEvent) -> None:
        self._submit(self._send(event))

    async def _send(self, event: OutsideEvent) -> None:
        target = self._target(event)
        if target is None:
            return
        handle = self.client.get_workflow_handle(target)
        payload = dict(event.payload)
        try:
            match event.kind:
                case "send":
                    await handle.signal(event.name, payload)
                case "update":
                    await self._answered(event.name, handle.execute_update(event.name, payload))
                case "query":
                    await self._asked(event.name, handle.query(event.name))
                case _:
                    await (handle.cancel() if event.name == "cancel" else handle.terminate())
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # the run is over: nobody takes it
                raise

    def _target(self, event: OutsideEvent) -> str | None:
        if event.run is not None:
            return workflow_id(event.run)
        return None if event.key is None else external_id(event.key)

    async def _answered(self, name: str, update: Any) -> None:
        try:
            await update
            self._answers.setdefault(name, []).append("completed")
        except WorkflowUpdateFailedError:
            self._answers.setdefault(name, []).append("rejected")

    async def _asked(self, name: str, query: Any) -> None:
        try:
            await query
            self._answers.setdefault(name, []).append("answered")
        except WorkflowQueryFailedError:
            self._answers.setdefault(name, []).append("failed")

    # ---- what the server records, while it does ------------------------------------------------------------

    def _seen(self, chain: Chain, execution: Execution, event: Event) -> None:
        """Tells the conductor of moments that only the server knows."""
        a, number = attributes(event), chain.number
        match kind(event):
            case "ActivityTaskScheduled":
                self._act(self.moment, number, step_name(a), 1, "scheduled")
            case "ActivityTaskStarted":
                self._attempts[chain.name, a["scheduledEventId"]] = a.get("attempt", 1)
            case "ActivityTaskCompleted":
                scheduled = attributes(execution.history[int(a["scheduledEventId"]) - 1])
                attempt = self._attempts.get((chain.name, a["scheduledEventId"]))
                self._act(self.moment, number, step_name(scheduled), attempt, "recorded")
            case "TimerStarted":
                summary = payload({"payloads": [event.get("userMetadata", {}).get("summary", {})]})
                if summary in ("sleep", "wait"):
                    self._act(self.marked, "SleepStarted" if summary == "sleep" else "WaitStarted", number)
            case "WorkflowTaskCompleted" if chain.name in self._waiting:
                self._waiting.discard(chain.name)
                self._act(self.marked, "WaitStarted", number)
            case _:
                pass

    def _act(self, act: Any, *args: object) -> None:
        """Outside of the loop: what it does may take its time."""
        self._acting.submit(act, *args)

    def _take_replay(self, message: Mapping[str, Any]) -> object:
        counts = self._replayed.setdefault(str(message["process"]), Counter())
        counts[str(message["step"])] += 1
        return True

    def _take_wait(self, message: Mapping[str, Any]) -> object:
        self._waiting.add(str(message["run"]))
        return True

    # ---- the end -------------------------------------------------------------------------------------------

    def over(self) -> bool:
        for future in [each for each in self._pending if each.done()]:
            self._pending.discard(future)
            future.result()
        return not self._pending and self.runs.closed

    def recording(self) -> Recording:
        self._wait(self.runs.settle(), 60)
        named = self._named()
        return Recording(
            server=f"temporal {self.version}",
            sdk=f"temporalio python {temporalio.service.__version__}",
            records={name: lines(execution.history) for name, execution in named},
            status={name: execution.status for name, execution in named},
            effects=self._effects(),
            facts={
                "replayed": {process: dict(counts) for process, counts in sorted(self._replayed.items())},
                "starts": dict(self._starts) if len(self._starts) > 1 else {},
                "answers": {name: _together(words) for name, words in self._answers.items()},
                "lasts": {
                    name: time_of(execution.history[-1]) - time_of(execution.history[0])
                    for name, execution in named
                    if execution.closed
                },
            },
        )

    def _named(self) -> list[tuple[str, Execution]]:
        """Every execution with its name; where starts share a key, the runs are numbered as they came to be."""
        chains = self.runs.chains
        roots = [chain for chain in chains if "/" not in chain.name]
        names = {chain: chain.name for chain in chains}
        if len(self._starts) > 1:
            roots.sort(key=lambda chain: time_of(chain.executions[0].history[0]))
            names |= {chain: f"run {number}" for number, chain in enumerate(roots, 1)}
            for chain in chains:
                if chain not in roots:
                    root = next(each for each in roots if chain.name.startswith(f"{each.name}/"))
                    names[chain] = names[root] + chain.name.removeprefix(root.name)
        ordered = sorted(chains, key=lambda chain: (_number(names[chain]), names[chain]))
        return [each for chain in ordered for each in chain.named(names[chain])]

    def _effects(self) -> dict[str, int]:
        """By step, in the order of the scenario; steps that were never begun are there with 0."""
        steps = dict.fromkeys(step.label for _, step in self.scenario.runs())
        counts = self.ledger.effects()
        effects = {name: counts.get(name, 0) for name in steps if "{" not in name}
        return effects | {name: count for name, count in counts.items() if count}

    def close(self) -> None:
        async def cancel_all() -> None:
            tasks = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        if self._thread.is_alive():
            self._wait(cancel_all(), 10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._loop.close()
        self._acting.shutdown(wait=False)

    # ---- the client's loop ---------------------------------------------------------------------------------

    def _submit(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._pending.add(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def _wait(self, coroutine: Coroutine[Any, Any, Any], seconds: float) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)


def _number(name: str) -> int:
    number = name.removeprefix("run ").split("/")[0]
    return int(number) if number.isdigit() else 0


def _together(words: Sequence[str]) -> str:
    """`completed`, or `3 completed`."""
    counts = Counter(words)
    if len(words) == 1:
        return words[0]
    return ", ".join(f"{count} {word}" for word, count in counts.items())
