"""Start requests that are repeated: what they start is what the real server was seen to start."""

from __future__ import annotations

from durascope.models.scenario import Scenario
from durascope.simulators.engine import StartRequest
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.engine import Temporal
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
