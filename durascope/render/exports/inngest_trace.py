"""Run traces as Inngest's API gives them: JSON, one document a run."""

from __future__ import annotations

import json

from durascope.engines.inngest.run_trace import run_traces
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace


def write(trace: Trace, scenario: Scenario) -> bytes:
    """The traces of all runs, one document after the other."""
    found = run_traces(trace, scenario).values()
    return "".join(json.dumps({"data": {"run": {"trace": each}}}, indent=1) + "\n" for each in found).encode("utf-8")
