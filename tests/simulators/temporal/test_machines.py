"""The machines of a run in a worker, one by one: what the code and the server's events do to them, commands out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from durascope.models.scenario import Workflow
from durascope.simulators.program import Cancelled, Future, WorkflowFailure
from durascope.simulators.temporal.activity_machine import ActivityMachine
from durascope.simulators.temporal.child_machine import ChildMachine
from durascope.simulators.temporal.commands import Command
from durascope.simulators.temporal.context import WorkflowContext
from durascope.simulators.temporal.core import Core, Job, UnexpectedEvent
from durascope.simulators.temporal.external_machine import ExternalMachine
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.temporal.operations import State
from durascope.simulators.temporal.timer_machine import TimerMachine, TimerState
from tests.simulators.temporal.parts import RUN


class Run:
    """A context and a core, whose commands are sent and confirmed when the test says so."""

    def __init__(self) -> None:
        self.context = WorkflowContext(StartOptions(RUN, "order 1"), Workflow.model_validate({"steps": [{"run": "a"}]}))
        self.core = Core()

    def timer(self) -> TimerMachine:
        command = self._issued("StartTimer")
        command.handle = timer = TimerMachine(self.context.loop, 1, command)
        return timer

    def activity(self, cancellation: str = "try") -> ActivityMachine:
        activity = ActivityMachine(self.context, "charge", cancellation)
        activity.command = self._issued("ScheduleActivityTask", activity)
        return activity

    def child(self) -> ChildMachine:
        child = ChildMachine(self.context, "ship")
        child.command = self._issued("StartChildWorkflowExecution", child, workflow_id="ship 1")
        return child

    def _issued(self, kind: str, handle: object = None, **attributes: object) -> Command:
        command = Command(kind, 1, "it", dict(attributes), handle)
        self.core.send(command)
        return command

    def confirmed(self, machine: TimerMachine | ActivityMachine | ChildMachine) -> None:
        """The server has the command, and its event has come, as number 5."""
        self.core.sends()
        command = self.core.next()
        assert command is not None
        assert command is machine.command
        command.handle = None
        machine.event_id = 5

    def asks(self) -> list[str]:
        """The commands that are on their way."""
        return [command.kind for command in self.core.sends()]

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


def event(kind: str, **attributes: object) -> HistoryEvent:
    return HistoryEvent(kind, 0, dict(attributes), 7)


def ended(future: Future) -> str:
    """How what the code waits for has ended."""
    if not future.done:
        return "waits"
    return "result" if future.exception is None else type(future.exception).__name__


# ---- timers --------------------------------------------------------------------------------------------------


def test_a_timer_that_has_fired_tells_the_code_once(run: Run) -> None:
    timer = run.timer()
    run.confirmed(timer)
    timer.fired()
    assert ended(timer.future) == "waits"
    run.does((timer.tell, ()))
    assert ended(timer.future) == "result"
    assert not timer.cancel(), "it is over"


def test_a_timer_that_the_server_has_not_seen_is_withdrawn_with_its_cancellation(run: Run) -> None:
    timer = run.timer()
    assert timer.cancel()
    timer.take(Command("CancelTimer", 1, "it", {}, timer), run.core)
    assert run.asks() == []


def test_a_timer_that_the_server_has_is_cancelled_there(run: Run) -> None:
    timer = run.timer()
    run.confirmed(timer)
    assert timer.cancel()
    timer.take(Command("CancelTimer", 1, "it", {}, timer), run.core)
    (command,) = run.core.sends()
    assert (command.kind, command.attributes) == ("CancelTimer", {"started_event_id": 5})


def test_a_timer_that_fires_as_it_is_cancelled_is_told_to_nobody(run: Run) -> None:
    timer = run.timer()
    run.confirmed(timer)
    timer.fired()
    assert timer.cancel(), "the code had not heard of it"
    timer.take(Command("CancelTimer", 1, "it", {}, timer), run.core)
    run.does((timer.tell, ()))
    assert run.asks() == []
    assert ended(timer.future) == "waits"


def test_an_event_that_a_timers_state_has_no_transition_for_is_named(run: Run) -> None:
    timer = run.timer()
    timer.fired()
    with pytest.raises(UnexpectedEvent, match="timer 1 is fired: there is no TimerFired then"):
        timer.fired()
    assert timer.state is TimerState.FIRED


# ---- activities ----------------------------------------------------------------------------------------------


def test_an_activitys_result_reaches_the_code(run: Run) -> None:
    activity = run.activity()
    run.confirmed(activity)
    run.does(activity.closed(event("ActivityTaskCompleted", values={"id": 3})))
    assert activity.result == {"id": 3}


def test_an_activitys_timeout_is_a_failure_that_says_which(run: Run) -> None:
    activity = run.activity()
    run.confirmed(activity)
    run.does(activity.closed(event("ActivityTaskTimedOut", timeout_type="heartbeat")))
    assert isinstance(activity.exception, WorkflowFailure)
    assert activity.exception.message == "charge: timed out: heartbeat"


@pytest.mark.parametrize(
    ("cancellation", "asks", "at_once"),
    [
        ("try", ["RequestCancelActivityTask"], "Cancelled"),
        ("wait", ["RequestCancelActivityTask"], "waits"),
        ("abandon", [], "Cancelled"),
    ],
)
def test_how_an_activity_is_cancelled_is_its_own_choice(
    run: Run, cancellation: str, asks: list[str], at_once: str
) -> None:
    activity = run.activity(cancellation)
    run.confirmed(activity)
    activity.take(Command("RequestCancelActivityTask", 1, "it", {}, activity), run.core)
    assert run.asks() == asks
    run.does_what_the_core_says()
    assert ended(activity) == at_once
    run.does(activity.closed(event("ActivityTaskCanceled")))
    assert isinstance(activity.exception, Cancelled), "later, or no news"


def test_an_activity_that_the_server_has_not_seen_is_withdrawn(run: Run) -> None:
    activity = run.activity("wait")
    activity.take(Command("RequestCancelActivityTask", 1, "it", {}, activity), run.core)
    assert run.asks() == []
    run.does_what_the_core_says()
    assert ended(activity) == "Cancelled"


@pytest.mark.parametrize("make", [Run.activity, Run.child])
def test_an_operation_ends_once(run: Run, make: Callable[[Run], ActivityMachine | ChildMachine]) -> None:
    machine = make(run)
    machine.closed(event("ActivityTaskCanceled"))
    with pytest.raises(UnexpectedEvent, match="is closed: there is no ActivityTaskCanceled then"):
        machine.closed(event("ActivityTaskCanceled"))


# ---- children, other runs ------------------------------------------------------------------------------------


def test_a_child_starts_and_then_ends(run: Run) -> None:
    child = run.child()
    run.confirmed(child)
    run.does(child.started())
    assert (ended(child.start), ended(child)) == ("result", "waits")
    run.does(child.closed(event("ChildWorkflowExecutionFailed")))
    assert ended(child) == "WorkflowFailure"


def test_a_child_whose_id_is_taken_does_not_start(run: Run) -> None:
    child = run.child()
    run.confirmed(child)
    run.does(child.not_started())
    assert ended(child.start) == "WorkflowFailure"
    assert child.state is State.CLOSED


def test_a_childs_cancellation_is_a_request_to_another_run(run: Run) -> None:
    child = run.child()
    run.confirmed(child)
    child.take(Command("RequestCancelChild", 1, "it", {}, child), run.core)
    (command,) = run.core.sends()
    assert command.kind == "RequestCancelExternalWorkflowExecution"
    assert command.attributes == {"workflow_id": "ship 1", "initiated_event_id": 5}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ExternalWorkflowExecutionSignaled", "result"),
        ("SignalExternalWorkflowExecutionFailed", "WorkflowFailure"),
        ("ExternalWorkflowExecutionCancelRequested", "result"),
        ("RequestCancelExternalWorkflowExecutionFailed", "WorkflowFailure"),
    ],
)
def test_what_becomes_of_a_message_to_another_run(run: Run, kind: str, expected: str) -> None:
    external = ExternalMachine(run.context)
    run.does(external.delivered(event(kind)))
    assert ended(external) == expected
