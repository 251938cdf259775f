"""A short cut delays what is on living connections and breaks nothing: no engine runs a step again for it."""

from __future__ import annotations

import pytest

from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate

ALL = ("temporal", "inngest", "restate", "queue")


def scenario(fault: str = "") -> Scenario:
    steps = "[{run: a, takes: 50ms}, {run: b, takes: 50ms}]"
    return parse_scenario(f"scenario: s\nworkflows: {{w: {{steps: {steps}}}}}\nfaults: [{fault}]\n")


def lasts(trace: Trace) -> int:
    (run,) = trace.runs
    assert run.ended_at is not None
    return run.ended_at - run.started_at


@pytest.mark.parametrize("engine", ALL)
@pytest.mark.parametrize("moment", ["before-effect", "after-effect", "reported"])
def test_a_step_that_is_reported_into_a_cut_of_300_ms_costs_the_cut_and_a_retransmission(
    engine: str, moment: str
) -> None:
    cut = simulate(scenario(f"{{cut: [app, engine], when: {{step: a, moment: {moment}}}, for: 300ms}}"), engine)
    assert cut.effects == {"a": 1, "b": 1}
    assert cut.status["run 1"] == "completed"
    assert 300_000 <= lasts(cut) - lasts(simulate(scenario(), engine)) <= 620_000


@pytest.mark.parametrize("engine", ALL)
@pytest.mark.parametrize("moment", ["started", "scheduled", "recorded"])
def test_a_cut_of_300_ms_at_another_moment_duplicates_nothing(engine: str, moment: str) -> None:
    cut = simulate(scenario(f"{{cut: [app, engine], when: {{step: a, moment: {moment}}}, for: 300ms}}"), engine)
    assert cut.effects == {"a": 1, "b": 1}
    assert lasts(cut) - lasts(simulate(scenario(), engine)) <= 1_300_000  # a new connection is tried again after 1 s
