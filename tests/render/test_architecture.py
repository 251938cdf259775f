"""What docs promise of the architecture pictures: every element there as text, joined to the right neighbour."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations, pairwise, product
from math import hypot

import pytest

from durascope.models.engine import compared
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.scenario import Scenario
from durascope.render import architecture
from durascope.render.canvas import Close, Open, Path
from durascope.render.diagram import STROKES, Diagram, Edge
from durascope.render.frame_titles import titled
from durascope.render.graph import CROSS
from durascope.render.graphviz_layout import LANE, Rect, lay_out, riders
from durascope.render.load import draw_loaded
from durascope.render.orthogonal import straightened
from durascope.simulators.simulate import simulate

ELEMENTS: dict[tuple[str, str], list[str]] = {
    ("order-fulfillment", "temporal"): [
        "e-commerce API", "storefront", "Temporal Server", "PostgreSQL", "Event history", "WorkflowExecutionStarted",
        "fulfillment-workflow", "activity", "workflow-worker", "activity-worker", "× 3", "× 5", "Kubernetes", "Node.js",
        "check-inventory", "reserve-stock", "charge-payment", "create-shipment", "send-confirmation",
        "InventoryService.checkStock", "PaymentService.charge", "ShippingService.createLabel",
        "EmailService.sendConfirmation", "Stripe API", "FedEx API", "SendGrid", "CancelOrder", "signal handler",
        "status", "query handler", "append-only log",
    ],
    ("payment", "temporal"): [
        "client", "Update-with-Start", "/payments/charge/{userId}", "entity workflow, one for each userId", "request",
        "update handler, one at a time", "u1", "1 runs, 2 wait", "one for each userId",
    ],
    ("onboarding", "inngest"): [
        "Next.js app", "Vercel", "/api/inngest", "registers 2 functions", "onboarding-workflow",
        "payment-failure-handler",
        "user.signed_up", "auth callback route", "payment.failed", "Stripe webhook", "Inngest Cloud", "HTTP POST",
        "once per step", "the function exits between requests", "results of finished steps", "stored results",
        "send-welcome-email", "Resend API", "sleep 7 days", "wait for user.completed_profile, up to 30 days",
        "send-tips-email",
    ],
    ("payment", "restate"): [
        "client", "/payments/charge/{userId}", "Restate Server", "durable proxy", "One pod (sidecar)", "PaymentService",
        "Node.js, Restate SDK", "Log", "RocksDB", "idempotency-check", "stripe-charge", "write-confirmation", "ctx.run",
        "PostgreSQL", "Stripe API", "virtual object", "Queue per userId", "u1", "1 runs, 2 wait", "keys side by side",
        "with the journal to", "replay",
        "Restate documents a single server or a cluster that all services share, not a sidecar",
        "happens at least once until its result is stored",
    ],
}  # fmt: skip

JOINTS: dict[tuple[str, str], list[str]] = {
    ("order-fulfillment", "temporal"): [
        "e-commerce API → Frontend: StartWorkflow order/created",
        "Frontend → WorkflowExecutionStarted: append the start",
        "… appended, never changed → PostgreSQL: persist",
        "WorkflowTaskScheduled → fulfillment-workflow: workflow task",
        "ActivityTaskScheduled → activity: activity task",
        "fulfillment-workflow ↔ workflow-worker: poll workflow tasks",
        "activity ↔ activity-worker: poll activity tasks",
        "InventoryService.checkStock → PostgreSQL: checkStock reserveStock",
        "PaymentService.charge → Stripe API: charge",
        "ShippingService.createLabel → FedEx API: createLabel",
        "EmailService.sendConfirmation → SendGrid: sendConfirmation",
        "activity-worker → ActivityTaskCompleted: result: appended, and a new workflow task (3)",
        "storefront → Frontend: SignalWorkflow CancelOrder",
        "fulfillment-workflow → CancelOrder: CancelOrder",
        "e-commerce API → Frontend: QueryWorkflow status",
        "fulfillment-workflow → status: status",
        "PaymentService.refund → Stripe API: refund",
    ],
    ("onboarding", "inngest"): [
        "auth callback route → Event API: user.signed_up",
        "Stripe webhook → Event API: payment.failed",
        "Executor → /api/inngest: HTTP POST /api/inngest once per step, with all stored results",
        "Next.js app → Executor: 206: the step's result, or what it waits for",
        "Executor ↔ results of finished steps: load, then save each result",
        "send-welcome-email → Resend API: sendWelcome sendTips",
    ],
    ("payment", "restate"): [
        "client → Ingress: POST /payments/charge/{userId}",
        "Ingress → invocation: append, then go on",
        "… appended, never changed → RocksDB: stored with",
        "invocation → Queue per userId: enqueue by key",
        "Queue per userId → Invoker: first of each key",
        "Invoker → PaymentService: HTTP/2 stream: invoke; after a crash again, with the journal to replay",
        "idempotency-check → PostgreSQL: checkIdempotency writeConfirmation",
        "stripe-charge → Stripe API: charge",
        "PaymentService → result of a step: result of each ctx.run",
    ],
}

PICTURES = [(name, engine) for name in builtin_names() for engine in compared()]


def joint(diagram: Diagram, edge: Edge) -> str:
    words = " ".join(edge.label.split())
    return f"{diagram.name(edge.tail)} {'↔' if edge.both else '→'} {diagram.name(edge.head)}" + (
        f": {words}" if words else ""
    )


@pytest.mark.parametrize(("name", "engine"), ELEMENTS)
def test_every_element_can_be_read(name: str, engine: str) -> None:
    drawn = architecture.draw(load_scenario(name), engine)
    texts = " ".join(text.text for text in drawn.canvas.texts)
    assert [element for element in ELEMENTS[name, engine] if element not in texts] == []


@pytest.mark.parametrize(("name", "engine"), JOINTS)
def test_every_element_is_joined_to_its_neighbour(name: str, engine: str) -> None:
    diagram = architecture.diagram(load_scenario(name), engine)
    found = {joint(diagram, edge) for edge in diagram.edges}
    assert [each for each in JOINTS[name, engine] if each not in found] == []


@pytest.mark.parametrize(("name", "engine"), PICTURES)
def test_it_can_be_read_in_a_readme(name: str, engine: str) -> None:
    """880 px wide there: nothing is made smaller, and one reads from top to bottom."""
    drawn = architecture.draw(load_scenario(name), engine)
    assert drawn.width <= 880
    assert min(text.size for text in drawn.canvas.texts) >= 12
    diagram = architecture.diagram(load_scenario(name), engine)
    places = lay_out(diagram).nodes
    clients = [places[node.key].y for node in diagram.nodes if node.role == "client"]
    services = [places[node.key].y for node in diagram.nodes if node.role == "service"]
    apps = [places[node.key].y for node in diagram.nodes if node.role == "app"]
    assert max(clients) < min(apps) <= max(apps) < min(services)
    assert max(services) - min(services) < 40, "the services are one row"


@pytest.mark.parametrize(("name", "engine"), PICTURES)
def test_one_arrow_for_each_service_and_one_for_what_is_undone_there(name: str, engine: str) -> None:
    scenario = load_scenario(name)
    edges = architecture.diagram(scenario, engine).edges
    calls = Counter(
        (edge.tail.partition("/")[0], edge.head, edge.style) for edge in edges if edge.head.startswith("service.")
    )
    assert max(calls.values()) <= len(scenario.workflows), "from each workflow"


@pytest.mark.parametrize(("name", "engine"), [*product(builtin_names(), compared())])
def test_the_cross_lies_on_no_text_and_stands_apart_from_arrows(name: str, engine: str) -> None:
    """Where Stripe is down it touched the last letter of its name, and stood next to an arrow's head."""
    picture, group = architecture.draw(load_scenario(name), engine), list[str]()
    crosses, ends = set[tuple[float, float]](), list[tuple[float, float]]()
    for mark in picture.canvas.marks:
        if isinstance(mark, Open):
            group.append(mark.name)
        elif isinstance(mark, Close):
            group.pop()
        elif isinstance(mark, Path) and group and group[-1] in ("struck", "edge"):
            points = [(float(step[-2]), float(step[-1])) for step in mark.steps if len(step) > 2]
            if group[-1] == "struck":
                crosses.add((sum(x for x, _ in points) / 2, sum(y for _, y in points) / 2))
            else:
                ends += points
    for x, y in crosses:
        assert min(hypot(x - to_x, y - to_y) for to_x, to_y in ends) > 3 * CROSS
        beside = [text for text in picture.canvas.texts if abs(text.y - 4 - y) < 6 + CROSS]
        near = [text.text for text in beside if text.left < x + CROSS and text.left + text.width > x - CROSS]
        assert near == []


