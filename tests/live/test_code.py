"""Generated projects run on the real server, and record what the model predicts."""

from __future__ import annotations

import os

import pytest

from durascope.live import node
from durascope.live.verification import told
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.scenario import Scenario, Service
from durascope.models.units import SECOND, Spread
from tests.live import generated_services
from tests.live.generated import Sdk, TypeScript, verified

pytestmark = pytest.mark.live


NAMES = builtin_names() if "EVERY_PROJECT" in os.environ else ("order-fulfillment-cancel", "payment")
"""All of them take about ten minutes for each engine; two stand for them in `make test-live`."""
RESTATE = NAMES if "EVERY_PROJECT" in os.environ else ("onboarding", "payment")
"""The same for Restate: a cancellation there races the step that it cancels."""
TIMEOUT = 3 * SECOND
SLOW = SECOND
HURRY = 20


def on(scenario: Scenario, sdk: str) -> Scenario:
    """The scenario on that SDK, in seconds: a lost worker is noticed sooner, and no model thinks for long.

    Where steps run side by side nothing is hurried: their order would be a matter of milliseconds.
    """
    deployment = scenario.deployments.temporal
    workers = tuple(worker.model_copy(update={"sdk": sdk}) for worker in deployment.workers)
    side_by_side = has_branches(scenario)
    timeout = deployment.step_timeout if side_by_side else TIMEOUT
    temporal = deployment.model_copy(update={"workers": workers, "step_timeout": timeout})
    changes: dict[str, object] = {"deployments": scenario.deployments.model_copy(update={"temporal": temporal})}
    if not side_by_side:
        changes["services"] = {name: hurried(each) for name, each in scenario.services.items()}
    return scenario.model_copy(update=changes)


def on_restate(scenario: Scenario, sdk: str) -> Scenario:
    """The scenario on that SDK, hurried in the same way."""
    deployment = scenario.deployments.restate
    restate = deployment.model_copy(update={"service": deployment.service.model_copy(update={"sdk": sdk})})
    changes: dict[str, object] = {"deployments": scenario.deployments.model_copy(update={"restate": restate})}
    if not has_branches(scenario):
        changes["services"] = {name: hurried(each) for name, each in scenario.services.items()}
    return scenario.model_copy(update=changes)


def has_branches(scenario: Scenario) -> bool:
    return any(step.kind == "parallel" for each in scenario.workflows.values() for step in each.walk())


def hurried(service: Service) -> Service:
    if service.latency.typical < SLOW:
        return service
    latency = Spread(service.latency.shape, tuple(each // HURRY for each in service.latency.values))
    return service.model_copy(update={"latency": latency})


@pytest.mark.parametrize("name", NAMES)
def test_a_python_project_records_what_is_predicted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = verified(on(load_scenario(name), "python"), Sdk(), monkeypatch)
    assert found.agrees, told(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_typescript_project_records_what_is_predicted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not node.installed():
        pytest.skip("the TypeScript SDKs are not installed: make .engines/.typescript")
    found = verified(on(load_scenario(name), "typescript"), TypeScript(), monkeypatch)
    assert found.agrees, told(found)


@pytest.mark.parametrize("name", RESTATE)
def test_a_python_project_for_restate_records_what_is_predicted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = generated_services.verified(on_restate(load_scenario(name), "python"), monkeypatch)
    assert found.agrees, told(found)


@pytest.mark.parametrize("name", RESTATE)
def test_a_typescript_project_for_restate_records_what_is_predicted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not node.installed():
        pytest.skip("the TypeScript SDKs are not installed: make .engines/.typescript")
    scenario = on_restate(load_scenario(name), "typescript")
    found = generated_services.verified(scenario, monkeypatch, generated_services.TypeScriptServiceLive)
    assert found.agrees, told(found)
