"""Undoing a cancelled run: a function on `inngest/function.cancelled` undoes the steps that had begun.

Nothing in the event says which those are: users keep that in a table of their own, written when a step begins. The log
stands for that table.
"""

from __future__ import annotations

from durascope.models.scenario import Scenario
from durascope.models.steps import Run
from durascope.simulators.inngest.functions import undoable
from durascope.simulators.inngest.stores import Status
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.labels import filled, scope_of


class UndoLog:
    """By run: the undo steps of what has begun, in order."""

    def __init__(self, scenario: Scenario) -> None:
        self._workflows = frozenset(
            name
            for name, workflow in scenario.workflows.items()
            if workflow.cancellable and any(True for _ in undoable(workflow))
        )
        self._begun: dict[str, dict[str, Run]] = {}
        """By run: the steps that have begun, by name, in order."""

    def begun(self, run: RunInfo, step: Run, name: str) -> None:
        """The body of a step that can be undone is about to begin."""
        if run.workflow in self._workflows:
            self._begun.setdefault(run.name, {})[name] = step

    def steps(self, run: str) -> tuple[Run, ...]:
        """What undoes the run, last first."""
        return tuple(_undo(step, name) for name, step in reversed(self._begun.get(run, {}).items()))

    def run_over(self, run: RunInfo, status: Status) -> None:
        """What a cancelled run had begun is still to be undone; of any other the log forgets it."""
        if status is not Status.CANCELLED:
            self._begun.pop(run.name, None)


def _undo(step: Run, name: str) -> Run:
    """The step that undoes a step of that name, with the loop variables in its own name filled in."""
    undo = step.undo_step
    assert undo is not None
    return undo.model_copy(update={"run": filled(undo.run, scope_of(step.run, name))})
