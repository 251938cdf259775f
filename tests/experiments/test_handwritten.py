"""What writing it by hand takes, and what moving a setting does."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.experiments.guarantees import guarantees
from durascope.experiments.handwritten import Size, size_of
from durascope.experiments.knobs import knobs
from durascope.experiments.study import study
from durascope.models.scenario import Scenario


def scenario(*steps: Any, **more: Any) -> Scenario:
    return Scenario.model_validate({"scenario": "s", "workflows": {"w": {"steps": list(steps), **more}}})


class TestTheStateMachine:
    def test_two_steps_counted_by_hand(self) -> None:
        # start → a, a → b, b → completed; each attempt fails or fails for good: 2 × 2
        assert size_of(scenario({"run": "a"}, {"run": "b"})) == Size(states=5, transitions=7)

    def test_an_undo_is_a_state_more_and_four_lines_more(self) -> None:
        # the undo is tried again, fails for good, or is over and leads on; the failed step leads to it instead
        plain, undone = (
            size_of(scenario({"run": "a"}, {"run": "b"})),
            size_of(scenario({"run": "a", "undo": "un-a"}, {"run": "b"})),
        )
        assert (undone.states - plain.states, undone.transitions - plain.transitions) == (1, 3)

    def test_a_cancellation_is_a_line_for_each_state_that_is_not_an_end(self) -> None:
        signal = {"signals": {"stop": {"then": "cancel"}}}
        plain, cancellable = size_of(scenario({"run": "a"})), size_of(scenario({"run": "a"}, **signal))
        assert (cancellable.states, cancellable.transitions) == (plain.states + 1, plain.transitions + 2)

    def test_a_wait_leads_to_two_states(self) -> None:
        wait = {"wait_for": "go", "timeout": "1h", "then": [{"run": "yes"}], "on_timeout": [{"run": "no"}]}
        assert size_of(scenario(wait)).states == 6


def test_a_shorter_timeout_is_tried_and_both_means_are_told() -> None:
    faults = [{"crash": "app", "when": {"step": "a", "moment": "after-effect"}, "down_for": "1s"}]
    workers = [{"name": "code", "runs": "workflows"}, {"name": "steps", "runs": "activities"}]
    steps = {"w": {"steps": [{"run": "a"}]}}
    deployments = {"temporal": {"workers": workers}}
    asked = Scenario.model_validate({"scenario": "s", "workflows": steps, "faults": faults, "deployments": deployments})
    found = knobs(asked, study(asked, ["temporal", "checkpoint"], replications=3, processes=1).replications, 3)
    assert list(found) == ["temporal"], "a checkpoint has nothing to set"
    knob = found["temporal"]
    assert (knob.path, knob.was, knob.now) == ("deployments.temporal.step_timeout", "10s", "5s")
    assert knob.before_us.value - knob.mean_us.value == pytest.approx(5_000_000, abs=10_000)


def test_what_a_crash_at_each_moment_can_do_on_an_engine_and_on_the_baselines() -> None:
    found = guarantees(scenario({"run": "a"}, {"run": "b"}), ["restate", "queue", "checkpoint"], processes=1)
    assert found["restate"].effects == {"a": (1, 2), "b": (1, 2)}
    assert found["queue"].effects == {"a": (1, 2), "b": (1, 2)}
    assert found["checkpoint"].effects == {"a": (0, 1), "b": (0, 1)}
    assert (found["restate"].stuck, found["checkpoint"].worst_delay_us) == (0, None)
    assert found["checkpoint"].stuck > 0


def test_a_long_scenario_is_left_to_explore() -> None:
    assert guarantees(scenario(*({"run": f"s{n}"} for n in range(100))), ["restate"]) == {}
