"""A run in a worker's cache by itself: workflow tasks in, commands out, without a worker or a server."""

from __future__ import annotations

from typing import Any

import pytest

from durascope.models.scenario import Workflow
from durascope.simulators.temporal.commands import CancelTimer, LocalEnd, TaskCompletion
from durascope.simulators.temporal.events import (
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskScheduled,
    MarkerRecorded,
    TimerFired,
    TimerStarted,
    WorkflowExecutionCancelRequested,
    WorkflowExecutionSignaled,
    WorkflowExecutionStarted,
    WorkflowTaskCompleted,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
)
from durascope.simulators.temporal.failure import Failure, FailureKind, RetryState
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.messages import TaskForWorker
from durascope.simulators.temporal.mutable_state import StartOptions, TaskKind, WorkflowTask
from durascope.simulators.temporal.task_queues import TaskQueueKind
from durascope.simulators.temporal.workflow_instance import HEARTBEAT, WorkflowInstance
from tests.simulators.temporal.parts import RUN, E, Process, numbered, schedules


class Code:
    """One run's code in one process, and the history that the test writes for it."""

    def __init__(self, *steps: Any, **workflow: Any) -> None:
        self.host = Process(*steps, **workflow)
        self.options = StartOptions(RUN, "order 1")
        self.events: list[HistoryEvent] = []
        self.write(WorkflowExecutionStarted(1, None, "default"))
        self.instance = self.anew()

    def anew(self, workflow: Workflow | None = None) -> WorkflowInstance:
        """Another process takes the run over, perhaps with other code."""
        self.instance = WorkflowInstance(self.host, 1, self.options, workflow or self.host.code["order"])
        return self.instance

    def write(self, event: E) -> E:
        self.events.append(event)
        return numbered(event, len(self.events))

    def begins_task(self) -> None:
        """The server has written a workflow task's start."""
        self.write(WorkflowTaskScheduled(TaskQueueKind.NORMAL, "default", 10_000_000, 1))
        self.write(WorkflowTaskStarted(0, "worker"))

    def completes_task(self) -> None:
        self.write(WorkflowTaskCompleted(0, 0, "worker"))

    def begin(self) -> Any:
        """The process takes a workflow task with the whole history."""
        self.begins_task()
        events = list(self.events)
        task = WorkflowTask(TaskKind.NORMAL, TaskQueueKind.NORMAL, "default", 1, 0, 0)
        return self.instance.process(TaskForWorker(1, RUN, self.options, 0, task, 1, events, True, len(events)))

    def task(self) -> TaskCompletion:
        """A workflow task, run to its end; what the process answers."""
        steps = self.begin()
        with pytest.raises(StopIteration) as end:  # else the code is busy, or waits for local activities
            next(steps)
        self.completes_task()
        return end.value.value

    def scheduled(self, seq: int, name: str) -> ActivityTaskScheduled:
        command = schedules(seq, name)
        options = command.asked.options
        return self.write(ActivityTaskScheduled(seq, name, command.asked, options.timeouts, options.policy, 0))

    def completed(self, scheduled: ActivityTaskScheduled, **values: Any) -> None:
        self.write(ActivityTaskCompleted(scheduled.id, None, scheduled.name, "worker", values, None))

    def timer(self) -> TimerStarted:
        return self.write(TimerStarted(1, 5_000_000, "nap", 0))


def asked(completion: TaskCompletion) -> list[str]:
    return [repr(command).strip() for command in completion.commands]


def test_the_code_runs_until_it_waits_and_asks_for_what_it_waits_for() -> None:
    code = Code({"run": "charge"}, {"sleep": "5s", "name": "nap"}, {"run": "ship"})
    assert asked(code.task()) == ["ScheduleActivityTask 1 charge"]
    code.completed(code.scheduled(1, "charge"))
    assert asked(code.task()) == ["StartTimer 1 nap"]
    code.write(TimerFired(1, code.timer().id))
    assert asked(code.task()) == ["ScheduleActivityTask 2 ship"]


def test_branches_are_asked_for_in_one_task_and_wake_one_by_one() -> None:
    code = Code({"parallel": [[{"run": "a"}, {"run": "c"}], [{"run": "b"}]]}, {"run": "d"})
    assert asked(code.task()) == ["ScheduleActivityTask 1 a", "ScheduleActivityTask 2 b"]
    a, b = code.scheduled(1, "a"), code.scheduled(2, "b")
    code.completed(a)
    assert asked(code.task()) == ["ScheduleActivityTask 3 c"]
    c = code.scheduled(3, "c")
    code.completed(b)
    code.completed(c)
    assert asked(code.task()) == ["ScheduleActivityTask 4 d"]


def test_an_ended_run_closes_with_its_last_command() -> None:
    code = Code({"run": "charge"})
    code.task()
    code.completed(code.scheduled(1, "charge"))
    assert asked(code.task()) == ["CompleteWorkflowExecution 0"]
    assert code.instance.finished


