"""A load of very many runs: little is kept of each, and the numbers are the same."""

from __future__ import annotations

from typing import Any

import pytest

import durascope.models.many_runs as many_runs
import durascope.simulators.services as services
import durascope.simulators.simulate as simulating
from durascope.experiments.metrics import metrics
from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides
from durascope.models.scenario import Scenario
from durascope.models.trace import RunSummary, Trace
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate", "queue", "state-machine", "checkpoint")


def loads() -> list[Scenario]:
    names = ("order-fulfillment", "payment", "agent-fan-out")
    return [load_scenario(name, Overrides((), (), 150, "20/s")) for name in names]


def numbers(trace: Trace, calm: Trace) -> dict[str, Any]:
    found = metrics(trace, calm)
    found.pop("trace_events")
    return {**found, "effects": trace.effects, "counts": trace.effect_counts, "ended": trace.ended_at}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_metrics_of_many_runs_are_those_of_the_runs_kept_in_full(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for asked in loads():
        calm = asked.model_copy(update={"faults": ()})
        kept = numbers(simulate(asked, engine, full=True, records=True), simulate(calm, engine, full=True))
        only_in_full = {name: kept.pop(name) for name in ("replayed_steps", "recovery_ms") if name in kept}
        assert "replayed_steps" in only_in_full
        with monkeypatch.context() as patched:
            patched.setattr(simulating, "MANY", 10)
            patched.setattr(services, "FORGET_US", 60_000_000)
            traces = [simulate(each, engine, full=False, records=False) for each in (asked, calm)]
        assert isinstance(traces[0].runs, many_runs.Summaries)
        counted = numbers(traces[0], traces[1])
        counted.pop("replayed_steps", None)
        assert counted == kept


class TestTheTable:
    def test_a_run_that_has_ended_is_made_again_from_its_numbers(self) -> None:
        runs = many_runs.ManyRuns()
        runs["run 3"] = RunSummary("run 3", "w", 5, None, "running", "k")
        assert runs.open() == [runs["run 3"]]
        runs["run 3"] = RunSummary("run 3", "w", 5, 9, "completed", "k")
        assert runs["run 3"] == RunSummary("run 3", "w", 5, 9, "completed")
        assert (list(runs), len(runs), runs.open()) == (["run 3"], 1, [])

    def test_what_other_runs_have_begun_is_kept_as_it_is(self) -> None:
        runs = many_runs.ManyRuns()
        child = RunSummary("run 1/ship", "ship", 5, 9, "completed", None, "run 1")
        runs["run 1/ship"] = child
        assert list(runs.values()) == [child]

    def test_there_is_no_run_that_was_not_put_there(self) -> None:
        runs = many_runs.ManyRuns()
        runs["run 2"] = RunSummary("run 2", "w", 0, 1, "completed")
        assert "run 1" not in runs
        assert runs.get("run 7") is None


@pytest.mark.parametrize("fault", ["{crash: app, at: 700ms}", "{hang: app, at: 700ms, for: 3s}"])
def test_who_dies_at_a_time_of_the_clock_does_not_depend_on_whether_the_trace_is_kept(fault: str) -> None:
    workers = "deployments.temporal.workers=[{name: worker, runs: both, replicas: 3}]"
    asked = load_scenario("order-fulfillment", Overrides((workers, f"faults=[{fault}]"), runs=6))
    kept, counted = (simulate(asked, "temporal", full=full, records=True) for full in (True, False))
    assert counted.records == kept.records
    assert counted.ended_at == kept.ended_at


def test_who_dies_at_a_mark_does_not_depend_on_whether_the_trace_is_asked_for() -> None:
    workers = "deployments.temporal.workers=[{name: worker, runs: both, replicas: 3}]"
    fault = "faults=[{crash: app, when: {event: WaitStarted}, down_for: 4s}]"
    asked = load_scenario("onboarding", Overrides((workers, fault), runs=6))
    kept, counted = (simulate(asked, "temporal", full=full, records=True) for full in (True, False))
    assert counted.records == kept.records
    assert counted.ended_at == kept.ended_at
