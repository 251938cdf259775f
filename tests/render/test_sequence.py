"""A sequence fits a README: eight life lines, one screen, nothing of the story folded away, what is waited for said."""

from __future__ import annotations

import re
from functools import cache

import pytest

from durascope.models.effects import effects, recoveries
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.phrases import spell
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.spans import spans
from durascope.models.trace import Kind, Trace
from durascope.models.waits import longest, waits
from durascope.render import measure, sequence
from durascope.render.bars import LOOKS
from durascope.render.branches import side_by_side
from durascope.render.canvas import Box, Close, Open, Path, Text
from durascope.render.conversation import Item, conversation
from durascope.render.folding import told_calls
from durascope.render.headline import story_heading
from durascope.render.picture import Picture
from durascope.render.sequence_sheet import Note, label_place, note_place, spoken
from durascope.render.theme import SMALL
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate")
STRESS = {
    "forty-steps": {"workflows": {"w": {"steps": [{"run": f"step-{n}", "on": f"service-{n}"} for n in range(40)]}},
                    "services": {f"service-{n}": {"latency": "10ms"} for n in range(40)}},
    "thirty-branches": {"workflows": {"w": {"steps": [{"parallel": [
        [{"run": f"a-branch-with-a-rather-long-name-{n}"}] for n in range(30)]}]}}},
    "300-runs": {"workflows": {"w": {"steps": [{"run": "a"}, {"run": "b"}]}},
                 "workload": {"runs": 300, "arrivals": {"every": "20ms"}}},
}  # fmt: skip
CASES = [(name, engine) for name in (*builtin_names(), *STRESS) for engine in ENGINES]
all_cases = pytest.mark.parametrize(("name", "engine"), CASES, ids=[f"{name}.{engine}" for name, engine in CASES])


@cache
def scenario(name: str) -> Scenario:
    return Scenario.model_validate({"scenario": name, **STRESS[name]}) if name in STRESS else load_scenario(name)


@cache
def trace(name: str, engine: str) -> Trace:
    return simulate(scenario(name), engine, full=True)


@cache
def drawn(name: str, engine: str, *, whole: bool = False) -> Picture:
    return sequence.draw(trace(name, engine), scenario(name), whole=whole)


def groups(picture: Picture, kind: str) -> list[str]:
    """What the marks of one kind tell."""
    return [mark.title for mark in picture.canvas.marks if isinstance(mark, Open) and mark.name == kind]


def words(picture: Picture) -> list[str]:
    return [text.text for text in picture.canvas.texts]


@all_cases
def test_it_fits_a_readme(name: str, engine: str) -> None:
    picture = drawn(name, engine)
    assert picture.width == 880
    assert picture.height <= 1_200
    assert min(text.size for text in picture.canvas.texts) >= SMALL >= 12
    assert len(groups(picture, "lane")) <= 8


@all_cases
def test_no_crash_and_no_repeated_effect_of_the_run_that_is_drawn_is_folded(name: str, engine: str) -> None:
    picture, whole = drawn(name, engine), drawn(name, engine, whole=True)
    struck = {event.at for _, event in trace(name, engine).of_kind(Kind.CRASHED)}
    if len(trace(name, engine).runs) == 1:
        assert bool(groups(picture, "crash")) == bool(struck)
    assert ("the same effect again" in words(picture)) == ("the same effect again" in words(whole))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["order-fulfillment", "agent", "agent-fan-out", "payment", "order-fulfillment-outage"])
def test_the_longest_silence_says_what_is_waited_for(name: str, engine: str) -> None:
    found = trace(name, engine)
    worst = longest(recoveries(found))
    assert worst is not None
    wait = max(waits(found, worst), key=lambda each: each.end - each.start)
    told = words(drawn(name, engine))
    in_its_band = any(wait.reason in text or wait.reason.replace("backoff", "backs off") in text for text in told)
    assert in_its_band or any(spell(wait.end - wait.start) in text for text in told[:4]), "else in the heading"


def test_steps_like_those_that_are_drawn_are_one_band() -> None:
    bands = groups(drawn("order-fulfillment", "temporal"), "fold")
    assert len(bands) == 2
    shown = words(drawn("order-fulfillment", "temporal"))
    for step in ("reserve-stock", "charge-payment", "create-shipment"):
        assert f"records {step}" in shown, "the crashed step and its neighbours are drawn in full"
    assert "records send-confirmation" not in shown


