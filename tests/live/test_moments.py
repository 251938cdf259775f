"""Moments at which a recorder acts: how long a body stands there, and how the end of a step is heard of."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from durascope.live.body import Bodies
from durascope.live.conductor import Conductor
from durascope.live.engine import LiveEngine, Recording
from durascope.live.ledger import Ledger
from durascope.live.processes import Managed, Stage
from durascope.live.restate.engine import RestateLive
from durascope.live.restate.outside import Started
from durascope.live.temporal.engine import TemporalLive
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Run
from durascope.simulators.bodies import Body
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
CHECKED = """
scenario: checked
workflows:
  order:
    steps: [{run: charge, takes: 5ms, check_first: 1ms}]
"""
STOPPED_AND_KILLED = """
scenario: stopped-and-killed
workflows:
  order:
    steps: [{run: charge}]
faults:
- {crash: app, graceful: true, at: 200ms, down_for: 300ms}
- {crash: app, at: 600ms, down_for: 100ms}
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


def test_a_body_that_is_cancelled_while_its_effect_is_told_of_has_had_it() -> None:
    """The effect happens elsewhere: seed 6061, 9, in which a step's own timeout came then, after a hang."""

    class Slow(Bodies):
        async def note_effect(self, info: RunInfo, body: Body, name: str, key: str) -> None:
            noting.set()
            await asyncio.sleep(0.05)
            await super().note_effect(info, body, name, key)

    async def cancelled(step: Run) -> None:
        executing = asyncio.create_task(Slow(scenario, 0, ledger.port, "service").execute("run 1", step, "charge", "1"))
        await noting.wait()
        executing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await executing
        await asyncio.sleep(0.2)

    scenario = parse_scenario(CHECKED)
    noting = asyncio.Event()
    heard: list[str] = []
    with Ledger() as ledger:
        ledger.listeners.append(lambda each: heard.append(each.moment) or False)
        step = scenario.workflows["order"].steps[0]
        assert isinstance(step, Run)
        asyncio.run(cancelled(step))
        assert heard == ["started", "after-effect"]


def test_a_process_that_is_killed_while_it_stops_comes_back_once_and_counted_from_its_end() -> None:
    """By the first of the two faults that does: a process that is there is not started again."""
    back: list[float] = []

    class Deaf(Unanswered):
        def open(self) -> None:
            self.process = stage.process("app", ["/bin/sh", "-c", "trap '' TERM; while true; do sleep 0.1; done"])
            self.process.start()

        def replicas(self, name: str) -> Sequence[Managed]:
            return (self.process,) if name == "app" else ()

        def restart(self, process: Managed) -> None:
            back.append(time.monotonic() - process.ended[-1])
            process.start()

        def over(self) -> bool:
            return time.monotonic() - began > 1.5

    scenario = parse_scenario(STOPPED_AND_KILLED)
    with Stage() as stage, Ledger() as ledger:
        engine = Deaf(scenario, stage, ledger)
        engine.open()
        began = time.monotonic()
        Conductor(scenario, engine).conduct(seconds=20, grace_s=0.0)
        running = engine.process.running
    assert len(back) == 1
    assert 0.1 <= back[0] < 0.3
    assert running


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
