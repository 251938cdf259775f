"""A run that has not ended says what it waits for, who holds it up, and what would let it go on."""

from __future__ import annotations

import yaml

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate


def predicted(text: str, *, full: bool = True) -> Trace:
    return simulate(Scenario.model_validate(yaml.safe_load(f"scenario: s\n{text}")), "restate", full=full, records=True)


def test_objects_that_call_each_other_at_one_key_are_a_deadlock_and_those_behind_them_wait_for_it() -> None:
    trace = predicted("""
workflows:
  a: {key: id, steps: [{run: a1, takes: 20ms}, {call: b, key: id}]}
  b: {key: id, steps: [{run: b1, takes: 20ms}, {call: a, key: id}]}
deployments: {restate: {service: {kind: object}}}
workload: {runs: 2, of: a, arrivals: {at: [0s, 1s]}, keys: [k, k]}
""")
    facts = {each.run: each for each in trace.unended}
    assert facts["run 1"].deadlock == ("run 1", "run 1.1", "run 1.1.1")
    assert facts["run 1.1.1"].waits_for == "the key k of a"
    assert facts["run 1.1.1"].held_by == "run 1, which waits for run 1.1"
    assert facts["run 2"].deadlock == ()
    assert facts["run 2"].held_by == "run 1, which waits"


def test_a_paused_run_holds_its_key_until_somebody_resumes_it() -> None:
    trace = predicted("""
workflows: {obj: {key: id, steps: [{run: call-llm, takes: 20ms, fails: 99}]}}
deployments: {restate: {service: {kind: object}, retry: {initial: 50ms, max_attempts: 3}}}
workload: {runs: 2, arrivals: {at: [0s, 500ms]}, keys: [k, k]}
""")
    paused, waiting = trace.unended
    assert (paused.status, paused.freed_by) == ("paused", "resume run 1")
    assert (waiting.waits_for, waiting.held_by) == ("the key k of obj", "run 1, which is paused")
    assert waiting.freed_by == "resume run 1"


def test_a_run_that_waits_for_an_event_names_it() -> None:
    (waiting,) = predicted("workflows: {order: {steps: [{run: a}, {wait_for: paid}]}}").unended
    assert (waiting.waits_for, waiting.freed_by) == ("event paid", "send paid")


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
