"""(d) Metamorphic promises: what stays the same, or moves by a known amount, when a scenario is changed."""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final

from durascope.experiments.compare import as_json, compare
from durascope.models.engine import names
from durascope.models.laws import event_of
from durascope.models.overrides import Overrides
from durascope.models.problems import ScenarioProblems
from durascope.models.reading import parse_scenario, scenario_of
from durascope.models.scenario import Scenario
from durascope.models.source import Source
from durascope.models.trace import Kind, Trace
from durascope.models.yaml12 import compose
from durascope.render.exports import export
from durascope.render.exports.jsonl import as_dict
from durascope.simulators.simulate import simulate
from tests.fuzz.inputs import Tree, spots, text_of

TAKES: Final = (20_000, 90_000, 300_000, 1_000_000)
"""Microseconds."""
FACTOR: Final = 3
NEW_NAMES: Final = ("Mid", "a", "émile", "s1x", "zz-top", "Ω", "step 7", "b")


BY_NAME: Final = ("inngest",)
"""Engines whose own delays are drawn by the names of steps: a new name is another draw."""


def plain(draw: random.Random) -> Tree:
    """A scenario that leaves nothing outside to chance: steps one after the other, or side by side, runs far apart."""
    names = iter(f"s{number}" for number in range(100))
    steps: list[Any] = []
    for _ in range(draw.randint(1, 5)):
        match draw.choice(["run", "run", "run", "sleep", "parallel", "for_each", "retried"]):
            case "sleep":
                steps.append({"sleep": f"{draw.choice(TAKES)}us", "name": next(names)})
            case "parallel":
                steps.append({"parallel": [_step(draw, next(names)) for _ in range(draw.randint(2, 3))]})
            case "for_each":
                steps.append({"for_each": draw.randint(2, 4), "do": [_step(draw, next(names))]})
            case "retried":
                steps.append({**_step(draw, next(names)), "fails": 1})
            case _:
                steps.append(_step(draw, next(names)))
    return {
        "scenario": "s",
        "services": {"api": {}, "db": {}},
        "workflows": {"main": {"key": "id", "input": {"id": "unique"}, "steps": steps}},
        "workload": {"runs": draw.randint(1, 3), "arrivals": {"every": "100s"}},
    }


def _step(draw: random.Random, name: str) -> Tree:
    return {"run": name, "on": draw.choice(["api", "db"]), "takes": f"{draw.choice(TAKES)}us"}


def renaming_changes_names_only(tree: Tree, draw: random.Random) -> str | None:
    """The same events at the same times, under other names."""
    old = sorted(
        {value for holder, key in spots(tree) if key in ("run", "name") and isinstance(value := holder[key], str)}
    )
    if len(old) > len(NEW_NAMES) or parsed(tree) is None:
        return None
    called = dict(zip(old, draw.sample(NEW_NAMES, len(old)), strict=True))
    other = copy.deepcopy(tree)
    for holder, key in spots(tree_ := other):
        if key in ("run", "name") and isinstance(holder[key], str):
            holder[key] = called[holder[key]]
    engine, seed = draw.choice([each for each in names() if each not in BY_NAME]), draw.randrange(100)
    first, second = (list(_shape(traced(each, engine, seed))) for each in (tree, tree_))
    return _difference(first, second, f"{engine}, seed {seed}, renamed {called}")


def _shape(trace: Trace) -> Iterator[tuple[object, ...]]:
    """A trace without its names."""
    for event in trace.events:
        yield event.at, event.lane, event.kind, event.run, event.attempt, event.cause, event.step is None


