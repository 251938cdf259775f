"""Why runs failed, as the story tells it."""

from __future__ import annotations

import pytest

from durascope.models.failures import Failure, failure_sentences, failures
from durascope.models.reading import parse_scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate")


def went(engine: str, steps: str, more: str = "") -> Trace:
    text = f"scenario: mine\nservices: {{stripe: {{}}}}\nworkflows: {{pay: {{steps: [{steps}]}}}}\n{more}"
    return simulate(parse_scenario(text, "mine.yaml"), engine, full=True)


@pytest.mark.parametrize("engine", ["temporal", "restate"])
def test_a_step_whose_attempts_are_used_up(engine: str) -> None:
    trace = went(engine, "{run: charge, on: stripe, fails: {always: true, error: CardDown}, retry: {max_attempts: 3}}")
    assert list(failures(trace)) == [Failure("run 1", "charge", 3, "CardDown")]
    assert failure_sentences(trace) == ["run 1 failed: charge failed 3 times (CardDown)."]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_step_that_failed_is_named_not_what_undoes_the_others(engine: str) -> None:
    trace = went(engine, "{run: reserve, undo: release}, {run: charge, fails: {always: true, retryable: false}}")
    assert [(failure.step, failure.error) for failure in failures(trace)] == [("charge", "Error")]


def test_a_timeout_is_a_failure_too() -> None:
    trace = went("temporal", "{run: report, takes: 20s, timeout: 2s, retry: {max_attempts: 2}}")
    assert failure_sentences(trace) == ["run 1 failed: report failed 2 times (timed out)."]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_that_was_retried_and_worked_fails_no_run(engine: str) -> None:
    trace = went(engine, "{run: charge, fails: 2}")
    assert trace.status == {"run 1": "completed"}
    assert not list(failures(trace))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_its_own_code_ends_names_no_step(engine: str) -> None:
    trace = went(engine, "{run: charge, fails: 1}, {fail: no stock}")
    assert trace.status == {"run 1": "failed"}
    assert not list(failures(trace))


def test_runs_that_failed_alike_share_a_sentence() -> None:
    trace = went("restate", "{run: charge, fails: {always: true, retryable: false}}", "workload: {runs: 5}\n")
    assert failure_sentences(trace) == ["run 1, run 2, run 3 and 2 more failed: charge failed (Error)."]
