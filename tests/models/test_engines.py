"""What each engine says of itself: its parts are there, and what it cannot do by itself is said once."""

from __future__ import annotations

import pytest

from durascope.models.engine import UnknownEngine, compared, engine, names, notes_of, shown
from durascope.models.reading import parse_scenario
from durascope.models.steps import STEP_KINDS

RICH = parse_scenario(
    """
scenario: rich
workflows:
  w:
    queries: [status]
    updates: {address: {}}
    retry: {max_attempts: 2}
    steps:
      - {set: n, value: 1}
      - {patched: fix, do: [{run: a, heartbeat: {timeout: 1s}}]}
      - {repeat: 9, continue_as_new_every: 3, do: []}
"""
)
PARTS = ("simulator", "deployment", "components", "notes", "checks", "architecture", "case", "judge")
"""The parts that need nothing beyond the core; a live runner needs its engine's SDK."""


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("part", PARTS)
def test_every_part_that_an_engine_names_is_there(name: str, part: str) -> None:
    found = getattr(engine(name), part)
    assert not found or found.load() is not None


@pytest.mark.parametrize("name", names())
def test_an_engine_speaks_of_kinds_of_steps(name: str) -> None:
    spec = engine(name)
    assert spec.name == name
    assert set(spec.steps) <= set(STEP_KINDS)


def test_the_baseline_is_shown_only_when_it_is_asked_for() -> None:
    assert names() == (*compared(), "queue", "state-machine", "checkpoint")


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("temporal", []),
        ("inngest", ["queries", "updates", "retry", "set: n", "patched: fix", "heartbeat", "continue-as-new"]),
        ("restate", ["failed for good", "n: a plain service has no state", "code is not patched", "heartbeats"]),
        ("queue", ["updates (address)", "queries (status)", "keeps no state", "code that is deployed"]),
    ],
)
def test_what_an_engine_lacks_is_said(name: str, lacking: list[str]) -> None:
    told = notes_of(name, RICH)
    assert [each for each in lacking if not any(each in note for note in told)] == []
    assert bool(told) == bool(lacking)


def test_an_engine_that_there_is_not() -> None:
    with pytest.raises(UnknownEngine, match="did you mean `restate`"):
        engine("restat")
    assert shown("restat").title == "restat"  # a trace of an engine that is not installed here can be drawn
