"""What a scenario may say, and what each engine makes of it: the parts of the language that all engines share."""

from __future__ import annotations

import pytest

from durascope.models.engine import compared
from durascope.models.reading import parse_scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate

each_engine = pytest.mark.parametrize("engine", compared())


def trace_of(text: str, engine: str) -> Trace:
    return simulate(parse_scenario(f"scenario: s\n{text.strip()}"), engine)


def shown(trace: Trace, *words: str) -> bool:
    return any(all(word in line for word in words) for lines in trace.records.values() for line in lines)


DRAW = """
workflows:
  w:
    steps:
      - {run: before, takes: 20ms}
      - {compute: 0s, name: draw, nondeterministic: true}
      - {run: 'charge-{draw}', takes: 1s}
      - {run: after, takes: 20ms}
workload: {runs: 1}
"""
CRASH = "faults: [{crash: app, when: {step: charge-1, moment: started}, down_for: 100ms}]"


def test_code_that_draws_again_on_replay_charges_again_on_inngest() -> None:
    """Each request runs the code from the top, finds no step of the new name, and runs it: for ever, or to a limit."""
    assert sum(n for step, n in trace_of(DRAW, "inngest").effects.items() if step.startswith("charge-")) > 1


def test_code_that_draws_again_on_replay_is_refused_by_restate() -> None:
    """The journal has a `Run` of another name: the attempt fails, and the next draws again."""
    trace = trace_of(DRAW + CRASH, "restate")
    assert trace.status["run 1"] in ("paused", "running")
    assert "after" not in trace.effects


def test_code_that_draws_again_on_replay_does_not_end_on_temporal() -> None:
    trace = trace_of(DRAW + CRASH, "temporal")
    assert trace.status["run 1"] == "running"
    assert "after" not in trace.effects


@each_engine
def test_what_is_drawn_can_be_a_condition(engine: str) -> None:
    trace = trace_of(
        """
workflows:
  w:
    steps:
      - {compute: 0s, name: draw, nondeterministic: true}
      - choose: [{when: draw == 1, do: [{run: first, takes: 20ms}]}, {otherwise: [{run: later, takes: 20ms}]}]
workload: {runs: 1}
""",
        engine,
    )
    assert trace.effects["first"] == 1


@each_engine
def test_a_called_run_is_undone_when_its_caller_fails(engine: str) -> None:
    trace = trace_of(
        """
workflows:
  trip: {steps: [{run: hold, undo: release}, {call: booking, undo: cancel-booking}, {fail: no seats}]}
  booking: {steps: [{run: book}]}
workload: {runs: 1, of: trip}
""",
        engine,
    )
    assert trace.effects == {"hold": 1, "book": 1, "cancel-booking": 1, "release": 1}
    undone = [entry.step for entry in trace.ledger if entry.step in ("cancel-booking", "release")]
    assert undone == ["cancel-booking", "release"]


@each_engine
def test_a_deploy_can_be_rolled_back(engine: str) -> None:
    trace = trace_of(
        """
workflows: {w: {steps: [{run: old, takes: 10ms}]}}
workload: {runs: 3, arrivals: {at: [0s, 5s, 10s]}}
faults:
  - {deploy: w, at: 3s, change: {rename: {old: new}}}
  - {deploy: w, at: 8s, rollback: true}
""",
        engine,
    )
    assert (trace.effects["old"], trace.effects["new"]) == (2, 1)


@each_engine
def test_an_event_reaches_the_run_that_another_has_called(engine: str) -> None:
    trace = trace_of(
        """
workflows:
  order: {key: id, input: {id: unique}, steps: [{call: shipping}]}
  shipping: {key: id, steps: [{wait_for: picked, timeout: 1m, on_timeout: [{run: late}]}, {run: ship}]}
deployments: {inngest: {app: {sdk: typescript}}}
workload: {runs: 2, of: order, events: [{send: picked, to: 2, of: shipping, at: 1s}]}
""",
        engine,
    )
    assert trace.effects == {"late": 1, "ship": 2}
