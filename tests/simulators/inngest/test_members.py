"""A large group passed by its target alone: the same simulation as with all of its branches begun."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.inngest.python_sdk import PythonSdk
from durascope.simulators.program.loop import Coroutine
from durascope.simulators.program.members import Members
from durascope.simulators.simulate import simulate

COUNT = 12


def each(**options: Any) -> dict[str, Any]:
    return {"for_each": COUNT, "as": "n", "do": [{"run": "page {n}", "takes": "20ms", **options}]}


GROUPS: dict[str, list[Any]] = {
    "one name": [{"for_each": COUNT, "do": [{"run": "page", "takes": "20ms"}]}],
    "a name each": [each()],
    "branches": [{"parallel": [{"run": f"b{number % 7}", "takes": f"{number + 1}ms"} for number in range(COUNT)]}],
    "one fails for good": [each(fails={"times": 1, "retryable": False})],
    "each fails at first": [each(fails=1)],
    "results": [
        {"parallel": [{"run": f"b{number}", "result": {"ok": 0.5}} for number in range(COUNT)]},
        {"choose": [{"when": "ok", "do": [{"run": "right"}]}, {"otherwise": [{"run": "wrong"}]}]},
    ],
    "two, of the same names": [each(), {"sleep": "1s", "name": "between"}, each(), {"run": "page 3"}],
    "a name before": [{"run": "page 3"}, each()],
    "within a branch": [{"parallel": [[{"run": "a"}, each(), {"run": "c"}], {"run": "b", "takes": "1s"}]}],
    "a few at once": [{**each(), "at_once": 3}],
    "in mode race": [{"parallel": [{"run": f"b{number}"} for number in range(COUNT)], "mode": "race"}],
    "undone": [each(undo={"run": "undo {n}"}), {"fail": "at last"}],
    "two steps": [{"for_each": COUNT, "do": [{"run": "a"}, {"run": "b"}]}],
}


def simulated(steps: list[Any], **more: Any) -> Trace:
    scenario = Scenario.model_validate(
        {
            "scenario": "group",
            "workflows": {"main": {"steps": steps}},
            "deployments": {"inngest": {"app": {"sdk": "python"}, "backoff": "1s"}},
            **more,
        }
    )
    return simulate(scenario, "inngest", seed=3)


@pytest.mark.parametrize("faults", [[], [{"crash": "app", "at": "450ms", "down_for": "300ms"}]], ids=["", "crash"])
@pytest.mark.parametrize("steps", GROUPS.values(), ids=GROUPS.keys())
def test_a_target_that_is_found_at_once_changes_nothing(
    steps: list[Any], faults: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = simulated(steps, faults=faults)
    found: list[object] = []
    find = PythonSdk.find

    def counted(self: PythonSdk, members: Members) -> Coroutine:
        found.append(members)
        return find(self, members)

    monkeypatch.setattr(PythonSdk, "find", counted)
    monkeypatch.setattr("durascope.simulators.program.members.MANY", 1)
    at_once = simulated(steps, faults=faults)
    assert at_once.records == begun.records
    assert at_once.events == begun.events
    assert (at_once.status, at_once.effects) == (begun.status, begun.effects)
    if steps in (GROUPS["one name"], GROUPS["a name each"], GROUPS["branches"], GROUPS["results"]):
        assert found
