"""`durascope learn`: the explanation comes after the prediction, and progress is kept where the user keeps state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from durascope.course.lessons import lesson
from tests.cli.commands import durascope


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state" / "durascope" / "course.json"


def test_the_list_names_the_next_lesson() -> None:
    listed = durascope("learn")
    assert "  3  The effect that happened twice" in listed.out
    assert "Next: durascope learn 1" in listed.out


def test_the_explanation_comes_after_the_prediction() -> None:
    before = durascope("learn", "3").out
    assert "Predict first" in before
    assert "Exercise" not in before
    durascope("learn", "3", "--answer", "a")
    after = durascope("learn", "3").out
    assert "at least once" in after
    assert "Exercise" in after


def test_a_wrong_answer_plays_the_run_that_refutes_it() -> None:
    wrong = durascope("learn", "3", "--answer", "b")
    assert wrong.status == 0
    assert "Temporal ─" in wrong.out
    assert "Inngest ─" not in wrong.out, "b is right about Inngest"
    assert "Temporal above shows otherwise" in wrong.out


def test_the_right_answer_plays_all_of_them() -> None:
    right = durascope("learn", "3", "--answer", "c").out
    assert "Right: Two on every engine." in right
    assert all(f"{engine} ─" in right for engine in ("Temporal", "Inngest", "Restate"))


def test_the_exercise_is_written_once_and_graded() -> None:
    durascope("learn", "4", "--start", "work")
    file = Path("work/exercise-4.yaml")
    unsolved = durascope("learn", "4", "--check", str(file))
    assert unsolved.status == 1
    assert "✗ The app or the engine dies (Temporal)" in unsolved.out
    assert "For example, when the engine is killed after reserve is scheduled, down for 15 s." in unsolved.out
    assert "$ durascope run work/exercise-4.yaml -e temporal" in unsolved.out
    file.write_text(lesson(4).solution_text, "utf-8")
    assert "work/exercise-4.yaml exists and was not changed" in durascope("learn", "4", "--start", "work").err
    solved = durascope("learn", "4", "--check", str(file))
    assert solved.status == 0
    assert "✓ Solved" in solved.out
    assert durascope("learn").out.count("solved") == 1


def test_what_a_verdict_tells_to_run_shows_what_is_wrong() -> None:
    durascope("learn", "4", "--start", ".")
    lines = durascope("learn", "4", "--check", "exercise-4.yaml").out.splitlines()
    words = next(line for line in lines if line.startswith("  $ ")).split("'")
    told = durascope("run", "exercise-4.yaml", "-e", "temporal", "--set", words[1], "--crash", words[3])
    assert "duplicate effects" in told.out


def test_an_answer_under_any_file_name_is_graded() -> None:
    Path("mine.yaml").write_text(lesson(5).solution_text, "utf-8")
    assert durascope("learn", "5", "--check", "mine.yaml").status == 0


def test_cheating_and_what_is_missing_are_told() -> None:
    Path("mine.yaml").write_text(lesson(7).solution_text.replace("run: pay", "run: pay-out"), "utf-8")
    assert "You renamed `pay` to `pay-out`" in durascope("learn", "7", "--check", "mine.yaml").out
    Path("mine.yaml").write_text(lesson(7).exercise_text, "utf-8")
    assert "There is no step `escalate` yet" in durascope("learn", "7", "--check", "mine.yaml").out


def test_a_lesson_is_a_page_that_judges_each_choice_and_loads_nothing() -> None:
    assert durascope("learn", "3", "--page", "lesson.html").status == 0
    page = Path("lesson.html").read_text("utf-8")
    assert page.count('type="radio"') == 3
    assert page.count('class="verdict right"') == 1
    assert "Not so: Temporal shows 2 effects." in page
    assert 'id="played" hidden' in page, "the prediction comes first"
    assert "<code>durascope learn 3 --start .</code> writes the exercise" in page
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_the_solution_is_printed_on_request() -> None:
    assert durascope("learn", "5", "--solution").out.strip() == lesson(5).solution_text.strip()


def test_progress_is_forgotten_on_request(state: Path) -> None:
    durascope("learn", "1", "--answer", "a")
    assert state.exists()
    durascope("learn", "--reset")
    assert not state.exists()
    assert durascope("learn", "--reset").status == 0, "nothing to forget is no mistake"


def test_a_state_file_that_is_broken_or_cannot_be_written_stops_nobody(state: Path) -> None:
    state.parent.mkdir(parents=True)
    state.write_text("{", "utf-8")
    assert durascope("learn").status == 0
    state.unlink()
    state.parent.rmdir()
    state.parent.write_text("in the way", "utf-8")
    answered = durascope("learn", "3", "--answer", "c")
    assert answered.status == 0
    assert "progress is not kept" in answered.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("11",), "the lessons are 1 to 10"),
        (("--solution",), "which lesson?"),
        (("3", "--answer", "z"), "the answers are a, b, c"),
        (("3", "--check", "nowhere.yaml"), "there is no such file"),
    ],
)
def test_what_is_asked_wrongly_is_told(arguments: tuple[str, ...], told: str) -> None:
    found = durascope("learn", *arguments)
    assert found.status == 2
    assert told in found.err


def test_a_figure_has_its_unit_in_the_singular_and_times_as_everywhere() -> None:
    assert "Temporal   1 attempt\n" in durascope("learn", "1", "--answer", "a").out
    assert "Inngest    33 s\n" in durascope("learn", "5", "--answer", "a").out
