"""Event histories as Temporal's own tools read them: the proto JSON of `temporal workflow show --output json`.

One document for each execution. Ids are made of the seed and the runs' names, the simulation begins at `EPOCH`, and
payloads are those that the interpreting workflow of `durascope verify` takes and gives: replayed on the real SDK
(`temporalio.worker.Replayer`), it asks for what the history says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.render.exports.temporal_history.events import written
from durascope.render.exports.temporal_history.execution import Execution, Runs
from durascope.render.exports.temporal_history.values import History


def write(trace: Trace, _scenario: Scenario) -> bytes:
    """The histories of all executions, one document after the other."""
    return b"".join(_document(each) for each in histories(trace).values())


def files(trace: Trace, _scenario: Scenario) -> dict[str, bytes]:
    """A file for each execution, by its suffix: `run-1.history.json`, `run-1.shipment.history.json`."""
    found: dict[str, bytes] = {}
    for name, history in histories(trace).items():
        stem = re.sub(r"[^\w.-]+", "-", name.replace("/", "."))
        while f"{stem}.history.json" in found:
            stem += "-again"
        found[f"{stem}.history.json"] = _document(history)
    return found


def histories(trace: Trace) -> dict[str, dict[str, Any]]:
    """The histories by the executions' names; a trace without records has none.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> order = load_scenario("order-fulfillment")
    >>> trace = simulate(order, "temporal")
    >>> [event["eventType"] for event in histories(trace)["run 1"]["events"]][:2]
    ['EVENT_TYPE_WORKFLOW_EXECUTION_STARTED', 'EVENT_TYPE_WORKFLOW_TASK_SCHEDULED']
    """
    found = cast("Sequence[History]", trace.facts.get("histories", ()))
    runs = Runs(trace, found)
    told: dict[str, dict[str, Any]] = {}
    for each in found:
        execution = Execution(runs, each)
        told[each["name"]] = {"events": [written(execution, event) for event in execution.events]}
    return told


def _document(history: object) -> bytes:
    return (json.dumps(history, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
