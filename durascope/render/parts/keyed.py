"""What waits for a key, with the keys of the workload where it names them."""

from __future__ import annotations

from durascope.models.scenario import Scenario
from durascope.render.diagram import Row


def key_name(scenario: Scenario) -> str:
    """What a key is of: `userId`."""
    return next((each.key for each in scenario.workflows.values() if each.key), None) or "key"


def key_rows(scenario: Scenario) -> tuple[Row, ...]:
    """A row for each key, the first few: how many requests for it run, and how many wait."""
    keys = list(dict.fromkeys(map(str, scenario.workload.keys or ())))[:4] or ["key 1", "key 2"]
    counted = [str(each) for each in scenario.workload.keys or ()]
    return tuple(Row(key, _waiting(counted.count(key)), key=key) for key in keys)


def _waiting(count: int) -> str:
    if count == 0:
        return "one runs, the others wait"
    return "1 runs" + (f", {count - 1} wait{'s' if count == 2 else ''}" if count > 1 else "")
