"""Where the SDKs differ: the same scenario with Python and with TypeScript."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from durascope.models.loading import load_scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate

Simulated = Callable[..., Trace]


@pytest.fixture
def simulated(tmp_path: Path) -> Simulated:
    def run(sdk: str, text: str, options: str = "") -> Trace:
        file = tmp_path / "case.yaml"
        workers = f"deployments: {{temporal: {{workers: [{{name: worker, runs: both, sdk: {sdk}{options}}}]}}}}\n"
        file.write_text("scenario: case\n" + workers + text, "utf-8")
        return simulate(load_scenario(file), "temporal", seed=0)

    return run


CANCELLED = """
workflows:
  wf: {steps: [{run: long, takes: 8s, timeout: 1m, cancellation: wait}, %s]}
workload: {runs: 1, events: [{operator: cancel, to: 1, at: 2s}]}
"""


@pytest.mark.parametrize(("sdk", "status", "effects"), [("python", "completed", 1), ("typescript", "cancelled", 0)])
def test_a_cancelled_scope_refuses_the_next_step(simulated: Simulated, sdk: str, status: str, effects: int) -> None:
    """The activity that is awaited with `wait` goes on to its end; what follows begins only in Python (recorded)."""
    trace = simulated(sdk, CANCELLED % "{run: next, takes: 50ms}")
    assert trace.status == {"run 1": status}
    assert (trace.effects["long"], trace.effects.get("next", 0)) == (1, effects)
    assert trace.records["run 1"][-1] == f"WorkflowExecution{'Completed' if effects else 'Canceled'}"


@pytest.mark.parametrize("step", ["{sleep: 1s}", "{wait_for: go, timeout: 1s}", "{call: other}", "{send: x, to: 1}"])
def test_a_cancelled_scope_refuses_whatever_asks_the_server(simulated: Simulated, step: str) -> None:
    other = "  other: {steps: [{run: b}, {wait_for: x, timeout: 1s}]}\nworkload:"
    text = (CANCELLED % step).replace("workload:", other).replace("{runs: 1,", "{runs: 1, of: wf,")
    assert simulated("typescript", text).status["run 1"] == "cancelled"
    assert simulated("python", text).status["run 1"] != "cancelled"


def test_what_was_begun_is_undone_all_the_same(simulated: Simulated) -> None:
    text = (CANCELLED % "{run: next}").replace("cancellation: wait", "cancellation: wait, undo: back")
    for sdk in ("python", "typescript"):
        trace = simulated(sdk, text)
        assert trace.effects.get("back", 0) == (sdk == "typescript"), "in Python the run completed"


def test_typescript_has_two_slots_for_workflow_tasks_where_it_has_a_cache(simulated: Simulated) -> None:
    text = "workflows: {wf: {steps: [{sleep: 1s}, {sleep: 1s}, {sleep: 1s}]}}"
    assert simulated("python", text, ", slots: 1").ended_at > 10_000_000, "the queues take turns"
    assert simulated("typescript", text, ", slots: 1").ended_at < 4_000_000


def test_a_sleep_of_nothing_is_a_timer_of_a_millisecond_in_typescript(simulated: Simulated) -> None:
    text = "workflows: {wf: {steps: [{sleep: 0s}]}}"
    assert "TimerStarted 1 1ms" in simulated("typescript", text).records["run 1"]
    assert not any(line.startswith("TimerStarted") for line in simulated("python", text).records["run 1"])
