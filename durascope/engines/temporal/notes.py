"""What Temporal does in another way than a scenario says, named step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from durascope.models.attempt_limits import chosen_limit
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Call, Run, Send, Start
from durascope.models.units import format_duration

_MODELLED: Final = ("python", "typescript")


def notes(scenario: Scenario) -> Iterator[str]:
    """Every note of the scenario, in the order of the file."""
    for worker in scenario.deployments.temporal.workers:
        if worker.sdk not in _MODELLED:
            yield f"worker {worker.name}: Temporal's {worker.sdk} SDK is not modelled; the Python SDK stands in for it."
    for name, workflow in scenario.workflows.items():
        yield from _of_workflow(scenario, name, workflow)


def _of_workflow(scenario: Scenario, name: str, workflow: Workflow) -> Iterator[str]:
    started_by = workflow.started_by
    if started_by is not None and started_by.of is not None:
        yield (
            f"workflow {name}: Temporal starts nothing at the end of another run; catch the failure in the workflow "
            "itself, or call this one as a child."
        )
    if started_by is not None and started_by.cron is not None:
        yield f"workflow {name}: on Temporal, `cron` is a Schedule. Here its runs start when the workload says."
    for step in workflow.walk():
        match step:
            case Send(to=None, send=event) if not _starts(scenario, event):
                yield (
                    f"step {step.label}: Temporal has no events that find their receivers; name one with `to:`, or "
                    "signal each from an activity that looks them up. Nothing is sent here."
                )
            case Send(to=None, send=event):
                yield f"step {step.label}: what {event} starts is started as an abandoned child workflow."
            case Call(call=called) | Start(start=called) if scenario.workflows[called].one_at_a_time:
                yield (
                    f"step {step.label}: a child workflow is a run of its own, no request to the entity {called}; it "
                    "is not kept apart from others of its key, and with `key:` it fails while one is running. Send the "
                    "entity an update from an activity (update-with-start)."
                )
            case Run() if (limit := chosen_limit(scenario, step)) is not None:
                yield (
                    f"step {step.label}: Temporal demands a limit for an attempt, and the scenario names none: "
                    f"durascope chose start-to-close {format_duration(limit)}. Name a `timeout`, or `step_timeout` of "
                    "the deployment."
                )
            case Start(after=int()):
                yield f"step {step.label}: a child has no start delay; the parent sleeps before it starts it."
            case _:
                pass


def _starts(scenario: Scenario, event: str) -> bool:
    return any(each.started_by is not None and each.started_by.event == event for each in scenario.workflows.values())
