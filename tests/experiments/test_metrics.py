"""The numbers of a simulation, on the baseline engine, whose behaviour is easy to know."""

from __future__ import annotations

import pytest

from durascope.experiments.compare import as_json, compare, result
from durascope.experiments.expectations import verdicts
from durascope.experiments.metrics import delay_ms, durations, latency_ms, percentile
from durascope.models.scenario import Scenario
from durascope.simulators.simulate import simulate

ORDER: dict[str, object] = {
    "scenario": "order",
    "workflows": {
        "order": {"steps": [{"run": "reserve", "takes": "10ms"}, {"run": "charge", "takes": "20ms"}]},
    },
}
CRASH = {"crash": "app", "when": {"step": "charge", "moment": "after-effect"}, "down_for": "1s"}


def scenario(**parts: object) -> Scenario:
    return Scenario.model_validate({**ORDER, **parts})


def test_percentiles_are_values_that_occurred() -> None:
    assert [percentile([1, 2, 3, 4], share) for share in (0.5, 0.75, 0.99, 1.0)] == [2, 3, 4, 4]


def test_a_run_lasts_from_its_start_to_its_end() -> None:
    trace = simulate(scenario(), "queue")
    assert latency_ms(trace)["p50"] == durations(trace)[0] / 1000 == pytest.approx(32.0)


def test_the_delay_is_what_the_same_luck_without_the_faults_would_have_taken_less() -> None:
    crashed, calm = simulate(scenario(faults=[CRASH]), "queue"), simulate(scenario(), "queue")
    late = delay_ms(crashed, calm)
    assert late == (durations(crashed)[0] - durations(calm)[0]) / 1000
    assert late == pytest.approx(30_000, abs=50), "the broker's visibility timeout"


def test_a_crash_after_the_effect_duplicates_everything_on_the_baseline() -> None:
    found = result(scenario(faults=[CRASH]), "queue")
    assert found.trace.effects == {"reserve": 2, "charge": 2}
    assert found.metrics["duplicate_effects"] == 2


@pytest.mark.parametrize(
    ("expect", "held"),
    [
        ({"completed": "100%"}, True),
        ({"failed": "0%"}, True),
        ({"effects": {"charge": {"at_most": 1}}}, False),
        ({"effects": {"charge": 2, "reserve": {"at_least": 2}}}, True),
        ({"latency": {"p99": "1s"}}, False),
        ({"latency": {"max": "1m"}}, True),
    ],
)
def test_expectations_are_held_against_the_ledger_and_the_clock(expect: dict[str, object], held: bool) -> None:
    asked = scenario(faults=[CRASH], expect=expect)
    assert all(verdict.held for verdict in verdicts(asked, simulate(asked, "queue"))) is held


def test_effects_are_expected_of_each_run_also_when_only_metrics_are_kept() -> None:
    load = {"runs": 150, "arrivals": {"every": "100ms"}}
    asked = scenario(workload=load, expect={"effects": {"charge": 1}})
    trace = simulate(asked, "queue")
    assert not trace.events
    assert [verdict.held for verdict in verdicts(asked, trace)] == [True]


def test_runs_of_one_key_that_overlap_are_found() -> None:
    workflow = {"key": "id", "steps": [{"run": "a", "takes": "1s"}]}
    load = {"runs": 2, "arrivals": {"together": True}, "keys": ["k", "k"]}
    for consumers, held in ((1, True), (2, False)):
        asked = scenario(
            workflows={"order": workflow},
            workload=load,
            expect={"one_at_a_time": True},
            deployments={"queue": {"consumers": consumers}},
        )
        assert [verdict.held for verdict in verdicts(asked, simulate(asked, "queue"))] == [held]


def test_json_has_the_promised_shape() -> None:
    asked = scenario()
    told = as_json(asked, [result(asked, "queue")], seed=0)
    assert list(told) == ["scenario", "seed", "version", "engines"]
    engines = told["engines"]
    assert isinstance(engines, dict)
    assert list(engines["queue"])[:4] == ["records", "effects", "status", "metrics"]
    assert {"p50", "p99"} <= set(engines["queue"]["metrics"]["latency_ms"])


@pytest.mark.parametrize("processes", [1, 2])
def test_a_long_comparison_says_how_far_it_is_and_gives_the_same_on_two_processes(processes: int) -> None:
    load = {"runs": 6_000, "arrivals": {"every": "40ms"}}
    told: list[tuple[int, int]] = []
    crashed = scenario(workload=load, faults=[CRASH])
    (found,) = compare(crashed, ["restate"], processes=processes, progress=lambda done, of: told.append((done, of)))
    begun = [done for done, _ in told]
    assert begun == sorted(begun)
    assert told[-1] == (12_000, 12_000), "runs of the scenario and of its undisturbed twin"
    assert any(0 < done < 12_000 and done != 6_000 for done in begun), "not only when a simulation has ended"
    assert found.trace == simulate(crashed, "restate")
    assert found.undisturbed == simulate(scenario(workload=load), "restate", full=False, records=False)
