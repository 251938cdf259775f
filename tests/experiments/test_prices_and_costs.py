"""Bills: the vendors' own worked examples, and what a scenario's units make of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from durascope.experiments.costs import Offer, Usage, Uses, bills, crossovers, usage
from durascope.experiments.decision import decide
from durascope.experiments.prices import Plan, PricesError, Tier, criteria, prices, shipped
from durascope.models.loading import load_scenario
from durascope.models.scenario import Scenario

FIVE_STEPS_AND_A_TIMER = Scenario.model_validate(
    {
        "scenario": "five-steps",
        "workflows": {"w": {"steps": [*({"run": f"step-{n}", "takes": "10ms"} for n in range(5)), {"sleep": "1h"}]}},
    }
)


def plan(engine: str, name: str) -> Plan:
    return next(each for each in shipped()[engine].plans if each.name == name)


def test_temporals_own_example_of_tiers() -> None:
    over_the_allowance = plan("temporal", "Business").usd_per_month({"action": 2_500_000 + 11_250_000})
    assert over_the_allowance == 500 + 525


@pytest.mark.parametrize(
    ("engine", "name", "usd"),
    [
        ("temporal", "Developer", 385.0),
        ("temporal", "Business", 725.0),
        ("inngest", "Pro", 399.0),
        ("restate", "Starter", 150.0),
        ("restate", "Business", 300.0),
    ],
)
def test_five_steps_and_a_durable_timer_a_million_times_a_month(engine: str, name: str, usd: float) -> None:
    decision = decide(FIVE_STEPS_AND_A_TIMER, [engine], replications=2)
    bill = next(each for each in decision.bills[engine] if each.plan == name)
    assert bill.usd_per_month == pytest.approx(usd)
    assert bill.price_of_failure == 0


def test_a_retried_step_is_an_action_on_temporal_and_none_on_restate() -> None:
    failing = FIVE_STEPS_AND_A_TIMER.model_copy(
        update={"workflows": Scenario.model_validate({
            "scenario": "failing", "workflows": {"w": {"steps": [{"run": "a", "takes": "10ms", "fails": 2}]}},
        }).workflows}
    )  # fmt: skip
    decision = decide(failing, ["temporal", "restate"], replications=2)
    per_run = {engine: decision.measured[2][1][engine].value for engine in ("temporal", "restate")}
    assert per_run == {"temporal": 1 + 3, "restate": 2 + 1}


@pytest.mark.parametrize(
    ("name", "developer", "business"),
    [
        # One activity is tried once more: a million actions at $50. Developer pays 10 % on top; on Business they fall
        # into the first tier for order fulfillment (3.5 to 4.5 million over the allowance), the third for the agent
        # (10.5 to 11.5 million, $40).
        ("order-fulfillment", 55.0, 50.0),
        ("agent", 55.0, 40.0),
        # Stripe is away for half a minute: attempts at 0, 1, 3, 7 and 15 s fail, so five million more: 3.5 to 8.5
        # million over the allowance, 1.5 at $50 and 3.5 at $45.
        ("order-fulfillment-outage", 275.0, 232.5),
    ],
)
def test_the_price_of_failure_is_what_is_counted_by_hand(name: str, developer: float, business: float) -> None:
    asked = load_scenario(name)
    sure = {key: each.model_copy(update={"failures": 0.0}) for key, each in asked.services.items()}
    engines = ("temporal", "inngest", "restate")
    found = decide(asked.model_copy(update={"services": sure}), engines, replications=2, quick=True, processes=1)
    price = {bill.plan: bill.price_of_failure for bill in found.bills["temporal"]}
    assert price["Developer"] == pytest.approx(developer)
    assert price["Business"] == pytest.approx(business)
    others = [bill.price_of_failure for engine in ("inngest", "restate") for bill in found.bills[engine]]
    assert {each for each in others if each is not None} == {0.0}, "attempts are not billed there"


def test_a_plan_without_a_further_price_ends_where_the_included_units_do() -> None:
    free = plan("restate", "Free")
    assert free.usd_per_month({"action": 100_000}) == 0
    assert free.usd_per_month({"action": 100_001}) is None


def test_the_greater_of_fee_and_share_of_usage_is_paid() -> None:
    both = Plan(name="p", base_usd=100, share_of_usage=0.1, prices={"x": (Tier(usd=1_000),)})
    assert both.usd_per_month({"x": 500_000}) == 500 + 100
    assert both.usd_per_month({"x": 2_000_000}) == 2_000 + 200


def test_where_one_plan_becomes_cheaper_than_another() -> None:
    flat = Plan(name="flat", base_usd=100)
    metered = Plan(name="metered", prices={"x": (Tier(usd=100),)})
    once = Usage({"x": 1.0})
    assert [
        (each.runs_per_month, each.cheaper_below, each.cheaper_above)
        for each in crossovers([Offer("flat", flat, once), Offer("metered", metered, once)])
    ] == [(1_000_000, "metered", "flat")]


def test_storage_is_told_beside_the_units() -> None:
    used = usage(shipped()["temporal"], {"billable_actions": 7.0, "history_bytes": 1_000.0}, 1, 3_600_000_000)
    bill = bills(shipped()["temporal"], Uses.of([(used, used)] * 2), 1_000_000)[0]
    assert bill.storage_usd_per_month == pytest.approx(1 * (0.042 + 7 * 24 * 0.00105))


def test_every_shipped_fact_has_a_source_and_a_date() -> None:
    for each in shipped().values():
        assert each.source
        assert each.retrieved >= "2026"
        assert each.confidence in ("vendor", "second-hand")
    assert criteria().source


class TestAFileOfPrices:
    GOOD = """
vendor: Mine
engine: restate
source: a contract
retrieved: 2026-11
confidence: vendor
unit: action
usage: {action: billable_actions}
what_counts: everything
plans: [{name: Flat, base_usd: 10}]
"""

    def test_replaces_the_one_that_ships(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text(self.GOOD)
        known = prices((file,))
        assert known["restate"].vendor == "Mine"
        assert known["temporal"].vendor == "Temporal Cloud"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("vendor: [", "not YAML"),
            (GOOD.replace("2026-11", "yesterday"), "retrieved"),
            (GOOD.replace("base_usd: 10", "base_usd: ten"), "plans.0.base_usd"),
            (GOOD.replace("usage:", "usages:"), "usage"),
        ],
    )
    def test_that_is_wrong_is_named_with_the_place(self, tmp_path: Path, text: str, said: str) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text(text)
        with pytest.raises(PricesError, match=said):
            prices((file,))
