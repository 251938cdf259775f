"""Parts of the server by themselves: matching, the queues of the shard, workflow tasks, commands, updates, queries."""

from __future__ import annotations

import pytest

from durascope.models.trace import Kind
from durascope.models.units import SECOND
from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.states import UnexpectedEvent
from durascope.simulators.temporal import matching
from durascope.simulators.temporal.commands import (
    AcceptUpdate,
    Command,
    CompleteUpdate,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    RejectUpdate,
    RequestCancelActivityTask,
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from durascope.simulators.temporal.constants import limit
from durascope.simulators.temporal.events import SignalExternalWorkflowExecutionInitiated
from durascope.simulators.temporal.failure import Failure, TaskFailedCause
from durascope.simulators.temporal.mutable_state import ActivityStatus, MutableState, RunStatus, StartOptions
from durascope.simulators.temporal.task_queues import sticky_queue
from tests.simulators.temporal.parts import ACTIVITY, NORMAL, History, Wire, call, poll, schedules, starts_timer

STICKY = sticky_queue("worker #1")
UNUSED = sticky_queue("worker #2")
MOMENT = 100_000
"""µs: long enough for what follows at once."""


@pytest.fixture
def history() -> History:
    return History()


# ---- matching ------------------------------------------------------------------------------------------------


def test_a_task_that_nobody_polls_for_waits_for_the_first_poll(history: History) -> None:
    state, wire = history.started(), Wire()
    history.pass_time(MOMENT)
    history.matching.poll(wire, poll(NORMAL))
    assert [task.run_id for task in wire.answers] == [state.run_id]
    assert history.lines(state)[-1] == "WorkflowTaskStarted"


def test_a_poll_that_waits_gets_the_task_when_it_comes(history: History) -> None:
    wire = Wire()
    history.matching.poll(wire, poll(NORMAL))
    assert wire.answers == []
    state = history.started()
    history.pass_time(MOMENT)
    assert [task.run_id for task in wire.answers] == [state.run_id]


def test_a_task_that_is_none_any_more_leaves_the_poll_to_the_next_one(history: History) -> None:
    gone = history.started()
    history.pass_time(MOMENT)
    history.closing.terminate(gone, "test")
    wire = Wire()
    history.matching.poll(wire, poll(NORMAL))
    assert wire.answers == []
    state = history.started()
    history.pass_time(MOMENT)
    assert [task.run_id for task in wire.answers] == [state.run_id]


def test_a_backlog_survives_a_crash_and_the_polls_do_not(history: History) -> None:
    state = history.started()
    history.pass_time(MOMENT)
    history.dies_and_comes_back()
    wire = Wire()
    history.matching.poll(wire, poll(NORMAL))
    assert [task.run_id for task in wire.answers] == [state.run_id]
    history.matching.poll(wire, poll(ACTIVITY))
    history.dies_and_comes_back()
    assert history.matching.queues == {}


@pytest.mark.parametrize(("silent_for", "goes_to"), [(9 * SECOND, "sticky"), (11 * SECOND, "normal")])
def test_a_sticky_queue_takes_tasks_until_its_worker_has_been_silent_for_ten_seconds(
    history: History, silent_for: int, goes_to: str
) -> None:
    state = history.started()
    history.takes_task(state)
    history.completes(state, starts_timer(1, 3600), sticky=True)
    history.matching.poll(lost := Wire(), poll(STICKY))
    lost.open = False
    history.matching.lost(lost)
    history.pass_time(silent_for)
    history.executions.signalled(state, "go", {})
    history.pass_time(MOMENT)
    waiting = [queue.kind for queue, backlog in history.on_disk.backlogs.items() if backlog.waiting]
    assert waiting == [goes_to]


def test_a_task_that_its_rate_held_up_goes_to_no_worker_whose_connection_is_gone() -> None:
    history = History(rates={"default": 1.0})
    state = history.started()
    history.takes_task(state)
    history.completes(state, *(schedules(number, f"step {number}") for number in (1, 2)))
    history.pass_time(MOMENT)
    gone, there = Wire("gone"), Wire("there")
    for wire in (gone, there):
        history.matching.poll(wire, poll(ACTIVITY))
    gone.open = False
    history.pass_time(SECOND)
    assert len(there.answers) == 1


def test_a_query_goes_to_the_sticky_worker_only_as_long_as_that_polls(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    history.completes(state, starts_timer(1, 3600), sticky=True)
    assert not history.matching.add_sticky_query(state, "never polled")
    history.matching.poll(lost := Wire(), poll(STICKY))
    lost.open = False
    history.matching.lost(lost)
    assert history.matching.add_sticky_query(state, "polled just now")
    history.pass_time(11 * SECOND)
    assert not history.matching.add_sticky_query(state, "silent")


def test_a_sticky_queue_that_still_holds_a_task_is_not_unloaded_with_the_unused_ones(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "MANY_QUEUES", 0)
    state = history.started()
    history.takes_task(state)
    history.completes(state, starts_timer(1, 3600), sticky=True)
    for queue in (STICKY, UNUSED):
        history.matching.poll(lost := Wire(), poll(queue))
        lost.open = False
        history.matching.lost(lost)
    history.executions.signalled(state, "go", {})
    history.pass_time(11 * SECOND)
    history.matching.lost(Wire())
    assert STICKY in history.on_disk.backlogs
    assert UNUSED not in history.on_disk.backlogs


# ---- the shard: transfer queue, timers, the write ------------------------------------------------------------


def test_a_task_for_another_run_is_kept_until_it_is_done_also_over_a_crash(history: History) -> None:
    told: list[tuple[int, str]] = []

    def tell(run_id: int, what: str) -> None:
        told.append((run_id, what))

    history.transfer.on("tell", tell)
    state = history.started()
    history.transfer.other(state, 1, "tell", 7, "ended")
    history.dies_and_comes_back()
    assert told == []
    history.transfer.recover()
    history.pass_time(MOMENT)
    assert told == [(7, "ended")]
    assert history.store.transfers == {}


def test_the_timer_of_a_closed_run_is_not_processed(history: History) -> None:
    state = history.started()
    fired: list[object] = []
    history.shard.timers.on("test", lambda _state, subject: fired.append(subject))
    history.shard.timers.add(2 * SECOND, "test", state, "open")
    history.shard.timers.add(4 * SECOND, "test", state, "closed")
    history.pass_time(3 * SECOND)
    history.closing.terminate(state, "test")
    history.pass_time(3 * SECOND)
    assert fired == ["open"]


def test_an_answer_leaves_when_the_transition_is_written_and_not_before(history: History) -> None:
    state, wire = history.started(), Wire()
    history.shard.answer(wire, call("update"), "completed")
    assert wire.answers == []
    history.shard.commit(state)
    assert wire.answers == ["completed"]
    history.shard.answer(wire, call("update"), "lost")
    history.dies_and_comes_back()
    history.shard.commit(state)
    assert wire.answers == ["completed"]


def test_who_goes_on_after_a_close_is_told_once_the_last_event_is_written(history: History) -> None:
    state = history.started()
    seen: list[list[str]] = []
    history.shard.on_closed = lambda closed, _successor: seen.append(history.lines(closed)[-1:])
    history.closing.terminate(state, "test")
    assert seen == [["WorkflowExecutionTerminated"]]


@pytest.mark.parametrize(
    ("one", "refused"),
    [
        (SignalExternalWorkflowExecution(1, "other", "order 2", {}, "tell", None), "pending-signals-limit-exceeded"),
        (RequestCancelExternalWorkflowExecution(0, "ship", "ship 1", 5), "pending-request-cancel-limit-exceeded"),
    ],
)
def test_two_thousand_messages_to_other_runs_are_the_most_that_may_be_under_way(
    history: History, one: Command, refused: str
) -> None:
    state = history.started()
    other = SignalExternalWorkflowExecutionInitiated("order 2", {}, "tell", None, "other", 4)
    state.externals = dict.fromkeys(range(10_000, 11_999), other)
    history.takes_task(state)
    assert history.completes(state, one, one) == "failed"
    assert f"WorkflowTaskFailed {refused}" in history.lines(state)
    history.takes_task(state)
    assert history.completes(state, one)[0] == "completed"


def test_a_history_is_warned_of_above_the_threshold_and_not_at_it(history: History) -> None:
    state = history.started()
    threshold = limit("bytes").warn
    state.history.payload_bytes += threshold - state.history.size
    history.shard.commit(state)
    assert not state.warned
    state.history.payload_bytes += 1
    history.shard.commit(state)
    assert state.warned


def test_nobody_is_asked_to_end_by_a_run_that_has_ended_itself(history: History) -> None:
    other = history.started(workflow_id="order 2")
    state = history.started()
    history.takes_task(state)
    history.completes(state, RequestCancelExternalWorkflowExecution(0, "ship", "order 2", 0))
    history.closing.terminate(state, "test")
    history.pass_time(MOMENT)
    assert not other.cancel_requested


def test_to_ask_a_child_to_end_that_has_ended_is_no_failure(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    history.completes(state, RequestCancelExternalWorkflowExecution(0, "ship", "ship 1", 5))
    history.pass_time(MOMENT)
    assert "ExternalWorkflowExecutionCancelRequested" in " ".join(history.lines(state))
    assert "RequestCancelExternalWorkflowExecutionFailed" not in " ".join(history.lines(state))


def test_a_run_that_continues_one_that_was_reset_goes_on_redoing_the_chain(history: History) -> None:
    """Its steps have the effects of the execution that follows the one it redoes, with the same keys."""
    state = history.started(execution=2, redoes=1)
    history.takes_task(state)
    followed: list[StartOptions | None] = []
    history.shard.on_closed = lambda _closed, successor: followed.append(successor)
    history.completes(state, ContinueAsNewWorkflowExecution(0, "", {}, 1, ()))
    assert followed[0] is not None
    assert (followed[0].execution, followed[0].acts_as) == (3, 2)


def test_an_activity_that_is_closed_is_not_closed_again(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    history.completes(state, schedules(1, "charge"))
    (activity,) = state.activities.values()
    task = history.takes_activity(state)
    history.activities.reported(history.wire, call("complete activity", task, Outcome({})))
    assert activity.status is ActivityStatus.CLOSED
    state.activities[activity.scheduled_id] = activity
    with pytest.raises(UnexpectedEvent, match="activity charge is closed: no transition for close"):
        history.closing.terminate(state, "test")


def test_a_run_ends_once(history: History) -> None:
    state = history.started()
    history.closing.terminate(state, "test")
    assert state.status is RunStatus.TERMINATED
    with pytest.raises(UnexpectedEvent, match="run 1 is terminated: no transition for WorkflowExecutionTerminated"):
        history.closing.terminate(state, "again")


# ---- workflow tasks ------------------------------------------------------------------------------------------


def test_a_failed_task_is_tried_again_without_events(history: History) -> None:
    state = history.started()
    task = history.takes_task(state).task
    assert task is not None
    history.tasks.failed(state, task, TaskFailedCause.WORKER_UNHANDLED_FAILURE, "bug")
    written = history.lines(state)
    assert written[-1] == "WorkflowTaskFailed workflow-worker-unhandled-failure"
    again = history.takes_task(state)
    assert again.attempt == 2
    assert history.lines(state) == written
    assert [event.kind for event in again.events][-2:] == ["WorkflowTaskScheduled", "WorkflowTaskStarted"]


def test_an_event_that_comes_while_a_task_is_started_waits_for_its_end(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    history.executions.signalled(state, "go", {})
    assert "WorkflowExecutionSignaled go" not in history.lines(state)
    _, _, inline, _ = history.completes(state, starts_timer(1, 60))
    assert history.lines(state)[3:] == [
        "WorkflowTaskCompleted", "TimerStarted 1 60s", "WorkflowExecutionSignaled go", "WorkflowTaskScheduled normal",
        "WorkflowTaskStarted",
    ]  # fmt: skip
    assert inline is not None


def test_a_run_does_not_close_over_what_is_buffered(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    history.executions.signalled(state, "go", {})
    assert history.completes(state, CompleteWorkflowExecution(0, "", {}, None)) == "failed"
    assert state.open
    assert history.lines(state)[3:] == [
        "WorkflowTaskFailed unhandled-command", "WorkflowExecutionSignaled go", "WorkflowTaskScheduled normal",
    ]  # fmt: skip


def test_a_completion_of_a_task_that_is_none_any_more_is_not_taken(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    history.pass_time(11 * SECOND)
    assert history.lines(state)[-1] == "WorkflowTaskTimedOut start-to-close"
    assert history.completes(state, starts_timer(1, 60)) == "not found"


# ---- commands ------------------------------------------------------------------------------------------------


def test_commands_become_events_in_their_order_and_pass_as_moments_after_the_write(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    history.completes(state, schedules(1, "charge"), starts_timer(1, 60), schedules(2, "ship"))
    assert history.lines(state)[3:] == [
        "WorkflowTaskCompleted", "ActivityTaskScheduled charge", "TimerStarted 1 60s", "ActivityTaskScheduled ship",
    ]  # fmt: skip
    events = history.world.recorder.events
    scheduled = [event.step for event in events if event.kind is Kind.STEP_SCHEDULED]
    assert scheduled == ["charge", "nap", "ship"]
    recorded = max(number for number, event in enumerate(events) if event.kind is Kind.RECORDED)
    assert all(number > recorded for number, event in enumerate(events) if event.kind is Kind.STEP_SCHEDULED)


def test_a_worker_with_slots_to_spare_starts_activities_with_the_completion(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    _, eager, _, _ = history.completes(state, schedules(1, "charge"), schedules(2, "ship"), eager=1)
    assert [each.name for each in eager] == ["charge"]
    history.pass_time(MOMENT)
    history.matching.poll(wire := Wire(), poll(ACTIVITY))
    assert [each.name for each in wire.answers] == ["ship"]


def test_an_activity_that_had_not_started_is_cancelled_at_once(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    history.completes(state, schedules(1, "charge"))
    history.executions.signalled(state, "stop", {})
    history.takes_task(state)
    scheduled = next(iter(state.activities))
    history.completes(state, RequestCancelActivityTask(1, "charge", scheduled))
    assert history.lines(state)[-4:] == [
        "ActivityTaskCancelRequested charge", "ActivityTaskCanceled charge", "WorkflowTaskScheduled normal",
        "WorkflowTaskStarted",
    ]  # fmt: skip
    assert state.activities == {}


def test_too_many_pending_activities_fail_the_task(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    assert history.completes(state, *(schedules(number, "a") for number in range(1, 2002))) == "failed"
    assert history.lines(state)[-1] == "WorkflowTaskFailed pending-activities-limit-exceeded"
    assert state.activities == {}


# ---- activities ----------------------------------------------------------------------------------------------


def with_activity(history: History, **step: object) -> MutableState:
    state = history.started()
    history.takes_task(state)
    history.completes(state, schedules(1, "charge", **step))
    return state


def test_a_report_is_one_transition_with_the_start_and_the_next_workflow_task(history: History) -> None:
    state = with_activity(history)
    token = history.takes_activity(state)
    assert history.lines(state)[-1] == "ActivityTaskScheduled charge"
    history.activities.reported(wire := Wire(), call("complete activity", token, Outcome({})))
    assert wire.answers == ["recorded"]
    assert history.lines(state)[-3:] == [
        "ActivityTaskStarted charge", "ActivityTaskCompleted charge", "WorkflowTaskScheduled normal",
    ]  # fmt: skip


def test_a_failure_with_a_retry_left_leaves_no_event_and_its_token_is_worth_nothing_any_more(history: History) -> None:
    state = with_activity(history)
    token, before = history.takes_activity(state), history.lines(state)
    wire = Wire()
    history.activities.reported(wire, call("fail activity", token, Failure("no")))
    history.activities.reported(wire, call("complete activity", token, Outcome({})))
    assert wire.answers == ["recorded", "not found"]
    assert history.lines(state) == before
    history.pass_time(1_500_000)
    history.matching.poll(wire, poll(ACTIVITY))
    assert wire.answers[-1].attempt == 2


def test_the_last_attempts_failure_closes_the_activity(history: History) -> None:
    state = with_activity(history, retry={"max_attempts": 1})
    token = history.takes_activity(state)
    history.activities.reported(Wire(), call("fail activity", token, Failure("no")))
    assert "ActivityTaskFailed charge maximum-attempts-reached" in history.lines(state)


# ---- timers --------------------------------------------------------------------------------------------------


def test_timers_that_are_due_together_fire_in_one_transition(history: History) -> None:
    state = history.started()
    history.takes_task(state)
    history.completes(state, starts_timer(1, 5), starts_timer(2, 5))
    history.pass_time(7 * SECOND)
    assert history.lines(state)[-3:] == ["TimerFired 1", "TimerFired 2", "WorkflowTaskScheduled normal"]


# ---- updates and queries -------------------------------------------------------------------------------------


def admit(history: History, state: MutableState, wire: Wire, number: int = 1) -> None:
    history.updates.admit(wire, call("update"), state, f"update {number}", "change", {"to": number})


def idle(history: History) -> MutableState:
    """A run that waits, without a workflow task."""
    state = history.started()
    history.takes_task(state)
    history.completes(state, starts_timer(1, 3600))
    return state


def test_a_rejected_update_leaves_nothing_in_the_history(history: History) -> None:
    state, wire = idle(history), Wire()
    before = history.lines(state)
    admit(history, state, wire)
    task = history.takes_task(state)
    assert [update.name for update in task.updates] == ["change"]
    history.completes(state, RejectUpdate(0, "change", "update 1"))
    assert wire.answers == ["rejected"]
    assert history.lines(state) == before


def test_what_a_run_has_scheduled_as_it_closed_is_not_told_with_another_runs_rejected_update(history: History) -> None:
    state, closes = idle(history), history.started()
    history.takes_task(closes)
    history.completes(closes, schedules(1, "charge"), CompleteWorkflowExecution(0, "", {}, "done"))
    admit(history, state, Wire())
    history.takes_task(state)
    history.completes(state, RejectUpdate(0, "change", "update 1"))
    assert "charge" not in [event.step for event in history.world.recorder.events]


def test_an_accepted_update_has_its_task_written_and_is_answered_at_its_end(history: History) -> None:
    state, wire = idle(history), Wire()
    admit(history, state, wire)
    history.takes_task(state)
    accepts, answers = (kind(0, "change", "update 1", {"to": 1}) for kind in (AcceptUpdate, CompleteUpdate))
    history.completes(state, accepts, answers)
    assert wire.answers == ["completed"]
    assert history.lines(state)[-5:] == [
        "WorkflowTaskScheduled normal", "WorkflowTaskStarted", "WorkflowTaskCompleted",
        "WorkflowExecutionUpdateAccepted change", "WorkflowExecutionUpdateCompleted change",
    ]  # fmt: skip
    admit(history, state, wire)
    assert wire.answers == ["completed", "completed"], "the same id again is not done again"


def test_a_signal_makes_a_speculative_task_a_written_one(history: History) -> None:
    state, wire = idle(history), Wire()
    admit(history, state, wire)
    written = len(state.history.events)
    history.executions.signalled(state, "go", {})
    assert history.lines(state, written) == ["WorkflowTaskScheduled normal", "WorkflowExecutionSignaled go"]


def test_a_speculative_task_that_nobody_takes_is_given_up_after_five_seconds(history: History) -> None:
    state, wire = idle(history), Wire()
    admit(history, state, wire)
    written = len(state.history.events)
    history.pass_time(5 * SECOND + MOMENT)
    assert history.lines(state, written) == [
        "WorkflowTaskScheduled normal", "WorkflowTaskTimedOut schedule-to-start", "WorkflowTaskScheduled normal",
    ]  # fmt: skip


def test_an_update_that_nobody_had_accepted_is_lost_with_the_process(history: History) -> None:
    state = idle(history)
    admit(history, state, wire := Wire())
    history.dies_and_comes_back()
    history.executions.recover(state)
    assert state.wft is None
    assert not history.registry.waiting(state)
    assert wire.answers == []


def test_a_query_waits_for_the_pending_task_and_its_completion_answers_it(history: History) -> None:
    state, wire = idle(history), Wire()
    history.executions.signalled(state, "go", {})
    history.queries.ask(wire, call("query"), state, "progress")
    task = history.takes_task(state)
    assert [query.name for query in task.queries] == ["progress"]
    history.completes(state, starts_timer(2, 60), queries=task.queries)
    assert wire.answers == ["answered"]


def test_a_query_of_an_idle_run_goes_to_a_worker_at_once_and_leaves_no_event(history: History) -> None:
    state, wire, worker = idle(history), Wire(), Wire()
    before = history.lines(state)
    history.queries.ask(wire, call("query"), state, "progress")
    history.matching.poll(worker, poll(NORMAL))
    history.queries.answered(worker.answers[0].query, "answered")
    assert wire.answers == ["answered"]
    assert history.lines(state) == before


def test_an_answer_to_a_query_of_an_earlier_process_reaches_nobody(history: History) -> None:
    state, wire, worker = idle(history), Wire(), Wire()
    history.queries.ask(wire, call("query"), state, "progress")
    history.matching.poll(worker, poll(NORMAL))
    history.dies_and_comes_back()
    history.queries.answered(worker.answers[0].query, "answered")
    assert wire.answers == []