@pytest.mark.parametrize("engine", ENGINES)
def test_of_steps_side_by_side_one_is_drawn_and_the_others_are_told_in_bands(engine: str) -> None:
    """Ten branches that speak at once were `2 more messages`, `7 × the same again`, `2 more messages`, …"""
    picture = drawn("agent-fan-out", engine)
    calls = [mark for mark in picture.canvas.marks if isinstance(mark, Open) and mark.name in ("call", "return")]
    assert {step for mark in calls for key, step in mark.data if key == "step"} == {"subtask-8"}
    bands = " ".join(groups(picture, "fold"))
    assert "9 steps like subtask-8 begin" in bands
    assert "more message" not in bands
    assert any("nobody notices" in said or "backoff" in said for said in words(picture)), "no band swallows the wait"


def test_a_band_says_what_becomes_of_its_steps() -> None:
    asked = conversation(trace("agent-fan-out", "temporal"), scenario("agent-fan-out")).items
    items, notes, banded = side_by_side(asked, told_calls(asked))
    told = [item.words for item in items if item.sort == "fold"]
    assert told[:2] == ["9 steps like subtask-8 begin", "7 steps like subtask-8 are done"]
    assert banded == {("run 1", f"subtask-{n}") for n in (1, 2, 3, 4, 5, 6, 7, 9, 10)}
    assert notes == ["9 steps beside subtask-8 are told in bands."]


def test_a_band_names_the_step_that_is_drawn_once() -> None:
    """`23 steps like NAME run, 6 steps like NA…` was cut where the name is long."""
    told = " ".join(groups(drawn("agent-fan-out", "restate"), "fold"))
    assert "9 steps like subtask-8: 4 run, 5 begin again" in told


def test_three_steps_side_by_side_are_drawn_one_by_one() -> None:
    few = Scenario.model_validate({
        "scenario": "few",
        "workflows": {"w": {"steps": [{"parallel": [[{"run": name, "takes": "1s"}] for name in ("a", "b", "c")]}]}},
        "workload": {"runs": 1},
    })  # fmt: skip
    asked = conversation(simulate(few, "restate"), few).items
    assert side_by_side(asked, frozenset()) == (list(asked), [], frozenset())


def test_what_is_merged_is_said() -> None:
    told = " ".join(words(drawn("order-fulfillment", "temporal")))
    assert "Temporal: temporal-server, history, matching" in told
    assert "other activity-workers: activity-worker-1, activity-worker-2" in told


def test_a_worker_that_has_had_no_work_is_no_part_of_the_engine() -> None:
    """All three workflow workers are killed for a deploy; one had done nothing, and Temporal itself is not killed."""
    told = " ".join(words(drawn("order-fulfillment-deploy", "temporal")))
    assert "Temporal: temporal-server, history, matching, deployment;" in told
    assert "workflow-workers: workflow-worker-3, workflow-worker-1, workflow-worker-2" in told


def test_all_of_it_has_every_component() -> None:
    lanes = groups(drawn("order-fulfillment", "temporal", whole=True), "lane")
    assert {"history", "matching", "activity-worker-1", "activity-worker-2", "fedex"} <= set(lanes)


def test_a_replay_passes_only_what_the_run_had_come_to() -> None:
    told = " ".join(words(drawn("order-fulfillment-deploy", "temporal")))
    assert "replays check-inventory, reserve-stock" in told
    assert "replays check-inventory, reserve-stock, check-fraud" not in told, "the deploy's new step is in no history"


@all_cases
def test_the_title_is_the_finding_of_the_trace(name: str, engine: str) -> None:
    found = trace(name, engine)
    heading = story_heading(found, scenario(name), longest(recoveries(found)), "", 880)
    title = " ".join(heading.lines)
    twice = {mark.step for mark in effects(found) if mark.duplicate}
    assert ("twice" in title) or not effects(found)
    assert ("happens twice" in title and "No effect" not in title and "no effect" not in title) == (len(twice) == 1)
    assert ("never end" in title) == any(run.ended_at is None for run in found.started)


def test_a_run_that_never_ends_says_why() -> None:
    told = " ".join(words(drawn("order-fulfillment-deploy", "temporal")))
    assert "The run never ends" in told
    assert "it waits for a workflow task that does not fail" in told


