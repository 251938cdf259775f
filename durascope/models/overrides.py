"""What a command line changes in a scenario: `--set`, `--crash`, `--runs` and `--rate`.

The changes are made in the document, before it is validated, and keep their own places: what is wrong with them is
said as it is of a file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from durascope.models.crash_phrase import crash_fault
from durascope.models.problems import Problem, ScenarioProblems
from durascope.models.setting import Setting, Unaddressable
from durascope.models.source import Place, Source, Value


@dataclass(frozen=True, slots=True)
class Overrides:
    """The changes that a command line asks for."""

    settings: tuple[str, ...] = ()
    """`path=value`, each: any field of the scenario."""
    crashes: tuple[str, ...] = ()
    """`app after-effect charge-payment`, each: a crash in one phrase."""
    runs: int | None = None
    """A number of runs in place of the workload's."""
    rate: str | None = None
    """Arrivals (`5/s`, at random times) in place of the workload's."""
    varied: tuple[str, ...] = ()
    """`path=value`, each: the fields that differ from point to point. They are set after all others."""
    varied_by: str = "--over"
    """The option that they come from, as errors name it."""

    def applied_to(self, scenario: Value) -> tuple[Value, list[Problem]]:
        """The scenario's document with the changes made, and what is wrong with those that could not be."""
        problems: list[Problem] = []
        if self.runs is not None:
            scenario = _with_runs(scenario, self.runs)
        if self.rate is not None:
            scenario = _with_rate(scenario, self.rate)
        written = [(text, "--set") for text in self.settings]
        for text, option in (*written, *((text, self.varied_by) for text in self.varied)):
            try:
                scenario = Setting.parse(text, option).applied_to(scenario)
            except Unaddressable as error:
                problems.append(error.problem)
            except ScenarioProblems as error:
                problems += error.problems
        for phrase in self.crashes:
            try:
                scenario = _with_crash(scenario, crash_fault(phrase))
            except ScenarioProblems as error:
                problems += error.problems
        return scenario, problems


NO_OVERRIDES = Overrides()


def _with_runs(scenario: Value, runs: int) -> Value:
    """That many runs; a list of arrivals that is meant for another number makes way."""
    place = Place(Source("--runs", str(runs)), 1, 1)
    scenario = _with(scenario, ("workload",), Value(place, inside={}), missing=True)
    scenario = _with(scenario, ("workload", "runs"), Value(place, runs, key=place))
    times = scenario.find(("workload", "arrivals", "at")).inside
    if isinstance(times, tuple) and len(times) not in (1, runs):
        return scenario.replaced(("workload", "arrivals"), None)
    return scenario


def _with_rate(scenario: Value, rate: str) -> Value:
    place = Place(Source("--rate", rate), 1, 1)
    scenario = _with(scenario, ("workload",), Value(place, inside={}), missing=True)
    arrivals = Value(place, inside={"poisson": Value(place, rate, key=place)}, key=place)
    return _with(scenario, ("workload", "arrivals"), arrivals)


def _with_crash(scenario: Value, crash: Value) -> Value:
    """One more fault; one of the scenario's own that is the same crash makes way."""
    scenario = _with(scenario, ("faults",), Value(crash.place, inside=()), missing=True)
    faults = scenario.find(("faults",))
    if not isinstance(faults.inside, tuple):
        return scenario
    others = faults.inside
    kept = tuple(fault for fault in others if _moment(fault) != _moment(crash))
    return scenario.replaced(("faults",), replace(faults, scalar=None, inside=(*kept, crash)))


def _moment(fault: Value) -> tuple[object, ...]:
    """What crashes, and when."""
    return (
        *(value.plain if (value := fault.get(key)) is not None else None for key in ("crash", "at")),
        *(fault.find(("when", key)).scalar for key in ("step", "moment", "event")),
        fault.find(("when", "attempt")).scalar or 1,
    )


def _with(scenario: Value, path: tuple[str, ...], value: Value, *, missing: bool = False) -> Value:
    """A value put at a path; `missing`: only where there is no mapping or list yet."""
    if not isinstance(scenario.find(path[:-1]).inside, dict):
        return scenario  # it is no mapping, which will be said of it when it is validated
    old = scenario.find(path)
    there = scenario.existing(path) == path and (old.inside is not None or old.scalar is not None)
    return scenario if missing and there else scenario.replaced(path, replace(value, key=value.key or old.key))
