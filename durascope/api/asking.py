"""Scenarios: which there are, reading one, and what can be said about it before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from durascope.models.engine import compared, names, notes_of
from durascope.models.engine import engine as spec_of
from durascope.models.scenario import Scenario

Target = str | Path | Scenario
"""A scenario, a file's path, the name of a built-in scenario, or the YAML itself (text of more than one line)."""


def scenarios() -> tuple[str, ...]:
    """The names of the built-in scenarios, in alphabetical order.

    >>> "order-fulfillment" in durascope.scenarios()
    True
    """
    from durascope.models.loading import builtin_names

    return builtin_names()


def engine_names() -> tuple[str, ...]:
    """The names of the engines: those that `run` takes unless it is told otherwise, then the baselines.

    >>> durascope.engine_names()
    ('temporal', 'inngest', 'restate', 'queue', 'state-machine', 'checkpoint')
    """
    chosen = compared()
    return (*chosen, *(name for name in names() if name not in chosen))


def load(
    target: Target,
    *,
    set: Mapping[str, object] | None = None,  # noqa: A002 - as on the command line
    crash: str | Iterable[str] = (),
    runs: int | None = None,
    rate: str | None = None,
) -> Scenario:
    """Reads a scenario, with changes.

    Args:
        target: The path of a file (a scenario or a conformance case), the name of a built-in scenario, the YAML
            itself, or a scenario that has been read before (only without changes).
        set: Fields to change, by path: `{"services.stripe.latency": "1s"}`. A step is addressed by its name.
        crash: Crashes to add, as phrases: `"app after-effect charge-payment down 5s"`, `"engine at 3s"`.
        runs: How many runs, in place of the scenario's.
        rate: Arrivals at random times, in place of the scenario's: `"5/s"`, `"300/m"`.

    Raises:
        ScenarioProblems: Everything that is wrong with the file and the changes, each with its place and a help.

    >>> durascope.load("payment", runs=7, set={"services.stripe.latency": "1s"})
    <Scenario payment: 1 workflow, 7 runs, 1 fault>
    >>> durascope.load("paymemt")
    Traceback (most recent call last):
    durascope.models.problems.ScenarioProblems: SCENARIO:1:1: error[unknown-scenario]: there is no scenario `paymemt`
    ...
      help: did you mean `payment`?
    """
    import json

    from durascope.models.loading import load_scenario
    from durascope.models.overrides import Overrides
    from durascope.models.reading import parse_scenario

    phrases = (crash,) if isinstance(crash, str) else tuple(crash)
    settings = tuple(f"{path}={json.dumps(value)}" for path, value in (set or {}).items())
    overrides = Overrides(settings, phrases, runs, rate)
    changed = bool(settings or phrases or runs is not None or rate is not None)
    if isinstance(target, Scenario):
        if changed:
            raise TypeError("changes are applied while a scenario is read: pass load() the file or the name")
        return target
    if isinstance(target, str) and "\n" in target:
        if changed:
            raise TypeError("changes are applied to files and built-in scenarios: change the text itself")
        return parse_scenario(target)
    return load_scenario(target, overrides)


def check(target: Target, engine: str | None = None) -> dict[str, tuple[str, ...]]:
    """What engines do not do by themselves of a scenario, and what a user does instead; by engine.

    The notes are those that `run` shows. A scenario that is not valid raises `ScenarioProblems`, as `load` does.

    Args:
        target: As for `load`.
        engine: Only this engine; default: all but the baselines.

    Raises:
        ScenarioProblems: The scenario is not valid.
        UnknownEngine: There is no such engine.

    >>> durascope.check("order-fulfillment", "temporal")
    {'temporal': ()}
    """
    scenario = load(target)
    return {name: notes_of(name, scenario) for name in ((spec_of(engine).name,) if engine else compared())}
