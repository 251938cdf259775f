"""The promises that are hunted: each takes an input and a random source, and says what is broken, or nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from durascope.models.faults import Crash
from durascope.models.laws import broken
from durascope.models.problems import ScenarioProblems
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.writing import as_yaml
from durascope.render.exports import export, formats
from durascope.render.views import pictures
from durascope.simulators.simulate import simulate

ENGINES = ("temporal", "inngest", "restate", "queue")


def read(tree: Any) -> Scenario | None:
    """The scenario, or None where `check` refuses it in words."""
    try:
        return parse_scenario(json.dumps(tree), "s")
    except ScenarioProblems:
        return None


def text_is_read_or_explained(text: str, _draw: random.Random) -> str | None:
    """(a) Whatever the text is, the answer is a scenario that reads back equal, or problems with places."""
    try:
        scenario = parse_scenario(text, "s")
    except ScenarioProblems as problems:
        return None if all(each.line >= 1 for each in problems.problems) else "a problem without a place"
    return None if parse_scenario(as_yaml(scenario), "s") == scenario else "it does not read back equal"


def every_output_is_made(tree: Any, draw: random.Random) -> str | None:
    """(b) Run, laws, one export and all views, on one engine."""
    scenario = read(tree)
    if scenario is None:
        return None
    engine = draw.choice(ENGINES)
    trace = simulate(scenario, engine, seed=draw.randrange(100))
    wrong = _lawful(trace)
    for name, chosen in formats().items():
        if chosen.fits(engine) and name != "perfetto":
            export(trace, scenario, name)
    for drawn in pictures(scenario, [engine], {engine: trace}):
        drawn.picture.svg()
    return wrong


def crashes_break_no_law(tree: Any, draw: random.Random) -> str | None:
    """(c) A crash after any event leaves the laws standing."""
    scenario = read(tree)
    if scenario is None:
        return None
    engine = draw.choice(ENGINES[:3])
    count = simulate(scenario, engine).event_count
    point = {
        "crash": draw.choice(["app", "engine"]),
        "when": {"event": draw.randrange(max(1, count))},
        "down_for": draw.choice(["0s", "1ms"]),
    }
    faults = (*scenario.faults, Crash.model_validate(point))
    wrong = _lawful(simulate(scenario.model_copy(update={"faults": faults}), engine))
    return f"{engine}, {point}: {wrong}" if wrong else None


def counting_is_keeping(tree: Any, draw: random.Random) -> str | None:
    """(d) The same simulation with and without a trace, and written and read again, is the same."""
    scenario = read(tree)
    if scenario is None:
        return None
    engine, seed = draw.choice(ENGINES), draw.randrange(100)
    kept = simulate(scenario, engine, seed=seed, full=True)
    counted = simulate(scenario, engine, seed=seed, full=False)
    again = simulate(parse_scenario(as_yaml(scenario), "s"), engine, seed=seed, full=True)
    for name in ("ended_at", "event_count", "effects", "status"):
        if getattr(kept, name) != getattr(counted, name):
            return f"{engine}, seed {seed}: {name} is {getattr(kept, name)}, counted {getattr(counted, name)}"
    return None if list(again.events) == list(kept.events) else f"{engine}, seed {seed}: it differs when read again"


def _lawful(trace: Trace) -> str | None:
    found = broken(trace.events)
    return f"{trace.engine}, seed {trace.seed}: {found[0].law}: {found[0].found}" if found else None


PROMISES: dict[str, tuple[bool, Callable[[Any, random.Random], str | None]]] = {
    "text": (True, text_is_read_or_explained),
    "outputs": (False, every_output_is_made),
    "crashes": (False, crashes_break_no_law),
    "same": (False, counting_is_keeping),
}
"""By name: whether it takes a text (else a tree), and the promise."""
