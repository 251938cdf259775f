"""What a prediction shows of the times in a scenario: an activity's own time, and when something came from outside.

A history tells the time of each event, not what was between them: how long a report took, when a request was sent, when
a worker died. A prediction that parts from the recording is laid beside it, up to where they part; each time is moved
to where the recording has it among its neighbours, and the run is predicted anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from durascope.importing.temporal.observing import Command, What
from durascope.importing.temporal.recording import Recording
from durascope.models.trace import Trace

FROM_OUTSIDE: Final = (
    "WorkflowExecutionSignaled", "WorkflowExecutionCancelRequested", "WorkflowExecutionTerminated",
)  # fmt: skip
LATE: Final = 3_000
"""Microseconds from when something is sent to when the server has it."""
LEAST: Final = 1_000


class Warp:
    """Maps the recording's clock to the prediction's: straight between events that both have."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        self.recorded: list[int] = []
        self.predicted: list[int] = []
        for recorded, predicted in pairs:
            if not self.recorded or (recorded > self.recorded[-1] and predicted >= self.predicted[-1]):
                self.recorded.append(recorded)
                self.predicted.append(predicted)

    def __call__(self, us: int) -> int:
        after = bisect_right(self.recorded, us)
        if after == 0:
            return us
        before = after - 1
        if after == len(self.recorded):
            return self.predicted[before] + us - self.recorded[before]
        share = (us - self.recorded[before]) / (self.recorded[after] - self.recorded[before])
        return self.predicted[before] + round(share * (self.predicted[after] - self.predicted[before]))


@dataclass(slots=True)
class Fit:
    """What was learned from predictions; at first, nothing."""

    takes: dict[Command, int] = field(default_factory=dict[Command, int])
    """By how many microseconds an activity's own time is another than was thought."""
    sent: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    """By how many microseconds something from outside was sent later; by execution and event."""
    asked: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    """When it was sent in the scenario that was written with this."""
    warps: dict[str, Warp] = field(default_factory=dict[str, Warp])
    """The prediction's clock against the recording's, by execution."""
    fine: bool = field(default=False, kw_only=True)
    """Whether tenths of milliseconds matter."""

    def rounded(self, us: int) -> int:
        """As precise as it is written."""
        grain = 100 if self.fine else 1000
        return max(0, round(us / grain) * grain)

    def then(self, execution: str, us: int) -> int:
        """When, by the prediction's clock, the execution is where it was at that time of the recording."""
        warp = self.warps.get(execution)
        return us if warp is None else warp(us)

    def after(self, recording: Recording, trace: Trace, *, fine: bool) -> Fit:
        """What is known once that prediction has been made with this fit."""
        found = Fit(dict(self.takes), dict(self.sent), fine=fine)
        histories = cast("Sequence[Mapping[str, Any]]", trace.facts.get("histories", ()))
        for history in histories:
            name = history["name"]
            if name in recording.executions:
                self._learn(found, recording, name, history["events"], trace.records[name])
        return found

    def _learn(
        self, found: Fit, recording: Recording, name: str, events: Sequence[Mapping[str, Any]], lines: Sequence[str]
    ) -> None:
        execution = recording.executions[name]
        offset = recording.offset(execution)
        pairs: list[tuple[int, int]] = []
        alike = 0
        for event, then, line, other in zip(
            execution.history.events, events, recording.records[name], lines, strict=False
        ):
            ends = line.startswith(_TASK_ENDS) and other.startswith(_TASK_ENDS)
            if line != other and not ends:
                break
            if event.kind in FROM_OUTSIDE and pairs:
                way = then["at"] - self.asked.get((name, event.id), then["at"] - LATE)
                found.sent[name, event.id] = LATE - way
            elif not line.startswith("ActivityTaskStarted"):  # written when the attempt ends, with its own time
                pairs.append((event.at + offset, then["at"]))
            if line != other:
                break
            alike += 1
        found.warps[name] = Warp(pairs)
        attempts = {
            each["scheduled_event_id"]: each["attempt"] for each in events if each["kind"] == "ActivityTaskStarted"
        }
        predicted = {each.get("scheduled_event_id"): each for each in events if _ends(each)}
        for command in execution.commands:
            if command.what is not What.ACTIVITY or command.asked.id > alike or command.ended is None:
                continue
            end = predicted.get(command.asked.id)
            if end is None or end["kind"] != command.ended.kind or command.started is None:
                continue
            if int(command.started.a.get("attempt", 1)) != attempts.get(command.asked.id):
                continue  # one of them was lost, in one of both
            took = end["at"] - events[command.asked.id - 1]["at"]
            late = command.ended.at - command.asked.at - took
            found.takes[command] = self.takes.get(command, 0) + late


_TASK_ENDS: Final = ("WorkflowTaskCompleted", "WorkflowTaskFailed")
"""Whichever it was, the task had come to its end."""


def _ends(event: Mapping[str, Any]) -> bool:
    return event["kind"] in ("ActivityTaskCompleted", "ActivityTaskFailed")
