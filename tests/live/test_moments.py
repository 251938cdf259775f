"""Moments at which a recorder acts: how long a body stands there, and how the end of a step is heard of."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from durascope.live.conductor import Conductor
from durascope.live.engine import LiveEngine, Recording
from durascope.live.ledger import Ledger
from durascope.live.processes import Managed, Stage
from durascope.live.restate.engine import RestateLive
from durascope.live.restate.outside import Started
from durascope.live.temporal.engine import TemporalLive
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario, Workflow
from durascope.simulators.engine import OutsideEvent, StartRequest
from durascope.simulators.kernel.runs import RunInfo
from tests.live.test_restate_rows import command, completion

CANCELLED = """
scenario: cancelled
workflows:
  order:
    steps: [{run: charge}]
workload:
  arrivals: {at: [100ms]}
  events:
  - {operator: cancel, to: 1, when: {step: charge, moment: after-effect}}
"""
HUNG = """
scenario: hung
workflows:
  order:
    steps: [{run: charge}, {run: ship}]
faults:
- {hang: app, for: 1s, when: {step: charge, moment: recorded}}
"""


class Unanswered(LiveEngine):
    """An engine that hangs: what is sent to it is answered only when it is let go on."""

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger) -> None:
        super().__init__(scenario, stage, ledger, seed=0)
        self.sent: list[OutsideEvent] = []
        self.started = threading.Event()
        self.goes_on = threading.Event()

    def open(self) -> None: ...

    def start(self, requests: Sequence[StartRequest]) -> None:
        self.started.set()

    def send(self, event: OutsideEvent) -> None:
        self.sent.append(event)
        self.goes_on.wait(20)

    def replicas(self, name: str) -> Sequence[Managed]:
        return ()

    def restart(self, process: Managed) -> None: ...

    def deploy(self, name: str, workflow: Workflow, down_for_s: float | None, *, in_place: bool) -> None: ...

    def over(self) -> bool:
        return bool(self.sent)

    def recording(self) -> Recording:
        raise NotImplementedError


def report(ledger: Ledger, step: str, moment: str, attempt: int = 1) -> object:
    return ledger.take({"run": "run 1", "step": step, "attempt": attempt, "moment": moment, "process": "service"})


def test_a_body_does_not_stand_for_as_long_as_an_engine_hangs() -> None:
    scenario = parse_scenario(CANCELLED)
    with Stage() as stage, Ledger() as ledger:
        engine = Unanswered(scenario, stage, ledger)
        conductor = Conductor(scenario, engine)
        conducting = threading.Thread(target=conductor.conduct, kwargs={"seconds": 20, "grace_s": 0.0})
        conducting.start()
        assert engine.started.wait(20)
        began = time.monotonic()
        struck = report(ledger, "charge", "after-effect")
        stood = time.monotonic() - began
        conducting.join(0.3)
        still = conducting.is_alive()
        engine.goes_on.set()
        conducting.join(20)
    assert struck
    assert [each.name for each in engine.sent] == ["cancel"]
    assert stood < 5  # not the 20 s of the engine
    assert still  # what was sent is still waited for before all is over


def test_temporals_body_stands_until_a_signal_is_accepted_but_not_until_an_update_is_answered() -> None:
    answers: list[Future[None]] = []

    class Outside:
        def send(self, event: OutsideEvent) -> OutsideEvent:
            return event

        def submit(self, _event: OutsideEvent) -> Future[None]:
            answers.append(Future())
            return answers[-1]

        def close(self) -> None: ...

    def stands(kind: str) -> threading.Thread:
        event = OutsideEvent(1, kind, "approve", None, None, {})
        standing = threading.Thread(target=live.send, args=(event,), daemon=True)
        standing.start()
        return standing

    with Stage() as stage, Ledger() as ledger:
        live = TemporalLive(parse_scenario(CANCELLED), stage, ledger, seed=0)
        live._outside = Outside()  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
        update = stands("update")
        update.join(20)
        signal = stands("send")
        signal.join(0.2)
        unanswered = signal.is_alive()
        answers[-1].set_result(None)
        signal.join(20)
    assert not update.is_alive()
    assert unanswered
    assert not signal.is_alive()


def test_a_result_is_heard_of_when_it_is_stored_though_the_code_comes_to_it_later() -> None:
    journal: list[Mapping[str, Any]] = [command("Run", "charge", completion_id=1)]
    heard: list[tuple[int | None, str, int | None, str]] = []
    passed = threading.Event()

    class Server:
        asked = 0

        def query(self, _sql: str) -> list[dict[str, Any]]:
            self.asked += 1
            if self.asked == 1:
                raise ConnectionRefusedError
            if self.asked == 4:
                journal.append(completion("Run", 1))
            return [{**row, "id": "inv_1", "index": index} for index, row in enumerate(journal)]

    with Stage() as stage, Ledger() as ledger:
        live = RestateLive(parse_scenario(HUNG), stage, ledger, seed=0)
        server: Any = Server()
        live.server = server
        live.started["run 1"] = Started(RunInfo("run 1", "order", 1, None, {}, "run 1"), "inv_1")

        def moment(run: int | None, step: str, attempt: int | None, moment: str) -> None:
            heard.append((run, step, attempt, moment))
            passed.set()

        live.moment = moment
        report(ledger, "ship", "reported")
        report(ledger, "charge", "started", 2)
        report(ledger, "charge", "reported", 2)
        assert passed.wait(20)
    assert heard == [(1, "charge", 2, "recorded")]
    assert server.asked == 4
