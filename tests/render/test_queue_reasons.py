"""What the tasks in a queue wait for: what is full of what the engine has, who has the key, who is down."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from durascope.models.capacity import capacities
from durascope.models.loading import load_scenario
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, ripe, spans
from durascope.render import comparison, queues, timeline
from durascope.render.canvas import Open
from durascope.render.picture import Picture
from durascope.render.queue_reasons import QueueReasons
from durascope.simulators.simulate import simulate

ACTIVITIES = {"name": "act", "runs": "activities", "queue": "act", "replicas": 5}
FLOW = {"name": "flow", "runs": "workflows", "queue": "flow"}


def eight_runs(**more: Any) -> Scenario:
    """Eight runs at once, of two steps each."""
    return Scenario.model_validate({
        "scenario": "eight",
        "workflows": {"w": {"steps": [{"run": "a", "takes": "1s"}, {"run": "b", "takes": "500ms"}]}},
        "workload": {"runs": 8, "arrivals": {"together": True}},
        **more,
    })  # fmt: skip


def temporal(**worker: Any) -> dict[str, Any]:
    return {"temporal": {"workers": [FLOW, {**ACTIVITIES, **worker}], "eager_activities": False}}


CASES = [
    ("temporal", eight_runs(deployments=temporal(slots=1)), "5 of 5 activity slots busy"),
    ("temporal", eight_runs(deployments=temporal(queue_rate="1/s")), "queue_rate: 1 in 1 s"),
    ("temporal", eight_runs(faults=[{"crash": "app", "at": "20ms", "down_for": "20s"}]), "worker is down (crash)"),
    ("inngest", eight_runs(deployments={"inngest": {"flow": {"concurrency": {"limit": 2}}}}),
     "concurrency limit 2 reached"),
    ("inngest", eight_runs(deployments={"inngest": {"flow": {"throttle": {"limit": 1, "period": "2s"}}}}),
     "throttle: 1 in 2 s"),
    ("restate", eight_runs(deployments={"restate": {"server": {"concurrent_invocations": 2}}}),
     "2 of 2 places for invocations busy"),
]  # fmt: skip


def reasons(picture: Picture) -> list[str]:
    return [mark.title for mark in picture.canvas.marks if isinstance(mark, Open) and mark.name == "reason"]


def words(picture: Picture) -> str:
    return " ".join(text.text for text in picture.canvas.texts)


@pytest.mark.parametrize(("engine", "scenario", "said"), CASES, ids=[said for _, _, said in CASES])
def test_a_queue_that_is_waited_for_says_what_is_full(engine: str, scenario: Scenario, said: str) -> None:
    """The queues view told how long tasks waited, and nowhere for what."""
    picture = queues.draw(simulate(scenario, engine, full=True), scenario)
    assert any(reason.startswith(f"{said}: ") for reason in reasons(picture)), reasons(picture)
    assert words(picture).count(said) >= 2, "under the title, and in the plot"


def test_with_room_for_all_nothing_is_said_to_be_full() -> None:
    scenario = eight_runs(deployments=temporal(slots=100))
    trace = simulate(scenario, "temporal", full=True)
    found = ripe(spans(trace, scenario))
    asked = QueueReasons(trace, scenario, found)
    told = [asked.of(span, unless_full=False) for span in found if span.kind == "queued"]
    assert told
    assert not any(told)


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("temporal", "key u1 held by run 1, run 2"),
        ("restate", "key u1 held by run 1, run 2"),
        ("inngest", "concurrency limit 1 of key u1 reached, looked at again 3 to 4 s later"),
    ],
)
def test_who_waits_for_a_key_says_whose_it_is_in_every_view_of_time(engine: str, said: str) -> None:
    """Temporal's queues said that no task waits long, while two requests waited for eleven seconds."""
    scenario = load_scenario("payment")
    trace = simulate(scenario, engine)
    assert any(reason.startswith(f"{said}: ") for reason in reasons(queues.draw(trace, scenario)))
    assert said in words(timeline.draw(trace, scenario))
    assert said in words(comparison.draw([trace, trace], scenario))


def test_requests_of_a_key_are_no_tasks() -> None:
    scenario = load_scenario("payment")
    told = words(queues.draw(simulate(scenario, "temporal"), scenario))
    assert "Requests wait longest for key u1: up to 11.9 s, at most 2 at once" in told
    assert "one request at a time 2 requests" in told


def test_an_engine_that_says_nothing_of_its_limits_has_none() -> None:
    assert capacities(load_scenario("payment"), "queue") == ()
    assert [each.name for each in capacities(load_scenario("payment"), "inngest")] == ["concurrency limit"]


@pytest.mark.parametrize(("engine", "scenario", "said"), CASES, ids=[said for _, _, said in CASES])
def test_what_is_in_use_is_worked_out_once_for_all_waits(
    engine: str, scenario: Scenario, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every wait looked at every span: 3.5 s for the queues of a thousand runs, of which 0.1 s is left."""
    looked = list[Span]()
    asked = QueueReasons._uses  # pyright: ignore[reportPrivateUsage]

    def counted(self: QueueReasons, span: Span, *rest: Any) -> bool:
        looked.append(span)
        return asked(self, span, *rest)

    monkeypatch.setattr(QueueReasons, "_uses", counted)
    trace = simulate(scenario, engine, full=True)
    found = ripe(spans(trace, scenario))
    why = QueueReasons(trace, scenario, found)
    waits = [span for span in found if span.kind == "queued"]
    assert [reason for wait in waits if (reason := why.of(wait)) is not None], said
    assert len(looked) <= len(capacities(scenario, engine)) * len(found)
    for capacity in capacities(scenario, engine):
        if not capacity.per and not capacity.by_key:
            users = [span for span in found if span.kind == capacity.used_by and asked(why, span, capacity, None)]
            use = why._use(capacity, None)  # pyright: ignore[reportPrivateUsage]
            for wait in waits:
                times = sorted({wait.start, wait.end, *(at for span in users for at in (span.start, span.end))})
                busy = sum(
                    end - start for start, end in pairwise(times)
                    if wait.start <= start and end <= wait.end
                    and sum(span.start <= start and end <= span.end for span in users) >= capacity.most
                )  # fmt: skip
                assert use.within(wait.start, wait.end) == busy
