"""`make bench` says of every figure whether it holds its bar, and its exit status says whether all do."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import main
from benchmarks.bars import Bar


@pytest.mark.parametrize(
    ("bar", "verdict"),
    [
        (Bar("a simulation", 5.0, 5.0, "s"), "ok"),
        (Bar("a simulation", 5.1, 5.0, "s"), "MISSED"),
        (Bar("one process over two", 1.9, 1.9, at_least=True), "ok"),
        (Bar("one process over two", 1.8, 1.9, at_least=True), "MISSED"),
        (Bar("a moment", None, 16.0, "ms", "no Chromium here"), "not measured"),
        (Bar("an empty frame", 20.0, None, "ms"), "no bar"),
    ],
)
def test_a_figure_has_a_verdict(bar: Bar, verdict: str) -> None:
    assert bar.verdict == verdict
    assert f" {verdict} " in f"{bar} "


def test_one_missed_bar_is_an_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    parts = {
        "quick": lambda: iter([Bar("a start", 0.2, 0.3, "s")]),
        "slow": lambda: iter([Bar("a page", 2.0, 1.0, "s"), Bar("another page", 0.5, 1.0, "s")]),
    }
    assert main([], parts) == 1
    printed = capsys.readouterr().out
    assert [line.strip() for line in printed.splitlines() if not line.startswith("  ")] == [
        "quick", "slow", "3 figures, 1 missed",
    ]  # fmt: skip
    assert main(["quick"], parts) == 0
    assert "a page" not in capsys.readouterr().out


def test_a_part_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exploer"]) == 2
    assert "explore" in capsys.readouterr().err
