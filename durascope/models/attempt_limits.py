"""How long one attempt of a step may take on Temporal, which demands a limit, where the scenario names none."""

from __future__ import annotations

from typing import Final

from durascope.models.durations import SECOND
from durascope.models.run_step import Run
from durascope.models.scenario import OWN_STEP, Scenario

_MINUTE: Final = 60 * SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_ROUND: Final = (
    30 * SECOND, _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY,
)  # fmt: skip
"""The limits that are chosen from, in microseconds."""
_ROOM: Final = 2
"""A chosen limit is this multiple of what 99 of 100 attempts take."""


def slowest(scenario: Scenario, step: Run) -> int:
    """The time in microseconds that 99 of 100 attempts of the step stay below."""
    service = scenario.services.get(step.on or "", OWN_STEP)
    takes = service.latency if step.takes is None else step.takes
    return max(spread.at(0.99) for spread in (takes if isinstance(takes, tuple) else (takes,)))


def start_to_close(scenario: Scenario, step: Run) -> int:
    """The start-to-close timeout of the step's activity in microseconds.

    It is the step's own `timeout`, else the deployment's `step_timeout`. Where neither is written and the default would
    end the step's attempts, it is a longer one (`chosen_limit`).
    """
    return step.timeout or chosen_limit(scenario, step) or scenario.deployments.temporal.step_timeout


def chosen_limit(scenario: Scenario, step: Run) -> int | None:
    """The limit in microseconds that durascope chose for a step; None where the scenario says it, or the default does.

    It is the shortest round one that is twice as long as 99 of 100 attempts take.
    """
    deployment = scenario.deployments.temporal
    if step.timeout is not None or "step_timeout" in deployment.model_fields_set:
        return None
    longest = slowest(scenario, step)
    if longest <= deployment.step_timeout:
        return None
    return next((limit for limit in _ROUND if limit >= _ROOM * longest), _ROOM * longest)