def longer_steps_take_that_much_longer(tree: Tree, draw: random.Random) -> str | None:
    """Steps one after the other, each three times as long: a run takes that much longer, whatever the engine adds."""
    scenario = parsed(tree)
    if scenario is None or any(set(each) & {"parallel", "for_each", "sleep", "fails"} for each in _steps(tree)):
        return None
    longer = copy.deepcopy(tree)
    for step in _steps(longer):
        step["takes"] = f"{FACTOR * int(step['takes'][:-2])}us"
    more = (FACTOR - 1) * sum(int(step["takes"][:-2]) for step in _steps(tree))
    engine, seed = draw.choice(names()), draw.randrange(100)
    first, second = (traced(each, engine, seed) for each in (tree, longer))
    for run, other in zip(first.runs, second.runs, strict=True):
        found = lasted(other) - lasted(run)
        if abs(found - more) > ROUNDING_US.get(engine, 0):
            return f"{engine}, seed {seed}: {run.name} takes {found} µs longer, its steps {more} µs"
    return None


ROUNDING_US: Final = {"inngest": 300_000}
"""Inngest finds its items by a tick and counts in milliseconds: a run may come to another tick."""


def lasted(run: Any) -> int:
    return run.ended_at - run.started_at


def _steps(tree: Tree) -> list[Any]:
    return tree["workflows"]["main"]["steps"]


def others_do_not_notice(tree: Tree, draw: random.Random) -> str | None:
    """One more run, of a workflow that nobody knows, or one less: the steps of all others take what they took."""
    scenario = parsed(tree)
    if scenario is None or scenario.workload.runs < 1:
        return None
    other = copy.deepcopy(tree)
    workload = other.setdefault("workload", {})
    if draw.random() < 0.5:
        other["workflows"]["unrelated"] = {"steps": [{"run": "unrelated step"}, {"sleep": "1s", "name": "unrelated"}]}
        started = [scenario.started[number % len(scenario.started)] for number in range(scenario.workload.runs)]
        workload |= {"of": [*started, "unrelated"], "runs": scenario.workload.runs + 1}
    else:
        workload["runs"] = scenario.workload.runs - 1
    if parsed(other) is None:
        return None
    engine, seed = draw.choice(names()), draw.randrange(100)
    first, second = (_took(traced(each, engine, seed)) for each in (tree, other))
    for what in first.keys() & second.keys():
        if first[what] != second[what]:
            return f"{engine}, seed {seed}: {what} takes {first[what]} µs, then {second[what]} µs"
    return None


def _took(trace: Trace) -> dict[tuple[object, ...], int]:
    """How long each attempt of a step took until its effect: what is drawn outside of the engine."""
    if any(event.kind in (Kind.CRASHED, Kind.HUNG, Kind.DEPLOYED, Kind.OUTAGE_STARTED) for event in trace.events):
        return {}
    begun: dict[tuple[object, ...], int] = {}
    took: dict[tuple[object, ...], int] = {}
    for event in trace.events:
        what = (event.run, event.step, event.attempt)
        if event.kind is Kind.STEP_STARTED:
            took.pop(what, None)
            begun[what] = event.at if what not in begun else -1
        elif event.kind is Kind.STEP_AFTER_EFFECT and begun.get(what, -1) >= 0:
            took[what] = event.at - begun[what]
    return took


def a_split_is_the_whole(tree: Tree, draw: random.Random) -> str | None:
    """A repeated step written out, one by one, does as many effects, and a sleep in two halves as long a sleep."""
    scenario = parsed(tree)
    if scenario is None:
        return None
    split: list[Any] = []
    for step in _steps(tree):
        if "sleep" in step:
            half = int(step["sleep"][:-2]) // 2
            split += [{**step, "sleep": f"{half}us"}, {"sleep": f"{half}us", "name": step["name"] + " again"}]
        elif "for_each" in step:
            split.append({"parallel": step["do"] * step["for_each"]})
        elif "parallel" in step:
            split.append({"parallel": [[each] for each in step["parallel"]]})
        else:
            split.append({"repeat": 1, "do": [step]})
    other = copy.deepcopy(tree)
    other["workflows"]["main"]["steps"] = split
    engine, seed = draw.choice(names()), draw.randrange(100)
    first, second = (traced(each, engine, seed) for each in (tree, other))
    for name in ("effects", "status", "effect_counts"):
        if getattr(first, name) != getattr(second, name):
            return f"{engine}, seed {seed}: {name}: {getattr(first, name)}, split {getattr(second, name)}"
    return None


