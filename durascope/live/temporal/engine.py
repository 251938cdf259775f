"""Temporal for real: the dev server, workers in processes of their own, and a client outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Final

from temporalio.service import __version__ as sdk_version

from durascope.importing.temporal.lines import (
    Event,
    attributes,
    kind,
    lines,
    local_activity,
    payload,
    step_name,
    time_of,
)
from durascope.live.engine import LiveEngine, Recording
from durascope.live.ledger import Ledger
from durascope.live.line import Line
from durascope.live.node import installed
from durascope.live.node import sdk_version as typescript_version
from durascope.live.processes import HOST, LiveProblem, Managed, Stage, free_ports
from durascope.live.temporal.outside import Outside
from durascope.live.temporal.remote import Codes
from durascope.live.temporal.runs import Chain, Execution
from durascope.live.temporal.server import DevServer
from durascope.live.temporal.starting import workflow_id
from durascope.live.temporal.workers import Workers
from durascope.models.scenario import Scenario, TemporalServer, Workflow
from durascope.models.units import MILLISECOND, SECOND, Spread
from durascope.simulators.engine import OutsideEvent, StartRequest
from durascope.simulators.services import NEWS_US

_LATE_MS: Final = {
    "request": (1, 60), "first_dispatch": (3, 40), "dispatch": (2, 30), "match": (1, 40), "workflow_task": (4, 25),
    "report": (1, 40), "transfer": (1, 20), "timer_late": (1, 12), "answer": (0, 40), "waking": (0, 1_000),
    "worker_waking": (0, 40), "stop": (0, 40),
    "recovery": (0, 600),
}  # fmt: skip
LATE: Final = {
    name: Spread("uniform", (least * MILLISECOND, most * MILLISECOND)) for name, (least, most) in _LATE_MS.items()
}
"""Delays of clients, server and workers that are often longer than in a quiet recording (specification, §15)."""
SLOW_REPLAYS: Final = {"replay": Spread("uniform", (10 * MILLISECOND, 800 * MILLISECOND))}
"""A fresh process on Node.js first makes the sandbox that workflow code runs in."""

_NOT_SET: Final = ("threads", "queue_rate")
"""Options of workers that those here do not have."""
APART_S: Final = 0.002
"""Time between two starts of one instant with the same workflow id, in seconds."""
UNDER_WAY_S: Final = NEWS_US / SECOND
"""How long an update or a query has to get to the server before the body at whose moment it was sent goes on."""


class TemporalLive(LiveEngine):
    """A dev server, a scenario's workers, and who is outside."""

    heard_late = frozenset(("scheduled", "started", "recorded", "SleepStarted", "WaitStarted"))

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger, *, seed: int) -> None:
        super().__init__(scenario, stage, ledger, seed=seed)
        for event in scenario.workload.events:
            if event.operator in ("pause", "resume", "restart"):
                raise LiveProblem(f"temporal can't {event.operator} a run: use cancel or kill")
        self._outside: Outside | None = None
        self._replayed: dict[str, Counter[str]] = {}
        self._waiting: set[str] = set()
        """Runs whose code has begun a wait without a timer, in a workflow task that is not completed yet."""
        self._acting = ThreadPoolExecutor(8)
        self._lines: dict[str, Line] = {}
        """By pool: the lines that the scenario cuts."""
        ledger.answers["replayed"] = self._take_replay
        ledger.answers["waits"] = self._take_wait
        self._typescript = all(worker.sdk == "typescript" for worker in scenario.deployments.temporal.workers)
        codes = Codes(scenario, seed, ledger.take)
        ledger.answers |= {"code": codes.answer, "body": codes.body}
        self._codes = codes

    @classmethod
    def adapted(cls, scenario: Scenario) -> tuple[Scenario, Sequence[str]]:
        """With the Python SDK, or TypeScript's where all workers have that, on the dev server: four partitions."""
        asked = scenario.deployments.temporal
        sdks = {worker.sdk for worker in asked.workers}
        sdk = "typescript" if sdks == {"typescript"} and installed() else "python"
        notes = [f"sdk {sdk}, not {other}" for other in sorted(sdks - {sdk})]
        notes += [
            f"{field} of {worker.name} not set"
            for worker in asked.workers
            for field in _NOT_SET
            if getattr(worker, field)
        ]
        if asked.server.hosting != "dev":
            notes.append(f"the dev server, not {asked.server.hosting}")
        deployment = asked.model_copy(
            update={
                "server": TemporalServer(),
                "workers": tuple(
                    worker.model_copy(update={"sdk": sdk, **dict.fromkeys(_NOT_SET)}) for worker in asked.workers
                ),
                "latencies": {},
            }
        )
        deployments = scenario.deployments.model_copy(update={"temporal": deployment})
        return scenario.model_copy(update={"deployments": deployments}), notes

    @classmethod
    def loosened(cls, scenario: Scenario) -> Scenario:
        asked = scenario.deployments.temporal
        slow = SLOW_REPLAYS if any(worker.sdk == "typescript" for worker in asked.workers) else {}
        deployment = asked.model_copy(update={"latencies": LATE | slow})
        deployments = scenario.deployments.model_copy(update={"temporal": deployment})
        return scenario.model_copy(update={"deployments": deployments})

    def open(self) -> None:
        self.server = DevServer(self.stage, self.program)
        self.server.start()
        control = free_ports(1)[0] if self.scenario.deployments.temporal.eager_start else 0
        target, seed = self.server.target, self.seed
        self._lines = {pool: Line(self.server.port) for pool in self._cut_off()}
        targets = {pool: f"{HOST}:{line.port}" for pool, line in self._lines.items()}
        self.workers = Workers(
            self.scenario,
            self.stage,
            target=target,
            targets=targets,
            ledger=self.ledger.port,
            seed=seed,
            control=control,
        )
        self._codes.code_of = self.workers.code_of
        self.workers.open()
        self._outside = Outside(self.scenario, target=target, control=control, seed=seed, seen=self._seen)
        self.outside.wait(self.outside.warm_up(len(self.workers.places) + 1), 60)

    @property
    def outside(self) -> Outside:
        """The client; there once this is open."""
        assert self._outside is not None
        return self._outside

    def close(self) -> None:
        if self._outside is not None:
            self._outside.close()
        for line in self._lines.values():
            line.close()
        self._acting.shutdown(wait=False)

    # ---- the scenario --------------------------------------------------------------------------------------

    def start(self, requests: Sequence[StartRequest]) -> None:
        """Those to one workflow id leave one after the other, as listed: calls side by side overtake each other."""
        before: Counter[str] = Counter()
        for request in requests:
            asked_of = workflow_id(request.run)
            self.outside.submit(self.outside.start(request, after_s=before[asked_of] * APART_S))
            before[asked_of] += 1

    def send(self, event: OutsideEvent) -> None:
        """Returns when the server has it; updates and queries are answered by workers, whom nobody waits for here."""
        sent = self.outside.submit(self.outside.send(event))
        wait((sent,), UNDER_WAY_S if event.kind in ("update", "query") else None)

    def replicas(self, name: str) -> Sequence[Managed]:
        return [self.server.process] if name == "engine" else self.workers.replicas(name)

    def restart(self, process: Managed) -> None:
        if process is self.server.process:
            self.server.start()
        else:
            self.workers.restart(process)

    def lines(self, name: str) -> Sequence[Line]:
        return list(self._lines.values()) if name == "app" else [self._lines[name]]

    def _cut_off(self) -> Sequence[str]:
        """The pools of workers that lose their server."""
        pools = dict.fromkeys(pool.name for pool in self.scenario.deployments.temporal.workers)
        cuts = self.cuts
        return [pool for pool in pools if "app" in cuts or pool in cuts]

    def deploy(self, name: str, workflow: Workflow, down_for_s: float | None, *, in_place: bool) -> Callable[[], None]:
        code = self.workers.code
        code = code.model_copy(update={"workflows": {**code.workflows, name: workflow}})
        return self.workers.deploy(code, down_for_s)

    def over(self) -> bool:
        return self.outside.over()

    # ---- what the server records, while it does ------------------------------------------------------------

    def _seen(self, chain: Chain, execution: Execution, event: Event) -> None:
        """Tells the conductor of moments that only the server knows."""
        a, number = attributes(event), chain.number
        match kind(event):
            case "ActivityTaskScheduled":
                self._act(self.moment, number, step_name(a), 1, "scheduled")
            case "ActivityTaskCompleted":
                scheduled = attributes(execution.history[int(a["scheduledEventId"]) - 1])
                started = attributes(execution.history[int(a["startedEventId"]) - 1])
                self._act(self.moment, number, step_name(scheduled), started.get("attempt", 1), "recorded")
            case "MarkerRecorded" if (local := local_activity(event)) is not None:
                self._act(self.moment, number, local, 1, "recorded")
            case "TimerStarted":
                summary = payload({"payloads": [event.get("userMetadata", {}).get("summary", {})]})
                if summary in ("sleep", "wait"):
                    self._act(self.marked, "SleepStarted" if summary == "sleep" else "WaitStarted", number)
            case "WorkflowTaskCompleted" if chain.name in self._waiting:
                self._waiting.discard(chain.name)
                self._act(self.marked, "WaitStarted", number)
            case _:
                pass

    def _act(self, act: Callable[..., None], *args: object) -> None:
        """Beside the client's loop: what is done then may take its time."""
        self._acting.submit(act, *args)

    def _take_replay(self, message: Mapping[str, Any]) -> object:
        counts = self._replayed.setdefault(str(message["process"]), Counter())
        counts[str(message["step"])] += 1
        return True

    def _take_wait(self, message: Mapping[str, Any]) -> object:
        self._waiting.add(str(message["run"]))
        return True

    # ---- the end -------------------------------------------------------------------------------------------

    def recording(self) -> Recording:
        outside = self.outside
        outside.wait(outside.runs.settle(), 60)
        named = self._named()
        lasts = {name: execution.lasted for name, execution in named if execution.closed}
        return Recording(
            server=f"temporal {outside.version}",
            sdk=f"temporalio typescript {typescript_version()}"
            if self._typescript
            else f"temporalio python {sdk_version}",
            records={name: lines(execution.history) for name, execution in named},
            status=outside.requests | {name: execution.status for name, execution in named},
            effects=self._effects(),
            facts={
                "replayed": {process: dict(counts) for process, counts in sorted(self._replayed.items())},
                "starts": dict(outside.starts),
                "answers": outside.answers,
                "lasts": lasts,
            },
            lasts=lasts,
        )

    def _named(self) -> list[tuple[str, Execution]]:
        """Every execution with its name; where starts share a key, the runs are numbered as they came to be."""
        chains = self.outside.runs.chains
        names = {chain: chain.name for chain in chains}
        if len(self.outside.starts) > 1:
            roots = sorted((chain for chain in chains if "/" not in chain.name), key=_began)
            numbers = {root.name: f"run {number}" for number, root in enumerate(roots, 1)}
            for chain in chains:
                root, slash, rest = chain.name.partition("/")
                names[chain] = f"{numbers.get(root, root)}{slash}{rest}"
        ordered = sorted(chains, key=lambda chain: (chain.number or 0, names[chain]))
        return [each for chain in ordered for each in chain.named(names[chain])]

    def _effects(self) -> dict[str, int]:
        """By step, in the order of the scenario; steps that were never begun are there with 0."""
        steps = dict.fromkeys(step.label for _, step in self.scenario.runs())
        counts = self.ledger.effects()
        effects = {name: counts.get(name, 0) for name in steps if "{" not in name}
        return effects | {name: count for name, count in counts.items() if count}


def _began(chain: Chain) -> int:
    return time_of(chain.executions[0].history[0])
