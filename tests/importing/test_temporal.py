"""Temporal's histories, imported: what the real server recorded is what the scenario predicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from durascope.importing.checking import check
from durascope.importing.files import imported
from durascope.importing.imported import Imported
from durascope.models.loading import load_scenario
from durascope.models.steps import Run

HERE = Path(__file__).parent / "temporal"
RECORDED = sorted(HERE.glob("*.json"))


def of(*names: str) -> Imported:
    return imported([HERE / f"{name}.json" for name in names])


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_history_predicts_itself(path: Path) -> None:
    assert not check(imported([path]))


def test_a_parent_and_its_child_are_imported_together() -> None:
    found = of("child-workflow", "child-workflow.shipment")
    assert list(found.scenario.workflows) == ["shipment", "order"]
    assert set(found.records) == {"run 1", "run 1/shipment"}
    assert not check(found)


def test_attempts_that_failed_and_their_time_are_in_the_step() -> None:
    steps = of("retry-twice-then-success").scenario.workflows["order"].steps
    charge = next(step for step in steps if isinstance(step, Run) and step.run == "charge-payment")
    assert charge.fails is not None
    assert (charge.fails.times, charge.fails.error) == (2, "Transient")


def test_the_scenario_file_reads_back(tmp_path: Path) -> None:
    found = of("parallel-staggered")
    file = tmp_path / "parallel-staggered.yaml"
    file.write_text(found.text, "utf-8")
    assert load_scenario(file) == found.scenario


@pytest.mark.parametrize("style", ["bare list", "older names", "two in a file"])
def test_every_form_of_the_same_history_is_the_same(style: str, tmp_path: Path) -> None:
    document = json.loads((HERE / "happy-path.json").read_text("utf-8"))
    if style == "bare list":
        document = document["events"]
    if style == "older names":
        for event in document["events"]:
            words = event["eventType"].removeprefix("EVENT_TYPE_").split("_")
            event["eventType"] = "".join(word.capitalize() for word in words)
            queue = event.get("workflowTaskScheduledEventAttributes", {}).get("taskQueue", {})
            if queue:
                queue["kind"] = queue["kind"].removeprefix("TASK_QUEUE_KIND_").capitalize()
    file = tmp_path / "happy-path.json"
    text = json.dumps(document)
    file.write_text(f"{text}\n{text}" if style == "two in a file" else text, "utf-8")
    found = imported([file])
    assert found.scenario == of("happy-path").scenario
    assert found.records == of("happy-path").records