@pytest.mark.parametrize("engine", compared())
def test_what_the_scenario_breaks_is_marked(engine: str) -> None:
    died = architecture.diagram(load_scenario("order-fulfillment"), engine)
    assert [died.node(struck).role for struck in died.struck] == ["app"]
    if engine == "temporal":
        assert died.struck == {"worker.activity-worker"}, "the one that charges the card, not the workflow's"
    assert architecture.diagram(load_scenario("order-fulfillment-engine-crash"), engine).struck == {"server"}
    assert architecture.diagram(load_scenario("order-fulfillment-outage"), engine).struck == {"service.stripe"}
    assert not architecture.diagram(load_scenario("order-fulfillment-cancel"), engine).struck
    assert "A red cross marks what the scenario breaks: app is killed" in died.notes[0]


def test_the_steps_stand_in_their_order() -> None:
    worker = architecture.diagram(load_scenario("order-fulfillment"), "temporal").node("worker.workflow-worker")
    steps = ["check-inventory", "reserve-stock", "charge-payment", "create-shipment", "send-confirmation"]
    assert [(row.mark, row.text) for row in worker.sections[0].rows] == [(str(at), s) for at, s in enumerate(steps, 1)]


def test_replicas_are_drawn_as_a_stack() -> None:
    diagram = architecture.diagram(load_scenario("order-fulfillment"), "temporal")
    pools = {node.title: (node.shape, node.copies) for node in diagram.nodes if node.role == "app"}
    assert pools == {"workflow-worker": ("stack", 3), "activity-worker": ("stack", 5)}


