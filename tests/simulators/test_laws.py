"""The laws that every engine's model keeps, on the scenarios that ship: same seed same trace, everything has a cause,
and no crash at any event breaks what must be conserved."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from durascope.models.engine import names
from durascope.models.faults import Crash
from durascope.models.loading import builtin_names, load, scenario_in
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.simulators.simulate import simulate
from tests.simulators.lawful import acted, lawful

POINTS = 12
"""So many events of each scenario are tried as crash points, spread over its whole length; trying all takes minutes."""


@cache
def scenario(name: str) -> Scenario:
    return scenario_in(load(name))


def digest(trace: Trace) -> str:
    parts = [*map(repr, trace.events), repr(trace.records), repr(trace.ledger), repr(trace.counters), repr(trace.facts)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


DIGESTS = """
import sys
sys.path.insert(0, {root!r})
from tests.simulators.test_laws import digest, scenario
from durascope.models.loading import builtin_names
from durascope.models.engine import names
from durascope.simulators.simulate import simulate
for name in builtin_names():
    for engine in names():
        print(name, engine, digest(simulate(scenario(name), engine, seed=7)))
"""


def test_the_same_seed_gives_the_same_bytes_in_another_process_with_another_hash_seed() -> None:
    program = DIGESTS.format(root=str(Path(__file__).parents[2]))
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].splitlines()) == len(builtin_names()) * len(names())


@pytest.mark.parametrize("engine", names())
@pytest.mark.parametrize("name", builtin_names())
def test_every_cause_comes_before_what_it_caused(name: str, engine: str) -> None:
    trace = simulate(scenario(name), engine)
    assert trace.event_count == len(trace.events)
    for number, event in enumerate(trace.events):
        assert event.cause is None or 0 <= event.cause < number
        if event.cause is not None:
            assert trace.events[event.cause].at <= event.at


@pytest.mark.parametrize("engine", names())
@pytest.mark.parametrize("name", builtin_names())
def test_only_counting_counts_what_keeping_keeps(name: str, engine: str) -> None:
    kept, counted = simulate(scenario(name), engine), simulate(scenario(name), engine, full=False, records=False)
    assert counted.event_count == kept.event_count
    assert (counted.effects, counted.ended_at) == (kept.effects, kept.ended_at)
    assert [run.status for run in counted.runs] == [run.status for run in kept.runs]


def crashed(scenario: Scenario, event: int, component: str, down_for: str = "2s") -> Scenario:
    """The scenario with one more crash: of who acts, if it is the app."""
    crash = Crash.model_validate({"crash": component, "when": {"event": event}, "down_for": down_for})
    return scenario.model_copy(update={"faults": (*scenario.faults, crash)})


@pytest.mark.parametrize("engine", names())
@pytest.mark.parametrize("name", builtin_names())
def test_no_crash_at_any_event_breaks_what_must_be_conserved(name: str, engine: str) -> None:
    asked = scenario(name)
    undisturbed = asked.model_copy(update={"faults": ()})
    length = simulate(undisturbed, engine).event_count
    for number in range(len(name) % 7, length, max(1, length // POINTS)):
        for component in ("app", "engine"):
            trace = simulate(crashed(undisturbed, number, component), engine)
            assert any(trace.of_kind(Kind.CRASHED)), f"{component} has not died after event {number}"
            lawful(trace)
            acted(trace)


CASES = Path(__file__).parents[1] / "conformance"


@pytest.mark.parametrize(
    ("engine", "case"),
    [("inngest", "crash-mid-step-connect"), ("restate", "crash-after-effect"), ("temporal", "crash-mid-activity")],
)
def test_who_is_back_at_once_hears_nothing_that_was_meant_for_his_former_life(engine: str, case: str) -> None:
    asked = scenario_in(load(CASES / engine / f"{case}.yaml"))
    for number in range(simulate(asked, engine).event_count):
        for component in ("app", "engine"):
            trace = simulate(crashed(asked, number, component, down_for="0s"), engine)
            lawful(trace)
            acted(trace)
