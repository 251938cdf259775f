"""What every picture looks like in a browser: legible at the width of a README, no text on another or on a line."""

from __future__ import annotations

from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from durascope.models.engine import compared
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.scenario import Scenario
from durascope.render.views import Drawn, Options, pictures
from durascope.simulators.simulate import simulate
from tests.render.player.browser import chromium

LOOK: Final = Path(__file__).with_name("geometry.js").read_text(encoding="utf-8")
README: Final = 880
CROSSINGS: Final = {
    ("order-fulfillment", "temporal"): 1,  # commands go out between the two queues, whatever stands where
}
"""How often arrows of an architecture cross; in all others never."""

_CRASH: Final = {"crash": "app", "down_for": "2s"}
STRESS: Final[dict[str, dict[str, Any]]] = {
    "forty-steps": {
        "workflows": {"w": {"steps": [{"run": f"step-number-{n}", "takes": "20ms"} for n in range(1, 41)]}},
        "faults": [{**_CRASH, "when": {"step": "step-number-20", "attempt": 1, "moment": "after-effect"}}],
    },
    "thirty-branches": {
        "workflows": {"w": {"steps": [
            {"run": "plan"},
            {"parallel": [{"run": f"a step whose long name says what it does, {n}", "takes": f"{20 + n}ms"}
                          for n in range(1, 31)]},
            {"run": "merge"},
        ]}},
        "faults": [{**_CRASH, "at": "60ms"}],
    },
    "three-hundred-runs": {
        "workflows": {"w": {"steps": [{"run": "a", "takes": "30ms"}, {"run": "b", "takes": "50ms"}, {"run": "c"}]}},
        "workload": {"runs": 300, "arrivals": {"every": "20ms"}},
        "faults": [{**_CRASH, "at": "3s"}],
    },
}  # fmt: skip
NAMES: Final = [*builtin_names(), *STRESS]
each_scenario = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def page() -> Generator[Page]:
    with chromium() as browser:
        yield browser.new_page()


@cache
def drawn(name: str) -> list[Drawn]:
    scenario = Scenario.model_validate({"scenario": name, **STRESS[name]}) if name in STRESS else load_scenario(name)
    traces = {engine: simulate(scenario, engine, full=True) for engine in compared()}
    plain = list(pictures(scenario, compared(), traces))
    return [*plain, *pictures(scenario, compared(), traces, ("workflow",), Options(paint=True))]


@each_scenario
def test_the_smallest_text_is_twelve_pixels_high_in_a_readme(name: str) -> None:
    for each in drawn(name):
        smallest = min(text.size for text in each.picture.canvas.texts)
        assert smallest * min(1, README / each.picture.width) >= 12, (each.name, each.picture.width, smallest)


@each_scenario
def test_no_text_lies_on_another_on_a_line_or_under_anything(name: str, page: Page) -> None:
    for each in drawn(name):
        found = looked_at(page, each)
        assert (found["outside"], found["together"], found["struck"]) == ([], [], []), each.name
        assert (found["shaved"], found["headless"]) == ([], []), each.name
        if each.view == "architecture":
            known = CROSSINGS.get((_family(name), str(each.engine)), 0)
            assert found["crossings"] <= known, each.name


def _family(name: str) -> str:
    return "order-fulfillment" if name.startswith("order-fulfillment") else name


def looked_at(page: Page, each: Drawn) -> dict[str, Any]:
    page.set_content(each.picture.svg())
    return page.evaluate(f"({LOOK})(document.querySelector('svg'))")


def test_a_look_sees_what_is_wrong(page: Page) -> None:
    """Two texts on each other, one on a line, one under a box, one over the edge."""
    page.set_content("""
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200" width="200" height="200">
      <text x="20" y="20" font-size="12">first</text><text x="25" y="22" font-size="12">second</text>
      <path d="M 0 56 L 100 56" stroke="#000000"/><text x="20" y="60" font-size="12">struck</text>
      <path d="M 0 96 L 100 96" stroke="#000000"/><rect x="15" y="85" width="90" height="20" fill="#ffffff"/>
      <text x="20" y="100" font-size="12">on a plate</text>
      <text x="20" y="140" font-size="12">hidden</text><rect x="15" y="125" width="60" height="20" fill="#ffffff"/>
      <text x="190" y="180" font-size="12">outside</text>
      <g class="edge" data-label="through" data-tail="a" data-head="b"><path d="M 120 20 L 120 80" stroke="#000000"/>
      <path d="M 116 72 L 120 80 L 124 72 Z" fill="#000000"/></g>
      <rect x="110" y="30" width="20" height="10" fill="#ffffff"/>
      <g class="node"><rect x="110" y="60" width="40" height="40" fill="#ffffff"/></g></svg>""")
    found = page.evaluate(f"({LOOK})(document.querySelector('svg'))")
    assert found["together"] == [["first", "second"]]
    assert [text for text, _ in found["struck"]] == ["struck", "hidden"]
    assert found["outside"] == ["outside"]
    assert found["shaved"] == [["through", " rect"]]
    assert found["headless"] == ["a to b"]


def test_two_pictures_stand_in_one_page_each_with_its_own_ids_and_colours(page: Page) -> None:
    one, other = drawn("payment")[:2]
    page.set_content(one.picture.svg() + other.picture.svg())
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids)) == 4
    titled = "[...document.querySelectorAll('svg')].map((each) => each.getAttribute('aria-labelledby').split(' '))"
    assert [each for pair in page.evaluate(titled) for each in pair] == ids
