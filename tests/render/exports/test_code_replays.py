"""The real SDK's Replayer is given the histories that the model predicts, and the generated workflows."""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("temporalio")

from temporalio.client import WorkflowHistory
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from durascope.models.loading import builtin_names, load_scenario
from durascope.models.scenario import Scenario
from durascope.render.code import project
from durascope.render.exports.temporal_history import histories
from durascope.simulators.simulate import simulate
from tests.render.exports.test_temporal_history import code_at, last_task, on_python

Json = dict[str, Any]


def workflows(scenario: Scenario, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """The workflows of the scenario's project, imported."""
    for path, text in project(scenario, "temporal", "python").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
        del sys.modules[name]
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder)
        return importlib.import_module("app.worker").WORKFLOWS


def as_sent_by_the_project(history: Json) -> Json:
    """The history with the payloads of the project's own starter: the inputs alone, without what the model adds."""
    for event in history["events"]:
        started = event.get("workflowExecutionStartedEventAttributes")
        accepted = event.get("workflowExecutionUpdateAcceptedEventAttributes")
        completed = event.get("activityTaskCompletedEventAttributes")
        if started is not None:
            if decoded(started["input"]).get("entity"):
                del started["input"]
            else:
                started["input"] = only_input(started["input"])
        elif accepted is not None:
            asked = accepted["acceptedRequest"]["input"]
            asked["args"] = only_input(asked["args"])
        elif completed is not None:
            completed.pop("result", None)
    return history


def decoded(payloads: Json) -> Json:
    return json.loads(base64.b64decode(payloads["payloads"][0]["data"]))


def only_input(payloads: Json) -> Json:
    [payload] = payloads["payloads"]
    data = base64.b64encode(json.dumps(decoded(payloads)["input"]).encode()).decode()
    return {"payloads": [{**payload, "data": data}]}


def replay(code: list[type], history: Json) -> Exception | None:
    first = history["events"][0]["workflowExecutionStartedEventAttributes"]
    replayer = Replayer(
        workflows=code,
        workflow_runner=UnsandboxedWorkflowRunner(),
        runtime=Runtime(telemetry=TelemetryConfig(logging=None)),
    )
    given = WorkflowHistory.from_json(first["workflowId"], json.dumps(history))
    return asyncio.run(replayer.replay_workflow(given, raise_on_replay_failure=False)).replay_failure


@pytest.mark.parametrize("name", builtin_names())
def test_the_generated_workflow_accepts_the_predicted_histories(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = on_python(load_scenario(name))
    trace = simulate(scenario, "temporal", records=True)
    found = histories(trace)
    assert found
    for number, (run, history) in enumerate(found.items()):
        code = workflows(code_at(scenario, trace, last_task(trace, run)), tmp_path / str(number), monkeypatch)
        assert replay(code, as_sent_by_the_project(history)) is None, run


def test_another_workflow_rejects_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = on_python(load_scenario("order-fulfillment"))
    [history] = histories(simulate(scenario, "temporal", records=True)).values()
    workflow = scenario.workflows["fulfill-order"]
    other = workflow.model_copy(update={"steps": tuple(reversed(workflow.steps))})
    code = workflows(scenario.model_copy(update={"workflows": {"fulfill-order": other}}), tmp_path, monkeypatch)
    assert "Nondeterminism" in str(replay(code, as_sent_by_the_project(history)))
