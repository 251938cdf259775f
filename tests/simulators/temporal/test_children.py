"""Children when their parent closes first, and what a parent may ask of one that has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from durascope.models.loading import load_scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate

PARENT = """
scenario: parent-close
workflows:
  parent: {{steps: [{child}, {{run: quick, takes: 100ms}}]}}
  child: {{steps: [{{sleep: 5s}}, {{run: child-effect, takes: 50ms}}]}}
workload: {{runs: 1, of: parent}}
"""


def simulated(tmp_path: Path, child: str) -> Trace:
    file = tmp_path / "parent-close.yaml"
    file.write_text(PARENT.format(child=child), "utf-8")
    return simulate(load_scenario(file), "temporal", seed=0)


@pytest.mark.parametrize(
    ("child", "status", "effects"),
    [
        ("{start: child}", "completed", 1),
        ("{start: child, on_close: abandon}", "completed", 1),
        ("{start: child, on_close: terminate}", "terminated", 0),
        ("{start: child, on_close: cancel}", "cancelled", 0),
    ],
)
def test_a_started_child_goes_on_is_asked_to_end_or_ends_with_its_parent(
    tmp_path: Path, child: str, status: str, effects: int
) -> None:
    trace = simulated(tmp_path, child)
    assert trace.status == {"run 1": "completed", "run 1/child": status}
    assert trace.effects.get("child-effect", 0) == effects
    assert ("WorkflowExecutionCancelRequested" in trace.records["run 1/child"]) == (status == "cancelled")


@pytest.mark.parametrize(
    ("on_close", "status"),
    [("", "terminated"), (", on_close: abandon", "completed"), (", on_close: cancel", "cancelled")],
)
def test_a_called_child_is_terminated_with_a_terminated_parent_unless_it_says_otherwise(
    tmp_path: Path, on_close: str, status: str
) -> None:
    file = tmp_path / "called.yaml"
    file.write_text(f"""
scenario: called
workflows:
  parent: {{steps: [{{call: child{on_close}}}]}}
  child: {{steps: [{{sleep: 5s}}]}}
workload: {{runs: 1, of: parent, events: [{{operator: kill, to: 1, at: 1s}}]}}
""")
    trace = simulate(load_scenario(file), "temporal", seed=0)
    assert trace.status == {"run 1": "terminated", "run 1/child": status}
