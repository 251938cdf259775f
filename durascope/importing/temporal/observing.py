"""What a history says, event by event, as what the workflow's code asked for and what became of it.

A run's code acts in workflow tasks. Each completed task is an `Activation`: the news that the code was given, and
the commands that it then gave. Everything that is inferred from a recording is inferred from these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any, Final

from durascope.importing.temporal.lines import microseconds, payload, step_name, word
from durascope.importing.temporal.reading import Event, History


class What(Enum):
    """What code asks for."""

    ACTIVITY = "activity"
    LOCAL = "local activity"
    TIMER = "timer"
    CHILD = "child workflow"
    SIGNAL = "signal to another workflow"
    PATCH = "patch"
    UPDATE = "update"
    """An update's handler: accepted, worked off, answered."""


@dataclass(eq=False, slots=True)
class Command:
    """Something that the code asked for, and what became of it."""

    what: What
    name: str
    asked: Event
    started: Event | None = None
    ended: Event | None = None
    """None: the history ends before."""
    cancelled_in: int | None = None
    """The number of the activation that asked for its cancellation."""
    awaited_cancel: bool = False
    """Whether the code waited until its cancellation was done."""
    tries: int = 1
    """Of a local activity: how many attempts there were."""
    took: int = 0
    """Of a local activity: from the first attempt's begin to the end, in microseconds; they take turns in a task."""
    pauses: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Of a local activity: the pauses that became timers, each with the attempt before it."""
    detached: bool = False
    """Whether the code did not wait for its end."""
    attempts: list[Event] = field(default_factory=list[Event])
    """Of a local activity: its markers, the last one included."""

    @property
    def immediate(self) -> bool:
        """Whether the code has its answer before the task ends."""
        return self.what in (What.LOCAL, What.PATCH)

    @property
    def cancelled(self) -> bool:
        return self.cancelled_in is not None or (self.ended is not None and self.ended.kind.endswith("Canceled"))

    @property
    def failed(self) -> bool:
        """Whether the code was told of a failure."""
        if self.ended is None or self.cancelled:
            return False
        if self.what is What.LOCAL:
            return "failure" in self.ended.a
        return self.ended.kind.endswith(("Failed", "TimedOut", "Terminated"))


@dataclass(eq=False, slots=True)
class Activation:
    """One completed workflow task: what the code learned, and what it asked for then."""

    number: int
    news: list[Command | Event]
    """Commands that have ended; signals, updates and cancel requests as events; in their order."""
    commands: list[Command]
    cancels: list[Command]
    """What it asked to cancel."""
    answered: list[Command]
    """Updates that it has answered."""
    started: Event
    completed: Event
    failures: list[Event]
    """Tasks before it that failed, with the same news."""
    attempt: int
    """Which attempt of the task it was."""
    end: Event | None = None
    """The event that closes the run, if it is a command of this task."""
    local: int = 0
    """How much of its time were local activities, in microseconds."""
    cut_off: bool = False
    """Whether the run was closed while the code was at it; it was never completed then."""


@dataclass(eq=False, slots=True)
class Observed:
    """One execution."""

    history: History
    activations: Sequence[Activation]
    commands: Sequence[Command]
    signals: Sequence[Event]
    stuck: Sequence[Event] = ()
    """Tasks that failed at the end: no later one was completed."""

    @property
    def workflow(self) -> str:
        return str(self.history.first["workflowType"]["name"])

    @property
    def queue(self) -> str:
        return str(self.history.first["taskQueue"]["name"])

    @property
    def closed(self) -> bool:
        return self.history.last.kind in CLOSING

    @property
    def cached(self) -> bool:
        """Whether workers kept the run: a task was put into a queue of their own."""
        return any(each.kind == "WorkflowTaskScheduled" and sticky(each) for each in self.history.events)

    @property
    def went_on(self) -> bool:
        """Whether a task followed one that was completed: where it was put tells whether workers keep runs."""
        tasks = [each.kind for each in self.history.events if each.kind.startswith("WorkflowTask")]
        return ("WorkflowTaskCompleted", "WorkflowTaskScheduled") in pairwise(tasks)

    @property
    def refusing(self) -> list[Activation]:
        """Tasks that no event brought about and that did nothing: an update came, which the code rejected."""
        found: list[Activation] = []
        for before, each in zip(self.activations, self.activations[1:], strict=False):
            idle = not (each.news or each.commands or each.answered or each.end or each.failures or each.cut_off)
            if idle and not each.cancels:
                scheduled = self.scheduled(each)
                if not self.caused(scheduled) and scheduled.at > before.completed.at:
                    found.append(each)
        return found

    def scheduled(self, activation: Activation) -> Event:
        """When its task was scheduled first."""
        return self.first_scheduled(self.history.at(int(activation.started.a["scheduledEventId"])))

    def first_scheduled(self, task: Event) -> Event:
        """When the task was scheduled first: before it, the same work may have timed out in a worker's own queue."""
        before = self.history.at(task.id - 1)
        while before.kind == "WorkflowTaskTimedOut":
            task = self.history.at(int(before.a["scheduledEventId"]))
            before = self.history.at(task.id - 1)
        return task

    def caused(self, task: Event) -> bool:
        """Whether an event says why the task was scheduled. A message that is no event, as an update, leaves none."""
        return self.history.at(task.id - 1).kind not in QUIET


