"""The baseline's broker and consumers: what a crash of either loses, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate


def ran(*faults: dict[str, Any], runs: dict[str, Any] | None = None, **queue: Any) -> Trace:
    return simulate(
        Scenario.model_validate(
            {
                "scenario": "s",
                "workflows": {"w": {"steps": [{"run": "a", "takes": "1s"}]}},
                "deployments": {"queue": queue},
                "workload": runs or {"runs": 1},
                "faults": list(faults),
            }
        ),
        "queue",
    )


def test_idle_consumers_come_back_to_a_broker_that_was_away() -> None:
    trace = ran(
        {"crash": "engine", "at": "10m", "down_for": "2s"},
        runs={"runs": 2, "arrivals": {"at": ["0s", "1h"]}},
        consumers=3,
    )
    assert set(trace.status.values()) == {"completed"}
    assert trace.effects == {"a": 2}


@pytest.mark.parametrize("down", ["1s", "20s"])
def test_what_was_done_while_the_broker_was_away_is_acknowledged_when_it_is_back(down: str) -> None:
    trace = ran({"crash": "engine", "at": "500ms", "down_for": down})
    assert trace.status == {"run 1": "completed"}
    assert trace.effects == {"a": 1}


def test_an_acknowledged_job_is_not_given_out_again() -> None:
    trace = ran({"crash": "engine", "at": "1500ms", "down_for": "1s"})
    assert trace.effects == {"a": 1}
    assert trace.records["run 1"].count("message received #1") == 1


def test_a_consumer_that_dies_has_its_job_done_again_when_the_visibility_timeout_is_over() -> None:
    trace = ran({"crash": "app", "at": "500ms", "down_for": "1s"}, visibility_timeout="10s")
    assert trace.effects == {"a": 1}
    assert trace.runs[0].ended_at is not None
    assert trace.runs[0].ended_at == pytest.approx(11_000_000, abs=50_000)


def test_a_job_that_nobody_can_do_goes_to_the_dead_letters() -> None:
    trace = ran(
        *({"crash": "app", "at": f"{500 + 5_000 * n}ms", "down_for": "1s"} for n in range(2)),
        visibility_timeout="5s",
        max_receives=2,
    )
    assert trace.status == {"run 1": "failed"}
    assert trace.records["run 1"][-1] == "message moved to the dead-letter queue"


def test_a_job_that_is_acknowledged_after_its_timeout_is_not_given_out_again() -> None:
    trace = ran(visibility_timeout="400ms", max_receives=9)
    assert trace.effects == {"a": 1}
    assert trace.records["run 1"] == ["message published", "message received #1", "message acknowledged"]


def test_a_job_that_takes_longer_than_the_timeout_is_done_by_two_consumers() -> None:
    trace = ran(visibility_timeout="400ms", max_receives=9, consumers=2)
    assert trace.effects == {"a": 2}
    assert trace.status == {"run 1": "completed"}


def test_as_many_jobs_at_once_as_there_are_consumers() -> None:
    alone, four = (ran(runs={"runs": 4}, consumers=n) for n in (1, 4))
    assert alone.ended_at == pytest.approx(4 * four.ended_at, rel=0.05)
