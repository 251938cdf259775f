"""How long the server and the SDK wait, and how often they tell each other: timeouts, throttles, eager starts."""

from __future__ import annotations

from itertools import pairwise

import pytest

from durascope.models.reading import parse_scenario
from durascope.models.trace import Kind, Trace
from durascope.models.units import SECOND, Spread
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.simulate import simulate
from durascope.simulators.temporal.constants import delays_of


def simulated(text: str, *, seed: int = 0) -> Trace:
    return simulate(parse_scenario(f"scenario: case\n{text}"), "temporal", seed=seed)


@pytest.mark.parametrize("spread", ["3ms", {"uniform": ["2ms", "9ms"]}, {"exponential": "20ms"}])
def test_a_delay_is_the_same_whichever_way_it_is_asked_for(spread: object) -> None:
    delays = delays_of({"timer_late": Spread.parse(spread)}, Luck(0))
    often = delays.of("timer_late")
    drawn = [often(luck, number) for luck in (7, 1 << 52) for number in range(50)]
    assert drawn == [delays("timer_late", luck, number) for luck in (7, 1 << 52) for number in range(50)]


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


def test_three_activities_of_a_task_start_eagerly_and_the_fourth_by_matching() -> None:
    branches = ", ".join(f"{{run: {name}, takes: 10ms}}" for name in "abcd")
    trace = simulated(
        f"workflows: {{wf: {{steps: [{{parallel: [{branches}]}}]}}}}\n"
        "deployments: {temporal: {latencies: {turn: 0ms}}}"
    )
    began = {event.step: event.at for event in trace.events if event.kind is Kind.STEP_STARTED}
    assert began["a"] == began["b"] == began["c"]
    assert began["d"] > began["a"]


def test_activities_that_come_together_begin_one_after_the_other_and_a_polled_one_after_them() -> None:
    branches = ", ".join(f"{{run: {name}, takes: 1s}}" for name in "abcd")
    trace = simulated(
        f"workflows: {{wf: {{steps: [{{parallel: [{branches}]}}]}}}}\n"
        "deployments: {temporal: {latencies: {turn: 20ms}}}"
    )
    began = {event.step: event.at for event in trace.events if event.kind is Kind.STEP_STARTED}
    assert [began[name] - began["a"] for name in "abcd"] == [0, 20_000, 40_000, 60_000]


def test_a_worker_that_stops_cancels_the_activities_that_wait_for_their_turn_too() -> None:
    branches = ", ".join(f"{{run: {name}, takes: 1s}}" for name in "abc")
    trace = simulated(
        f"workflows: {{wf: {{steps: [{{parallel: [{branches}]}}]}}}}\n"
        "deployments: {temporal: {latencies: {turn: 20ms}}}\n"
        "faults: [{crash: app, when: {step: a, moment: started, after: 10ms}, graceful: true, down_for: 100ms}]"
    )
    (lines,) = trace.records.values()
    assert [line for line in lines if "Started" in line and "Activity" in line] == [
        f"ActivityTaskStarted {name} attempt=2" for name in "abc"
    ]


def test_ten_updates_may_be_in_flight_and_the_eleventh_is_refused() -> None:
    updates = ", ".join(f"{{update: set, to: 1, at: {100 + number}ms}}" for number in range(12))
    trace = simulated(f"""
workflows: {{wf: {{steps: [{{sleep: 5s}}], updates: {{set: {{steps: [{{run: a, takes: 2s}}]}}}}}}}}
workload: {{runs: 1, events: [{updates}]}}
""")
    assert trace.effects["a"] == 10


def test_a_second_cancel_request_leaves_no_event() -> None:
    stop = "{operator: cancel, to: 1, at: %s}"
    trace = simulated(f"""
workflows: {{wf: {{steps: [{{run: a, takes: 3s, undo: refund}}, {{sleep: 1m}}]}}}}
workload: {{runs: 1, events: [{stop % "4s"}, {stop % "4020ms"}, {stop % "4s500ms"}]}}
""")
    assert trace.records["run 1"].count("WorkflowExecutionCancelRequested") == 1


def test_the_run_that_was_used_longest_ago_leaves_a_full_cache() -> None:
    """Two places: run 1 wakes every second, run 2 never; the third run takes the place of the second."""
    trace = simulated("""
workflows:
  busy: {steps: [{repeat: 6, do: [{sleep: 1s}]}]}
  idle: {steps: [{sleep: 1h}]}
deployments: {temporal: {workers: [{name: worker, runs: both, cache: 2}]}}
workload: {runs: 3, of: [busy, idle, idle], arrivals: {at: [0s, 100ms, 2s500ms]}}
""")
    replays = [event.run for event in trace.events if event.kind is Kind.REPLAY_STARTED and event.at > 3 * SECOND]
    assert "run 1" not in replays


