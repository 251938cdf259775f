"""The outside world: effects are counted where they happen, whatever becomes of the answer."""

from __future__ import annotations

import pytest

from durascope.models.scenario import Scenario
from durascope.models.trace import Kind
from durascope.simulators.simulate import simulate


def scenario(step: dict[str, object], service: dict[str, object] | None = None, **parts: object) -> Scenario:
    return Scenario.model_validate(
        {
            "scenario": "call",
            "services": {"stripe": {"latency": "100ms", **(service or {})}},
            "workflows": {"pay": {"key": "id", "steps": [{"run": "charge", "on": "stripe", **step}]}},
            **parts,
        }
    )


def away(at: str) -> list[dict[str, object]]:
    return [{"outage": "stripe", "at": at, "for": "200ms"}]


@pytest.mark.parametrize(
    ("begins", "effect_at", "effects"),
    [("10ms", "100%", 1), ("10ms", "0%", 2), ("60ms", "0%", 2), ("500ms", "100%", 1)],
    ids=["before the effect", "after the effect", "before the answer", "after the answer"],
)
def test_a_service_that_goes_away_in_the_middle_of_a_call(begins: str, effect_at: str, effects: int) -> None:
    trace = simulate(scenario({"effect_at": effect_at}, faults=away(begins)), "queue")
    assert trace.effects == {"charge": effects}
    assert trace.status == {"run 1": "completed"}


def test_a_service_that_deduplicates_has_the_effect_once() -> None:
    faults = [{"crash": "app", "when": {"step": "charge", "moment": "after-effect"}, "down_for": "1s"}]
    known = scenario({"idempotency_key": "id"}, {"deduplicates": True}, faults=faults)
    trace = simulate(known, "queue")
    assert trace.effects == {"charge": 1}
    assert [entry.deduplicated for entry in trace.ledger] == [False, True]
    assert trace.counters["duplicate_effects"] == 0


def test_what_a_repeated_call_costs_is_counted() -> None:
    faults = [{"crash": "app", "when": {"step": "charge", "moment": "after-effect"}, "down_for": "1s"}]
    trace = simulate(scenario({}, {"price": "0.02 USD"}, faults=faults), "queue")
    assert trace.counters["spent_usd"] == pytest.approx(0.04)


def test_failures_and_rejections_come_as_often_as_they_are_said_to() -> None:
    load = {"runs": 2_000, "arrivals": {"every": "1s"}}
    asked = scenario({"retry": {"max_attempts": 1}}, {"failures": "10%", "rejections": "5%"}, workload=load)
    trace = simulate(asked, "queue")
    failed = sum(run.status == "failed" for run in trace.runs) / 2_000
    assert failed == pytest.approx(0.10 + 0.05 - 0.005, abs=0.02)


def test_a_failing_attempt_has_no_effect_unless_the_scenario_says_so() -> None:
    for moment, effects in (("before-effect", 1), ("after-effect", 3)):
        trace = simulate(scenario({"fails": {"times": 2, "moment": moment}}), "queue")
        assert trace.effects == {"charge": effects}
        assert [event.attempt for _, event in trace.of_kind(Kind.STEP_FAILED)] == [1, 2]


DIES = {"crash": "app", "when": {"step": "charge", "moment": "after-effect"}, "down_for": "1s"}


class TestCheckingBeforeActing:
    def test_an_effect_that_is_there_does_not_happen_again(self) -> None:
        trace = simulate(scenario({"check_first": "20ms"}, faults=[DIES]), "queue")
        assert trace.effects == {"charge": 1}
        assert len(list(trace.of_kind(Kind.STEP_STARTED))) == 2
        assert trace.status == {"run 1": "completed"}

    def test_asking_takes_its_time_and_what_is_found_takes_no_more(self) -> None:
        took = simulate(scenario({"check_first": "20ms"}), "queue")
        plain = simulate(scenario({}), "queue")
        assert (took.runs[0].ended_at or 0) == (plain.runs[0].ended_at or 0) + 20_000
        trace = simulate(scenario({"check_first": "20ms"}, faults=[DIES]), "queue")
        (_, begun), (_, reported) = (list(trace.of_kind(kind))[-1] for kind in (Kind.STEP_STARTED, Kind.STEP_REPORTED))
        assert reported.at - begun.at == 20_000

    def test_a_question_comes_too_early_where_an_attempt_is_still_under_way(self) -> None:
        """Check then act is no transaction: the first attempt hangs between its question and its effect."""
        hangs = {"hang": "app", "when": {"step": "charge", "moment": "before-effect"}, "for": "8s"}
        workers = [{"replicas": 2}]
        asked = scenario(
            {"check_first": "20ms", "timeout": "5s"}, faults=[hangs], deployments={"temporal": {"workers": workers}}
        )
        trace = simulate(asked, "temporal")
        assert trace.effects == {"charge": 2}

    def test_a_service_that_is_away_can_not_be_asked(self) -> None:
        trace = simulate(scenario({"check_first": "20ms"}, faults=away("10ms")), "queue")
        failed = [event.at for _, event in trace.of_kind(Kind.STEP_FAILED)]
        assert failed
        assert trace.effects == {"charge": 1}

    def test_another_run_s_effect_is_not_its_own(self) -> None:
        trace = simulate(scenario({"check_first": "20ms"}, workload={"runs": 2}), "queue")
        assert trace.effects == {"charge": 2}

    def test_another_step_that_has_the_same_effect_is_found(self) -> None:
        steps = [
            {"run": "charge", "on": "stripe", "effect": "payment"},
            {"run": "charge-again", "on": "stripe", "effect": "payment", "check_first": "20ms"},
        ]
        asked = scenario({}, workflows={"pay": {"steps": steps}})
        assert simulate(asked, "queue").effects == {"charge": 1, "charge-again": 0}
