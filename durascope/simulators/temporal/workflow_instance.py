"""A workflow run in a worker's cache: the code that is under way, and the machines that tie it to the history.

    events ─▶ jobs ─▶ activation: the code runs until it waits ─▶ commands ─▶ matched with command events, or sent
                          ▲                                          │
                          └── what the core resolves by itself ◀─────┘

Replay is nothing else than doing this with events that are already there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

from durascope.models.scenario import Workflow
from durascope.simulators.program.loop import Block, Future
from durascope.simulators.temporal.activity_machine import ActivityMachine
from durascope.simulators.temporal.child_machine import ChildMachine
from durascope.simulators.temporal.command_events import EVENT_OF, same
from durascope.simulators.temporal.commands import (
    CancelTimer,
    CloseCommand,
    Command,
    LocalEnd,
    RequestCancelActivityTask,
    RequestCancelChild,
    RequestCancelLocalActivity,
    ScheduleActivityTask,
    ScheduleLocalActivity,
    TaskCompletion,
)
from durascope.simulators.temporal.context import TaskFailure, WorkflowContext
from durascope.simulators.temporal.core import Core, Job
from durascope.simulators.temporal.events import (
    ActivityEnd,
    ActivityTaskScheduled,
    ActivityTaskStarted,
    ChildEnd,
    ChildWorkflowExecutionStarted,
    ExternalEnd,
    MarkerRecorded,
    StartChildWorkflowExecutionFailed,
    TimerCanceled,
    TimerFired,
    WorkflowExecutionCancelRequested,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
    WorkflowExecutionUpdateAccepted,
    WorkflowTaskCompleted,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
)
from durascope.simulators.temporal.external_machine import ExternalMachine
from durascope.simulators.temporal.failure import TaskFailedCause
from durascope.simulators.temporal.handlers import Handlers
from durascope.simulators.temporal.history import CommandEvent, HistoryEvent
from durascope.simulators.temporal.history_update import workflow_task_sequences
from durascope.simulators.temporal.host import Host
from durascope.simulators.temporal.local_markers import LocalMarkers
from durascope.simulators.temporal.messages import TaskForWorker
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.temporal.timer_machine import TimerMachine
from durascope.simulators.temporal.workflow_sdk import WorkflowSdk

HEARTBEAT: Final = "heartbeat"
"""What a task that waits for local activities is sent when it has lasted too long (W12)."""

_NOTHING_NEW: Final = (WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted, ActivityTaskStarted)
"""Events that the code does not hear of, and that are most frequent."""


class Nondeterminism(Exception):
    """The code does not ask for what the history says it did."""


class WorkflowInstance:
    """One run in one worker process."""

    __slots__ = (
        "activations",
        "context",
        "core",
        "finished",
        "handlers",
        "local",
        "loop",
        "processed",
        "run_id",
        "sdk",
    )

    def __init__(self, host: Host, run_id: int, options: StartOptions, workflow: Workflow) -> None:
        self.run_id = run_id
        context = self.context = WorkflowContext(options, workflow)
        self.core = Core()
        self.local = LocalMarkers(context, self.core, host, run_id)
        self.loop = context.loop
        self.sdk = WorkflowSdk(context, options.run, host, options.resume_at)
        self.handlers = Handlers(self.sdk)
        self.processed = 0
        """The last event that has been applied; 0: the code begins from the top."""
        self.activations = 0
        self.finished = False

    def close(self) -> None:
        """The run has left the worker: its parts let go of each other, so that nobody has to look for them."""
        self.sdk.close()
        del self.sdk, self.handlers

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
                        (self.handlers.start_update, (each.id, each.name, each.payload, True)) for each in task.updates
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
            return TaskCompletion(failed=TaskFailedCause.NON_DETERMINISTIC_ERROR, failure_message=str(wrong))
        except TaskFailure as failure:
            return TaskCompletion(failed=TaskFailedCause.WORKER_UNHANDLED_FAILURE, failure_message=str(failure))
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
            self.core.forget_rejections()
        patches: list[Job] = []
        messages: list[Job] = []
        others: list[Job] = []
        for event in sequence:
            if not isinstance(event, _NOTHING_NEW):
                self._apply(event, messages, others)
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
            match event:
                case MarkerRecorded(end=LocalEnd() as end):
                    self.local.seen(event.seq, end)
                case MarkerRecorded():
                    patches.append((self.context.patches.add, (event.name,)))
                case WorkflowExecutionUpdateAccepted():
                    update = (event.update_id, event.name, event.payload, False)
                    messages.append((self.handlers.start_update, update))
                case _:
                    pass

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
        core, outgoing = self.core, self.core.outgoing
        if self.finished:
            return
        closing: Command | None = None
        for command in issued:
            match command:
                case ScheduleActivityTask():
                    outgoing.append(command)
                case CloseCommand():
                    closing = closing or command
                case ScheduleLocalActivity() | RequestCancelLocalActivity():
                    self.local.take(command)
                case CancelTimer() | RequestCancelActivityTask() | RequestCancelChild():
                    command.handle.take(command, core)  # it is sent, or withdrawn together with what it cancels
                case _:
                    outgoing.append(command)
        if closing is not None:
            self.finished = True
            core.send(closing)
            self.local.open.clear()
            core.jobs.clear()

    # ---- events --------------------------------------------------------------------------------------------

    def _apply(self, event: HistoryEvent, messages: list[Job], others: list[Job]) -> None:
        """Command events are matched, messages and ends become news for the code; what is most frequent comes first."""
        core = self.core
        match event:
            case ActivityTaskScheduled():
                self._match_activity(event)
            case ActivityEnd():
                activity: ActivityMachine | None = core.machines.pop(event.scheduled_event_id, None)
                job = None if activity is None else activity.closed(event)
                if job is not None:
                    others.append(job)
            case TimerCanceled():
                self._match(event)
                core.machines.pop(event.started_event_id, None)
            case CommandEvent():
                self._match(event)
            case WorkflowExecutionStarted():
                others.append((self.sdk.begin, ()))
            case WorkflowExecutionSignaled():
                messages.append((self.loop.call_soon, (self.handlers.signalled, event.name, event.payload)))
            case WorkflowExecutionCancelRequested():
                others.append((self.sdk.cancel_requested, ()))
            case TimerFired():
                timer: TimerMachine | None = core.machines.pop(event.started_event_id, None)
                if timer is not None:
                    timer.fired(event)
                    others.append((timer.tell, ()))
            case ChildWorkflowExecutionStarted() | StartChildWorkflowExecutionFailed() | ChildEnd():
                self._child(event, others)
            case ExternalEnd():
                external: ExternalMachine | None = core.machines.pop(event.initiated_event_id, None)
                if external is not None:
                    others.append(external.delivered(event))
            case _:
                pass

    def _child(
        self,
        event: ChildWorkflowExecutionStarted | StartChildWorkflowExecutionFailed | ChildEnd,
        others: list[Job],
    ) -> None:
        """What has become of a child; the code may have none of that number, as where the run has been reset."""
        machines = self.core.machines
        child: ChildMachine | None = machines.get(event.initiated_event_id)
        if child is None:
            return
        match event:
            case ChildWorkflowExecutionStarted():
                others.append(child.started(event))
                return
            case StartChildWorkflowExecutionFailed():
                others.append(child.not_started(event))
            case ChildEnd():
                others.append(child.closed(event))
        del machines[event.initiated_event_id]

    def _match_activity(self, event: ActivityTaskScheduled) -> None:
        """`_match` for what is there most often, and nearly always fits."""
        outgoing = self.core.outgoing
        command = outgoing[0] if outgoing else None
        if (
            command is None
            or command.seq != event.activity_id
            or command.name != event.name
            or not isinstance(command, ScheduleActivityTask)
            or command.withdrawn
        ):
            self._match(event)
            return
        outgoing.popleft()
        handle, command.handle = command.handle, None
        if handle is not None:
            handle.event_id = event.id
            self.core.machines[event.id] = handle

    def _match(self, event: CommandEvent) -> None:
        """A command event must be what the code asked for next (§10)."""
        if isinstance(event, MarkerRecorded) and event.end is not None:
            command = self.core.marker(event.seq)
        else:
            command = self.core.next()
        if command is None:
            raise Nondeterminism(f"nothing in the code stands for event {event.id}, {event.kind}")
        if EVENT_OF.get(type(command)) is not type(event) or not same(command, event):
            name = getattr(event, "name", "")
            raise Nondeterminism(f"event {event.id} is {event.kind} {name}, the code asks for {command}")
        handle, command.handle = command.handle, None
        if handle is not None:
            handle.confirmed(event)
            if handle.awaits_events:
                self.core.machines[event.id] = handle
