"""Single rules of the specification, each where nothing but that rule decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from durascope.models.loading import load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.trace import Kind, Trace
from durascope.models.units import MILLISECOND, SECOND, Spread
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import World
from durascope.simulators.simulate import simulate
from durascope.simulators.temporal.constants import delays_of
from durascope.simulators.temporal.rate_limit import RateLimit
from durascope.simulators.temporal.timer_queue import TimerQueue, TimerStore

Simulated = Callable[..., Trace]


@pytest.fixture
def simulated(tmp_path: Path) -> Simulated:
    def run(text: str, *, seed: int = 0) -> Trace:
        file = tmp_path / "case.yaml"
        file.write_text("scenario: case\n" + text, "utf-8")
        return simulate(load_scenario(file), "temporal", seed=seed)

    return run


# ---- the timer queue (T2, T5) --------------------------------------------------------------------------------


class Shard:
    """A timer queue in a world of its own: what fires, and when."""

    def __init__(self, **delays: str) -> None:
        self.world = World(0, full=False)
        self.fired: list[tuple[Any, int]] = []
        server = self.server = Component(self.world, "server")
        latencies = {name: Spread.parse(delay) for name, delay in delays.items()}
        self.queue = TimerQueue(server, TimerStore(), delays_of(latencies, self.world.luck), luck=0)
        self.queue.on("user_timer", self._due)
        self.state: Any = SimpleNamespace(luck=0, open=True)

    def _due(self, _state: object, subject: object) -> None:
        self.fired.append((subject, self.world.now))

    def add(self, name: str, delay: int) -> Any:
        return self.queue.add(self.world.now + delay, "user_timer", self.state, name)

    def fires(self) -> dict[str, int]:
        self.world.run()
        return dict(self.fired)

    def dies(self) -> None:
        self.server.crash()
        self.queue.reset()

    def comes_back(self) -> None:
        self.server.restart()
        self.queue.recover()


@pytest.mark.parametrize("recovery", [0, 300])
def test_an_overdue_timer_fires_once_the_shard_has_been_acquired_after_a_restart(recovery: int) -> None:
    shard = Shard(recovery=f"{recovery}ms")
    shard.add("overdue", 5 * SECOND)
    shard.world.after(4 * SECOND, shard.dies)
    shard.world.after(6 * SECOND, shard.comes_back)
    assert shard.fires() == {"overdue": 6 * SECOND + recovery * MILLISECOND}


LATE = 2_000
"""µs: a model's timer is so late."""


def test_a_short_timer_is_stretched_to_a_second_after_the_shards_queues_were_read() -> None:
    shard = Shard()
    shard.world.after(5 * SECOND, shard.queue.read)
    shard.world.after(5 * SECOND + 100_000, shard.add, "short", 50_000)
    shard.world.after(5 * SECOND + 100_000, shard.add, "long", 2 * SECOND)
    assert shard.fires() == {"short": 6 * SECOND + 1_000 + LATE, "long": 7 * SECOND + 100_000 + LATE}


def test_a_timer_that_was_taken_back_still_wakes_the_queue_when_its_time_comes() -> None:
    shard = Shard()
    shard.queue.cancel(shard.add("taken back", 5 * SECOND))
    shard.world.after(5 * SECOND + 100_000, shard.add, "short", 50_000)
    woken_at = 5 * SECOND + LATE
    assert shard.fires() == {"short": woken_at + SECOND + 1_000 + LATE}


def test_a_timer_that_was_taken_back_stretches_nothing_before_its_time_has_come() -> None:
    shard = Shard()
    shard.queue.cancel(shard.add("taken back", 5 * SECOND))
    shard.world.after(3 * SECOND, shard.add, "short", 50_000)
    assert shard.fires() == {"short": 3 * SECOND + 50_000 + LATE}


def test_without_a_read_a_short_timer_fires_when_it_is_due() -> None:
    shard = Shard()
    shard.world.after(5 * SECOND, shard.add, "short", 50_000)
    assert shard.fires() == {"short": 5 * SECOND + 50_000 + LATE}


