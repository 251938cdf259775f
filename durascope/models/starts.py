"""The starts of a workload that began no run of their own: refused, lost, or merged with another."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace

_START: Final = re.compile(r"run (\d+)")


def not_begun(trace: Trace) -> dict[str, str]:
    """By name: what the engine shows of them, or how it answered."""
    lost: dict[str, str] = {}
    if trace.status:
        begun = {trace.recorded_as.get(run.name, run.name) for run in trace.runs}
        lost = {name: status for name, status in trace.status.items() if name not in begun and _START.fullmatch(name)}
    return lost | dict(trace.no_runs)


def not_begun_of(workflow: str, scenario: Scenario, trace: Trace) -> list[str]:
    """The same of the starts of one workflow, by their numbers in the workload."""
    return [status for name, status in not_begun(trace).items() if _workflow_of(name, scenario) == workflow]


def _workflow_of(name: str, scenario: Scenario) -> str | None:
    found = _START.fullmatch(name)
    number = int(found[1]) if found else 0
    return scenario.workflow_of(number) if 1 <= number <= scenario.workload.runs else None


def merged(scenario: Scenario) -> Collection[str]:
    """The statuses of starts that are to have no run of their own: those that join another run, and those that never
    begin because the scenario asks that starts be merged or left out."""
    return ("attached", "none") if scenario.leaves_starts_out else ("attached",)


def counted(scenario: Scenario, ends: Mapping[str, int]) -> dict[str, int]:
    """Ends by status, without the starts that are merged."""
    left_out = merged(scenario)
    return {status: count for status, count in ends.items() if status not in left_out}
