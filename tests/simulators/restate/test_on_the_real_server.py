"""What restate-server 1.7.12 did when it was asked (2026-11-22, Python SDK 1.3.0), beyond the conformance cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate


def traced(
    steps: Sequence[Any],
    *,
    events: Sequence[Any] = (),
    faults: Sequence[Any] = (),
    restate: Mapping[str, Any] | None = None,
    workflow: Mapping[str, Any] | None = None,
    others: Mapping[str, Any] | None = None,
    workload: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Trace:
    """The trace of a workflow `work` with these steps."""
    scenario = Scenario.model_validate(
        {
            "scenario": "asked",
            "workflows": {"work": {"steps": list(steps), **(workflow or {})}, **(others or {})},
            "deployments": {"restate": dict(restate or {})},
            "workload": {"of": "work", "events": list(events), **(workload or {})},
            "faults": list(faults),
        }
    )
    return simulate(scenario, "restate", seed=seed)


def attempts(trace: Trace, run: str = "run 1") -> list[tuple[int, int, str]]:
    """(entries, retries, how it ended) of each attempt."""
    rows: Any = trace.facts["attempts"]
    return [(row["entries"], row.get("retries", 0), row["ends"]) for row in rows[run]]


def events(trace: Trace, run: str = "run 1") -> list[str]:
    rows: Any = trace.facts["events"]
    return rows.get(run, [])


CANCEL = {"signals": {"cancel-order": {"then": "cancel"}}}


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def test_a_cancellation_also_signals_calls_that_have_ended() -> None:
    trace = traced(
        [{"call": "quick"}, {"run": "long", "takes": "2s"}],
        others={"quick": {"steps": []}},
        workflow=CANCEL,
        events=[{"send": "cancel-order", "to": 1, "at": "700ms"}],
    )
    assert trace.records["run 1"] == lines("""
        Input
        Call quick #1 #2
        > CallInvocationId #1
        > Call #2
        Run long #3
        > Signal 1 (cancel)
        SendSignal 1 (cancel)
        Output failed 409
    """)
    assert trace.status["run 1.1"] == "completed"


def test_a_pause_waits_for_the_step_in_flight_and_keeps_its_result() -> None:
    trace = traced(
        [{"run": "a"}, {"run": "long", "takes": "1500ms"}, {"run": "b"}],
        events=[{"operator": "pause", "to": 1, "at": "500ms"}, {"operator": "resume", "to": 1, "at": "3s"}],
    )
    assert events(trace) == ["Paused after 4"]
    assert attempts(trace) == [(1, 0, "suspended"), (5, 0, "completed")]
    assert trace.effects == {"a": 1, "long": 1, "b": 1}


def test_a_paused_run_gets_its_timer_but_does_not_go_on() -> None:
    trace = traced(
        [{"sleep": "2s", "name": "nap"}, {"run": "b"}],
        events=[{"operator": "pause", "to": 1, "at": "500ms"}, {"operator": "resume", "to": 1, "at": "5s"}],
    )
    assert events(trace) == ["Paused after 1"]
    assert attempts(trace) == [(1, 0, "suspended"), (3, 0, "completed")]
    assert trace.ended_at > 5_000_000


def test_a_suspended_run_cannot_be_paused() -> None:
    trace = traced(
        [{"sleep": "2s", "name": "nap"}, {"run": "b"}],
        restate={"inactivity_timeout": "300ms"},
        events=[{"operator": "pause", "to": 1, "at": "1s"}],
    )
    assert trace.status["run 1"] == "completed"
    assert events(trace) == []


def test_a_suspended_run_that_is_resumed_only_waits_on() -> None:
    trace = traced(
        [{"sleep": "2s", "name": "nap"}, {"run": "b"}],
        restate={"inactivity_timeout": "300ms"},
        events=[{"operator": "resume", "to": 1, "at": "1s"}],
    )
    assert attempts(trace) == [(1, 0, "suspended"), (2, 0, "suspended"), (3, 0, "completed")]


def test_an_awakeable_answered_twice_has_two_notifications() -> None:
    trace = traced(
        [{"wait_for": "go"}, {"run": "long", "takes": "1500ms"}],
        events=[{"send": "go", "to": 1, "at": "400ms"}, {"send": "go", "to": 1, "at": "600ms"}],
    )
    assert trace.records["run 1"] == lines("""
        Input
        > Signal 17
        Run long #1
        > Signal 17
        > Run #1
        Output
    """)


def test_a_cancelled_closure_goes_on_until_the_attempt_ends() -> None:
    trace = traced(
        [{"run": "long", "takes": "1s", "undo": {"run": "undo", "takes": "1500ms"}}],
        workflow=CANCEL,
        events=[{"send": "cancel-order", "to": 1, "at": "400ms"}],
    )
    assert trace.records["run 1"] == lines("""
        Input
        Run long #1
        > Signal 1 (cancel)
        Run undo #2
        > Run #1
        > Run #2
        Output failed 409
    """)
    assert trace.effects == {"long": 1, "undo": 1}


def test_a_second_cancellation_interrupts_the_undoing() -> None:
    undo = {"run": "undo", "takes": "800ms"}
    trace = traced(
        [{"run": "first", "undo": {"run": "undo-first"}}, {"run": "long", "takes": "1s", "undo": undo}],
        workflow=CANCEL,
        events=[{"send": "cancel-order", "to": 1, "at": "400ms"}, {"send": "cancel-order", "to": 1, "at": "700ms"}],
    )
    assert trace.records["run 1"][-4:] == lines("""
        > Signal 1 (cancel)
        Run undo #3
        > Signal 1 (cancel)
        Output failed 409
    """)
    assert trace.effects["undo"] == 0
    assert "undo-first" not in trace.effects


def test_equal_errors_are_stored_once_and_a_pause_while_backing_off_is_at_once() -> None:
    trace = traced(
        [{"run": "a"}, {"bug": "boom"}],
        events=[{"operator": "pause", "to": 1, "at": "2500ms"}],
    )
    assert events(trace) == ["TransientError RT0007 after 2", "Paused after 2"]
    assert trace.status["run 1"] == "paused"
