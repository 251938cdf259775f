"""The scenarios that ship: they are valid, complete, and the variants differ only in what they teach."""

from __future__ import annotations

import pytest

from durascope.models.faults import Crash
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.steps import Run, walk

VARIANTS = [name for name in builtin_names() if name.startswith("order-fulfillment")]


def test_all_of_them_ship() -> None:
    expected = {"order-fulfillment", "onboarding", "payment", "agent", "agent-fan-out"}
    assert expected <= set(builtin_names())


@pytest.mark.parametrize("name", builtin_names())
def test_each_is_valid_and_teaches_about_every_engine(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.scenario == name
    assert scenario.title
    for engine in ("Temporal", "Inngest", "Restate"):
        assert f"**{engine}**" in scenario.about


@pytest.mark.parametrize("name", builtin_names())
def test_each_deploys_all_three_engines(name: str) -> None:
    assert {"temporal", "inngest", "restate"} <= load_scenario(name).deployments.model_fields_set


@pytest.mark.parametrize("name", VARIANTS)
def test_the_variants_of_the_order_differ_only_in_what_happens_to_it(name: str) -> None:
    variant, order = load_scenario(name), load_scenario("order-fulfillment")
    assert (variant.services, variant.workflows, variant.deployments) == (
        order.services,
        order.workflows,
        order.deployments,
    )


def test_the_demo_kills_the_app_right_after_the_charge() -> None:
    (fault,) = load_scenario("order-fulfillment").faults
    assert isinstance(fault, Crash)
    assert (fault.crash, fault.down_for) == ("app", 2_000_000)
    assert fault.when is not None
    assert (fault.when.step, fault.when.moment) == ("charge-payment", "after-effect")


@pytest.mark.parametrize("name", ["agent", "agent-fan-out"])
def test_the_crash_of_the_agent_is_at_step_nine_of_twelve(name: str) -> None:
    scenario = load_scenario(name)
    steps = [step for step in walk(scenario.workflows["answer-question"].steps) if isinstance(step, Run)]
    assert len(steps) == 12
    assert all(scenario.services[step.on or ""].price > 0 for step in steps)
    (fault,) = scenario.faults
    assert isinstance(fault, Crash)
    assert fault.when is not None
    assert fault.when.step == steps[8].run
