"""`durascope import`: the scenario on stdout or in a file, words on stderr, and what the exit status says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from durascope.cli import main

HERE = Path(__file__).parent / "temporal"
CRASH = str(HERE / "crash-mid-activity.json")


def test_the_scenario_goes_to_stdout_and_the_verdict_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", CRASH, "--check"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("scenario: crash-mid-activity\n")
    assert "predicted = recorded: 37 lines (run 1)" in said.err


def test_the_file_is_a_scenario_that_runs_on_the_other_engines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "incident.yaml"
    assert main(["import", CRASH, "--out", str(file)]) == 0
    assert main(["run", str(file), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["engines"]) == {"temporal", "inngest", "restate"}


def test_a_prediction_that_is_another_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads((HERE / "happy-path.json").read_text("utf-8"))
    document["events"][7]["workflowTaskScheduledEventAttributes"]["attempt"] = 4
    file = tmp_path / "odd.json"
    file.write_text(json.dumps(document), "utf-8")
    assert main(["import", str(file), "--check"]) == 1
    said = capsys.readouterr().err
    assert "predicted ≠ recorded" in said
    assert "≠  WorkflowTaskScheduled sticky attempt=4" in said


def test_a_file_that_cannot_be_read_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cut.json"
    file.write_text((HERE / "happy-path.json").read_text("utf-8")[:9000], "utf-8")
    assert main(["import", str(file)]) == 2
    said = capsys.readouterr().err
    assert "durascope: error: cut.json: the JSON is cut off" in said
    assert "Traceback" not in said
    assert main(["import", str(tmp_path / "none.json")]) == 2
