"""A picture's title is its finding, and what waits says for what; both are made from the trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from durascope.models.effects import effects, recoveries
from durascope.models.engine import shown
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.phrases import spell
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.spans import ripe, spans
from durascope.models.trace import Kind, Trace
from durascope.models.waits import waits, why
from durascope.render import comparison, journal, sequence, timeline
from durascope.render.bars import AGAIN
from durascope.render.canvas import Box, Close, Open, Path
from durascope.render.conversation import conversation
from durascope.render.excerpt import excerpt
from durascope.render.picture import Picture
from durascope.render.program_order import in_program_order
from durascope.render.rows import run_rows, timeline_rows
from durascope.render.theme import SMALL
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate")


def traced(name: str, engine: str) -> tuple[Scenario, Trace]:
    scenario = load_scenario(name)
    return scenario, simulate(scenario, engine)


def words(picture: timeline.Picture) -> str:
    return " ".join(text.text for text in picture.canvas.texts)


def test_the_title_says_what_happened_twice_and_who_was_back_when() -> None:
    scenario = load_scenario("order-fulfillment")
    title = words(comparison.draw([simulate(scenario, engine) for engine in ENGINES], scenario))
    assert "charge-payment happens twice on all three engines" in title
    assert "Restate is back at work after 3.88 s, Temporal after 10.7 s, Inngest after 33 s" in title


def test_the_remedy_changes_the_title() -> None:
    scenario = load_scenario("payment")
    assert "No effect happens twice on any engine" in words(
        comparison.draw([simulate(scenario, engine) for engine in ENGINES], scenario)
    )


@pytest.mark.parametrize("name", builtin_names())
@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_waits_to_be_taken_while_it_runs(name: str, engine: str) -> None:
    scenario, trace = traced(name, engine)
    running = [span for span in spans(trace, scenario) if span.kind == "running"]
    for recovery in recoveries(trace):
        mine = [span for span in running if span.run == recovery.run and span.step in recovery.steps]
        for wait in waits(trace, recovery):
            if wait.kind == "queue":
                assert not [span for span in mine if span.start < wait.end and wait.start < span.end]


@pytest.mark.parametrize("engine", ENGINES)
def test_during_an_outage_it_is_the_backoff_that_is_waited_for(engine: str) -> None:
    _, trace = traced("order-fulfillment-outage", engine)
    (recovery,) = recoveries(trace)
    found = waits(trace, recovery)
    assert {wait.kind for wait in found} == {"backoff"}
    assert recovery.until is not None
    assert recovery.at < found[0].start
    assert found[-1].end < recovery.until
    if engine == "temporal":
        assert [wait.reason for wait in found] == [f"backoff {seconds} s" for seconds in (1, 2, 4, 8, 16)]


def test_each_engine_says_who_notices_and_after_what() -> None:
    told: dict[str, str] = {}
    for engine in ENGINES:
        _, trace = traced("order-fulfillment", engine)
        told[engine] = why(trace, recoveries(trace)[0], engine)
    assert "only the 10 s start-to-close timeout tells temporal that activity-worker-5 died" in told["temporal"]
    assert told["inngest"] == "inngest notices at once that the app died and tries again after 33 s"
    assert told["restate"].count("·") == 2, "three reconnects, one after the other"


@pytest.mark.parametrize(
    ("engine", "left", "told"),
    [
        ("temporal", "result sent again", "temporal-server is down for 5 s"),
        ("inngest", "first scan for ended leases", "Inngest is down for 5 s"),
        ("restate", "reading its log again", "Restate is down for 5 s"),
    ],
)
def test_an_engine_that_is_back_says_what_it_still_waits_for(engine: str, left: str, told: str) -> None:
    _, trace = traced("order-fulfillment-engine-crash", engine)
    recovery = recoveries(trace)[0]  # of each part that died, the same
    wait = waits(trace, recovery)[1]
    assert (wait.kind, wait.reason) == ("left", f"{left} {spell(wait.end - wait.start)}")
    assert wait.end - wait.start == pytest.approx({"inngest": 30e6, "restate": 300e3}.get(engine, 1e6), rel=0.2)
    assert told in why(trace, recovery, engine)
    assert left in why(trace, recovery, engine)


def test_of_branches_that_back_off_at_the_same_time_the_longest_backoff_is_told() -> None:
    _, trace = traced("agent-fan-out", "inngest")
    (recovery,) = recoveries(trace)
    due = max(event.detail for _, event in trace.of_kind(Kind.TIMER_SET) if isinstance(event.detail, int))
    assert recovery.until is not None
    assert len(recovery.steps) == 10
    (wait,) = waits(trace, recovery)
    assert (wait.kind, wait.start, wait.end) == ("backoff", recovery.at, min(due, recovery.until))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", builtin_names())
def test_the_waits_of_a_recovery_are_all_of_it(name: str, engine: str) -> None:
    """From the fault on, one after the other, until work went on, but for what is too short to be told."""
    _, trace = traced(name, engine)
    for recovery in recoveries(trace):
        found = waits(trace, recovery)
        assert all(a.end <= b.start for a, b in pairwise(found))
        if recovery.until is not None and found and recovery.until - recovery.at > 500_000:
            covered = sum(wait.end - wait.start for wait in found)
            assert covered <= recovery.until - recovery.at
            assert covered >= 0.9 * (recovery.until - recovery.at)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_crash_is_drawn_where_it_happened(engine: str) -> None:
    scenario, trace = traced("order-fulfillment", engine)
    picture = timeline.draw(trace, scenario)
    crosses = {round(x, 1) for x in crosses_in_rows(picture)}
    assert len(crosses) == 1, "one moment, one place, in every row"


def crosses_in_rows(picture: timeline.Picture) -> Iterator[float]:
    """Where crosses stand, those of the legend left out."""
    groups: list[str] = []
    for mark in picture.canvas.marks:
        if isinstance(mark, Open):
            groups.append(mark.name)
        elif isinstance(mark, Close):
            groups.pop()
        elif isinstance(mark, Path) and "row" in groups and mark.stroke == AGAIN and mark.line == 2.4:
            (_, x1, _), (_, x2, _) = mark.steps
            yield (float(x1) + float(x2)) / 2


@pytest.mark.parametrize("name", builtin_names())
def test_pictures_along_time_are_read_at_880_pixels(name: str) -> None:
    scenario = load_scenario(name)
    traces = [simulate(scenario, engine) for engine in ENGINES]
    drawn = [comparison.draw(traces, scenario), *(timeline.draw(trace, scenario) for trace in traces)]
    for picture in drawn:
        assert picture.width <= 880
        assert min(text.size for text in picture.canvas.texts) >= SMALL == 12


def test_waiting_is_drawn_in_proportion_unless_it_takes_more_than_three_quarters() -> None:
    scenario, trace = traced("order-fulfillment", "temporal")
    assert not any(text.text.startswith("… ") for text in timeline.draw(trace, scenario).canvas.texts), "10 of 12 s"
    steps = [{"run": "a", "takes": "1s"}, {"sleep": "30d"}, {"run": "b", "takes": "1s"}]
    sleeper = Scenario.model_validate({"scenario": "sleeper", "workflows": {"w": {"steps": steps}}})
    assert "… 30 d …" in words(timeline.draw(simulate(sleeper, "temporal"), sleeper))


def test_a_run_that_never_ends_is_in_the_title_with_its_reason_and_has_not_recovered() -> None:
    scenario = load_scenario("order-fulfillment-deploy")
    shown = words(comparison.draw([simulate(scenario, engine) for engine in ENGINES], scenario))
    assert "The run never ends on Temporal: the code does not fit the history; no effect happens twice" in shown
    assert "Temporal: run 1 is running: since" in shown
    assert "never ends" in [
        text.text for text in comparison.draw([simulate(scenario, "temporal")], scenario).canvas.texts
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_says_its_key_even_where_the_key_ends_like_the_runs_number(engine: str) -> None:
    """Runs of one key wait for each other: who does not see the key does not see why."""
    scenario, trace = traced("payment", engine)
    keyed = [run for run in trace.started if run.key]
    assert any((run.key or "").endswith(run.name.removeprefix("run ")) for run in keyed)
    for run in keyed:
        head = run_rows(run, spans(trace), (), trace.ended_at, scenario).rows[0]
        assert run.key in head.hint.split(" · ")


@pytest.mark.parametrize("draw", [timeline.draw, sequence.draw])
def test_an_excerpt_counts_everybodys_runs_and_effects(draw: Callable[[Trace, Scenario], Picture]) -> None:
    """What is drawn is an excerpt of 300 runs; the numbers are those of the story."""
    asked = Scenario.model_validate({
        "scenario": "s", "workflows": {"w": {"steps": [{"run": "a"}, {"run": "b"}]}},
        "workload": {"runs": 300, "arrivals": {"every": "20ms"}},
    })  # fmt: skip
    trace = simulate(asked, "temporal", full=True)
    assert len(excerpt(trace).runs) < 300
    told = draw(trace, asked).description
    assert "300 runs" in told
    assert "600 effects" in told


def test_a_run_by_itself_says_how_it_ended_and_no_key() -> None:
    scenario, trace = traced("order-fulfillment", "temporal")
    assert "fulfill-order · completed" in [text.text for text in timeline.draw(trace, scenario).canvas.texts]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_journal_says_what_happened_and_why(engine: str) -> None:
    scenario, trace = traced("order-fulfillment", engine)
    told = words(journal.draw(trace, scenario))
    assert "charge-payment happens twice; work goes on" in told
    assert ("Only the 10 s start-to-close timeout tells" if engine == "temporal" else "notices at once") in told
    assert "entries; workflow code ran" in told, "its own figures stay"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", builtin_names())
def test_every_silence_of_a_sequence_has_its_reason(name: str, engine: str) -> None:
    scenario, trace = traced(name, engine)
    marks = sequence.draw(trace, scenario).canvas.marks
    silences = [mark.title for mark in marks if isinstance(mark, Open) and mark.name == "silence"]
    assert [each for each in silences if ": " not in each] == []


def test_code_that_does_not_fit_its_history_is_red_and_named() -> None:
    scenario, trace = traced("order-fulfillment-deploy", "temporal")
    for draw in (sequence.draw, timeline.draw):
        inks = {text.text: text.ink for text in draw(trace, scenario).canvas.texts}
        told = next(text for text in inks if "non-deterministic: the code does not fit its history" in text)
        assert draw is sequence.draw or inks[told] == AGAIN
    titles = [mark.title for mark in sequence.draw(trace, scenario).canvas.marks if isinstance(mark, Open)]
    assert any("the code fails: non-deterministic-error" in title for title in titles)
    assert any(title.endswith("the code had failed (non-deterministic-error): tried again after 10 s")
               for title in titles)  # fmt: skip


def test_what_the_heading_says_stands_in_no_note() -> None:
    scenario, trace = traced("order-fulfillment-deploy", "temporal")
    for picture in (sequence.draw(trace, scenario), timeline.draw(trace, scenario)):
        assert words(picture).count("what would free it") == 1


def _misspelt() -> Scenario:
    steps = [{"run": "a", "takes": "1s"}, {"wait_for": "go"}]
    return Scenario.model_validate({
        "scenario": "s", "workflows": {"w": {"steps": steps}},
        "workload": {"runs": 1, "events": [{"send": "goo", "to": 1, "at": "500ms"}]},
    })  # fmt: skip


@pytest.mark.parametrize("engine", ["temporal", "inngest"])
def test_a_message_that_no_code_handles_is_drawn_and_named(engine: str) -> None:
    asked = _misspelt()
    trace = simulate(asked, engine)
    assert trace.unconsumed
    assert "takes in goo: no code handles it" in words(sequence.draw(trace, asked))
    told = words(timeline.draw(trace, asked))
    assert "no code handles it" in told
    assert "accepted, and no code handles it" in told, "the legend"
    assert "external event" not in told, "it is no event like the others"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_rounds_of_a_loop_that_have_one_name_are_no_duplicates(engine: str) -> None:
    rounds = [{"for_each": 3, "as": "i", "do": [{"run": "work"}]}, {"repeat": 2, "do": [{"run": "more"}]}]
    asked = Scenario.model_validate({"scenario": "s", "workflows": {"w": {"steps": rounds}}})
    trace = simulate(asked, engine)
    for draw in (sequence.draw, timeline.draw):
        told = words(draw(trace, asked))
        assert "No effect happens twice" in told
        assert "the same effect again" not in told, "the legend"
    assert [
        row.hint for row in run_rows(trace.runs[0], spans(trace), (), trace.ended_at, asked).rows if "again" in row.hint
    ] == []


def test_what_is_undone_is_in_the_title() -> None:
    scenario = load_scenario("order-fulfillment-cancel")
    assert "charge-payment and reserve-stock are undone" in words(
        timeline.draw(simulate(scenario, "temporal"), scenario)
    )


def test_what_happens_after_its_undo_is_in_the_title() -> None:
    """Restate tells the handler at once: the refund overtakes the charge, whose closure goes on."""
    scenario = load_scenario("order-fulfillment-cancel")
    trace = simulate(scenario, "restate")
    last = {mark.step: mark.at for mark in effects(trace)}
    assert last["charge-payment"] > last["refund-payment"]
    assert "charge-payment happens after its undo; reserve-stock is undone" in words(timeline.draw(trace, scenario))
    both = comparison.draw([simulate(scenario, engine) for engine in ENGINES], scenario)
    assert "charge-payment happens after its undo on Restate" in words(both)
    assert "are undone" not in words(both), "not on all of them"


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (
            "temporal",
            "CancelOrder comes while charge-payment is in flight: the code waits for its end and then undoes it",
        ),
        ("inngest", "ends run 1 at once: charge-payment goes on for 153 ms, its result is dropped"),
        ("restate", "cannot stop the call in flight: its effect comes 25.3 ms after that of its undo"),
    ],
)
def test_a_cancellation_says_what_became_of_the_step_in_flight(engine: str, said: str) -> None:
    """The comparison said what is undone on which engine, and nowhere why it differs."""
    scenario = load_scenario("order-fulfillment-cancel")
    trace = simulate(scenario, engine)
    assert said in words(timeline.draw(trace, scenario))
    both = words(comparison.draw([simulate(scenario, each) for each in ENGINES], scenario))
    assert said in both
    by_step = {mark.step: mark.at for mark in effects(trace)}
    if engine == "restate":
        assert round((by_step["charge-payment"] - by_step["refund-payment"]) / 100) == 253


def test_what_is_undone_because_a_step_fails_for_good_says_so() -> None:
    data = (
        load_scenario("order-fulfillment")
        .model_copy(update={"faults": ()})
        .model_dump(mode="json", by_alias=True, exclude_defaults=True)
    )
    data["workflows"]["fulfill-order"]["steps"][3] |= {"fails": {"always": True}, "retry": {"max_attempts": 1}}
    broken = Scenario.model_validate(data)
    told = words(timeline.draw(simulate(broken, "restate"), broken))
    assert "The step create-shipment fails for good" in told


def test_a_run_that_never_ends_is_not_said_to_be_back_at_work() -> None:
    scenario = load_scenario("order-fulfillment-deploy")
    shown = words(comparison.draw([simulate(scenario, engine) for engine in ENGINES], scenario))
    assert "back at work" not in shown


def test_the_comparison_of_a_run_that_is_stuck_still_shows_the_steps_of_the_others() -> None:
    """Of what it repeats without end little is drawn, and the rest is told."""
    scenario = load_scenario("order-fulfillment-deploy")
    picture = comparison.draw([simulate(scenario, engine) for engine in ENGINES], scenario)
    wide = [mark.width for mark in picture.canvas.marks if isinstance(mark, Box) and mark.fill == "#bfe6c9"]
    assert max(wide) > 60
    assert "more events up to" in words(picture)


@pytest.mark.parametrize("name", builtin_names())
def test_the_rows_are_the_programs_steps_on_every_engine(name: str) -> None:
    """In the order in which they are written, whichever begins first."""
    scenario = load_scenario(name)
    orders: list[list[str]] = []
    for engine in ENGINES:
        trace = simulate(scenario, engine)
        written = {step.label for _, step in scenario.runs()} | {f"subtask-{n}" for n in range(1, 11)}
        rows = timeline_rows(trace, spans(trace, scenario), (), scenario).rows
        orders.append(list(dict.fromkeys(row.label for row in rows if row.kind == "step" and row.label in written)))
    steps = set(orders[0]).intersection(*orders[1:])
    assert [step for step in orders[0] if step in steps] == [step for step in orders[1] if step in steps]
    assert [step for step in orders[0] if step in steps] == [step for step in orders[2] if step in steps]


def test_the_branches_of_a_loop_follow_each_other_and_undo_comes_last() -> None:
    each = {"for_each": 11, "as": "i", "do": [{"run": "a-{i}"}, {"run": "b-{i}"}]}
    asked = Scenario.model_validate({
        "scenario": "s", "workflows": {"w": {"steps": [{"run": "first", "undo": "back"}, each, {"run": "last"}]}},
    })  # fmt: skip
    names = ["last", "back", "b-2", "a-10", "a-2", "first"]
    assert in_program_order(names, asked, str) == ["first", "a-2", "b-2", "a-10", "last", "back"]


def test_of_steps_that_differ_in_a_number_the_one_that_was_struck_has_its_own_row() -> None:
    """`step-number-…` stood for all forty, the one that crashed and happened twice among them."""
    asked = Scenario.model_validate({
        "scenario": "s", "workflows": {"w": {"steps": [{"run": f"step-number-{n}"} for n in range(1, 41)]}},
        "faults": [{"crash": "app", "when": {"step": "step-number-20", "attempt": 1, "moment": "after-effect"},
                    "down_for": "2s"}],
    })  # fmt: skip
    drawn = comparison.draw([simulate(asked, engine, full=True) for engine in ENGINES], asked)
    said = [text.text for text in drawn.canvas.texts]
    for name in ("step-number-1 … step-number-19", "step-number-20", "step-number-21 … step-number-40"):
        assert said.count(name) == len(ENGINES), name


def test_of_many_unlike_steps_the_one_that_was_struck_has_its_own_row_and_those_beside_it_too() -> None:
    """Of forty the first sixteen had rows, and the one that the title is about had none."""
    names = [f"{word}-it" for word in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"]
    asked = Scenario.model_validate({
        "scenario": "s", "workflows": {"w": {"steps": [{"run": name} for name in names]}},
        "faults": [{"crash": "app", "when": {"step": "x-it", "attempt": 1, "moment": "after-effect"},
                    "down_for": "2s"}],
    })  # fmt: skip
    drawn = comparison.draw([simulate(asked, engine, full=True) for engine in ENGINES], asked)
    said = [text.text for text in drawn.canvas.texts]
    for name in ("a-it … v-it", "w-it", "x-it", "y-it", "z-it … N-it"):
        assert said.count(name) == len(ENGINES), name
    assert not [text for text in said if "not drawn" in text or "no row" in text]


def test_a_timeout_tells_of_the_worker_that_died_and_not_of_the_outage_that_began_meanwhile() -> None:
    """`Only the 10 s start-to-close timeout tells Temporal that stripe is down`: it tells that the worker died."""
    asked = Scenario.model_validate({
        "scenario": "s", "services": {"stripe": {"latency": "250ms"}},
        "workflows": {"w": {"steps": [{"run": "charge", "on": "stripe", "takes": "300ms"}, {"run": "ship"}]}},
        "faults": [{"crash": "app", "when": {"step": "charge", "attempt": 1, "moment": "after-effect"},
                    "down_for": "2s"},
                   {"outage": "stripe", "at": "3s", "for": "20s"}],
    })  # fmt: skip
    told = words(timeline.draw(simulate(asked, "temporal", full=True), asked))
    assert "timeout tells Temporal that worker died, then backoff" in told
    drawn = comparison.draw([simulate(asked, engine, full=True) for engine in ENGINES], asked)
    said = [text.text for text in drawn.canvas.texts]
    assert "crash" in said, "the zero of the axis"
    assert not {"outage", "fault"} & set(said)


def test_a_service_that_goes_down_before_a_step_is_back_prolongs_what_the_crash_began() -> None:
    """The red bar began at the outage, as if the worker had died then: 5.1 s of a timeout of ten."""
    asked = Scenario.model_validate({
        "scenario": "s", "services": {"stripe": {"latency": "250ms"}},
        "workflows": {"w": {"steps": [{"run": "charge", "on": "stripe"}, {"run": "ship"}]}},
        "deployments": {"temporal": {"step_timeout": "10s"}},
        "faults": [{"crash": "app", "when": {"step": "charge", "attempt": 1, "moment": "after-effect"},
                    "down_for": "2s"},
                   {"outage": "stripe", "at": "5s", "for": "20s"}],
    })  # fmt: skip
    trace = simulate(asked, "temporal", full=True)
    (one,) = recoveries(trace)
    (died,) = (event.at for _, event in trace.of_kind(Kind.CRASHED))
    (again,) = (mark.at for mark in effects(trace) if mark.duplicate)
    assert (one.fault, one.outage, one.at) == ("crash", "stripe", died)
    assert one.until is not None
    assert again <= one.until
    first, *others = waits(trace, one)
    assert (first.kind, first.start, first.end - died) == ("unnoticed", died, first.end - one.at)
    assert first.end - first.start > 9_000_000
    assert {each.kind for each in others} == {"backoff"}
    assert "then backoff 8 s; meanwhile stripe is down for 20 s" in words(timeline.draw(trace, asked))


@pytest.mark.parametrize(
    ("engine", "told"), [("temporal", "run 1 goes on with it"), ("restate", "run 1 ends with the code it began with")]
)
def test_a_run_that_wakes_after_a_deploy_goes_on_with_the_new_code_only_where_it_takes_its_steps(
    engine: str, told: str
) -> None:
    """Restate resumes a run with the code it began with: it did not go on with the new one, as the title said."""
    asked = Scenario.model_validate({
        "scenario": "s", "workflows": {"w": {"steps": [{"run": "a"}, {"sleep": "1h"}, {"run": "b"}]}},
        "faults": [{"deploy": "w", "at": "30m", "change": {"append": {"run": "c"}}}],
    })  # fmt: skip
    assert told in words(timeline.draw(simulate(asked, engine, full=True), asked))


def test_a_backoff_lasts_as_long_in_its_bar_as_in_the_heading() -> None:
    """`590 ms` above and `591 ms` in the bar: from the retry to its request."""
    asked, trace = traced("payment", "restate")
    said = words(timeline.draw(trace, asked))
    assert "590 ms" in said
    assert "591 ms" not in said


def test_a_name_that_is_cut_stands_in_full_below() -> None:
    name = "a step whose name is longer than the column that a comparison has for names"
    asked = Scenario.model_validate({"scenario": "s", "workflows": {"w": {"steps": [{"run": name}, {"run": "b"}]}}})
    trace = simulate(asked, "restate", full=True)
    for picture in (comparison.draw([trace, trace], asked), timeline.draw(trace, asked)):
        assert [text for text in picture.canvas.texts if text.text.endswith(f": {name}") and "…" in text.text]


@pytest.mark.parametrize("name", builtin_names())
@pytest.mark.parametrize("engine", ENGINES)
def test_no_label_of_a_row_is_cut(name: str, engine: str) -> None:
    scenario, trace = traced(name, engine)
    axis = timeline.draw(trace, scenario)
    starts = [text.text for text in axis.canvas.texts if text.left < 300 and text.text.endswith("…")]
    assert [each for each in starts if not each.startswith("…")] == []
    assert "0" in [text.text for text in axis.canvas.texts], "the axis begins at zero"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", builtin_names())
def test_a_task_that_lies_in_a_queue_until_its_time_waits_for_nobody(name: str, engine: str) -> None:
    """Inngest keeps sleeps and backoffs as items of its queue: they are no load of it."""
    scenario, trace = traced(name, engine)
    put_off = [(event.run, event.at, event.detail) for _, event in trace.of_kind(Kind.TIMER_SET)]
    for span in ripe(spans(trace, scenario)):
        if span.kind == "queued":
            assert not [
                due for run, at, due in put_off
                if run == span.run and at == span.start and isinstance(due, int) and span.end - 2_000_000 <= due
            ]  # fmt: skip
    if (name, engine) == ("payment", "inngest"):
        longest = max(span.lasts for span in ripe(spans(trace, scenario)) if span.kind == "queued")
        assert longest < 5_000_000 < 30_000_000 < max(s.lasts for s in spans(trace) if s.kind == "queued")


def _branches(count: int) -> Scenario:
    return Scenario.model_validate({
        "scenario": "s", "workflows": {"w": {"steps": [
            {"run": "plan"},
            {"parallel": [{"run": f"branch-{n}", "takes": f"{20 + n}ms"} for n in range(1, count + 1)]},
        ]}},
        "faults": [{"crash": "app", "down_for": "2s", "at": "60ms"}],
    })  # fmt: skip


def test_of_steps_that_were_interrupted_together_the_waits_of_the_last_one_are_told() -> None:
    """Their timeouts come at two moments: it is one step's timeout and backoff, not one's and another's."""
    asked = _branches(30)
    trace = simulate(asked, "temporal", full=True)
    recovery = max(recoveries(trace), key=lambda each: each.lasts or 0)
    assert len(recovery.steps) > 1
    assert [wait.kind for wait in waits(trace, recovery)] == ["unnoticed", "backoff"]
    assert "then backoff 1 s" in why(trace, recovery, "Temporal")


