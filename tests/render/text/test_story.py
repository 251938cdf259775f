"""The story in the terminal: everything that was asked for is in it, in any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from durascope.experiments.compare import compare
from durascope.models.scenario import Scenario
from durascope.render.text.axis import Axis
from durascope.render.text.marks import legend
from durascope.render.text.story import tell

SCENARIO = Scenario.model_validate(
    {
        "scenario": "order",
        "title": "An order",
        "services": {"stripe": {"title": "Stripe API", "latency": "200ms"}},
        "workflows": {"order": {"steps": [{"run": "reserve"}, {"run": "charge", "on": "stripe"}]}},
        "faults": [{"crash": "app", "when": {"step": "charge", "moment": "after-effect"}, "down_for": "2s"}],
    }
)


def story(width: int) -> str:
    results = compare(SCENARIO, ["queue"])
    console = Console(width=width, file=io.StringIO(), color_system=None)
    tell(console, SCENARIO, [each.trace for each in results], {each.engine: each.metrics for each in results})
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_story_says_what_broke_what_was_recorded_and_what_happened_twice() -> None:
    told = story(100)
    for words in (
        "An order",
        "app is killed right after the effect of charge, down for 2 s",
        "message received #2",
        "Stripe API",
        "2 ◆",
        "delay caused by faults",
        "✖",
    ):
        assert words in told


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, story(width).splitlines())) <= width


def test_short_things_are_drawn_to_scale() -> None:
    axis = Axis([0, 400, 1_000], 100)
    assert [axis.cell(at) for at in (0, 200, 400, 1_000)] == pytest.approx([0, 20, 40, 100])
    assert not axis.breaks


def test_a_long_idle_time_is_cut_and_the_cut_says_how_long_it_was() -> None:
    axis = Axis([0, 1_000_000, 2_000_000, 604_802_000_000, 604_803_000_000], 80)
    assert [(cut.start, cut.end) for cut in axis.breaks] == [(2_000_000, 604_802_000_000)]
    assert "⁄ 7 d ⁄" in axis.scale()
    assert axis.cell(604_803_000_000) == 80


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_no_mark_of_the_legend_is_parted_from_its_words(width: int) -> None:
    lines = legend(width).plain.splitlines()
    assert all(len(line) <= width for line in lines)
    whole = legend(10_000).plain
    assert "\n" not in whole
    assert "   ".join(lines) == whole
