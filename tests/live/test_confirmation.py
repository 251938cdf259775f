"""The findings of an exploration on the real engine."""

from __future__ import annotations

import json

import pytest

from durascope.experiments.exploration.explore import explore
from durascope.live.confirmation import confirmed
from durascope.models.loading import load_scenario
from tests.cli.commands import durascope


@pytest.mark.live
@pytest.mark.parametrize("engine", ["temporal", "restate"])
def test_the_worst_finding_is_confirmed(engine: str) -> None:
    answer = durascope("explore", "order-fulfillment", "-e", engine, "--moments", "--confirm", "1", "--json")
    points = json.loads(answer.out)["confirmed"]
    assert [point["verdict"] for point in points] == ["confirmed"], points


def test_points_are_the_same_for_the_same_seed() -> None:
    found = explore(load_scenario("order-fulfillment"), ["restate"], between=False, processes=1)
    asked: list[object] = []

    class Agrees:
        agrees = True
        racy = False

    def run(scenario: object, engine: str, *, seed: int) -> Agrees:
        asked.append((scenario, engine, seed))
        return Agrees()

    first = confirmed(found, ["restate"], worst=2, sample=3, run=run)  # pyright: ignore[reportArgumentType]
    assert len(first.points) == 5
    assert first == confirmed(found, ["restate"], worst=2, sample=3, run=run)  # pyright: ignore[reportArgumentType]
    assert first.agrees
