"""A workflow run in a worker's cache: the code that is under way, and the machines that tie it to the history.

    events ─▶ jobs ─▶ activation: the code runs until it waits ─▶ commands ─▶ matched with command events, or sent
                          ▲                                          │
                          └── what the core resolves by itself ◀─────┘

Replay is nothing else than doing this with events that are already there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from durascope.models.scenario import Workflow
from durascope.simulators.program import Block, Future, WorkflowFailure
from durascope.simulators.temporal.commands import CLOSES, EVENT_OF, Command, Failure, TaskCompletion
from durascope.simulators.temporal.context import TaskFailure, WorkflowContext
from durascope.simulators.temporal.handles import ActivityHandle, ChildHandle, LocalActivity, Pending, TimerHandle
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.history_update import workflow_task_sequences
from durascope.simulators.temporal.host import Host
from durascope.simulators.temporal.messages import TaskForWorker
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.temporal.workflow_sdk import WorkflowSdk

Job = tuple[Callable[..., Any], tuple[Any, ...]]
HEARTBEAT: Final = "heartbeat"


_WITHDRAWN: Final = attrgetter("withdrawn")
_NOT_SENT_AS_ISSUED: Final = frozenset((
    "CancelTimer", "RequestCancelActivityTask", "RequestCancelLocalActivity", "RequestCancelChild",
    "ScheduleLocalActivity",
))  # fmt: skip
"""Commands that the core turns into something else, or withdraws together with what they cancel."""


class Nondeterminism(Exception):
    """The code does not ask for what the history says it did."""


class WorkflowInstance:
    """One run in one worker process."""

    __slots__ = (
        "activations", "context", "core_jobs", "finished", "host", "local", "local_news", "loop", "machines", "markers",
        "options", "outgoing", "processed", "run_id", "sdk", "sent",
    )  # fmt: skip

    def __init__(self, host: Host, run_id: int, options: StartOptions, workflow: Workflow) -> None:
        self.host = host
        self.run_id = run_id
        self.options = options
        context = self.context = WorkflowContext(options, workflow)
        self.loop = context.loop
        self.sdk = WorkflowSdk(context, options.run, host, options.resume_at)
        self.processed = 0
        """The last event that has been applied."""
        self.activations = 0
        self.finished = False
        self.outgoing: deque[Command] = deque()
        """Commands that no event has confirmed yet."""
        self.sent = 0
        self.core_jobs: list[Job] = []
        self.machines: dict[int, Any] = {}
        """What waits for later events, by the id of the event that began it."""
        self.markers: dict[int, HistoryEvent] = {}
        """Markers of local activities that the replay has seen coming."""
        self.local: dict[int, LocalActivity] = {}
        """Local activities that run, or wait for a marker."""
        self.local_news: list[Job] = []

    @property
    def begun(self) -> bool:
        """Whether the code has begun: else it begins from the top."""
        return self.sdk.primary is not None

    def close(self) -> None:
        """The run has left the worker: its parts let go of each other, so that nobody has to look for them."""
        self.sdk.close()
        del self.sdk

    # ---- one workflow task ---------------------------------------------------------------------------------

    def process(self, task: TaskForWorker) -> Generator[Block | None, str | None, TaskCompletion]:
        """Applies a task; yields `Block` while the code is busy, None while it waits for local activities."""
        self.context.waits = []
        try:
            events = task.events
            if events and events[0].id <= self.processed:
                events = [event for event in events if event.id > self.processed]
            past = workflow_task_sequences(events)
            news = past.pop() if past and task.task is not None else ()
            if past:
                yield from self._replay(past, news, task)
            if news:
                patches, messages, others = self._jobs(news, (), task)
                if self.local:
                    self._start_waiting_local()
                if task.updates:
                    messages += [
                        (self.sdk.start_update, (each.id, each.name, each.payload, True)) for each in task.updates
                    ]
                yield from self._activate(patches, messages, others)
                if self.core_jobs:
                    yield from self._core()
            while (self.local or self.local_news) and not self.finished and task.task is not None:
                if not self.local_news and (yield None) == HEARTBEAT:
                    return self._completion(True)
                jobs, self.local_news = self.local_news, []
                for job in jobs:
                    yield from self._activate((), (), (job,))
                    yield from self._core()
        except Nondeterminism as wrong:
            return TaskCompletion(failed="non-deterministic-error", failure_message=str(wrong))
        except TaskFailure as failure:
            return TaskCompletion(failed="workflow-worker-unhandled-failure", failure_message=str(failure))
        return self._completion()

    def _replay(
        self, past: list[Sequence[HistoryEvent]], news: Sequence[HistoryEvent], task: TaskForWorker
    ) -> Generator[Block, Any, None]:
        """Applies the tasks that the history has already seen through."""
        self.context.replaying = True
        for number, sequence in enumerate(past, 1):
            following = past[number] if number < len(past) else news
            patches, messages, others = self._jobs(sequence, following, task)
            yield from self._activate(patches, messages, others)
            if self.core_jobs:
                yield from self._core()
        self.context.replaying = False

    def _completion(self, wants_another: bool = False) -> TaskCompletion:
        commands = list(self.outgoing)
        if any(map(_WITHDRAWN, commands)):
            commands = [command for command in commands if not command.withdrawn]
            self.outgoing = deque(commands)
        self.sent = len(commands)
        return TaskCompletion(commands, wants_another, self.context.waits)

    def _jobs(
        self, sequence: Sequence[HistoryEvent], following: Sequence[HistoryEvent], task: TaskForWorker
    ) -> tuple[list[Job], list[Job], list[Job]]:
        """What a stretch of events gives the code to do: patches; signals and updates; the rest (§8)."""
        self.sent = 0
        if self.context.rejections:
            self._rejections_sent()
        patches: list[Job] = []
        messages: list[Job] = []
        others: list[Job] = []
        how = _APPLY
        for event in sequence:
            kind = event.kind
            if kind in how:
                how[kind](self, event, messages, others)
        self.processed = min(sequence[-1].id, task.last_written_id)
        if following:
            self._peek(following, patches, messages)
        return patches, messages, others

    def _rejections_sent(self) -> None:
        """Nothing will confirm them."""
        self.context.rejections = False
        self.outgoing = deque(command for command in self.outgoing if command.kind != "RejectUpdate")

    def _core(self) -> Generator[Block, Any, None]:
        """Activations that the core makes by itself, without new events."""
        while self.core_jobs:
            jobs, self.core_jobs = self.core_jobs, []
            yield from self._activate((), (), jobs)

    def _peek(self, following: Sequence[HistoryEvent], patches: list[Job], messages: list[Job]) -> None:
        """Looks ahead to the commands of the task being replayed: patches, markers and updates come before it."""
        for event in following:
            a = event.attributes
            if event.kind == "MarkerRecorded" and a["marker"] == "patch":
                patches.append((self.context.patches.add, (a["name"],)))
            elif event.kind == "MarkerRecorded":
                waiting = self.local.get(a["seq"])
                if waiting is None:
                    self.markers[a["seq"]] = event
                else:
                    self._resolve_by_marker(waiting, event)
            elif event.kind == "WorkflowExecutionUpdateAccepted":
                messages.append((self.sdk.start_update, (a["id"], a["name"], a["payload"], False)))

    # ---- activations ---------------------------------------------------------------------------------------

    def _activate(
        self, patches: Sequence[Job], messages: Sequence[Job], others: Sequence[Job]
    ) -> Generator[Block, Any, None]:
        """Patches, then signals and updates, then the rest: the code runs after each set (§8)."""
        self.activations += 1
        context, loop = self.context, self.loop
        for jobs in (patches, messages, others):
            if not jobs:
                continue
            for fn, args in jobs:
                fn(*args)
            while True:
                block = loop.run()
                if context.failure is not None:
                    raise context.failure
                if block is not None:
                    yield block
                    loop.unblock()
                elif not context.conditions or jobs is patches or not self._check_conditions():
                    break
        if context.issued:
            self._take_commands()

    def _check_conditions(self) -> bool:
        """Wakes what waits for a condition that has become true; all are checked, in their order."""
        woken = False
        left: list[tuple[Callable[[], bool], Future]] = []
        for condition, future in self.context.conditions:
            if future.done:
                continue
            if condition():
                future.resolve()
                woken = True
            else:
                left.append((condition, future))
        self.context.conditions = left
        return woken

    def _take_commands(self) -> None:
        """Hands an activation's commands to the core: one that closes the run goes last."""
        context = self.context
        issued, context.issued = context.issued, []
        if self.finished:
            return
        closing: Command | None = None
        for command in issued:
            kind = command.kind
            if kind in CLOSES:
                closing = closing or command
            elif kind in _NOT_SENT_AS_ISSUED:
                self._take(command)
            else:
                self.outgoing.append(command)
        if closing is not None:
            self.finished = True
            self.outgoing.append(closing)
            self.local.clear()
            self.core_jobs.clear()

    def _take(self, command: Command) -> None:
        match command.kind:
            case "CancelTimer":
                self._cancel_timer(command)
            case "RequestCancelActivityTask":
                self._cancel_activity(command)
            case "RequestCancelLocalActivity":
                self._cancel_local(command.handle)
            case "RequestCancelChild":
                self._cancel_child(command)
            case _:
                self._schedule_local(command.handle)

    def _unsent(self, command: Command) -> bool:
        """Whether the server has not seen the command: then it can be taken back without a trace."""
        return command.handle is not None and not self._was_sent(command)

    def _was_sent(self, command: Command) -> bool:
        for number, each in enumerate(self.outgoing):
            if number >= self.sent:
                return False
            if each is command:
                return True
        return False

    def _cancel_timer(self, command: Command) -> None:
        timer: TimerHandle = command.handle
        if timer.fired:
            return
        if self._unsent(timer.command):
            timer.command.withdrawn = True
            return
        command.attributes["started_event_id"] = timer.event_id
        self.outgoing.append(command)

    def _cancel_activity(self, command: Command) -> None:
        activity: ActivityHandle = command.handle
        if activity.closed or activity.resolved:
            return
        if self._unsent(activity.command):
            activity.command.withdrawn = True
            self._resolved_by_core(activity)
            return
        if activity.cancellation != "abandon":
            command.attributes["scheduled_event_id"] = activity.event_id
            self.outgoing.append(command)
        if activity.cancellation != "wait":
            self._resolved_by_core(activity)

    def _resolved_by_core(self, handle: ActivityHandle | ChildHandle) -> None:
        handle.resolved = True
        self.core_jobs.append((handle.settle, (None, Failure("cancelled", "canceled", retryable=False))))

    def _cancel_child(self, command: Command) -> None:
        child: ChildHandle = command.handle
        if child.closed:
            return
        if self._unsent(child.command):
            child.command.withdrawn = True
            self._resolved_by_core(child)
            return
        attributes = {"workflow_id": child.command.attributes["workflow_id"], "initiated_event_id": child.event_id}
        request = Command("RequestCancelExternalWorkflowExecution", 0, command.name, attributes, Pending(self.context))
        self.outgoing.append(request)

    # ---- local activities ----------------------------------------------------------------------------------

    def _schedule_local(self, local: LocalActivity) -> None:
        marker = self.markers.pop(local.seq, None)
        self.local[local.seq] = local
        if marker is not None:
            self._resolve_by_marker(local, marker)
        elif not self.context.replaying:
            self._run_local(local)

    def _run_local(self, local: LocalActivity) -> None:
        self.host.run_local_activity(local, self.options, self._local_done)

    def _start_waiting_local(self) -> None:
        """The replay has ended without their markers: they have to run (again)."""
        for local in self.local.values():
            if not local.running:
                self._run_local(local)

    def _resolve_by_marker(self, local: LocalActivity, marker: HistoryEvent) -> None:
        del self.local[local.seq]
        self.outgoing.append(Command("RecordMarker", local.seq, local.name, dict(marker.attributes), local))
        a = marker.attributes
        self.core_jobs.append((local.settle, (a.get("values"), a.get("failure"), a.get("backoff"))))

    def _local_done(self, local: LocalActivity, attributes: Mapping[str, Any]) -> None:
        """The worker has run a local activity: its marker goes out with the task, the code goes on."""
        if self.local.pop(local.seq, None) is None:
            return
        a = {"marker": "local-activity", "seq": local.seq, "key": local.key, **attributes}
        self.local_news.append((self._local_resolved, (local, a)))
        self.host.local_news(self.run_id)

    def _local_resolved(self, local: LocalActivity, a: dict[str, Any]) -> None:
        self.outgoing.append(Command("RecordMarker", local.seq, local.name, a, local))
        local.settle(a.get("values"), a.get("failure"), a.get("backoff"))

    def _cancel_local(self, local: LocalActivity) -> None:
        if self.local.pop(local.seq, None) is not None:
            self.host.cancel_local_activity(local)
            failure = Failure("cancelled", "canceled", retryable=False)
            a = {"marker": "local-activity", "seq": local.seq, "key": local.key, "failure": failure}
            self.core_jobs.append((self._local_resolved, (local, a)))

    # ---- events --------------------------------------------------------------------------------------------

    def _match_activity(self, event: HistoryEvent, messages: list[Job], others: list[Job]) -> None:
        """`_match` for what is there most often, and nearly always fits."""
        outgoing, a = self.outgoing, event.attributes
        command = outgoing[0] if outgoing else None
        if (
            command is None
            or command.seq != a["activity_id"]
            or command.name != a["name"]
            or command.kind != "ScheduleActivityTask"
            or command.withdrawn
        ):
            self._match(event, messages, others)
            return
        outgoing.popleft()
        handle, command.handle = command.handle, None
        if handle is not None:
            handle.event_id = event.id
            self.machines[event.id] = handle

    def _match(self, event: HistoryEvent, _messages: list[Job], _others: list[Job]) -> None:
        """A command event must be what the code asked for next (§10)."""
        command = self._next_command(event)
        if command is None:
            raise Nondeterminism(f"nothing in the code stands for event {event.id}, {event.kind}")
        a = event.attributes
        if EVENT_OF[command.kind] != event.kind or not _same(command, a):
            raise Nondeterminism(f"event {event.id} is {event.kind} {a.get('name', '')}, the code asks for {command}")
        handle, command.handle = command.handle, None
        if handle is not None:
            handle.event_id = event.id
            if handle.awaits_events:
                self.machines[event.id] = handle

    def _next_command(self, event: HistoryEvent) -> Command | None:
        outgoing = self.outgoing
        if event.kind == "MarkerRecorded" and event.attributes["marker"] == "local-activity":
            for command in outgoing:
                if command.kind == "RecordMarker" and command.seq == event.attributes["seq"]:
                    outgoing.remove(command)
                    return command
            return None
        while outgoing:
            command = outgoing.popleft()
            if not command.withdrawn:
                return command
        return None

    def _initialize(self, _event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        others.append((self.sdk.begin, ()))

    def _signaled(self, event: HistoryEvent, messages: list[Job], _others: list[Job]) -> None:
        a = event.attributes
        messages.append((self.loop.call_soon, (self.sdk.signalled, a["name"], a["payload"])))

    def _cancel_wanted(self, _event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        others.append((self.sdk.cancel_requested, ()))

    def _timer_fired(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        timer = self.machines.pop(event.attributes["started_event_id"], None)
        if timer is not None:
            timer.fired = True
            others.append((self._fire, (timer,)))

    def _fire(self, timer: TimerHandle) -> None:
        if timer.pending:
            timer.pending = False
            self.loop.call_soon(timer.fire)

    def _timer_cancelled(self, event: HistoryEvent, messages: list[Job], others: list[Job]) -> None:
        self._match(event, messages, others)
        self.machines.pop(event.attributes["started_event_id"], None)

    def _activity_closed(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        a = event.attributes
        activity = self.machines.pop(a["scheduled_event_id"], None)
        if activity is None:
            return
        activity.closed = True
        if activity.resolved:
            return
        activity.resolved = True
        kind = event.kind
        if kind == "ActivityTaskCompleted":
            others.append((activity.settle, (a["values"], None)))
            return
        match kind:
            case "ActivityTaskCanceled":
                others.append((activity.settle, (None, Failure("cancelled", "canceled", retryable=False))))
            case "ActivityTaskFailed":
                others.append((activity.settle, (None, a["failure"])))
            case _:
                others.append((activity.settle, (None, Failure(f"timed out: {a['timeout_type']}", "timeout"))))

    def _child_started(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        child = self.machines.get(event.attributes["initiated_event_id"])
        if child is not None:
            child.child_started = True
            others.append((self.loop.call_soon, (child.start.resolve,)))

    def _child_not_started(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        child = self.machines.pop(event.attributes["initiated_event_id"], None)
        if child is not None:
            child.closed = True
            failure = WorkflowFailure(f"{child.name} is already running", step=child.name)
            others.append((self.loop.call_soon, (child.start.fail, failure)))

    def _child_closed(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        child = self.machines.pop(event.attributes["initiated_event_id"], None)
        if child is None:
            return
        child.closed = True
        if child.resolved:
            return
        failure = None
        if event.kind == "ChildWorkflowExecutionCanceled":
            failure = Failure("cancelled", "canceled", retryable=False)
        elif event.kind != "ChildWorkflowExecutionCompleted":
            failure = Failure(f"child workflow {child.name} has failed", "child")
        others.append((child.settle, ({}, failure)))

    def _external_done(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        pending = self.machines.pop(event.attributes["initiated_event_id"], None)
        if pending is None:
            return
        if event.kind.endswith("Failed"):
            failure = WorkflowFailure(f"{event.attributes.get('name', 'cancel')}: no such workflow")
            others.append((self.loop.call_soon, (pending.fail, failure)))
        else:
            others.append((self.loop.call_soon, (pending.resolve,)))


def _same(command: Command, a: Mapping[str, Any]) -> bool:
    """Whether the command is what the event says: type and id."""
    match command.kind:
        case "ScheduleActivityTask":
            return command.name == a["name"] and command.seq == a["activity_id"]
        case "StartTimer" | "CancelTimer":
            return command.seq == a["timer_id"]
        case "StartChildWorkflowExecution":
            return command.name == a["name"] and command.attributes["workflow_id"] == a["workflow_id"]
        case "RecordMarker":
            return command.attributes["marker"] == a["marker"] and command.name == a["name"]
        case "RequestCancelActivityTask":
            return command.attributes["scheduled_event_id"] == a["scheduled_event_id"]
        case "AcceptUpdate" | "CompleteUpdate":
            return command.attributes["id"] == a["id"]
        case _:
            return True


_APPLY: Final[dict[str, Callable[[WorkflowInstance, HistoryEvent, list[Job], list[Job]], None]]] = {
    "WorkflowExecutionStarted": WorkflowInstance._initialize,
    "WorkflowExecutionSignaled": WorkflowInstance._signaled,
    "WorkflowExecutionCancelRequested": WorkflowInstance._cancel_wanted,
    "TimerFired": WorkflowInstance._timer_fired,
    "TimerCanceled": WorkflowInstance._timer_cancelled,
    "ActivityTaskCompleted": WorkflowInstance._activity_closed,
    "ActivityTaskFailed": WorkflowInstance._activity_closed,
    "ActivityTaskTimedOut": WorkflowInstance._activity_closed,
    "ActivityTaskCanceled": WorkflowInstance._activity_closed,
    "ChildWorkflowExecutionStarted": WorkflowInstance._child_started,
    "StartChildWorkflowExecutionFailed": WorkflowInstance._child_not_started,
    "ChildWorkflowExecutionCompleted": WorkflowInstance._child_closed,
    "ChildWorkflowExecutionFailed": WorkflowInstance._child_closed,
    "ChildWorkflowExecutionCanceled": WorkflowInstance._child_closed,
    "ChildWorkflowExecutionTimedOut": WorkflowInstance._child_closed,
    "ChildWorkflowExecutionTerminated": WorkflowInstance._child_closed,
    "ExternalWorkflowExecutionSignaled": WorkflowInstance._external_done,
    "SignalExternalWorkflowExecutionFailed": WorkflowInstance._external_done,
    "ExternalWorkflowExecutionCancelRequested": WorkflowInstance._external_done,
    "RequestCancelExternalWorkflowExecutionFailed": WorkflowInstance._external_done,
    "ActivityTaskScheduled": WorkflowInstance._match_activity,
    "ActivityTaskCancelRequested": WorkflowInstance._match,
    "TimerStarted": WorkflowInstance._match,
    "MarkerRecorded": WorkflowInstance._match,
    "UpsertWorkflowSearchAttributes": WorkflowInstance._match,
    "StartChildWorkflowExecutionInitiated": WorkflowInstance._match,
    "SignalExternalWorkflowExecutionInitiated": WorkflowInstance._match,
    "RequestCancelExternalWorkflowExecutionInitiated": WorkflowInstance._match,
    "WorkflowExecutionUpdateAccepted": WorkflowInstance._match,
    "WorkflowExecutionUpdateCompleted": WorkflowInstance._match,
}
