"""Answers the questions of an open page: what would happen if this broke, and what is wrong with an edited scenario."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from durascope.models.doubts import doubts
from durascope.models.engine import names
from durascope.models.overrides import Overrides
from durascope.models.problems import Problem, ScenarioProblems
from durascope.models.reading import parse_scenario, scenario_of
from durascope.models.scenario import Scenario
from durascope.models.source import Source
from durascope.models.visible import visible
from durascope.models.writing import as_plain, one_line
from durascope.models.yaml12 import compose
from durascope.player.packing import Json, Pack, told
from durascope.player.stories import CALM
from durascope.simulators.simulate import FULL_UP_TO, simulate

MOST_FAULTS: Final = 50
NAME: Final = "scenario.yaml"
"""The name of the text in error messages."""


def answer(question: Mapping[str, Any]) -> Json:
    """The answer to what a page asks: `simulate` (yaml, story, engine, seed, faults) or `check` (yaml)."""
    try:
        match question["ask"]:
            case "simulate":
                return simulated(
                    question["yaml"], question["engine"], question["seed"], question.get("faults", ()),
                    calm=question.get("story") == CALM,
                )  # fmt: skip
            case _:
                return {"problems": [_told(problem) for problem in checked(question["yaml"])]}
    except ScenarioProblems as wrong:
        return {"problems": [_told(problem) for problem in wrong.problems]}
    except ValueError as wrong:
        return {"problems": [{"place": "", "message": visible(str(wrong)), "fix": None, "severity": "error"}]}


def simulated(text: str, engine: str, seed: int, faults: Sequence[Any], *, calm: bool = False) -> Json:
    """The trace of the scenario with more faults: phrases as `--crash` takes them, or faults as in a scenario.

    `calm`: leave out the scenario's own faults. Raises `ScenarioProblems`, ValueError.
    """
    if engine not in names():
        raise ValueError(f"there is no engine {str(engine)[:60]!r}")
    if len(faults) > MOST_FAULTS:
        raise ValueError(f"at most {MOST_FAULTS} faults at once")
    scenario = _with_faults(text, faults, calm=calm)
    if scenario.workload.runs > FULL_UP_TO:
        raise ValueError(f"at most {FULL_UP_TO} runs here, this has {scenario.workload.runs:,}: `workload.runs`")
    pack = Pack()
    pack.add(told(simulate(scenario, engine, seed=seed, full=True, records=True)))
    phrase = "; ".join(each if isinstance(each, str) else one_line(each) for each in faults)
    return {"traces": pack.as_json(), "phrase": visible(phrase), "problems": []}


def _with_faults(text: str, faults: Sequence[Any], *, calm: bool) -> Scenario:
    phrases = tuple(each for each in faults if isinstance(each, str))
    value, problems = compose(Source(NAME, text))
    value, wrong = Overrides(("faults=[]",) if calm else (), phrases).applied_to(value)
    scenario = scenario_of(value, [*problems, *wrong])
    others = [each for each in faults if not isinstance(each, str)]
    if not others:
        return scenario
    plain = as_plain(scenario)
    plain["faults"] += others
    return parse_scenario(json.dumps(plain), NAME)


def checked(text: str) -> list[Problem]:
    """The errors and warnings of the text."""
    value, problems = compose(Source(NAME, text))
    return doubts(scenario_of(value, problems), value)


def _told(problem: Problem) -> Json:
    return {
        "place": f"{problem.line}:{problem.column}",
        "message": visible(problem.message),
        "fix": visible(problem.help) or None,
        "severity": problem.severity,
    }
