"""How often a reader who follows a step through Temporal's model has to open another file.

Counted are the functions of the model that are called from the moment the result of one step is recorded until the
result of the next one is; two in a row from different files are one change of file. Functions of the kernel are not
counted, nor what a dataclass makes for itself. Only metrics are asked for, so that nothing is written for a trace.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from types import FrameType

import pytest

from durascope.models.loading import load
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind
from durascope.simulators import temporal
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.simulate import simulate

MOST = 69
"""Changes of file: as many as there are, and fewer than 70."""
MODEL = Path(temporal.__file__).parent


def test_a_steps_way_through_the_model_leads_through_no_more_files(monkeypatch: pytest.MonkeyPatch) -> None:
    built_in = load("order-fulfillment")
    assert isinstance(built_in, Scenario)
    passes, before = World.moment, sys.getprofile()
    files: list[Path] = []

    def called(frame: FrameType, what: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        if what == "call" and file.parent == MODEL:
            files.append(file)

    def moment(
        world: World, lane: str, kind: Kind, run: RunInfo, step: str, attempt: int | None = None, detail: object = None
    ) -> None:
        if kind is Kind.STEP_RECORDED and step == "reserve-stock":
            sys.setprofile(called)
        passes(world, lane, kind, run, step, attempt, detail)
        if kind is Kind.STEP_RECORDED and step == "charge-payment":
            sys.setprofile(before)

    monkeypatch.setattr(World, "moment", moment)
    simulate(built_in.model_copy(update={"faults": ()}), "temporal", full=False, records=False)
    assert 0 < sum(one != other for one, other in pairwise(files)) <= MOST
