"""The experiments behind the questions that people ask: each engine is disturbed in one way, and its rules decide."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.experiments.what_ifs import QUESTIONS, WhatIf, what_ifs
from durascope.models.loading import load_scenario
from durascope.models.scenario import Scenario
from durascope.models.units import SECOND

ENGINES = ("temporal", "inngest", "restate")
DAY = 86_400 * SECOND


def asked(target: str | Scenario, question: str, engines: tuple[str, ...] = ENGINES) -> dict[str, WhatIf]:
    scenario = load_scenario(target) if isinstance(target, str) else target
    return what_ifs(scenario, engines, (question,), seed=0, seeds=3, processes=1).get(question, {})


def late(told: WhatIf) -> float:
    assert told.delay_us is not None
    return told.delay_us.value


def workflow(*steps: dict[str, Any]) -> Scenario:
    return Scenario.model_validate({"scenario": "asked", "workflows": {"w": {"steps": list(steps)}}})


class TestADeadWorker:
    def test_is_noticed_by_the_step_s_timeout_a_backoff_or_a_broken_stream(self) -> None:
        found = asked("order-fulfillment", "app_dies")
        back = {engine: told.recovery_us.value / SECOND for engine, told in found.items() if told.recovery_us}
        assert 10 < back["temporal"] < 12
        assert 15 < back["inngest"] < 45
        assert 2 < back["restate"] < 5

    def test_is_noticed_by_nobody_where_steps_are_only_saved(self) -> None:
        assert asked("order-fulfillment", "app_dies", ("checkpoint",))["checkpoint"].statuses == {"running": 3}


def test_a_step_added_before_a_recorded_one_stops_only_the_engine_that_replays_commands_in_order() -> None:
    ends = {engine: dict(told.statuses) for engine, told in asked("order-fulfillment", "deploy").items()}
    assert ends == {"temporal": {"running": 3}, "inngest": {"completed": 3}, "restate": {"completed": 3}}


def test_a_compensation_that_crashes_after_its_effect_is_done_again_and_the_run_still_ends() -> None:
    found = asked("order-fulfillment", "compensation_dies")
    assert set(found) == set(ENGINES)
    for told in found.values():
        assert told.statuses == {"failed": 3}
        assert told.duplicates is not None
        assert told.duplicates.value == 1


class TestAnApproval:
    def test_that_comes_early_is_kept_by_two_and_lost_by_the_one_that_has_no_wait_for_it_yet(self) -> None:
        found = asked("onboarding", "approval_early")
        assert late(found["temporal"]) < SECOND
        assert late(found["restate"]) < SECOND
        assert late(found["inngest"]) == pytest.approx(30 * DAY, rel=0.01)

    def test_that_comes_late_finds_the_wait_timed_out(self) -> None:
        found = asked("onboarding", "approval_late")
        assert set(found) == set(ENGINES)
        for told in found.values():
            assert late(told) == pytest.approx(30 * DAY, rel=0.01)

    def test_that_comes_twice_changes_nothing(self) -> None:
        found = asked("onboarding", "approval_twice")
        assert set(found) == set(ENGINES)
        for told in found.values():
            assert abs(late(told)) < SECOND

    def test_in_a_branch_is_found_too(self) -> None:
        approval = {"wait_for": "approved", "timeout": "1h"}
        branches = {"parallel": [[approval, {"run": "publish"}], {"run": "prepare", "takes": "1s"}]}
        found = asked(workflow({"run": "draft"}, branches), "approval_late")
        assert set(found) == set(ENGINES)
        for told in found.values():
            assert late(told) == pytest.approx(3_600 * SECOND, rel=0.01)

    def test_that_only_some_runs_wait_for_is_not_asked_about(self) -> None:
        choice = {"choose": [{"when": "large", "do": [{"wait_for": "approved", "timeout": "1h"}]}]}
        rare = workflow({"run": "draft", "result": {"large": "10%"}}, choice)
        assert asked(rare, "approval_late") == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_runs_of_one_key_wait_for_each_other(engine: str) -> None:
    told = asked("payment", "same_key")[engine]
    assert told.statuses == {"completed": 12}
    assert told.overlapping == 0


def test_what_does_not_touch_a_scenario_is_not_asked() -> None:
    plain = workflow({"run": "a"}, {"run": "b"})
    found = what_ifs(plain, ("restate",), tuple(QUESTIONS), seed=0, seeds=2, processes=1)
    assert set(found) == {"engine_away", "app_dies", "deploy"}


def test_nothing_is_asked_of_no_runs() -> None:
    payment = load_scenario("payment")
    none = payment.model_copy(update={"workload": payment.workload.model_copy(update={"runs": 0})})
    assert asked(none, "app_dies") == {}