FORCED: Final = "force-close-command"
"""A task that the server ended while the worker was at it: the run is closed, or has too many events buffered."""
UNMARKED: Final = "local-activity"
"""What a local activity is called of which there is no marker."""
UNFINISHED: Final = "unfinished-update"
"""What an update is called whose handler was cut off before it was accepted."""
REJECTED: Final = "rejected-update"
"""What an update is called that was rejected: it leaves no event that has its name."""
QUIET: Final = frozenset({
    "WorkflowTaskCompleted", "ActivityTaskScheduled", "ActivityTaskCancelRequested", "TimerStarted", "TimerCanceled",
    "StartChildWorkflowExecutionInitiated", "SignalExternalWorkflowExecutionInitiated", "MarkerRecorded",
    "UpsertWorkflowSearchAttributes", "WorkflowExecutionUpdateAccepted", "WorkflowExecutionUpdateCompleted",
    "RequestCancelExternalWorkflowExecutionInitiated",
})  # fmt: skip
"""What code has asked for: that is no news to it."""
CAUSE: Final = "WORKFLOW_TASK_FAILED_CAUSE_"
SECOND: Final = 1_000_000
CLOSING: Final = frozenset({
    "WorkflowExecutionCompleted", "WorkflowExecutionFailed", "WorkflowExecutionCanceled",
    "WorkflowExecutionContinuedAsNew", "WorkflowExecutionTimedOut", "WorkflowExecutionTerminated",
})  # fmt: skip
_CLOSED_BY_CODE: Final = CLOSING - {"WorkflowExecutionTimedOut", "WorkflowExecutionTerminated"}
_ASKED: Final = {
    "ActivityTaskScheduled": What.ACTIVITY,
    "TimerStarted": What.TIMER,
    "StartChildWorkflowExecutionInitiated": What.CHILD,
    "SignalExternalWorkflowExecutionInitiated": What.SIGNAL,
    "WorkflowExecutionUpdateAccepted": What.UPDATE,
}
_ENDED_BY: Final = {
    "ActivityTaskCompleted": "scheduledEventId",
    "ActivityTaskFailed": "scheduledEventId",
    "ActivityTaskTimedOut": "scheduledEventId",
    "ActivityTaskCanceled": "scheduledEventId",
    "TimerFired": "startedEventId",
    "TimerCanceled": "startedEventId",
    "ChildWorkflowExecutionCompleted": "initiatedEventId",
    "ChildWorkflowExecutionFailed": "initiatedEventId",
    "ChildWorkflowExecutionCanceled": "initiatedEventId",
    "ChildWorkflowExecutionTimedOut": "initiatedEventId",
    "ChildWorkflowExecutionTerminated": "initiatedEventId",
    "StartChildWorkflowExecutionFailed": "initiatedEventId",
    "ExternalWorkflowExecutionSignaled": "initiatedEventId",
    "SignalExternalWorkflowExecutionFailed": "initiatedEventId",
}
_MESSAGES: Final = ("WorkflowExecutionSignaled", "WorkflowExecutionCancelRequested")


def observe(history: History) -> Observed:
    """What the history says, in the order of its workflow tasks."""
    return _Observer(history).observed()


