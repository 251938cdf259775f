"""Inngest for real: its server, an app on its Python or TypeScript SDK, and between them a relay that records.

server ── request ──▶ relay ──▶ app           app ── events, state ──▶ relay ──▶ server
"""

from __future__ import annotations

import asyncio
import pickle
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, cast

from durascope.live.engine import LiveEngine, Recording
from durascope.live.inngest.app import BINDS_S, GO, Code, Setting
from durascope.live.inngest.outside import Outside, code_of
from durascope.live.inngest.recorder import IDENTITY, Recorder, Run
from durascope.live.inngest.relay import Relay
from durascope.live.inngest.remote import Around, RemoteFunctions
from durascope.live.inngest.server import Refused, Server
from durascope.live.inngest.serving import PATH
from durascope.live.inngest.typescript import PACKAGE, SERVICE, write_settings
from durascope.live.ledger import Ledger
from durascope.live.node import installed, node, sdk_version
from durascope.live.processes import HOST, LiveProblem, Managed, Stage, free_ports, listens, wait_until
from durascope.models.scenario import Scenario, Workflow
from durascope.models.units import MILLISECOND, SECOND, Spread
from durascope.simulators.engine import OutsideEvent, StartRequest
from durascope.simulators.inngest.functions import register
from durascope.simulators.inngest.lines import Relay as Records
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.services import Services

LEAD_S: Final = 10.0
"""How many seconds before its time an app is started again; it is ready early, and waits."""
POLL_S: Final = 0.1
"""Time between two requests for the status of the runs, in seconds."""
QUIET_S: Final = 5.0
"""After this many seconds without a request, a start that made no run will make none."""
STEP_LIMIT: Final = 1_000
"""The server's own limit of the steps of a run."""
LATE: Final = {
    "event_api": Spread("uniform", (40 * MILLISECOND, 500 * MILLISECOND)),
    "match": Spread("uniform", (80 * MILLISECOND, 250 * MILLISECOND)),
    "dispatch": Spread("uniform", (2 * MILLISECOND, 60 * MILLISECOND)),
    "wake": Spread("uniform", (3 * MILLISECOND, 60 * MILLISECOND)),
    "host": Spread("uniform", (2 * MILLISECOND, 60 * MILLISECOND)),
}
"""Delays of clients, server and app that are often longer on a busy machine than in the recordings (inngest.md §13)."""
CLIENT_RETRY_S: Final = 1.0
"""After this many seconds without an answer, a client asks again."""


