"""Random scenarios on the real Temporal: what was recorded is predicted, or a way that the model can go.

The scenarios were drawn at random and recorded once each, on a busy machine. A recording that is not the prediction of
seed 0 is right where single decisions of the engine's randomness, drawn again, lead the model there (`live/ways.py`).
What the model cannot reach yet is listed in `DIFFERS`, with its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from durascope.live.differences import differences
from durascope.live.engine import Recording
from durascope.live.ways import Way
from durascope.models.cases import TemporalCase
from durascope.models.differences import Difference
from durascope.models.faults import Outage
from durascope.models.loading import load
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate
from tests.conformance.ways import way_to

FILES = sorted((Path(__file__).parent / "random" / "temporal").glob("*.yaml"))

PARALLEL = "many equal branches side by side: the search finds no order of all of them"

DIFFERS = {
    "t-072": PARALLEL,
    "t-170": PARALLEL,
}
"""Recordings that the model does not reach, by kind."""

TOLERANCE_US = 1_000_000


SECONDS = 400.0
"""The number of tries limits the search, however slow the machine."""


def case_in(path: Path) -> TemporalCase:
    case = load(path)
    assert isinstance(case, TemporalCase)
    return case


def wrong(case: TemporalCase, trace: Trace) -> Sequence[Difference]:
    """In what the prediction is not the recording. Nothing is known of runs that were not recorded at all."""
    facts: dict[str, object] = {"replayed": case.replayed}
    facts |= {name: value for name, value in (("starts", case.starts), ("answers", case.answers)) if value}
    (records,) = case.records
    recording = Recording("", "", records or trace.records, case.status, case.effects, facts)
    return differences(trace, recording)


@pytest.mark.parametrize("path", [path for path in FILES if path.stem not in DIFFERS], ids=lambda path: path.stem)
def test_a_random_scenario_goes_as_recorded_or_can_go_so(path: Path) -> None:
    way = way_of(path)
    if way is None:
        case = case_in(path)
        trace = simulate(case.scenario, "temporal", seed=0, records=True)
        assert not wrong(case, trace)
        assert_lasts(case, trace)
    else:
        assert way.fits, [str(each) for each in way.differences]


def way_of(path: Path) -> Way | None:
    """The nearest way to the recording; None if it is predicted, or nothing is left to chance."""
    case = case_in(path)
    if not wrong(case, simulate(case.scenario, "temporal", seed=0, records=True)):
        return None
    return way_to(path.stem, case.scenario, "temporal", lambda trace: wrong(case, trace), seconds=SECONDS)


def assert_lasts(case: TemporalCase, trace: Trace) -> None:
    """Durations follow from the scenario, unless a process has to start again: nobody knows how long that took."""
    if any(not isinstance(fault, Outage) for fault in case.scenario.faults):
        return
    lasted = trace.facts["lasts"]
    assert isinstance(lasted, dict)
    for run, (least, most) in case.lasts.items():
        assert least - TOLERANCE_US <= lasted[run] <= most + TOLERANCE_US, run


@pytest.mark.parametrize("name", DIFFERS)
def test_what_is_listed_as_different_still_is(name: str) -> None:
    case = case_in(Path(__file__).parent / "random" / "temporal" / f"{name}.yaml")
    assert wrong(case, simulate(case.scenario, "temporal", seed=0, records=True))


def test_at_least_so_many_agree() -> None:
    """The share of random scenarios whose recording is reached: a rule that breaks some of them is noticed."""
    assert len(FILES) == 158
    assert len(DIFFERS) <= 0.02 * len(FILES)
