"""Code that a worker of another language asks for: requests and answers, as such a worker would exchange them."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.live.temporal.remote import Codes
from durascope.models.reading import parse_scenario

STEPS = """
scenario: remote
workflows:
  w:
    signals: {stop: {then: cancel}}
    steps:
      - {run: a, undo: undo-a}
      - parallel: [{sleep: 1s}, {run: b, fails: 1}]
      - {wait_for: go, timeout: 2s, on_timeout: [{fail: too late}]}
"""
GIVEN = {"run": "run 1", "workflow": "w", "number": 1, "key": None, "input": {}, "luck": "run 1"}


class Worker:
    """Asks for a run's code as a worker does."""

    def __init__(self, text: str = STEPS) -> None:
        self.told: list[dict[str, object]] = []
        scenario = parse_scenario(text)
        self.codes = Codes(scenario, 0, self._take)
        self.codes.code_of["worker-1"] = scenario
        self.begun = self.ask(do="begin", given=GIVEN, execution=1)

    def _take(self, message: dict[str, object]) -> object:
        self.told.append(message)
        return False

    def ask(self, **message: object) -> Any:
        common = {"process": "worker-1", "worker": "worker", "workflow": "run 1", "replaying": False}
        return self.codes.answer({**common, **message})

    def step(self, outcome: object = None, code: int | None = None, cancelling: object = None) -> Any:
        number = self.begun["code"] if code is None else code
        given = {"value": outcome} if not isinstance(outcome, dict) else outcome
        return self.ask(do="step", code=number, outcome=given, cancelling=cancelling)


@pytest.fixture
def worker() -> Worker:
    return Worker()


def test_a_run_is_told_what_its_handlers_do(worker: Worker) -> None:
    assert worker.begun["signals"] == {"stop": "cancel"}
    assert worker.begun["updates"] == {}


def test_each_step_is_a_request_and_its_outcome_the_answer(worker: Worker) -> None:
    first = worker.step()["request"]
    assert (first["do"], first["name"], first["options"]) == ("activity", "a", {"startToCloseTimeout": 10_000.0})
    both = worker.step({"value": {}})["request"]
    assert both["do"] == "gather"
    sleeping, running = both["codes"]
    assert worker.step(code=sleeping)["request"] == {"do": "sleep", "ms": 1000.0, "summary": "sleep"}
    assert worker.step(code=running)["request"]["name"] == "b"
    assert worker.step(code=sleeping) == {"ended": {"how": "returned", "value": None}}
    assert worker.step({"value": {}}, code=running) == {"ended": {"how": "returned", "value": None}}
    waiting = worker.step()["request"]
    assert (waiting["do"], waiting["event"], waiting["ms"]) == ("wait", "go", 2000.0)
    assert worker.step({"value": {"payload": {}}}) == {"ended": {"how": "returned", "value": None}}


def test_a_failure_undoes_and_is_the_one_that_the_worker_has_kept(worker: Worker) -> None:
    worker.step()
    both = worker.step({"value": {}})["request"]
    sleeping, running = both["codes"]
    worker.step(code=running)
    assert worker.step({"failed": "Refused", "error": 7}, code=running)["ended"]["error"] == 7
    worker.step(code=sleeping)
    worker.step(code=sleeping)
    undoing = worker.step()
    assert undoing["request"]["name"] == "undo-a"
    assert undoing["shielded"]
    assert worker.step({"value": {}})["ended"] == {"how": "failed", "message": "Refused", "error": 7}


def test_a_signal_that_cancels_ends_the_run_after_the_step_in_flight(worker: Worker) -> None:
    worker.step()
    undoing = worker.step({"value": {}}, cancelling={"reason": "stop", "returns": True})
    assert undoing["request"]["name"] == "undo-a"
    assert worker.step({"value": {}})["ended"] == {"how": "returned", "value": "cancelled"}


def test_a_cancelled_request_ends_the_run_as_cancelled(worker: Worker) -> None:
    worker.step()
    undoing = worker.step({"cancelled": True}, cancelling={"reason": "cancel request", "returns": False})
    assert undoing["request"]["name"] == "undo-a"
    assert worker.step({"value": {}})["ended"] == {"how": "cancelled"}


def test_a_branch_that_finishes_ends_the_run() -> None:
    worker = Worker("scenario: s\nworkflows: {w: {steps: [{race: [{finish: enough}, {sleep: 1s}]}, {run: a}]}}")
    race = worker.step()["request"]
    assert "ended" in worker.step(code=race["codes"][0])
    assert worker.step({"value": 0})["ended"] == {"how": "returned", "value": "enough"}


def test_what_is_begun_in_a_replay_is_counted(worker: Worker) -> None:
    worker.ask(do="step", code=worker.begun["code"], outcome={"value": None}, replaying=True)
    assert worker.told == [{"ask": "replayed", "process": "worker-1", "step": "a"}]


def test_a_body_is_drawn_as_in_the_model(worker: Worker) -> None:
    given = {**worker.step()["request"]["given"], "label": "b", "step": "b", "key": "b"}
    first: Any = worker.codes.body({"given": given, "attempt": 1})
    second: Any = worker.codes.body({"given": given, "attempt": 2})
    assert (first["ok"], first["effectAt"]) == (False, None)
    assert (second["ok"], second["effectAt"]) == (True, 1.0)
    assert first["ms"] == 5.0
