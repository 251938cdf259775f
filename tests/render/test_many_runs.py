"""Three hundred runs in one picture: a dot for each, the fault behind them, and nothing said that is not so."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.render import comparison, dots, journal, sequence, timeline
from durascope.render.canvas import Open
from durascope.render.excerpt import excerpt, judged
from durascope.render.picture import Picture
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate")
SCENARIO = Scenario.model_validate({
    "scenario": "many",
    "workflows": {"w": {"steps": [{"run": "a", "takes": "30ms"}, {"run": "b", "takes": "50ms"}, {"run": "c"}]}},
    "workload": {"runs": 300, "arrivals": {"every": "20ms"}},
    "faults": [{"crash": "app", "at": "3s", "down_for": "2s"}],
})  # fmt: skip


@cache
def traced(engine: str) -> Trace:
    return simulate(SCENARIO, engine, full=True)


def words(picture: Picture) -> str:
    return " ".join(text.text for text in picture.canvas.texts)


def groups(picture: Picture, name: str) -> list[str]:
    return [mark.title for mark in picture.canvas.marks if isinstance(mark, Open) and mark.name == name]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_run_is_in_a_dot(engine: str) -> None:
    drawn = groups(timeline.draw(traced(engine), SCENARIO), "run")
    assert sum(int(each.split()[0]) if each.split()[1] == "runs" else 1 for each in drawn) == 300


@pytest.mark.parametrize("engine", ENGINES)
def test_the_fault_is_a_band_and_the_longest_run_is_named(engine: str) -> None:
    trace = traced(engine)
    picture = timeline.draw(trace, SCENARIO)
    (band,) = groups(picture, "down")
    assert band.endswith("down 2 s from 3 s on")
    drawn = dots.plot(trace, judged(trace), SCENARIO)
    assert drawn.outliers[0].lasts == max(dot.lasts or 0 for dot in drawn.dots)
    named = [dot.run.name for dot in drawn.outliers if f"{dot.run.name}: " in words(picture)]
    assert 1 <= len(named) <= 6


def test_a_picture_of_many_runs_is_no_taller_than_one_of_one() -> None:
    assert timeline.draw(traced("temporal"), SCENARIO).height < 700
    assert comparison.draw([traced(engine) for engine in ENGINES], SCENARIO).height < 1_200


def test_runs_that_end_after_what_is_drawn_are_not_said_to_never_end() -> None:
    trace = traced("temporal")
    assert excerpt(trace) is not trace
    assert all(run.ended_at is not None for run in trace.runs)
    pictures = [
        timeline.draw(trace, SCENARIO), sequence.draw(trace, SCENARIO), journal.draw(trace, SCENARIO),
        comparison.draw([traced(engine) for engine in ENGINES], SCENARIO),
    ]  # fmt: skip
    for picture in pictures:
        assert "never" not in words(picture), picture.title


@pytest.mark.parametrize("engine", ENGINES)
def test_the_sequence_shows_the_crash_of_the_worst_run_and_how_it_ends(engine: str) -> None:
    told = words(sequence.draw(traced(engine), SCENARIO))
    assert "killed" in told or "connection" in told
    worst = dots.plot(traced(engine), judged(traced(engine)), SCENARIO).worst
    assert worst is not None
    assert f"{worst.run} completed" in told
    assert f"Of 300 runs only {worst.run} is drawn" in told


def test_runs_without_end_stand_in_a_lane_of_their_own() -> None:
    trace = traced("restate")
    first, *others = trace.runs
    stuck = replace(trace, runs=[replace(first, ended_at=None, status="running"), *others])
    picture = timeline.draw(stuck, SCENARIO)
    assert "run 1 starts at" in next(each for each in groups(picture, "run") if "never ends" in each)
    assert "run 1 never ends" in words(picture)
