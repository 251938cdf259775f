"""Random scenarios on the real Inngest: what was recorded is predicted, or a way that the model can go.

The scenarios were drawn at random and recorded once each by `durascope verify`, on a busy machine, by a live runner
that had faults of its own (`random/inngest/LIVE.md`). A recording that is not the prediction of seed 0 is right where
single decisions of the engine's randomness, drawn again, lead the model there (`live/ways.py`). What is the recorder's
doing, or what the model does not reach, is listed in `DIFFERS`, with its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from durascope.live.differences import differences
from durascope.live.engine import Recording
from durascope.live.judging import judge
from durascope.live.ways import Way
from durascope.models.cases import InngestCase
from durascope.models.differences import Difference
from durascope.models.loading import load
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate
from tests.conformance.ways import way_to

FILES = sorted((Path(__file__).parent / "random" / "inngest").glob("*.yaml"))

STARTUP = "the app took longer to start again than `down_for` says, and refused a request that comes later"

DIFFERS = {"i-040": STARTUP, "i-054": STARTUP, "i-056": STARTUP}
"""Recordings that the model does not reach, by kind."""


SECONDS = 400.0
"""The number of tries limits the search, however slow the machine."""


def case_in(path: Path) -> InngestCase:
    case = load(path)
    assert isinstance(case, InngestCase)
    return case


def wrong(case: InngestCase, trace: Trace) -> Sequence[Difference]:
    """In what the prediction is not the recording: records, effects, status (times and overlap are the machine's)."""
    (records,) = case.records
    recording = Recording("", "", records, case.status, case.effects, {})
    return differences(trace, recording, judge(case))


@pytest.mark.parametrize("path", [path for path in FILES if path.stem not in DIFFERS], ids=lambda path: path.stem)
def test_a_random_scenario_goes_as_recorded_or_can_go_so(path: Path) -> None:
    way = way_of(path)
    if way is None:
        case = case_in(path)
        assert not wrong(case, simulate(case.scenario, "inngest", seed=0, records=True))
    else:
        assert way.fits, [str(each) for each in way.differences]


def way_of(path: Path) -> Way | None:
    """The nearest way to the recording; None if it is predicted, or nothing is left to chance."""
    case = case_in(path)
    if not wrong(case, simulate(case.scenario, "inngest", seed=0, records=True)):
        return None
    return way_to(path.stem, case.scenario, "inngest", lambda trace: wrong(case, trace), seconds=SECONDS)


@pytest.mark.parametrize("name", DIFFERS)
def test_what_is_listed_as_different_still_is(name: str) -> None:
    case = case_in(Path(__file__).parent / "random" / "inngest" / f"{name}.yaml")
    assert wrong(case, simulate(case.scenario, "inngest", seed=0, records=True))


def test_at_least_so_many_agree() -> None:
    """The share of random scenarios whose recording is reached: a rule that breaks some of them is noticed."""
    assert len(FILES) == 35
    assert len(DIFFERS) <= 0.1 * len(FILES)
