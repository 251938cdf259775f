"""Spans, effects and recoveries: what a trace says lasted, changed the outside, and stood still."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from durascope.models.effects import effects, recoveries
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.spans import SPAN_KINDS, Span, spans
from durascope.models.trace import Event, Kind, RunSummary, Trace
from durascope.simulators.simulate import simulate

K = Kind


def _trace(*events: tuple[int, str, Kind, str | None, int | None, object], run: str = "run 1") -> Trace:
    made = [
        Event(at, lane, kind, None if kind in _OF_NO_RUN else "w", None if kind in _OF_NO_RUN else run, step, attempt,
              number - 1 if number else None, detail)
        for number, (at, lane, kind, step, attempt, detail) in enumerate(events)
    ]  # fmt: skip
    return Trace(
        scenario="s", engine="queue", seed=0, version="0", events=made, event_count=len(made), ended_at=1_000,
        runs=[RunSummary(run, "w", 0, None, "running")], records={}, ledger=[], effects={}, effect_counts={}, status={},
    )  # fmt: skip


_OF_NO_RUN = (K.CRASHED, K.RESTARTED, K.OUTAGE_STARTED, K.OUTAGE_ENDED)


def _told(found: Sequence[Span]) -> list[tuple[str, str | None, int, int, str]]:
    return [(span.kind, span.step, span.start, span.end, span.ended) for span in found]


def test_an_attempt_runs_until_it_is_reported() -> None:
    trace = _trace((1, "app", K.STEP_STARTED, "a", 1, None), (5, "app", K.STEP_REPORTED, "a", 1, None))
    assert _told(spans(trace)) == [("running", "a", 1, 5, "done")]
    assert spans(trace)[0].events == (0, 1)


def test_an_attempt_that_fails_says_why() -> None:
    trace = _trace((1, "app", K.STEP_STARTED, "a", 1, None), (5, "app", K.STEP_FAILED, "a", 1, "Oops"))
    assert [(span.ended, span.detail) for span in spans(trace)] == [("failed", "Oops")]


def test_all_that_runs_in_a_component_dies_with_it_and_its_next_work_is_new() -> None:
    trace = _trace(
        (0, "app", K.WORK_STARTED, None, None, "request"),
        (1, "app", K.STEP_STARTED, "a", 1, None),
        (5, "app", K.CRASHED, None, None, None),
        (9, "app", K.RESTARTED, None, None, None),
        (10, "app", K.WORK_STARTED, None, None, "request"),
        (20, "app", K.WORK_ENDED, None, None, "done"),
    )
    assert _told(spans(trace)) == [
        ("working", None, 0, 5, "crashed"),
        ("running", "a", 1, 5, "crashed"),
        ("down", None, 5, 9, "done"),
        ("working", None, 10, 20, "done"),
    ]


def test_two_attempts_of_one_number_are_two_spans() -> None:
    trace = _trace(
        (1, "app", K.STEP_STARTED, "a", 1, None),
        (2, "other", K.STEP_STARTED, "a", 1, None),
        (5, "app", K.STEP_REPORTED, "a", 1, None),
        (7, "other", K.STEP_REPORTED, "a", 1, None),
    )
    assert _told(spans(trace)) == [("running", "a", 1, 5, "done"), ("running", "a", 2, 7, "done")]


def test_a_task_waits_from_when_it_is_queued_until_it_is_picked_up() -> None:
    trace = _trace(
        (1, "server", K.TASK_QUEUED, None, None, "tasks"),
        (2, "server", K.TASK_QUEUED, None, None, "others"),
        (5, "worker", K.TASK_PICKED_UP, None, None, "others"),
        (9, "worker", K.TASK_PICKED_UP, None, None, "tasks"),
    )
    assert [(span.detail, span.start, span.end, span.lane) for span in spans(trace)] == [
        ("tasks", 1, 9, "server"),
        ("others", 2, 5, "server"),
    ]


def test_a_backoff_ends_when_its_time_is_over_or_the_next_attempt_begins() -> None:
    late = _trace((1, "server", K.STEP_RETRIED, "a", 1, 50), (80, "app", K.STEP_STARTED, "a", 2, None))
    early = _trace((1, "server", K.STEP_RETRIED, "a", 1, 50), (20, "app", K.STEP_STARTED, "a", 2, None))
    assert _told(spans(late))[0] == ("backing-off", "a", 1, 51, "done")
    assert _told(spans(early))[0] == ("backing-off", "a", 1, 20, "done")


def test_what_has_no_end_is_open_at_the_end_of_the_trace() -> None:
    assert _told(spans(_trace((1, "app", K.STEP_STARTED, "a", 1, None)))) == [("running", "a", 1, 1_000, "open")]


def test_only_the_scenario_tells_a_wait_with_a_timeout_from_a_sleep() -> None:
    steps = [{"sleep": "1s", "name": "nap"}, {"wait_for": "news", "timeout": "5s"}]
    scenario = Scenario.model_validate({"scenario": "s", "workflows": {"w": {"steps": steps}}})
    trace = _trace(
        (1, "server", K.TIMER_SET, "nap", None, 10),
        (10, "server", K.TIMER_FIRED, "nap", None, None),
        (11, "server", K.TIMER_SET, "news", None, 60),
        (40, "server", K.TIMER_CANCELLED, "news", None, None),
    )
    assert [span.kind for span in spans(trace)] == ["sleeping", "sleeping"]
    assert [(span.kind, span.ended) for span in spans(trace, scenario)] == [
        ("sleeping", "done"),
        ("waiting", "cancelled"),
    ]


def test_a_crash_is_recovered_from_when_what_it_interrupted_begins_again() -> None:
    trace = _trace(
        (1, "app", K.STEP_STARTED, "a", 1, None),
        (5, "app", K.CRASHED, None, None, None),
        (6, "other", K.STEP_STARTED, "b", 1, None),
        (9, "other", K.STEP_STARTED, "a", 2, None),
    )
    assert [(each.fault, each.at, each.until, each.steps) for each in recoveries(trace)] == [("crash", 5, 9, ("a",))]


def test_a_crash_that_interrupts_nobody_needs_no_recovery() -> None:
    trace = _trace(
        (1, "server", K.TIMER_SET, "nap", None, 100),
        (5, "app", K.CRASHED, None, None, None),
        (100, "server", K.TIMER_FIRED, "nap", None, None),
    )
    assert recoveries(trace) == []


def test_an_attempt_that_outlives_its_run_interrupts_nobody_when_it_dies() -> None:
    trace = _trace(
        (0, "app", Kind.STEP_STARTED, "a", 1, None),
        (3, "history", Kind.RUN_ENDED, None, None, "completed"),
        (5, "app", Kind.CRASHED, None, None, None),
        (7, "app", Kind.RESTARTED, None, None, None),
    )
    assert recoveries(trace) == []


@pytest.mark.parametrize("name", builtin_names())
def test_spans_of_the_built_in_scenarios_are_whole(name: str) -> None:
    scenario = load_scenario(name)
    trace = simulate(scenario, "queue")
    found = spans(trace, scenario)
    assert found
    assert {span.kind for span in found} <= set(SPAN_KINDS)
    assert [span for span in found if span.end < span.start or span.end > trace.ended_at] == []
    assert [span for span in found if list(span.events) != sorted(set(span.events))] == []
    duplicates = sum(mark.duplicate for mark in effects(trace))
    assert duplicates == trace.counters["duplicate_effects"]


def test_a_request_that_answers_well_is_no_failure_whatever_its_step_is_called() -> None:
    trace = simulate(load_scenario("onboarding"), "inngest", full=True)
    told = [event for _, event in trace.of_kind(Kind.WORK_ENDED) if "send-payment-failed-email" in str(event.detail)]
    assert told, "the step's name holds `failed`"
    assert [span for span in spans(trace, load_scenario("onboarding")) if span.ended == "failed"] == []


def test_an_attempt_that_is_given_up_without_a_word_takes_no_end_from_a_later_round() -> None:
    """Restate's Python SDK cancels a closure with its stream; the next round's first attempt has the same name."""
    scenario = parse_scenario(
        """
        scenario: rounds
        workflows: {w: {steps: [{repeat: 3, do: [{run: a, takes: 1s}]}]}}
        faults: [{crash: engine, when: {step: a, moment: started}, down_for: 50ms}]
        """
    )
    first, *others = [span for span in spans(simulate(scenario, "restate", full=True)) if span.kind == "running"]
    assert (first.ended, first.lasts < 1_000) == ("abandoned", True)
    assert [(span.ended, span.lasts) for span in others] == [("done", 1_000_000)] * 3