@pytest.mark.parametrize("engine", ["temporal", "restate"])
def test_what_is_undone_is_never_folded(engine: str) -> None:
    shown = words(drawn("order-fulfillment-cancel", engine))
    for step in ("charge-payment", "refund-payment"):
        assert f"records {step}" in shown or any(step in text for text in shown), step
    assert {*spoken("PaymentService.refund")} & {*shown}
    assert not [text for text in groups(drawn("order-fulfillment-cancel", engine), "fold") if "refund" in text]


def test_the_run_that_is_drawn_is_the_one_whose_waits_are_told() -> None:
    """Runs of one crash back off by different random draws."""
    shown = words(drawn("payment", "restate"))
    backoffs = {text.removeprefix("backs off ") for text in shown if text.startswith("backs off ")}
    told = {text.removeprefix("backoff ") for text in shown if text.startswith("backoff ")}
    assert told
    assert told <= backoffs


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [name for name in builtin_names() if name != "agent-fan-out"])
def test_no_band_hides_one_half_of_a_call(name: str, engine: str) -> None:
    """Whole steps and whole attempts are bands: what is asked is answered, but for who died meanwhile."""
    picture = drawn(name, engine)
    opened = [mark for mark in picture.canvas.marks if isinstance(mark, Open)]
    told = {sort: [dict(mark.data)["step"] for mark in opened if mark.name == sort] for sort in ("call", "return")}
    crashed = [span.step for span in spans(trace(name, engine)) if span.ended == "crashed" and span.kind == "running"]
    for step in {*told["call"], *told["return"]}:
        unanswered = told["call"].count(step) - told["return"].count(step)
        assert 0 <= unanswered <= crashed.count(step), step


def test_the_attempts_between_the_first_and_the_last_are_one_band_and_the_one_that_works_is_drawn() -> None:
    picture = drawn("order-fulfillment-outage", "temporal")
    assert [band for band in groups(picture, "fold") if "3 more attempts of charge-payment" in band]
    assert "records charge-payment" in words(picture)
    assert "PaymentService.charge #6" in words(picture)


def test_the_run_that_undoes_what_a_cancelled_one_did_is_drawn_with_it() -> None:
    shown = words(drawn("order-fulfillment-cancel", "inngest"))
    assert "fulfill-order-cancelled run 1 begins" in shown
    assert {*spoken("PaymentService.refund")} & {*shown}
    assert shown.count("400") >= 2, "results of a run that is over are refused"


def test_a_replay_passes_no_step_whose_result_is_not_recorded() -> None:
    """On Restate the command of the interrupted step is in the journal, its result is not."""
    assert "replays check-inventory, reserve-stock" in words(drawn("order-fulfillment", "restate"))


def test_parts_that_came_back_together_are_no_longer_drawn_as_dead() -> None:
    picture = drawn("order-fulfillment-engine-crash", "inngest")
    marks = picture.canvas.marks
    first = next(at for at, mark in enumerate(marks) if isinstance(mark, Open) and mark.name == "message")
    dead = [mark for mark in marks[:first] if isinstance(mark, Path) and mark.dash == (2, 4)]
    back = next(text.y for text in picture.canvas.texts if text.text == "back")
    assert dead
    assert all(float(step[2]) <= back + 3 for mark in dead for step in mark.steps)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["order-fulfillment", "agent", "agent-fan-out"])
def test_both_calls_of_a_step_that_happens_twice_are_drawn_and_so_is_the_reply_that_was_lost(
    name: str, engine: str
) -> None:
    step = next(str(mark.step) for mark in effects(trace(name, engine)) if mark.duplicate)
    run = next(each for _, each in scenario(name).runs() if each.label == step)
    said = words(drawn(name, engine))
    assert {step, *spoken(run.via or step)} & set(said)
    assert {f"{step} #2", *spoken(f"{run.via} #2")} & set(said)
    beside = name == "agent-fan-out"
    assert (f"{step}: reply (lost)" if beside else "reply (lost)") in said


@pytest.mark.parametrize("engine", ["temporal", "restate"])
def test_of_steps_side_by_side_it_is_the_one_that_happens_twice_that_is_waited_for(engine: str) -> None:
    assert any(said.startswith("subtask-8 runs for ") for said in words(drawn("agent-fan-out", engine)))


