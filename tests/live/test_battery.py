"""The battery: what it draws is valid and covers the language, what differs is made small, kinds have no names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from durascope.live.engine import Recording
from durascope.live.processes import LiveProblem
from durascope.live.scaling import Scale
from durascope.live.verification import Verification
from durascope.models.differences import Difference
from durascope.models.scenario import Scenario
from durascope.models.steps import Sleep
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate
from tests.live.battery import __main__ as battery
from tests.live.battery.counting import AGREES, CHANCE, Counts, wilson
from tests.live.battery.drawing import draw, predicted_in_time, read
from tests.live.battery.kinds import kind_of
from tests.live.battery.minimising import minimised, smaller_ones, written

FAILING = {"run": "b", "fails": 2}
ENGINES = ("temporal", "restate", "inngest")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_number_draws_the_same_scenario(engine: str) -> None:
    assert draw(engine, 3, 5) == draw(engine, 3, 5)
    assert draw(engine, 3, 5) != draw(engine, 3, 6)


def test_most_kinds_of_steps_and_faults_are_drawn() -> None:
    drawn = [draw("temporal", 1, number) for number in range(1, 46)]
    steps = Counter(step.kind for each in drawn for workflow in each.workflows.values() for step in workflow.walk())
    faults = Counter(type(fault).__name__ for each in drawn for fault in each.faults)
    wanted = ("run", "sleep", "wait_for", "parallel", "race", "repeat", "for_each", "call", "start", "compute")
    assert all(steps[kind] for kind in wanted), steps
    assert len(faults) >= 4, faults


def test_an_option_of_another_engine_is_not_drawn() -> None:
    drawn = [draw("restate", 2, number) for number in range(1, 21)]
    runs = [step for each in drawn for _, step in each.runs()]
    assert not any(step.local or step.queue_timeout for step in runs)
    assert any(step.retry for step in runs)


def test_the_smallest_scenario_keeps_only_what_makes_it_differ() -> None:
    scenario = read(
        {
            "scenario": "big",
            "workflows": {
                "w": {"steps": [{"run": "a"}, {"parallel": [[FAILING], [{"sleep": "1s"}]]}, {"wait_for": "e"}]},
                "v": {"steps": [{"run": "d"}]},
            },
            "workload": {"of": ["w"], "runs": 2, "events": [{"send": "e", "to": 1, "at": "1s"}]},
            "faults": [{"crash": "app", "at": "1s"}],
        }
    )  # fmt: skip
    asked: list[Scenario] = []

    def differs(each: Scenario) -> bool:
        asked.append(each)
        return any(step.fails for _, step in each.runs())

    small = written(minimised(scenario, differs, runs=100))
    assert small["workflows"] == {"w": {"steps": [{"run": "b", "fails": {"times": 2}}]}}
    assert set(small) == {"scenario", "workflows"} or small["workload"] == {}
    assert len(asked) < 40


def test_no_more_runs_are_spent_than_are_given() -> None:
    asked: list[Scenario] = []

    def differs(each: Scenario) -> bool:
        asked.append(each)
        return True

    minimised(draw("temporal", 1, 1), differs, runs=3)
    assert len(asked) == 3


def test_what_holds_steps_is_replaced_by_them() -> None:
    scenario = read({"scenario": "s", "workflows": {"w": {"steps": [{"repeat": 2, "do": [{"sleep": "1s"}]}]}}})
    smaller = [plain for what, plain in smaller_ones(written(scenario)) if what.startswith("what is around")]
    assert [type(step) for step in read(smaller[0]).workflows["w"].steps] == [Sleep]


def verification(scenario: Scenario, *differences: Difference) -> Verification:
    trace: Trace = simulate(scenario, "temporal")
    return Verification(scenario, "temporal", Scale(1.0), trace, [Recording("", "", {}, {}, {})], [differences])


def test_a_kind_names_no_step_and_no_number() -> None:
    scenario = draw("temporal", 1, 1)
    one = Difference("the record of run 1", ["ActivityTaskStarted pick-items attempt=2"], ["TimerFired 3"], 1)
    other = Difference("the record of run 2", ["ActivityTaskStarted rate-rider attempt=4"], ["TimerFired 5"], 1)
    assert kind_of(verification(scenario, one)) == kind_of(verification(scenario, other))
    assert kind_of(verification(scenario, one)) == "the record: ActivityTaskStarted … attempt=N ≠ TimerFired N"
    assert kind_of(verification(scenario)) == AGREES


def test_counts_tell_the_share_and_its_interval() -> None:
    counts = Counts("temporal", "python", 1, "2026-11-26")
    for kind in [AGREES] * 18 + [CHANCE] + ["the record: a ≠ b"]:
        counts.add(kind)
    assert str(counts).splitlines()[0].startswith("temporal (python, seed 1): 19 of 20 agree, 95% (76% to 99%); 1 ")
    assert wilson(0, 0) == (0.0, 0.0, 1.0)


SILENT = LiveProblem("the server or its workers have not answered for 60 s")


def battery_of(answers: list[Exception | Callable[[Scenario], Verification]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run that the battery makes is answered by the next of these."""

    def verify(scenario: Scenario, engine: str, **_options: object) -> Verification:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(scenario)

    monkeypatch.setattr(battery, "verify", verify)


def differing(scenario: Scenario) -> Verification:
    return verification(scenario, Difference("the record of run 1", ["a"], ["b"], 1))


def test_a_server_that_never_answers_costs_its_scenario_and_not_the_battery(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    battery_of([verification, SILENT, SILENT, verification], monkeypatch)
    assert battery.main(["-e", "temporal", "--count", "3", "--seed", "7"]) == 0
    assert "2 of 2 agree" in capsys.readouterr().out


def test_a_scenario_is_run_with_a_fresh_server_where_the_first_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    battery_of([SILENT, verification], monkeypatch)
    assert battery.main(["-e", "temporal", "--count", "1", "--seed", "7"]) == 0
    assert "1 of 1 agree" in capsys.readouterr().out


def test_a_difference_that_could_not_be_looked_at_again_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    battery_of([differing, SILENT, SILENT], monkeypatch)
    arguments = ["-e", "temporal", "--count", "1", "--seed", "7", "--runs", "0", "--keep", str(tmp_path)]
    assert battery.main(arguments) == 1
    assert "0 of 1 agree" in capsys.readouterr().out
    assert "have not answered" in next((tmp_path / "temporal").glob("*.md")).read_text("utf-8")


def test_what_is_predicted_to_take_long_is_not_run_to_make_it_smaller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    battery_of([differing, differing], monkeypatch)

    def too_long(_scenario: Scenario, _engine: str) -> None:
        return None

    monkeypatch.setattr(battery, "predicted_in_time", too_long)
    arguments = ["-e", "temporal", "--count", "1", "--seed", "7", "--runs", "3", "--keep", str(tmp_path)]
    assert battery.main(arguments) == 1
    without = read({"scenario": "s", "workflows": {"w": {"steps": [{"sleep": "1h"}]}}})
    assert predicted_in_time(without, "restate") is None
