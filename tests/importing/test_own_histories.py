"""Every history that `durascope export --format history` writes is imported, and predicts itself line for line.

A family is a run that was started from outside, with its children and continuations, as a person would have its files.
What differs is listed below with its first line that does, and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from durascope.importing.checking import check
from durascope.importing.files import RecordingFile
from durascope.importing.temporal.importer import IMPORTER
from durascope.models.loading import builtin_names, load_scenario
from durascope.render.exports.temporal_history import histories
from durascope.simulators.simulate import simulate
from tests.importing.figures import PAGE, WRITE_IT
from tests.importing.temporal_differs import DIFFERS

CASES = Path(__file__).parent.parent / "conformance"
SCENARIOS: Mapping[str, str | Path] = {
    **{name: name for name in builtin_names()},
    **{
        path.stem: path
        for folder in ("temporal", "own/temporal", "random/temporal")
        for path in (CASES / folder).glob("*.yaml")
    },
}


@cache
def exported(name: str) -> Mapping[str, Mapping[str, Any]]:
    """The histories of all executions of a scenario, by their names."""
    return histories(simulate(load_scenario(SCENARIOS[name]), "temporal", full=True, records=True))


def families(name: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The histories that belong together, by the name of the first one, as their own ids say."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    of: dict[str, str] = {}
    for execution, history in exported(name).items():
        family = next((of[each] for each in relatives(history) if each in of), execution.split(".")[0])
        found.setdefault(family, []).append(history)
        of[first(history)["originalExecutionRunId"]] = family
    return found


def relatives(history: Mapping[str, Any]) -> Iterator[str]:
    """The run ids of those that it is a child, a continuation or a reset of."""
    yield (first(history).get("parentWorkflowExecution") or {}).get("runId", "")
    yield first(history)["firstExecutionRunId"]
    for event in history["events"]:
        yield event.get("workflowTaskFailedEventAttributes", {}).get("baseRunId") or ""


def first(history: Mapping[str, Any]) -> Mapping[str, Any]:
    return history["events"][0]["workflowExecutionStartedEventAttributes"]


def differing(name: str) -> Iterator[tuple[str, str]]:
    """The families that do not predict themselves, and where."""
    for family, documents in families(name).items():
        found = check(IMPORTER.imported([RecordingFile(f"{name}.json", documents)], name.lower()))
        if found:
            yield f"{name} {family}", f"{found[0].what.removeprefix('the record of ')} line {found[0].line}"


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_history_predicts_itself(name: str) -> None:
    expected = {family: line for family, (line, _) in DIFFERS.items() if family.rsplit(" run ", 1)[0] == name}
    assert dict(differing(name)) == expected


def test_nearly_all_do() -> None:
    count = sum(len(families(name)) for name in SCENARIOS)
    assert count == 331
    assert len(DIFFERS) <= 0.06 * count
    assert f"| {count} | {count - len(DIFFERS)} (" in PAGE.read_text("utf-8"), WRITE_IT