class _Observer:
    def __init__(self, history: History) -> None:
        self.history = history
        self.by_event: dict[int, Command] = {}
        """Commands by the number of the event that asked for them."""
        self.commands: list[Command] = []
        self.signals: list[Event] = []
        self.activations: list[Activation] = []
        self.news: list[Command | Event] = []
        self.failures: list[Event] = []
        self.locals: dict[str, Command] = {}
        """Local activities that wait for their next attempt, by name."""
        self.children: dict[str, Command] = {}
        self.heartbeats = 0
        """Time of tasks that were completed only to say that a local activity is at work, in microseconds."""
        self.local_ended = 0
        """When the latest local activity ended, by the SDK's clock."""
        self.backoff: Command | None = None
        """A local activity whose pause is the next timer."""
        self.pauses: dict[int, Command] = {}
        """Timers that are pauses of local activities, by their event."""

    def observed(self) -> Observed:
        for event in self.history.events:
            self._see(event)
        for activation in self.activations:
            for command in activation.cancels:
                ended = command.ended is not None and command.ended.id > activation.completed.id
                waits = command.what is What.ACTIVITY and ended and not activation.commands and activation.end is None
                command.awaited_cancel = waits
        return Observed(self.history, self.activations, self.commands, self.signals, self.failures)

    def _see(self, event: Event) -> None:
        kind, a = event.kind, event.a
        if kind in _ASKED:
            self._asked(_ASKED[kind], event)
        elif kind in _ENDED_BY and int(a[_ENDED_BY[kind]]) in self.pauses:
            pass
        elif kind in _ENDED_BY:
            self._ended(self.by_event[int(a[_ENDED_BY[kind]])], event)
        elif kind == "WorkflowTaskCompleted":
            started, scheduled = (self.history.at(int(a[key])) for key in ("startedEventId", "scheduledEventId"))
            attempt = int(scheduled.a.get("attempt", 1))
            number, news, failures = len(self.activations), self.news, self.failures
            self._heartbeat(event)
            self.activations.append(Activation(number, news, [], [], [], started, event, failures, attempt))
            self.news, self.failures = [], []
        elif kind == "WorkflowTaskFailed":
            self.failures.append(event)
            later = self.history.events[event.id :]
            closes = not any(each.kind == "WorkflowTaskStarted" for each in later)
            if word(a.get("cause"), CAUSE) == FORCED and closes:
                self._cut_off(event)
        elif kind in _MESSAGES:
            self.news.append(event)
            if kind == "WorkflowExecutionSignaled":
                self.signals.append(event)
        elif kind == "MarkerRecorded":
            self._marker(event)
        elif kind in ("ActivityTaskStarted", "ChildWorkflowExecutionStarted"):
            key = "scheduledEventId" if kind == "ActivityTaskStarted" else "initiatedEventId"
            self.by_event[int(a[key])].started = event
            if kind == "ChildWorkflowExecutionStarted":
                self.news.append(event)
        elif kind == "ActivityTaskCancelRequested":
            self._cancel(self.by_event[int(a["scheduledEventId"])])
        elif kind == "RequestCancelExternalWorkflowExecutionInitiated":
            child = self.children.get(a["workflowExecution"].get("workflowId", ""))
            if child is not None:
                self._cancel(child)
        elif kind == "WorkflowExecutionUpdateCompleted":
            self.activations[-1].answered.append(self._ended_quietly(a["acceptedEventId"], event))
        elif kind in _CLOSED_BY_CODE and self.activations:
            self.activations[-1].end = event

    def _heartbeat(self, completed: Event) -> None:
        """A task without commands that another one follows at once: it only said that a local activity is at work."""
        before = self.activations[-1] if self.activations else None
        if before is None or self.news or before.commands or before.end or before.answered:
            return
        following = self.history.at(before.completed.id + 1)
        inline = following.kind == "WorkflowTaskScheduled" and following.at == before.completed.at
        if inline and not before.cut_off:
            took = before.completed.at - before.started.at
            self.heartbeats += took
            before.local = took

    def _cut_off(self, failed: Event) -> None:
        """The run was closed in the middle of a task."""
        started = self.history.at(int(failed.a["startedEventId"]))
        number, news = len(self.activations), self.news
        cut = Activation(number, news, [], [], [], started, failed, [], 1, cut_off=True)
        self._heartbeat(failed)
        if self.heartbeats:
            self._unmarked(cut)
        self.activations.append(cut)
        scheduled = self.history.at(int(started.a["scheduledEventId"]))
        if not news and cut.cut_off and self.history.at(scheduled.id - 1).kind in QUIET:
            update = Command(What.UPDATE, UNFINISHED, scheduled)
            self.commands.append(update)
            cut.commands.append(update)
        self.news = []

    def _unmarked(self, cut: Activation) -> None:
        """A local activity was at work when the run was closed: it has no marker, but a task said that it was there."""
        before = self.activations[-1]
        command = Command(
            What.LOCAL, UNMARKED, before.completed, ended=before.completed, took=2 * self.heartbeats + SECOND
        )
        self.commands.append(command)
        before.commands.append(command)
        cut.local = cut.completed.at - cut.started.at
        cut.cut_off = False
        self.heartbeats = 0

    def _asked(self, what: What, event: Event) -> None:
        if what is What.TIMER and self.backoff is not None:
            self.backoff.pauses.append((span(event.a, "startToFireTimeout"), self.backoff.tries))
            self.pauses[event.id] = self.backoff
            self.backoff = None
            return
        command = Command(what, _name(what, event), event)
        self.by_event[event.id] = command
        self.commands.append(command)
        self.activations[-1].commands.append(command)
        if what is What.CHILD:
            self.children[event.a.get("workflowId", "")] = command

    def _ended(self, command: Command, event: Event) -> None:
        command.ended = event
        if event.kind == "TimerCanceled":
            self._cancel(command)
        else:
            self.news.append(command)

    def _ended_quietly(self, number: str, event: Event) -> Command:
        command = self.by_event[int(number)]
        command.ended = event
        return command

    def _cancel(self, command: Command) -> None:
        command.cancelled_in = self.activations[-1].number
        self.activations[-1].cancels.append(command)

    def _marker(self, event: Event) -> None:
        a = event.a
        if a["markerName"] == "core_patch":
            told = payload(a.get("details", {}).get("patch-data")) or {}
            self._immediate(Command(What.PATCH, str(told.get("id", "patch")), event, ended=event))
        elif a["markerName"] == "core_local_activity":
            told = payload(a.get("details", {}).get("data")) or {}
            name = str(told.get("activity_type", "local-activity"))
            again = self.locals.pop(name, None)
            if again is not None:
                again.attempts.append(event)
                again.ended = event
            else:
                again = Command(What.LOCAL, name, event, ended=event, attempts=[event])
                self._immediate(again)
            again.tries = int(told.get("attempt", 1))
            ended, scheduled = span(told, "complete_time"), span(told, "original_schedule_time")
            own = ended - max(scheduled, self.local_ended)
            begun = self.history.begun + self.activations[-1].started.at
            if self.heartbeats and scheduled >= begun - SECOND // 10:
                own += self.heartbeats
            self.heartbeats = 0
            again.took += own
            self.activations[-1].local += own
            self.local_ended = ended
            if told.get("backoff"):
                self.locals[name] = self.backoff = again

    def _immediate(self, command: Command) -> None:
        self.commands.append(command)
        self.activations[-1].commands.append(command)