@all_cases
def test_what_an_arrow_says_stands_between_its_own_life_lines(name: str, engine: str) -> None:
    """A label that is longer than its arrow lay over the life lines of both, and of their neighbours."""
    group: list[Open] = []
    room: tuple[float, float] | None = None
    for mark in drawn(name, engine).canvas.marks:
        if isinstance(mark, Open):
            group.append(mark)
            room = None
        elif isinstance(mark, Close):
            group.pop()
        elif not group or group[-1].name not in ("message", "call", "return"):
            continue
        elif isinstance(mark, Path) and room is None and len(mark.steps) == 2:
            ends = [float(step[1]) for step in mark.steps]
            room = (min(ends) - 16, max(ends) + 16)  # an arrow ends before its life line, at most so far
        elif isinstance(mark, Text):
            assert room is not None
            half = measure.width(mark.text, mark.size) / 2
            assert room[0] < mark.x - half, mark.text
            assert mark.x + half < room[1], mark.text


@all_cases
def test_nothing_that_is_said_is_cut(name: str, engine: str) -> None:
    """`Run charge-pay…`, `answer-ques…` and `sets a timer for 30 d (user.completed_…` were."""
    for said in words(drawn(name, engine)):
        assert not re.search(r"\w…$", said), said


def test_a_command_of_a_journal_loses_its_number_before_its_name() -> None:
    """A cancellation on Restate said `Run #3`, and nobody knows of which step that is."""
    assert list(spoken("Run charge-payment #3")) == ["Run charge-payment #3", "Run charge-payment", "charge-payment"]
    assert list(spoken("Output failed 409, End")) == ["Output failed 409, End", "Output failed 409"]
    assert list(spoken("Run a #1, Run b #2, Run c #3"))[-1] == "3 × Run"
    assert list(spoken("GetPromise go #3, Sleep #4"))[-1] == "GetPromise, Sleep"


def note(text: str, *shorter: str) -> Item:
    return Item("note", 0, 0, "history", text, shorter=shorter)


def test_a_long_note_stands_where_there_is_room_for_it() -> None:
    said = "sets a timer for 30 d (user.completed_profile)"
    wide = measure.width(said, SMALL)
    assert note_place(note(said), {"history": 200}, 880) == Note((said,), 210)
    assert note_place(note(said), {"history": 800}, 880) == Note((said,), 780 - wide)


def test_a_note_between_two_life_lines_has_two_lines_or_fewer_words() -> None:
    said = "replays plan, subtask-1, subtask-2 and 5 more"
    for room, lines in (
        (400, (said,)),
        (200, ("replays plan, subtask-1,", "subtask-2 and 5 more")),
        (130, ("replays 8 steps",)),
        (90, ("replays", "8 steps")),
    ):
        placed = note_place(note(said, "replays 8 steps"), {"client": 390, "history": 400, "app": 400 + room}, 880)
        assert placed == Note(lines, 410), room
    assert note_place(note("records a-name-that-is-long"), {"history": 400, "app": 490, "client": 390}, 880) == Note(
        ("records a-", "name-that-", "is-long"), 410
    )


@all_cases
def test_no_note_covers_a_life_line(name: str, engine: str) -> None:
    """`records refund-payment` lay on the invoker's life line, as if it were told there."""
    assert [(told, on) for told, on in covered(drawn(name, engine)) if on] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_no_note_of_all_of_it_covers_a_life_line(engine: str) -> None:
    assert [(told, on) for told, on in covered(drawn("order-fulfillment-cancel", engine, whole=True)) if on] == []


def covered(picture: Picture) -> list[tuple[str, list[float]]]:
    """What each note says, and where its box lies on a life line."""
    lanes, boxes, group = list[float](), list[tuple[str, float, float]](), list[Open]()
    for mark in picture.canvas.marks:
        if isinstance(mark, Open):
            group.append(mark)
        elif isinstance(mark, Close):
            group.pop()
        elif group and isinstance(mark, Path) and group[-1].name == "lane" and mark.steps[0][1] == mark.steps[1][1]:
            lanes.append(float(mark.steps[0][1]))
        elif group and isinstance(mark, Box) and group[-1].name == "note":
            boxes.append((group[-1].title, mark.x, mark.x + mark.width))
    return [
        (
            told,
            [x for x in lanes if left < x < right and abs(left + right - 2 * x) > 0.1],
        )  # a dot or a bar stands there
        for told, left, right in boxes
    ]


def test_heads_have_two_lines_where_notes_need_the_room() -> None:
    heads = drawn("order-fulfillment", "temporal").canvas.texts[:40]
    assert {"other", "activity-workers"} <= {text.text for text in heads}
    assert "records charge-payment" in words(drawn("order-fulfillment", "temporal"))
    assert "Small model (LLM API)" in words(drawn("agent", "temporal"))


