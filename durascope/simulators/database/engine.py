"""Workflows as rows of a database, written by hand: a state machine that pollers drive, and a mere checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from durascope.models.deployments import Resumes
from durascope.models.scenario import Scenario, Workflow
from durascope.models.trace import Kind, Unended
from durascope.simulators.database.database import Database
from durascope.simulators.database.process import Process
from durascope.simulators.database.rows import Tables
from durascope.simulators.database.session import PATIENCE, RETRY_US
from durascope.simulators.engine import Engine, Findings, OutsideEvent, StartRequest
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.defaults import latencies
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.world import World


class OnADatabase(Engine):
    """The database and the app's processes."""

    parks: ClassVar[bool]
    """Whether waits are in the row and released; else in the memory of the process that began the run."""

    def __init__(self, world: World, scenario: Scenario, *, records: bool = True) -> None:
        super().__init__(world, scenario, records=records)
        options = scenario.deployments.of(self.name)
        self.delays = latencies(__package__ or "", options.latencies)
        self.at_once: int = options.at_once if self.parks else 0
        self.poll_interval: int = options.poll_interval if self.parks else 0
        resumes: Resumes = options.resumes if self.parks else "nobody"
        self.polls = 0
        self.tables = Tables()
        self.processes: list[Process] = []
        self.database = Database(
            world, self.tables, scenario, lease=options.lease if self.parks else 0,
            resumes=resumes, polled=self.parks, ring=self._ring, records=records,
        )  # fmt: skip
        count: int = options.processes
        self.processes += [Process(f"app-{n}" if count > 1 else "app", self) for n in range(1, count + 1)]
        for process in self.processes:
            process.execute(process.started)

    def _ring(self) -> None:
        for process in self.processes:
            process.expect()

    # ---- from outside ----------------------------------------------------------------------------------------

    def start(self, requests: Sequence[StartRequest]) -> None:
        for request in requests:
            run = request.run

            def accept(process: Process, connection: Connection, run=run) -> None:  # pyright: ignore[reportMissingParameterType]
                process.accept(run, connection)

            if request.after:
                self.client.after(request.after, self._request, accept, run.number, "start")
            else:
                self._request(accept, run.number, "start")

    def send(self, event: OutsideEvent) -> None:
        """Updates and queries are answered by a SELECT; everything else is written for the rows it concerns."""
        if event.kind in ("update", "query"):
            self.world.emit(self.database.name, Kind.EVENT_RECEIVED, event.run, detail=event.name)
            return

        def hear(process: Process, connection: Connection) -> None:
            process.hear(event, connection)

        self._request(hear, 1 if event.run is None else event.run.number, event.kind)

    def _request(self, handler: Callable[[Process, Connection], None], number: int, what: str, tries: int = 0) -> None:
        """To one of the processes, by turns; one that is down, or dies before it has answered, is passed over."""
        process = self.processes[(number - 1 + tries) % len(self.processes)]

        def again() -> None:
            wait = 0 if (tries + 1) % len(self.processes) else RETRY_US
            daemon = tries > PATIENCE * len(self.processes)
            self.client.after(wait, self._request, handler, number, what, tries + 1, daemon=daemon)

        connection = self.network.connect(
            self.client, process, self.delays["request"].values[0], lambda opened: handler(process, opened),
            on_refused=again, what=what,
        )  # fmt: skip
        connection.on_lost[self.client] = again

    # ---- for faults ------------------------------------------------------------------------------------------

    def replicas(self, name: str) -> Sequence[Sequence[Component]]:
        return [[self.database]] if name == "engine" else [[process] for process in self.processes]

    def deploy(self, name: str, workflow: Workflow, down_for: int | None, *, in_place: bool) -> None:
        for process in self.processes:
            process.crash()
            self.world.after(down_for or 0, process.restart)

    def _left_lying(self) -> Iterator[Unended]:
        """Runs whose process has died, where nobody else takes them."""
        if self.database.resumes == "nobody":
            lives = {process.name: process.incarnation for process in self.processes if process.alive}
            for name, row in self.tables.rows.items():
                if row.open and row.claim is not None and lives.get(row.claim.process) != row.claim.incarnation:
                    what = f"a person: {row.claim.process}, which ran it, has died"
                    freed = "somebody who reads the row and goes on from there"
                    yield Unended(name, row.status.value, what, row.written_at, None, freed)

    def _polls(self) -> int:
        """Those that found something, and those of the rhythm that did not."""
        rhythm = self.world.now // self.poll_interval * len(self.processes) if self.poll_interval else 0
        return max(rhythm, self.polls)

    def findings(self) -> Findings:
        tables = self.tables
        return Findings(
            records=tables.record,
            status={name: row.status.value for name, row in tables.rows.items()},
            unended=list(self._left_lying()),
            counters={
                "transactions": tables.transactions,
                "polls": self._polls(),
                "stored_bytes": tables.bytes,
            },
        )


class StateMachine(OnADatabase):
    """A row per run; pollers find what is due, and take over what somebody has left lying."""

    name = "state-machine"
    parks = True


class Checkpoint(OnADatabase):
    """The run lives in the process that got the request; its state is saved after each step, and nobody resumes."""

    name = "checkpoint"
    parks = False
