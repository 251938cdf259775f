"""Start requests that are repeated: what they start is what the real server was seen to start."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

from durascope.models.scenario import Scenario
from durascope.simulators.engine import OutsideEvent, StartRequest
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.channel import Channel
from durascope.simulators.temporal.client import Client
from durascope.simulators.temporal.constants import delays_of
from durascope.simulators.temporal.engine import Temporal
from durascope.simulators.temporal.findings import Accounts
from durascope.simulators.temporal.workflow_ids import WorkflowIds
from durascope.simulators.workload import run_info

SCENARIO = Scenario.model_validate({
    "scenario": "starting",
    "workflows": {
        "order": {"key": "user", "input": {"user": "unique"}, "steps": [{"run": "a", "takes": "10ms"}, {"call": "b"}]},
        "b": {"steps": [{"run": "c", "takes": "10ms"}]},
    },
})  # fmt: skip
SECOND = 1_000_000


def test_a_repeated_request_starts_another_run_once_another_has_started_one() -> None:
    """The server knows the request of the latest run only: r1, r2, r1 made three runs of one workflow id."""
    world = World(0, full=True)
    engine = Temporal(world, SCENARIO)
    runs = [run_info(world, SCENARIO, "order", f"run {number}", number, key="u") for number in (1, 2)]
    for at, run in enumerate((runs[0], runs[0], runs[1], runs[0])):
        world.after(at * SECOND, engine.start, [StartRequest(run)])
    world.run()
    found = engine.findings()
    assert list(found.records) == ["run 1", "run 1/b", "run 2", "run 2/b", "run 3", "run 3/b"]
    assert set(found.status.values()) == {"completed"}
    assert len({tuple(found.records[f"run {number}"]) for number in (1, 2, 3)}) == 1
    assert engine.services.effects == {"a": 3, "c": 3}


class Wires:
    """A channel that keeps when each request arrives."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.arrivals: dict[str, list[int]] = {}

    def call(self, _method: str, args: tuple[Any, ...], *_: object, delay: int, **_more: object) -> None:
        self.arrivals.setdefault(args[0], []).append(self._world.now + delay)


def test_requests_to_one_run_arrive_in_their_order_however_many_other_runs_are_asked_meanwhile() -> None:
    world = World(0, full=True)
    wires = Wires(world)
    client = Client(
        Component(world, "client"), cast("Channel", wires), delays_of({}, world.luck), SCENARIO, code={},
        ids=WorkflowIds(world, SCENARIO), accounts=cast("Accounts", None), starts_eagerly=lambda _: False,
    )  # fmt: skip
    for at, key in [(0, "u"), (1, "u"), *((2, f"other {number}") for number in range(10_001)), (3, "u")]:
        world.after(at, client.send, OutsideEvent(0, "send", "go", None, key, {}))
    world.run()
    asked, *_ = wires.arrivals.values()
    assert len(wires.arrivals) == 10_002
    assert len(asked) == 3
    assert all(one < other for one, other in pairwise(asked))