@all_cases
def test_the_legend_has_no_mark_that_the_picture_has_not(name: str, engine: str) -> None:
    """`step runs` stood under a picture of the onboarding in which no step is drawn."""
    picture = drawn(name, engine)
    fills = {mark.fill for mark in picture.canvas.marks if isinstance(mark, Box) and mark.width == 9}
    assert ("step runs" in words(picture)) == bool(fills & {LOOKS["running"].paint.fill, LOOKS["crashed"].paint.fill})


def test_a_band_of_messages_says_which_steps_they_are_about() -> None:
    """`9 steps like subtask-8 begin; 2 more messages` told nothing of the two; one of a step that the band names is
    part of what the band says."""
    bands = groups(drawn("agent-fan-out", "inngest"), "fold")
    assert any("9 steps like subtask-8 begin; 2 messages of plan and subtask-8" in text for text in bands), bands
    assert any("2 steps like subtask-8 are done; synthesize, " in text for text in bands), bands
    assert any("5 messages of send-tips-email" in text for text in groups(drawn("onboarding", "restate"), "fold"))


def test_a_process_that_is_killed_long_after_it_last_spoke_is_no_process_that_stops() -> None:
    """The onboarding's worker, killed on the third day, `stops`: its poll of the first second was taken for a leave."""
    assert "killed" in words(drawn("onboarding", "temporal"))
    assert "stops" not in words(drawn("onboarding", "temporal"))
    assert "stops" in words(drawn("order-fulfillment-deploy", "temporal"))


def test_what_is_folded_is_like_what_is_drawn_only_where_a_step_is_drawn() -> None:
    told = " ".join(words(drawn("onboarding", "inngest")))
    assert "send-welcome-email and send-tips-email went without a fault." in told
    assert "went like the steps that are drawn." in " ".join(words(drawn("order-fulfillment", "inngest")))


def test_what_wakes_a_run_is_drawn_with_it() -> None:
    """On Restate an event is an invocation of its own: on the ninth day the onboarding went on, and nobody saw why."""
    picture = drawn("onboarding", "restate")
    assert [text for text in groups(picture, "message") if "client to ingress: user.completed_profile" in text]
    assert "send-welcome-email went without a fault." in " ".join(words(picture)), "no step is drawn that it was like"
    assert any("replays send-welcome-email, one-week and 1 more" in text for text in groups(picture, "note"))


def test_what_a_life_line_stands_for_is_told_once_and_in_full() -> None:
    """`other activity-workers` were told beside `activity-workers`: one life line, made in two steps."""
    told = " ".join(words(drawn("order-fulfillment-cancel", "temporal")))
    assert "other activity-workers" not in told
    (said,) = re.findall(r"activity-workers: ((?:activity-worker-\d(?:, )?)+)", told)
    assert sorted(said.split(", ")) == [f"activity-worker-{n}" for n in (1, 2, 4, 5)]


def test_a_label_is_short_where_there_is_less_room() -> None:
    lanes = (100.0, 300.0, 400.0)
    long, short = "PaymentService.charge #2", "charge #2"
    assert list(spoken(long)) == [long, short]
    assert label_place([long, short], 100, 400, lanes) == (long, 200), "between two life lines"
    assert label_place([long, short], 400, 100, lanes) == (long, 200)
    assert label_place([long, short], 300, 400, lanes) == (short, 350)
    cut, middle = label_place([long], 300, 360, lanes)
    assert cut.endswith("…")
    assert middle == 330


def test_a_run_that_stands_still_after_all_that_is_drawn_is_still_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """`diagram order-fulfillment --runs 1000` ended with an internal error: a picture's excerpt has fewer events."""
    for limit in ("MAX_EVENTS", "_READABLE"):
        monkeypatch.setattr(f"durascope.render.excerpt.{limit}", 300)
    scenario = parse_scenario("""
scenario: case
workflows: {wf: {steps: [{run: a, takes: 100ms}, {run: b, takes: 100ms}]}}
workload: {runs: 40, arrivals: {every: 500ms}}
faults: [{crash: app, at: 15050ms, down_for: 1s}]
""")
    trace = simulate(scenario, "temporal", full=True)
    number = max(event for recovery in recoveries(trace) for event in recovery.events if event is not None)
    assert number > 300
    assert "start-to-close" in sequence.draw(trace, scenario).svg()