def test_what_a_read_has_seen_coming_is_done_without_another_read() -> None:
    shard = Shard()
    shard.add("read for", 5 * SECOND)
    shard.add("seen coming", 5 * SECOND + 400_000)
    shard.world.after(5 * SECOND + 450_000, shard.add, "short", 50_000)
    read_at = 5 * SECOND + LATE
    assert shard.fires()["short"] == read_at + SECOND + 1_000 + LATE, "by the first read, not by the second task"


def test_a_task_beyond_what_was_read_is_read_for() -> None:
    shard = Shard()
    shard.add("first", 5 * SECOND)
    shard.add("beyond", 6 * SECOND + 400_000)
    shard.world.after(6 * SECOND + 450_000, shard.add, "short", 50_000)
    assert shard.fires()["short"] == 7 * SECOND + 400_000 + LATE + 1_000 + LATE


def test_a_trace_says_when_a_timer_is_due_and_how_many_events_there_were(simulated: Simulated) -> None:
    text = "workflows: {wf: {steps: [{sleep: 5s, name: nap}]}}"
    trace = simulated(text)
    (timer,) = (event for event in trace.events if event.kind is Kind.TIMER_SET)
    assert timer.detail == timer.at + 5 * SECOND
    counted = simulate(parse_scenario(f"scenario: case\n{text}"), "temporal", full=False)
    assert counted.event_count == len(trace.events)


# ---- activities (A4, A7) -------------------------------------------------------------------------------------


def test_an_attempts_timeout_without_time_for_another_is_told_as_that_of_the_whole_step(simulated: Simulated) -> None:
    trace = simulated(
        "workflows: {wf: {steps: [{run: a, takes: 5s, timeout: 1s, total_timeout: 2500ms, retry: {initial: 2s}}]}}"
    )
    assert "ActivityTaskTimedOut a schedule-to-close timeout" in trace.records["run 1"]
    assert trace.ended_at > SECOND
    assert trace.runs[0].ended_at is not None
    assert trace.runs[0].ended_at < 1.1 * SECOND, "at once, not at the deadline"


@pytest.mark.parametrize(("queue_timeout", "in_time"), [("300ms", False), ("2s", True)])
def test_schedule_to_start_of_a_retry_counts_from_its_backoffs_end_not_from_when_a_stretched_timer_fires(
    simulated: Simulated, queue_timeout: str, in_time: bool
) -> None:
    step = f"{{run: a, takes: 100ms, fails: 1, retry: {{initial: 200ms}}, queue_timeout: {queue_timeout}}}"
    trace = simulated(f"workflows: {{wf: {{steps: [{step}]}}}}")
    assert ("ActivityTaskTimedOut a schedule-to-start timeout" not in trace.records["run 1"]) is in_time


@pytest.mark.parametrize(("heartbeat", "expected"), [("{timeout: 10s}", 4), ("{timeout: 10s, every: 5s}", 6)])
def test_the_sdk_lets_through_one_heartbeat_in_four_fifths_of_the_timeout(
    simulated: Simulated, heartbeat: str, expected: int
) -> None:
    trace = simulated(f"workflows: {{wf: {{steps: [{{run: a, takes: 29s, timeout: 1m, heartbeat: {heartbeat}}}]}}}}")
    assert trace.counters["heartbeats"] == expected


# ---- workflow tasks (W12), commands (§4) ---------------------------------------------------------------------


def test_local_activities_keep_one_stretch_of_tasks_alive_for_half_an_hour_at_most(simulated: Simulated) -> None:
    long = "{{run: {}, takes: {}, timeout: 2h, local: true, retry: {{max_attempts: 1}}}}"
    one = f"workflows: {{wf: {{steps: [{long.format('a', '40m')}]}}}}"
    assert "WorkflowTaskTimedOut start-to-close" in simulated(one).records["run 1"]
    steps = f"{long.format('a', '20m')}, {{run: b}}, {long.format('c', '20m')}"
    two = simulated(f"workflows: {{wf: {{steps: [{steps}]}}}}")
    assert not any("TimedOut" in line for line in two.records["run 1"]), "what comes in between begins another stretch"