def setting_is_editing(tree: Tree, draw: random.Random) -> str | None:
    """A value put in with `--set` and the same value written into the file: one scenario, or the same problems."""
    places = [path for path in _paths(tree) if path and not any("." in str(part) for part in path)]
    path = draw.choice(places)
    value = draw.choice([_at(tree, draw.choice(places)), "3s", 2, True, "s", None])
    edited = copy.deepcopy(tree)
    _at(edited, path[:-1])[path[-1]] = value
    by_hand = said(text_of(edited), Overrides())
    by_option = said(text_of(tree), Overrides(settings=(f"{'.'.join(map(str, path))}={json.dumps(value)}",)))
    if by_hand == by_option:
        return None
    return f"{path} = {json.dumps(value)}: {str(by_hand)[:300]} by hand, {str(by_option)[:300]} by --set"


def runs_are_runs(tree: Tree, draw: random.Random) -> str | None:
    """`--runs N` and `runs: N` in the file: the same trace."""
    if parsed(tree) is None or not isinstance(tree.get("workload", {}), dict):
        return None
    count = draw.randint(1, 12)
    edited = copy.deepcopy(tree)
    edited.setdefault("workload", {})["runs"] = count
    times = (edited["workload"].get("arrivals") or {}).get("at")
    if times is not None and len(times) not in (1, count):
        del edited["workload"]["arrivals"]
    first = said(text_of(edited), Overrides())
    second = said(text_of(tree), Overrides(runs=count))
    if first != second:
        return f"{count} runs: {str(first)[:300]} in the file, {str(second)[:300]} by --runs"
    if not isinstance(first, Scenario) or not isinstance(second, Scenario):
        return None
    engine = draw.choice(names())
    events = [list(simulate(each, engine, full=True).events) for each in (first, second)]
    return _difference(events[0], events[1], f"{engine}, {count} runs")


def every_format_says_the_same(tree: Tree, draw: random.Random) -> str | None:
    """JSON Lines read again are the trace, CSV has its rows, `--json` its numbers."""
    scenario = parsed(tree)
    if scenario is None:
        return None
    engine, seed = draw.choice(names()), draw.randrange(100)
    trace = simulate(scenario, engine, seed=seed, full=True)
    lines = io.BytesIO(export(trace, scenario, "jsonl"))
    for number, (event, line) in enumerate(zip_longest(trace.events, lines)):
        if event is None or line is None:
            return f"{engine}, seed {seed}: JSON Lines are not as many as the trace has events"
        if as_dict(number, event_of(json.loads(line))) != json.loads(json.dumps(as_dict(number, event))):
            return f"{engine}, seed {seed}: JSON Line {number} read again is not the event"
    del lines
    results = compare(scenario, [engine], seed=seed)
    told = json.loads(json.dumps(as_json(scenario, results, seed)))["engines"][engine]
    for name in ("effects", "status", "events"):
        value = {"effects": dict(trace.effects), "status": dict(trace.status), "events": trace.event_count}[name]
        if name in told and told[name] != value:
            return f"{engine}, seed {seed}: --json has {name} {told[name]}, the trace {value}"
    return None


def parsed(tree: Any) -> Scenario | None:
    try:
        return parse_scenario(text_of(tree), "s")
    except ScenarioProblems:
        return None


def traced(tree: Tree, engine: str, seed: int) -> Trace:
    scenario = parsed(tree)
    assert scenario is not None
    return simulate(scenario, engine, seed=seed, full=True)


def said(text: str, overrides: Overrides) -> Scenario | list[str]:
    """The scenario, or the codes of what is wrong."""
    value, problems = compose(Source("s", text))
    value, wrong = overrides.applied_to(value)
    try:
        return scenario_of(value, [*problems, *wrong])
    except ScenarioProblems as found:
        return sorted(each.code for each in found.problems)


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield from _paths(tree[key], (*path, key))


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def _difference(first: list[Any], second: list[Any], what: str) -> str | None:
    for number, (one, other) in enumerate(zip_longest(first, second)):
        if one != other:
            return f"{what}: event {number} is {one}, then {other}"
    return None
