"""Generated projects run on the real server, and record what the model predicts."""

from __future__ import annotations

import pytest

from durascope.live.verification import told
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.scenario import Scenario
from tests.live.generated import Sdk, verified

pytestmark = pytest.mark.live


def on(scenario: Scenario, sdk: str) -> Scenario:
    deployment = scenario.deployments.temporal
    workers = tuple(worker.model_copy(update={"sdk": sdk}) for worker in deployment.workers)
    temporal = deployment.model_copy(update={"workers": workers})
    return scenario.model_copy(update={"deployments": scenario.deployments.model_copy(update={"temporal": temporal})})


@pytest.mark.parametrize("name", builtin_names())
def test_a_python_project_records_what_is_predicted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = verified(on(load_scenario(name), "python"), Sdk(), monkeypatch)
    assert found.agrees, told(found)
