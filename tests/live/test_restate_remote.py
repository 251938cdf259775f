"""Handlers that a service of another language asks for: turns and answers, as such a service would exchange them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from durascope.live.restate.remote import RemoteServices
from durascope.models.reading import parse_scenario

STEPS = """
scenario: remote
workflows:
  w:
    steps:
      - {run: a, undo: undo-a, takes: 30ms}
      - parallel: [{run: b}, {run: c}]
      - {wait_for: go, timeout: 2s, on_timeout: [{fail: too late}]}
deployments: {restate: {service: {sdk: typescript}}}
"""
REQUEST = {"run": "run 1", "workflow": "w", "number": 1, "key": None, "input": {}, "luck": "run 1"}


class Service:
    """Asks for a handler's code as a service does, and answers as its SDK would."""

    def __init__(self, text: str = STEPS) -> None:
        self.told: list[dict[str, object]] = []
        scenario = parse_scenario(text)
        self.services = RemoteServices(scenario, 0, frozenset(), lambda _process: scenario.workflows, self._take)
        target = {"workflow": "w", "kind": "run", "name": "w"}
        self.turn = self._ask(do="begin", target=target, invocation="inv_1", request=REQUEST)

    def _take(self, message: dict[str, object]) -> object:
        self.told.append(message)
        return {"execution": 1}.get(str(message.get("ask")))

    def _ask(self, **message: object) -> Any:
        return self.services.answer({"process": "service", **message})

    def go_on(self, *completed: Mapping[str, object], cancelled: bool = False) -> Any:
        self.turn = self._ask(do="go-on", attempt=0, completed=completed, cancelled=cancelled)
        return self.turn

    @property
    def commands(self) -> list[tuple[str, object]]:
        return [(each["do"], each.get("name")) for each in self.turn["commands"]]


@pytest.fixture
def service() -> Service:
    return Service()


def done(handle: int) -> dict[str, object]:
    return {"handle": handle, "value": {}}


def failed(handle: int, message: str = "Refused") -> dict[str, object]:
    return {"handle": handle, "failure": {"message": message, "code": 500}}


def test_an_attempt_begins_with_its_first_command_and_waits_for_it(service: Service) -> None:
    assert service.commands == [("run", "a")]
    assert service.turn["then"] == {"wait": [0], "together": False}


def test_branches_of_one_step_each_are_awaited_together(service: Service) -> None:
    service.go_on(done(0))
    assert service.commands == [("run", "b"), ("run", "c")]
    assert service.turn["then"] == {"wait": [1, 2], "together": True}


def test_a_wait_with_a_time_is_the_sdks_own(service: Service) -> None:
    service.go_on(done(0))
    service.go_on(done(1), done(2))
    assert [each for each, _ in service.commands] == ["awakeable", "mark", "or-timeout"]
    assert service.turn["then"] == {"wait": [4], "together": False}
    service.go_on({"handle": 4, "value": {"by": "ops"}})
    assert service.turn["ended"] == {"how": "returned", "value": None}


def test_a_time_that_is_over_takes_the_other_way(service: Service) -> None:
    service.go_on(done(0))
    service.go_on(done(1), done(2))
    service.go_on({"handle": 4, "timedOut": True})
    assert service.commands == [("run", "undo-a")]
    service.go_on(done(5))
    assert service.turn["ended"] == {"how": "failed", "message": "too late", "code": 500}


def test_the_first_branch_that_fails_fails_all(service: Service) -> None:
    """`Promise.all`: nobody waits for the other."""
    service.go_on(done(0))
    service.go_on(failed(2))
    assert service.commands == [("run", "undo-a")]
    service.go_on(done(3))
    assert service.turn["ended"] == {"how": "failed", "message": "Refused", "code": 500}


def test_a_cancellation_is_thrown_where_the_code_waits(service: Service) -> None:
    service.go_on(done(0))
    service.go_on(cancelled=True)
    assert service.commands == [("run", "undo-a")]
    service.go_on(done(3))
    assert service.turn["ended"] == {"how": "failed", "message": "cancelled", "code": 409}


def test_the_closure_of_a_step_is_told_its_number_and_its_plan(service: Service) -> None:
    begun: Any = service.services.execution({"attempt": 0, "handle": 0})
    assert (begun["run"], begun["step"], begun["execution"], begun["limit"]) == ("run 1", "a", 1, None)
    body: Any = service.services.body({"attempt": 0, "handle": 0, "execution": 1})
    assert (body["ms"], body["effectAt"], body["ok"]) == (30.0, 1.0, True)
    assert body["values"] == {"step": "a", "ok": True, "attempts": 1}


def test_a_bug_is_an_error_that_the_attempt_ends_with() -> None:
    service = Service("scenario: s\nworkflows: {w: {steps: [{bug: broken}]}}")
    assert service.turn["ended"] == {"how": "bug", "message": "broken"}
