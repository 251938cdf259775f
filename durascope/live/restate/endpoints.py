"""The addresses where a scenario's services are served: their processes, the code behind them, what replaces both."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from durascope.live import listener
from durascope.live.line import Line
from durascope.live.node import node
from durascope.live.processes import LiveProblem, Managed, Stage, free_ports, listens, wait_until
from durascope.live.restate.service import Setting
from durascope.live.restate.typescript import SERVICE, write_settings
from durascope.models.faults import Crash, Deploy
from durascope.models.scenario import Scenario, Workflow
from durascope.models.units import FOREVER

UNSEEN_MOMENTS: Final = ("scheduled", "recorded")
"""Moments that steps report only where something waits for them."""


@dataclass(eq=False)
class Endpoint:
    """One registered address: its replicas' processes, and the code behind it."""

    port: int
    code: Path
    go: Path
    """The file whose presence lets processes serve that were made to wait."""
    processes: list[Managed] = field(default_factory=list[Managed])
    id: str = ""
    line: Line | None = None
    """The line to it, if the scenario cuts it: the server reaches the processes through it."""

    @property
    def workflows(self) -> dict[str, Workflow]:
        """The code that is behind it now."""
        return pickle.loads(self.code.read_bytes())

    def wait(self) -> None:
        """Returns when it serves. Raises `LiveProblem` if a process has ended."""

        def ready() -> bool:
            return listens(self.port) or not all(each.running for each in self.processes)

        wait_until(ready, "the service endpoint")
        for each in self.processes:
            if not each.running:
                raise LiveProblem(f"the service endpoint has ended: {each.tail(3)}")


class Endpoints:
    """All endpoints of a scenario, in the order of its deploys."""

    def __init__(self, scenario: Scenario, stage: Stage, *, seed: int, ledger: int) -> None:
        self.scenario = scenario
        self.stage = stage
        self.watched = _watched(scenario)
        """Steps and those of their moments that are reported, although nobody else would hear of them."""
        self.serving: list[Endpoint] = []
        self.to_come: list[Endpoint] = []
        """Those of deploys to come: their processes are ready."""
        self._seed = seed
        self._ledger = ledger
        self._typescript = scenario.deployments.restate.service.sdk == "typescript"
        self._standby: dict[Managed, tuple[Managed, Path]] = {}
        self._restarts = sum(map(_restarts, scenario.faults))
        self._booting: list[Path] = []
        """The files `go` of the processes that get ready to wait for them."""

    @property
    def processes(self) -> list[Managed]:
        return [process for endpoint in self.serving for process in endpoint.processes]

    def add(self, *, waiting: bool = False) -> Endpoint:
        """Starts the processes of an address; they are ready, and wait for its file `go` if they are to."""
        number = len(self.serving) + len(self.to_come) + 1
        endpoint = Endpoint(
            free_ports(1)[0], self.stage.directory / f"code-{number}", self.stage.directory / f"go-{number}"
        )
        self.replace(endpoint, self.scenario.workflows)
        replicas = self.scenario.deployments.restate.service.replicas
        version = f"-v{number}" if number > 1 else ""
        for replica in range(1, replicas + 1):
            self._start(endpoint, f"service{version}" + (f"-{replica}" if replicas > 1 else ""), waiting=waiting)
        (self.to_come if waiting else self.serving).append(endpoint)
        return endpoint

    def _start(self, endpoint: Endpoint, name: str, *, waiting: bool) -> None:
        setting = self._setting(name)
        if self._typescript:
            holds = any(moment == "recorded" for _, moment in self.watched)
            write_settings(setting, self.scenario, ledger=self._ledger, process=name, holds=holds)
        else:
            Setting(
                self.scenario, endpoint.code, self._seed, endpoint.port, self._ledger, name, self.watched
            ).write(setting)  # fmt: skip
        more = [str(endpoint.go)] if waiting else []
        process = self.stage.process(name, self.program(setting, endpoint.port, *more))
        process.start()
        endpoint.processes.append(process)
        if waiting:
            self._booting.append(endpoint.go)
        if self._restarts:
            self._stand_by(process, endpoint.port)

    def _setting(self, name: str) -> Path:
        """The file in which that process finds what it is."""
        return self.stage.directory / f"{name}.setting"

    def program(self, setting: Path, port: int, *more: str) -> list[str]:
        """The command of a process."""
        if self._typescript:
            shared = [sys.executable, "-I", "-S", listener.__file__, str(port)]
            return [*shared, *node(SERVICE), str(setting), *more]
        return [sys.executable, "-m", "durascope.live.restate.service", str(setting), *more]

    def _stand_by(self, process: Managed, port: int) -> None:
        """Gets a process ready that takes the place of this one when it is killed."""
        go = self.stage.directory / f"{process.name}.go-{process.starts}"
        program = self.program(self._setting(process.name), port, str(go))
        standby = self.stage.process(f"{process.name}-standby-{process.starts}", program)
        standby.start()
        self._booting.append(go)
        self._standby[process] = (standby, go)

    def wait_until_ready(self) -> None:
        """Returns when all that waits for its turn is ready."""
        wait_until(lambda: all(Path(f"{go}.ready").exists() for go in self._booting), "the service's processes")

    def restart(self, process: Managed) -> None:
        """Lets a process that was killed serve again: the one that stands by for it, if there is one."""
        endpoint = next(each for each in self.serving if process in each.processes)
        ready = self._standby.pop(process, None)
        if ready is None:
            process.start()
        else:
            standby, go = ready
            go.touch()
            process.replace_by(standby)
        wait_until(lambda: listens(endpoint.port) or not process.running, process.name, every_s=0.005)
        if self._restarts > process.starts - 1:
            self._stand_by(process, endpoint.port)

    # ---- code ------------------------------------------------------------------------------------------------

    def code_of(self, process: str) -> Mapping[str, Workflow]:
        """The code that a process of that name has now."""
        known = (*self.serving, *self.to_come)
        return next(each for each in known if process in [one.name for one in each.processes]).workflows

    def replace(self, endpoint: Endpoint, code: Mapping[str, Workflow]) -> None:
        """Puts other code behind an address, under its running processes."""
        new = endpoint.code.with_suffix(".new")
        new.write_bytes(pickle.dumps(dict(code)))
        new.replace(endpoint.code)

    def deploy(self, code: Mapping[str, Workflow]) -> Endpoint:
        """Lets the next address serve, with that code."""
        endpoint = self.to_come.pop(0)
        self.replace(endpoint, code)
        endpoint.go.touch()
        self.serving.append(endpoint)
        return endpoint


def _restarts(fault: object) -> bool:
    """Whether processes are to come back after it."""
    match fault:
        case Crash():
            return fault.crash == "app" and fault.down_for < FOREVER
        case Deploy():
            return fault.down_for is not None and fault.down_for < FOREVER
        case _:
            return False


def _watched(scenario: Scenario) -> frozenset[tuple[str, str]]:
    triggers = [fault.when for fault in scenario.faults if hasattr(fault, "when")]  # pyright: ignore[reportAttributeAccessIssue]
    triggers += [event.when for event in scenario.workload.events]
    return frozenset(
        (str(each.step), str(each.moment)) for each in triggers if each is not None and each.moment in UNSEEN_MOMENTS
    )
