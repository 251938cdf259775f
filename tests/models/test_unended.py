"""Why a run has not ended: what it waits for, who holds it, since when, and what would free it, in one sentence."""

from __future__ import annotations

import pytest

from durascope.models.reading import parse_scenario
from durascope.models.trace import Trace, Unended
from durascope.models.unended import sentence, sentences
from durascope.simulators.simulate import simulate


def trace_of(text: str, engine: str) -> Trace:
    return simulate(parse_scenario(f"scenario: s\n{text.strip()}\n"), engine)


def why(trace: Trace, run: str) -> Unended:
    (found,) = [each for each in trace.unended if each.run == run]
    assert any(note.startswith(sentence(found)[:-1]) for note in trace.notes)
    return found


def test_runs_that_wait_for_each_others_keys_are_deadlocked() -> None:
    """restate#199: two handlers of one object that call each other, and a third run behind them."""
    trace = trace_of(
        """
workflows:
  a: {key: id, input: {id: {pool: 1}}, service: Account, steps: [{run: a1, takes: 20ms}, {call: b, key: id}]}
  b: {key: id, service: Account, steps: [{run: b1, takes: 20ms}, {call: a, key: id}]}
deployments: {restate: {service: {kind: object}}}
workload: {runs: 2, of: a, arrivals: {at: [0s, 1s]}, keys: [k, k]}
""",
        "restate",
    )
    assert why(trace, "run 1").deadlock == ("run 1", "run 1.1")
    assert why(trace, "run 1.1").held_by == "run 1 (running)"
    behind = why(trace, "run 2")
    assert (behind.waits_for, behind.deadlock) == ("the key k", ())


def test_a_paused_run_holds_the_key_until_an_operator_comes() -> None:
    """restate#2362: nobody is told that the retries are over."""
    trace = trace_of(
        """
workflows: {obj: {key: id, input: {id: {pool: 2}}, steps: [{run: call-llm, takes: 20ms, fails: 99}]}}
deployments: {restate: {service: {kind: object}, retry: {initial: 50ms, max_attempts: 3, then: pause}}}
workload: {runs: 2, arrivals: {at: [0s, 500ms]}, keys: [k1, k1]}
""",
        "restate",
    )
    assert "attempt 3 of call-llm" in why(trace, "run 1").waits_for
    waiting = why(trace, "run 2")
    assert (waiting.held_by, waiting.freed_by) == ("run 1 (paused)", "resuming or killing run 1")
    assert waiting.since == pytest.approx(502_000, abs=5_000)


def test_code_that_does_not_follow_its_record_is_named_with_the_deploy() -> None:
    """airbyte#13973: the run does not fail, its workflow task is tried again and again."""
    trace = trace_of(
        """
workflows: {wf: {steps: [{run: a, takes: 50ms}, {sleep: 5s}, {run: b, takes: 50ms}]}}
workload: {runs: 1}
faults:
  - {deploy: wf, at: 2s, down_for: 200ms, change: {insert: {step: {run: fraud-check, takes: 50ms}, before: a}}}
""",
        "temporal",
    )
    stuck = why(trace, "run 1")
    assert "the code asks for ScheduleActivityTask 1 fraud-check" in stuck.waits_for
    assert "reset the run" in str(stuck.freed_by)


@pytest.mark.parametrize("engine", ["temporal", "restate"])
def test_a_wait_for_what_nobody_sends_and_its_caller(engine: str) -> None:
    trace = trace_of(
        """
workflows:
  order: {steps: [{call: shipping}]}
  shipping: {steps: [{wait_for: packed, timeout: 1s}, {wait_for: picked}, {run: ship}]}
workload: {runs: 1, of: order}
""",
        engine,
    )
    caller, called = trace.unended
    assert caller.waits_for == f"{called.run}, which it has called"
    assert (called.waits_for, called.freed_by) == ("event picked", "send picked")
    assert any("send picked (nothing in the scenario does)" in note for note in trace.notes)


def test_a_step_that_fails_for_ever() -> None:
    trace = trace_of("workflows: {w: {steps: [{run: a, fails: {always: true, error: Down}}]}}", "temporal")
    assert "an attempt of a that works" in why(trace, "run 1").waits_for
    assert "Down" in why(trace, "run 1").waits_for


def test_a_step_that_its_timeout_ends_each_time_is_what_every_run_waits_for() -> None:
    """Whether the simulation stops while an attempt runs, while it backs off, or as its timeout fires."""
    trace = trace_of(
        """
workflows: {wf: {steps: [{run: slow, takes: 12s, timeout: 10s, retry: {initial: 7s, factor: 1}}]}}
workload: {runs: 5, arrivals: {at: [0s, 3s, 5s, 9s, 13s]}}
""",
        "temporal",
    )
    assert {each.waits_for.split(":")[0] for each in trace.unended} == {"an attempt of slow that works"}
    assert len(trace.unended) == 5


def test_a_step_on_a_worker_that_never_comes_back() -> None:
    trace = trace_of(
        """
workflows: {w: {steps: [{run: a, takes: 10s, timeout: 999d}]}}
faults: [{crash: app, at: 5s, down_for: forever}]
""",
        "temporal",
    )
    assert why(trace, "run 1").waits_for == "a, which ran on worker when that died"


def test_a_run_that_the_engine_has_forgotten() -> None:
    trace = trace_of("workflows: {w: {steps: [{sleep: 1m}]}}\nfaults: [{crash: engine, at: 5s}]", "inngest")
    lost = why(trace, "run 1")
    assert (lost.status, lost.since) == ("lost", 5_000_000)


def test_what_has_ended_needs_no_reason() -> None:
    assert not trace_of("workflows: {w: {steps: [{run: a}]}}", "restate").unended


def test_a_losing_wait_that_keeps_a_run_open_is_named() -> None:
    """inngest-js#1617: the loser of a race is not cancelled, the run shows as running until its timeout."""
    trace = trace_of(
        """
workflows:
  fn:
    key: k
    input: {k: unique}
    steps:
      - {run: submit, takes: 50ms}
      - race:
          - {wait_for: transcription/completed, timeout: 4h, match: k}
          - {wait_for: transcription/error, timeout: 4h, match: k}
      - {run: store, takes: 50ms}
deployments: {inngest: {app: {sdk: typescript}}}
workload: {runs: 1, keys: [x], events: [{send: transcription/completed, with: {k: x}, at: 5s}]}
""",
        "inngest",
    )
    (note,) = trace.notes
    assert "run 1 had nothing to do from 5" in note
    assert "the wait transcription/error, which had lost its race, held it until its timeout" in note


def test_of_many_runs_some_are_told() -> None:
    whys = [Unended(f"run {number}", "running", "the key k", 0) for number in range(1, 13)]
    assert len(sentences(whys)) == 11
    assert sentences(whys)[-1] == "… and 2 more runs have not ended."