class InngestLive(LiveEngine):
    """Inngest with its Python or its TypeScript SDK."""

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger, *, seed: int) -> None:
        super().__init__(scenario, stage, ledger, seed=seed)
        self.deployment = scenario.deployments.inngest
        self.functions = register(scenario)
        crons = [name for name, function in self.functions.items() if function.cron is not None]
        if crons:
            raise LiveProblem(f"the schedule of {crons[0]} can't be waited for: verify a workflow that an event starts")
        self.recorder = Recorder(
            self.functions, starts=scenario.workload.runs, moment=self._recorded, marked=self._marked
        )
        self.loop = BackgroundLoop()
        self._relays: list[Relay] = []
        self._code = Code(dict(scenario.workflows), {})
        self._events: dict[str, Sequence[str]] = {}
        """By start: the ids of its events."""
        self._started: dict[str, int] = {}
        """When each start was asked for, in microseconds since 1970."""
        self._inputs: dict[str, Mapping[str, object]] = {}
        self._undo: dict[str, dict[str, object]] = {}
        self._ended: dict[str, int] = {}
        self._made: set[str] = set()
        """The ids of runs that an operator has made of others."""
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._typescript = self.deployment.app.sdk == "typescript"
        self._world = World(seed, full=False)
        """Only for its random draws."""
        self._bodies = Services(self._world, scenario)
        self._wrong: Exception | None = None
        """What ended the watcher."""
        self._restarted = False
        self._begun_at = time.time()
        """When the scenario's clock began: set with the first start."""
        ledger.answers |= {
            "run": self._run,
            "moment": self._passed,
            "begun": self._begun,
            "undo": lambda message: list(reversed(self._undo.get(str(message["run"]), {}).values())),
            "input": lambda message: self._inputs.get(str(message["run"])),
            **RemoteFunctions(self._around).answers,
        }

    @classmethod
    def adapted(cls, scenario: Scenario) -> tuple[Scenario, Sequence[str]]:
        """One process behind plain HTTP, on a server that can be run here; on the Python SDK where no other is."""
        inngest = scenario.deployments.inngest
        app, server = inngest.app, inngest.server
        notes: list[str] = []
        typescript = app.sdk == "typescript" and installed(SERVICE)
        if app.sdk != "python" and not typescript:
            notes.append(f"the Python SDK, not {app.sdk}")
        if app.transport != "http":
            notes.append("HTTP, not connect")
        if app.replicas > 1:
            notes.append("one replica of the app")
        if server.hosting == "cloud":
            notes.append("a self-hosted server, not the cloud")
        if not notes:
            return scenario, ()
        given: dict[str, object] = {"transport": "http", "replicas": 1}
        if not typescript:
            given |= {"sdk": "python", "framework": "fastapi", "checkpointing": None}
        hosting = "dev" if server.hosting == "cloud" else server.hosting
        deployment = inngest.model_copy(
            update={"app": app.model_copy(update=given), "server": server.model_copy(update={"hosting": hosting})}
        )
        deployments = scenario.deployments.model_copy(update={"inngest": deployment})
        return scenario.model_copy(update={"deployments": deployments}), notes

    @classmethod
    def loosened(cls, scenario: Scenario) -> Scenario:
        deployment = scenario.deployments.inngest.model_copy(update={"latencies": LATE})
        deployments = scenario.deployments.model_copy(update={"inngest": deployment})
        return scenario.model_copy(update={"deployments": deployments})

    # ---- starting --------------------------------------------------------------------------------------------

    def open(self) -> None:
        self.server = Server(self.stage, self.deployment, self.program)
        app_port, to_app, to_server = free_ports(3)
        self._app_port, self._origin = app_port, f"http://{HOST}:{to_app}"
        self._code_file = self.stage.directory / "code"
        self._deploy(self._code)
        command = self._command(f"http://{HOST}:{to_server}")
        environment = {"INNGEST_DEV": "1" if self.server.is_dev else "0"}
        self.app = self.stage.process("app", command, environment)
        self._spare = self.stage.process("spare", command, environment)
        self.loop.start()
        self._relays = [Relay(app_port, self.recorder.to_app), Relay(self.server.port, self.recorder.to_server)]
        for relay, port in zip(self._relays, (to_app, to_server), strict=True):
            self.loop.run(relay.open(port))
        self.server.start()
        self._start_app()
        self._sync(to_app)
        self._watcher.start()

    def _command(self, server: str) -> list[str]:
        """What serves the functions; it reaches the server at that address."""
        file = self.stage.directory / "app.setting"
        key, port, ledger = self.server.signing_key, self._app_port, self.ledger.port
        if self._typescript:
            write_settings(
                file, self.functions, self.deployment.app, port=port, origin=self._origin, server=server,
                signing_key=key, ledger=ledger, process="app",
            )  # fmt: skip
            return [*node(SERVICE), str(file)]
        Setting(
            scenario=self.scenario, code=self._code_file, seed=self.seed, port=port, origin=self._origin,
            server=server, signing_key=key, ledger=ledger, process="app",
        ).write(file)  # fmt: skip
        return [sys.executable, "-m", "durascope.live.inngest.app", str(file)]

    def _start_app(self) -> None:
        """Lets the spare process, which has loaded everything, serve in the app's place; and loads the next one.

        What an app takes to start, more than a second on a busy machine, would else outlast a fault of 300 ms.
        """
        if not self._spare.running:
            self._load()
        self._go.with_suffix(".new").write_text(str(self.app.due - BINDS_S), "utf-8")
        self._go.with_suffix(".new").replace(self._go)
        self.app.replace_by(self._spare)
        if self.scenario.faults:
            self._load()
        wait_until(lambda: listens(self._app_port) or not self.app.running, "the app", every_s=0.005)
        if not self.app.running:
            raise LiveProblem(f"the app has ended: {self.app.tail(3)}")
        self.app.lead_s = LEAD_S

    def _load(self) -> None:
        """Starts a spare process, which waits for its file."""
        self._go = self.stage.directory / f"go-{self._spare.starts + 1}"
        self._spare.environment = {**self._spare.environment, GO: str(self._go)}
        self._spare.start()

    def _sync(self, port: int) -> None:
        """PUT to the app, which then registers its functions with the server."""
        import http.client

        connection = http.client.HTTPConnection(HOST, port, timeout=30)
        try:
            connection.request("PUT", PATH)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise LiveProblem(f"the app does not answer when its functions are registered: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= 400 or '"error"' in text:
            raise LiveProblem(f"the app was not accepted: {text[:200]}")
        limit = self.deployment.server.step_limit
        if limit != STEP_LIMIT and self.server.is_dev:
            for function in self.server.functions().values():
                self.server.limit_steps(function, limit)

    def close(self) -> None:
        self._closed.set()
        if self._watcher.is_alive():
            self._watcher.join(20)
        for relay in self._relays:
            self.loop.run(relay.close())
        self.loop.stop()

    # ---- faults ----------------------------------------------------------------------------------------------

    def replicas(self, name: str) -> Sequence[Managed]:
        return [self.server.process if name == "engine" else self.app]

    def restart(self, process: Managed) -> None:
        if process is self.app:
            self._start_app()
        else:
            self.server.start()
            self._restarted = True

    def deploy(self, name: str, workflow: Workflow, down_for_s: float | None, *, in_place: bool) -> None:
        since = {**self._code.since, name: round(time.time() * 1_000)}
        self._code = Code({**self._code.workflows, name: workflow}, since)
        if down_for_s is None:
            self._deploy(self._code)
            return
        self.app.kill()
        self._deploy(self._code)
        self.app.due = self.app.ended[-1] + down_for_s
        time.sleep(max(0.0, down_for_s - self.app.lead_s))
        self._start_app()

    def _deploy(self, code: Code) -> None:
        new = self._code_file.with_suffix(".new")
        new.write_bytes(pickle.dumps(code))
        new.replace(self._code_file)

    # ---- the app's questions, the relay's news ---------------------------------------------------------------

    def _run(self, message: Mapping[str, Any]) -> object:
        return self.recorder.runs[str(message["id"])].info.plain()

    def _around(self, message: Mapping[str, Any]) -> Around:
        """What the code of a request of another language's app runs in."""
        run, take = self.recorder.runs[str(message["run"])].info, self.ledger.take
        workflow = code_of(
            self.functions[message["function"]],
            self._code.workflows,
            lambda: take({"ask": "undo", "run": run.input.get("run_id")}),
        )
        outside = Outside(
            self.scenario, self.functions, run, lambda question: take(dict(question)),
            world=self._world, created_at=message["created"], since=self._code.since,
        )  # fmt: skip
        return Around(
            outside, workflow, self.scenario, self._bodies, take,
            lambda step, moment: self.moment(run.number, step, None, moment),
        )  # fmt: skip

    def _passed(self, message: Mapping[str, Any]) -> None:
        self.moment(message["number"], str(message["step"]), None, str(message["moment"]))

    def _begun(self, message: Mapping[str, Any]) -> None:
        self._undo.setdefault(str(message["run"]), {}).setdefault(str(message["step"]), message["undo"])

    def _recorded(self, run: Run, step: str, moment: str) -> None:
        self.moment(run.info.number, step, None, moment)

    def _marked(self, run: Run, event: str) -> None:
        self.marked(event, run.info.number)

    # ---- starts and events -----------------------------------------------------------------------------------

    def start(self, requests: Sequence[StartRequest]) -> None:
        events: list[dict[str, Any]] = []
        of: list[str | None] = []
        for request in requests:
            events.append(self._start_event(request))
            of.append(request.run.name)
            if request.start_with is not None and request.start_with.send is not None:
                data = {**request.run.input, **request.start_with.with_}
                events.append({"name": request.start_with.send, "data": data})
                of.append(None)
        self.recorder.active = time.monotonic()
        ids = self._insist(lambda: self.server.post(events))
        for run, id_ in zip(of, ids or (), strict=False):
            if run is not None:
                self._events[run] = [id_]

    def _start_event(self, request: StartRequest) -> dict[str, Any]:
        run = request.run
        if not self._started:
            self._begun_at = time.time()
        self._started[run.name] = round(time.time() * SECOND)
        self._inputs[run.name] = run.input
        event: dict[str, Any] = {
            "name": self.functions[run.workflow].event,
            "data": {**run.input, IDENTITY: _identity(run)},
        }
        if request.idempotency_key is not None:
            event["id"] = request.idempotency_key
        if request.after:
            event["ts"] = round(time.time() * 1_000 + request.after / 1_000)
        return event

    def send(self, event: OutsideEvent) -> None:
        if event.kind == "send":
            data = dict(event.run.input) if event.run is not None else self._addressed(event.key)
            told: dict[str, Any] = {"name": event.name, "data": {**data, **event.payload}}
            if event.time is not None:
                told["ts"] = round(self._begun_at * 1_000 + event.time / 1_000)
            self._insist(lambda: self.server.post([told]))
        elif event.kind == "operator" and event.name in ("cancel", "kill"):
            for run in self._meant(event):
                self._insist(lambda run=run: self.server.cancel(run))
        elif event.kind == "operator" and event.name == "reset":
            for run in self._meant(event, over=True)[-1:]:
                made = self._insist(lambda run=run: self.server.rerun(run, event.step or ""))
                self.recorder.active = time.monotonic()
                self._made.update([made] if made else ())

    def _addressed(self, key: str | None) -> dict[str, Any]:
        workflows = self.scenario.workflows.values()
        return {} if key is None else {workflow.key: key for workflow in workflows if workflow.key is not None}

    def _meant(self, event: OutsideEvent, *, over: bool = False) -> list[str]:
        """The ids of the run, or of all runs of the key, that a command is for; `over`: those that are, too."""
        runs = tuple(self.recorder.runs.values())
        if event.run is not None:
            return [run.id for run in runs if run.info.name == event.run.name]
        return [run.id for run in runs if (over or run.status == "running") and run.info.key == event.key]

    @staticmethod
    def _insist(ask: Callable[[], Any]) -> Any:
        """Asks until somebody answers; an error that is an answer counts as one."""
        while True:
            try:
                return ask()
            except Refused:
                return None
            except OSError:
                time.sleep(CLIENT_RETRY_S)

    # ---- the end ---------------------------------------------------------------------------------------------

    def over(self) -> bool:
        """Whether every run has ended. Raises what has gone wrong with the watching."""
        if self._wrong is not None:
            raise self._wrong
        quiet = time.monotonic() - self.recorder.active > self._quiet()
        runs = tuple(self.recorder.runs.values())
        if any(run.status == "running" for run in runs):
            forgotten = self._restarted and not self.deployment.server.survives
            return quiet and forgotten
        known = {run.info.name for run in runs}
        if not self._made <= self.recorder.runs.keys():
            return quiet
        return quiet or (all(start in known for start in self._started) and not self._may_follow())

    def _watch(self) -> None:
        """Polls from the beginning on: that a run has ended is a line among those of its requests."""
        while not self._closed.wait(POLL_S):
            try:
                self._look()
            except OSError:
                continue
            except Exception as error:
                self._wrong = error
                return

    def _may_follow(self) -> bool:
        """Whether the end of a run may just have started others."""
        return len(self.functions) > 1 and time.monotonic() - self.recorder.active < 2.0

    def _quiet(self) -> float:
        flow = self.deployment.flow
        held = [0 if flow.debounce is None else flow.debounce.period, 0 if flow.batch is None else flow.batch.timeout]
        return QUIET_S + max(held) / SECOND

    def _look(self) -> None:
        """Asks the server what has become of the runs, and of starts that no request has told of."""
        for run in tuple(self.recorder.runs.values()):
            if run.status == "running":
                status = self.server.status(run.id)
                if status in ("completed", "failed", "cancelled"):
                    self.recorder.ended(run, status)
                    self._ended[run.info.name] = round(time.time() * SECOND)
                elif status is None and self._restarted:
                    run.status = "lost"
        known = {run.info.name for run in self.recorder.runs.values()}
        for start, ids in self._events.items():
            if start not in known:
                for id_ in ids:
                    self._find(start, id_)

    def _find(self, start: str, event: str) -> None:
        """A run that was cancelled, or failed, before any request."""
        for found in self.server.runs_of(event):
            status = self.server.status(str(found["run_id"]))  # the one in the list may be stale
            if status in ("cancelled", "failed", "completed"):
                workflow = next(name for name in self.functions if name in self.scenario.started)
                run = self.recorder.identify(
                    str(found["run_id"]),
                    workflow,
                    {
                        "name": self.functions[workflow].event,
                        "data": {
                            IDENTITY: {
                                "run": start,
                                "workflow": workflow,
                                "number": int(start.removeprefix("run ")),
                                "luck": start,
                            }
                        },
                    },
                )
                self.recorder.ended(run, status)
                self._ended[start] = round(time.time() * SECOND)

    def recording(self) -> Recording:
        records: Records = self.recorder.relay
        status = {run.info.name: run.status for run in self.recorder.runs.values()}
        for start in self._started:
            if start not in status:
                status[start] = "none"
                records.records[start] = ["no run"]
        facts = records.facts(self._started, self._ended, status)
        return Recording(
            server=self.server.version(),
            sdk=(
                f"inngest {sdk_version(PACKAGE)} (TypeScript)"
                if self._typescript
                else f"inngest {version('inngest')} (Python)"
            ),
            records=records.records,
            status=status,
            effects=self.ledger.effects(),
            facts={"lasts": facts["lasts"], **self._overlap(facts)},
        )

    def _overlap(self, facts: Mapping[str, Any]) -> dict[str, object]:
        """How many requests were in flight at once, where a limit decides it and not the machine."""
        limited = any(function.rules.concurrency is not None for function in self.functions.values())
        return {"in_flight": facts["in_flight"]} if limited else {}


def _identity(run: RunInfo) -> dict[str, object]:
    return {"run": run.name, "workflow": run.workflow, "number": run.number, "luck": run.luck}


class BackgroundLoop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs it there, and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def stop(self) -> None:
        """Ends it with all that still runs there, as `asyncio.run` does: a connection may have come in meanwhile."""
        if self._thread.is_alive():
            self.run(_ended())
            self.run(cast("Any", self._loop.shutdown_default_executor()))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._loop.close()


async def _ended() -> None:
    """Every other task of this loop is cancelled and over, and what those have closed is closed."""
    here = asyncio.current_task()
    while left := [task for task in asyncio.all_tasks() if task is not here]:
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    await asyncio.sleep(0)
