"""Restate for real: a server, what is started and sent from outside, and its tables read through the admin API."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Final

from durascope.importing.restate import rows
from durascope.live.engine import LiveEngine, Recording
from durascope.live.ledger import Ledger, Report, number_of
from durascope.live.line import Line
from durascope.live.node import installed
from durascope.live.node import sdk_version as typescript_version
from durascope.live.processes import LiveProblem, Managed, Stage
from durascope.live.restate.endpoints import Endpoint, Endpoints
from durascope.live.restate.handlers import CONTROL, READY, SEND_SIGNAL, starters
from durascope.live.restate.outside import Attempts, Awakeables, Started, waits_of
from durascope.live.restate.record import all_of, by_id, lasts
from durascope.live.restate.remote import RemoteServices
from durascope.live.restate.server import Refused, Server, find
from durascope.live.restate.typescript import PACKAGE
from durascope.models.faults import Deploy
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import WaitFor
from durascope.models.targets import Targets
from durascope.models.units import MILLISECOND, Spread
from durascope.simulators.engine import OutsideEvent, StartRequest, label_of
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.workload import run_info

POLL_S: Final = 0.1
"""Time between two checks whether all runs have ended, in seconds."""
OVER: Final = ("completed", "paused")
RESULT_WITHIN_S: Final = 3.0
"""Seconds after its body's end within which a step's result is stored, or its attempt has been lost."""
WARM_UP: Final = 3
"""Calls that a new server and its app answer before the scenario begins, which the first ones take long for."""

LATE: Final = {
    "network": Spread("uniform", (200, 3 * MILLISECOND)),
    "sdk": Spread("uniform", (1 * MILLISECOND, 10 * MILLISECOND)),
    "first_turn": Spread("uniform", (1 * MILLISECOND, 10 * MILLISECOND)),
    "command": Spread("uniform", (25, 800)),
    "commit": Spread("uniform", (1_600, 6 * MILLISECOND)),
    "invoke": Spread("uniform", (2_600, 15 * MILLISECOND)),
    "resume": Spread("uniform", (800, 12 * MILLISECOND)),
    "recover": Spread("uniform", (150 * MILLISECOND, 600 * MILLISECOND)),
    "first_closure": Spread("uniform", (0, 8 * MILLISECOND)),
    "closure": Spread("uniform", (100, 12 * MILLISECOND)),
    "ingress": Spread("uniform", (500, 25 * MILLISECOND)),
    "stream_timer": Spread("uniform", (0, 6 * MILLISECOND)),
    "register": Spread("uniform", (15 * MILLISECOND, 160 * MILLISECOND)),
}
"""Delays of the server and its SDK that are often longer than in a quiet recording (specification, §16)."""
LATE_ON_NODE: Final = LATE | {
    "sdk": Spread("uniform", (1 * MILLISECOND, 60 * MILLISECOND)),
    "command": Spread("uniform", (25, 30 * MILLISECOND)),
    "invoke": Spread("uniform", (2_600, 60 * MILLISECOND)),
    "resume": Spread("uniform", (800, 60 * MILLISECOND)),
    "first_closure": Spread("uniform", (0, 40 * MILLISECOND)),
}
"""The same where the code is asked for by a service of another language: each of its turns is a question, too."""


class RestateLive(LiveEngine):
    """Restate with its Python or its TypeScript SDK."""

    hosting: type[Endpoints] = Endpoints
    heard_late = frozenset(("scheduled", "recorded", "SleepStarted", "WaitStarted"))

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger, *, seed: int) -> None:
        super().__init__(scenario, stage, ledger, seed=seed)
        self.options = scenario.deployments.restate
        self.targets = Targets(scenario)
        self.world = World(seed, full=False)
        """Only for its random draws."""
        self.started: dict[str, Started] = {}
        """What was accepted from outside, by name (`run 1`, `event 1`, `query 1`)."""
        self._asked: set[str] = set()
        self.answers: dict[str, str] = {}
        """The starts that were attached to another or refused."""
        self.awakeables = Awakeables()
        self.attempts = Attempts()
        self.endpoints = self.hosting(scenario, stage, seed=seed, ledger=ledger.port)
        self._count = scenario.workload.runs
        self._names: dict[str, str] = {}
        """Restarted invocations by id: their input names the run that they were restarted from."""
        self._addressees: dict[tuple[str, str], object] = {}
        self._restarting = threading.Lock()
        self._looked_at = 0.0
        if any(moment == "recorded" for _, moment in self.endpoints.watched):
            ledger.listeners.append(self._body_ended)
        services = RemoteServices(scenario, seed, self.endpoints.watched, self.endpoints.code_of, ledger.take)
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
        first = self.endpoints.add()
        self.server.start()
        self._serve(first)
        for fault in self.scenario.faults:
            if isinstance(fault, Deploy) and not fault.in_place:
                self.endpoints.add(waiting=True)
        self.endpoints.wait_until_ready()
        for _ in range(WARM_UP):
            self.server.call(f"/{CONTROL}/{READY}", {})

    def _serve(self, endpoint: Endpoint) -> None:
        """Waits until the address serves, and registers it."""
        endpoint.wait()
        try:
            if self.cuts:
                endpoint.line = Line(endpoint.port)
            endpoint.id = self.server.register(endpoint.line.port if endpoint.line is not None else endpoint.port)
        except Refused as refused:
            raise LiveProblem(f"the service was not accepted: {refused}") from None

    def replicas(self, name: str) -> Sequence[Managed]:
        if name == "engine":
            return [self.server.process]
        return self.endpoints.processes

    def lines(self, name: str) -> Sequence[Line]:
        return [endpoint.line for endpoint in self.endpoints.serving if endpoint.line is not None]

    def close(self) -> None:
        for endpoint in self.endpoints.serving:
            if endpoint.line is not None:
                endpoint.line.close()

    def restart(self, process: Managed) -> None:
        if process is self.server.process:
            self.server.start()
            return
        self.attempts.lost(process.name)
        self.endpoints.restart(process)

    def deploy(self, name: str, workflow: Workflow, down_for_s: float | None, *, in_place: bool) -> None:
        """The old processes die at once, as predicted: to register new ones takes a while."""
        old, began = self.endpoints.serving[-1], time.monotonic()
        code = old.workflows | {name: workflow}
        if down_for_s is not None:
            for process in old.processes:
                process.kill()
        if in_place:
            self.endpoints.replace(old, code)
        else:
            self._serve(self.endpoints.deploy(code))
        if down_for_s is not None:
            time.sleep(max(0.0, began + down_for_s - time.monotonic()))
            for process in old.processes:
                self.restart(process)

    # ---- the apps' questions ---------------------------------------------------------------------------------

    def _attempt_started(self, message: Mapping[str, Any]) -> None:
        """An attempt may be the first to hear of a result: then that moment passes before the attempt begins."""
        with contextlib.suppress(OSError, Refused):  # the server may have died since
            for number, step in self._results(message["invocation"]):
                self.moment(number, step, None, "recorded")
        if any(each.name == message["process"] and each.running for each in self.replicas("app")):
            self.attempts.started(message)

    def _results(self, invocation: str) -> Iterator[tuple[int, str]]:
        """The steps of a run that have ended, of those whose end something waits for."""
        started = next((each for each in self.started.values() if each.invocation == invocation), None)
        waited = {step for step, moment in self.endpoints.watched if moment == "recorded"}
        if started is None or not waited:
            return
        sql = f"SELECT * FROM sys_journal WHERE id = '{invocation}' ORDER BY index"
        for name in rows.ended(self.server.query(sql)):
            if name in waited:
                yield started.run.number, name

    def _body_ended(self, report: Report) -> bool:
        """Something waits for the result to be stored: the code that awaits it may come to it much later."""
        if report.moment == "reported" and (report.step, "recorded") in self.endpoints.watched:
            threading.Thread(target=self._await_result, args=(report,), daemon=True).start()
        return False

    def _await_result(self, report: Report) -> None:
        deadline = time.monotonic() + RESULT_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException, Refused):  # the server may be down
                journals = by_id(self.server.query("SELECT * FROM sys_journal ORDER BY id, index"))
                named = dict(all_of(self.started.copy(), journals))
                if report.step in rows.ended(journals.get(named.get(report.run, ""), [])):
                    self.moment(number_of(report.run), report.step, report.attempt, "recorded")
                    return
            time.sleep(0.005)

    def _attempt_ended(self, message: Mapping[str, Any]) -> None:
        self.attempts.ended(message)

    def _execution(self, message: Mapping[str, Any]) -> object:
        """The number of a step's execution; of the `next` one, which does not begin yet."""
        name = f"{message['run']}/{message['key']}"
        if message.get("next"):
            return int(str(self.ledger.take({"counted": name}))) + 1
        return self.ledger.take({"count": name})

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
        awakeable = self.awakeables.next(found.run.name, event)
        return None if awakeable is None else {"awakeable": awakeable}

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
            answer = self.server.send(path, run.plain(), after=after, idempotency_key=idempotency_key)
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
                f"/{CONTROL}/{SEND_SIGNAL}",
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
        self._started_beside(event, found, self.server.send(target.path(found.run.key), run.plain()))

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
            known = self.endpoints.serving
            deployment = known[number - 1].id if number is not None and 1 <= number <= len(known) else None
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
        if time.monotonic() - self._looked_at < POLL_S:
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
        journals = by_id(self.server.query("SELECT * FROM sys_journal ORDER BY id, index"))
        events = by_id(self.server.query("SELECT * FROM sys_journal_events ORDER BY id, appended_at"))
        named = dict(all_of(self.started, journals))
        for process in self.replicas("app"):
            if not process.running:
                self.attempts.lost(process.name)
        attempts = {name: self.attempts.facts(each, self.server.process.ended) for name, each in named.items()}
        status = {name: rows.status(invocations.get(each)) for name, each in named.items()}
        effects, begun = self.ledger.effects(), self.ledger.begun()
        return Recording(
            server=f"restate-server {self.server.version}".strip(),
            sdk=f"restate-sdk typescript {typescript_version(PACKAGE)}"
            if self.options.service.sdk == "typescript"
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
            lasts=dict(lasts(named, invocations)),
        )
