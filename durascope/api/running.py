"""Simulating a scenario, on one engine or on several."""

from __future__ import annotations

from typing import overload

from durascope.api.asking import Target, load
from durascope.api.results import Result, Results
from durascope.models.engine import compared
from durascope.models.engine import engine as spec_of


@overload
def run(target: Target, engines: str, *, seed: int = 0, full: bool | None = None) -> Result: ...
@overload
def run(
    target: Target,
    engines: list[str] | tuple[str, ...] | None = None,
    *,
    seed: int = 0,
    full: bool | None = None,
) -> Results: ...


def run(
    target: Target,
    engines: str | list[str] | tuple[str, ...] | None = None,
    *,
    seed: int = 0,
    full: bool | None = None,
) -> Result | Results:
    """Simulates a scenario with its faults; the same arguments give the same result, on every machine.

    Args:
        target: As for `load`: a scenario, a file, a name, YAML.
        engines: One engine gives its `Result`; several, or none (all but the baselines), give `Results`.
        seed: What every random draw depends on.
        full: Whether to keep every event and record; default: up to 100 runs.

    Raises:
        ScenarioProblems: The scenario is not valid.
        UnknownEngine: There is no such engine.

    >>> result = durascope.run("order-fulfillment", "temporal")
    >>> result
    <Result order-fulfillment on Temporal: completed after 12.5 s, 6 effects, 1 duplicate>
    >>> result.effects["charge-payment"]
    2
    >>> durascope.run("order-fulfillment", ["temporal", "restate"])
    <Results order-fulfillment: temporal, restate>
    """
    from durascope.experiments.compare import result

    scenario = load(target)
    chosen = (engines,) if isinstance(engines, str) else tuple(compared() if engines is None else engines)
    for each in chosen:
        spec_of(each)  # an unknown one is reported before anything runs
    found = [Result(scenario, result(scenario, each, seed=seed, full=full, records=full)) for each in chosen]
    return found[0] if isinstance(engines, str) else Results(scenario, tuple(found))
