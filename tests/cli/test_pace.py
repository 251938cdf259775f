"""How far long work is, and what is quicker."""

from __future__ import annotations

import pytest

from durascope.cli import pace
from durascope.cli.pace import Pace


def clock(*seconds: float) -> Pace:
    told = iter(seconds)
    return Pace("points", clock=lambda: next(told))


def test_a_pace_is_told_when_it_is_known() -> None:
    assert clock(0, 1).line("temporal", 10, 1_000) == "temporal: 10 of 1,000 points"
    assert clock(0, 10).line("temporal", 10, 1_000) == "temporal: 10 of 1,000 points, about 16 min left"
    assert clock(0, 10).line("temporal", 10, 100_000) == "temporal: 10 of 100,000 points, about 1 d 4 h left"


def test_each_part_has_a_pace_of_its_own() -> None:
    of_two = clock(0, 100, 110)
    of_two.line("temporal", 100, 100)
    assert of_two.line("inngest", 10, 20) == "inngest: 10 of 20 points, about 10 s left"


def test_a_log_is_told_once_what_is_quicker(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pace, "SURE_S", 0.0)
    monkeypatch.setattr(pace, "LONG_S", 0.0)
    with pace.progress_shown("points", quicker="--moments is quicker") as shown:
        shown("temporal", 1, 1_000)
        shown("temporal", 2, 1_000)
    with pace.progress_shown("points") as shown:
        shown("temporal", 1, 1_000)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("temporal: 1 of 1,000 points")
    assert line.endswith("(--moments is quicker)")
