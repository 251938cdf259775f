"""Matching: which worker gets a task that several wait for is luck, and the outside has no part in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from durascope.models.loading import load_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.simulators.kernel.luck import TurnedLuck
from durascope.simulators.simulate import simulate
from durascope.simulators.temporal.matching import MATCH
from durascope.simulators.temporal.task_queues import TaskType

SCENARIO = """
scenario: two-replicas
workflows:
  w:
    steps:
      - parallel: [{run: a, takes: {uniform: [1s, 2s]}}, {run: b, takes: {uniform: [1s, 2s]}}]
deployments:
  temporal:
    workers: [{name: worker, runs: both, sdk: python, replicas: 2}]
    eager_activities: false
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    file = tmp_path / "two-replicas.yaml"
    file.write_text(SCENARIO, "utf-8")
    return load_scenario(file)


def where(trace: Trace) -> tuple[str, ...]:
    """The workers that began the steps, by step."""
    begun = [event for event in trace.events if event.kind is Kind.STEP_STARTED]
    return tuple(event.lane for event in sorted(begun, key=lambda event: str(event.step)))


def took(trace: Trace) -> dict[str | None, int]:
    began = {event.step: event.at for event in trace.events if event.kind is Kind.STEP_STARTED}
    return {e.step: e.at - began[e.step] for e in trace.events if e.kind is Kind.STEP_REPORTED}


def test_any_worker_may_get_any_task(scenario: Scenario) -> None:
    ways = {where(simulate(scenario, "temporal", seed=seed)) for seed in range(40)}
    assert len(ways) == 4


def test_the_engines_luck_leaves_the_outside_as_it_is(scenario: Scenario) -> None:
    traces = [simulate(scenario, "temporal", seed=3, engine_luck=TurnedLuck(seed)) for seed in range(20)]
    assert len({where(trace) for trace in traces}) > 1
    assert all(took(trace) == took(traces[0]) for trace in traces)


def test_one_decision_can_be_turned_without_the_others(scenario: Scenario) -> None:
    luck = TurnedLuck(0)
    before = where(simulate(scenario, "temporal", seed=0, engine_luck=luck))
    decisions = [address for address in luck.asked if address[0] == "drawn" and address[2] == MATCH[TaskType.ACTIVITY]]
    assert len(decisions) == 2
    turned = {
        where(simulate(scenario, "temporal", seed=0, engine_luck=TurnedLuck(0, {decisions[0]: turn})))
        for turn in range(1, 10)
    }
    assert any(after != before for after in turned)
    assert sum(len({way[step] for way in turned | {before}}) > 1 for step in (0, 1)) == 1
