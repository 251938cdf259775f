"""What holds for every picture of a trace: readable, without overlaps, the same bytes, quick, folded if long."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from durascope.models.engine import names
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.spans import spans
from durascope.models.trace import Kind, Trace
from durascope.render import comparison, journal, queues, sequence, timeline
from durascope.render.bars import LOOKS
from durascope.render.canvas import Box, Text
from durascope.render.executions import Line, read
from durascope.render.journal_folding import Fault, fold
from durascope.render.picture import Picture
from durascope.render.theme import PAPER, contrast
from durascope.simulators.simulate import simulate
from tests.pace import seconds_of
from tests.render.hand_made import SCENARIO, crash_and_replay, many_retries, many_steps

ENGINES = names()
DRAW: dict[str, Callable[..., Picture]] = {
    "sequence": sequence.draw,
    "timeline": timeline.draw,
    "journal": journal.draw,
    "queues": queues.draw,
}


@cache
def _trace(name: str, engine: str) -> Trace:
    return simulate(load_scenario(name), engine)


@cache
def _picture(name: str, engine: str, view: str) -> Picture:
    return _drawn(name, engine, view)


def _drawn(name: str, engine: str, view: str) -> Picture:
    if view == "comparison":
        return comparison.draw([_trace(name, each) for each in ENGINES], load_scenario(name))
    return DRAW[view](_trace(name, engine), load_scenario(name))


PICTURES = [
    *((name, engine, view) for name in builtin_names() for engine in ENGINES for view in DRAW),
    *((name, "all", "comparison") for name in builtin_names()),
]
all_pictures = pytest.mark.parametrize("which", PICTURES, ids=[".".join(each) for each in PICTURES])


@all_pictures
def test_text_stays_on_its_picture_and_no_two_texts_overlap(which: tuple[str, str, str]) -> None:
    _no_overlaps(_picture(*which))


def _no_overlaps(picture: Picture) -> None:
    canvas = picture.canvas
    boxes = [(text.text, _room(text)) for text in canvas.texts]
    outside = [
        text
        for text, (x, y, right, bottom) in boxes
        if x < 0 or y < 0 or right > canvas.width or bottom > canvas.height
    ]
    assert outside == []
    assert [(one, other) for (one, a), (other, b) in combinations(boxes, 2) if _meet(a, b)] == []


def _room(text: Text) -> tuple[float, float, float, float]:
    """From the height of capitals to the baseline."""
    return text.left, text.y - 0.7 * text.size, text.left + text.width, text.y


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@all_pictures
def test_text_can_be_read_on_what_lies_under_it(which: tuple[str, str, str]) -> None:
    canvas = _picture(*which).canvas
    boxes: list[tuple[tuple[float, ...], str]] = []
    for mark in canvas.marks:
        if isinstance(mark, Box) and mark.fill:
            boxes.append(((mark.x, mark.y, mark.x + mark.width, mark.y + mark.height), mark.fill))
        elif isinstance(mark, Text):
            x, y, right, bottom = _room(mark)
            under = [
                fill for box, fill in boxes if box[0] <= x and box[1] <= y and box[2] >= right and box[3] >= bottom
            ]
            assert contrast(mark.ink, under[-1] if under else PAPER) >= 4.5, mark.text


@pytest.mark.parametrize("bar", LOOKS)
def test_bars_stand_out_from_the_paper(bar: str) -> None:
    look = next(look for name, look in LOOKS.items() if name == bar)
    assert contrast(look.paint.stroke, PAPER) >= 3


def test_no_two_kinds_of_bars_differ_in_colour_alone() -> None:
    told = [(look.hatch, look.tall, look.dash) for bar, look in LOOKS.items() if bar not in ("running", "working")]
    assert len(set(told)) == len(told)


@all_pictures
def test_the_svg_parses_and_is_told_to_screen_readers(which: tuple[str, str, str]) -> None:
    picture = _picture(*which)
    root = ElementTree.fromstring(picture.svg())
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert root.findtext("svg:title", namespaces=space) == picture.title
    assert root.findtext("svg:desc", namespaces=space) == picture.description
    assert len(root.findall(".//svg:text", space)) == len(picture.canvas.texts)
    in_words = which[2] == "queues" and not any(g.get("class") == "axis" for g in root.iter(f"{{{space['svg']}}}g"))
    assert in_words or any(group.get("class") == "legend" for group in root.iter(f"{{{space['svg']}}}g"))


@all_pictures
def test_each_picture_takes_less_than_half_a_second(which: tuple[str, str, str]) -> None:
    taken, _ = seconds_of(lambda: _drawn(*which).svg())
    assert taken < 0.5


# ---- long runs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", DRAW)
@pytest.mark.parametrize("long", [many_retries(1_100), many_steps(1_000)], ids=["retries", "steps"])
def test_ten_thousand_events_are_folded_into_something_that_can_be_read(view: str, long: Trace) -> None:
    assert len(long.events) >= 9_900
    picture = DRAW[view](long, SCENARIO)
    taken, size = seconds_of(lambda: len(DRAW[view](long, SCENARIO).svg()))
    assert taken < 1
    assert size < 150_000
    assert picture.height < 2_500
    assert picture.width < 1_800
    _no_overlaps(picture)


@pytest.mark.parametrize("view", ["sequence", "timeline"])
def test_a_folded_picture_says_what_it_folded(view: str) -> None:
    picture = DRAW[view](many_retries(1_100), SCENARIO)
    assert any(text.text.startswith("Folded: ") for text in picture.canvas.texts)


def test_repeated_retries_are_one_band_between_the_first_and_the_last_two() -> None:
    shown = [text.text for text in sequence.draw(many_retries(1_100), SCENARIO).canvas.texts]
    assert "Payment.charge" in shown
    assert {"Payment.charge #1099", "Payment.charge #1100"} <= set(shown), "the last failure and what ended it"
    assert [text for text in shown if "1097 more attempts of charge" in text]


def test_queues_in_which_nothing_waits_are_one_sentence() -> None:
    picture = _picture("order-fulfillment", "temporal", "queues")
    told = " ".join(text.text for text in picture.canvas.texts)
    assert "No task waits long in a queue:" in told
    assert picture.height < 140, "no bars that make an idle queue look full"


def test_a_queue_that_is_waited_for_is_the_title() -> None:
    picture = _picture("payment", "restate", "queues")
    trace = _trace("payment", "restate")
    longest = max(queues.loads(spans(trace, load_scenario("payment"))), key=lambda load: load.longest)
    told = " ".join(text.text for text in picture.canvas.texts)
    assert f"Tasks wait longest in {longest.name}" in told
    assert picture.height > 140


# ---- what each view tells ------------------------------------------------------------------------------------


def _told(picture: Picture) -> set[str]:
    return {text.text for text in picture.canvas.texts}


def test_the_timeline_tells_a_death_after_an_effect_and_the_duplicate() -> None:
    told = _told(timeline.draw(crash_and_replay(), SCENARIO))
    assert {"killed after its effect", "the effect happens again", "sleeps", "waits for an event", "backs off"} <= told
    assert "… 7 d …" in told


def test_the_linear_timeline_has_no_breaks() -> None:
    told = _told(timeline.draw(crash_and_replay(), SCENARIO, linear=True))
    assert not [text for text in told if text.startswith("…")]


def test_the_sequence_marks_the_crash_what_was_lost_and_what_was_replayed() -> None:
    told = _told(sequence.draw(crash_and_replay(), SCENARIO))
    assert {"killed", "back", "reply (lost)", "stream (lost)"} <= told
    assert any(each.endswith(" (refused)") for each in told)
    assert {"replays reserve", "replays reserve,", "charge, one-week", "… 7 d …"} <= told


def test_the_journal_tells_what_was_read_back_and_what_is_new() -> None:
    picture = journal.draw(crash_and_replay(), SCENARIO)
    assert "run 1: 9 entries; workflow code ran 3 times in app, twice as a replay; it died once" in _told(picture)


def _journal(name: str, engine: str) -> tuple[Trace, Picture]:
    scenario = load_scenario(name)
    trace = simulate(scenario, engine)
    return trace, journal.draw(trace, scenario)


@pytest.mark.parametrize(
    ("name", "engine"), [("agent", "inngest"), ("agent-fan-out", "restate"), ("payment", "temporal")]
)
def test_a_journal_counts_before_it_folds(name: str, engine: str) -> None:
    trace, picture = _journal(name, engine)
    run = picture.description.split("The ")[1].split(" of ")[1].split(" on ")[0]
    work = [span for span in spans(trace) if span.run == run and span.kind == "working"]
    appended = sum(1 for _, event in trace.of_kind(Kind.RECORDED) if event.run == run)
    assert f"{appended} entries" in picture.description
    assert f"workflow code ran {journal._times(len(work))}" in picture.description


def test_a_lost_answer_is_no_news_in_green() -> None:
    _, picture = _journal("order-fulfillment", "inngest")
    body = picture.svg()
    lost = body[body.index("-&gt; lost") :].split("</g>")[0]
    assert "#fde3e0" in lost
    assert "#bfe6c9" not in lost


def test_a_journal_is_never_folded_at_a_crash() -> None:
    trace, picture = _journal("agent", "temporal")
    died = next(number for number, _ in trace.of_kind(Kind.CRASHED))
    appended = [(number, str(event.detail)) for number, event in trace.of_kind(Kind.RECORDED) if event.run == "run 1"]
    after = next(text for number, text in appended if number > died)
    before = [text for number, text in appended if number < died][-1]
    shown = [text.text for text in picture.canvas.texts]
    assert before in shown
    assert after in shown
    assert any("more entries" in text for text in shown)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", builtin_names())
def test_a_journal_is_as_wide_as_a_readme(name: str, engine: str) -> None:
    assert _picture(name, engine, "journal").width <= 880


def test_what_an_execution_added_that_shares_a_column_was_added_by_code() -> None:
    scenario = load_scenario("agent").model_copy(update={"faults": ()})
    trace = simulate(scenario, "inngest")
    lines, columns = read(trace, spans(trace, scenario), "run 1")
    folded = fold(lines, columns, (), most=4, bad=lambda _: False)
    assert len(folded.columns) == 4
    assert [place for each in folded.columns for place in each.places] == list(range(len(columns)))


def test_equal_executions_are_one_column_that_says_how_many() -> None:
    picture = _picture("order-fulfillment-deploy", "temporal", "journal")
    assert "× 198" in _told(picture), "the workflow task that fails again and again"
    assert "run 1: 28 entries; workflow code ran 203 times, 199 times as a replay" in _told(picture), "counted before"


def test_executions_that_died_or_failed_share_no_column_with_others() -> None:
    scenario = load_scenario("agent")
    trace = simulate(scenario, "inngest")
    lines, columns = read(trace, spans(trace, scenario), "run 1")
    died = next(place for place, column in enumerate(columns) if column.span.ended == "crashed")
    folded = fold(lines, columns, (), most=5, bad=lambda _: False)
    assert [each.name for each in folded.columns if died in each.places] == [str(died + 1)]


def test_executions_that_die_at_once_are_one_column_with_all_their_lost_answers() -> None:
    scenario = load_scenario("agent-fan-out")
    trace = simulate(scenario, "inngest")
    lines, columns = read(trace, spans(trace, scenario), "run 1")
    folded = fold(lines, columns, (), most=6, bad=lambda line: "lost" in line.text)
    (died,) = [each for each in folded.columns if each.crashed]
    assert died.name == "× 10"
    assert {line.column in died.places for line in lines if line.text == "-> lost"} == {True}


def test_the_second_attempt_of_what_happened_twice_is_not_folded() -> None:
    """It lay in `33 more entries`, far from the crash that had caused it."""
    scenario = load_scenario("agent-fan-out")
    told = _told(journal.draw(simulate(scenario, "temporal"), scenario))
    assert {"ActivityTaskStarted subtask-8 attempt=2", "ActivityTaskCompleted subtask-8"} <= told


def test_a_line_across_says_who_died_and_when() -> None:
    told = _told(_picture("order-fulfillment", "temporal", "journal"))
    assert any(re.fullmatch(r"activity-worker-5 dies, \d+ ms", text) for text in told)


def test_faults_without_end_take_few_lines_and_are_counted() -> None:
    lines = [Line(place, f"entry {place}", place, 10 * place) for place in range(400)]
    faults = [Fault(40 * n + 5, "app dies") for n in range(90)]
    folded = fold(lines, (), faults, most=4, bad=lambda _: False)
    drawn = [line for line in folded.lines if isinstance(line, Fault)]
    assert len(drawn) == 8
    assert "Folded: 82 more faults have no line." in folded.notes
    entries = [line for line in folded.lines if isinstance(line, Line)]
    left = sum(int(line.text.split()[1]) for line in entries if line.number < 0)
    assert sum(line.number >= 0 for line in entries) + left == 400, "what is left out is counted"


def test_the_comparison_tells_how_long_the_work_stood_still() -> None:
    picture = comparison.draw([crash_and_replay(), many_retries(3)], SCENARIO)
    assert "back after 2.5 s" in _told(picture)
    assert "nothing to recover" in _told(picture)


# ---- sources and bytes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", builtin_names())
def test_sequences_have_sources_that_parse(name: str, engine: str, tmp_path: Path) -> None:
    picture = _picture(name, engine, "sequence")
    _check_mermaid(picture.source("mermaid"))
    d2 = Path(sys.executable).with_name("d2")
    if d2.exists():
        (tmp_path / "picture.d2").write_text(picture.source("d2"), encoding="utf-8")
        checked = subprocess.run([d2, "validate", tmp_path / "picture.d2"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def _check_mermaid(source: str) -> None:
    """A strict grammar for what is written: participants first, then messages and notes between them."""
    head, _, body = source.partition("sequenceDiagram\n")
    assert re.fullmatch(r'---\ntitle: "[^"\n]*"\nconfig:\n(  .*\n)+---\n', head)
    assert body.count("    rect rgb(") == body.count("    end\n"), "a red ground begins and ends"
    text = r"(?:[^#;\n]|#\d+;)+"
    known: set[str] = set()
    for line in body.splitlines():
        if named := re.fullmatch(rf"    (?:actor|participant) (p\d+) as {text}", line):
            known.add(named[1])
            continue
        if re.fullmatch(r"    (end|rect rgb\(\d+, \d+, \d+\))", line):
            continue
        said = re.fullmatch(rf"    (p\d+)(?:->>|-->>|-x|--x)(p\d+): {text}", line)
        noted = re.fullmatch(rf"    Note (?:right of|over) (p\d+)(?:,(p\d+))?: {text}", line)
        found = said or noted
        assert found, line
        assert {name for name in found.groups() if name} <= known


def test_sources_say_what_breaks_and_what_is_waited_for() -> None:
    picture = _picture("order-fulfillment", "temporal", "sequence")
    mermaid, d2 = picture.source("mermaid"), picture.source("d2")
    down = mermaid[mermaid.index("rect rgb") : mermaid.index("    end\n")]
    assert "✗ killed" in down
    assert "▶ back" in down
    for source in (mermaid, d2):
        assert "nobody notices until the 10 s start-to-close timeout" in source
        assert "backoff 1 s" in source
    assert next(line for line in d2.splitlines() if "killed" in line).endswith(
        '{style.fill: "#fde3e0"; style.stroke: "#b42318"}'
    )


def test_the_mermaid_source_of_a_crash(snapshot: object) -> None:
    assert sequence.draw(crash_and_replay(), SCENARIO).source("mermaid") == snapshot


_PRINT = """
import hashlib
from durascope.models.loading import load_scenario
from durascope.models.engine import names
from durascope.simulators.simulate import simulate
from durascope.render import comparison, journal, queues, sequence, timeline
from durascope.render.exports import formats, export
scenario = load_scenario("payment")
trace = simulate(scenario, "queue")
for draw in (sequence.draw, timeline.draw, journal.draw, queues.draw):
    print(hashlib.sha256(draw(trace, scenario).svg().encode()).hexdigest())
print(hashlib.sha256(comparison.draw([trace, trace], scenario).svg().encode()).hexdigest())
for name, each in formats().items():
    if each.fits("queue"):
        print(hashlib.sha256(export(trace, scenario, name)).hexdigest())
"""


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
