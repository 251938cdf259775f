"""Resets: a run that begins where another once was, and does again what came after that.

Its history begins as the other's, up to a task that failed by the reset. Signals and updates that had reached the other
one since then follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import CAUSE, Observed, What
from durascope.importing.temporal.reading import Event
from durascope.importing.writing import without_comments

Steps = list[Any]


@dataclass(frozen=True, slots=True)
class Reset:
    """How a run came to be that is a reset of another."""

    run: Observed
    failed: Event
    """The task that failed by the reset."""

    @property
    def base_run(self) -> str:
        """The run id of the other."""
        return str(self.failed.a.get("baseRunId") or "")

    @property
    def at(self) -> int:
        """When it was reset, in microseconds since the history's first event."""
        return self.failed.at

    def copied(self, event: Event) -> bool:
        """Whether the other one had the event."""
        after = self.run.history.events[self.failed.id :]
        again = next((each for each in after if each.kind in _GOES_ON), None)
        admitted = {
            (each.a.get("request") or {}).get("meta", {}).get("updateId")
            for each in after
            if each.kind == "WorkflowExecutionUpdateAdmitted"
        }
        return (
            event.id < self.failed.id
            or (again is not None and event.id < again.id)
            or (event.kind == "WorkflowExecutionUpdateAccepted" and event.a.get("protocolInstanceId") in admitted)
        )

    def step(self, base: Observed | None) -> str | None:
        """The step that it went back to: the first that was asked for in the task that failed."""
        commands = [each for each in self.run.commands if each.asked.id > self.failed.id]
        if base is not None:
            number = str(self.failed.id)
            commands = [each for each in base.commands if each.asked.a.get("workflowTaskCompletedEventId") == number]
        return next((each.name for each in commands if each.what in _STEPS), None)


_STEPS = (What.ACTIVITY, What.LOCAL, What.CHILD)
_GOES_ON = ("WorkflowTaskScheduled", "WorkflowTaskStarted")


def reset_of(run: Observed) -> Reset | None:
    """How it came to be, if it is a reset of another."""
    for event in reversed(run.history.events):
        if event.kind == "WorkflowTaskFailed" and word(event.a.get("cause"), CAUSE) == "reset-workflow":
            return Reset(run, event)
    return None


def resumed(before: Steps, after: Steps, *, ended: bool) -> Steps:
    """The steps of code whose run was reset: `before`, up to where it was left off, and from there on `after`.

    A message that the reset run had from the beginning was one that the code had once waited for. `ended`: nothing was
    under way when it was reset.
    """
    if ended or not before:
        return before or after
    left_off = steps_name(before[-1])
    found = next((at for at, step in enumerate(after) if steps_name(step) == left_off), None)
    return after if found is None else [*before[:-1], *after[found:]]


def steps_name(step: Any) -> Any:
    """What a step is: its kind and its name, or the steps inside."""
    step = without_comments(step)
    kind, value = next(iter(step.items())) if isinstance(step, dict) else ("", step)
    return (kind, [steps_name(each) for each in value] if isinstance(value, list) else value)