def test_a_fault_that_keeps_work_from_beginning_says_so() -> None:
    asked = _branches(3)
    trace = simulate(asked, "inngest", full=True)
    told = words(timeline.draw(trace, asked))
    assert "The fault interrupts no work, but run 1 finds nobody there and begins" in told
    assert "nothing has to recover" not in told


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", builtin_names())
def test_no_entry_of_a_record_is_cut(name: str, engine: str) -> None:
    scenario, trace = traced(name, engine)
    picture = journal.draw(trace, scenario)
    assert picture.width <= 880
    assert not [text.text for text in picture.canvas.texts if text.text.endswith("…") and not text.text.startswith("…")]


def test_a_list_in_a_record_that_has_no_room_is_told_by_its_length() -> None:
    scenario, trace = traced("agent-fan-out", "inngest")
    told = [text.text for text in journal.draw(trace, scenario).canvas.texts]
    assert "-> 206 StepPlanned 10 steps" in told
    assert "POST step attempt=0 memo=[11]" in told
    assert not [text for text in told if text.endswith("…") and not text.startswith("…")]


def test_a_process_that_a_deploy_stops_has_not_died() -> None:
    text = """
scenario: case
workflows: {wf: {steps: [{run: a, takes: 3s}]}}
faults: [FAULT]
"""
    told = {}
    for fault in ("{crash: app, at: 1s, down_for: 0s}", "{deploy: wf, at: 1s, change: {append: {run: b}}}"):
        trace = simulate(parse_scenario(text.replace("FAULT", fault)), "temporal")
        told[fault[1:6]] = why(trace, recoveries(trace)[0], "Temporal")
    assert "tells Temporal that worker died" in told["crash"]
    assert told["deplo"].startswith("Temporal notices at once that worker was stopped for new code and tries again")


