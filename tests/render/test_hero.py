"""The hero tells what the traces tell, moves only for those who want it, and is small."""

from __future__ import annotations

import re

import pytest

from durascope.cli.gallery import hero
from durascope.models.effects import effects, recoveries
from durascope.models.engine import compared
from durascope.models.loading import load_scenario
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind
from durascope.models.waits import longest
from durascope.render.hero import HELD_S, PLAYED_S, NothingToPlay, draw
from durascope.render.picture import Picture
from durascope.simulators.simulate import simulate


@pytest.fixture(scope="module")
def picture() -> Picture:
    return hero()


def test_each_engine_repeats_the_charge_when_its_trace_does(picture: Picture) -> None:
    texts = {text.text for text in picture.canvas.texts}
    for engine in compared():
        trace = simulate(load_scenario("order-fulfillment"), engine)
        worst = longest(recoveries(trace))
        assert worst is not None
        again = next(mark for mark in effects(trace) if mark.duplicate)
        assert f"charge-payment again, after {spell(again.at - worst.at)}" in texts
        assert any(event.kind is Kind.CRASHED for event in trace.events)


def test_it_moves_only_for_those_who_want_it(picture: Picture) -> None:
    text = picture.svg()
    assert "prefers-reduced-motion:reduce" in text
    assert "animation:none!important" in text
    durations = set(re.findall(r"animation:\S+ (\S+)s linear infinite", text))
    assert durations == {f"{PLAYED_S + HELD_S:g}"}


def test_without_motion_it_is_the_end_of_the_story(picture: Picture) -> None:
    """Nothing is hidden by an attribute: what the animation hides for a while is there without it."""
    body = picture.svg().split("</style>")[1]
    assert 'opacity="0"' not in body
    assert picture.png(scale=0.5)[:4] == b"\x89PNG"


def test_it_is_small_and_legible(picture: Picture) -> None:
    assert picture.width == 880
    assert len(picture.svg().encode()) < 60_000
    assert min(text.size for text in picture.canvas.texts) >= 12
    assert all(text.left >= 24 and text.left + text.width <= 868 for text in picture.canvas.texts)


def test_a_scenario_without_a_fault_has_none() -> None:
    calm = Scenario.model_validate({"scenario": "s", "workflows": {"w": {"steps": [{"run": "a"}]}}})
    with pytest.raises(NothingToPlay, match="--crash"):
        draw([simulate(calm, "temporal")], calm)
