"""Recordings that are not the prediction: right where the engine's luck can make them so, and only there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from durascope.cli import main
from durascope.live import verification, ways
from durascope.live.differences import differences
from durascope.live.engine import Recording
from durascope.live.engines import live_engine
from durascope.live.keeping import case_yaml
from durascope.live.processes import LiveProblem
from durascope.live.verification import Verification, as_json, told, verify
from durascope.live.ways import Draws, nearest_way
from durascope.models.differences import Difference
from durascope.models.loading import load, load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.kernel.luck import TurnedLuck
from durascope.simulators.simulate import simulate

STEPS = """
scenario: side-by-side
workflows:
  w:
    steps:
      - parallel: [{run: a, takes: 500ms}, {run: b, takes: 500ms}, {run: c, takes: 300ms}]
deployments:
  temporal:
    workers: [{name: worker, runs: both, sdk: python, replicas: 2}]
    step_timeout: 2s
    eager_activities: false
faults:
  - crash: app
    when: {step: c, moment: after-effect}
    down_for: 1s
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    file = tmp_path / "side-by-side.yaml"
    file.write_text(STEPS, "utf-8")
    return load_scenario(file)


def gone(scenario: Scenario, seed: int) -> Recording:
    """What would have been recorded had the engine's luck been that of another seed."""
    trace = simulate(scenario, "temporal", seed=0, engine_luck=TurnedLuck(seed), records=True)
    facts = {"replayed": trace.facts["replayed"], "starts": trace.facts["starts"]}
    return Recording("temporal 1", "sdk 1", trace.records, trace.status, trace.effects, facts)


def compare(recording: Recording) -> Callable[[Trace], Sequence[Difference]]:
    return lambda trace: differences(trace, recording)


def other(scenario: Scenario) -> Recording:
    """A recording that is not the prediction under seed 0."""
    predicted = simulate(scenario, "temporal", seed=0, records=True)
    recordings = (gone(scenario, seed) for seed in range(1_000, 1_100))
    return next(each for each in recordings if differences(predicted, each))


def test_which_worker_takes_a_task_is_luck_and_any_of_its_ways_is_found(scenario: Scenario) -> None:
    way = nearest_way(scenario, "temporal", 0, compare(other(scenario)))
    assert way is not None
    assert way.fits
    assert way.tries <= ways.TRIES


