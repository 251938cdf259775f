"""Restate for real: a server, service endpoints on one of its SDKs, and its tables read through the admin API."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from durascope.importing.restate import rows
from durascope.live import listener
from durascope.live.engine import LiveEngine, Recording
from durascope.live.ledger import Ledger
from durascope.live.line import Line
from durascope.live.node import installed, node
from durascope.live.node import sdk_version as typescript_version
from durascope.live.processes import LiveProblem, Managed, Stage, free_ports, listens, wait_until
from durascope.live.restate.context import as_request
from durascope.live.restate.handlers import HELPER, READY, SEND_SIGNAL, starters
from durascope.live.restate.outside import Attempts, Awakeables, Started, waits_of
from durascope.live.restate.remote import RemoteServices
from durascope.live.restate.server import Refused, Server, find
from durascope.live.restate.service import Setting
from durascope.live.restate.typescript import PACKAGE, SERVICE, write_settings
from durascope.models.faults import Crash, Deploy
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import WaitFor
from durascope.models.targets import Targets
from durascope.models.units import FOREVER, MILLISECOND, Spread
from durascope.simulators.engine import OutsideEvent, StartRequest, label_of
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.workload import run_info

POLL: Final = 0.1
"""Seconds between two looks at whether all has ended."""
OVER: Final = ("completed", "paused")
WARM_UP: Final = 3
"""Calls that a new server and its app answer before the scenario begins, which the first ones take long for."""
UNSEEN_MOMENTS: Final = ("scheduled", "recorded")
"""Moments that steps report only where something waits for them."""


LATE: Final = {
    "sdk": Spread("uniform", (1 * MILLISECOND, 10 * MILLISECOND)),
    "commit": Spread("uniform", (1_600, 6 * MILLISECOND)),
    "invoke": Spread("uniform", (2_600, 15 * MILLISECOND)),
    "resume": Spread("uniform", (800, 12 * MILLISECOND)),
    "recover": Spread("uniform", (150 * MILLISECOND, 600 * MILLISECOND)),
}
"""Delays of the server and its SDK that are often longer than in a quiet recording (specification, §16)."""
LATE_ON_NODE: Final = LATE | {"sdk": Spread("uniform", (1 * MILLISECOND, 60 * MILLISECOND))}
"""The same where the code is asked for by a service of another language: each of its turns is a question, too."""


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
    """Where the scenario cuts it: what the server is told to reach the processes by."""


class RestateLive(LiveEngine):
    """Restate with its Python or its TypeScript SDK."""

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger, *, seed: int) -> None:
        super().__init__(scenario, stage, ledger, seed=seed)
        self.options = scenario.deployments.restate
        self.targets = Targets(scenario)
        self.world = World(seed, full=False)
        """Only for its luck."""
        self.started: dict[str, Started] = {}
        """What was accepted from outside, by name (`run 1`, `event 1`, `query 1`)."""
        self._asked: set[str] = set()
        self.answers: dict[str, str] = {}
        """The starts that were attached to another or refused."""
        self.awakeables = Awakeables()
        self.attempts = Attempts()
        self.endpoints: list[Endpoint] = []
        self._next: list[Endpoint] = []
        """Those of deploys to come: their processes are ready."""
        self._count = scenario.workload.runs
        self._names: dict[str, str] = {}
        """Restarted invocations by id: their input names the run that they were restarted from."""
        self._addressees: dict[tuple[str, str], object] = {}
        self._restarting = threading.Lock()
        self._looked_at = 0.0
        self._standby: dict[Managed, tuple[Managed, Path]] = {}
        self._crashes = sum(
            (isinstance(fault, Crash) and fault.crash == "app" and fault.down_for < FOREVER)
            or (isinstance(fault, Deploy) and fault.down_for is not None and fault.down_for < FOREVER)
            for fault in scenario.faults
        )
        self._booting: list[Path] = []
        """The files `go` of the processes that get ready to wait for them."""
        self._typescript = self.options.service.sdk == "typescript"
        services = RemoteServices(scenario, seed, self._watched(), self._code_of, ledger.take)
        ledger.answers |= {
            "code": services.answer,
            "closure": services.execution,
            "body": services.body,
            "attempt-started": self._attempt_started,
            "attempt-ended": self._attempt_ended,
            "execution": self._execution,
            "name": self._name,
            "marked": self._marked,
            "moment": self._moment,
            "awakeable": self._awakeable,
            "addressee": self._addressee,
        }

    @classmethod
    def adapted(cls, scenario: Scenario) -> tuple[Scenario, Sequence[str]]:
        """With the Python SDK, or TypeScript's where that is asked for."""
        deployment = scenario.deployments.restate
        asked = deployment.service.sdk
        if asked == "python" or (asked == "typescript" and installed()):
            return scenario, ()
        service = deployment.service.model_copy(update={"sdk": "python"})
        deployments = scenario.deployments.model_copy(
            update={"restate": deployment.model_copy(update={"service": service})}
        )
        return scenario.model_copy(update={"deployments": deployments}), (f"sdk python, not {asked}",)

    @classmethod
    def loosened(cls, scenario: Scenario) -> Scenario:
        deployment = scenario.deployments.restate
        late = LATE_ON_NODE if deployment.service.sdk == "typescript" else LATE
        deployment = deployment.model_copy(update={"latencies": late})
        deployments = scenario.deployments.model_copy(update={"restate": deployment})
        return scenario.model_copy(update={"deployments": deployments})

    # ---- processes -------------------------------------------------------------------------------------------

    def open(self) -> None:
        options = self.options.server
        self.server = Server(
            self.stage, find(self.program), protocol=options.protocol, partitions=options.partitions,
            concurrent=options.concurrent_invocations,
        )  # fmt: skip
        endpoint = self._endpoint(self.scenario.workflows)
        self.endpoints.append(endpoint)
        self.server.start()
        self._serve(endpoint)
        for fault in self.scenario.faults:
            if isinstance(fault, Deploy) and not fault.in_place:
                self._next.append(self._endpoint(self.scenario.workflows, waiting=True))
        wait_until(lambda: all(Path(f"{go}.ready").exists() for go in self._booting), "the service's processes")
        for _ in range(WARM_UP):
            self.server.call(f"/{HELPER}/{READY}", {})

    def _endpoint(self, code: Mapping[str, Workflow], *, waiting: bool = False) -> Endpoint:
        """Starts the processes of an address; they are ready, and wait for its file `go` if they are to."""
        number = len(self.endpoints) + len(self._next) + 1
        endpoint = Endpoint(
            free_ports(1)[0], self.stage.directory / f"code-{number}", self.stage.directory / f"go-{number}"
        )
        self._replace(endpoint, code)
        more = [str(endpoint.go)] if waiting else []
        version = f"-v{number}" if number > 1 else ""
        for replica in range(1, self.options.service.replicas + 1):
            name = f"service{version}" + (f"-{replica}" if self.options.service.replicas > 1 else "")
            setting = self._setting(name)
            if self._typescript:
                write_settings(setting, self.scenario, ledger=self.ledger.port, process=name)
            else:
                Setting(
                    self.scenario, endpoint.code, self.seed, endpoint.port, self.ledger.port, name, self._watched()
                ).write(setting)
            process = self.stage.process(name, self._program(setting, endpoint.port, *more))
            process.start()
            endpoint.processes.append(process)
            if waiting:
                self._booting.append(endpoint.go)
            if self._crashes:
                self._stand_by(process, endpoint.port)
        return endpoint

    def _setting(self, name: str) -> Path:
        """The file in which that process finds what it is."""
        return self.stage.directory / f"{name}.setting"

    def _program(self, setting: Path, port: int, *more: str) -> list[str]:
        if self._typescript:
            shared = [sys.executable, "-I", "-S", listener.__file__, str(port)]
            return [*shared, *node(SERVICE), str(setting), *more]
        return [sys.executable, "-m", "durascope.live.restate.service", str(setting), *more]

    def _stand_by(self, process: Managed, port: int) -> None:
        """Gets a process ready that takes the place of this one when it is killed."""
        go = self.stage.directory / f"{process.name}.go-{process.starts}"
        program = self._program(self._setting(process.name), port, str(go))
        standby = self.stage.process(f"{process.name}-standby-{process.starts}", program)
        standby.start()
        self._booting.append(go)
        self._standby[process] = (standby, go)

    def _code_of(self, process: str) -> Mapping[str, Workflow]:
        """The code that a process of that name has now."""
        endpoint = next(
            each for each in (*self.endpoints, *self._next) if process in [one.name for one in each.processes]
        )
        return pickle.loads(endpoint.code.read_bytes())

    def _replace(self, endpoint: Endpoint, code: Mapping[str, Workflow]) -> None:
        new = endpoint.code.with_suffix(".new")
        new.write_bytes(pickle.dumps(dict(code)))
        new.replace(endpoint.code)

    def _watched(self) -> frozenset[tuple[str, str]]:
        triggers = [fault.when for fault in self.scenario.faults if hasattr(fault, "when")]  # pyright: ignore[reportAttributeAccessIssue]
        triggers += [event.when for event in self.scenario.workload.events]
        return frozenset(
            (str(each.step), str(each.moment))
            for each in triggers
            if each is not None and each.moment in UNSEEN_MOMENTS
        )

    def _serve(self, endpoint: Endpoint) -> None:
        """Waits until the address serves, and registers it."""
        self._wait_for(endpoint)
        try:
            if self.cuts:
                endpoint.line = Line(endpoint.port)
            endpoint.id = self.server.register(endpoint.line.port if endpoint.line is not None else endpoint.port)
        except Refused as refused:
            raise LiveProblem(f"the service was not accepted: {refused}") from None

    def _wait_for(self, endpoint: Endpoint) -> None:
        def ready() -> bool:
            return listens(endpoint.port) or not all(each.running for each in endpoint.processes)

        wait_until(ready, "the service endpoint")
        for each in endpoint.processes:
            if not each.running:
                raise LiveProblem(f"the service endpoint has ended: {each.tail(3)}")

    def replicas(self, name: str) -> Sequence[Managed]:
        if name == "engine":
            return [self.server.process]
        return [process for endpoint in self.endpoints for process in endpoint.processes]

    def lines(self, name: str) -> Sequence[Line]:
        return [endpoint.line for endpoint in self.endpoints if endpoint.line is not None]

    def close(self) -> None:
        for endpoint in self.endpoints:
            if endpoint.line is not None:
                endpoint.line.close()

    def restart(self, process: Managed) -> None:
        if process is self.server.process:
            self.server.start()
            return
        self.attempts.lost(process.name)
        endpoint = next(each for each in self.endpoints if process in each.processes)
        ready = self._standby.pop(process, None)
        if ready is None:
            process.start()
        else:
            standby, go = ready
            go.touch()
            process.process, process.starts = standby.process, process.starts + 1
        wait_until(lambda: listens(endpoint.port) or not process.running, process.name, every=0.005)
        if self._crashes > process.starts - 1:
            self._stand_by(process, endpoint.port)

    def deploy(self, name: str, workflow: Workflow, down_for: float | None, *, in_place: bool) -> None:
        old = self.endpoints[-1]
        code: dict[str, Workflow] = pickle.loads(old.code.read_bytes()) | {name: workflow}
        if in_place:
            self._replace(old, code)
        else:
            new = self._next.pop(0)
            self._replace(new, code)
            new.go.touch()
            self.endpoints.append(new)
            self._serve(new)
        if down_for is not None:
            for process in old.processes:
                process.kill()
            time.sleep(down_for)
            for process in old.processes:
                self.restart(process)

    # ---- the apps' questions ---------------------------------------------------------------------------------

    def _attempt_started(self, message: Mapping[str, Any]) -> None:
        self.attempts.started(message)

    def _attempt_ended(self, message: Mapping[str, Any]) -> None:
        self.attempts.ended(message)

    def _execution(self, message: Mapping[str, Any]) -> object:
        return self.ledger.take({"count": f"{message['run']}/{message['key']}"})

    def _name(self, message: Mapping[str, Any]) -> str | None:
        with self._restarting:
            return self._names.get(message["invocation"])

    def _marked(self, message: Mapping[str, Any]) -> None:
        self.marked(message["event"], message["number"])

    def _moment(self, message: Mapping[str, Any]) -> None:
        self.moment(message["number"], message["step"], None, message["moment"])

    def _awakeable(self, message: Mapping[str, Any]) -> None:
        self.awakeables.learn(message["run"], message["event"], message["id"])

    def _addressee(self, message: Mapping[str, Any]) -> object:
        """Who a `send` step reaches; the same in every attempt."""
        asked = (message["run"], message["key"])
        if asked not in self._addressees:
            self._addressees[asked] = self._find_addressee(message["to"], message["event"])
        return self._addressees[asked]

    def _find_addressee(self, to: object, event: str) -> object:
        found = self.started.get(f"run {to}") if isinstance(to, int) else self._of_key(str(to))
        if found is None or event not in waits_of(self.scenario.workflows[found.run.workflow]):
            return None
        if self.targets.of(found.run.workflow).service_kind == "workflow":
            return {"promise": found.run.workflow, "key": found.run.key}
        if self.options.service.wait_for == "signal":
            return {"signal": found.invocation}
        return {"awakeable": self.awakeables.next(found.run.name, event)}

    # ---- starts ----------------------------------------------------------------------------------------------

    def start(self, requests: Sequence[StartRequest]) -> None:
        for request in requests:
            self._start(request.run, request.after, request.idempotency_key)
            with_ = request.start_with
            if with_ is not None:
                kind, name = ("send", with_.send) if with_.send is not None else ("update", with_.update)
                self.send(OutsideEvent(0, kind, str(name), request.run, None, with_.with_))

    def _start(self, run: RunInfo, after: int = 0, idempotency_key: str | None = None) -> None:
        self._asked.add(run.name)
        target = self.targets.of(run.workflow)
        if run.key is None and target.service_kind == "workflow":
            run = replace(run, key=run.name)
        try:
            path = target.path(run.key)
            answer = self.server.send(path, as_request(run), after=after, idempotency_key=idempotency_key)
        except Refused:
            self.answers[run.name] = "refused"  # an idempotency key for a workflow, say: 400
            return
        if answer.get("status") == "PreviouslyAccepted":
            self.answers[run.name] = "refused" if target.service_kind == "workflow" else "attached"
        else:
            self.started[run.name] = Started(run, answer["invocationId"])

    # ---- events ----------------------------------------------------------------------------------------------

    def send(self, event: OutsideEvent) -> None:
        match event.kind:
            case "send":
                self._event(event)
            case "operator":
                for found in self._addressed(event):
                    self._operator(event, found)
            case _:
                for found in self._addressed(event):
                    self._beside(event, found, "query" if event.kind == "query" else "update")

    def _event(self, event: OutsideEvent) -> None:
        """Starts whom it starts, and reaches whom it is for."""
        for workflow in starters(self.scenario, event.name):
            self._count += 1
            number, key = self._count, event.key if event.run is None else event.run.key
            name = f"run {number}"
            run = run_info(self.world, self.scenario, workflow, name, number, key=key, given=event.payload)
            self._start(replace(run, key=key) if run.key is None and key is not None else run)
        for found in self._addressed(event):
            self._deliver(event, found)

    def _deliver(self, event: OutsideEvent, found: Started) -> None:
        workflow = self.scenario.workflows[found.run.workflow]
        waits = waits_of(workflow)
        signal = workflow.signals.get(event.name)
        if signal is not None and signal.then in ("cancel", "cancel-now"):
            self._command(found, "cancel")
        elif event.name not in waits:
            return
        elif self.targets.of(found.run.workflow).service_kind == "workflow":
            self._beside(event, found, "complete-promise")
        elif self.options.service.wait_for == "signal":
            answer = self.server.send(
                f"/{HELPER}/{SEND_SIGNAL}",
                {"invocation": found.invocation, "signal": event.name, "payload": dict(event.payload)},
            )
            self._started_beside(event, found, answer)
        else:
            payload = dict(event.payload)
            self.awakeables.resolve(
                found.run.name, event.name, waits[event.name], lambda each: self._resolve(each, payload)
            )

    def _resolve(self, awakeable: str, payload: object) -> None:
        try:
            self.server.resolve(awakeable, payload)
        except Refused:
            return  # the run it belonged to is over

    def _beside(self, event: OutsideEvent, found: Started, kind: Any) -> None:
        """Invokes a handler beside the run's own: `event N`, `query N`, `update N`."""
        try:
            target = self.targets.of(found.run.workflow, kind, event.name)
        except KeyError:
            return  # a plain service has no state to read, and no promises
        name = label_of(event, found.run.name)
        given = {**found.run.input, **event.payload} if kind == "update" else dict(event.payload)
        run = RunInfo(name, found.run.workflow, 0, found.run.key, given, f"{found.run.luck}/{name}")
        self._started_beside(event, found, self.server.send(target.path(found.run.key), as_request(run)))

    def _started_beside(self, event: OutsideEvent, found: Started, answer: Mapping[str, Any]) -> None:
        self.started[label_of(event, found.run.name)] = Started(found.run, answer["invocationId"], event.kind)

    def _addressed(self, event: OutsideEvent) -> Iterator[Started]:
        if event.run is not None:
            name = event.run.name
            found = self._accepted(name)
            if found is not None:
                yield found
        elif event.key is not None:
            found = self._of_key(event.key)
            if found is not None:
                yield found
        else:
            yield from [each for each in self._runs() if self._concerns(each, event)]

    def _accepted(self, name: str) -> Started | None:
        """The run of that name, once the server has answered that it is accepted."""
        deadline = time.monotonic() + 5
        while name not in self.started and name in self._asked and time.monotonic() < deadline:
            time.sleep(0.002)
        return self.started.get(name)

    def _runs(self) -> Iterator[Started]:
        """The runs from outside that have not ended."""
        ended = {row["id"] for row in self.server.query("SELECT id FROM sys_invocation WHERE status = 'completed'")}
        for each in tuple(self.started.values()):
            if each.kind == "run" and each.invocation not in ended:
                yield each

    def _of_key(self, key: str) -> Started | None:
        """The latest run of that key which has not ended."""
        return next((each for each in reversed(list(self._runs())) if each.run.key == key), None)

    def _concerns(self, started: Started, event: OutsideEvent) -> bool:
        workflow = self.scenario.workflows[started.run.workflow]
        fields = [step.match for step in workflow.walk() if isinstance(step, WaitFor) and step.wait_for == event.name]
        signal = workflow.signals.get(event.name)
        if signal is not None:
            fields.append(signal.match)
        return any(each is None or started.run.input.get(each) == event.payload.get(each) for each in fields)

    # ---- operators -------------------------------------------------------------------------------------------

    def _operator(self, event: OutsideEvent, found: Started) -> None:
        if event.name == "resume":
            number = event.deployment
            known = number is not None and 1 <= number <= len(self.endpoints)
            deployment = self.endpoints[number - 1].id if known and number is not None else None
            self._command(found, "resume", deployment=deployment)
        elif event.name == "restart":
            self._restart(found, event.from_entry)
        elif event.name == "reset":
            command = self._command_of(found, event.step or "")
            if command is not None:
                self._restart(found, command - 1)
        else:
            self._command(found, event.name)

    def _command_of(self, found: Started, step: str) -> int | None:
        """The place of a step's command in a run's journal."""
        sql = f"SELECT name, index FROM sys_journal WHERE id = '{found.invocation}' ORDER BY index"
        return next((int(row["index"]) for row in self.server.query(sql) if row.get("name") == step), None)

    def _restart(self, found: Started, last: int | None) -> None:
        self._count += 1
        name = f"run {self._count}"
        with self._restarting:
            answer = self._command(found, "restart-as-new", **{"from": last})
            invocation = str(answer.get("new_invocation_id", ""))
            if invocation:
                self._names[invocation] = name
                run = replace(found.run, name=name, luck=name)
                self.started[name] = Started(run, invocation)

    def _command(self, found: Started, command: str, **query: object) -> Mapping[str, Any]:
        try:
            return self.server.command(found.invocation, command, **query)
        except Refused:
            return {}  # it has ended, or is not in a state that the command fits

    # ---- the end ---------------------------------------------------------------------------------------------

    def over(self) -> bool:
        if time.monotonic() - self._looked_at < POLL:
            return False
        try:
            found = self.server.query("SELECT status FROM sys_invocation")
        except (OSError, Refused):
            return False
        finally:
            self._looked_at = time.monotonic()
        return all(row["status"] in OVER for row in found)

    def recording(self) -> Recording:
        invocations = {row["id"]: row for row in self.server.query("SELECT * FROM sys_invocation")}
        journals = _by_id(self.server.query("SELECT * FROM sys_journal ORDER BY id, index"))
        events = _by_id(self.server.query("SELECT * FROM sys_journal_events ORDER BY id, appended_at"))
        named = dict(self._all(journals))
        for process in self.replicas("app"):
            if not process.running:
                self.attempts.lost(process.name)
        attempts = {name: self.attempts.facts(each, self.server.process.ended) for name, each in named.items()}
        status = {name: rows.status(invocations.get(each)) for name, each in named.items()}
        effects, begun = self.ledger.effects(), self.ledger.begun()
        return Recording(
            server=f"restate-server {self.server.version}".strip(),
            sdk=f"restate-sdk typescript {typescript_version(PACKAGE)}"
            if self._typescript
            else f"restate-sdk python {version('restate-sdk')}",
            records={
                name: rows.lines(journals.get(each, []), self.targets.label) if status[name] != "removed" else []
                for name, each in named.items()
            },
            status=status | self.answers,
            effects=effects,
            facts={
                "executions": begun,
                "starts": {step: count for step, count in begun.items() if count != effects[step]},
                "attempts": attempts,
                "events": {name: list(map(rows.event, events[each])) for name, each in named.items() if each in events},
            },
            lasts=dict(_lasts(named, invocations)),
        )

    def _all(self, journals: Mapping[str, Sequence[rows.Row]]) -> Iterator[tuple[str, str]]:
        """Every invocation by name, each followed by what it has called."""
        for name, started in self.started.items():
            yield name, started.invocation
            yield from self._called(name, started.invocation, journals)

    def _called(
        self, name: str, invocation: str, journals: Mapping[str, Sequence[rows.Row]]
    ) -> Iterator[tuple[str, str]]:
        for number, child in enumerate(rows.called(journals.get(invocation, [])), 1):
            yield f"{name}.{number}", child
            yield from self._called(f"{name}.{number}", child, journals)


def _lasts(named: Mapping[str, str], invocations: Mapping[str, rows.Row]) -> Iterator[tuple[str, int]]:
    """The duration of each invocation that is completed, in microseconds."""
    for name, each in named.items():
        row = invocations.get(each, {})
        if row.get("completed_at"):
            lasted = datetime.fromisoformat(row["completed_at"]) - datetime.fromisoformat(row["created_at"])
            yield name, lasted // timedelta(microseconds=1)


def _by_id(found: Sequence[rows.Row]) -> dict[str, list[rows.Row]]:
    result: dict[str, list[rows.Row]] = {}
    for row in found:
        result.setdefault(str(row["id"]), []).append(row)
    return result
