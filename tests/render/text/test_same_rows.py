"""Engines beside each other: the records shown are of one run, the rows of a time line in the program's order."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from durascope.experiments.metrics import metrics
from durascope.models.engine import compared
from durascope.models.reading import parse_scenario
from durascope.render.text.story import tell
from durascope.render.text.timeline import timeline
from durascope.simulators.simulate import simulate

PARALLEL = parse_scenario(
    """
scenario: s
workflows:
  w:
    steps:
      - parallel:
          - [{sleep: 1s}, {run: first, takes: 20ms}]
          - {run: second, takes: 20ms}
      - {repeat: 2, as: n, do: [{run: 'round-{n}', takes: 20ms}]}
workload: {runs: 1}
"""
)
CALLS = parse_scenario(
    """
scenario: s
workflows: {w: {steps: [{call: child}]}, child: {steps: [{run: a}]}}
workload: {runs: 2, of: w, arrivals: {at: [100ms, 0s]}}
"""
)


@pytest.mark.parametrize("engine", compared())
def test_steps_stand_in_the_programs_order_whichever_begins_first(engine: str) -> None:
    lines = timeline(simulate(PARALLEL, engine), PARALLEL, 90).plain.splitlines()
    shown = [line.split()[0] for line in lines if line.startswith(("first", "second", "round"))]
    assert shown == ["first", "second", "round-1", "round-2"]


def test_the_records_shown_are_of_the_first_start_on_each_engine() -> None:
    out = io.StringIO()
    traces = [simulate(CALLS, engine) for engine in compared()]
    tell(Console(file=out, width=100), CALLS, traces, {trace.engine: metrics(trace) for trace in traces})
    assert "History of run 1 on each engine\n" in out.getvalue()
    assert "Restate: #N is the number that a command and its completion share" in out.getvalue()
