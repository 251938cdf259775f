"""What a checkpoint does not do: it is a save file, and nobody loads it."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.leaf_steps import Call, Start
from durascope.models.scenario import Scenario
from durascope.models.steps import Patched, Sleep, WaitFor


def notes(scenario: Scenario) -> Iterator[str]:
    """Every note of the scenario, in the order of the file."""
    yield "A run whose process dies stays in the database as it was saved; a person has to find it and continue it."
    for name, workflow in scenario.workflows.items():
        if workflow.one_at_a_time:
            yield f"{name}: nothing keeps two runs with the same key apart."
        if workflow.updates:
            yield f"{name}: updates ({', '.join(workflow.updates)}) are not answered: there is no endpoint for them."
        if workflow.run_timeout is not None or workflow.retry is not None:
            yield f"{name}: `run_timeout` and `retry` of a workflow are not implemented."
        for step in workflow.walk():
            match step:
                case Sleep() | WaitFor():
                    yield f"{step.label}: waits in the memory of the process."
                case Call(timeout=int()) | Start(after=int()):
                    yield f"{step.label}: its `timeout` or `after` is not implemented."
                case Patched():
                    yield f"{step.label}: a run always continues on the code that it began with, or not at all."
                case _:
                    pass
