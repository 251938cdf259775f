"""The machines of a run in a worker, one by one: what the code and the server's events do to them, commands out."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest

from durascope.models.scenario import Workflow
from durascope.models.steps import Run as Step
from durascope.simulators.kernel.states import UnexpectedEvent
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.loop import Cancelled, Future
from durascope.simulators.temporal.activity_machine import ActivityMachine
from durascope.simulators.temporal.child_machine import ChildMachine, ChildState
from durascope.simulators.temporal.commands import (
    AcceptUpdate,
    CancelTimer,
    Command,
    CompleteUpdate,
    RecordMarker,
    RejectUpdate,
    RequestCancelActivityTask,
    RequestCancelChild,
    RequestCancelExternalWorkflowExecution,
    RequestCancelLocalActivity,
    ScheduleLocalActivity,
    StartChildWorkflowExecution,
    StartTimer,
    UpsertWorkflowSearchAttributes,
)
from durascope.simulators.temporal.context import WorkflowContext
from durascope.simulators.temporal.core import Core, Job
from durascope.simulators.temporal.events import (
    ActivityEnd,
    ActivityTaskCanceled,
    ActivityTaskCompleted,
    ActivityTaskTimedOut,
    ChildWorkflowExecutionCompleted,
    ChildWorkflowExecutionFailed,
    ChildWorkflowExecutionStarted,
    ExternalEnd,
    ExternalWorkflowExecutionCancelRequested,
    ExternalWorkflowExecutionSignaled,
    MarkerRecorded,
    RequestCancelExternalWorkflowExecutionFailed,
    SignalExternalWorkflowExecutionFailed,
    StartChildWorkflowExecutionFailed,
    TimerFired,
    WorkflowExecutionUpdateAccepted,
    WorkflowExecutionUpdateCompleted,
)
from durascope.simulators.temporal.external_machine import ExternalMachine
from durascope.simulators.temporal.local_activity import LocalActivity, LocalState
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.temporal.patch_machine import PatchMachine, PatchState
from durascope.simulators.temporal.timer_machine import TimerMachine, TimerState
from durascope.simulators.temporal.update_machine import UpdateMachine, UpdateState
from tests.simulators.temporal.parts import RUN, numbered, schedules

A = TypeVar("A", bound=ActivityEnd)


class Run:
    """A context and a core, whose commands are sent and confirmed when the test says so."""

    def __init__(self) -> None:
        self.context = WorkflowContext(StartOptions(RUN, "order 1"), Workflow.model_validate({"steps": [{"run": "a"}]}))
        self.core = Core()

    def timer(self) -> TimerMachine:
        command = StartTimer(1, "it", 5_000_000)
        timer = command.handle = TimerMachine(self.context.loop, command)
        self.core.send(command)
        return timer

    def activity(self, cancellation: str = "try") -> ActivityMachine:
        activity = ActivityMachine(self.context, schedules(0, "charge", cancellation=cancellation))
        self._send()
        return activity

    def child(self) -> ChildMachine:
        command = StartChildWorkflowExecution(0, "it", RUN, "ship 1", "ship", "terminate", 0, None, None)
        child = ChildMachine(self.context, command)
        self._send()
        return child

    def update(self) -> UpdateMachine:
        return UpdateMachine(self.context, "u1", "change", {"to": 3})

    def patch(self) -> PatchMachine:
        return PatchMachine(self.context, "v2")

    def local(self) -> LocalActivity:
        step = Step.model_validate({"run": "look", "local": True})
        local = LocalActivity(self.context, step, "look", "look", 10_000_000)
        assert self.issued() == [ScheduleLocalActivity]
        return local

    def _send(self) -> None:
        (command,), self.context.issued = self.context.issued, []
        self.core.send(command)

    def confirmed(self, machine: TimerMachine | ActivityMachine | ChildMachine) -> None:
        """The server has the command, and its event has come, as number 5."""
        self.core.sends()
        command = self.core.next()
        assert command is not None
        assert command is machine.command
        command.handle = None
        machine.event_id = 5

    def issued(self) -> list[type[Command]]:
        """The commands that the code has asked for since it was asked last."""
        issued, self.context.issued = self.context.issued, []
        return [type(command) for command in issued]

    def asks(self) -> list[type[Command]]:
        """The commands that are on their way."""
        return [type(command) for command in self.core.sends()]

    def does(self, job: Job | None) -> None:
        """The code runs with that news."""
        if job is not None:
            fn, args = job
            fn(*args)
        self.context.loop.run()

    def does_what_the_core_says(self) -> None:
        jobs, self.core.jobs = self.core.jobs, []
        for job in jobs:
            self.does(job)


@pytest.fixture
def run() -> Run:
    return Run()


def end(kind: type[A], *more: Any) -> A:
    """The end of an activity."""
    return numbered(kind(5, None, "charge", "worker", *more), 7)


FIRED = numbered(TimerFired(1, 5), 6)
CHILD_STARTED = numbered(ChildWorkflowExecutionStarted(5, "ship", "ship 1", 2), 6)
COMPLETED = numbered(ChildWorkflowExecutionCompleted(5, CHILD_STARTED, "ship", "ship 1", 2), 7)
FAILED = numbered(ChildWorkflowExecutionFailed(5, CHILD_STARTED, "ship", "ship 1", 2), 7)
NOT_STARTED = numbered(StartChildWorkflowExecutionFailed(5, "ship"), 7)
ACCEPTED = numbered(WorkflowExecutionUpdateAccepted("u1", "change", {"to": 3}, 2), 7)
UPDATE_COMPLETED = numbered(WorkflowExecutionUpdateCompleted("u1", "change", 7, None), 8)
MARKER = numbered(MarkerRecorded(0, "", None, "v2", 4), 7)


def ended(future: Future) -> str:
    """How what the code waits for has ended."""
    if not future.done:
        return "waits"
    return "result" if future.exception is None else type(future.exception).__name__


# ---- timers --------------------------------------------------------------------------------------------------


def test_a_timer_that_has_fired_tells_the_code_once(run: Run) -> None:
    timer = run.timer()
    run.confirmed(timer)
    timer.fired(FIRED)
    assert ended(timer.future) == "waits"
    run.does((timer.tell, ()))
    assert ended(timer.future) == "result"
    assert not timer.cancel(), "it is over"


def test_a_timer_that_the_server_has_not_seen_is_withdrawn_with_its_cancellation(run: Run) -> None:
    timer = run.timer()
    assert timer.cancel()
    timer.take(CancelTimer(1, "it"), run.core)
    assert run.asks() == []


def test_a_timer_that_the_server_has_is_cancelled_there(run: Run) -> None:
    timer = run.timer()
    run.confirmed(timer)
    assert timer.cancel()
    timer.take(CancelTimer(1, "it"), run.core)
    (command,) = run.core.sends()
    assert isinstance(command, CancelTimer)
    assert command.started_event_id == 5


def test_a_timer_that_fires_as_it_is_cancelled_is_told_to_nobody(run: Run) -> None:
    timer = run.timer()
    run.confirmed(timer)
    timer.fired(FIRED)
    assert timer.cancel(), "the code had not heard of it"
    timer.take(CancelTimer(1, "it"), run.core)
    run.does((timer.tell, ()))
    assert run.asks() == []
    assert ended(timer.future) == "waits"


def test_an_event_that_a_timers_state_has_no_transition_for_is_named(run: Run) -> None:
    timer = run.timer()
    timer.fired(FIRED)
    with pytest.raises(UnexpectedEvent, match="timer 1 is fired: no transition for TimerFired"):
        timer.fired(FIRED)
    assert timer.state is TimerState.FIRED


# ---- activities ----------------------------------------------------------------------------------------------


def test_an_activitys_result_reaches_the_code(run: Run) -> None:
    activity = run.activity()
    run.confirmed(activity)
    run.does(activity.closed(end(ActivityTaskCompleted, {"id": 3}, None)))
    assert activity.result == {"id": 3}


def test_an_activitys_timeout_is_a_failure_that_says_which(run: Run) -> None:
    activity = run.activity()
    run.confirmed(activity)
    run.does(activity.closed(end(ActivityTaskTimedOut, "heartbeat", "timeout")))
    assert isinstance(activity.exception, WorkflowFailure)
    assert activity.exception.message == "charge: timed out: heartbeat"


@pytest.mark.parametrize(
    ("cancellation", "asks", "at_once"),
    [
        ("try", [RequestCancelActivityTask], "Cancelled"),
        ("wait", [RequestCancelActivityTask], "waits"),
        ("abandon", [], "Cancelled"),
    ],
)
def test_how_an_activity_is_cancelled_is_its_own_choice(
    run: Run, cancellation: str, asks: list[type[Command]], at_once: str
) -> None:
    activity = run.activity(cancellation)
    run.confirmed(activity)
    activity.take(RequestCancelActivityTask(1, "it"), run.core)
    assert run.asks() == asks
    run.does_what_the_core_says()
    assert ended(activity) == at_once
    run.does(activity.closed(end(ActivityTaskCanceled)))
    assert isinstance(activity.exception, Cancelled), "later, or no news"


def test_an_activity_that_the_server_has_not_seen_is_withdrawn(run: Run) -> None:
    activity = run.activity("wait")
    activity.take(RequestCancelActivityTask(1, "it"), run.core)
    assert run.asks() == []
    run.does_what_the_core_says()
    assert ended(activity) == "Cancelled"


def test_an_activity_ends_once(run: Run) -> None:
    activity = run.activity()
    activity.closed(end(ActivityTaskCanceled))
    with pytest.raises(UnexpectedEvent, match="activity charge is closed: no transition for ActivityTaskCanceled"):
        activity.closed(end(ActivityTaskCanceled))


# ---- children, other runs ------------------------------------------------------------------------------------


def test_a_child_starts_and_then_ends(run: Run) -> None:
    child = run.child()
    run.confirmed(child)
    run.does(child.started(CHILD_STARTED))
    assert (ended(child.start), ended(child)) == ("result", "waits")
    run.does(child.closed(FAILED))
    assert ended(child) == "WorkflowFailure"


def test_a_child_whose_id_is_taken_does_not_start(run: Run) -> None:
    child = run.child()
    run.confirmed(child)
    run.does(child.not_started(NOT_STARTED))
    assert ended(child.start) == "WorkflowFailure"
    assert child.state is ChildState.NOT_STARTED


def test_a_childs_cancellation_is_a_request_to_another_run(run: Run) -> None:
    child = run.child()
    run.confirmed(child)
    child.take(RequestCancelChild(1, "it"), run.core)
    (command,) = run.core.sends()
    assert isinstance(command, RequestCancelExternalWorkflowExecution)
    assert (command.workflow_id, command.initiated_event_id) == ("ship 1", 5)


def test_a_child_that_the_server_has_not_seen_is_withdrawn_with_its_cancellation(run: Run) -> None:
    child = run.child()
    child.take(RequestCancelChild(1, "it"), run.core)
    assert run.asks() == []
    run.does_what_the_core_says()
    assert (child.state, ended(child.start)) == (ChildState.WITHDRAWN, "Cancelled")


def test_a_child_ends_after_its_start_and_once(run: Run) -> None:
    child = run.child()
    with pytest.raises(UnexpectedEvent, match="child ship is initiated: no transition for ChildWorkflowExecution"):
        child.closed(COMPLETED)
    child.started(CHILD_STARTED)
    child.closed(COMPLETED)
    with pytest.raises(UnexpectedEvent, match="child ship is closed: no transition for ChildWorkflowExecution"):
        child.closed(COMPLETED)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ExternalWorkflowExecutionSignaled(5, "go", "ship 1"), "result"),
        (SignalExternalWorkflowExecutionFailed(5, "go", "ship 1"), "WorkflowFailure"),
        (ExternalWorkflowExecutionCancelRequested(5, "ship 1"), "result"),
        (RequestCancelExternalWorkflowExecutionFailed(5, "ship 1"), "WorkflowFailure"),
    ],
)
def test_what_becomes_of_a_message_to_another_run(run: Run, event: ExternalEnd, expected: str) -> None:
    external = ExternalMachine(run.context)
    run.does(external.delivered(event))
    assert ended(external) == expected


def test_a_message_to_another_run_is_delivered_once(run: Run) -> None:
    external = ExternalMachine(run.context)
    external.delivered(ExternalWorkflowExecutionSignaled(5, "go", "ship 1"))
    with pytest.raises(UnexpectedEvent, match="message go is delivered: no transition for SignalExternal"):
        external.delivered(SignalExternalWorkflowExecutionFailed(5, "go", "ship 1"))


# ---- updates -------------------------------------------------------------------------------------------------


def test_an_update_is_accepted_and_completed_each_with_an_event(run: Run) -> None:
    update = run.update()
    update.accept()
    update.confirmed(ACCEPTED)
    assert update.state is UpdateState.RECORDED
    update.complete(None)
    update.confirmed(UPDATE_COMPLETED)
    assert update.state is UpdateState.OVER
    assert run.issued() == [AcceptUpdate, CompleteUpdate]


def test_an_update_that_is_done_at_once_is_completed_before_its_acceptance_is_written(run: Run) -> None:
    update = run.update()
    update.accept()
    update.complete("not today")
    update.confirmed(ACCEPTED)
    update.confirmed(UPDATE_COMPLETED)
    assert update.state is UpdateState.OVER


def test_a_rejected_update_leaves_no_event(run: Run) -> None:
    update = run.update()
    update.reject()
    assert run.issued() == [RejectUpdate]
    assert run.context.rejections
    with pytest.raises(UnexpectedEvent, match="update u1 is rejected: no transition for WorkflowExecutionUpd"):
        update.confirmed(ACCEPTED)


def test_an_update_is_not_completed_unless_it_was_accepted(run: Run) -> None:
    update = run.update()
    with pytest.raises(UnexpectedEvent, match="update u1 is requested: no transition for CompleteUpdate"):
        update.complete(None)
    assert run.issued() == []


# ---- patches -------------------------------------------------------------------------------------------------


def test_new_code_goes_the_new_way_and_records_that_once(run: Run) -> None:
    patch = run.patch()
    assert patch.is_new()
    assert patch.is_new()
    assert run.issued() == [RecordMarker, UpsertWorkflowSearchAttributes]
    patch.confirmed(MARKER)
    assert patch.state is PatchState.RECORDED
    assert patch.is_new()
    with pytest.raises(UnexpectedEvent, match="patch v2 is recorded: no transition for MarkerRecorded"):
        patch.confirmed(MARKER)


def test_a_replay_without_the_marker_goes_the_old_way_for_good(run: Run) -> None:
    patch = run.patch()
    run.context.replaying = True
    assert not patch.is_new()
    run.context.replaying = False
    assert not patch.is_new(), "the same way, also where it comes again after the replay"
    assert run.issued() == []


def test_a_replay_whose_history_tells_of_the_patch_goes_the_new_way(run: Run) -> None:
    run.context.replaying = True
    run.context.patches.add("v2")
    assert run.patch().is_new()
    assert run.issued() == [RecordMarker, UpsertWorkflowSearchAttributes]


# ---- local activities ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (["marker"], LocalState.RESOLVED),
        (["replay", "marker"], LocalState.RESOLVED),
        (["replay", "start", "end"], LocalState.RESOLVED),
        (["start", "end"], LocalState.RESOLVED),
        (["start", "cancellation"], LocalState.CANCELLED),
        (["replay", "cancellation"], LocalState.CANCELLED),
    ],
)
def test_the_ways_of_a_local_activity(run: Run, events: list[str], state: LocalState) -> None:
    local = run.local()
    for each in events:
        local.move(each)
    assert local.state is state
    with pytest.raises(UnexpectedEvent, match=f"local activity look is {state.value}: no transition for end"):
        local.move("end")


def test_only_an_open_local_activity_is_asked_to_end(run: Run) -> None:
    local = run.local()
    local.move("start")
    local.cancel()
    run.context.loop.run()
    assert run.issued() == [RequestCancelLocalActivity]
    local.move("end")
    local.cancel()
    run.context.loop.run()
    assert run.issued() == []