def test_a_failure_that_the_code_does_not_catch_fails_the_run() -> None:
    code = Code({"run": "charge"})
    code.task()
    scheduled = code.scheduled(1, "charge")
    failure = Failure("declined")
    code.write(ActivityTaskFailed(scheduled.id, None, "charge", "worker", failure, RetryState.MAXIMUM_ATTEMPTS_REACHED))
    assert asked(code.task()) == ["FailWorkflowExecution 0"]


def test_another_process_replays_the_history_and_asks_for_nothing_twice() -> None:
    code = Code({"run": "charge"}, {"run": "ship"})
    code.task()
    code.completed(code.scheduled(1, "charge"))
    code.anew()
    assert asked(code.task()) == ["ScheduleActivityTask 2 ship"]
    assert code.host.replayed == ["charge"]


@pytest.mark.parametrize("other", ["authorize", "check"])
def test_code_that_asks_for_something_else_than_the_history_tells_fails_the_task(other: str) -> None:
    code = Code({"run": "charge"}, {"run": "ship"})
    code.task()
    code.completed(code.scheduled(1, "charge"))
    code.anew(Workflow.model_validate({"steps": [{"run": other}, {"run": "ship"}]}))
    completion = code.task()
    assert completion.failed == "non-deterministic-error"
    assert completion.failure_message == (
        f"event 5 is ActivityTaskScheduled charge, the code asks for ScheduleActivityTask 1 {other}"
    )


def test_a_bug_fails_the_task_and_not_the_run() -> None:
    completion = Code({"bug": "boom"}).task()
    assert completion.failed == "workflow-worker-unhandled-failure"
    assert asked(completion) == []


def test_the_losers_timer_is_cancelled_when_the_winner_is_in() -> None:
    code = Code({"race": [[{"run": "a"}], [{"sleep": "5s", "name": "nap"}]]}, {"run": "b"})
    assert asked(code.task()) == ["ScheduleActivityTask 1 a", "StartTimer 1 nap"]
    scheduled = code.scheduled(1, "a")
    code.timer()
    code.completed(scheduled)
    completion = code.task()
    assert asked(completion) == ["ScheduleActivityTask 2 b", "CancelTimer 1 nap"]
    cancels = completion.commands[1]
    assert isinstance(cancels, CancelTimer)
    assert cancels.started_event_id == 6


def test_a_signal_that_is_there_ends_the_wait_without_a_timer() -> None:
    code = Code({"wait_for": "approved", "timeout": "5s"}, {"run": "ship"})
    code.write(WorkflowExecutionSignaled("approved", {}, None))
    assert asked(code.task()) == ["ScheduleActivityTask 1 ship"]


def test_a_local_activity_holds_the_task_until_its_marker_goes_out_with_it() -> None:
    code = Code({"run": "look", "local": True}, {"run": "ship"})
    steps = code.begin()
    assert next(steps) is None, "it waits"
    ((local, done),) = code.host.local
    assert local.name == "look"
    done(local, LocalEnd(1, {}))
    assert code.host.news == 1
    with pytest.raises(StopIteration) as end:
        steps.send("local")
    assert asked(end.value.value) == ["RecordMarker 1 look", "ScheduleActivityTask 2 ship"]


def test_a_task_that_lasts_too_long_asks_for_another_one_and_the_local_activity_goes_on() -> None:
    code = Code({"run": "look", "local": True})
    steps = code.begin()
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send(HEARTBEAT)
    assert end.value.value.wants_another
    assert asked(end.value.value) == []
    assert code.host.cancelled == []
    assert list(code.instance.local.open) == [1]


def test_a_local_activity_that_another_process_takes_over_may_end_at_once() -> None:
    code = Code({"parallel": [[{"run": "look", "local": True}], [{"run": "ship"}]]})
    steps = code.begin()
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send(HEARTBEAT)
    assert asked(end.value.value) == ["ScheduleActivityTask 2 ship"]
    code.completes_task()
    code.scheduled(2, "ship")
    code.host.ends_at_once = LocalEnd(2, failure=Failure("schedule-to-close timeout", FailureKind.TIMEOUT))
    code.anew()
    assert asked(code.task()) == ["RecordMarker 1 look"]


def test_a_replay_takes_a_local_activitys_result_from_its_marker() -> None:
    code = Code({"run": "look", "local": True}, {"run": "ship"}, {"run": "tell"})
    code.begins_task()
    code.completes_task()
    code.write(MarkerRecorded(1, "look", LocalEnd(1, {}), "look", 0))
    code.completed(code.scheduled(2, "ship"))
    assert asked(code.task()) == ["ScheduleActivityTask 3 tell"]
    assert code.host.local == []


def test_a_cancel_request_is_raised_where_the_code_waits_and_what_is_undone_is_undone() -> None:
    code = Code({"run": "charge", "undo": {"run": "refund"}}, {"sleep": "1h", "name": "nap"})
    code.task()
    code.completed(code.scheduled(1, "charge"))
    code.task()
    code.timer()
    code.write(WorkflowExecutionCancelRequested(None))
    assert asked(code.task()) == ["CancelTimer 1 nap", "ScheduleActivityTask 2 refund"]
