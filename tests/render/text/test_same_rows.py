"""Engines beside each other: the records shown are of one run, the rows of a time line in the program's order."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from durascope.experiments.metrics import metrics
from durascope.models.engine import compared
from durascope.models.reading import parse_scenario
from durascope.render.text.ledger import ledger_table
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


def test_the_ledger_counts_branches_where_they_are_written_and_names_their_service() -> None:
    """The branches end in another order than they are written in, and each has a name that no step has."""
    branches = parse_scenario(
        """
scenario: s
services: {gpu: {}, mail: {}}
workflows:
  w:
    steps:
      - {for_each: 12, as: i, do: [{run: "chunk-{i}", on: gpu, takes: {uniform: [20ms, 900ms]}}]}
      - {run: notify, on: mail}
workload: {runs: 1}
"""
    )
    out = io.StringIO()
    Console(file=out, width=100).print(ledger_table(branches, [simulate(branches, engine) for engine in compared()]))
    rows = [line.split()[:2] for line in out.getvalue().splitlines() if line.strip().startswith(("chunk", "notify"))]
    assert rows == [*([f"chunk-{number}", "gpu"] for number in range(1, 13)), ["notify", "mail"]]