def test_the_order_of_many_equal_branches_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By exchanging what two of them have drawn; drawing one again moves the others as often as it brings it home."""
    branches = ", ".join(f"{{run: {name}, takes: 50ms}}" for name in "abcdefg")
    scenario = parse_scenario(f"scenario: seven\nworkflows: {{w: {{steps: [{{parallel: [{branches}]}}]}}}}")

    def tries(seed: int) -> int:
        trace = simulate(scenario, "restate", seed=0, engine_luck=TurnedLuck(seed), records=True)
        recorded = Recording("", "", trace.records, trace.status, trace.effects, {})
        way = nearest_way(scenario, "restate", 0, compare(recorded))
        assert way is not None
        assert way.fits
        kept = Draws.from_json(json.loads(json.dumps(way.draws.as_json())))
        again = nearest_way(scenario, "restate", 0, compare(recorded), known=kept)
        assert again is not None
        assert again.tries == 1, "it is gone again without a search, exchanges and all"
        return way.tries

    exchanging = sum(map(tries, range(50, 60)))
    monkeypatch.setattr(ways, "SHARE_OF_SWAPS", 0.0)
    assert exchanging < 0.7 * sum(map(tries, range(50, 60)))


def test_the_same_is_found_each_time(scenario: Scenario) -> None:
    found = [nearest_way(scenario, "temporal", 0, compare(other(scenario))) for _ in range(2)]
    assert found[0] is not None
    assert found[1] is not None
    first, second = (each.luck for each in found if each is not None)
    assert found[0].tries == found[1].tries
    assert (first.turns, first.swaps) == (second.turns, second.swaps)


def test_what_the_model_can_never_do_fits_no_luck(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "TRIES", 200)
    right = other(scenario)
    wrong = Recording(
        "t", "s", {run: [*lines, "WorkflowExecutionFailed"] for run, lines in right.records.items()}, right.status, {}
    )
    way = nearest_way(scenario, "temporal", 0, compare(wrong))
    assert way is not None
    assert not way.fits
    assert [each.what for each in way.differences] == ["the record of run 1"]
    assert way.tries == 200


def test_where_luck_decides_nothing_no_luck_is_looked_for() -> None:
    tried: list[int] = []
    scenario, _ = live_engine("temporal").adapted(load_scenario("order-fulfillment"))
    wrong = Recording("t", "s", {"run 1": ["WorkflowExecutionStarted"]}, {}, {})
    assert nearest_way(scenario, "temporal", 0, compare(wrong), tried.append) is None
    assert len(tried) == ways.BEGINNINGS


# ---- in a verification ---------------------------------------------------------------------------------------


@pytest.fixture
def racy(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Verification:
    recording = other(scenario)

    def recorded(*_: object, **__: object) -> Recording:
        return recording

    monkeypatch.setattr(verification, "record", recorded)
    return verify(scenario, "temporal")


def test_a_racy_verification_agrees_and_says_that_it_was_luck(racy: Verification) -> None:
    assert racy.agrees
    assert racy.racy
    assert "predicted = recorded, with other random choices of the engine: racy" in told(racy)
    found = as_json(racy)
    assert found["agrees"]
    assert found["racy"]
    assert found["recorded"][0]["luck"]["fits"]
    assert found["recorded"][0]["differences"] == []


def test_a_racy_recording_is_kept_as_a_racy_case(racy: Verification, tmp_path: Path) -> None:
    kept = tmp_path / "kept.yaml"
    kept.write_text(case_yaml(racy, "kept"), "utf-8")
    case = load(kept)
    assert getattr(case, "racy", False)


def test_a_case_that_is_not_racy_is_held_to_its_record(
    racy: Verification, tmp_path: Path, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept.yaml"
    kept.write_text(case_yaml(racy, "kept").replace("racy: true\n", ""), "utf-8")
    case = load(kept)
    found = verify(scenario, "temporal", case=case)  # pyright: ignore[reportArgumentType]
    assert not found.agrees
    assert found.ways == [None]


# ---- on the command line -------------------------------------------------------------------------------------


def _fails(*_: object, **__: object) -> None:
    pytest.fail("it runs")


def test_a_file_that_cannot_be_written_is_told_before_anything_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "verify", _fails)
    nowhere = tmp_path / "nowhere" / "kept.yaml"
    assert main(["verify", "payment", "-e", "temporal", "--save", str(nowhere)]) == 2
    assert capfd.readouterr().err == f"durascope: {nowhere} can't be written: No such file or directory\n"


def test_an_engine_that_is_not_here_does_not_keep_the_others_from_running(
    racy: Verification, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def verified(_scenario: Scenario, engine: str, **_: object) -> Verification:
        if engine == "temporal":
            raise LiveProblem("temporal is not here")
        return racy

    monkeypatch.setattr(verification, "verify", verified)
    assert main(["verify", "payment", "--json"]) == 2
    said = capfd.readouterr()
    assert said.err == "durascope: temporal is not here\n"
    assert [each["racy"] for each in json.loads(said.out)] == [True, True]


def test_a_fault_that_nobody_can_bring_about_is_told_before_anything_runs(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "record", _fails)
    assert main(["verify", "payment", "-e", "temporal", "--set", "faults=[{random: {crash: app, every: 1h}}]"]) == 2
    assert capfd.readouterr().err.endswith("only faults with a time or a moment can be verified, not random\n")


def test_a_run_that_was_stopped_is_told(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    def recorded(*_: object, **__: object) -> Recording:
        return Recording("t", "s", {"run 1": ["WorkflowExecutionStarted"]}, {"run 1": "running"}, {})

    monkeypatch.setattr(verification, "record", recorded)
    monkeypatch.setattr(ways, "TRIES", 50)
    found = verify(scenario, "temporal", within_s=7)
    assert told(found).endswith("it had not ended after 7 s and was stopped (--within allows more)")


BRANCHES = """
scenario: branches
workflows:
  w:
    steps:
      - for_each: 3
        as: i
        do: [{run: "item-{i}", takes: 60ms}]
workload: {runs: 3, arrivals: {at: [0s, 10ms, 20ms]}}
"""


def test_the_order_of_branches_is_looked_for_in_the_run_whose_record_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = parse_scenario(BRANCHES)
    monkeypatch.setattr(ways, "SHARE_OF_SWAPS", 0.0)  # what else makes an order found sooner
    monkeypatch.setattr(ways, "SHUNNED", 1.0)

    def tries(number: int) -> int:
        trace = simulate(scenario, "restate", seed=0, engine_luck=TurnedLuck(number), records=True)
        recorded = Recording("restate 1", "sdk 1", trace.records, trace.status, trace.effects, {})
        way = nearest_way(scenario, "restate", 0, compare(recorded))
        assert way is not None
        assert way.fits
        return way.tries

    numbers = range(500, 504)
    aimed = sum(map(tries, numbers))
    monkeypatch.setattr(ways, "SHARE_OF_ITS_RUN", 0.0)
    assert aimed < sum(map(tries, numbers)) * 0.8
