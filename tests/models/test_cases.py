"""Every recorded case is read, validates, and keeps what was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from durascope.models.cases import Case, InngestCase, RestateCase, TemporalCase
from durascope.models.loading import builtin_names, load, load_scenario, scenario_in
from durascope.models.problems import ScenarioProblems
from durascope.models.scenario import Scenario

CONFORMANCE = Path(__file__).parents[1] / "conformance"
FILES = sorted(CONFORMANCE.glob("*/*.yaml"))


def case_named(name: str) -> Case:
    """A case, by its engine and name."""
    case = load(CONFORMANCE / f"{name}.yaml")
    assert isinstance(case, Case)
    return case


def test_all_cases_are_here() -> None:
    assert len(FILES) == 239


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_case_loads_and_keeps_what_was_recorded(file: Path) -> None:
    case = load(file)
    assert isinstance(case, Case)
    assert case.engine == file.parent.name
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert [{run: list(lines) for run, lines in record.items()} for record in case.records] == written["records"]
    assert case.effects == written["effects"]
    assert case.status == written["status"]
    assert set(written) - {"scenario"} <= set(type(case).model_fields)


def test_what_each_engine_records_beside() -> None:
    temporal, inngest, restate = (
        case_named("temporal/crash-mid-activity"),
        case_named("inngest/priority"),
        case_named("restate/step-fails-twice-default-policy"),
    )
    assert isinstance(temporal, TemporalCase)
    assert temporal.lasts["run 1"][0] > 0
    assert isinstance(inngest, InngestCase)
    assert isinstance(inngest.lasts, tuple)
    assert inngest.free == ("runs",)
    assert isinstance(restate, RestateCase)
    assert restate.attempts is not None
    assert [attempt.ends for attempt in restate.attempts["run 1"]] == ["failed", "failed", "completed"]


class TestLoading:
    @pytest.mark.parametrize("name", builtin_names())
    def test_a_scenario_that_ships_is_loaded_by_its_name(self, name: str) -> None:
        scenario = load(name)
        assert isinstance(scenario, Scenario)
        assert scenario.scenario == name

    def test_a_misspelt_name(self) -> None:
        with pytest.raises(ScenarioProblems, match="did you mean `order-fulfillment`"):
            load("order-fulfilment")

    def test_a_case_has_its_scenario(self) -> None:
        case = case_named("temporal/happy-path")
        assert scenario_in(case) is case.scenario
        assert scenario_in(case.scenario) is case.scenario
        assert load_scenario(CONFORMANCE / "temporal/happy-path.yaml") == case.scenario

    def test_problems_of_a_case_have_places(self, tmp_path: Path) -> None:
        text = (CONFORMANCE / "restate/crash-after-effect.yaml").read_text(encoding="utf-8")
        file = tmp_path / "crash-after-effect.yaml"
        file.write_text(text.replace("step: charge-payment", "step: charge").replace("shows:", "show:"))
        with pytest.raises(ScenarioProblems) as raised:
            load(file)
        assert [problem.code for problem in raised.value.problems] == ["missing-field", "unknown-field", "unknown-step"]

    def test_a_case_needs_an_engine(self, tmp_path: Path) -> None:
        file = tmp_path / "x.yaml"
        file.write_text("case: x\nengine: temporall\n")
        with pytest.raises(ScenarioProblems, match="did you mean `temporal`"):
            load(file)
