"""Two questions that everybody asks of an engine: what if it dies itself, and what if new code goes live in flight?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from durascope.experiments.replication import Replication, replicate
from durascope.models.faults import Crash, Deploy
from durascope.models.run_step import Run
from durascope.models.scenario import Scenario

AWAY_US: Final = 5_000_000
"""For how long the engine is taken away (5 s)."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One disturbance halfway through the first run without faults, and what it led to."""

    at_us: int
    """When it struck."""
    statuses: Mapping[str, int]
    delay_us: float | None
    duplicates: int
    """Effects that happened again because of it."""


def engine_dies(scenario: Scenario, engine: str, seed: int) -> WhatIf:
    """Nothing happens but a crash of the engine, which is back after `AWAY_US`."""
    return _struck(scenario, engine, seed, {"crash": "engine", "down_for": f"{AWAY_US}us"}, Crash)


def new_code(scenario: Scenario, engine: str, seed: int) -> tuple[str, WhatIf] | None:
    """Nothing happens but a deploy that adds a step: before the first step that a run in flight has already passed.

    The name of the step that the new one comes before, and what it leads to; None where the workflow has no two steps.
    """
    name = scenario.started[0]
    steps = [step for step in scenario.workflows[name].steps if isinstance(step, Run)]
    if len(steps) < 2:
        return None
    change = {"insert": {"step": {"run": "added-by-the-deploy", "takes": "10ms"}, "before": steps[0].label}}
    deploy: dict[str, object] = {"deploy": name, "change": change}
    return steps[0].label, _struck(scenario, engine, seed, deploy, Deploy)


def _struck(
    scenario: Scenario, engine: str, seed: int, fault: Mapping[str, object], kind: type[Crash | Deploy]
) -> WhatIf:
    calm = scenario.model_copy(update={"faults": ()})
    undisturbed = replicate(calm, engine, seed)
    at = _middle(undisturbed)
    disturbed = calm.model_copy(update={"faults": (kind.model_validate({**fault, "at": f"{at}us"}),)})
    struck = replicate(disturbed, engine, seed)
    return WhatIf(at, struck.statuses, struck.delay_us, struck.duplicates - undisturbed.duplicates)


def _middle(undisturbed: Replication) -> int:
    return int(undisturbed.lasts_us // 2)
