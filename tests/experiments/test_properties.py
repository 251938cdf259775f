"""Each promise is broken by a trace that breaks it, and by none that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durascope.experiments.exploration.properties import ALWAYS, Calm
from durascope.models.scenario import Scenario
from durascope.models.trace import Effect, Event, Kind, RunSummary, Trace
from durascope.simulators.simulate import simulate

SCENARIO = Scenario.model_validate(
    {
        "scenario": "s",
        "workflows": {
            "w": {
                "one_at_a_time": True,
                "key": "k",
                "input": {"k": "unique"},
                "steps": [{"run": "a", "takes": "1s", "undo": {"run": "b"}}, {"sleep": "5s"}, {"run": "c"}],
            }
        },
        "expect": {"completed": "100%"},
    }
)


@pytest.fixture(scope="module")
def calm() -> Trace:
    return simulate(SCENARIO, "temporal", full=True)


def broken(trace: Trace, calm: Trace) -> set[str]:
    return {name for name, (_, check) in ALWAYS.items() if check(SCENARIO, Calm.of(calm), trace) is not None}


def happens(trace: Trace, step: str, kind: Kind, *, at: int | None = None, detail: object = None) -> Trace:
    """One more event at the end."""
    last = trace.events[-1]
    event = Event(last.at if at is None else at, "worker", kind, "w", "run 1", step, 1, None, detail)
    return replace(trace, events=[*trace.events, event])


def ended(trace: Trace, status: str, ended_at: int | None) -> Trace:
    run: RunSummary = replace(trace.runs[0], status=status, ended_at=ended_at)
    return replace(trace, runs=[run], status={run.name: status})


def test_all_hold_undisturbed(calm: Trace) -> None:
    assert broken(calm, calm) == set()


def test_an_effect_after_its_record(calm: Trace) -> None:
    assert "recorded-once" in broken(happens(calm, "a", Kind.STEP_AFTER_EFFECT), calm)


def test_a_run_that_does_not_end(calm: Trace) -> None:
    assert broken(ended(calm, "running", None), calm) == {"no-run-lost", "expect"}


def test_a_run_that_is_gone(calm: Trace) -> None:
    assert "no-run-lost" in broken(replace(calm, runs=[]), calm)


def test_a_failed_run_with_something_left(calm: Trace) -> None:
    assert broken(ended(calm, "failed", calm.ended_at), calm) == {"all-undone", "expect"}


def test_a_failed_run_that_has_cleaned_up(calm: Trace) -> None:
    undone = replace(calm, ledger=[*calm.ledger, Effect(calm.ended_at, "", "run 1", "b", 1)])
    assert "all-undone" not in broken(ended(undone, "failed", calm.ended_at), calm)


def test_a_step_after_its_undo(calm: Trace) -> None:
    undone = happens(calm, "b", Kind.STEP_AFTER_EFFECT)
    assert "undone-last" not in broken(undone, calm)
    assert "undone-last" in broken(happens(undone, "a", Kind.STEP_AFTER_EFFECT), calm)


def test_a_timer_that_fires_early(calm: Trace) -> None:
    due = calm.events[-1].at + 5_000_000
    late = happens(calm, "sleep", Kind.TIMER_SET, detail=due)
    assert "no-early-timer" not in broken(happens(late, "sleep", Kind.TIMER_FIRED, at=due), calm)
    assert "no-early-timer" in broken(happens(late, "sleep", Kind.TIMER_FIRED, at=due - 1), calm)


def test_runs_of_one_key_that_overlap(calm: Trace) -> None:
    other = replace(calm.runs[0], name="run 2", started_at=calm.runs[0].started_at + 1)
    assert "one-at-a-time" not in broken(calm, calm)
    both = [replace(each, key="k1") for each in (calm.runs[0], other)]
    twice = [e._replace(run="run 2") for e in calm.events if e.run == "run 1"]
    overlapping = replace(calm, runs=both, events=sorted([*calm.events, *twice], key=lambda e: e.at))
    assert "one-at-a-time" in broken(overlapping, calm)
