"""The story of a recording: its account of the time is complete, and names what was repeated and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from durascope.cli import main
from durascope.importing.files import imported
from durascope.importing.story import Span, Spent, Story

HERE = Path(__file__).parent / "temporal"


def story(*spans: Span, lasted: int = 100) -> Story:
    return Story("run 1", "order", "o-1", "completed", "2026-01-01", lasted, spans, (), "")


def test_time_in_which_several_things_are_under_way_counts_once() -> None:
    told = story(Span(Spent.TIMER, "timer 1", 0, 80), Span(Spent.EXECUTION, "charge", 20, 50))
    assert told.account() == {Spent.EXECUTION: 30, Spent.TIMER: 50, Spent.WAITING: 20}


def test_a_stretch_that_ends_as_the_next_begins() -> None:
    told = story(Span(Spent.QUEUE, "a", 0, 40), Span(Spent.CODE, "a", 40, 100), Span(Spent.CODE, "b", 10, 10))
    assert told.account() == {Spent.CODE: 60, Spent.QUEUE: 40}


@pytest.mark.parametrize("path", sorted(HERE.glob("*.json")), ids=lambda path: path.stem)
def test_the_account_is_as_long_as_the_run(path: Path) -> None:
    (told,) = imported([path]).stories
    assert sum(told.account().values()) == told.lasted


def test_a_lost_attempt_is_told_with_its_timeout_and_its_cause() -> None:
    (told,) = imported([HERE / "crash-mid-activity.json"]).stories
    account = told.account()
    assert 4_900_000 < account[Spent.LOST] < 5_100_000
    assert 9_900_000 < account[Spent.GONE] < 10_100_000
    assert "its effect may have happened twice" in told.repeated[0]
    assert told.cause.startswith("A worker died between")


def test_attempts_that_failed_and_their_pauses() -> None:
    (told,) = imported([HERE / "retry-twice-then-success.json"]).stories
    assert told.account()[Spent.BACKOFF] == 3_000_000
    assert "charge-payment ran 2 times more: the attempt before failed (Transient: temporary failure)." in told.repeated


def test_the_command_draws_every_view(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["explain", str(HERE / "crash-mid-activity.json"), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "tasks given to a dead worker" in said
    assert "The prediction is what was recorded, line for line." in said
    drawn = {path.name.split(".")[-2] for path in tmp_path.glob("*.svg")}
    assert drawn == {"architecture", "workflow", "sequence", "timeline", "journal", "queues"}


def test_the_command_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(HERE / "happy-path.json"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agrees"]
    assert told["runs"][0]["cause"] == ""