def test_the_sidecar_stands_in_one_pod_with_its_service() -> None:
    diagram = architecture.diagram(load_scenario("payment"), "restate")
    assert {group.key: group.parent for group in diagram.groups} == {"pod": "", "server": "pod"}
    assert diagram.node("service").group == "pod"


@pytest.mark.parametrize("engine", compared())
@pytest.mark.parametrize("name", ["agent", "agent-fan-out"])
def test_what_the_models_of_the_agent_cost_is_said(name: str, engine: str) -> None:
    texts = [text.text for text in architecture.draw(load_scenario(name), engine).canvas.texts]
    assert {"0.05 USD a call", "0.02 USD a call", "plan", "synthesize", "subtask-1 … subtask-10"} <= set(texts)


@pytest.mark.parametrize(("name", "engine"), PICTURES)
def test_every_picture_has_a_legend_and_notes(name: str, engine: str) -> None:
    svg = architecture.draw(load_scenario(name), engine).svg()
    assert '<g class="legend">' in svg
    assert '<g class="notes">' in svg


def test_an_unknown_engine_is_an_error() -> None:
    with pytest.raises(ValueError, match="there is no engine"):
        architecture.draw(load_scenario("payment"), "cadence")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("engine", compared())
def test_what_has_no_row_is_counted(engine: str) -> None:
    """Sixty steps: 47 have a row, and a row says that 13 more have none; many calls of a service are one arrow."""
    steps = [{"run": f"step-{n}", "on": f"s{n % 3}"} for n in range(60)]
    asked = Scenario.model_validate(
        {"scenario": "s", "services": {"s0": {}, "s1": {}, "s2": {}}, "workflows": {"w": {"steps": steps}}}
    )
    drawn = architecture.diagram(asked, engine)
    rows = [row.text for node in drawn.nodes for row in node.rows]
    assert "… 13 more steps" in rows
    assert "step-46" in rows
    calls = [edge for edge in drawn.edges if edge.head.startswith("service.")]
    assert len(calls) == 3
    assert all("steps" in edge.label for edge in calls)


