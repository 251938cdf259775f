"""What a prediction shows of the times in a scenario: an activity's own time, and when something came from outside.

A history tells the time of each event, not what was between them: how long a report took, when a request was sent, when
a worker died. A prediction that parts from the recording is laid beside it, up to where they part; each time is moved
to where the recording has it among its neighbours, and the run is predicted anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from durascope.importing.temporal.observing import Command, Observed, What
from durascope.importing.temporal.reading import Event
from durascope.importing.temporal.recording import Recording
from durascope.importing.warp import Warp
from durascope.models.trace import Trace

FROM_OUTSIDE: Final = (
    "WorkflowExecutionSignaled", "WorkflowExecutionCancelRequested", "WorkflowExecutionTerminated",
)  # fmt: skip
LATE: Final = 3_000
"""Microseconds from when something is sent to when the server has it."""
LEAST: Final = 1_000


@dataclass(slots=True)
class Fit:
    """What was learned from predictions; at first, nothing."""

    takes: dict[Command, int] = field(default_factory=dict[Command, int])
    """By how many microseconds an activity's own time is another than was thought."""
    earlier: dict[Command, int] = field(default_factory=dict[Command, int])
    """By how many microseconds the attempts before its last one took longer, together."""
    sent: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    """By how many microseconds something from outside was sent later; by execution and event."""
    asked: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    """When it was sent in the scenario that was written with this."""
    order: dict[Command | tuple[str, int], int] = field(default_factory=dict["Command | tuple[str, int]", int])
    """By how many microseconds an attempt ends, or something comes from outside, later than recorded: so that it comes
    where the recording has it among what takes its own time in a prediction."""
    warps: dict[str, Warp] = field(default_factory=dict[str, Warp])
    """The prediction's clock against the recording's, by execution."""
    in_order: bool = field(default=False, kw_only=True)
    """Whether times are bent where the order is another one."""
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
        found = Fit(
            dict(self.takes),
            dict(self.earlier),
            dict(self.sent),
            order=dict(self.order),
            in_order=self.in_order,
            fine=fine,
        )
        histories = cast("Sequence[Mapping[str, Any]]", trace.facts.get("histories", ()))
        for history in histories:
            name = history["name"]
            if name in recording.executions:
                self._learn(found, recording, name, history["events"], trace.records[name])
        return found

    def _asked_for(self, name: str, event: Event) -> bool:
        """Whether it is a task that an update was sent for."""
        return event.kind == "WorkflowTaskScheduled" and (name, event.id) in self.asked

    def _learn(
        self, fit: Fit, recording: Recording, name: str, events: Sequence[Mapping[str, Any]], lines: Sequence[str]
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
            if (event.kind in FROM_OUTSIDE or self._asked_for(name, event)) and pairs:
                way = then["at"] - self.asked.get((name, event.id), then["at"] - LATE)
                fit.sent[name, event.id] = LATE - way
            elif not line.startswith("ActivityTaskStarted"):  # written when the attempt ends, with its own time
                pairs.append((event.at + offset, then["at"]))
            if line != other:
                break
            alike += 1
        fit.warps[name] = Warp(pairs)
        started = {each["scheduled_event_id"]: each for each in events if each["kind"] == "ActivityTaskStarted"}
        if self.in_order:
            self._put_in_order(fit, execution, name, events, alike, recording.records[name], lines)
        ended = {each.get("scheduled_event_id"): each for each in events if _ends(each)}
        for command in execution.commands:
            if command.what is not What.ACTIVITY or command.asked.id > alike or command.ended is None:
                continue
            begun, end = started.get(command.asked.id), ended.get(command.asked.id)
            if begun is None or end is None or end["kind"] != command.ended.kind or command.started is None:
                continue
            if int(command.started.a.get("attempt", 1)) != begun["attempt"]:
                continue  # one of them was lost, in one of both
            waited = begun["at"] - events[command.asked.id - 1]["at"]
            late = command.ended.at - command.started.at + self.order.get(command, 0) - (end["at"] - begun["at"])
            later = command.started.at - command.asked.at - waited
            if begun["attempt"] == 1:
                late, later = late + later, 0
            fit.takes[command] = self.takes.get(command, 0) + late
            fit.earlier[command] = self.earlier.get(command, 0) + later

    def _put_in_order(
        self, fit: Fit, execution: Observed, name: str, events: Sequence[Mapping[str, Any]],
        alike: int, recorded: Sequence[str], lines: Sequence[str],
    ) -> None:  # fmt: skip
        """Where the prediction parts from the recording: what came too soon comes later, what came too late sooner."""
        if alike >= min(len(recorded), len(lines)):
            return
        there, early = events[alike], self._movable(execution, name, events[alike])
        if early is not None:
            same = (
                then["at"] for then, line in zip(events[alike:], lines[alike:], strict=True) if line == recorded[alike]
            )
            late = next(same, there["at"] + LATE) - _moment(events, there) + LEAST
            fit.order[early] = self.order.get(early, 0) + max(late, LEAST)
            return
        event = execution.history.at(alike + 1)
        tardy = self._movable(execution, name, {"id": event.id, "kind": event.kind, **_plain(event)})
        then = next((each for each in events[alike:] if self._movable(execution, name, each) == tardy), None)
        if tardy is not None and then is not None:
            fit.order[tardy] = self.order.get(tardy, 0) - (_moment(events, then) - there["at"]) - LEAST

    def _movable(self, execution: Observed, name: str, event: Mapping[str, Any]) -> Command | tuple[str, int] | None:
        """What the event is a sign of, if a scenario says when that is: an activity's attempt, a message."""
        if event["kind"] in _ATTEMPT:
            asked = event["scheduled_event_id"]
            return next((each for each in execution.commands if each.asked.id == asked), None)
        sent = event["kind"] in FROM_OUTSIDE or (event["kind"] == "WorkflowTaskScheduled")
        return (name, event["id"]) if sent and (name, event["id"]) in self.asked else None


_ATTEMPT: Final = ("ActivityTaskStarted", "ActivityTaskCompleted", "ActivityTaskFailed")


def _moment(events: Sequence[Mapping[str, Any]], event: Mapping[str, Any]) -> int:
    """When the event was written: that an attempt has started is written with its end."""
    if event["kind"] == "ActivityTaskStarted" and event["id"] < len(events):
        return events[event["id"]]["at"]
    return event["at"]


def _plain(event: Event) -> dict[str, Any]:
    asked = event.a.get("scheduledEventId")
    return {} if asked is None else {"scheduled_event_id": int(asked)}


_TASK_ENDS: Final = ("WorkflowTaskCompleted", "WorkflowTaskFailed")
"""Whichever it was, the task had come to its end."""


def _ends(event: Mapping[str, Any]) -> bool:
    return event["kind"] in ("ActivityTaskCompleted", "ActivityTaskFailed")
