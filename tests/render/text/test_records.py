"""The engines' records in a terminal: side by side where that fits, and no name is ever broken."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from durascope.models.loading import load_scenario
from durascope.render.text.records import MAX_LINES, RecordTables, folded
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate")


def printed(records: dict[str, list[str]], width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(RecordTables(records))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_name_is_broken(width: int) -> None:
    scenario = load_scenario("order-fulfillment")
    records = {engine: list(simulate(scenario, engine).records["run 1"]) for engine in ENGINES}
    text = printed(records, width)
    words = {word for lines in records.values() for line in lines for word in line.split()}
    assert {word for word in words if word not in text} == set()
    assert max(map(len, text.splitlines())) <= width
    beside = any("Temporal" in line and "Restate" in line for line in text.splitlines())
    assert beside == (width >= 100)


def test_a_name_that_a_record_lists_many_times_is_written_once() -> None:
    line = "POST step memo=[plan, ask, ask, ask] -> 206 StepPlanned sum, sum-up, sum-up"
    assert folded(line) == "POST step memo=[plan, ask × 3] -> 206 StepPlanned sum, sum-up × 2"


def test_a_long_record_is_cut_in_the_middle_and_keeps_its_numbers() -> None:
    lines = [f"line-{number}" for number in range(1, MAX_LINES + 41)]
    text = printed({"temporal": lines}, 60).splitlines()
    assert any(line.split() == ["30", "line-30"] for line in text)
    assert any("… 40 more …" in line for line in text)
    assert any(line.split() == ["71", "line-71"] for line in text)
    assert any(line.split() == ["100", "line-100"] for line in text)
