"""Replications: where time went, what was repeated, and when there are enough of them."""

from __future__ import annotations

import pytest

from durascope.experiments.breakdown import PARTS, parts, repeated
from durascope.experiments.decision import TOLD, decide
from durascope.experiments.evidence import as_json
from durascope.experiments.replication import replicate
from durascope.experiments.study import LEAST, study
from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides
from durascope.models.scenario import Scenario
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate")


def scenario(*steps: object, **more: object) -> Scenario:
    return Scenario.model_validate({"scenario": "s", "workflows": {"w": {"steps": list(steps)}}, **more})


@pytest.mark.parametrize("engine", ENGINES)
class TestWhereTimeGoes:
    def test_the_parts_of_a_run_are_its_duration(self, engine: str) -> None:
        asked = scenario({"run": "a", "takes": "200ms"}, {"sleep": "3s"}, {"run": "b", "takes": "100ms", "fails": 1})
        trace = simulate(asked, engine)
        run = trace.started[0]
        found = parts(trace, asked, run)
        assert run.ended_at is not None
        assert sum(found.values()) == run.ended_at - run.started_at
        assert tuple(found) == PARTS
        assert found["execution"] == pytest.approx(400_000, rel=0.01)
        assert found["idle"] == pytest.approx(3_000_000, rel=0.01)
        assert found["transitions"] > 0

    def test_steps_side_by_side_count_once(self, engine: str) -> None:
        asked = scenario({"parallel": [{"run": "a", "takes": "1s"}, {"run": "b", "takes": "1s"}]})
        trace = simulate(asked, engine)
        assert parts(trace, asked, trace.started[0])["execution"] < 1_100_000

    def test_what_a_crash_makes_run_again_is_counted_with_its_price(self, engine: str) -> None:
        asked = scenario(
            {"run": "charge", "on": "bank"},
            services={"bank": {"latency": "500ms", "price": "0.25 USD", "tokens": 1200}},
            faults=[{"crash": "app", "when": {"step": "charge", "moment": "after-effect"}, "down_for": "1s"}],
        )
        found = repeated(simulate(asked, engine), asked)
        assert (found.executions, found.us, found.usd, found.tokens) == (1, 500_000, 0.25, 1200)


def test_all_engines_meet_the_same_world() -> None:
    asked = load_scenario("agent")
    executions = {replicate(asked, engine, 7).parts_us["execution"] for engine in ENGINES}
    assert len(executions) == 1, "without faults the steps take the same time on every engine"


def test_a_deterministic_scenario_needs_no_more_than_the_first_look() -> None:
    found = study(scenario({"run": "a", "takes": "1s"}), ["restate"])
    assert (found.count, found.precise) == (20, True)


def test_a_noisy_one_is_replicated_until_it_is_precise_or_the_budget_is_spent() -> None:
    noisy = scenario({"run": "a", "takes": {"exponential": "1s"}})
    precise = study(noisy, ["restate"], precision=0.2)
    assert precise.precise
    assert precise.count > 20
    spent = study(noisy, ["restate"], precision=0.001, most=40)
    assert (spent.count, spent.precise) == (40, False)


def test_paired_differences_are_narrower_than_the_figures() -> None:
    found = study(load_scenario("agent"), ["temporal", "restate"], replications=20)
    difference = found.differences[0].us
    means = [each.latency_us["mean"].half_width for each in found.estimates.values()]
    assert difference.half_width < min(means)


def test_the_same_engine_twice_differs_by_little_and_not_surely() -> None:
    found = study(load_scenario("order-fulfillment"), ["temporal"], replications=20)
    floor = found.floor_us["temporal"]
    assert floor is not None
    assert not floor.excludes(0)


def test_no_duplicate_seen_is_not_none_possible() -> None:
    found = study(scenario({"run": "a", "takes": "1s"}), ["restate"], replications=50)
    rate = found.estimates["restate"].duplicates_per_million
    assert rate is not None
    assert rate.value == 0
    assert 50_000 < rate.high < 100_000, "about three in fifty, at 95 %"


@pytest.mark.parametrize("processes", [2, 3])
def test_the_number_of_processes_changes_nothing(processes: int) -> None:
    asked = load_scenario("payment")
    alone = as_json(decide(asked, ["inngest"], replications=24, processes=1, quick=True))
    assert as_json(decide(asked, ["inngest"], replications=24, processes=processes, quick=True)) == alone


def test_children_are_not_runs_of_the_workload() -> None:
    asked = Scenario.model_validate(
        {
            "scenario": "s",
            "workflows": {"w": {"steps": [{"call": "c"}]}, "c": {"steps": [{"run": "a", "takes": "10ms"}]}},
            "workload": {"runs": 3, "of": "w"},
        }
    )
    for engine in ENGINES:
        assert replicate(asked, engine, 0).runs == 3


def test_a_slow_scenario_stops_when_the_time_is_over_with_equally_many_on_each_engine() -> None:
    found = study(load_scenario("order-fulfillment"), ["temporal", "restate"], budget_s=0.0, processes=1)
    assert found.count == LEAST
    assert {len(each) for each in found.replications.values()} == {LEAST}
    assert found.out_of_time


def test_what_is_asked_for_in_number_is_made_whatever_the_time() -> None:
    found = study(load_scenario("payment"), ["restate"], replications=4, budget_s=0.0, processes=1)
    assert found.count == 4
    assert not found.out_of_time


def test_what_became_of_runs_and_messages_is_told_beside_what_the_engine_lacks() -> None:
    stuck = load_scenario("order-fulfillment-deploy")
    found = as_json(decide(stuck, ["temporal", "inngest"], replications=2, processes=1, quick=True))["notes"]
    assert any("since 734 ms it waits for a workflow task that does not fail" in note for note in found["temporal"])
    assert any("Inngest has no queries" in note for note in found["inngest"])
    many = load_scenario("order-fulfillment-deploy", Overrides(runs=TOLD + 1))
    found = as_json(decide(many, ["temporal", "inngest"], replications=2, processes=1, quick=True))["notes"]
    assert found["temporal"] == []
    assert len(found["inngest"]) == 2