def test_a_timer_that_fires_while_its_cancellation_is_on_its_way_has_never_fired(simulated: Simulated) -> None:
    trace = simulated("""
workflows:
  wf:
    steps:
      - race:
          - [{run: a, takes: 700ms}, {compute: 900ms}]
          - [{sleep: 1500ms}]
      - {run: b, takes: 50ms}
""")
    lines = trace.records["run 1"]
    assert "TimerCanceled 1" in lines
    assert "TimerFired 1" not in lines


UPDATED = """
workflows:
  wf: {{steps: [{{run: a}}, {{bug: oops}}], updates: {{set: {{steps: []}}}}}}
workload: {{runs: 1, events: [{{update: set, to: 1, at: {at}}}]}}
faults: [{{deploy: wf, at: 25s, change: {{drop: oops}}}}]
"""


@pytest.mark.parametrize(("at", "answer"), [("5s", "completed"), ("15s", "refused")], ids=["second", "third"])
def test_from_the_third_attempt_of_a_failing_task_on_updates_are_refused(
    simulated: Simulated, at: str, answer: str
) -> None:
    """The first fails at once, the second after 10 s (W8); an update that was taken before is handled at last."""
    answers = simulated(UPDATED.format(at=at)).facts["answers"]
    assert answers == {"set": answer}


# ---- matching ------------------------------------------------------------------------------------------------

BACKLOG = """
workflows: {{wf: {{steps: [{{sleep: 1s}}]}}}}
deployments:
  temporal:
    server: {{hosting: dev, partitions: {partitions}}}
    workers: [{{name: worker, runs: both}}]
workload: {{runs: 8, arrivals: {{every: 100ms}}}}
faults: [{{crash: app, at: 0s, down_for: 3s}}]
"""


def begun(trace: Trace) -> Sequence[str]:
    return list(dict.fromkeys(e.run or "" for e in trace.events if e.kind is Kind.WORK_STARTED))


def test_a_backlog_of_one_partition_is_first_come_first_served(simulated: Simulated) -> None:
    for seed in range(5):
        trace = simulated(BACKLOG.format(partitions=1), seed=seed)
        assert begun(trace) == [f"run {number}" for number in range(1, 9)]


def test_a_backlog_of_several_partitions_is_not_but_each_of_them_is(simulated: Simulated) -> None:
    orders = {tuple(begun(simulated(BACKLOG.format(partitions=4), seed=seed))) for seed in range(10)}
    assert len(orders) > 5


def test_a_rate_limit_lets_a_burst_through_and_then_one_at_a_time() -> None:
    limit = RateLimit(5.0, partitions=4)
    assert [limit.take(0) for _ in range(5)] == [True] * 4 + [False]
    assert limit.wait(0) == 200_000
    assert not limit.take(199_000)
    assert limit.take(200_000)
    assert limit.wait(200_000) == 200_000


def test_a_queues_rate_spreads_its_activities(simulated: Simulated) -> None:
    trace = simulated("""
workflows: {wf: {steps: [{for_each: 20, do: [{run: work, takes: 10ms}]}]}}
deployments:
  temporal: {workers: [{name: worker, runs: both, queue: q, queue_rate: 5/s}], eager_activities: false}
""")
    started = [event.at for event in trace.events if event.kind is Kind.STEP_STARTED]
    assert started[3] - started[0] < 50_000, "the burst"
    assert [round((b - a) / 1_000, -1) for a, b in pairwise(started[4:])] == [200] * 15


