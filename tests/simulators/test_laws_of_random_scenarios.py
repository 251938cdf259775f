"""The laws on the random scenarios that were recorded on the real engines, with a crash more than they had then."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest

from durascope.models.faults import Crash
from durascope.models.loading import load, scenario_in
from durascope.models.trace import Kind
from durascope.simulators.simulate import simulate
from tests.simulators.lawful import lawful

RANDOM = Path(__file__).parents[1] / "conformance" / "random"
EARLY = 120
"""The crash comes after one of the first events, of which nearly all scenarios have as many."""


@pytest.mark.parametrize("engine", ["temporal", "inngest", "restate"])
def test_a_crash_after_any_event_of_a_random_scenario_breaks_no_law(engine: str) -> None:
    crashed = 0
    files = sorted((RANDOM / engine).glob("*.yaml"))
    for file in files:
        luck = crc32(file.name.encode())
        crash = {"crash": ("app", "engine")[luck % 2], "when": {"event": luck // 2 % EARLY}, "down_for": "1s"}
        asked = scenario_in(load(file))
        faults = (*asked.faults, Crash.model_validate(crash))
        trace = simulate(asked.model_copy(update={"faults": faults}), engine, seed=luck % 5)
        lawful(trace)
        crashed += any(trace.of_kind(Kind.CRASHED))
    assert crashed > 0.8 * len(files)
