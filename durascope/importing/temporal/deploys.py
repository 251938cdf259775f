"""Code that was changed while a run was under way: inferred from tasks that failed because replay found other code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from durascope.importing.temporal.deaths import Death
from durascope.importing.temporal.fitting import Fit
from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import CAUSE, Activation, Observed, What, failure_of
from durascope.importing.temporal.reading import Event
from durascope.importing.temporal.recording import Recording
from durascope.importing.writing import Noted
from durascope.models.durations import format_duration


@dataclass(frozen=True, slots=True)
class Deploy:
    """New code that a run could not be replayed with, and its end."""

    earliest: int
    """Before that, the old code has completed a task."""
    after: int
    """Before that, a worker has reported something; of old code, unless one is known to have been stopped."""
    before: int
    over: int | None
    """When code came that the run can be replayed with; None: it did not."""
    changed: str
    """A step that is another one in the new code."""
    message: str
    down: int = 0
    """How long no worker was there, in microseconds; 0: nothing says that there was such a time."""

    def with_stops(self, stops: Sequence[Death]) -> Deploy:
        """With what is known of it from the workers that it stopped."""
        mine = [each for each in stops if self.earliest <= each.before and each.after <= self.before]
        if not mine:
            return self
        after = max(self.earliest, *(each.after for each in mine))
        died = (each for each in mine if not each.graceful)  # workers that are replaced without a gap are stopped
        down = max((each.down((each.after + each.before) // 2) for each in died), default=0)
        return replace(self, after=after, before=min(self.before, *(each.before for each in mine)), down=down)

    def faults(self, workflow: str) -> Iterator[Any]:
        at = _ms((self.after + self.before) // 2)
        between = f"between {format_duration(_ms(self.after))} and {format_duration(_ms(self.before))}"
        change = {"rename": {self.changed: f"{self.changed} of the new code"}}
        down = {"down_for": format_duration(_ms(self.down))} if self.down else {}
        yield Noted(
            {"deploy": workflow, "at": format_duration(at), **down, "change": change},
            f"Inferred: replay failed ({self.message[:200]}). New code came {between}; the history does not "
            "say what it changed: here a name is assumed.",
        )
        if self.over is not None:
            yield Noted(
                {"deploy": workflow, "at": format_duration(_ms(self.over)), "rollback": True},
                "Inferred: from then on the run could be replayed again.",
            )


def deploys(recording: Recording, fit: Fit) -> Iterator[tuple[str, Deploy]]:
    """The deploys that the histories tell of, each with the workflow's type."""
    for name, execution in recording.executions.items():
        offset = recording.offset(execution)

        def clock(us: int, name: str = name, offset: int = offset) -> int:
            return fit.then(name, us + offset)

        for failed, following in _failures(execution):
            changed = next((each.name for each in execution.commands if each.what in (What.ACTIVITY, What.CHILD)), None)
            if changed is None:
                continue
            reported = [each for each in _completed(execution) if each.id < failed.id]
            tasks = [each.at for each in reported if each.kind == "WorkflowTaskCompleted"]
            started = execution.history.at(int(failed.a["startedEventId"]))
            over = None
            if following is not None:
                over = max(failed.at + 1_000, following.started.at - 300_000)
            yield (
                execution.workflow,
                Deploy(
                    clock(max(tasks, default=0)),
                    clock(max((each.at for each in reported), default=0)),
                    clock(started.at),
                    None if over is None else clock(over),
                    changed,
                    failure_of(failed.a)[1],
                ),
            )


def _failures(execution: Observed) -> Iterator[tuple[Event, Activation | None]]:
    """The first failed replay of each deploy, and the task that was completed after it."""
    open_ = None
    for event in execution.history.events:
        if event.kind == "WorkflowTaskCompleted":
            open_ = None
        elif event.kind == "WorkflowTaskFailed" and word(event.a.get("cause"), CAUSE) == "non-deterministic-error":
            if open_ is None:
                following = next((each for each in execution.activations if each.completed.id > event.id), None)
                yield event, following
            open_ = event


def _completed(execution: Observed) -> Iterator[Event]:
    for event in execution.history.events:
        if event.kind in ("WorkflowTaskCompleted", "ActivityTaskCompleted"):
            yield event


def _ms(us: int) -> int:
    return us // 1000 * 1000
