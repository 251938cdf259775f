"""How long the server and the SDK wait, and how often they tell each other: timeouts, throttles, eager starts."""

from __future__ import annotations

from itertools import pairwise

from durascope.models.reading import parse_scenario
from durascope.models.trace import Kind, Trace
from durascope.models.units import SECOND
from durascope.simulators.simulate import simulate


def simulated(text: str, *, seed: int = 0) -> Trace:
    return simulate(parse_scenario(f"scenario: case\n{text}"), "temporal", seed=seed)


def test_a_task_that_fails_again_and_again_is_given_more_time_from_its_fourth_attempt_on() -> None:
    """W8: two silent attempts of 10 s each; W5: the fourth lasts 4 to 5 s more, the fifth 8 to 10."""
    trace = simulated("""
workflows: {wf: {steps: [{bug: oops}]}}
faults: [{deploy: wf, at: 80s, change: {drop: oops}}]
""")
    attempts = [event.at for event in trace.events if event.kind is Kind.WORK_STARTED]
    first, second, third, *later = [(after - before) / SECOND for before, after in pairwise(attempts)][:6]
    assert first < 0.1
    assert 10 <= second < 10.1
    assert 10 <= third < 10.1
    for gap, grown in zip(later, (5, 10, 20), strict=True):
        assert 10 + 0.8 * grown <= gap < 10.1 + grown


def test_a_long_heartbeat_timeout_lets_one_heartbeat_a_minute_through() -> None:
    """A7: four fifths of 100 s would be 80 s; more than a minute the SDK does not hold them back."""
    step = "{run: a, takes: 10m, timeout: 1h, heartbeat: {timeout: 100s}}"
    assert simulated(f"workflows: {{wf: {{steps: [{step}]}}}}").counters["heartbeats"] == 10


def test_only_activities_of_the_workers_own_queue_start_eagerly() -> None:
    trace = simulated("""
workflows: {wf: {steps: [{parallel: [{run: a, queue: other, takes: 10ms}, {run: b, takes: 10ms}]}]}}
deployments:
  temporal: {workers: [{name: mine, runs: both}, {name: other, runs: activities, queue: other}]}
""")
    began = {event.step: event.lane for event in trace.events if event.kind is Kind.STEP_STARTED}
    assert began == {"a": "other", "b": "mine"}
