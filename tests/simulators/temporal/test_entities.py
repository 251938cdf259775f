"""Entity workflows (`one_at_a_time`): requests of a key never overlap, whatever dies; what children of them are."""

from __future__ import annotations

from pathlib import Path

import pytest

from durascope.experiments.expectations import verdicts
from durascope.models.faults import Crash
from durascope.models.loading import load_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.simulators.simulate import simulate

ENTITY = """
scenario: entity
workflows:
  main:
    key: id
    one_at_a_time: true
    steps: [{{compute: 20ms, name: think}}, {{sleep: 1s, name: nap}}, {{run: act, takes: 1s}}, {{compute: 20ms}}]
deployments: {{temporal: {{workers: [{{name: worker, runs: both, cache: {cache}}}]}}}}
workload: {{runs: 2, keys: [k, k]}}
expect: {{one_at_a_time: true}}
"""


@pytest.fixture(params=[1000, 0], ids=["cached", "replayed"])
def entity(tmp_path: Path, request: pytest.FixtureRequest) -> Scenario:
    file = tmp_path / "entity.yaml"
    file.write_text(ENTITY.format(cache=request.param), "utf-8")
    return load_scenario(file)


def one_at_a_time(scenario: Scenario, trace: Trace) -> bool:
    return all(verdict.held for verdict in verdicts(scenario, trace) if verdict.expected.startswith("one at a time"))


def test_each_requests_steps_are_its_own(entity: Scenario) -> None:
    trace = simulate(entity, "temporal", seed=0)
    for kind in (Kind.TIMER_SET, Kind.TIMER_FIRED, Kind.STEP_SCHEDULED):
        assert sorted(e.run or "" for e in trace.events if e.kind is kind and e.step == "nap") == ["run 1", "run 2"]
    assert {e.run for e in trace.events if e.kind is Kind.STEP_STARTED and e.step == "think"} == {"run 1", "run 2"}


@pytest.mark.parametrize("component", ["app", "engine"])
def test_requests_do_not_overlap_whatever_dies_and_when(entity: Scenario, component: str) -> None:
    trace = simulate(entity, "temporal", seed=0)
    assert one_at_a_time(entity, trace)
    assert trace.effects == {"act": 2}
    for number in range(0, len(trace.events), 7):
        crash = Crash.model_validate({"crash": component, "when": {"event": number}, "down_for": "1ms"})
        struck = simulate(entity.model_copy(update={"faults": (crash,)}), "temporal", seed=0)
        assert one_at_a_time(entity, struck), f"{component} dies after event {number}"
        assert set(struck.status.values()) == {"completed"}


@pytest.mark.parametrize(("key", "failed"), [("", 0), (", key: k1", 2)])
def test_a_called_child_of_that_kind_is_no_request_and_that_is_said(tmp_path: Path, key: str, failed: int) -> None:
    """As on the real server: without a key the calls overlap, with one the workflow id is taken."""
    file = tmp_path / "called.yaml"
    file.write_text(f"""
scenario: called
workflows:
  main: {{input: {{id: k1}}, steps: [{{call: child{key}}}]}}
  child: {{key: id, one_at_a_time: true, steps: [{{run: b, takes: 2s}}]}}
workload: {{of: main, runs: 3}}
expect: {{one_at_a_time: true}}
""")
    scenario = load_scenario(file)
    trace = simulate(scenario, "temporal", seed=0)
    assert sum(run.status == "failed" for run in trace.runs) == failed
    assert one_at_a_time(scenario, trace) == (failed > 0)
    assert any("a child workflow is a run of its own, no request to the entity child" in note for note in trace.notes)
