"""The worker processes of a scenario: each has a place that a new process takes after a crash or a deploy."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from durascope.live.node import node
from durascope.live.processes import LiveProblem, Managed, Stage, wait_until
from durascope.live.temporal.settings import DEFAULT_QUEUE, WorkerSettings, activity_queue, packed
from durascope.models.faults import Crash, Deploy
from durascope.models.scenario import Scenario, TemporalWorker
from durascope.models.units import MILLISECOND

WORKER: Final = "temporal/worker.js"
SPARES: Final = 8
"""The most processes that are kept waiting for a crash or a deploy."""
STOPPING_S: Final = 0.3
"""Seconds that SIGTERM takes at most to reach an SDK's activities: who stands at this moment is to be stopped there."""
JOIN_S: Final = 0.06
"""Seconds that a spare takes until it polls (measured)."""
JOIN_ON_NODE_S: Final = 1.5
"""The same of a spare on Node.js, on a busy machine: it gets ready by then, and waits for its time."""


@dataclass(eq=False)
class Place:
    """A worker's place, and the process that has it now."""

    pool: TemporalWorker
    name: str
    process: Managed
    ready: Path
    """The file that the process makes when it polls."""

    @property
    def runs_workflows(self) -> bool:
        return self.pool.runs != "activities"


class Workers:
    """All worker processes; spare ones have loaded everything before they are needed."""

    def __init__(
        self,
        scenario: Scenario,
        stage: Stage,
        *,
        target: str,
        targets: Mapping[str, str],
        ledger: int,
        seed: int,
        control: int,
    ) -> None:
        self.code = scenario
        """The scenario with the latest code."""
        self._origin = packed(scenario)
        self.stage = stage
        self.target = target
        self.targets = targets
        """By pool, where that is another one."""
        self.ledger = ledger
        self.seed = seed
        self.control = control
        """The port of the process that makes eager starts; 0: none does."""
        self.places: list[Place] = []
        self.code_of: dict[str, Scenario] = {}
        """By incarnation: the scenario with the code that it has."""
        self._typescript = any(pool.sdk == "typescript" for pool in scenario.deployments.temporal.workers)
        self._join_s = JOIN_ON_NODE_S if self._typescript else JOIN_S
        self._spares: list[Managed] = []
        self._processes = 0
        self._incarnations = 0

    def open(self) -> None:
        """Starts every worker, and returns when all of them poll."""
        pools = [pool for pool in self.code.deployments.temporal.workers for _ in range(pool.replicas)]
        self._spares = [self._spare() for _ in range(len(pools) + self._needed(pools))]
        for pool in pools:
            of_its_pool = sum(place.pool is pool for place in self.places) + 1
            name = pool.name if pool.replicas == 1 else f"{pool.name}-{of_its_pool}"
            place = Place(pool, name, self._spares.pop(0), Path())
            self.places.append(place)
            self._assign(place)
        for place in self.places:
            self._wait_for(place)

    def replicas(self, name: str) -> Sequence[Managed]:
        """The processes of a pool, or all of them for `app`."""
        named = [place.process for place in self.places if place.pool.name == name]
        return named or [place.process for place in self.places]

    def restart(self, process: Managed) -> None:
        """Another process takes the place of that one, and polls when this returns."""
        place = next(place for place in self.places if place.process is process)
        self._renew(place, process.due)
        self._wait_for(place)

    def deploy(self, code: Scenario, down_for_s: float | None) -> Callable[[], None]:
        """Every process that runs workflows is replaced; without a gap, the old ones stop gracefully.

        Those that run activities only stay: they know every code's activities (see `settings.every_code`), and go on
        while the new ones come up, which is what is returned.
        """
        began = time.monotonic()
        self.code = code
        places = [place for place in self.places if place.runs_workflows]
        old = [place.process for place in places]
        for process in old:
            if down_for_s is None:
                process.signal(signal.SIGTERM)
            else:
                process.kill()
        if down_for_s is None:
            time.sleep(STOPPING_S)

        def come_up() -> None:
            if down_for_s is not None:
                time.sleep(max(0.0, began + down_for_s - self._join_s - time.monotonic()))
            for place in places:
                self._renew(place, began + (down_for_s or 0))
            for place in places:
                self._wait_for(place)
            for process in old:
                process.terminate()

        return come_up

    # ---- processes -----------------------------------------------------------------------------------------

    def _needed(self, pools: Sequence[TemporalWorker]) -> int:
        """How many processes the scenario's faults will ask for."""
        faults = self.code.faults
        crashes = sum(isinstance(fault, Crash) and fault.crash != "engine" for fault in faults)
        deploys = sum(isinstance(fault, Deploy) for fault in faults)
        return min(SPARES, crashes + deploys * sum(pool.runs != "activities" for pool in pools))

    def _spare(self) -> Managed:
        """A process that has loaded everything and waits for its settings."""
        self._processes += 1
        name = f"process-{self._processes}"
        settings = self.stage.directory / f"{name}.json"
        program = node(WORKER) if self._typescript else [sys.executable, "-m", "durascope.live.temporal.worker"]
        process = self.stage.process(name, [*program, str(settings)])
        process.lead_s = self._join_s
        process.start()
        return process

    def _renew(self, place: Place, due: float) -> None:
        """Another process takes the place; it polls from `due` on, on the monotonic clock."""
        place.process = self._spares.pop(0) if self._spares else self._spare()
        self._assign(place, due)

    def _assign(self, place: Place, due: float = 0.0) -> None:
        """Tells the place's process what it is."""
        path = self.stage.directory / f"{place.process.name}.json"
        place.ready = path.with_suffix(".ready")
        self._incarnations += place.runs_workflows
        settings = WorkerSettings(
            target=self.targets.get(place.pool.name, self.target),
            ledger=self.ledger,
            process=place.name,
            incarnation=f"worker-{self._incarnations}",
            runs=place.pool.runs,
            queue=place.pool.queue or DEFAULT_QUEUE,
            cache=place.pool.cache,
            slots=place.pool.slots,
            seed=self.seed,
            scenario=packed(self.code),
            origin=self._origin,
            ready=str(place.ready),
            control=self.control if place is self.places[0] else 0,
            not_before=time.time() + due - time.monotonic() if due else 0.0,
            sticky_ms=self.code.deployments.temporal.sticky_timeout / MILLISECOND,
            activity_queue=activity_queue(self.code),
            eager=self.code.deployments.temporal.eager_activities,
        )
        self.code_of[settings.incarnation] = self.code
        settings.write(path)
        place.process.name = place.name

    def _wait_for(self, place: Place) -> None:
        def polls() -> bool:
            if not place.process.running:
                raise LiveProblem(f"temporal's worker {place.name} has ended at its start: {place.process.tail(3)}")
            return place.ready.exists()

        wait_until(polls, f"temporal's worker {place.name}", seconds=60)
