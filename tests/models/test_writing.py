"""A scenario is written with all of its defaults, and reads back equal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from durascope.models.attempt_limits import start_to_close
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.writing import as_plain, as_yaml

CONFORMANCE = Path(__file__).parents[1] / "conformance"
TARGETS = [*builtin_names(), *map(str, sorted(CONFORMANCE.glob("*/*.yaml")))]
MINIMAL = "scenario: s\nworkflows: {w: {steps: [{run: a}]}}\n"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: Path(target).stem)
def test_what_is_shown_reads_back_equal(target: str) -> None:
    scenario = load_scenario(target)
    assert parse_scenario(as_yaml(scenario)) == scenario


def test_defaults_are_written_as_a_file_writes_them() -> None:
    written = as_plain(parse_scenario(MINIMAL))
    assert written["deployments"]["temporal"]["sticky_timeout"] == "10s"
    assert written["workflows"]["w"]["steps"] == [
        {"run": "a", "effect_at": "100%", "cancellation": "try", "local": False}
    ]


@pytest.mark.parametrize("named", [{}, {"step_timeout": "10s"}], ids=["chosen", "named"])
def test_a_step_timeout_is_written_only_where_somebody_named_it(named: dict[str, str]) -> None:
    """Where nobody has, a long step gets a longer one; written, the default would end its attempts."""
    steps = {"w": {"steps": [{"run": "a", "takes": "7d"}]}}
    document = {"scenario": "s", "workflows": steps, "deployments": {"temporal": named}}
    scenario = parse_scenario(json.dumps(document))
    again = parse_scenario(as_yaml(scenario))
    (step,) = (step for _, step in scenario.runs())
    assert start_to_close(again, step) == start_to_close(scenario, step)
    assert (start_to_close(scenario, step) == 10_000_000) is bool(named)


@given(st.text(max_size=60) | st.text(alphabet="a: \n\t#-\r\x85\u2028|>'\"", max_size=20))
def test_any_text_reads_back_equal(text: str) -> None:
    scenario = parse_scenario(MINIMAL).model_copy(update={"about": text})
    assert parse_scenario(as_yaml(scenario)).about == text


@pytest.mark.parametrize(
    "word", ["on", "yes", "1e3", "0o17", "017", "~", "", "1:30", "2026-11-22", "true", ".5", "0x1F", "=", "<<"]
)
def test_words_that_some_yaml_takes_for_something_else_are_quoted(word: str) -> None:
    written = as_yaml(parse_scenario(MINIMAL).model_copy(update={"title": word}))
    assert parse_scenario(written).title == word
    assert yaml.safe_load(written)["title"] == word
