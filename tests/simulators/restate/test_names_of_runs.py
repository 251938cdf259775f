"""What runs are told apart by: updates that come with starts, and the links of a long chain."""

from __future__ import annotations

import yaml

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate


def predicted(text: str, *, full: bool = True) -> Trace:
    return simulate(Scenario.model_validate(yaml.safe_load(f"scenario: s\n{text}")), "restate", full=full, records=True)


def test_updates_that_come_with_their_starts_are_runs_of_their_own() -> None:
    trace = predicted("""
workflows:
  order: {key: u, input: {u: unique}, steps: [{run: ship}], updates: {set: {steps: [{run: extra}]}}}
workload: {runs: 3, arrivals: {every: 1s}, start_with: {update: set}}
""")
    assert trace.effects == {"ship": 3, "extra": 3}
    assert {f"update of run {n}" for n in (1, 2, 3)} < trace.status.keys()


def test_a_chain_of_starts_is_told_from_its_first_to_its_last() -> None:
    trace = predicted(
        """
workflows: {w: {steps: [{repeat: 1, do: [{start: w}]}]}}
workload: {runs: 1}
""",
        full=False,
    )
    assert len(trace.status) > 200
