"""Finds and reads what a command's SCENARIO means: a file, a conformance case, or a scenario that ships."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from durascope.models.cases import Case, case_of, is_case
from durascope.models.doubts import doubts
from durascope.models.overrides import NO_OVERRIDES, Overrides
from durascope.models.problems import Problem, ScenarioProblems, suggestion
from durascope.models.reading import misnamed, open_source, scenario_of
from durascope.models.scenario import Scenario
from durascope.models.source import Source, Value
from durascope.models.yaml12 import compose


@cache
def builtin_names() -> tuple[str, ...]:
    """The names of the scenarios that ship, in alphabetical order.

    >>> "order-fulfillment" in builtin_names()
    True
    """
    files = (resources.files("durascope") / "scenarios").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


@dataclass(frozen=True, slots=True)
class Document:
    """What a target names, read once: any number of scenarios are made of it, each with other overrides."""

    value: Value
    problems: tuple[Problem, ...]
    """What is wrong with the file itself."""

    @classmethod
    def read(cls, target: str | Path) -> Document:
        """The document that `target` names. Raises `ScenarioProblems` if it cannot be read at all."""
        source, stem = _find(target)
        value, problems = compose(source)
        wrong = misnamed(value, "case" if is_case(value) else "scenario", stem)
        return cls(value, (*problems, *wrong))

    def having(self, overrides: Overrides) -> Scenario | Case:
        """The scenario or case, with `overrides` in place. Raises `ScenarioProblems` with all that is wrong with it."""
        path = ("scenario",) if is_case(self.value) else ()
        changed, wrong = overrides.applied_to(self.value.find(path))
        value, problems = self.value.replaced(path, changed), [*self.problems, *wrong]
        return case_of(value, problems) if path else scenario_of(value, problems)


def load(target: str | Path, overrides: Overrides = NO_OVERRIDES) -> Scenario | Case:
    """The scenario or case that `target` names, with `overrides` in place.

    `target` is the path of a file or the name of a scenario that ships. Raises `ScenarioProblems` with all that is
    wrong with the file and with the overrides.
    """
    return Document.read(target).having(overrides)


def doubts_of(target: str | Path) -> list[Problem]:
    """What is probably not meant in the valid scenario that a target names: warnings, each at its place."""
    source, _ = _find(target)
    value, _ = compose(source)
    loaded = load(target)
    return doubts(scenario_in(loaded), value.find(("scenario",)) if isinstance(loaded, Case) else value)


def scenario_in(loaded: Scenario | Case) -> Scenario:
    """The scenario itself, whether it came alone or in a case."""
    return loaded.scenario if isinstance(loaded, Case) else loaded


def load_scenario(target: str | Path, overrides: Overrides = NO_OVERRIDES) -> Scenario:
    """As `load`, the scenario alone."""
    return scenario_in(load(target, overrides))


def _find(target: str | Path) -> tuple[Source, str]:
    """The text that a target names, and the stem that its id must equal."""
    name = str(target)
    if name in builtin_names():
        file = resources.files("durascope") / "scenarios" / f"{name}.yaml"
        return Source(f"durascope/scenarios/{name}.yaml", file.read_text(encoding="utf-8")), name
    path = Path(target)
    if _looks_like_a_path(name) or path.exists():
        return open_source(path), path.stem
    help = suggestion(name[:60], builtin_names(), "built-in scenarios")  # noqa: A001
    problem = Source("SCENARIO", name).problem("unknown-scenario", f"there is no scenario `{name[:60]}`", help=help)
    raise ScenarioProblems([problem])


def _looks_like_a_path(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) or os.sep in name or "\0" in name
