"""Editors are given a JSON Schema that says yes to what durascope reads, and no to the usual slips."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from durascope.models.loading import builtin_names, load_scenario
from durascope.models.reading import open_source
from durascope.models.schema import DIALECT, scenario_schema
from durascope.models.steps import STEP_KINDS
from durascope.models.writing import as_plain
from durascope.models.yaml12 import compose

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "durascope/scenarios").glob("*.yaml")), *sorted((ROOT / "tests/conformance").glob("*/*.yaml"))]


@cache
def validator() -> Any:
    """A validator of the schema."""
    return jsonschema.Draft202012Validator(scenario_schema())


def accepts(document: object) -> bool:
    """Whether an editor would find nothing wrong."""
    return validator().is_valid(document)


def written(file: Path) -> Any:
    """The scenario in a file, as it is written."""
    value, _ = compose(open_source(file))
    return (value.get("scenario") if value.get("case") else value).plain  # pyright: ignore[reportOptionalMemberAccess]


def with_step(step: object) -> dict[str, object]:
    """A small scenario with one step."""
    return {"scenario": "s", "workflows": {"w": {"steps": [step]}}}


def test_it_is_a_schema_of_the_dialect_it_names() -> None:
    schema = scenario_schema()
    assert schema["$schema"] == DIALECT
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenarios_as_they_are_written_are_accepted(file: Path) -> None:
    assert not [error.message for error in validator().iter_errors(written(file))]


@pytest.mark.parametrize("name", builtin_names())
def test_scenarios_as_they_are_shown_are_accepted(name: str) -> None:
    assert accepts(as_plain(load_scenario(name)))


@pytest.mark.parametrize(
    "step",
    [
        {"rum": "a"},
        {"run": "a", "sleep": "1s"},
        {"run": 7},
        {"sleep": 5},
        {"sleep": "5 sec"},
        {"run": "a", "fail": 2},
        {"run": "a", "fails": {"moment": "never"}},
        {"run": "a", "local": "yes"},
        {"run": "a", "takes": {"p50": "1s"}},
        {"parallel": []},
        {"repeat": -1, "do": []},
    ],
)
def test_slips_are_refused(step: object) -> None:
    assert not accepts(with_step(step))


@pytest.mark.parametrize(
    "step",
    [
        {"run": "a", "undo": "b", "fails": 2, "takes": ["1s", {"exponential": "20ms"}]},
        {"run": "a", "undo": {"run": "b"}, "fails": {"always": True}},
        {"parallel": [{"run": "a"}, [{"run": "b"}, {"run": "c"}]]},
        {"race": [{"sleep": "1s"}, {"wait_for": "x"}]},
        {"choose": [{"when": "a > 1", "do": []}, {"otherwise": [{"fail": "no"}]}]},
    ],
)
def test_short_forms_are_accepted(step: object) -> None:
    assert accepts(with_step(step))


def test_every_kind_of_step_is_offered() -> None:
    offered = {choice["$ref"].rpartition("/")[2] for choice in scenario_schema()["$defs"]["Step"]["oneOf"]}
    assert offered == {model.__name__ for model in STEP_KINDS.values()}


def test_every_part_and_every_field_is_described() -> None:
    whole = scenario_schema()
    for name, part in {**whole["$defs"], "Scenario": whole}.items():
        for field, described in part.get("properties", {}).items():
            if name != "Spread":
                assert part.get("description"), name
                assert described.get("description"), f"{name}.{field}"


def test_defaults_are_written_as_in_a_file() -> None:
    parts = scenario_schema()["$defs"]
    assert parts["TemporalDeployment"]["properties"]["step_timeout"]["default"] == "10s"
    assert parts["Service"]["properties"]["latency"]["default"] == "30ms"
