"""A simulation is cleared away by itself: whoever makes thousands does not pay for the last one in the next."""

from __future__ import annotations

import gc

import pytest

from durascope.models.loading import load_scenario
from durascope.simulators.simulate import simulate


@pytest.mark.parametrize("engine", ["temporal", "inngest", "restate"])
def test_no_world_is_left_to_the_garbage_collector(engine: str) -> None:
    scenario = load_scenario("order-fulfillment")
    simulate(scenario, engine)  # imports
    gc.collect()
    gc.disable()
    try:
        simulate(scenario, engine)
        left = gc.collect()
    finally:
        gc.enable()
    assert left < 50


def test_how_often_garbage_is_collected_is_as_before() -> None:
    before = gc.get_threshold()
    simulate(load_scenario("payment"), "restate")
    assert gc.get_threshold() == before