def test_activities_beyond_the_threads_hold_their_slots_and_wait(simulated: Simulated) -> None:
    """20 slots, 10 threads: all 20 have started for the server, 10 at a time run; the wait counts for their timeout."""
    text = """
workflows: {wf: {steps: [{run: work, takes: 8s, timeout: %s, retry: {max_attempts: 1}}]}}
deployments: {temporal: {workers: [{name: worker, runs: both, slots: 20, threads: 10}]}}
workload: {runs: 20, arrivals: {together: true}}
"""
    trace = simulated(text % "20s")
    lasted = trace.facts["lasts"]
    assert isinstance(lasted, dict)
    assert sorted(round(each / SECOND) for each in lasted.values()) == [8] * 10 + [16] * 10
    assert sorted(simulated(text % "10s").status.values()) == ["completed"] * 10 + ["failed"] * 10


# ---- what never ends -----------------------------------------------------------------------------------------


def test_a_bug_that_repeats_beside_a_run_that_waits_is_not_followed_for_ever(simulated: Simulated) -> None:
    trace = simulated("""
workflows:
  main: {steps: [{run: a, local: true}, {bug: oops}]}
  other: {steps: [{wait_for: never}], signals: {never: {}}}
workload: {runs: 2, of: [main, other]}
""")
    assert trace.effects["a"] == 200
    assert set(trace.status.values()) == {"running"}


def test_a_deploy_that_is_still_to_come_heals_even_a_bug_of_days(simulated: Simulated) -> None:
    trace = simulated("""
workflows:
  main: {steps: [{sleep: 1s}, {bug: oops, name: oops}, {run: a}]}
faults: [{deploy: main, at: 5d, change: {drop: oops}}]
""")
    assert trace.status == {"run 1": "completed"}


def test_a_workflow_that_is_retried_for_ever_is_given_up(simulated: Simulated) -> None:
    trace = simulated("workflows: {wf: {retry: {initial: 1ms, factor: 1}, steps: [{fail: no}]}}")
    assert 900 < sum(status == "failed" for status in trace.status.values()) <= 1_001


# ---- what leaves before a fault strikes, and what a dying worker takes along -----------------------------------


def test_the_answer_to_a_completion_leaves_before_the_server_dies_of_what_it_has_written(simulated: Simulated) -> None:
    trace = simulated(
        "workflows: {wf: {steps: [{run: a, takes: 80ms}]}}\n"
        "deployments: {temporal: {step_timeout: 4s}}\n"
        "faults: [{when: {step: a, moment: scheduled}, crash: engine, down_for: 1s500ms}]"
    )
    assert "ActivityTaskStarted a" in trace.records["run 1"], "it has come with the answer, and ran at once"
    assert trace.facts["replayed"] == {}, "the worker knows that its completion was taken"


def test_an_activity_that_comes_to_a_stopping_worker_is_cancelled_and_reported_at_once(simulated: Simulated) -> None:
    trace = simulated(
        "workflows: {wf: {steps: [{run: a, takes: 120ms}]}}\n"
        "deployments: {temporal: {step_timeout: 1m, eager_activities: true}}\n"
        "faults: [{when: {step: a, moment: scheduled}, crash: app, down_for: 2s, graceful: true}]"
    )
    assert "ActivityTaskStarted a attempt=2" in trace.records["run 1"]
    assert trace.effects["a"] == 1
    assert trace.ended_at < 4 * SECOND, "nobody waits for the attempt's timeout"


def test_a_process_comes_to_its_sigterm_only_after_some_time(simulated: Simulated) -> None:
    """What ends before is reported as ever; what runs longer fails."""
    stopped = [
        simulated(
            f"workflows: {{wf: {{steps: [{{run: a, takes: {takes}ms}}]}}}}\n"
            "faults: [{when: {step: a, moment: started}, crash: app, down_for: 300ms, graceful: true}]",
            seed=seed,
        )
        for takes in (1, 30)
        for seed in range(20)
    ]
    tried_again = ["ActivityTaskStarted a attempt=2" in trace.records["run 1"] for trace in stopped]
    assert sum(tried_again[:20]) < 10
    assert all(tried_again[20:])


