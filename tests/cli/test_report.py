"""`durascope report` as a user meets it: one file, or one sentence that says why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from durascope.player import page
from durascope.player.page import Bundle, NoPlayer
from tests.cli.commands import durascope
from tests.player import unpacking


@pytest.fixture(autouse=True)
def small_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "bundle", lambda: Bundle("1", ""))


def test_one_file_is_written(tmp_path: Path) -> None:
    out = tmp_path / "order.html"
    answer = durascope("report", "order-fulfillment", "-e", "restate", "--out", str(out))
    assert (answer.status, answer.out) == (0, "")
    assert answer.err.startswith(f"wrote {out} (")
    told = unpacking.document(out.read_text())
    assert list(told["forks"]) == ["restate"]
    assert list(tmp_path.iterdir()) == [out]


def test_crashes_and_settings_are_part_of_the_story(tmp_path: Path) -> None:
    out = tmp_path / "p.html"
    crash = "app after-effect stripe-charge down 1s"
    durascope(
        "report", "payment", "-e", "restate", "--crash", crash, "--runs", "1", "--seed", "3", "--budget", "1B",
        "--out", str(out),
    )  # fmt: skip
    told = unpacking.document(out.read_text())
    assert "stripe-charge" in told["stories"][1]["fault"]
    assert told["seed"] == 3
    assert len(told["traces"]["traces"]["runs"][0]) == 1


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    answer = durascope(
        "report", "order-fulfillment", "-e", "restate", "--budget", "25KB", "--out", str(tmp_path / "p.html")
    )
    assert answer.status == 0
    assert "crashes are not in it: it may have 25KB (--budget)" in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--budget", "much"), "--budget"),
        (("--out", "/nowhere/at/all.html"), "/nowhere/at: there is no such folder"),
        (("--crash", "app sometimes"), "app sometimes"),
        (("--seed", "-1"), "--seed"),
        (("-e", "airflow"), "airflow"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    answer = durascope("report", "payment", *arguments)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_without_its_script_there_is_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Bundle:
        raise NoPlayer("the player's script is not installed\n  help: build it")

    monkeypatch.setattr(page, "bundle", missing)
    answer = durascope("report", "payment", "--out", str(tmp_path / "p.html"))
    assert answer.status == 2
    assert answer.err.startswith("durascope: error: the player's script is not installed")
    assert not list(tmp_path.iterdir())
