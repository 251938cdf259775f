"""The workflow view: order, branches, waits, the way back, and painting."""

from __future__ import annotations

from itertools import pairwise

import pytest

from durascope.models.loading import builtin_names, load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.render import workflow
from durascope.render.canvas import Open, Path
from durascope.render.graphviz_layout import lay_out
from durascope.render.painting import painted
from durascope.render.theme import State
from durascope.simulators.simulate import simulate


def arrows(scenario: Scenario) -> list[tuple[str, str, str]]:
    diagram = workflow.diagram(scenario)
    return [(diagram.name(edge.tail), edge.label, diagram.name(edge.head)) for edge in diagram.edges]


def program(steps: str) -> Scenario:
    return parse_scenario(f"scenario: zoo\nworkflows:\n  zoo:\n    steps:\n{steps}\n", "zoo.yaml")


def test_steps_follow_one_another_and_undo_goes_back() -> None:
    found = arrows(load_scenario("order-fulfillment"))
    assert ("check-inventory", "", "reserve-stock") in found
    assert ("charge-payment", "", "refund-payment") in found
    assert ("cancel-shipment", "then", "refund-payment") in found
    assert ("refund-payment", "then", "release-stock") in found
    assert ("CancelOrder", "cancel", "cancel-shipment") in found


def test_a_wait_goes_on_in_two_ways() -> None:
    found = arrows(load_scenario("onboarding"))
    wait = "wait for user.completed_profile"
    assert ("sleep 7 days", "", wait) in found
    assert {(wait, "it came", "send-tips-email"), (wait, "after 30 days", "send-tips-email")} <= set(found)


def test_branches_that_are_alike_are_one_stack() -> None:
    diagram = workflow.diagram(load_scenario("agent-fan-out"))
    assert [(node.title, node.copies) for node in diagram.nodes if node.copies > 1] == [("subtask-1 … subtask-10", 10)]


def test_a_stack_is_taken_apart_where_its_parts_fared_differently() -> None:
    paint: dict[str, State] = {f"subtask-{number}": "done" for number in range(1, 11)}
    paint["subtask-8"] = "crashed"
    diagram = workflow.diagram(load_scenario("agent-fan-out"), paint=paint)
    box = next(node for node in diagram.nodes if node.title == "10 side by side")
    assert [row.text for row in box.rows if row.state == "crashed"] == ["subtask-8"]
    assert [row.state for row in box.rows].count("done") == 9


def test_a_choice_leads_to_each_of_its_arms() -> None:
    found = arrows(program(
        "      - run: a\n        result: {vip: 50%}\n"
        "      - choose:\n          - {when: vip, do: [{run: big}]}\n          - {otherwise: [{run: small}]}\n"
        "      - {run: last}"
    ))  # fmt: skip
    assert {("vip?", "yes", "big"), ("vip?", "no", "small"), ("big", "", "last"), ("small", "", "last")} <= set(found)


def test_a_race_ends_with_its_first() -> None:
    found = arrows(program("      - race: [{run: a}, {sleep: 1h}]\n      - {run: last}"))
    assert {("a", "", "the first that ends"), ("sleep 1 hour", "", "the first that ends")} <= set(found)
    assert ("the first that ends", "", "last") in found


def test_paint_is_told_by_words_and_pattern_too() -> None:
    paint: dict[str, State] = {
        "check-inventory": "replayed",
        "charge-payment": "crashed",
        "send-confirmation": "never-reached",
    }
    drawn = workflow.draw(load_scenario("order-fulfillment"), "restate", paint=paint)
    texts = [text.text for text in drawn.canvas.texts]
    assert {"replayed from the record", "crashed", "never reached"} <= set(texts)
    assert drawn.title.endswith("on Restate")


def test_one_workflow_can_be_drawn_alone() -> None:
    texts = [
        text.text
        for text in workflow.draw(load_scenario("onboarding"), workflow="payment-failure-handler").canvas.texts
    ]
    assert "mark-past-due" in texts
    assert "send-tips-email" not in texts


def test_an_unknown_workflow_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a workflow"):
        workflow.draw(load_scenario("payment"), workflow="refund")


def test_a_deploy_shows_the_old_code_and_the_new() -> None:
    drawn = workflow.diagram(load_scenario("order-fulfillment-deploy"))
    assert [group.title for group in drawn.groups] == ["fulfill-order", "fulfill-order, new code"]
    steps = {group.key: [node.title for node in drawn.nodes if node.group == group.key] for group in drawn.groups}
    old, new = steps.values()
    assert "check-fraud" in new
    assert "check-fraud" not in old
    assert "The deploy adds check-fraud to fulfill-order; runs in flight began with the old code." in drawn.notes


