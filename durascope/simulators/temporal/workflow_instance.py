"""A workflow run in a worker's cache: the code that is under way, and the machines that tie it to the history.

    events ─▶ jobs ─▶ activation: the code runs until it waits ─▶ commands ─▶ matched with command events, or sent
                          ▲                                          │
                          └── what the core resolves by itself ◀─────┘

Replay is nothing else than doing this with events that are already there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final

from durascope.models.scenario import Workflow
from durascope.simulators.program import Block, Future
from durascope.simulators.temporal.activity_machine import ActivityMachine
from durascope.simulators.temporal.child_machine import ChildMachine
from durascope.simulators.temporal.commands import CLOSES, EVENT_OF, Command, TaskCompletion
from durascope.simulators.temporal.context import TaskFailure, WorkflowContext
from durascope.simulators.temporal.core import Core, Job
from durascope.simulators.temporal.external_machine import ExternalMachine
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.history_update import workflow_task_sequences
from durascope.simulators.temporal.host import Host
from durascope.simulators.temporal.local_markers import LocalMarkers
from durascope.simulators.temporal.messages import TaskForWorker
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.temporal.workflow_sdk import WorkflowSdk

HEARTBEAT: Final = "heartbeat"
"""What a task that waits for local activities is sent when it has lasted too long (W12)."""

_LOCAL: Final = frozenset(("ScheduleLocalActivity", "RequestCancelLocalActivity"))
"""Commands that only the worker sees."""
_NOT_SENT_AS_ISSUED: Final = _LOCAL | CLOSES.keys() | {"CancelTimer", "RequestCancelActivityTask", "RequestCancelChild"}
"""The last three the core turns into something else, or withdraws together with what they cancel."""


class Nondeterminism(Exception):
    """The code does not ask for what the history says it did."""


class WorkflowInstance:
    """One run in one worker process."""

    __slots__ = ("activations", "context", "core", "finished", "local", "loop", "processed", "run_id", "sdk")

    def __init__(self, host: Host, run_id: int, options: StartOptions, workflow: Workflow) -> None:
        self.run_id = run_id
        context = self.context = WorkflowContext(options, workflow)
        self.core = Core()
        self.local = LocalMarkers(context, self.core, host, run_id)
        self.loop = context.loop
        self.sdk = WorkflowSdk(context, options.run, host, options.resume_at)
        self.processed = 0
        """The last event that has been applied."""
        self.activations = 0
        self.finished = False

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
        core, local = self.core, self.local
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
                if local.open:
                    local.run_waiting()
                if task.updates:
                    messages += [
                        (self.sdk.start_update, (each.id, each.name, each.payload, True)) for each in task.updates
                    ]
                yield from self._activate(patches, messages, others)
                if core.jobs:
                    yield from self._core()
            while (local.open or local.news) and not self.finished and task.task is not None:
                if not local.news and (yield None) == HEARTBEAT:
                    return self._completion(True)
                jobs, local.news = local.news, []
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
            if self.core.jobs:
                yield from self._core()
        self.context.replaying = False

    def _completion(self, wants_another: bool = False) -> TaskCompletion:
        return TaskCompletion(self.core.sends(), wants_another, self.context.waits)

    def _jobs(
        self, sequence: Sequence[HistoryEvent], following: Sequence[HistoryEvent], task: TaskForWorker
    ) -> tuple[list[Job], list[Job], list[Job]]:
        """What a stretch of events gives the code to do: patches; signals and updates; the rest (§8)."""
        self.core.sent = 0
        if self.context.rejections:
            self.context.rejections = False
            self.core.forget("RejectUpdate")
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

    def _core(self) -> Generator[Block, Any, None]:
        """Activations that the core makes by itself, without new events."""
        core = self.core
        while core.jobs:
            jobs, core.jobs = core.jobs, []
            yield from self._activate((), (), jobs)

    def _peek(self, following: Sequence[HistoryEvent], patches: list[Job], messages: list[Job]) -> None:
        """Looks ahead to the commands of the task being replayed: patches, markers and updates come before it."""
        for event in following:
            a = event.attributes
            if event.kind == "MarkerRecorded" and a["marker"] == "patch":
                patches.append((self.context.patches.add, (a["name"],)))
            elif event.kind == "MarkerRecorded":
                self.local.seen(event)
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
        core = self.core
        if self.finished:
            return
        closing: Command | None = None
        for command in issued:
            kind = command.kind
            if kind not in _NOT_SENT_AS_ISSUED:
                core.outgoing.append(command)
            elif kind in CLOSES:
                closing = closing or command
            elif kind in _LOCAL:
                self.local.take(command)
            else:
                command.handle.take(command, core)
        if closing is not None:
            self.finished = True
            core.send(closing)
            self.local.open.clear()
            core.jobs.clear()

    # ---- events --------------------------------------------------------------------------------------------

    def _match_activity(self, event: HistoryEvent, messages: list[Job], others: list[Job]) -> None:
        """`_match` for what is there most often, and nearly always fits."""
        outgoing, a = self.core.outgoing, event.attributes
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
            self.core.machines[event.id] = handle

    def _match(self, event: HistoryEvent, _messages: list[Job], _others: list[Job]) -> None:
        """A command event must be what the code asked for next (§10)."""
        a = event.attributes
        local = event.kind == "MarkerRecorded" and a["marker"] == "local-activity"
        command = self.core.marker(a["seq"]) if local else self.core.next()
        if command is None:
            raise Nondeterminism(f"nothing in the code stands for event {event.id}, {event.kind}")
        if EVENT_OF[command.kind] != event.kind or not _same(command, a):
            raise Nondeterminism(f"event {event.id} is {event.kind} {a.get('name', '')}, the code asks for {command}")
        handle, command.handle = command.handle, None
        if handle is not None:
            handle.confirmed(event)
            if handle.awaits_events:
                self.core.machines[event.id] = handle

    def _initialize(self, _event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        others.append((self.sdk.begin, ()))

    def _signaled(self, event: HistoryEvent, messages: list[Job], _others: list[Job]) -> None:
        a = event.attributes
        messages.append((self.loop.call_soon, (self.sdk.signalled, a["name"], a["payload"])))

    def _cancel_wanted(self, _event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        others.append((self.sdk.cancel_requested, ()))

    def _timer_fired(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        timer = self._answered_by("started_event_id", event)
        if timer is not None:
            timer.fired()
            others.append((timer.tell, ()))

    def _timer_cancelled(self, event: HistoryEvent, messages: list[Job], others: list[Job]) -> None:
        self._match(event, messages, others)
        self._answered_by("started_event_id", event)

    def _activity_closed(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        activity: ActivityMachine | None = self.core.machines.pop(event.attributes["scheduled_event_id"], None)
        job = None if activity is None else activity.closed(event)
        if job is not None:
            others.append(job)

    def _child_started(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        child: ChildMachine | None = self.core.machines.get(event.attributes["initiated_event_id"])
        if child is not None:
            others.append(child.started(event))

    def _child_not_started(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        child: ChildMachine | None = self._answered_by("initiated_event_id", event)
        if child is not None:
            others.append(child.not_started(event))

    def _child_closed(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        child: ChildMachine | None = self._answered_by("initiated_event_id", event)
        if child is not None:
            others.append(child.closed(event))

    def _external_delivered(self, event: HistoryEvent, _messages: list[Job], others: list[Job]) -> None:
        external: ExternalMachine | None = self._answered_by("initiated_event_id", event)
        if external is not None:
            others.append(external.delivered(event))

    def _answered_by(self, reference: str, event: HistoryEvent) -> Any:
        """The machine whose last event this is; None: the code has none, as where the run has been reset."""
        return self.core.machines.pop(event.attributes[reference], None)


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
    "ExternalWorkflowExecutionSignaled": WorkflowInstance._external_delivered,
    "SignalExternalWorkflowExecutionFailed": WorkflowInstance._external_delivered,
    "ExternalWorkflowExecutionCancelRequested": WorkflowInstance._external_delivered,
    "RequestCancelExternalWorkflowExecutionFailed": WorkflowInstance._external_delivered,
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
