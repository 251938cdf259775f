"""Over an engine's steps: who died, what was waited for, what was done again; and runs that wait for a key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from durascope.models.effects import recoveries
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import ripe, spans
from durascope.models.trace import Trace
from durascope.models.waits import back_after, longest, waits
from durascope.render import comparison, measure, timeline
from durascope.render.canvas import Box, Close, Open, Text
from durascope.render.headline import reason_of
from durascope.render.keys import held, served
from durascope.render.picture import Picture
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate")
CRASHED = ("agent", "agent-fan-out", "order-fulfillment", "order-fulfillment-engine-crash", "payment")


@cache
def traced(name: str, engine: str) -> tuple[Scenario, Trace]:
    scenario = load_scenario(name)
    return scenario, simulate(scenario, engine)


@cache
def compared(name: str) -> Picture:
    return comparison.draw([traced(name, engine)[1] for engine in ENGINES], load_scenario(name))


def boxes(picture: Picture, name: str) -> Iterator[tuple[str, Box]]:
    """The first box of each group of that name, with the group's title."""
    told: list[Open] = []
    for mark in picture.canvas.marks:
        if isinstance(mark, Open):
            told.append(mark)
        elif isinstance(mark, Close):
            told.pop()
        elif isinstance(mark, Box) and told and told[-1].name == name:
            yield told[-1].title, mark


def texts(picture: Picture) -> list[Text]:
    return list(picture.canvas.texts)


@pytest.mark.parametrize("name", CRASHED)
def test_a_comparison_counts_from_the_crash(name: str) -> None:
    """So that the engines' recoveries begin at one place."""
    picture = compared(name)
    (zero,) = {text.x for text in texts(picture) if text.text == "crash"}
    first: dict[float, float] = {}
    for _, box in boxes(picture, "wait"):
        first[round(box.y)] = min(box.x, first.get(round(box.y), box.x))
    strips = sorted(first.values())[:3]
    assert strips == pytest.approx([zero] * 3, abs=1)


def test_what_happened_before_the_crash_stands_before_it() -> None:
    told = [text.text for text in texts(compared("agent"))]
    assert "−30 s" in told
    assert "−15 s" in told
    onboarding = [text.text for text in texts(compared("onboarding"))]
    assert "crash" not in onboarding, "a crash that interrupts nothing is not what is compared"
    assert "0" in onboarding


@pytest.mark.parametrize("name", [*CRASHED, "order-fulfillment-outage"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_wait_has_its_reason_in_words(name: str, engine: str) -> None:
    scenario, trace = traced(name, engine)
    worst = longest(recoveries(trace))
    assert worst is not None
    told = " ".join(text.text for text in texts(timeline.draw(trace, scenario)))
    assert f"back after {back_after(worst)}" in told
    for wait in waits(trace, worst):
        assert wait.reason.removeprefix("backoff ") in told or spell(wait.end - wait.start) in told


@pytest.mark.parametrize("name", CRASHED)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_reason_names_who_died(name: str, engine: str) -> None:
    scenario, trace = traced(name, engine)
    worst = longest(recoveries(trace))
    assert worst is not None
    told = reason_of(trace, scenario, worst, engine)
    assert worst.lane in told or "is down for" in told
    assert "after" in told or "timeout" in told


@pytest.mark.parametrize(("name", "words"), [("agent-fan-out", "16.7 to 44.6 s"), ("payment", "22.9 to 35 s")])
def test_where_some_work_goes_on_sooner_than_the_rest_both_are_said(name: str, words: str) -> None:
    _, trace = traced(name, "inngest")
    worst = longest(recoveries(trace))
    assert worst is not None
    assert back_after(worst) == words
    again = [span for span in spans(trace) if span.kind == "running" and (span.attempt or 1) > 1]
    begun = sorted(span.start for span in again if span.start > worst.at)
    assert worst.first == begun[0]
    assert worst.until == begun[-1]
    title = compared(name).finding
    assert f"Inngest after {words}" in title


@pytest.mark.parametrize("engine", ["temporal", "restate"])
def test_a_run_that_waits_for_its_key_says_who_has_it(engine: str) -> None:
    scenario, trace = traced("payment", engine)
    picture = timeline.draw(trace, scenario)
    told = [text.text for text in texts(picture)]
    assert "key u1 held by run 1" in told
    assert "key u1 held by run 1, run 2" in told
    ends = {run.name: run.ended_at for run in trace.runs}
    waiting = held(trace, served(trace, ripe(spans(trace, scenario))))
    assert set(waiting) == {"run 2", "run 3"}
    for each, before in (("run 2", "run 1"), ("run 3", "run 2")):
        assert waiting[each].end == pytest.approx(ends[before], abs=20_000)


def test_nobody_is_held_up_where_the_engine_lets_runs_of_a_key_overtake() -> None:
    scenario, trace = traced("payment", "inngest")
    assert held(trace, ripe(spans(trace, scenario))) == {}


def test_the_work_of_an_entity_workflow_is_that_of_the_run_whose_turn_it_is() -> None:
    scenario, trace = traced("payment", "temporal")
    ends = {run.name: run.ended_at or trace.ended_at for run in trace.runs}
    plain = ripe(spans(trace, scenario))
    assert any(span.run and span.kind == "working" and span.start > ends[span.run] for span in plain)
    for span in served(trace, plain):
        if span.run is not None and span.kind == "working":
            assert span.start <= ends[span.run]


@pytest.mark.parametrize("engine", ["inngest", "restate"])
def test_a_deploy_says_which_code_the_run_in_flight_ends_with(engine: str) -> None:
    scenario, trace = traced("order-fulfillment-deploy", engine)
    assert "run 1 ends with the code it began with" in reason_of(trace, scenario, None, engine)


def test_a_run_that_is_called_again_goes_on_with_the_new_code() -> None:
    scenario = Scenario.model_validate({
        "scenario": "s", "workflows": {"w": {"steps": [{"run": "a"}, {"sleep": "10s"}, {"run": "b"}]}},
        "faults": [{"deploy": "w", "at": "5s", "change": {"insert": {"step": {"run": "c"}, "before": "b"}}}],
    })  # fmt: skip
    trace = simulate(scenario, "inngest")
    assert reason_of(trace, scenario, None, "Inngest").endswith("run 1 goes on with it.")


def test_names_that_differ_at_their_ends_are_told_apart_where_they_are_cut() -> None:
    names = [f"a step whose long name says what it does, {n}" for n in (1, 12, 30)]
    cut = [measure.told_apart(name, 200) for name in names]
    assert len(set(cut)) == 3
    for name, short in zip(names, cut, strict=True):
        assert "…" in short
        assert short.endswith(name[-2:])
        assert measure.width(short, 12) <= 200
    assert measure.told_apart("charge", 200) == "charge"


@pytest.mark.parametrize("name", builtin_names())
def test_a_piece_after_a_break_begins_at_a_round_time(name: str) -> None:
    """`2.38 s` stood under the last piece of an axis: all that its few pixels held."""
    for picture in (
        compared(name),
        *(timeline.draw(traced(name, engine)[1], load_scenario(name)) for engine in ENGINES),
    ):
        group = ""
        for mark in picture.canvas.marks:
            if isinstance(mark, Open):
                group = mark.name
            elif isinstance(mark, Text) and group == "axis" and "…" not in mark.text:
                assert not re.search(r"\.\d\d|\d{3,}\.\d", mark.text), mark.text
