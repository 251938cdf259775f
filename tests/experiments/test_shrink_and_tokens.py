"""A finding is reduced to the smallest scenario that shows it, and travels as a token that plays the same elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from durascope.experiments.exploration.explore import explore
from durascope.experiments.exploration.explored import Exploration
from durascope.experiments.exploration.points import points
from durascope.experiments.exploration.shrink import shrunk, smallest
from durascope.experiments.exploration.swarm import swarmed
from durascope.experiments.exploration.tokens import BadToken, read
from durascope.models.loading import load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.trace import Kind
from durascope.models.writing import as_brief, as_yaml
from durascope.simulators.places import same_places, undisturbed
from tests.cli.commands import durascope

ENGINES = ("temporal", "inngest", "restate")


@pytest.fixture(scope="module")
def orders() -> Exploration:
    return explore(load_scenario("order-fulfillment"), ENGINES, between=False, processes=1)


class TestShrink:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_a_duplicate_needs_one_step_and_one_crash(self, orders: Exploration, engine: str) -> None:
        """The known minimum: nothing else of order fulfillment matters."""
        finding = next(f for f in orders.engines[engine].findings if f.step == "charge-payment")
        found = smallest(orders.scenario, engine, 0, ("duplicate", "charge-payment"), finding.disturbances)
        assert as_brief(found.scenario) == {
            "scenario": "order-fulfillment",
            "workflows": {"fulfill-order": {"steps": [{"run": "charge-payment"}]}},
        }
        assert len(found.disturbances) == 1

    def test_an_expectation_keeps_itself_and_nothing_else(self, orders: Exploration) -> None:
        finding = next(f for f in orders.engines["restate"].findings if f.property == "expect")
        found = smallest(orders.scenario, "restate", 0, ("expect", None), finding.disturbances)
        assert as_brief(found.scenario)["expect"] == {"effects": {"reserve-stock": 1}}

    def test_a_crash_that_is_not_needed_goes(self) -> None:
        asked = parse_scenario("{scenario: s, workflows: {w: {steps: [{run: a, takes: 1s}]}}}")
        found = explore(asked, ["temporal"], between=False, crashes=2, processes=1)
        finding = next(f for f in found.engines["temporal"].findings if len(f.disturbances) == 2)
        left = smallest(asked, "temporal", 0, ("duplicate", "a"), finding.disturbances)
        assert len(left.disturbances) == 1, "twice needs one crash; only three times needs both"

    def test_the_file_shows_it(self, orders: Exploration, tmp_path: Path) -> None:
        each = shrunk(replace(orders, engines={"inngest": orders.engines["inngest"]})).engines["inngest"]
        for finding in each.findings:
            assert finding.smallest is not None
            file = tmp_path / "order-fulfillment.yaml"
            file.write_text(finding.smallest, "utf-8")
            data = json.loads(durascope("run", str(file), "-e", "inngest", "--json").out)["engines"]["inngest"]
            if finding.property == "duplicate":
                assert data["effects"][finding.step] == 2

    def test_what_follows_an_event_follows_the_one_like_it(self) -> None:
        asked = parse_scenario("{scenario: s, workflows: {w: {steps: [{run: a, takes: 1s}, {run: b, takes: 1s}]}}}")
        base = undisturbed(asked, "restate")
        begun = next(n for n, e in base.trace.of_kind(Kind.STEP_AFTER_EFFECT) if e.step == "b")
        app = next(each for each in base.processes if each.name == "app")
        low, high = next(group for group in same_places(base, app) if group[0] <= begun <= group[1])
        last = next(p for p in points(asked, base, ["crash"]) if (p.target, p.event, p.until) == ("app", low, high))
        left = smallest(asked, "restate", 0, ("duplicate", "b"), (last,))
        assert [len(workflow.steps) for workflow in left.scenario.workflows.values()] == [1]
        assert left.disturbances[0].event != low
        parse_scenario(left.yaml(), "s.yaml")


class TestTokens:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_it_plays_what_was_found(self, orders: Exploration, engine: str) -> None:
        for finding in orders.engines[engine].findings:
            assert len(finding.token) < 300, "short enough for a chat message"
            data = json.loads(durascope("replay", finding.token, "--json").out)["engines"][engine]
            if finding.property == "duplicate":
                assert data["effects"][finding.step] == 2

    def test_it_says_the_runs_and_settings_of_the_exploration(self) -> None:
        settings = ("services.stripe.latency=1s",)
        found = durascope(
            "explore", "order-fulfillment", "-e", "restate", "--moments", "--runs", "2", "--set", *settings, "--json"
        )
        finding = json.loads(found.out)["engines"]["restate"]["findings"][0]
        assert "--runs 2 --set services.stripe.latency=1s" in finding["reproduce"]
        said = read(finding["token"])
        assert (said.origin.runs, said.origin.settings) == (2, settings)
        assert durascope("replay", finding["token"], "--json").status in (0, 1)

    def test_it_plays_a_cancel(self) -> None:
        found = explore(load_scenario("order-fulfillment"), ["temporal"], between=False, whats=["cancel"], processes=1)
        assert found.engines["temporal"].statuses["cancelled"]
        swept = found.engines["temporal"].findings
        for finding in swept:
            assert durascope("replay", finding.token, "--json").status in (0, 1)

    def test_another_scenario_is_refused(self, orders: Exploration, tmp_path: Path) -> None:
        file = tmp_path / "order-fulfillment.yaml"
        file.write_text(as_yaml(orders.scenario).replace("250ms", "251ms"), "utf-8")
        answer = durascope("replay", orders.engines["restate"].findings[0].token, str(file))
        assert answer.status == 2
        assert "made of another order-fulfillment" in " ".join(answer.err.split())

    def test_another_version_is_refused(self, orders: Exploration, monkeypatch: pytest.MonkeyPatch) -> None:
        token = orders.engines["restate"].findings[0].token
        monkeypatch.setattr("durascope.experiments.exploration.tokens.__version__", "0.0.1")
        with pytest.raises(BadToken, match=r"this is 0\.0\.1"):
            read(token)

    @pytest.mark.parametrize("token", ["", "ds1.", "ds1.AAAA", "ds1.!!", "ds2.eNo", "hello", "ds1." + "A" * 10_000])
    def test_a_damaged_token_is_refused(self, token: str) -> None:
        with pytest.raises(BadToken):
            read(token)
        answer = durascope("replay", token)
        assert answer.status == 2
        assert "internal error" not in answer.err

    def test_a_token_cut_anywhere_is_refused(self, orders: Exploration) -> None:
        token = orders.engines["restate"].findings[0].token
        for end in range(len(token) - 3):
            with pytest.raises(BadToken):
                read(token[:end])


def test_a_swarm_finds_what_one_crash_cannot_show() -> None:
    """A closure that outlives its engine has its effect after another attempt's result is recorded: two faults."""
    alone = explore(load_scenario("order-fulfillment"), ["restate"], between=False, processes=1)
    assert "recorded-once" not in alone.engines["restate"].broken
    found = swarmed(alone, 3, processes=2)
    each = found.engines["restate"]
    assert each.swarms > 0
    fresh = each.findings[len(alone.engines["restate"].findings) :]
    for finding in fresh:
        answer = durascope("replay", finding.token, "--json")
        assert answer.status in (0, 1), answer.err
