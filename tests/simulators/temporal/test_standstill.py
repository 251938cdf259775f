"""What is said of runs that stand still, of signals that nobody handles, and of limits that nobody asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from durascope.models.loading import load_scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate

Simulated = Callable[[str], Trace]


@pytest.fixture
def simulated(tmp_path: Path) -> Simulated:
    def run(text: str) -> Trace:
        file = tmp_path / "case.yaml"
        file.write_text("scenario: case\n" + text, "utf-8")
        return simulate(load_scenario(file), "temporal", seed=0)

    return run


def test_signals_that_come_while_a_run_goes_on_as_another_are_lost_and_said_to_be(simulated: Simulated) -> None:
    """A public report: four of seven are accepted, and no code ever sees them."""
    trace = simulated("""
workflows:
  entity:
    key: id
    input: {id: unique}
    steps:
      - repeat: 4
        continue_as_new_every: 1
        do: [{wait_for: poke}, {compute: 700ms}]
workload:
  runs: 1
  events:
    - {send: poke, to: 1, at: 1000ms}
    - {send: poke, to: 1, at: 1350ms}
    - {send: poke, to: 1, at: 1900ms}
    - {send: poke, to: 1, at: 2150ms}
    - {send: poke, to: 1, at: 2600ms}
    - {send: poke, to: 1, at: 2850ms}
    - {send: poke, to: 1, at: 3500ms}
""")
    assert trace.unconsumed is not None
    assert [each.event for each in trace.unconsumed] == ["poke"] * 4
    (run,) = trace.unended
    assert (run.run, run.waits_for, run.freed_by) == ("run 1.4", "event poke", "send poke")


def test_a_signal_to_a_run_that_is_just_closing_is_accepted_and_lost(simulated: Simulated) -> None:
    trace = simulated("""
workflows:
  inbox:
    key: id
    input: {id: {pool: 1}}
    started_by: {event: message}
    steps: [{wait_for: message}, {run: handle, takes: 50ms}, {compute: 600ms}]
workload: {runs: 3, arrivals: {at: [0s, 300ms, 2s]}, keys: [a, a, a], start_with: {send: message}}
""")
    assert trace.effects["handle"] == 2
    assert trace.unconsumed is not None
    assert [each.event for each in trace.unconsumed] == ["message"]


def test_a_declared_signal_is_handled_and_one_without_a_name_in_the_code_is_not(simulated: Simulated) -> None:
    trace = simulated("""
workflows:
  wf: {signals: {note: {then: ignore}}, steps: [{run: a, takes: 1s}]}
  other: {steps: [{wait_for: typo}]}
workload: {runs: 1, of: wf, events: [{send: note, to: 1, at: 500ms}, {send: typo, to: 1, at: 500ms}]}
""")
    assert trace.unconsumed is not None
    assert [each.event for each in trace.unconsumed] == ["typo"]


@pytest.mark.parametrize(
    ("text", "waits_for", "freed_by"),
    [
        ("workflows: {wf: {steps: [{wait_for: go}]}}", "event go", "send go"),
        (
            "workflows: {wf: {steps: [{run: a, queue: nowhere}]}}",
            "a worker that takes attempt 1 of a",
            "start a worker for activities of the task queue nowhere",
        ),
        ("workflows: {wf: {steps: [{run: a, takes: 13s, timeout: 10s}]}}",
         "an attempt of a that works: it is at attempt 1000",
         "such an attempt, or a limit of attempts (`retry: {max_attempts: N}`)"),
        (
            "workflows: {wf: {steps: [{run: a}, {sleep: 5s}]}}\n"
            "faults: [{deploy: wf, at: 2s, change: {insert: {step: {run: b}, before: a}}}]",
            "a workflow task that does not fail (attempt 200): event 5 is ActivityTaskScheduled a, the code asks for "
            "ScheduleActivityTask 1 b",
            "deploy code that can go on from the history, or reset the run",
        ),
        ("workflows: {wf: {steps: [{call: other}]}, other: {steps: [{wait_for: go}]}}\nworkload: {of: wf}",
         "run 1/other, which it has called", "the end of run 1/other"),
    ],
    ids=["signal", "worker", "retries", "non-determinism", "child"],
)  # fmt: skip
def test_a_run_that_has_not_ended_says_what_it_waits_for(
    simulated: Simulated, text: str, waits_for: str, freed_by: str | None
) -> None:
    trace = simulated(text)
    run = next(each for each in trace.unended if each.run == "run 1")
    assert (run.waits_for, run.freed_by) == (waits_for, freed_by)


def test_a_limit_that_the_scenario_did_not_choose_lets_attempts_end_and_is_named(simulated: Simulated) -> None:
    """A step without `timeout` has no limit that matters: Temporal demands one, durascope's is longer than the step."""
    step = "workflows: {wf: {steps: [{run: slow, takes: 12s, retry: {max_attempts: 1}%s}]}}\n"
    trace = simulated(step % "")
    assert trace.status == {"run 1": "completed"}
    (note,) = trace.notes
    assert note.startswith("step slow: Temporal demands a limit")
    assert "durascope chose start-to-close 30s" in note
    assert not simulated(step % ", timeout: 13s").notes
    chosen = simulated(step % "" + "deployments: {temporal: {step_timeout: 10s}}")
    assert (chosen.status, chosen.notes) == ({"run 1": "failed"}, [])


def test_an_sdk_that_is_not_modelled_is_named_with_the_one_that_stands_in(simulated: Simulated) -> None:
    text = "workflows: {wf: {steps: [{run: a}]}}\ndeployments: {temporal: {workers: [{name: w, sdk: %s}]}}"
    assert simulated(text % "java").notes == [
        "worker w: Temporal's java SDK is not modelled; the Python SDK stands in for it."
    ]
    assert not simulated(text % "typescript").notes
