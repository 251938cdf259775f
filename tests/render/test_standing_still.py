"""Runs that stand still for good are red and named in every view: deadlocks, pauses, non-determinism, lost runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import pytest

from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.render import comparison, journal, sequence, timeline
from durascope.render.bars import AGAIN
from durascope.render.canvas import Box, Text
from durascope.render.picture import Picture
from tests.render.stuck import stuck

NAMED: Final = {
    "deadlock": "deadlock: run 1 → run 1.1 → run 1",
    "paused": "paused: waits for an operator",
    "non-determinism": "non-deterministic: the code does not fit its history",
    "forgotten": "lost: the engine has forgotten it",
}
TITLES: Final = {
    "deadlock": "2 runs never end: run 1 and run 1.1 wait for each other",
    "paused": "2 runs never end: run 1 is paused",
    "non-determinism": "The run never ends: the code does not fit the history",
    "forgotten": "The run never ends: the engine has forgotten it",
}


def compared(trace: Trace, scenario: Scenario) -> Picture:
    return comparison.draw([trace], scenario)


VIEWS: Final[dict[str, Callable[[Trace, Scenario], Picture]]] = {
    "sequence": sequence.draw, "timeline": timeline.draw, "comparison": compared, "journal": journal.draw,
}  # fmt: skip
each_way = pytest.mark.parametrize("name", NAMED)
each_view = pytest.mark.parametrize("view", VIEWS)


@cache
def drawn(name: str, view: str) -> Picture:
    scenario, trace = stuck(name)
    return VIEWS[view](trace, scenario)


def red(picture: Picture) -> Iterator[str]:
    """What is written in red, or in a box with a red line."""
    boxes = [mark for mark in picture.canvas.marks if isinstance(mark, Box) and mark.stroke == AGAIN]
    for mark in picture.canvas.marks:
        if isinstance(mark, Text) and (mark.ink == AGAIN or any(_in(mark, box) for box in boxes)):
            yield mark.text


def _in(text: Text, box: Box) -> bool:
    return box.x <= text.x <= box.x + box.width and box.y <= text.y <= box.y + box.height


@each_way
@each_view
def test_every_way_to_stand_still_is_red_and_named(name: str, view: str) -> None:
    assert NAMED[name] in " ".join(red(drawn(name, view)))  # a note may stand in two lines


@each_way
@each_view
def test_the_title_says_why_the_run_does_not_end(name: str, view: str) -> None:
    assert TITLES[name] in " ".join(text.text for text in drawn(name, view).canvas.texts)


def test_who_waits_for_a_paused_run_says_so() -> None:
    for view in ("sequence", "timeline"):
        assert "waits for the key k1, held by run 1 (paused)" in " ".join(red(drawn("paused", view)))


def test_code_that_fails_is_red_where_it_runs() -> None:
    for view in ("timeline", "comparison"):
        texts = [text.text for text in drawn("non-determinism", view).canvas.texts]
        assert "workflow code fails" in texts, "the legend"
    assert "fails" in red(drawn("non-determinism", "journal")), "under its column"
    assert "fails" in red(drawn("paused", "journal"))


def test_a_run_that_is_lost_sleeps_no_longer() -> None:
    scenario, trace = stuck("forgotten")
    crashed = next(event.at for _, event in trace.of_kind(Kind.CRASHED))
    sleeps = [mark for mark in timeline.draw(trace, scenario).canvas.marks
              if isinstance(mark, Box) and mark.fill == "#e6e2fb"]  # fmt: skip
    stands = next(mark for mark in drawn("forgotten", "timeline").canvas.marks
                  if isinstance(mark, Box) and mark.stroke == AGAIN and mark.height == 18)  # fmt: skip
    assert crashed == 5_000_000
    assert max(bar.x + bar.width for bar in sleeps if bar.width != 26) == pytest.approx(stands.x, abs=1)


def test_what_is_lost_is_red_and_named() -> None:
    scenario, trace = stuck("lost")
    assert "reply (lost)" in red(sequence.draw(trace, scenario))
    journal_of_it = journal.draw(trace, scenario)
    assert "a failure, a timeout, or an answer that was lost" in [text.text for text in journal_of_it.canvas.texts]
    assert "lost in the crash" in [text.text for text in timeline.draw(trace, scenario).canvas.texts]
