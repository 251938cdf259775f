"""A legend names what is drawn, and calls it what it is."""

from __future__ import annotations

import pytest

from durascope.models.loading import load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.spans import spans
from durascope.models.trace import Kind
from durascope.render import journal, queues, sequence, timeline
from durascope.render.bars import begins
from durascope.render.exports.markdown import write
from durascope.render.picture import Picture
from durascope.simulators.simulate import simulate

STEPS = "workflows: {wf: {steps: [{run: a, takes: 3s}, {run: b, takes: 3s}]}}\n"


def words(picture: Picture) -> list[str]:
    return [text.text for text in picture.canvas.texts]


def faulty(fault: str) -> Scenario:
    return parse_scenario(f"scenario: case\n{STEPS}faults:\n  - {fault}\n")


def test_after_a_deploy_no_legend_speaks_of_a_crash() -> None:
    """`crash or outage begins` stood under a picture of processes that are stopped for new code."""
    scenario = load_scenario("order-fulfillment-deploy")
    trace = simulate(scenario, "temporal", full=True)
    drawn = timeline.draw(trace, scenario)
    assert {"process stops for new code", "new code"} <= set(words(drawn))
    assert not {"process killed", "external event"} & set(words(drawn))
    assert "Nothing crashed. Stopped: workflow-worker-1 at 462 ms" in drawn.description
    assert "stops; away while dashed" in words(sequence.draw(trace, scenario))


def test_what_a_deploy_interrupts_is_stopped_and_not_killed() -> None:
    scenario = faulty("{deploy: wf, at: 1s, down_for: 2s, change: {append: {run: c}}}")
    trace = simulate(scenario, "restate", full=True)
    (down,) = (span for span in spans(trace) if span.kind == "down")
    assert down.detail == "deploy"
    told = words(timeline.draw(trace, scenario))
    assert any(text.startswith("stopped before its effect") for text in told), told
    assert not [text for text in told if "killed" in text]
    assert "lost with its process" in told
    assert "lost in the crash" not in told
    assert "stop for new code of " in write(trace, scenario).decode()


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("{crash: app, at: 1s, down_for: 2s}", "process killed"),
        ("{hang: app, at: 1s, for: 2s}", "process hangs"),
        ("{cut: [app, engine], at: 1s, for: 2s}", "connection cut"),
    ],
)
def test_a_cross_is_called_what_it_stands_for(fault: str, word: str) -> None:
    scenario = faulty(fault)
    trace = simulate(scenario, "restate", full=True)
    assert begins(spans(trace)) == word
    assert word in words(timeline.draw(trace, scenario))


def test_of_several_faults_each_is_named() -> None:
    scenario = parse_scenario(f"""
scenario: case
services: {{stripe: {{latency: 10ms}}}}
{STEPS}
faults: [{{crash: app, at: 1s, down_for: 1s}}, {{outage: stripe, at: 2s, for: 1s}}]
""")
    assert begins(spans(simulate(scenario, "restate", full=True))) == "process killed or outage begins"


def test_a_queue_says_so_too() -> None:
    scenario = parse_scenario("""
scenario: case
workflows: {wf: {steps: [{run: a, takes: 1s}]}}
workload: {runs: 30, arrivals: {every: 50ms}}
deployments: {temporal: {workers: [{name: worker, slots: 1}]}}
faults: [{hang: worker, at: 3s, for: 2s}]
""")
    trace = simulate(scenario, "temporal", full=True)
    assert any(True for _ in trace.of_kind(Kind.HUNG))
    assert "process hangs, back again" in words(queues.draw(trace, scenario))


def test_an_answer_that_is_lost_says_what_was_running() -> None:
    """`-> lost` named no step: Inngest's record does not, the trace knows."""
    for name, told in (
        ("order-fulfillment", "charge-payment was running"),
        ("agent-fan-out", "one of 10 steps that were running"),
        ("order-fulfillment-engine-crash", "206 StepRun charge-payment"),
    ):
        scenario = load_scenario(name)
        said = words(journal.draw(simulate(scenario, "inngest", full=True), scenario))
        assert told in said, name
