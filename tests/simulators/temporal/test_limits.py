"""Limits and costs come out of the model: histories that grow too long, results too large, billable actions."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate


def run(steps: list[dict[str, Any]], **more: Any) -> Trace:
    scenario = {"scenario": "limits", "workflows": {"order": {"steps": steps, **more}}}
    return simulate(Scenario.model_validate(scenario), "temporal", full=False, records=True)


def test_a_history_of_more_than_51200_events_is_terminated() -> None:
    trace = run([{"repeat": 8_600, "do": [{"run": "a", "takes": "1ms"}]}])
    assert trace.status == {"run 1": "terminated"}
    assert 51_200 < len(trace.records["run 1"]) < 51_220
    assert trace.records["run 1"][-1] == "WorkflowExecutionTerminated"
    assert trace.counters["history_limit_warnings"] == 1


def test_a_long_history_is_warned_of_and_continue_as_new_suggested_before() -> None:
    shorter, longer = (run([{"repeat": n, "do": [{"run": "a", "takes": "1ms"}]}]) for n in (700, 1_800))
    assert shorter.counters["continue_as_new_suggested"] == 1
    assert "history_limit_warnings" not in shorter.counters or not shorter.counters["history_limit_warnings"]
    assert longer.counters["history_limit_warnings"] == 1


def test_a_history_of_a_thousand_small_events_is_no_reason_to_continue_as_new() -> None:
    trace = run([{"repeat": 200, "do": [{"run": "a", "takes": "1ms"}]}])
    assert len(trace.records["run 1"]) > 1_000
    assert "continue_as_new_suggested" not in trace.counters


def test_a_result_above_2_mib_fails_the_activity_for_good() -> None:
    trace = run([{"run": "big", "size": "3MiB"}, {"run": "after"}])
    assert "ActivityTaskFailed big non-retryable-failure" in trace.records["run 1"]
    assert trace.status == {"run 1": "failed"}
    assert trace.effects == {"big": 1}


def test_results_that_add_up_to_50_mib_terminate_the_run() -> None:
    trace = run([{"repeat": 40, "do": [{"run": "a", "size": "1500KiB"}]}])
    assert trace.status == {"run 1": "terminated"}
    assert trace.counters["payload_limit_warnings"] > 30
    assert trace.counters["history_bytes"] > 50 * 1024 * 1024


def test_two_thousand_pending_activities_are_the_most_that_a_run_may_have() -> None:
    step = {"run": "a", "queue": "nobody", "queue_timeout": "1s"}
    allowed = run([{"for_each": 2_000, "do": [step]}])
    assert allowed.records["run 1"].count("ActivityTaskScheduled a") == 2_000
    refused = run([{"for_each": 2_001, "do": [step]}], run_timeout="1m")
    assert "ActivityTaskScheduled a" not in refused.records["run 1"]
    assert "WorkflowTaskFailed pending-activities-limit-exceeded" in refused.records["run 1"]


@pytest.mark.parametrize(
    ("steps", "actions"),
    [
        ([{"run": name} for name in "abcde"], 6),
        ([{"run": "a"}, {"run": "b", "fails": 2}, {"run": "c"}, {"run": "d"}, {"run": "e"}], 8),
        ([{"run": "a"}, {"sleep": "2s"}, {"wait_for": "x", "timeout": "3s"}, {"run": "b"}], 5),
        ([{"run": str(n)} for n in range(12)], 13),
        ([{"run": "a", "local": True}, {"run": "b", "local": True}, {"run": "c"}], 3),
    ],
)
def test_billable_actions(steps: list[dict[str, Any]], actions: int) -> None:
    assert run(steps).counters["billable_actions"] == actions


def test_a_child_costs_two_and_its_own_start_nothing_more() -> None:
    scenario = Scenario.model_validate(
        {
            "scenario": "actions",
            "workflows": {"order": {"steps": [{"call": "ship"}]}, "ship": {"steps": [{"run": "pack"}]}},
            "workload": {"of": "order"},
        }
    )
    assert simulate(scenario, "temporal").counters["billable_actions"] == 1 + 2 + 1
