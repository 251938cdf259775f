"""What Temporal does in another way than a scenario says, named step by step."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Send, Start


def notes(scenario: Scenario) -> Iterator[str]:
    """Every note of the scenario, in the order of the file."""
    for name, workflow in scenario.workflows.items():
        yield from _of_workflow(scenario, name, workflow)


def _of_workflow(scenario: Scenario, name: str, workflow: Workflow) -> Iterator[str]:
    started_by = workflow.started_by
    if started_by is not None and started_by.of is not None:
        yield (
            f"workflow {name}: Temporal starts nothing at the end of another run; catch the failure in the workflow "
            "itself, or call this one as a child"
        )
    if started_by is not None and started_by.cron is not None:
        yield f"workflow {name}: `cron` is a Schedule in Temporal; its runs are started by the workload here"
    for step in workflow.walk():
        match step:
            case Send(to=None, send=event) if not _starts(scenario, event):
                yield (
                    f"step {step.label}: Temporal has no events that find their receivers; name one with `to:`, or "
                    "signal each from an activity that looks them up. Nothing is sent here"
                )
            case Send(to=None, send=event):
                yield f"step {step.label}: what {event} starts is started as an abandoned child workflow"
            case Start(after=int()):
                yield f"step {step.label}: a child has no start delay; the parent sleeps before it starts it"
            case _:
                pass


def _starts(scenario: Scenario, event: str) -> bool:
    return any(each.started_by is not None and each.started_by.event == event for each in scenario.workflows.values())
