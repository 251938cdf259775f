"""What an engine cannot do by itself is said, with what a user does instead."""

from __future__ import annotations

import pytest

from durascope.models.engines import MAPS_TO, notes
from durascope.models.reading import parse_scenario
from durascope.models.scenario import ENGINES
from durascope.models.steps import STEP_KINDS

RICH = parse_scenario(
    """
scenario: rich
workflows:
  w:
    queries: [status]
    updates: {address: {}}
    steps:
      - {set: n, value: 1}
      - {patched: fix, do: [{run: a, heartbeat: {timeout: 1s}}]}
      - {repeat: 9, continue_as_new_every: 3, do: []}
"""
)


@pytest.mark.parametrize(
    ("engine", "features"),
    [
        ("temporal", ["state of w (n)"]),
        (
            "inngest",
            [
                "queries of w (status)",
                "updates of w (address)",
                "state of w (n)",
                "patched of w (fix)",
                "heartbeat of w (a)",
                "continue as new of w (repeat 9)",
            ],
        ),
        (
            "restate",
            ["updates of w (address)", "patched of w (fix)", "heartbeat of w (a)", "continue as new of w (repeat 9)"],
        ),
    ],
)
def test_what_an_engine_lacks(engine: str, features: list[str]) -> None:
    assert [note.what for note in notes(RICH, engine)] == features
    assert all(note.instead for note in notes(RICH, engine))


def test_the_table_of_steps_names_steps_and_engines() -> None:
    assert set(MAPS_TO) <= set(STEP_KINDS)
    assert all(tuple(engines) == ENGINES for engines in MAPS_TO.values())
