"""Makes a scenario that differs smaller while it still differs: faults, events, steps and options go, one by one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

from durascope.models.problems import ScenarioProblems
from durascope.models.scenario import Scenario
from durascope.models.steps import STEP_KINDS
from tests.live.battery.drawing import read

Plain = dict[str, Any]
Path = tuple[str | int, ...]

KEPT: Final = frozenset({"scenario", "workflows", "steps", *STEP_KINDS})
"""Fields that are never left out where they stand: without them it is another thing, or none."""
LISTS_OF_STEPS: Final = ("steps", "do", "then", "on_timeout", "otherwise", "on_failure")


def minimised(
    scenario: Scenario, differs: Callable[[Scenario], bool], *, runs: int, tell: Callable[[str], None] = lambda _: None
) -> Scenario:
    """The smallest that was found in so many runs. `differs` runs one for real."""
    smallest = written(scenario)
    left = runs
    tried: set[str] = set()
    progress = True
    while progress and left:
        progress = False
        for what, smaller in smaller_ones(smallest):
            if repr(smaller) in tried:
                continue
            tried.add(repr(smaller))
            try:
                candidate = read(smaller)
            except ScenarioProblems:
                continue
            if not left:
                break
            left -= 1
            if differs(candidate):
                tell(f"still differs without {what}")
                smallest, progress = smaller, True
                break
    return read(smallest)


def written(scenario: Scenario) -> Plain:
    """What the scenario says, without what is a default."""
    return scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def smaller_ones(plain: Plain) -> Iterator[tuple[str, Plain]]:
    """Every scenario that is one thing shorter, the biggest things first; not all of them are valid."""
    for name in plain.get("workflows", {}):
        if len(plain["workflows"]) > 1:
            yield f"workflow {name}", _without(plain, ("workflows", name))
    if plain.get("workload", {}).get("runs", 1) > 1:
        yield "the other runs", _without(plain, ("workload", "runs"), ("workload", "arrivals"), ("workload", "keys"))
    for place in ("faults",):
        for number in range(len(plain.get(place, ()))):
            yield f"fault {number + 1}", _without(plain, (place, number))
    for number in range(len(plain.get("workload", {}).get("events", ()))):
        yield f"event {number + 1}", _without(plain, ("workload", "events", number))
    steps = list(_steps(plain, ()))
    for path in steps:
        yield f"step {_name(plain, path)}", _without(plain, path)
    for path in steps:
        for inner in _inner(plain, path):
            yield f"what is around {_name(plain, path)}", _replaced(plain, path, inner)
    for path in _options(plain, ()):
        yield ".".join(map(str, path)), _without(plain, path)


def _steps(part: Any, path: Path) -> Iterator[Path]:
    """Where steps stand, outer before inner, the last first."""
    if isinstance(part, dict):
        if path and isinstance(path[-1], int) and any(kind in part for kind in STEP_KINDS):
            yield path
        for key, value in part.items():
            yield from _steps(value, (*path, key))
    elif isinstance(part, list) and path[0] == "workflows":
        for number in reversed(range(len(part))):
            yield from _steps(part[number], (*path, number))


def _inner(plain: Plain, path: Path) -> Iterator[list[Any]]:
    """The lists of steps that a step holds: what may stand in its place."""
    step = _at(plain, path)
    for key in LISTS_OF_STEPS:
        if isinstance(step.get(key), list) and "wait_for" not in step:
            yield step[key]
    for key in ("parallel", "race"):
        for branch in step.get(key, ()):
            yield branch if isinstance(branch, list) else [branch]


def _options(part: Any, path: Path) -> Iterator[Path]:
    """Every field that may be left out, outer before inner."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key not in KEPT and len(path) > 0:
                yield (*path, key)
            yield from _options(value, (*path, key))
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from _options(value, (*path, number))


def _at(part: Any, path: Path) -> Any:
    for key in path:
        part = part[key]
    return part


def _without(plain: Plain, *paths: Path) -> Plain:
    smaller = copy.deepcopy(plain)
    for path in paths:
        inside = _at(smaller, path[:-1])
        match path[-1]:
            case int(number):
                del inside[number]
            case key:
                inside.pop(key, None)
    return smaller


def _replaced(plain: Plain, path: Path, steps: list[Any]) -> Plain:
    smaller = copy.deepcopy(plain)
    around = _at(smaller, path[:-1])
    at = int(path[-1])
    around[at : at + 1] = copy.deepcopy(steps)
    return smaller


def _name(plain: Plain, path: Path) -> str:
    step = _at(plain, path)
    kind = next(kind for kind in STEP_KINDS if kind in step)
    return f"{kind} {step.get('name', step[kind] if isinstance(step[kind], str) else '')}".strip()
