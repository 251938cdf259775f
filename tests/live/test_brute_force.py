"""Exploring without merging agrees on every scenario that ships; it takes minutes, so it stands with the live tests."""

from __future__ import annotations

import pytest

from durascope.experiments.exploration.explore import explore
from durascope.experiments.exploration.explored import Explored
from durascope.models.engine import compared
from durascope.models.loading import builtin_names, load_scenario


def table(explored: Explored) -> object:
    return explored.steps, explored.worst_delay_us, set(explored.statuses), set(explored.broken), set(explored.seen)


@pytest.mark.live
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", compared())
@pytest.mark.parametrize("name", builtin_names())
def test_brute_force_agrees(name: str, engine: str) -> None:
    asked = load_scenario(name)
    merged = explore(asked, [engine], down_us=50_000).engines[engine]
    brute = explore(asked, [engine], down_us=50_000, merge=False).engines[engine]
    assert brute.simulated == merged.simulated + merged.merged
    assert table(brute) == table(merged)