@pytest.mark.parametrize("engine", compared())
def test_over_twelve_unlike_steps_stand_in_columns(engine: str) -> None:
    """Forty were one column of 24, and a row that said how many more there are."""
    names = [f"{word}-{each}" for each in "abcdefgh" for word in ("check", "charge", "ship", "notify", "close")]
    steps = [{"run": name, "on": f"s{at % 3}"} for at, name in enumerate(names)]
    asked = Scenario.model_validate(
        {"scenario": "s", "services": {"s0": {}, "s1": {}, "s2": {}}, "workflows": {"w": {"steps": steps}}}
    )
    drawn = architecture.draw(asked, engine)
    assert drawn.width <= 880
    places = {text.text: text for text in drawn.canvas.texts if text.text in names}
    assert set(places) == set(names), "none is left out"
    tall = [text.y for text in places.values()]
    assert max(tall) - min(tall) < 16 * 22, "of a column fourteen stand over each other"
    assert architecture.draw(asked, engine, wide=True).width > 880, "and for a stage, too"


@pytest.mark.parametrize("engine", compared())
def test_steps_whose_names_differ_in_a_number_are_one_row(engine: str) -> None:
    """Thirty branches filled twenty-three rows, and nine had none; of long names only the number is said again."""
    branches = [[{"run": f"a step whose long name says what it does, {n}"}] for n in range(1, 31)]
    steps = [{"run": "plan"}, {"parallel": branches}, *({"run": f"step-{n}"} for n in range(1, 5))]
    asked = Scenario.model_validate({"scenario": "s", "workflows": {"w": {"steps": steps}}})
    rows = [row.text for node in architecture.diagram(asked, engine).nodes for row in node.rows]
    assert {"plan", "a step whose long name says what it does, 1 … 30", "step-1 … step-4"} <= set(rows)
    assert not any("more" in row for row in rows)
    assert "a step whose long name says what it does, 1" not in rows, "Temporal's activities say so, too"


@pytest.mark.parametrize(("name", "engine"), PICTURES)
def test_for_a_stage_it_reads_from_left_to_right(name: str, engine: str) -> None:
    """The player's stage is wider than high: a picture from top to bottom would be too small to read there."""
    drawn = architecture.draw(load_scenario(name), engine, wide=True)
    assert drawn.width > 1.3 * drawn.height


@pytest.mark.parametrize("engine", compared())
def test_what_undoes_is_dashed_on_the_lane_of_what_it_undoes(engine: str) -> None:
    scenario = load_scenario("order-fulfillment")
    diagram = architecture.diagram(scenario, engine)
    layout, riding = lay_out(diagram), riders(diagram)
    assert {diagram.edges[at].label for at in riding} == {"releaseStock", "refund", "cancelLabel"}
    for undo, call in riding.items():
        assert diagram.edges[undo].head == diagram.edges[call].head
        for (x, y), (other_x, other_y) in zip(layout.edges[undo].points, layout.edges[call].points, strict=True):
            assert 0 < hypot(x - other_x, y - other_y) <= LANE + 0.2
    drawn = architecture.draw(scenario, engine)
    red = [text.text for text in drawn.canvas.texts if text.ink == STROKES["undo"].colour]
    assert {"undo: releaseStock", "undo: refund", "undo: cancelLabel"} <= set(red)


@pytest.mark.parametrize("engine", compared())
def test_the_load_on_an_arrow_counts_the_calls_of_all_its_steps(engine: str) -> None:
    """One arrow stands for checkStock and reserveStock."""
    scenario = load_scenario("order-fulfillment")
    drawn = draw_loaded(scenario, simulate(scenario, engine, full=True))
    labels = [dict(mark.data)["label"] for mark in drawn.canvas.marks if isinstance(mark, Open) and mark.name == "edge"]
    assert any("checkStock reserveStock × 2" in label for label in labels), labels
    assert not any(label.endswith("sendConfirmation × 0") for label in labels)


@pytest.mark.parametrize("engine", compared())
@pytest.mark.parametrize("name", builtin_names())
def test_arrows_run_down_and_across_and_not_through_boxes(name: str, engine: str) -> None:
    """Curves were hard to follow where several ran together; a document's arrows are lines."""
    drawn = architecture.diagram(load_scenario(name), engine)
    layout = straightened(drawn, lay_out(drawn))
    for edge, curve in zip(drawn.edges, layout.edges, strict=True):
        ends = {end.partition("/")[0] for end in (edge.tail, edge.head)}
        for start, end in pairwise(curve.points):
            bow = abs(start[0] - end[0]) <= 7 and abs(start[1] - end[1]) <= 7
            assert bow or abs(start[0] - end[0]) < 1 or abs(start[1] - end[1]) < 1, (edge.tail, edge.head)
            for key, box in layout.nodes.items():
                between = sorted((start[0], end[0])), sorted((start[1], end[1]))
                across = between[0][0] < box.x + box.width and between[0][1] > box.x
                down = between[1][0] < box.y + box.height and between[1][1] > box.y
                assert key in ends or not (across and down), (edge.tail, edge.head, key)