def test_no_retry_is_begun_that_the_whole_step_has_no_time_for() -> None:
    """A3: attempts of 100 ms, a second between them; after the fourth, 3.4 s after the schedule, none fits in 4 s."""
    step = "{run: a, takes: 100ms, fails: {always: true}, total_timeout: 4s, retry: {initial: 1s, factor: 1}}"
    trace = simulated(f"workflows: {{wf: {{steps: [{step}]}}}}")
    (run,) = trace.runs
    assert run.ended_at is not None
    assert 3 * SECOND < run.ended_at < 3.8 * SECOND
    assert "ActivityTaskStarted a attempt=4" in trace.records["run 1"]


def test_an_event_that_comes_while_a_transient_task_waits_makes_it_a_normal_one() -> None:
    """W7: the third attempt waits for a worker; the signal is written before its task, which begins to count anew."""
    trace = simulated("""
workflows: {wf: {steps: [{bug: oops}], signals: {ping: {then: ignore}}}}
workload: {runs: 1, events: [{send: ping, to: 1, at: 15s}]}
faults: [{crash: app, at: 5s, down_for: 25s}, {deploy: wf, at: 20s, change: {drop: oops}}]
""")
    lines = trace.records["run 1"]
    assert lines[lines.index("WorkflowExecutionSignaled ping") + 1] == "WorkflowTaskScheduled normal"


def test_a_failure_may_name_the_time_of_the_next_attempt() -> None:
    trace = simulated("workflows: {wf: {steps: [{run: a, fails: {times: 1, retry_after: 5s}}]}}")
    assert trace.ended_at > 5 * SECOND


def test_a_backoff_grows_to_a_hundred_times_the_first() -> None:
    """§12: 100 ms, 1 s, 10 s, and no more than 10 s after that."""
    step = "{run: a, takes: 0s, fails: 4, retry: {initial: 100ms, factor: 10}}"
    (run,) = simulated(f"workflows: {{wf: {{steps: [{step}]}}}}").runs
    assert run.ended_at is not None
    assert 21 * SECOND < run.ended_at < 24 * SECOND


def test_an_activity_that_is_asked_to_stop_and_fails_is_not_tried_again() -> None:
    trace = simulated("""
workflows: {wf: {steps: [{run: a, takes: 2s, fails: {always: true}, cancellation: wait}]}}
workload: {runs: 1, events: [{operator: cancel, to: 1, at: 1s}]}
""")
    assert "ActivityTaskFailed a cancel-requested" in trace.records["run 1"]
    assert sum(event.kind is Kind.STEP_STARTED for event in trace.events) == 1


def test_a_workflow_is_retried_after_its_policys_interval() -> None:
    trace = simulated("workflows: {wf: {retry: {initial: 7s, max_attempts: 2}, steps: [{fail: no}]}}")
    assert 7 * SECOND < trace.ended_at < 8 * SECOND


def test_code_that_does_not_yield_for_two_seconds_fails_its_task() -> None:
    trace = simulated("""
workflows: {wf: {steps: [{compute: 3s, name: parse}]}}
faults: [{deploy: wf, at: 5s, change: {drop: parse}}]
""")
    assert "WorkflowTaskFailed workflow-worker-unhandled-failure" in trace.records["run 1"]


@pytest.mark.parametrize(
    ("heartbeat", "beats"),
    [
        ("{timeout: 0s}", 2),
        ("{timeout: 10s}", 8),
        ("{timeout: 10s, every: 5s}", 13),
        ("{timeout: 10s, every: 0s}", 301),
    ],
)
def test_heartbeats_come_as_often_as_the_sdk_lets_them_through(heartbeat: str, beats: int) -> None:
    """A7, for a step of a minute: 0.8 times the timeout, 30 s without; every 200 ms at most where the step asks."""
    text = f"workflows: {{wf: {{steps: [{{run: a, takes: 60s, heartbeat: {heartbeat}, timeout: 2m}}]}}}}"
    trace = simulated(text)
    assert [run.status for run in trace.runs] == ["completed"]
    assert trace.counters["heartbeats"] == pytest.approx(beats, abs=1)
