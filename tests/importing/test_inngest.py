"""Inngest's run traces, imported: each run whose trace `durascope export --format trace` writes predicts that trace.

A run trace tells less than the record of the model does: its steps, in the order in which they began, their attempts
and ends, and how the run ended. That is what is compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from durascope.cli import main
from durascope.engines.inngest.run_trace import run_traces
from durascope.importing.checking import check
from durascope.importing.files import RecordingFile, imported
from durascope.importing.imported import Imported
from durascope.importing.inngest.importer import IMPORTER
from durascope.importing.story import Spent
from durascope.importing.unreadable import UnreadableRecording
from durascope.models.loading import builtin_names, load_scenario
from durascope.simulators.simulate import simulate
from tests.importing.figures import PAGE, WRITE_IT

CASES = Path(__file__).parent.parent / "conformance"
SCENARIOS: Mapping[str, str | Path] = {
    **{name: name for name in builtin_names()},
    **{path.stem: path for folder in ("inngest", "random/inngest") for path in (CASES / folder).glob("*.yaml")},
}

BEFORE = "cancelled before its first step, by a limit of flow control or a delay that a run trace does not tell"
ATTEMPTS = "the retry that a cancellation met, or why there was none, is not in a run trace"
UNORDERED = "loops whose rounds overlap are read as steps side by side"
LATE = "the run was cancelled after its last step: by what, a run trace does not tell"

DIFFERS: Mapping[str, tuple[str, str]] = {
    "cancel-delayed-start run 1": ("line 1", BEFORE),
    "finish-timeout-during-retries run 1": ("line 2", ATTEMPTS),
    "i-040 run 1": ("line 7", UNORDERED),
    "i-056 run 1": ("line 7", LATE),
    "i-072 run 1": ("line 2", LATE),
    "start-timeout-behind-concurrency run 2": ("line 1", BEFORE),
    "throttled-start-times-out run 3": ("line 1", BEFORE),
    "throttled-start-times-out run 4": ("line 1", BEFORE),
    "undo-non-retriable-typescript run 1": ("line 4", ATTEMPTS),
}


@cache
def exported(name: str) -> Mapping[str, Mapping[str, Any]]:
    scenario = load_scenario(SCENARIOS[name])
    return run_traces(simulate(scenario, "inngest", full=True, records=True), scenario)


def of(name: str, run: str = "run 1") -> Imported:
    return IMPORTER.imported([RecordingFile("trace.json", [{"data": {"run": {"trace": exported(name)[run]}}}])], "x")


def differing(name: str) -> Iterator[tuple[str, str]]:
    for run in exported(name):
        found = check(of(name, run))
        if found:
            yield f"{name} {run}", f"line {found[0].line}"


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_run_trace_predicts_itself(name: str) -> None:
    expected = {run: line for run, (line, _) in DIFFERS.items() if run.split(" ")[0] == name}
    assert dict(differing(name)) == expected


def test_nearly_all_do() -> None:
    count = sum(len(exported(name)) for name in SCENARIOS)
    assert count == 251
    assert len(DIFFERS) <= 0.05 * count
    assert f"| {count} | {count - len(DIFFERS)} (" in PAGE.read_text("utf-8"), WRITE_IT


def test_the_command_reads_what_the_export_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "order-fulfillment", "-e", "inngest", "--format", "trace", "--out", str(tmp_path)]) == 0
    (file,) = tmp_path.glob("*.json")
    assert main(["import", str(file), "--check"]) == 0
    assert "predicted = recorded" in capsys.readouterr().err
    assert main(["explain", str(file), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["runs"]
    assert told["repeated"] == ["charge-payment had 2 attempts."]


def test_sleeps_and_waits_have_their_times() -> None:
    steps = of("onboarding").scenario.workflows["onboarding-workflow"].steps
    assert [step.kind for step in steps] == ["run", "sleep", "wait_for", "run"]
    (told,) = of("onboarding").stories
    assert told.account()[Spent.TIMER] > 6 * 86_400_000_000


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"startedAt": None, "queuedAt": None}, "neither startedAt nor queuedAt"),
        ({"childrenSpans": 3}, "childrenSpans is not a list"),
        ({"childrenSpans": [1]}, "span 1 is not an object"),
        ({"childrenSpans": [{"stepOp": "RUN", "name": "a"}]}, "span 1 (a) has no time"),
    ],
)
def test_a_damaged_trace_names_the_span(change: dict[str, Any], expected: str, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    file.write_text(json.dumps({**exported("payment")["run 1"], **change}), "utf-8")
    with pytest.raises(UnreadableRecording) as found:
        imported([file])
    assert expected in str(found.value)