def test_a_worker_that_is_killed_while_it_stops_is_down_from_then_on(simulated: Simulated) -> None:
    """It had to end a workflow task first, and was killed in it."""
    trace = simulated(
        "workflows: {wf: {steps: [{compute: 2s}]}}\n"
        "faults: [{crash: app, graceful: true, at: 1s, down_for: 500ms}, {crash: app, at: 1800ms, down_for: forever}]"
    )
    times = [(event.kind, event.at) for event in trace.events if event.kind in (Kind.CRASHED, Kind.RESTARTED)]
    assert times == [(Kind.CRASHED, 1_800_000), (Kind.RESTARTED, 2_300_000)]


def test_a_query_that_dies_with_its_worker_costs_the_stickiness_and_is_asked_again(simulated: Simulated) -> None:
    trace = simulated(
        "workflows: {wf: {queries: [progress], steps: [{run: a, takes: 450ms}]}}\n"
        "deployments: {temporal: {step_timeout: 3s, sticky_timeout: 3s, eager_activities: false}}\n"
        "workload: {events: [{query: progress, to: 1, when: {step: a, moment: before-effect}}]}\n"
        "faults: [{when: {step: a, moment: after-effect}, crash: app}]"
    )
    assert trace.facts["answers"] == {"progress": "answered"}
    completed = trace.records["run 1"].index("ActivityTaskCompleted a")
    assert trace.records["run 1"][completed + 1] == "WorkflowTaskScheduled normal"


def test_a_reset_to_a_step_that_no_task_has_scheduled_is_refused_and_said(simulated: Simulated) -> None:
    trace = simulated(
        "workflows: {wf: {steps: [{run: a}, {sleep: 2s}, {run: b}]}}\n"
        "workload: {events: [{operator: reset, to: 1, step: b, at: 1s}]}"
    )
    assert trace.notes == ["reset of run 1: no workflow task has scheduled b yet"]
    assert trace.status == {"run 1": "completed"}


def test_a_run_that_is_reset_has_its_whole_timeout_again(simulated: Simulated) -> None:
    trace = simulated(
        "workflows: {wf: {run_timeout: 1m, steps: [{run: a}, {wait_for: go}]}}\n"
        "workload: {events: [{operator: reset, to: 1, step: a, at: 30s}]}"
    )
    assert trace.status == {"run 1.1": "terminated", "run 1.2": "timed-out"}
    assert trace.runs[0].ended_at is not None
    assert 90 <= trace.runs[0].ended_at / SECOND < 92


def test_a_wait_takes_the_event_that_matches_the_runs_input_and_no_other(simulated: Simulated) -> None:
    trace = simulated(
        "workflows: {wf: {input: {order: unique}, steps: [{wait_for: paid, match: order, timeout: 1h}]}}\n"
        "workload: {events: [{send: paid, to: 1, at: 1s, with: {order: zzz}},"
        " {send: paid, to: 1, at: 2s, with: {order: aaa}}, {send: paid, to: 1, at: 3s}]}"
    )
    assert trace.runs[0].ended_at == pytest.approx(3 * SECOND, abs=SECOND // 2)


@pytest.mark.parametrize("crashed", ["wait", "a", "b"])
def test_whoever_waits_for_a_moment_of_a_write_hears_of_it_although_the_server_dies_right_after(crashed: str) -> None:
    """One transaction schedules both activities and the wait's timer: it is whole, and so is what follows from it."""
    trace = simulate(
        parse_scenario(f"""
scenario: case
workflows:
  wf:
    steps: [{{parallel: [{{run: a}}, {{run: b}}, {{wait_for: paid, name: wait, timeout: 1h}}]}}]
workload: {{runs: 1, events: [{{send: paid, to: 1, when: {{event: WaitStarted, after: 30s}}}}]}}
faults: [{{crash: engine, when: {{step: {crashed}, moment: scheduled}}, down_for: 50ms}}]
"""),
        "temporal",
    )
    assert [run.ended_at // SECOND for run in trace.runs if run.ended_at] == [30]
    kinds = [(event.kind, event.step) for event in trace.events]
    before = kinds[: next(index for index, (kind, _) in enumerate(kinds) if kind is Kind.CRASHED)]
    assert [step for kind, step in before if kind is Kind.STEP_SCHEDULED] == ["a", "b", "wait"]
