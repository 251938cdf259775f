"""What happens to an event that reaches no code: each engine's notes say so."""

from __future__ import annotations

import pytest
import yaml

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.units import SECOND
from durascope.simulators.simulate import simulate

DAY = 86_400 * SECOND
MONTHS = """
scenario: s
workflows:
  subscription:
    key: customer
    input: {customer: unique}
    SERVED
    steps:
      - repeat: 3
        as: m
        do:
          - {wait_for: cancelled, name: "month-{m}", timeout: 30d, then: [{finish: cancelled}]}
workload: {events: [{send: cancelled, to: TO, at: 45d}]}
"""


def predicted(engine: str, to: str, served: str = "", **service: str) -> Trace:
    written = yaml.safe_load(MONTHS.replace("TO", to).replace("SERVED", served))
    return simulate(Scenario.model_validate({**written, "deployments": {"restate": {"service": service}}}), engine)


@pytest.mark.parametrize("engine", ["temporal", "restate"])
def test_a_key_that_no_run_has_is_refused(engine: str) -> None:
    (note,) = [note for note in predicted(engine, "first").notes if "first" in note]
    assert note.startswith("cancelled: refused (not found)")


def test_an_awakeable_of_a_wait_that_is_over_takes_the_event_from_the_one_that_is_open() -> None:
    trace = predicted("restate", "1")
    assert trace.runs[0].ended_at is not None
    assert trace.runs[0].ended_at > 90 * DAY
    assert any("each wait of run 1 has an awakeable of its own" in note for note in trace.notes)


@pytest.mark.parametrize(("served", "service"), [("kind: workflow", {}), ("", {"wait_for": "signal"})])
def test_a_promise_and_a_signal_reach_the_wait_that_is_open(served: str, service: dict[str, str]) -> None:
    trace = predicted("restate", "1", served, **service)
    assert trace.runs[0].ended_at is not None
    assert 45 * DAY < trace.runs[0].ended_at < 46 * DAY
    assert not any("awakeable of its own" in note for note in trace.notes)
