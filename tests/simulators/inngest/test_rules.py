"""Inngest's rules beyond the recordings: the same mechanisms in other scenarios."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.models.units import MILLISECOND, SECOND
from durascope.simulators.simulate import simulate

REDIS = {"hosting": "self-hosted", "store": "redis"}


def quick(name: str, **options: Any) -> dict[str, Any]:
    """A step of 5 ms with its effect at its beginning."""
    return {"run": name, "takes": "5ms", "effect_at": "0%", **options}


def run(
    steps: list[Any],
    *,
    app: dict[str, Any] | None = None,
    workload: dict[str, Any] | None = None,
    workflow: dict[str, Any] | None = None,
    others: dict[str, Any] | None = None,
    faults: list[Any] | None = None,
    seed: int = 0,
    **deployment: Any,
) -> Trace:
    order = {"started_by": {"event": "order/created"}, "key": "id", "input": {"id": "unique"}, "steps": steps}
    inngest = {"app": {"sdk": "python", **(app or {})}, "backoff": "1s", **deployment}
    scenario = Scenario.model_validate(
        {
            "scenario": "rule",
            "workflows": {"order": {**order, **(workflow or {})}, **(others or {})},
            "deployments": {"inngest": inngest},
            "workload": {"runs": 1, "of": "order", **(workload or {})},
            "faults": faults or [],
        }
    )
    return simulate(scenario, "inngest", seed=seed)


def lines(trace: Trace, of: str = "run 1") -> list[str]:
    return list(trace.records[of])


def seconds(trace: Trace, what: str) -> list[float]:
    values = trace.facts[what]
    assert isinstance(values, dict)
    return sorted(round(value / SECOND, 1) for value in values.values())


def test_a_trace_counts_the_attempts_of_requests_and_of_steps() -> None:
    trace = run([quick("a", fails=2)], retries=2)
    for kind in (Kind.WORK_STARTED, Kind.STEP_STARTED):
        assert [event.attempt for event in trace.events if event.kind == kind][:3] == [1, 2, 3]


# ---- crashes of the server ---------------------------------------------------------------------------------


def test_a_server_that_dies_after_saving_a_step_goes_on_with_the_next_one() -> None:
    trace = run(
        [quick("a"), quick("b")],
        server=REDIS,
        faults=[{"crash": "engine", "when": {"step": "a", "moment": "recorded"}, "down_for": "1s"}],
    )
    assert "POST step attempt=0 memo=[a] generation=2 -> 206 StepRun b" in lines(trace)
    assert trace.effects == {"a": 1, "b": 1}


def test_a_sleep_that_was_leased_early_comes_late_when_the_server_dies_just_before_it() -> None:
    trace = run(
        [{"sleep": "10s", "name": "nap"}, quick("a")],
        server=REDIS,
        faults=[{"crash": "engine", "when": {"event": "SleepStarted", "after": "9500ms"}, "down_for": "1s"}],
    )
    assert "POST step attempt=0 memo=[nap] generation=2 -> 206 StepRun a" in lines(trace)
    assert 38 < seconds(trace, "lasts")[0] < 42


def test_a_sleep_that_was_not_leased_yet_comes_on_time() -> None:
    trace = run(
        [{"sleep": "10s", "name": "nap"}, quick("a")],
        server=REDIS,
        faults=[{"crash": "engine", "when": {"event": "SleepStarted", "after": "5s"}, "down_for": "1s"}],
    )
    assert seconds(trace, "lasts")[0] < 11


def test_events_in_the_stream_die_with_the_server() -> None:
    trace = run([quick("a")], server=REDIS, faults=[{"crash": "engine", "at": "100ms", "down_for": "1s"}])
    assert trace.status == {"run 1": "none"}


def test_a_dev_server_finds_its_apps_again_when_it_polls_them() -> None:
    trace = run(
        [quick("a")],
        workload={"runs": 3, "arrivals": {"at": ["0s", "3s", "9s"]}},
        faults=[{"crash": "engine", "at": "2s", "down_for": "500ms"}],
    )
    assert trace.status == {"run 1": "completed", "run 2": "none", "run 3": "completed"}


# ---- checkpointing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 7])
def test_with_checkpointing_one_request_runs_all_steps(count: int) -> None:
    trace = run([quick(f"s{n}") for n in range(count)], app={"sdk": "typescript"})
    assert trace.counters["requests"] == 1
    assert trace.counters["checkpoints"] == count


def test_a_step_that_was_checkpointed_survives_the_host() -> None:
    trace = run(
        [quick("a"), {"run": "b", "takes": "1s"}],
        app={"sdk": "typescript"},
        faults=[{"crash": "app", "when": {"step": "b", "moment": "started", "after": "300ms"}, "down_for": "100ms"}],
    )
    assert trace.effects == {"a": 1, "b": 1}
    assert "POST step attempt=1 memo=[a] -> 206 StepRun b" in lines(trace)


def test_a_failing_step_flushes_the_buffer() -> None:
    trace = run(
        [quick("a"), quick("b"), quick("c", fails=1)],
        app={"sdk": "typescript", "checkpointing": {"buffered_steps": 5}},
    )
    assert lines(trace)[1:4] == ["POST step attempt=0 memo=[]", "checkpoint StepRun a, b", "-> 206 StepError c"]


def test_a_checkpoint_that_nobody_takes_is_posted_five_times_with_growing_pauses() -> None:
    """§11: from 100 ms on, doubled, each plus up to 100 ms; then the request ends, and its item is lost with it."""
    trace = run(
        [quick("a"), quick("b")],
        app={"sdk": "typescript"},
        server=REDIS,
        faults=[{"crash": "engine", "when": {"step": "a", "moment": "after-effect"}, "down_for": "60s"}],
    )
    posts = [
        event.at for event in trace.events if event.kind == Kind.MESSAGE_SENT and event.detail == ("api", "checkpoint")
    ]
    pauses = [(after - before) / MILLISECOND for before, after in pairwise(posts[:5])]
    assert all(least < pause < least + 105 for pause, least in zip(pauses, (100, 200, 400, 800), strict=True))
    assert lines(trace).count("checkpoint StepRun a -> refused") == 5
    assert trace.effects == {"a": 2, "b": 1}


# ---- parallel ----------------------------------------------------------------------------------------------


def test_a_step_of_a_group_may_run_longer_than_a_step_is_looked_for() -> None:
    """§7: only a step that is not found within 10 s is given up."""
    trace = run(
        [{"parallel": [{"run": "a", "takes": "12s"}, quick("b")]}], app={"sdk": "typescript", "checkpointing": False}
    )
    assert "POST a attempt=0 memo=[] -> 206 StepRun a" in lines(trace)
    assert trace.status == {"run 1": "completed"}


def test_in_python_a_failed_member_leaves_the_group_before_the_others_are_asked() -> None:
    """The member still to be retried is never reached again: the request that targets it fails the run."""
    group = {"parallel": [quick("p", fails={"always": True}), {"run": "q", "takes": "1500ms", "fails": 3}]}
    trace = run([group], retries=4)
    assert lines(trace)[-2:] == ["POST q attempt=2 memo=[p!] -> 500 no-retry", "run failed"]
    assert trace.effects["q"] == 0


def test_two_sleeps_side_by_side_are_a_group_that_one_discovery_follows() -> None:
    trace = run([{"parallel": [{"sleep": "1s", "name": "short"}, {"sleep": "2s", "name": "long"}]}, quick("a")])
    assert lines(trace)[2] == "POST step attempt=0 memo=[short, long] plan-only -> 206 StepPlanned a"
    assert lines(trace)[3] == "POST a attempt=0 memo=[short, long] -> 206 StepRun a"


def test_a_sleep_after_a_group_ends_its_planning() -> None:
    """§7: only the wake-up that ends the group still carries the order to plan."""
    group = {"parallel": [{"sleep": "1s", "name": "short"}, {"sleep": "2s", "name": "long"}]}
    assert lines(run([group, {"sleep": "1s", "name": "nap"}, quick("a")]))[2:4] == [
        "POST step attempt=0 memo=[short, long] plan-only -> 206 Sleep nap 1s",
        "POST step attempt=0 memo=[short, long, nap] -> 206 StepRun a",
    ]


def test_typescript_goes_on_with_the_first_of_a_race_and_python_awaits_all() -> None:
    steps = [{"race": [{"run": "fast", "takes": "50ms"}, {"run": "slow", "takes": "2s"}]}, quick("next")]
    typescript, python = (run(steps, app={"sdk": sdk, "checkpointing": False}) for sdk in ("typescript", "python"))
    assert any("memo=[fast] -> 206 StepRun next" in line for line in lines(typescript))
    assert any("memo=[fast, slow] -> 206 StepRun next" in line for line in lines(python))
    assert "no race" in python.notes[0]


# ---- waiting, invoking, sending ----------------------------------------------------------------------------


def test_an_event_wakes_only_the_runs_that_it_matches() -> None:
    trace = run(
        [{"wait_for": "paid", "timeout": "5s", "name": "payment"}],
        workload={"runs": 2, "events": [{"send": "paid", "to": 2, "at": "1s"}]},
    )
    assert "pause payment timed out" in lines(trace, "run 1")
    assert "pause payment resumed by paid" in lines(trace, "run 2")


def test_cancelling_the_caller_does_not_cancel_what_it_has_invoked() -> None:
    trace = run(
        [{"call": "child"}],
        others={"child": {"steps": [{"run": "work", "takes": "2s"}]}},
        workload={"events": [{"operator": "cancel", "to": 1, "when": {"step": "work", "moment": "started"}}]},
    )
    assert trace.status == {"run 1": "cancelled", "child run 1": "completed"}


def test_a_cancelled_run_is_undone_by_a_function_of_its_own() -> None:
    trace = run(
        [quick("a", undo="undo-a"), {"run": "b", "takes": "1s", "undo": "undo-b"}, quick("c", undo="undo-c")],
        workflow={"signals": {"stop": {"then": "cancel"}}},
        workload={"events": [{"send": "stop", "to": 1, "when": {"step": "b", "moment": "started"}}]},
    )
    assert [line.split("-> ")[1] for line in lines(trace, "order-cancelled run 1")[1:-1]] == [
        "206 StepRun undo-b",
        "206 StepRun undo-a",
        "200",
    ]
    assert "undo-c" not in trace.effects


def test_python_rejects_a_timeout_that_is_not_whole_seconds() -> None:
    trace = run([{"wait_for": "x", "timeout": "2500ms", "name": "wait"}], retries=0)
    assert lines(trace)[1:] == ["POST step attempt=0 memo=[] -> 500", "run failed"]


@pytest.mark.parametrize(
    ("sdk", "asked", "slept"),
    [("python", "2600ms", 3), ("typescript", "2600ms", 2), ("typescript", "100ms", 1), ("python", "100ms", 0)],
)
def test_sleeps_are_whole_seconds(sdk: str, asked: str, slept: int) -> None:
    trace = run([{"sleep": asked, "name": "nap"}], app={"sdk": sdk, "checkpointing": False})
    assert f"-> 206 Sleep nap {slept}s" in lines(trace)[1]


# ---- flow control ------------------------------------------------------------------------------------------


def test_a_throttle_of_three_lets_four_start_in_python_and_three_in_typescript() -> None:
    for sdk, at_once in (("python", 4), ("typescript", 3)):
        trace = run(
            [quick("a")],
            app={"sdk": sdk},
            workload={"runs": 7, "arrivals": {"together": True}},
            flow={"throttle": {"limit": 3, "period": "3s"}},
        )
        assert sum(at < 0.6 for at in seconds(trace, "starts")) == at_once
        assert seconds(trace, "starts")[-1] < 5, "then one a second"


def test_a_rate_limit_of_ten_lets_two_of_a_burst_through() -> None:
    trace = run(
        [quick("a")],
        workload={"runs": 12, "arrivals": {"together": True}},
        flow={"rate_limit": {"limit": 10, "period": "60s"}},
    )
    assert sorted(trace.status.values()).count("completed") == 2


def test_a_checkpoint_gives_the_item_its_attempts_back() -> None:
    """§6.2: a request is taken for lost after two hours, but its host works on, and posts the result after three.

    So the second request, lost after four, was not the last one.
    """
    trace = run([{"run": "a", "takes": "3h"}, quick("b")], app={"sdk": "typescript"}, retries=1)
    assert lines(trace)[2:6] == [
        "POST step attempt=1 memo=[]",
        "checkpoint StepRun a",
        "-> lost",
        "POST step attempt=1 memo=[a] generation=3 -> 206 StepRun b",
    ]
    assert trace.status == {"run 1": "completed"}


@pytest.mark.parametrize(("second", "runs"), [("2h", 1), ("25h", 2)])
def test_an_idempotency_expression_starts_one_run_a_day(second: str, runs: int) -> None:
    trace = run(
        [quick("a")],
        workload={"runs": 2, "arrivals": {"at": ["0s", second]}, "keys": ["order-7", "order-7"]},
        flow={"idempotency": "id"},
    )
    assert list(trace.status.values()).count("completed") == runs


def test_a_debounce_past_its_timeout_is_still_put_off_by_a_second_with_each_event() -> None:
    trace = run(
        [quick("a")],
        workload={"runs": 8, "arrivals": {"every": "700ms"}, "keys": ["u"] * 8},
        flow={"debounce": {"period": "2s", "key": "id", "timeout": "4s"}},
    )
    assert [run for run, status in trace.status.items() if status == "completed"] == ["run 8"]


def test_a_batch_that_is_too_full_begins_the_next_one() -> None:
    trace = run(
        [quick("a")],
        workload={"runs": 5, "arrivals": {"together": True}},
        flow={"batch": {"max_size": 2, "timeout": "2s"}},
    )
    assert lines(trace, "run 1")[0] == lines(trace, "run 3")[0] == "run created order/created x2"
    assert lines(trace, "run 5")[0] == "run created order/created"


def test_a_run_that_waits_for_its_slot_too_long_is_cancelled_before_it_starts() -> None:
    trace = run(
        [{"run": "a", "takes": "3s"}],
        workload={"runs": 2, "arrivals": {"together": True}},
        flow={"concurrency": {"limit": 1}, "timeouts": {"start": "2s"}},
    )
    assert sorted(trace.status.values()) == ["cancelled", "completed"]


def test_a_finish_timeout_does_not_count_the_wait_for_a_slot() -> None:
    trace = run(
        [{"run": "a", "takes": "3s"}],
        workload={"runs": 2, "arrivals": {"together": True}},
        flow={"concurrency": {"limit": 1}, "timeouts": {"finish": "4s"}},
    )
    assert set(trace.status.values()) == {"completed"}


def test_sleeping_runs_hold_no_slot() -> None:
    trace = run(
        [quick("a"), {"sleep": "5s"}, quick("b")],
        workload={"runs": 10, "arrivals": {"together": True}},
        flow={"concurrency": {"limit": 1}},
    )
    assert trace.facts["in_flight"] == 1
    assert seconds(trace, "lasts")[-1] < 10


# ---- limits and bills --------------------------------------------------------------------------------------


def test_an_execution_is_a_run_or_a_step() -> None:
    trace = run([quick(f"s{n}") for n in range(5)], workload={"runs": 3})
    assert trace.counters["executions"] == 3 * 6
    assert trace.counters["requests"] == 3 * 6
    assert trace.counters["events"] == 3 * 2


def test_what_travels_grows_with_the_square_of_the_steps() -> None:
    ten, twenty = (run([quick(f"s{n}", size="1KB") for n in range(count)]) for count in (10, 20))
    assert 3.4 < twenty.counters["request_bytes"] / ten.counters["request_bytes"] < 4.2


def test_a_state_of_more_than_32_mib_fails_the_run() -> None:
    trace = run([quick(f"s{n}", size="4MB") for n in range(10)])
    assert trace.status == {"run 1": "failed"}
    assert trace.counters["limit_run_state"] > 0.9


def test_what_inngest_lacks_is_said() -> None:
    trace = run(
        [quick("a", retry={"max_attempts": 2}, timeout="1s"), {"set": "x", "value": 1}],
        workflow={"queries": ["status"], "updates": {"move": {"steps": []}}},
        workload={"events": [{"update": "move", "to": 1, "at": "1s"}]},
    )
    told = "\n".join(trace.notes)
    for what in (
        "no updates",
        "no queries",
        "retry policy per step",
        "no `timeout` per step",
        "no state per entity",
    ):
        assert what in told


def test_a_thousand_steps_of_no_time_fit_into_one_buffer() -> None:
    trace = run(
        [{"repeat": 900, "as": "n", "do": [{"run": "s{n}", "takes": "0s"}]}],
        app={"sdk": "typescript", "checkpointing": {"buffered_steps": 1000}},
    )
    assert trace.status == {"run 1": "completed"}
    assert trace.counters["requests"] == 1


# ---- what a user says of one function, of a host, of an operator ---------------------------------------------


def test_an_operator_cancels_the_runs_of_a_key() -> None:
    trace = run(
        [{"sleep": "60s"}, quick("a")],
        workload={"runs": 2, "keys": ["k1", "k2"], "events": [{"operator": "cancel", "to": "k1", "at": "5s"}]},
    )
    assert trace.status == {"run 1": "cancelled", "run 2": "completed"}


def test_a_host_that_kills_long_requests_repeats_the_step_until_its_retries_are_over() -> None:
    trace = run([{"run": "llm", "takes": "12s"}], app={"max_duration": "10s"}, retries=2)
    assert [line for line in lines(trace) if "504" in line] == [
        f"POST step attempt={attempt} memo=[] -> 504" for attempt in range(3)
    ]
    assert trace.status["run 1"] == "failed"
    assert not trace.effects.get("llm")


def test_events_that_the_stream_loses_are_said() -> None:
    trace = run([quick("a")], server=REDIS, faults=[{"crash": "engine", "at": "100ms", "down_for": "1s"}])
    assert any("accepted the event of run 1 and lost it" in note for note in trace.notes)


def test_the_queue_hands_out_nothing_that_was_not_queued() -> None:
    trace = run(
        [{"wait_for": "never", "timeout": "5s"}, quick("a")],
        flow={"timeouts": {"start": "2s", "finish": "20s"}},
        workload={"runs": 2},
    )
    queued = 0
    for event in trace.events:
        queued += (event.kind == Kind.TASK_QUEUED) - (event.kind == Kind.TASK_PICKED_UP)
        assert queued >= 0


def test_an_invoked_function_has_flow_control_and_retries_of_its_own() -> None:
    child = {
        "flow": {"concurrency": {"limit": 1}},
        "retries": 0,
        "steps": [{"run": "row", "takes": "1s", "fails": {"always": True}}],
    }
    trace = run(
        [{"for_each": 3, "as": "i", "do": [{"call": "child", "name": "row-{i}"}]}],
        flow={"concurrency": {"limit": 5}},
        others={"child": child},
    )
    assert trace.effects.get("row", 0) == 0
    attempts = trace.facts["attempts"]
    assert isinstance(attempts, dict)
    assert attempts["row"] == 3
    begun = sorted(event.at for event in trace.events if event.kind == Kind.STEP_STARTED and event.step == "row")
    assert all(later - earlier >= SECOND for earlier, later in pairwise(begun))


@pytest.mark.parametrize(("options", "asked"), [({}, "child"), ({"timeout": "2900ms"}, "child 2s")])
def test_typescript_cuts_the_timeout_of_an_invocation_to_whole_seconds(options: dict[str, Any], asked: str) -> None:
    trace = run(
        [{"call": "child", **options}],
        app={"sdk": "typescript", "checkpointing": False},
        others={"child": {"steps": [quick("work")]}},
    )
    assert lines(trace)[1] == f"POST step attempt=0 memo=[] -> 206 InvokeFunction child {asked}"
    assert trace.status["run 1"] == "completed"


def test_the_key_of_a_call_is_a_field_of_the_callers_data() -> None:
    trace = run(
        [{"call": "child", "key": "id"}],
        workload={"runs": 1, "keys": ["o1"], "events": [{"send": "go", "with": {"cid": "o1"}, "at": "3s"}]},
        others={"child": {"key": "cid", "steps": [{"wait_for": "go", "timeout": "10s"}]}},
    )
    assert "pause go resumed by go" in lines(trace, "child run 1")


def test_a_plain_race_goes_on_once_all_have_ended() -> None:
    race = {"race": [{"sleep": "1s", "name": "fast"}, {"sleep": "3s", "name": "slow"}], "mode": "plain"}
    trace = run([race, quick("next")], app={"sdk": "typescript", "checkpointing": False})
    assert "POST step attempt=0 memo=[fast, slow] plan-only -> 206 StepPlanned next" in lines(trace)


def test_a_connected_worker_gives_up_when_the_server_is_away_for_long_and_comes_back_when_it_is_not() -> None:
    away = [
        run(
            [{"sleep": "60s"}, quick("a")],
            server=REDIS,
            app={"transport": "connect"},
            faults=[{"crash": "engine", "at": "5s", "down_for": down_for}],
        )
        for down_for in ("10s", "40s")
    ]
    assert [trace.status["run 1"] for trace in away] == ["completed", "failed"]
    assert "POST step attempt=0 memo=[sleep 1m] -> refused" in lines(away[1])


@pytest.mark.parametrize(("dies_after", "asked_again_after"), [("5s", 126), ("45s", 156)])
def test_a_connected_workers_death_is_noticed_when_its_lease_on_the_request_has_ended(
    dies_after: str, asked_again_after: int
) -> None:
    """§5: 2 min and 5 s after the lease was extended, every 30 s; and a second of backoff."""
    trace = run(
        [{"run": "a", "takes": "60s"}],
        app={"transport": "connect"},
        faults=[{"crash": "app", "when": {"step": "a", "moment": "started", "after": dies_after}, "down_for": "1s"}],
    )
    first, again = (event.at for event in trace.events if event.kind == Kind.STEP_STARTED)
    assert (again - first) // SECOND == asked_again_after


def test_nobody_waits_for_the_time_of_a_request_that_was_answered() -> None:
    assert run([quick("a")]).ended_at < SECOND


# ---- rules that one line can break --------------------------------------------------------------------------


def test_what_is_still_worked_on_keeps_its_lease_though_the_scavenger_goes_round() -> None:
    trace = run(
        [{"run": "a", "takes": "100s"}],
        server=REDIS,
        workload={"runs": 2, "arrivals": {"at": ["0s", "8s"]}},
        faults=[{"crash": "engine", "at": "5s", "down_for": "1s"}],
    )
    assert any("generation=2" in line for line in lines(trace, "run 1"))
    assert not any("generation=2" in line for line in lines(trace, "run 2"))
    assert trace.effects == {"a": 3}


def test_waits_of_a_group_are_written_before_its_steps_are_planned() -> None:
    trace = run([{"parallel": [quick("a"), {"wait_for": "paid", "timeout": "2s"}]}])
    happened = [(event.kind, event.step) for event in trace.events]
    assert happened.index((Kind.TIMER_SET, "paid")) < happened.index((Kind.STEP_SCHEDULED, "a"))


def test_an_event_that_comes_before_the_wait_is_lost_on_it() -> None:
    trace = run(
        [{"sleep": "3s"}, {"wait_for": "paid", "timeout": "2s"}],
        workload={"runs": 1, "events": [{"send": "paid", "to": 1, "at": "1s"}]},
    )
    assert "pause paid timed out" in lines(trace)


@pytest.mark.parametrize(("sdk", "attempts"), [("python", 1), ("typescript", 2)])
def test_a_failure_handler_has_the_attempts_that_its_sdk_sends(sdk: str, attempts: int) -> None:
    trace = run(
        [{"fail": "no stock"}],
        app={"sdk": sdk, "checkpointing": False},
        workflow={"on_failure": [{"run": "tell", "takes": "5ms", "fails": {"always": True}}]},
    )
    tries = [line for line in lines(trace, "order-failure run 1") if "tell" in line and "POST step" in line]
    assert sum("Step" in line for line in tries) == attempts


def test_a_request_may_take_two_hours() -> None:
    trace = run([{"run": "a", "takes": "3h"}], retries=0)
    assert lines(trace)[1:] == ["POST step attempt=0 memo=[] -> lost", "run failed"]
    assert seconds(trace, "lasts")[0] == pytest.approx(7_200, abs=1)


def test_a_debounce_keeps_the_event_whose_own_time_is_the_later_one() -> None:
    events = [
        {"send": "doc/changed", "with": {"id": "d", "v": value}, "at": at, "time": time}
        for value, at, time in ((1, "1s", "1s"), (2, "2s", "500ms"))
    ]
    trace = run(
        [quick("a")],
        workload={"runs": 1, "of": "other", "events": events},
        workflow={"started_by": {"event": "doc/changed"}, "flow": {"debounce": {"period": "3s", "key": "id"}}},
        others={"other": {"steps": [quick("b")]}},
    )
    (started,) = (event.at for event in trace.events if event.kind == Kind.STEP_STARTED and event.step == "a")
    assert 5 * SECOND < started < 6 * SECOND  # the second event did not put it off


# ---- reruns from a step ------------------------------------------------------------------------------------


FAILING: list[Any] = [
    quick("check"),
    {"sleep": "1s", "name": "pause"},
    quick("charge"),
    quick("ship", fails={"always": True, "error": "NoStock"}),
]


def rerun(steps: list[Any], step: str, *, at: str = "9s", **options: Any) -> Trace:
    events = [{"operator": "reset", "to": 1, "step": step, "at": at}]
    return run(steps, workload={"events": events}, retries=0, **options)


def test_a_rerun_is_another_run_that_asks_for_the_step_at_once() -> None:
    trace = rerun(FAILING, "charge")
    assert trace.effects == {"check": 1, "charge": 2, "ship": 0}
    assert lines(trace, "run 2") == [
        "run created order/created",
        "POST charge attempt=0 memo=[check, pause] -> 206 StepRun charge",
        "POST step attempt=0 memo=[check, pause, charge] -> 206 StepFailed ship",
        "POST step attempt=0 memo=[check, pause, charge, ship!] -> 500 no-retry",
        "run failed",
    ]
    assert len(lines(trace)) == len(lines(run(FAILING, retries=0))), "the first run is left as it was"


@pytest.mark.parametrize(
    ("step", "first"),
    [
        ("pause", "POST step attempt=0 memo=[check] -> 206 Sleep pause 1s"),
        ("ship", "POST step attempt=0 memo=[check, pause, charge] -> 206 StepFailed ship"),
    ],
)
def test_what_has_no_result_of_its_own_is_discovered(step: str, first: str) -> None:
    """A sleep is no step that could be run, and of one that failed the last that was told is StepFailed."""
    assert lines(rerun(FAILING, step), "run 2")[1] == first


@pytest.mark.parametrize(
    ("steps", "step", "why"),
    [
        (FAILING, "mail", "none of its steps have that name"),
        ([{"repeat": 2, "as": "n", "do": [quick("again")]}], "again", "several of its steps have that name"),
        ([{"wait_for": "go", "timeout": "1h", "name": "go"}, quick("b")], "b", "none of its steps have that name"),
    ],
)
def test_what_cannot_be_rerun_is_noted(steps: list[Any], step: str, why: str) -> None:
    trace = rerun(steps, step)
    assert set(trace.status) == {"run 1"}
    assert f"Inngest does not rerun run 1 from {step}: {why}." in trace.notes


def test_a_step_that_is_still_waited_for_has_no_result_to_take_over() -> None:
    """A sleep counts as over all the same."""
    group = [{"wait_for": "go", "timeout": "1h", "name": "go"}, quick("b")]
    trace = rerun([{"parallel": group}], "b")
    assert "Inngest does not rerun run 1 from b: go comes before it, and has no result." in trace.notes
    assert lines(rerun([{"parallel": [{"sleep": "1h", "name": "nap"}, quick("b")]}], "b"), "run 2")[1:] == [
        "POST b attempt=0 memo=[nap] -> 206 StepRun b",
        "POST step attempt=0 memo=[nap, b] -> 200",
        "run completed",
    ]


def test_a_debounced_function_is_called_from_its_beginning() -> None:
    """The debounce keeps the event, and nothing of the rerun (executor.schedule)."""
    trace = rerun(FAILING, "charge", flow={"debounce": {"period": "1s"}})
    assert trace.effects["check"] == 2


def test_a_dev_server_that_was_killed_knows_no_run() -> None:
    faults = [{"crash": "engine", "at": "5s", "down_for": "1s"}]
    trace = rerun(FAILING, "charge", at="20s", faults=faults)
    assert "Inngest does not rerun run 1 from charge: the server knows no such run." in trace.notes


@pytest.mark.parametrize(
    ("key", "match", "resumed"), [("id", None, [1, 2]), (None, "id", [1, 2]), (None, None, [1, 1])]
)
def test_an_event_that_matches_no_field_resumes_every_run_and_a_note_says_so(
    key: str | None, match: str | None, resumed: list[int]
) -> None:
    """The two approvals are sent a second apart; the cure that the note names is one."""
    approvals = [{"send": "approved", "to": number, "at": f"{4 + number}s"} for number in (1, 2)]
    trace = run(
        [{"wait_for": "approved", "timeout": "1h", **({"match": match} if match else {})}],
        workflow={"key": key},
        workload={"runs": 2, "arrivals": {"together": True}, "events": approvals},
    )
    assert sorted(round((each.ended_at or 0) / SECOND) - 4 for each in trace.runs) == resumed
    assert any("one event resumes every run" in note for note in trace.notes) == (resumed == [1, 1])


@pytest.mark.parametrize(
    ("size", "limit", "says"),
    [
        ("10B", 2, "a run may have 2 finished steps, and with as many it gets no further request"),
        ("3900KB", 1000, "a run's results may be 32 MiB together"),
        ("10B", 1000, None),
    ],
)
def test_a_run_that_a_limit_has_ended_is_told_with_the_limit(size: str, limit: int, says: str | None) -> None:
    """Its record has only `run failed`, and no step of it has failed."""
    steps = [quick(f"s{number}", size=size) for number in range(10)]
    trace = run(
        steps,
        app={"checkpointing": False},
        workload={"runs": 5, "arrivals": {"every": "20s"}},
        server={"step_limit": limit},
    )
    notes = [note for note in trace.notes if note.startswith("Inngest failed")]
    assert notes == ([] if says is None else [f"Inngest failed run 1, run 2, run 3 and 2 more: {says}."])
    assert set(trace.status.values()) == {"completed" if says is None else "failed"}
