"""The promises that are hunted: each takes an input and a random source, and says what is broken, or nothing.

The metamorphic ones are in `tests.fuzz.metamorphic`, those of command lines in `tests.fuzz.commands`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from durascope.models.engine import names
from durascope.models.faults import Crash
from durascope.models.laws import broken
from durascope.models.problems import ScenarioProblems
from durascope.models.reading import parse_scenario
from durascope.models.trace import Trace
from durascope.models.writing import as_yaml
from durascope.render.exports import export, formats
from durascope.render.views import pictures
from durascope.simulators.simulate import simulate
from tests.fuzz.commands import a_command_ends_in_words
from tests.fuzz.grown import grown
from tests.fuzz.inputs import garbled, mutated
from tests.fuzz.metamorphic import (
    a_split_is_the_whole,
    every_format_says_the_same,
    longer_steps_take_that_much_longer,
    others_do_not_notice,
    parsed,
    plain,
    renaming_changes_names_only,
    runs_are_runs,
    setting_is_editing,
)


def text_is_read_or_explained(text: str, _draw: random.Random) -> str | None:
    """(a) Whatever the text is, the answer is a scenario that reads back equal, or problems with places."""
    try:
        scenario = parse_scenario(text, "s")
    except ScenarioProblems as problems:
        return None if all(each.line >= 1 for each in problems.problems) else "a problem without a place"
    return None if parse_scenario(as_yaml(scenario), "s") == scenario else "it does not read back equal"


def every_output_is_made(tree: Any, draw: random.Random) -> str | None:
    """(b) Run, laws, one export and all views, on one engine."""
    scenario = parsed(tree)
    if scenario is None:
        return None
    engine = draw.choice(names())
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
    scenario = parsed(tree)
    if scenario is None:
        return None
    engine = draw.choice(names())
    seed = draw.randrange(10)
    count = min(simulate(scenario, engine, seed=seed).event_count, 5_000)
    point = {
        "crash": draw.choice(["app", "engine"]),
        "when": {"event": draw.randrange(max(1, count))},
        "down_for": draw.choice(["0s", "1ms", "3s"]),
    }
    faults = (*scenario.faults, Crash.model_validate(point))
    wrong = _lawful(simulate(scenario.model_copy(update={"faults": faults}), engine, seed=seed))
    return f"{engine}, {point}: {wrong}" if wrong else None


def counting_is_keeping(tree: Any, draw: random.Random) -> str | None:
    """(d) The same simulation with and without a trace, and written and read again, is the same."""
    scenario = parsed(tree)
    if scenario is None:
        return None
    engine, seed = draw.choice(names()), draw.randrange(100)
    kept = simulate(scenario, engine, seed=seed, full=True)
    counted = simulate(scenario, engine, seed=seed, full=False)
    again = simulate(parse_scenario(as_yaml(scenario), "s"), engine, seed=seed, full=True)
    for name in ("ended_at", "event_count", "effects", "status"):
        if getattr(kept, name) != getattr(counted, name):
            return f"{engine}, seed {seed}: {name} is {getattr(kept, name)}, counted {getattr(counted, name)}"
    return None if list(again.events) == list(kept.events) else f"{engine}, seed {seed}: it differs when read again"


def _lawful(trace: Trace) -> str | None:
    """A law that is broken, an effect without an entry in the ledger, or a run that is open and nobody says why."""
    found = broken(trace.events)
    if found:
        return f"{trace.engine}, seed {trace.seed}: {found[0].law}: {found[0].found}"
    explained = {why.run for why in trace.unended}
    for run in trace.runs:
        if run.ended_at is None and run.stopped is None and run.name not in explained:
            return f"{trace.engine}, seed {trace.seed}: nothing says why {run.name} is {run.status}"
    counted = sum(effect.deduplicated is False for effect in trace.ledger)
    whole = len(trace.events) == trace.event_count  # of a runaway, neither all events are kept nor all entries
    if whole and trace.ledger and counted != sum(trace.effects.values()):
        return (
            f"{trace.engine}, seed {trace.seed}: {counted} effects in the ledger, {sum(trace.effects.values())} counted"
        )
    return None


def scenario_of_any_kind(draw: random.Random) -> Any:
    """One of the repository with parts of others, or one that has grown from the schema."""
    return mutated(draw) if draw.random() < 0.5 else grown(draw)


class Promise(NamedTuple):
    """What must hold, and what it is tried on."""

    made: Callable[[random.Random], Any]
    broken: Callable[[Any, random.Random], str | None]


PROMISES: Final[dict[str, Promise]] = {
    "text": Promise(garbled, text_is_read_or_explained),
    "outputs": Promise(scenario_of_any_kind, every_output_is_made),
    "crashes": Promise(scenario_of_any_kind, crashes_break_no_law),
    "same": Promise(scenario_of_any_kind, counting_is_keeping),
    "formats": Promise(scenario_of_any_kind, every_format_says_the_same),
    "others": Promise(scenario_of_any_kind, others_do_not_notice),
    "settings": Promise(scenario_of_any_kind, setting_is_editing),
    "runs": Promise(scenario_of_any_kind, runs_are_runs),
    "renamed": Promise(plain, renaming_changes_names_only),
    "scaled": Promise(plain, longer_steps_take_that_much_longer),
    "split": Promise(plain, a_split_is_the_whole),
    "commands": Promise(scenario_of_any_kind, a_command_ends_in_words),
}
