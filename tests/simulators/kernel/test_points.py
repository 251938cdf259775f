"""Faults after events: a fault is done as a whole, whatever waits for the events that it makes."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.models.loading import load_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind
from durascope.simulators.simulate import simulate


def with_faults(*faults: dict[str, Any]) -> Scenario:
    calm = load_scenario("order-fulfillment")
    plain = calm.model_dump(mode="json", by_alias=True)
    return Scenario.model_validate({**plain, "faults": list(faults)})


@pytest.mark.parametrize("engine", ["temporal", "inngest", "restate"])
def test_a_crash_in_the_middle_of_another_waits_for_its_end(engine: str) -> None:
    """The engine dies in parts; the app dies after the first of them, in the middle of what it did: all parts die."""
    calm = with_faults()
    base = simulate(calm, engine, full=True)
    started = next(n for n, e in base.of_kind(Kind.STEP_STARTED) if e.step == "charge-payment")
    trace = simulate(
        with_faults(
            {"crash": "engine", "when": {"event": started}, "down_for": "15s"},
            {"crash": "app", "when": {"event": started + 1}, "down_for": "15s"},
        ),
        engine,
        full=True,
    )
    assert set(trace.struck) == {0, 1}
    died = {event.lane for _, event in trace.of_kind(Kind.CRASHED)}
    back = {event.lane for _, event in trace.of_kind(Kind.RESTARTED)}
    assert died == back
    assert len(died) > 1
    assert [run.status for run in trace.runs] == ["completed"] or engine == "inngest"


@pytest.mark.parametrize("engine", ["temporal", "restate"])
def test_a_crash_at_the_return_of_another_waits_for_all_of_it(engine: str) -> None:
    calm = {"crash": "engine", "when": {"step": "charge-payment", "moment": "started"}, "down_for": "1s"}
    base = simulate(with_faults(calm), engine, full=True)
    returned = next(n for n, _ in base.of_kind(Kind.RESTARTED))
    trace = simulate(
        with_faults(calm, {"crash": "engine", "when": {"event": returned}, "down_for": "1s"}), engine, full=True
    )
    times = [event.at for _, event in trace.of_kind(Kind.CRASHED)]
    assert len(set(times)) == 2, "every part dies twice, each time together"
    assert [run.status for run in trace.runs] == ["completed"]
