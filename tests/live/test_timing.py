"""Times that are compared: made-up recordings that must pass, and such that must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durascope.live import timing
from durascope.live.ledger import Report
from durascope.live.timing import TOLERANCE, Timing, recorded
from durascope.models.loading import load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.units import MILLISECOND, SECOND
from durascope.simulators.kernel.luck import TurnedLuck
from durascope.simulators.simulate import simulate

A = ("run 1", "a", 1)
B = ("run 1", "b", 1)


def starts(a: float, b: float) -> Timing:
    """Two steps of a run that begin at these seconds."""
    return Timing({A: round(a * SECOND), B: round(b * SECOND)})


def said(draws: list[Timing], found: Timing) -> list[str]:
    return [str(each) for each in timing.differences(draws, found)]


def at_once(*spans: tuple[float, float]) -> Timing:
    """Executions of a step, in seconds."""
    return Timing(spans={"a": [(round(start * SECOND), round(end * SECOND)) for start, end in spans]})


# ---- times -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("b", [0.86, 1.0, 1.79])
def test_a_little_early_and_much_late_is_as_predicted(b: float) -> None:
    assert said([starts(0, 1)], starts(0, b)) == []


@pytest.mark.parametrize(("b", "as_said"), [(0.84, "840ms"), (1.81, "1s810ms")])
def test_what_is_outside_of_the_tolerance_is_a_difference(b: float, as_said: str) -> None:
    (difference,) = said([starts(0, 1)], starts(0, b))
    assert difference == f"the start of b in run 1: predicted 1s (allowed 850ms to 1s800ms), recorded {as_said}"


def test_it_is_early_only_where_it_is_earlier_than_in_every_draw() -> None:
    draws = [starts(0, 1), starts(0, 3)]
    assert said(draws, starts(0, 1.5)) == []
    assert len(said(draws, starts(0, 0.5))) == 1
    assert len(said(draws, starts(0, 4.5))) == 1


def test_what_came_back_late_after_a_fault_may_make_all_so_late() -> None:
    late = starts(0, 3.5)
    assert len(said([starts(0, 1)], late)) == 1
    assert said([starts(0, 1)], replace(late, lag=2 * SECOND)) == []


def test_a_machine_that_takes_long_to_get_going_is_late_by_that_everywhere() -> None:
    assert said([starts(0.1, 1)], starts(0.5, 2.1)) == []
    assert len(said([starts(0.1, 1)], starts(0.5, 2.3))) == 1


def test_a_rule_that_puts_the_first_step_off_is_not_taken_for_a_machine_that_gets_going() -> None:
    """A debounce of 5 s where the engine waits for 10 s: all that follows is late by the same."""
    assert said([starts(5, 6)], starts(8, 9)) == []
    (difference,) = said([starts(5, 6)], starts(10, 11))
    assert difference == "the start of a in run 1: predicted 5s (allowed 4s450ms to 9s), recorded 10s"


def test_only_the_first_step_of_a_run_that_is_late_is_told() -> None:
    draw = Timing({A: 0, B: SECOND, ("run 1", "c", 1): 2 * SECOND, ("run 2", "a", 1): SECOND})
    found = Timing({A: 0, B: 5 * SECOND, ("run 1", "c", 1): 6 * SECOND, ("run 2", "a", 1): 5 * SECOND})
    assert [each.what for each in timing.differences([draw], found)] == [
        "the start of b in run 1",
        "the start of a in run 2",
    ]


def test_the_duration_of_a_run_is_compared() -> None:
    assert said([Timing(lasts={"run 1": 10 * SECOND})], Timing(lasts={"run 1": 13 * SECOND})) == []
    (difference,) = said([Timing(lasts={"run 1": 10 * SECOND})], Timing(lasts={"run 1": 8 * SECOND}))
    assert difference == "the duration of run 1: predicted 10s (allowed 8s950ms to 13s500ms), recorded 8s"


def test_what_one_side_does_not_have_is_not_compared() -> None:
    assert said([starts(0, 1)], Timing({A: 0})) == []
    assert said([Timing({A: 0})], starts(0, 9)) == []
    assert said([], starts(0, 9)) == []


# ---- how many at once ------------------------------------------------------------------------------------------


def test_how_many_run_at_once_is_compared_exactly() -> None:
    """Slots for one, two recorded side by side."""
    one_by_one = at_once((0, 1), (1.5, 2.5))
    assert said([one_by_one], at_once((0, 1.2), (1.7, 2.7))) == []
    assert said([one_by_one], at_once((0, 1), (0.5, 1.5))) == [
        "the most executions of a at once: predicted 1, recorded 2"
    ]
    together = at_once((0, 1), (0.1, 1.1))
    assert said([together], one_by_one) == ["the most executions of a at once: predicted 2, recorded 1"]


def test_where_it_hangs_on_milliseconds_either_is_right() -> None:
    back_to_back = at_once((0, 1), (1.01, 2))
    assert said([back_to_back], at_once((0, 1.02), (1.01, 2))) == []
    assert said([back_to_back], at_once((0, 1), (1.05, 2))) == []


# ---- where they come from --------------------------------------------------------------------------------------


def test_reports_of_apps_become_times() -> None:
    reports = [
        Report(10.0, "run 1", "a", 1, "started", "app"),
        Report(10.5, "run 1", "a", 1, "after-effect", "app"),
        Report(11.0, "run 1", "a", 2, "started", "app"),
        Report(11.5, "run 1", "a", 2, "reported", "app"),
    ]
    found = recorded(reports, 9.0, {"run 1": 3}, 0.25)
    assert found.starts == {("run 1", "a", 1): SECOND, ("run 1", "a", 2): 2 * SECOND}
    assert found.spans == {"a": [(2 * SECOND, round(2.5 * SECOND))]}
    assert (found.lasts, found.lag) == ({"run 1": 3}, 250 * MILLISECOND)


@pytest.mark.parametrize("engine", ["temporal", "restate", "inngest"])
def test_a_simulation_lies_within_what_others_of_it_predict(engine: str) -> None:
    scenario = load_scenario("order-fulfillment")
    traces = [
        simulate(scenario, engine, engine_luck=TurnedLuck(number), full=True, records=True) for number in range(4)
    ]
    first, *others = [each for each in map(timing.predicted, traces) if each is not None]
    assert ("run 1", "charge-payment", 2) in first.starts
    assert timing.differences(others, first) == []


def test_a_model_with_another_rule_is_found_out() -> None:
    """A backoff of 1 s where the engine waits for 4 s: the lines are the same, the times are not."""
    text = "scenario: s\nworkflows: {{w: {{steps: [{{run: a, takes: 20ms, fails: 1, retry: {{initial: {}}}}}]}}}}"
    one, other = (
        timing.predicted(simulate(parse_scenario(text.format(initial)), "temporal", full=True, records=True))
        for initial in ("1s", "4s")
    )
    assert one is not None
    assert other is not None
    (start, lasts) = timing.differences([one], other)
    assert start.what == "the start of a (execution 2) in run 1"
    assert lasts.what == "the duration of run 1"


def test_the_tolerance_is_said_in_words() -> None:
    assert str(TOLERANCE) == "early by at most 10% + 50ms, late by at most 30% + 500ms + up to 2s of start-up"