def test_an_arrow_between_boxes_that_stand_over_each_other_is_straight_and_its_undo_rides_beside_it() -> None:
    drawn = architecture.diagram(load_scenario("order-fulfillment"), "restate")
    layout = straightened(drawn, lay_out(drawn))
    charge = next(at for at, edge in enumerate(drawn.edges) if edge.label == "charge")
    refund = next(at for at, edge in enumerate(drawn.edges) if edge.label == "refund")
    for at in (charge, refund):
        assert len({x for x, _ in layout.edges[at].points}) == 1
    assert layout.edges[refund].points[0][0] - layout.edges[charge].points[0][0] == LANE


@pytest.mark.parametrize("engine", compared())
@pytest.mark.parametrize("name", builtin_names())
def test_no_arrow_runs_along_a_frames_line(name: str, engine: str) -> None:
    """Temporal's fifth arrow ran down the server's side, and Inngest's seventh along the top of the app's host."""
    drawn = architecture.diagram(load_scenario(name), engine)
    layout, _ = titled(drawn, straightened(drawn, lay_out(drawn)))
    for edge, curve in zip(drawn.edges, layout.edges, strict=True):
        for key, frame in layout.groups.items():
            for axis, sides, reach in (
                (0, (frame.x, frame.x + frame.width), (frame.y, frame.y + frame.height)),
                (1, (frame.y, frame.y + frame.height), (frame.x, frame.x + frame.width)),
            ):
                for start, end in pairwise(curve.points):
                    low, high = sorted((start[1 - axis], end[1 - axis]))
                    shared = min(high, reach[1]) - max(low, reach[0])
                    near = min(max(abs(start[axis] - side), abs(end[axis] - side)) for side in sides)
                    assert shared < 12 or near >= 6, (edge.tail, edge.head, key, near, shared)


@pytest.mark.parametrize(("name", "engine"), [("order-fulfillment", "temporal"), ("onboarding", "restate")])
def test_arrows_swap_their_lanes_where_they_would_cross(name: str, engine: str) -> None:
    """The query's arrow, laid first, went down where the signal's had to come across."""
    drawn = architecture.draw(load_scenario(name), engine)
    ways: list[list[tuple[float, float]]] = []
    for at, mark in enumerate(drawn.canvas.marks):
        if isinstance(mark, Open) and mark.name == "edge" and ("head", _INTO[engine]) in mark.data:
            path = drawn.canvas.marks[at + 1]
            assert isinstance(path, Path)
            ways.append([(float(step[-2]), float(step[-1])) for step in path.steps])
    assert len(ways) == 3
    for one, other in combinations(ways, 2):
        for (a, b), (c, d) in product(pairwise(one), pairwise(other)):
            upright, level = ((a, b), (c, d)) if a[0] == b[0] else ((c, d), (a, b))
            over = min(level[0][0], level[1][0]) < upright[0][0] < max(level[0][0], level[1][0])
            assert not (over and min(upright[0][1], upright[1][1]) < level[0][1] < max(upright[0][1], upright[1][1]))


_INTO = {"temporal": "frontend", "restate": "ingress"}


def test_an_arrow_that_finds_no_way_keeps_its_curve() -> None:
    drawn = architecture.diagram(load_scenario("payment"), "restate")
    plain = lay_out(drawn)
    wall = Rect(-1000, plain.nodes["ingress"].y - 20, 3000, 10)
    walled = replace(plain, nodes={**plain.nodes, "wall": wall})
    start = next(at for at, edge in enumerate(drawn.edges) if edge.head == "ingress")
    assert straightened(drawn, walled).edges[start] == plain.edges[start]
    assert straightened(drawn, plain).edges[start] != plain.edges[start]
