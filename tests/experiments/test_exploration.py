"""Exploring finds what is there, says how to see it again, and does not call an empty search a success."""

from __future__ import annotations

import json
import shlex

import pytest

from durascope.experiments.exploration.cures import cured
from durascope.experiments.exploration.disturbances import NothingToExplore, calm, disturbances, long_us
from durascope.experiments.exploration.explore import Exploration, explore
from durascope.models.loading import load_scenario
from durascope.models.scenario import Scenario
from durascope.simulators.simulate import simulate
from tests.cli.commands import durascope

ENGINES = ("temporal", "inngest", "restate")


def scenario(*steps: object, **more: object) -> Scenario:
    return Scenario.model_validate({"scenario": "s", "workflows": {"w": {"steps": list(steps)}}, **more})


def at_moments(name: str, *engines: str, **more: object) -> Exploration:
    return explore(load_scenario(name), engines or ENGINES, between=False, processes=1, **more)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def orders() -> Exploration:
    return at_moments("order-fulfillment")


class TestOrderFulfillment:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_the_duplicate_charge_is_found_on_every_engine(self, orders: Exploration, engine: str) -> None:
        guarantee = orders.engines[engine].steps["charge-payment"]
        assert (guarantee.fewest, guarantee.most) == (1, 2)
        finding = next(f for f in orders.engines[engine].findings if f.step == "charge-payment")
        assert "app after-effect charge-payment" in finding.reproduce

    @pytest.mark.parametrize("engine", ENGINES)
    def test_every_line_that_reproduces_a_finding_does(self, orders: Exploration, engine: str) -> None:
        for finding in orders.engines[engine].findings:
            words = shlex.split(finding.reproduce)
            data = json.loads(durascope(*words[1:], "--json").out)["engines"][engine]
            if finding.property == "duplicate":
                assert data["effects"][finding.step] == 2, finding.reproduce
            elif finding.property == "slow":
                assert f"{data['metrics']['delay_ms'] / 1000:.3g} s later" == finding.cause

    def test_what_is_recorded_is_never_repeated_and_no_run_is_lost(self, orders: Exploration) -> None:
        for each in orders.engines.values():
            assert "recorded-once" not in each.broken
            assert "no-run-lost" not in each.broken

    def test_the_expectations_do_not_hold_whatever_breaks(self, orders: Exploration) -> None:
        assert not orders.held

    def test_the_cure_was_tried_and_helps(self, orders: Exploration) -> None:
        restate = Exploration(orders.scenario, 0, orders.whats, {"restate": orders.engines["restate"]})
        finding = next(f for f in cured(restate, processes=1).engines["restate"].findings if f.step == "charge-payment")
        cure = finding.cures[0]
        assert (cure.before, cure.after, cure.helped) == ("1–2 times", "1–1 times", True)


def test_a_deploy_that_inserts_a_step_breaks_runs_in_flight_on_temporal_alone() -> None:
    found = at_moments("order-fulfillment-deploy", whats=["deploy"])
    stuck = {engine: each.stuck for engine, each in found.engines.items()}
    assert stuck["temporal"] > 0
    assert stuck["inngest"] == stuck["restate"] == 0


def test_a_cancel_at_every_moment_undoes_what_was_done() -> None:
    found = at_moments("order-fulfillment", "temporal", whats=["cancel"])
    assert set(found.engines["temporal"].statuses) <= {"cancelled", "completed", "failed"}


@pytest.mark.parametrize("engine", ENGINES)
def test_times_between_events_are_points_too(engine: str) -> None:
    asked = scenario({"run": "a", "takes": "1s", "effect_at": "50%"})
    trace = simulate(calm(asked), engine, full=True)
    both = disturbances(asked, trace, ["crash"])
    assert len(both) > len(disturbances(asked, trace, ["crash"], between=False))
    found = explore(asked, [engine], processes=1)
    assert found.engines[engine].steps["a"].most >= 2
    assert found.engines[engine].points == len(both)


def test_a_step_that_no_crash_can_repeat_says_so() -> None:
    asked = scenario({"run": "a", "takes": "10ms", "effect_at": "never"})
    found = explore(asked, ["restate"], processes=1)
    assert (found.engines["restate"].steps["a"].fewest, found.engines["restate"].steps["a"].most) == (0, 0)


def test_an_exploration_that_changes_nothing_has_failed() -> None:
    asked = scenario({"run": "a", "takes": "10ms"}, services={"bank": {}})
    found = explore(asked, ["restate"], whats=["outage"], processes=1)
    assert found.vacuous == ("restate",), "nothing calls the bank"


def test_a_long_time_down_outlasts_every_timeout() -> None:
    assert long_us(scenario({"run": "a", "timeout": "10m"})) > 600_000_000


@pytest.mark.parametrize("processes", [2, 3])
def test_the_number_of_processes_changes_nothing(processes: int, orders: Exploration) -> None:
    again = explore(load_scenario("order-fulfillment"), ["restate"], between=False, processes=processes)
    assert again.engines["restate"] == orders.engines["restate"]


class TestBadInput:
    def test_no_runs(self) -> None:
        with pytest.raises(NothingToExplore, match="--runs"):
            explore(scenario({"run": "a"}, workload={"runs": 0}), ["restate"])

    def test_too_many_runs(self) -> None:
        with pytest.raises(NothingToExplore, match="1 to 100"):
            explore(scenario({"run": "a"}, workload={"runs": 5_000}), ["restate"])

    def test_a_deploy_without_a_change(self) -> None:
        with pytest.raises(NothingToExplore, match="deploy"):
            at_moments("order-fulfillment", "restate", whats=["deploy"])

    @pytest.mark.parametrize("arguments", [("--what", "fire"), ("--down", "2"), ("--what", "deploy"), ("--runs", "0")])
    def test_on_the_command_line(self, arguments: tuple[str, ...]) -> None:
        answer = durascope("explore", "order-fulfillment", *arguments)
        assert answer.status == 2
        assert "internal error" not in answer.err


def test_the_page_and_the_exit_status() -> None:
    page = durascope("explore", "order-fulfillment", "-e", "restate", "--moments", "--processes", "1")
    assert page.status == 1, "the scenario expects each effect once, and that does not hold whatever breaks"
    for words in ("1–2", "◆", "always: ", "sometimes: ", "--crash 'app after-effect"):
        assert words in page.out
