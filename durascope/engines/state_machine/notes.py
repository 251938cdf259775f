"""What a hand-written state machine does not do of a scenario, and what one would have to write."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.leaf_steps import Call, Start
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Patched


def notes(scenario: Scenario) -> Iterator[str]:
    """Every note of the scenario, in the order of the file."""
    for name, workflow in scenario.workflows.items():
        yield from _of_workflow(name, workflow)
    if any(event.operator not in (None, "cancel", "kill", "resume") for event in scenario.workload.events):
        yield "An operator's command is an UPDATE by hand: only cancel, kill and resume are implemented."


def _of_workflow(name: str, workflow: Workflow) -> Iterator[str]:
    if workflow.updates:
        yield f"{name}: updates ({', '.join(workflow.updates)}) are not answered: there is no endpoint for them."
    if workflow.run_timeout is not None:
        yield f"{name}: `run_timeout` is not enforced; that takes another column and another poll."
    if workflow.retry is not None:
        yield f"{name}: a failed run is not started again; `retry` of a workflow is not implemented."
    if any(signal.then == "cancel-now" for signal in workflow.signals.values()):
        yield f"{name}: a cancellation is noticed between two steps; the step in flight is not stopped."
    for step in workflow.walk():
        match step:
            case Call(timeout=int()):
                yield f"{step.label}: its `timeout` is not implemented; the row waits for the end of the other run."
            case Start(after=int()):
                yield f"{step.label}: its `after` is not implemented; the other run begins at once."
            case Patched():
                yield f"{step.label}: rows in flight always run the code that is deployed."
            case _:
                pass
