"""How Temporal was deployed, as far as histories tell: workers by their identities, queues, timeouts, the SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from durascope.importing.temporal.chains import Chain
from durascope.importing.temporal.deaths import Deaths
from durascope.importing.temporal.observing import What, span
from durascope.importing.temporal.readings import Reading
from durascope.importing.temporal.recording import Recording
from durascope.models.durations import format_duration

AT_ONCE: Final = 1_000
"""An activity that starts within this many µs of being scheduled came back with the task's completion."""
SDKS: Final = {
    "temporal-python": "python", "temporal-typescript": "typescript", "temporal-go": "go", "temporal-java": "java",
    "temporal-dotnet": "dotnet", "temporal-php": "php", "temporal-ruby": "ruby",
}  # fmt: skip


def deployment(recording: Recording, deaths: Deaths, reading: Reading) -> dict[str, Any]:
    """The deployment; what is as by default is left out."""
    chains, defaults = recording.chains, recording.defaults
    told: dict[str, Any] = {"workers": _workers(chains, deaths, reading)}
    if not _eager(chains) or deaths.workflows_only:
        told["eager_activities"] = False
    if chains[0].first.history.first.get("eagerExecutionAccepted"):
        told["eager_start"] = True
    if deaths.sticky_timeout:
        told["sticky_timeout"] = format_duration(deaths.sticky_timeout)
    task_timeout = span(chains[0].first.history.first, "workflowTaskTimeout")
    if task_timeout and task_timeout != 10_000_000:
        told["workflow_task_timeout"] = format_duration(task_timeout)
    if defaults.step_timeout != 10_000_000:
        told["step_timeout"] = format_duration(defaults.step_timeout)
    return told


def _workers(chains: Sequence[Chain], deaths: Deaths, reading: Reading) -> list[dict[str, Any]]:
    queue = chains[0].first.queue
    sdk = "python"
    cached = any(execution.cached for chain in chains for execution in chain.executions)
    elsewhere: dict[str, None] = {}
    workflows, activities = set[str](), set[str]()
    for chain in chains:
        for execution in chain.executions:
            for event in execution.history.events:
                if event.kind == "WorkflowTaskStarted":
                    workflows.add(event.a.get("identity", ""))
                elif event.kind == "WorkflowTaskCompleted":
                    name = (event.a.get("sdkMetadata") or {}).get("sdkName", "")
                    sdk = SDKS.get(name, sdk)
            for command in execution.commands:
                if command.what is What.ACTIVITY and command.started is not None:
                    where = command.asked.a.get("taskQueue", {}).get("name", queue)
                    if where == queue:
                        activities.add(command.started.a.get("identity", ""))
                    else:
                        elsewhere[where] = None
    several = any(execution.went_on for chain in chains for execution in chain.executions)
    slots = {"slots": 1} if reading.one_slot else {}
    more = {**slots, **({"sdk": sdk} if sdk != "python" else {}), **({"cache": 0} if several and not cached else {})}
    apart = bool(activities) and not workflows & activities and not deaths.replaced(workflows, activities)
    apart = apart or deaths.workflows_only
    if apart:
        found: list[dict[str, Any]] = [
            {"name": "workflow-worker", "runs": "workflows", "queue": queue, **more},
            {"name": "activity-worker", "runs": "activities", "queue": queue, **more},
        ]
    else:
        found = [{"name": "worker", "queue": queue, **more}]
    found += [{"name": f"{where}-worker", "runs": "activities", "queue": where} for where in elsewhere]
    return found


def _eager(chains: Sequence[Chain]) -> bool:
    """Whether activities began on the worker that had asked for them, without a queue between; unknown: yes."""
    waited = [
        command.started.at - command.asked.at
        for chain in chains
        for execution in chain.executions
        for command in execution.commands
        if command.what is What.ACTIVITY and command.started is not None and command.started.a.get("attempt", 1) == 1
    ]
    return not waited or min(waited) < AT_ONCE