CUT = """
scenario: case
services: {stripe: {latency: 200ms}}
workflows: {w: {steps: [{run: charge, on: stripe}]}}
faults: [FAULT]
"""


@pytest.mark.parametrize(
    ("engine", "app", "clause"),
    [
        ("temporal", "worker", "only the 10 s start-to-close timeout tells Temporal that the connection is cut"),
        ("inngest", "app", "on Inngest, the connection is cut for 8 s"),
        ("restate", "service", "on Restate, the connection is cut for 8 s"),
    ],
)
def test_a_cut_is_told_at_the_app_that_is_cut_off(engine: str, app: str, clause: str) -> None:
    """Once it stood on the client's life line, and the network was `down`."""
    fault = "{cut: [app, engine], when: {moment: before-effect, step: charge}, for: 8s}"
    scenario = parse_scenario(CUT.replace("FAULT", fault))
    trace = simulate(scenario, engine, full=True)
    notes = {
        item.text: item.lane for item in conversation(trace, scenario).items if item.kind in (Kind.CUT, Kind.HEALED)
    }
    assert notes == {"app and engine are cut off from each other": app, "connection healed": app}
    assert why(trace, recoveries(trace)[0], shown(engine).title).startswith(clause)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_hangs_is_not_down(engine: str) -> None:
    fault = "{hang: app, when: {moment: before-effect, step: charge}, for: 8s}"
    trace = simulate(parse_scenario(CUT.replace("FAULT", fault)), engine, full=True)
    (recovery,) = recoveries(trace)
    assert " hangs for 8 s" in why(trace, recovery, shown(engine).title)
    assert waits(trace, recovery)[0].reason.endswith(" hangs 8 s")
