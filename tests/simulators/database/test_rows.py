"""Workflows as rows of a database: leases, polls, transactions, the outbox, and who resumes."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.simulators.simulate import simulate

TWO_STEPS = [{"run": "a", "takes": "1s"}, {"run": "b", "takes": "1s"}]
DIES_AFTER_B = {"crash": "app", "when": {"step": "b", "moment": "after-effect"}, "down_for": "2s"}


def ran(
    steps: list[Any],
    *faults: dict[str, Any],
    engine: str = "state-machine",
    workload: dict[str, Any] | None = None,
    others: dict[str, Any] | None = None,
    workflow: dict[str, Any] | None = None,
    seed: int = 0,
    **options: Any,
) -> Trace:
    scenario = {
        "scenario": "s",
        "workflows": {"w": {"steps": steps, **(workflow or {})}, **(others or {})},
        "deployments": {engine: options},
        "workload": {"of": "w", **(workload or {"runs": 1})},
        "faults": list(faults),
    }
    return simulate(Scenario.model_validate(scenario), engine, seed=seed)


def ends(trace: Trace) -> list[int]:
    return [run.ended_at or -1 for run in trace.runs]


class TestAStateMachine:
    def test_a_row_waits_for_the_next_poll_and_then_goes_from_state_to_state(self) -> None:
        trace = ran(TWO_STEPS, poll_interval="10s")
        assert trace.records["run 1"] == ["row inserted", "claimed by app", "a done", "b done", "completed"]
        assert 2_000_000 < ends(trace)[0] < 12_100_000
        picked = next(event.at for event in trace.events if event.kind is Kind.TASK_PICKED_UP)
        assert ends(trace)[0] - picked == pytest.approx(2_000_000, abs=20_000)

    def test_what_was_committed_is_not_done_again_and_what_was_not_is(self) -> None:
        trace = ran(TWO_STEPS, DIES_AFTER_B)
        assert trace.effects == {"a": 1, "b": 2}
        assert trace.status == {"run 1": "completed"}

    @pytest.mark.parametrize("lease", [5, 30])
    def test_a_dead_owner_is_noticed_when_the_lease_runs_out(self, lease: int) -> None:
        trace = ran(TWO_STEPS, DIES_AFTER_B, lease=f"{lease}s")
        again = [event.at for event in trace.events if event.kind is Kind.STEP_STARTED and event.step == "b"][1]
        committed = next(event.at for event in trace.events if event.kind is Kind.STEP_RECORDED)
        assert 0 <= again - committed - lease * 1_000_000 < 1_050_000, "the lease, then at most one poll"

    def test_a_lease_shorter_than_a_step_has_it_done_by_two_and_the_first_is_refused(self) -> None:
        trace = ran([{"run": "a", "takes": "8s"}], lease="5s", processes=2)
        assert trace.effects["a"] >= 2
        ended = [str(event.detail) for event in trace.events if event.kind is Kind.WORK_ENDED]
        assert "dropped: the lease ran out" in ended

    def test_a_process_alone_renews_its_lease_and_the_step_is_done_once(self) -> None:
        """It once took the row from itself and had its own result refused: 999 effects, and never an end."""
        trace = ran([{"run": "a", "takes": "70s"}], lease="30s")
        assert trace.effects == {"a": 1}
        assert trace.records["run 1"] == [
            "row inserted", "claimed by app", "lease renewed by app", "a done", "completed",
        ]  # fmt: skip

    def test_the_owner_alone_resumes_its_own_rows(self) -> None:
        dies_for_long = {**DIES_AFTER_B, "down_for": "5m"}
        anyone, owner = (ran(TWO_STEPS, dies_for_long, processes=2, resumes=who) for who in ("anyone", "owner"))
        assert ends(anyone)[0] < 60_000_000
        assert ends(owner)[0] > 300_000_000

    def test_nobody_resumes(self) -> None:
        trace = ran(TWO_STEPS, DIES_AFTER_B, resumes="nobody")
        assert trace.status == {"run 1": "running"}
        assert trace.unended[0].waits_for == "a person: app, which ran it, has died"

    def test_a_long_sleep_occupies_nobody(self) -> None:
        trace = ran([{"sleep": "1h"}, *TWO_STEPS], workload={"runs": 20}, at_once=1)
        assert len([end for end in ends(trace) if end > 0]) == 20
        assert max(ends(trace)) < 3_600_000_000 + 20 * 2_200_000

    def test_as_many_rows_at_once_as_the_processes_have_hands(self) -> None:
        one, four = (ran(TWO_STEPS, workload={"runs": 8}, at_once=n) for n in (1, 4))
        assert max(ends(one)) == pytest.approx(4 * max(ends(four)), rel=0.15)

    def test_an_event_that_comes_early_waits_in_the_inbox(self) -> None:
        events = [{"send": "go", "to": 1, "at": "100ms", "with": {"x": 1}}]
        trace = ran([*TWO_STEPS, {"wait_for": "go"}], workload={"runs": 1, "events": events})
        assert trace.status == {"run 1": "completed"}
        assert "go came" in trace.records["run 1"]

    def test_a_wait_times_out(self) -> None:
        late = {"wait_for": "go", "timeout": "5s", "on_timeout": [{"run": "give-up"}]}
        trace = ran([late, {"run": "a"}])
        assert trace.effects == {"give-up": 1, "a": 1}
        assert ends(trace)[0] > 5_000_000

    def test_a_step_is_tried_three_times_and_then_undone(self) -> None:
        steps = [{"run": "a", "undo": "un-a"}, {"run": "b", "fails": 5}]
        trace = ran(steps)
        assert trace.status == {"run 1": "failed"}
        assert trace.effects["un-a"] == 1
        assert trace.facts["executions"] == {"a": 1, "b": 3, "un-a": 1}

    def test_a_crash_does_not_forget_the_attempts(self) -> None:
        dies = {"crash": "app", "when": {"step": "b", "attempt": 2, "moment": "started"}, "down_for": "1s"}
        trace = ran([{"run": "b", "fails": 5}], dies, lease="2s")
        assert trace.facts["executions"] == {"b": 4}, "the second attempt was not counted, since nothing was committed"

    def test_a_cancelled_run_undoes_what_it_did_even_if_its_process_dies_meanwhile(self) -> None:
        steps = [{"run": "a", "takes": "1s", "undo": {"run": "un-a", "takes": "1s"}}, {"run": "b", "takes": "3s"}]
        steps += [{"run": "c"}]
        dies = {"crash": "app", "when": {"step": "un-a", "moment": "started"}, "down_for": "1s"}
        trace = ran(
            steps, dies, lease="4s",
            workflow={"signals": {"stop": {"then": "cancel"}}},
            workload={"runs": 1, "events": [{"send": "stop", "to": 1, "at": "3s"}]},
        )  # fmt: skip
        assert trace.status == {"run 1": "cancelled"}
        assert trace.effects == {"a": 1, "b": 1, "un-a": 1}

    def test_a_called_run_is_a_row_whose_end_wakes_the_caller(self) -> None:
        others = {"child": {"steps": [{"run": "inner", "takes": "1s"}]}}
        trace = ran([{"call": "child"}, {"run": "after"}], others=others)
        assert trace.effects == {"inner": 1, "after": 1}
        assert list(trace.status.values()) == ["completed", "completed"]

    def test_the_outbox_delivers_once_though_it_sends_twice(self) -> None:
        others = {"listener": {"steps": [{"wait_for": "news"}, {"run": "heard"}]}}
        trace = ran([{"send": "news", "to": "2"}], others=others, workload={"runs": 2, "of": ["w", "listener"]})
        assert trace.effects == {"heard": 1}
        assert trace.status == {"run 1": "completed", "run 2": "completed"}

    def test_runs_with_one_key_do_not_overlap(self) -> None:
        trace = ran(
            TWO_STEPS, workflow={"one_at_a_time": True, "key": "id", "input": {"id": "unique"}},
            workload={"runs": 3, "keys": ["x", "x", "y"]}, processes=3,
        )  # fmt: skip
        first, second, other = trace.runs
        starts = {
            run: min(event.at for event in trace.events if event.run == run and event.kind is Kind.STEP_STARTED)
            for run in ("run 1", "run 2", "run 3")
        }
        assert starts["run 2"] >= (first.ended_at or 0)
        assert starts["run 3"] < (first.ended_at or 0)
        assert None not in (second.ended_at, other.ended_at)

    def test_a_deploy_that_adds_a_step_before_the_state_of_a_row_changes_nothing_for_it(self) -> None:
        new = {"insert": {"step": {"run": "new", "takes": "1s"}, "before": "a"}}
        deploy = {"deploy": "w", "when": {"step": "b", "moment": "started"}, "change": new}
        trace = ran(TWO_STEPS, deploy, lease="3s")
        assert trace.status == {"run 1": "completed"}
        assert "new" not in trace.effects

    def test_a_row_in_a_state_that_the_new_code_does_not_have_is_parked_for_a_person(self) -> None:
        deploy = {"deploy": "w", "when": {"step": "b", "moment": "started"}, "change": {"drop": "b"}}
        trace = ran(TWO_STEPS, deploy, lease="3s")
        assert trace.status == {"run 1": "paused"}
        assert trace.records["run 1"][-1] == "parked for a person"

    @pytest.mark.parametrize("down", ["1s", "20s"])
    def test_what_was_done_while_the_database_was_away_is_committed_when_it_is_back(self, down: str) -> None:
        trace = ran(TWO_STEPS, {"crash": "engine", "when": {"step": "b", "moment": "started"}, "down_for": down})
        assert trace.status == {"run 1": "completed"}
        assert trace.effects == {"a": 1, "b": 1}

    def test_unless_its_lease_has_run_out_and_another_process_is_faster(self) -> None:
        away = {"crash": "engine", "when": {"step": "b", "moment": "started"}, "down_for": "50s"}
        trace = ran(TWO_STEPS, away, processes=2, poll_interval="10ms")
        assert trace.status == {"run 1": "completed"}
        assert trace.effects == {"a": 1, "b": 2}

    def test_a_request_whose_process_dies_is_made_again(self) -> None:
        crashes = [{"crash": "app", "at": f"{n}ms", "down_for": "500ms"} for n in range(1, 6)]
        for crash in crashes:
            assert ran(TWO_STEPS, crash).status == {"run 1": "completed"}


class TestACheckpoint:
    def test_a_run_without_faults_is_like_any_other(self) -> None:
        trace = ran([*TWO_STEPS, {"sleep": "10s"}, {"run": "c"}], engine="checkpoint")
        assert trace.status == {"run 1": "completed"}
        assert ends(trace)[0] == pytest.approx(12_000_000, abs=50_000)

    def test_nobody_resumes_a_run_whose_process_has_died(self) -> None:
        trace = ran(TWO_STEPS, DIES_AFTER_B, engine="checkpoint")
        assert trace.status == {"run 1": "running"}
        assert trace.effects == {"a": 1, "b": 1}
        assert "a person: app, which ran it, has died" in trace.unended[0].waits_for

    def test_it_saves_in_each_step_what_a_person_would_go_on_from(self) -> None:
        trace = ran(TWO_STEPS, DIES_AFTER_B, engine="checkpoint")
        assert trace.records["run 1"] == ["row inserted", "claimed by app", "a done"]

    def test_a_call_and_an_event_work_in_memory(self) -> None:
        others = {"child": {"steps": [{"run": "inner"}]}}
        events = [{"send": "go", "to": 1, "at": "5s"}]
        trace = ran(
            [{"call": "child"}, {"wait_for": "go"}, {"run": "z"}], engine="checkpoint", others=others,
            workload={"runs": 1, "events": events},
        )  # fmt: skip
        assert set(trace.status.values()) == {"completed"}
        assert trace.effects == {"inner": 1, "z": 1}
