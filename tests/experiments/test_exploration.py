"""Exploring finds what is there, says how to see it again, and does not call an empty search a success."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from durascope.experiments.exploration.disturbances import NothingToExplore, calm, long_us
from durascope.experiments.exploration.explore import explore
from durascope.experiments.exploration.explored import Exploration, Explored
from durascope.experiments.exploration.points import points
from durascope.experiments.exploration.trials import with_remedies
from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.workload import MOMENTS
from durascope.models.writing import as_yaml
from durascope.simulators.places import same_places, undisturbed
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
        assert "no result of charge-payment has been recorded" in finding.cause

    @pytest.mark.parametrize("engine", ENGINES)
    def test_every_line_that_reproduces_a_finding_does(self, orders: Exploration, engine: str) -> None:
        for finding in orders.engines[engine].findings:
            words = shlex.split(finding.reproduce)
            data = json.loads(durascope(*words[1:], "--json").out)["engines"][engine]
            if finding.property == "duplicate":
                assert data["effects"][finding.step] == 2, finding.reproduce
            elif finding.property == "slow":
                assert finding.sentence.endswith(f"a run {spell(round(data['metrics']['delay_ms'] * 1000))} late")
            else:
                assert not all(each["held"] for each in data["expectations"]), finding.reproduce

    def test_what_is_recorded_is_never_repeated_and_no_run_is_lost(self, orders: Exploration) -> None:
        for each in orders.engines.values():
            assert "recorded-once" not in each.broken
            assert "no-run-lost" not in each.broken

    def test_the_expectations_do_not_hold_whatever_breaks(self, orders: Exploration) -> None:
        assert not orders.held

    def test_the_remedy_was_tried_and_helps(self, orders: Exploration) -> None:
        restate = replace(orders, engines={"restate": orders.engines["restate"]})
        finding = next(
            f for f in with_remedies(restate, processes=1).engines["restate"].findings if f.step == "charge-payment"
        )
        remedy = finding.remedies[0]
        assert (remedy.before, remedy.after, remedy.helped) == ("1–2 times", "once", True)
        one_attempt = next(each for each in finding.remedies if "one attempt" in each.title)
        assert not one_attempt.helped, "Restate retries the invocation, whatever the step says"

    def test_checking_before_acting_helps_and_takes_its_time(self, orders: Exploration) -> None:
        restate = replace(orders, engines={"restate": orders.engines["restate"]})
        finding = next(
            f for f in with_remedies(restate, processes=1).engines["restate"].findings if f.step == "charge-payment"
        )
        remedy = next(each for each in finding.remedies if "checking" in each.title)
        assert (remedy.before, remedy.after, remedy.helped, remedy.loses) == ("1–2 times", "once", True, False)
        assert remedy.now.latency_us > remedy.was.latency_us, "the question is one more call"

    def test_what_helped_is_tried_together(self, orders: Exploration) -> None:
        restate = replace(orders, engines={"restate": orders.engines["restate"]})
        together = with_remedies(restate, processes=1).engines["restate"].together
        assert together is not None
        assert (together.before, together.after) == (
            "5 of 5 steps can happen again",
            "none of 5 steps can happen again",
        )
        assert not together.loses, "two steps of one service are not handed the same idempotency key"
        again = load_scenario("order-fulfillment", Overrides(together.settings))
        assert explore(again, ["restate"], between=False, processes=1).held

    def test_one_attempt_is_at_most_once_on_temporal(self, orders: Exploration) -> None:
        temporal = replace(orders, engines={"temporal": orders.engines["temporal"]})
        finding = next(
            f for f in with_remedies(temporal, processes=1).engines["temporal"].findings if f.step == "reserve-stock"
        )
        one_attempt = next(each for each in finding.remedies if "one attempt" in each.title)
        assert (one_attempt.before, one_attempt.after) == ("1–2 times", "0–1 times")
        assert one_attempt.helped
        assert one_attempt.loses, "at most once is not exactly once"

    def test_a_run_that_is_not_in_a_small_cache_costs_a_replay_that_a_larger_one_saves(self) -> None:
        small = load_scenario("order-fulfillment", Overrides(("deployments.temporal.workers.0.cache=0",)))
        found = with_remedies(explore(small, ["temporal"], between=False, processes=1), processes=1)
        slow = next(f for f in found.engines["temporal"].findings if f.property == "slow")
        remedy = next(each for each in slow.remedies if each.title == "a cache of 1,000 runs")
        assert remedy.settings == ("deployments.temporal.workers.workflow-worker.cache=1000",)
        assert remedy.now.latency_us < remedy.was.latency_us


def test_a_deploy_that_inserts_a_step_breaks_runs_in_flight_on_temporal_alone() -> None:
    found = at_moments("order-fulfillment-deploy", whats=["deploy"])
    stuck = {engine: each.stuck for engine, each in found.engines.items()}
    assert stuck["temporal"] > 0
    assert stuck["inngest"] == stuck["restate"] == 0
    assert not found.vacuous, "that a deploy harms nobody on an engine is what one wants to know"
    assert not found.engines["restate"].changed


def test_a_version_guard_helps_against_the_deploy() -> None:
    found = with_remedies(at_moments("order-fulfillment-deploy", "temporal", whats=["deploy"]), processes=1)
    finding = next(f for f in found.engines["temporal"].findings if f.property == "no-run-lost")
    assert [remedy.title for remedy in finding.remedies if remedy.helped] == [
        "a version guard (`patched`) around the new step"
    ]


def test_a_cancel_at_every_moment_undoes_what_was_done() -> None:
    found = at_moments("order-fulfillment", "temporal", whats=["cancel"])
    assert set(found.engines["temporal"].statuses) <= {"cancelled", "completed", "failed"}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_event_is_a_point_too(engine: str) -> None:
    asked = scenario({"run": "a", "takes": "1s", "effect_at": "50%"})
    base = undisturbed(calm(asked), engine)
    both = list(points(asked, base, ["crash"]))
    assert len(both) > len(list(points(asked, base, ["crash"], events=False)))
    found = explore(asked, [engine], processes=1)
    assert found.engines[engine].steps["a"].most >= 2
    assert found.engines[engine].simulated == len(both)


def table(explored: Explored) -> object:
    return explored.steps, explored.worst_delay_us, set(explored.statuses), set(explored.broken), set(explored.seen)


class TestMerging:
    """Points that are merged are the same point: without merging the table is the same."""

    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("name", ["order-fulfillment", "agent"])
    def test_brute_force_agrees(self, name: str, engine: str) -> None:
        asked = load_scenario(name)
        merged = explore(asked, [engine], processes=2).engines[engine]
        brute = explore(asked, [engine], merge=False, processes=2).engines[engine]
        assert merged.merged > 0
        assert brute.merged == 0
        assert brute.simulated == merged.simulated + merged.merged
        assert table(brute) == table(merged)
        assert [each.sentence for each in brute.findings] == [each.sentence for each in merged.findings]

    def test_a_transaction_is_one_point(self) -> None:
        """What an engine writes is written as a whole: it cannot die in the middle of it."""
        base = undisturbed(calm(load_scenario("order-fulfillment")), "temporal")
        server = next(each for each in base.processes if each.name == "engine")
        merged = [(low, high) for low, high in same_places(base, server) if high > low]
        assert merged
        for low, high in merged:
            assert len({event.at for event in base.trace.events[low : high + 1]}) == 1

    def test_two_moments_of_a_step_are_two_points(self) -> None:
        for engine in ENGINES:
            base = undisturbed(calm(load_scenario("order-fulfillment")), engine)
            for process in base.processes:
                for low, high in same_places(base, process) if process.name != "engine" else ():
                    kinds = [base.trace.events[number].kind for number in range(low, high + 1)]
                    assert sum(kind.value in MOMENTS for kind in kinds) <= 1, kinds

    def test_watching_changes_nothing(self) -> None:
        asked = calm(load_scenario("payment"))
        for engine in ENGINES:
            assert undisturbed(asked, engine).trace == simulate(asked, engine, full=True, records=False)


@pytest.fixture(scope="module")
def pairs() -> Exploration:
    asked = scenario({"run": "a", "takes": "1s", "on": "bank"}, services={"bank": {}})
    return explore(asked, ENGINES, between=False, crashes=2, processes=1)


class TestPairs:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_a_crash_during_recovery_repeats_the_effect_once_more(self, pairs: Exploration, engine: str) -> None:
        each = pairs.engines[engine]
        assert each.pairs is not None
        assert each.pairs.simulated > each.tally.simulated
        assert each.pairs.missed == 0, "every second crash strikes, after the first"
        assert each.steps["a"].most == 3
        assert [len(finding.disturbances) for finding in each.findings if finding.sentence == "a can happen 3 times"]

    @pytest.mark.parametrize("engine", ENGINES)
    def test_a_pair_is_reproduced_by_its_line(self, pairs: Exploration, engine: str, tmp_path: Path) -> None:
        file = tmp_path / "s.yaml"
        file.write_text(as_yaml(pairs.scenario), "utf-8")
        finding = next(f for f in pairs.engines[engine].findings if len(f.disturbances) == 2)
        words = shlex.split(finding.reproduce)
        words[2] = str(file)
        assert json.loads(durascope(*words[1:], "--json").out)["engines"][engine]["effects"]["a"] == 3

    def test_a_step_that_each_crash_repeats_has_no_bound(self, pairs: Exploration) -> None:
        for each in pairs.engines.values():
            assert each.without_end("a")
            assert list(each.tally.chains["a"]) == [2, 3, 4, 5]

    def test_a_step_with_one_attempt_has_one(self) -> None:
        asked = scenario({"run": "a", "takes": "1s", "retry": {"max_attempts": 2}})
        each = explore(asked, ["temporal"], between=False, processes=1).engines["temporal"]
        assert each.steps["a"].most == 2
        assert not each.without_end("a")


def test_a_step_that_no_crash_can_repeat_says_so() -> None:
    asked = scenario({"run": "a", "takes": "10ms", "effect_at": "never"})
    found = explore(asked, ["restate"], processes=1)
    assert (found.engines["restate"].steps["a"].fewest, found.engines["restate"].steps["a"].most) == (0, 0)


def test_an_exploration_that_changes_nothing_has_failed() -> None:
    asked = scenario({"run": "a", "takes": "10ms"}, services={"bank": {}})
    found = explore(asked, ["restate"], whats=["outage"], processes=1)
    assert found.vacuous, "nothing calls the bank"


def test_a_long_time_down_outlasts_every_timeout() -> None:
    assert long_us(scenario({"run": "a", "timeout": "10m"})) > 600_000_000


@pytest.mark.parametrize("processes", [2, 3])
def test_the_number_of_processes_changes_nothing(processes: int, orders: Exploration) -> None:
    again = explore(load_scenario("order-fulfillment"), ["restate"], between=False, processes=processes)
    assert again.engines["restate"].tally == orders.engines["restate"].tally
    assert again.engines["restate"].findings == orders.engines["restate"].findings


def test_an_interrupt_ends_it_with_what_is_known() -> None:
    def impatient(_engine: str, done: int, _of: int) -> None:
        if done > 60:
            raise KeyboardInterrupt

    found = explore(load_scenario("order-fulfillment"), ENGINES, between=False, processes=1, progress=impatient)
    assert found.interrupted
    assert list(found.engines) == ["temporal"]
    each = found.engines["temporal"]
    assert 60 < each.simulated < each.points
    assert each.findings, "what was found by then is told"


def test_what_repetitions_cost() -> None:
    data = at_moments("agent", "restate").as_json()["engines"]["restate"]["steps"]
    assert data["plan"]["usd"] == [0.05, 0.1]
    assert at_moments("payment", "restate").as_json()["engines"]["restate"]["steps"]["stripe-charge"]["usd"] is None


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
    for words in ("1–∞", "◆", "always: ", "sometimes: ", "--crash 'app after-effect"):
        assert words in page.out