def _name(what: What, event: Event) -> str:
    a = event.a
    match what:
        case What.ACTIVITY:
            return step_name(a)
        case What.CHILD:
            return str(a["workflowType"]["name"])
        case What.SIGNAL:
            return str(a["signalName"])
        case What.UPDATE:
            return str(a["acceptedRequest"]["input"]["name"])
        case _:
            return f"timer {a.get('timerId', '')}"


def sticky(scheduled: Event) -> bool:
    """Whether a task was put into a worker's own queue."""
    return "normalName" in scheduled.a.get("taskQueue", {})


def span(a: Mapping[str, Any], key: str) -> int:
    """A duration among the attributes, in microseconds; 0: there is none."""
    told = a.get(key)
    if isinstance(told, dict):
        return int(told.get("seconds", 0)) * 1_000_000 + int(told.get("nanos", 0)) // 1000
    return microseconds(told) if isinstance(told, str) else 0


def failure_of(a: Mapping[str, Any]) -> tuple[str, str]:
    """The innermost failure's type and message; of a timeout: `timeout` and its kind."""
    failure = a.get("failure") or a.get("lastFailure") or {}
    while isinstance(failure.get("cause"), dict):
        failure = failure["cause"]
    if "timeoutFailureInfo" in failure:
        return "timeout", word(failure["timeoutFailureInfo"].get("timeoutType"), "TIMEOUT_TYPE_")
    info = failure.get("applicationFailureInfo") or {}
    return str(info.get("type") or "Error"), str(failure.get("message") or "")
