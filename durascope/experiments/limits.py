"""How far a scenario is from the limits of its engines and vendors, as simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from durascope.experiments.prices import Prices, VendorLimit
from durascope.models.scenario import Scenario
from durascope.models.steps import Sleep
from durascope.models.units import Spread


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One limit and the largest that the scenario came to."""

    engine: str
    what: str
    found: float
    limit: float
    warning: float | None
    then: str
    """What happens at the limit."""

    @property
    def share(self) -> float:
        """How much of the limit is used; above 1 it is hit."""
        return self.found / self.limit

    @property
    def growth(self) -> float | None:
        """By how much the scenario can grow, in proportion, before the limit is hit; None: it uses nothing of it."""
        return self.limit / self.found if self.found else None


def limit_uses(scenario: Scenario, prices: Prices, counters: Mapping[str, float]) -> list[LimitUse]:
    """Every limit of the vendor that can be told for this scenario, the nearest first."""
    found: list[LimitUse] = []
    for each in prices.limits:
        used = _used(scenario, each, counters)
        if used:
            found.append(LimitUse(prices.engine, each.what, used, each.limit, each.warning, each.then))
    return sorted(found, key=lambda use: -use.share)


def host_limits(scenario: Scenario, engine: str) -> list[LimitUse]:
    """How long the host of the app lets one request run (dated facts, `models/platforms.yaml`), beside one step."""
    deployments = scenario.deployments
    match engine:
        case "inngest":
            platform, limit = deployments.inngest.app.platform, deployments.inngest.app.longest_request
        case "restate":
            platform, limit = deployments.restate.service.platform, deployments.restate.service.longest_request
        case _:
            return []
    longest = _longest_step(scenario)
    if limit is None or longest is None:
        return []
    what = f"one step, of what {platform or 'the host'} lets a request run"
    return [LimitUse(engine, what, longest, limit, None, "the host ends the request; the step runs again")]


def _longest_step(scenario: Scenario) -> float | None:
    steps = [step for _, step in scenario.runs()]
    spreads = [step.takes if isinstance(step.takes, tuple) else (step.takes,) for step in steps]
    given = [spread for each in spreads for spread in each if spread is not None]
    given += [scenario.services[step.on].latency for step in steps if step.takes is None and step.on]
    return max(map(_long, given), default=None)


def _used(scenario: Scenario, limit: VendorLimit, counters: Mapping[str, float]) -> float | None:
    if limit.counter is not None:
        return counters.get(limit.counter)
    if limit.share is not None:
        return counters[limit.share] * limit.limit if limit.share in counters else None
    steps = [step for _, step in scenario.runs()]
    match limit.field:
        case "size":
            return max((step.size for step in steps if step.size is not None), default=None)
        case "takes":
            return _longest_step(scenario)
        case "sleep":
            every = (step for workflow in scenario.workflows.values() for step in workflow.walk())
            return max((float(_long(step.sleep)) for step in every if isinstance(step, Sleep)), default=None)
        case None:
            return None


def _long(spread: Spread | int) -> float:
    """The longest that is to be expected: 99 of 100 are shorter."""
    return float(spread if isinstance(spread, int) else spread.at(0.99))