def test_without_a_deploy_there_is_one_version_and_no_frame() -> None:
    assert workflow.diagram(load_scenario("order-fulfillment")).groups == []


def test_of_new_code_only_what_is_new_is_told_at_length() -> None:
    nodes = {node.key: node for node in workflow.diagram(load_scenario("order-fulfillment-deploy")).nodes}
    new = {node.title: node.lines for key, node in nodes.items() if "new code" in key}
    assert new["check-fraud"][0] == "new in this code"
    assert new["charge-payment"] == ()


@pytest.mark.parametrize("name", builtin_names())
def test_as_wide_as_a_readme_at_most(name: str) -> None:
    assert workflow.draw(load_scenario(name)).width <= 880


def side_by_side(count: int) -> Scenario:
    branches = ", ".join(f"{{run: 'look up customer record {number}'}}" for number in range(1, count + 1))
    return program(f"      - {{run: plan}}\n      - parallel: [{branches}]\n      - {{run: merge}}")


def test_many_branches_are_lines_of_one_box() -> None:
    drawn = workflow.diagram(side_by_side(30))
    box = next(node for node in drawn.nodes if node.title == "30 side by side")
    assert [row.text for row in box.rows] == [f"look up customer record {number}" for number in range(1, 31)]
    assert ("plan", "", "30 side by side") in arrows(side_by_side(30))
    assert ("30 side by side", "", "merge") in arrows(side_by_side(30))
    assert "6 side by side" not in [node.title for node in workflow.diagram(side_by_side(6)).nodes]


def test_of_very_many_branches_the_rest_is_counted_with_what_happened_to_it() -> None:
    scenario = side_by_side(100)
    paint: dict[str, State] = {f"look up customer record {number}": "done" for number in range(1, 101)}
    paint["look up customer record 50"] = "crashed"
    box = next(node for node in workflow.diagram(scenario, paint=paint).nodes if node.title == "100 side by side")
    assert "… 82 more: 81 done, 1 crashed …" in [row.text for row in box.rows]


def test_over_twelve_steps_stand_in_three_columns() -> None:
    scenario = program("\n".join(f"      - {{run: step-{number}}}" for number in range(1, 41)))
    layout = lay_out(workflow.diagram(scenario, columns=3))
    lefts = sorted({round((place.x + place.width / 2) / 40) for place in layout.nodes.values()})
    assert len(lefts) == 3
    assert workflow.draw(scenario).height < 1_200
    assert len(arrows(scenario)) == 41, "each step still leads to the next"


PAST_A_BRANCH = """
      - run: ask
      - wait_for: approved
        timeout: 24h
        then: [{run: refund, undo: reverse-refund}]
        on_timeout: [{run: tell-manager}]
"""


@pytest.mark.parametrize("name", [*builtin_names(), "forty", "past-a-branch"])
def test_arrows_run_down_and_across(name: str) -> None:
    """What undoes slanted from box to box, and what led to the next column ended below its first step."""
    forty = program("\n".join(f"      - {{run: step-{number}}}" for number in range(1, 41)))
    own = {"forty": forty, "past-a-branch": program(PAST_A_BRANCH)}
    drawn = workflow.draw(own.get(name) or load_scenario(name))
    paths: list[Path] = []
    for at, mark in enumerate(drawn.canvas.marks):
        if isinstance(mark, Open) and mark.name == "edge":
            path = drawn.canvas.marks[at + 1]
            assert isinstance(path, Path)
            paths.append(path)
    assert paths
    for path in paths:
        points = [(float(step[-2]), float(step[-1])) for step in path.steps]
        for (x, y), (to_x, to_y) in pairwise(points):
            bow = abs(x - to_x) <= 7 and abs(y - to_y) <= 7
            assert bow or abs(x - to_x) < 1 or abs(y - to_y) < 1, (name, points)


def test_paint_is_one_runs_and_says_whose() -> None:
    asked = Scenario.model_validate({
        "scenario": "s", "workflows": {"w": {"steps": [{"run": "a", "takes": "50ms"}, {"run": "b"}]}},
        "workload": {"runs": 300, "arrivals": {"every": "20ms"}},
        "faults": [{"crash": "app", "at": "3s", "down_for": "2s"}],
    })  # fmt: skip
    painting = painted(simulate(asked, "restate", full=True), asked)
    assert painting.whose.endswith(" of 300")
    assert painting.states["a"] == "crashed", "the worst run, not the first"
    told = workflow.draw(asked, "restate", paint=painting.states, whose=painting.whose)
    assert f"The steps, coloured with what happened in {painting.whose}." in [each.text for each in told.canvas.texts]
