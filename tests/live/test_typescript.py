"""Scenarios on the real TypeScript SDK of Temporal: what is recorded is what the model of that SDK predicts."""

from __future__ import annotations

import pytest

from durascope.live import node
from durascope.live.verification import told, verify
from durascope.models.loading import load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario

pytestmark = pytest.mark.live

SHIPPED = ("order-fulfillment", "onboarding")
SEVERAL = """
scenario: several
workflows:
  w:
    steps:
      - {run: a, takes: 100ms}
      - {sleep: 300ms}
      - parallel: [{run: b, takes: 300ms}, {run: c, takes: 60ms, fails: 1}]
      - {wait_for: go, timeout: 5s}
      - {call: v}
  v:
    steps: [{run: d, takes: 50ms, local: true}]
workload: {of: w, events: [{send: go, to: 1, when: {event: WaitStarted, after: 200ms}}]}
deployments:
  temporal: {workers: [{name: worker, runs: both, sdk: typescript}], step_timeout: 5s}
"""
CANCELLED = """
scenario: cancelled
workflows:
  w:
    steps:
      - {run: a, takes: 60ms, undo: undo-a}
      - {run: b, takes: 1s, cancellation: wait, heartbeat: {timeout: 2s, every: 100ms}}
      - {run: c, takes: 60ms}
workload: {events: [{operator: cancel, to: 1, when: {step: b, moment: started, after: 300ms}}]}
deployments:
  temporal: {workers: [{name: worker, runs: both, sdk: typescript}], step_timeout: 5s}
"""

ONE_SLOT = """
scenario: one-slot
workflows:
  w:
    steps:
      - {run: a, takes: 60ms}
      - parallel: [{run: b, takes: 300ms}, {run: c, takes: 300ms}, {run: d, takes: 300ms, local: true}]
workload: {runs: 2}
deployments:
  temporal: {workers: [{name: worker, runs: both, sdk: typescript, slots: 1}], step_timeout: 5s}
"""


@pytest.fixture(autouse=True)
def _installed() -> None:
    if not node.installed():
        pytest.skip("the TypeScript SDKs are not installed: make .engines/.typescript")


def in_typescript(scenario: Scenario) -> Scenario:
    deployment = scenario.deployments.temporal
    workers = tuple(worker.model_copy(update={"sdk": "typescript"}) for worker in deployment.workers)
    temporal = deployment.model_copy(update={"workers": workers})
    return scenario.model_copy(update={"deployments": scenario.deployments.model_copy(update={"temporal": temporal})})


@pytest.mark.parametrize("name", SHIPPED)
def test_scenarios_that_ship_are_predicted(name: str) -> None:
    found = verify(in_typescript(load_scenario(name)), "temporal")
    assert found.agrees, told(found)
    assert found.recordings[0].sdk == f"temporalio typescript {node.sdk_version()}"


@pytest.mark.parametrize("text", [SEVERAL, CANCELLED, ONE_SLOT], ids=["several", "cancelled", "one-slot"])
def test_what_the_sdk_does_is_what_is_predicted(text: str) -> None:
    found = verify(parse_scenario(text), "temporal")
    assert found.agrees, told(found)
