"""A picture is dark for those who want dark pages, as readable as on paper, and two of them can stand in one page."""

from __future__ import annotations

import re

import pytest

from durascope.models.loading import load_scenario
from durascope.render.picture import Picture
from durascope.render.theme import INK, MUTED, PAPER, ROLES, STATES, contrast, dark
from durascope.render.views import VIEWS, Options, pictures
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate")


@pytest.fixture(scope="module")
def drawn() -> list[Picture]:
    scenario = load_scenario("order-fulfillment")
    traces = {engine: simulate(scenario, engine) for engine in ENGINES}
    return [each.picture for each in pictures(scenario, ENGINES, traces, tuple(VIEWS), Options())]


@pytest.mark.parametrize("ink", [INK, MUTED, *(paint.ink for paint in (*ROLES.values(), *STATES.values()))])
def test_every_ink_is_readable_on_dark_paper(ink: str) -> None:
    assert contrast(dark(ink), dark(PAPER)) >= 4.5


@pytest.mark.parametrize("paint", [*ROLES.values(), *STATES.values()])
def test_lines_are_seen_on_what_they_surround(paint: object) -> None:
    fill, stroke = paint.fill, paint.stroke  # pyright: ignore[reportAttributeAccessIssue]
    assert contrast(dark(stroke), dark(fill)) >= 3
    assert contrast(dark(INK), dark(fill)) >= 4.5


def test_every_colour_has_its_dark_one(drawn: list[Picture]) -> None:
    for picture in drawn:
        text = picture.svg()
        body = text[text.index("</style>") :]
        style = text[: text.index("</style>")]
        for name, colour in set(re.findall(r'(fill|stroke)="(#[0-9a-f]{6})"', body)):
            assert f'[{name}="{colour}"]{{{name}:{dark(colour)}}}' in style


def test_ids_and_rules_are_each_pictures_own(drawn: list[Picture]) -> None:
    ids = [each for picture in drawn for each in re.findall(r' id="([^"]+)"', picture.svg())]
    assert len(ids) == len(set(ids))
    for picture in drawn:
        scope = re.search(r'<svg [^>]*class="([^"]+)"', picture.svg())
        assert scope is not None
        rules = picture.svg().split("dark){", 1)[1].split("</style>")[0]
        assert all(rule.startswith(f".{scope[1]} ") for rule in rules.split("}") if rule)


def test_a_png_is_light(drawn: list[Picture]) -> None:
    """Nobody knows where a PNG will stand: it is the paper one, rules for dark pages or not."""
    assert drawn[0].png(scale=0.2)[:4] == b"\x89PNG"
