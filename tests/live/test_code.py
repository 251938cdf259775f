"""Generated projects run on the real server, and record what the model predicts."""

from __future__ import annotations

import os

import pytest

from durascope.live import node
from durascope.live.verification import Verification, told
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.reading import parse_scenario
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


ASKING = """
scenario: asking
services: {bank: {latency: 100ms}}
workflows:
  pay:
    key: id
    input: {id: unique}
    steps:
      - {run: charge, on: bank, check_first: 40ms, result: {paid: 50%}}
      - {run: book, on: bank, check_first: 40ms, idempotency_key: id}
      - {run: note, takes: 30ms, effect: noted}
      - {run: note-again, takes: 30ms, effect: noted, check_first: 20ms}
      - {repeat: 2, do: [{run: remind, takes: 30ms, check_first: 20ms}]}
      - choose: [{when: paid, do: [{run: confirm, takes: 30ms}]}, {otherwise: [{run: dun, takes: 30ms}]}]
faults:
  - {crash: app, when: {step: charge, moment: after-effect}, down_for: 1s}
  - {crash: app, when: {step: book, moment: after-effect}, down_for: 1s}
"""
EFFECTS = {"charge": 1, "book": 1, "note": 1, "note-again": 0, "remind": 2}


def asks_first(found: Verification) -> bool:
    """Whether the record is as predicted, and what was killed after its effect has found it there."""
    effects = {name: found.recordings[0].effects.get(name, 0) for name in EFFECTS}
    return found.agrees and effects == EFFECTS


@pytest.mark.parametrize("sdk", [Sdk(), TypeScript()], ids=["python", "typescript"])
def test_a_step_that_asks_first_finds_what_a_killed_attempt_has_done(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    if sdk.name == "typescript" and not node.installed():
        pytest.skip("the TypeScript SDKs are not installed: make .engines/.typescript")
    found = verified(on(parse_scenario(ASKING), sdk.name), sdk, monkeypatch)
    assert asks_first(found), told(found)


ON_RESTATE = {"python": generated_services.ServiceLive, "typescript": generated_services.TypeScriptServiceLive}


@pytest.mark.parametrize("sdk", ON_RESTATE)
def test_so_it_does_on_restate(sdk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if sdk == "typescript" and not node.installed():
        pytest.skip("the TypeScript SDKs are not installed: make .engines/.typescript")
    found = generated_services.verified(on_restate(parse_scenario(ASKING), sdk), monkeypatch, ON_RESTATE[sdk])
    assert asks_first(found), told(found)
