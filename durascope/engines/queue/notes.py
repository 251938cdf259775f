"""What a plain message queue cannot do of a scenario: nothing but running a workflow's steps from the top."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Call, Clear, Get, Patched, Send, Set, Sleep, WaitFor


def notes(scenario: Scenario) -> Iterator[str]:
    """Every note of the scenario, in the order of the file."""
    for name, workflow in scenario.workflows.items():
        yield from _of_workflow(name, workflow)


def _of_workflow(name: str, workflow: Workflow) -> Iterator[str]:
    for what, names in (("signals", workflow.signals), ("updates", workflow.updates), ("queries", workflow.queries)):
        if names:
            listed = ", ".join(names)
            yield f"{name}: a running job receives nothing; for {what} ({listed}) it would have to poll a database."
    for step in workflow.walk():
        match step:
            case WaitFor():
                yield f"{step.label}: an event cannot find a running job; the wait always times out."
            case Sleep():
                yield f"{step.label}: the consumer is busy while it sleeps; a delayed message would free it."
            case Call():
                yield f"{step.label}: the other workflow is published as a job, and not awaited."
            case Send():
                yield f"{step.label}: nobody listens for events; nothing is sent."
            case Get() | Set() | Clear():
                yield f"{step.label}: a job keeps no state; use a database."
            case Patched():
                yield f"{step.label}: jobs always run the code that is deployed."
            case _:
                pass
