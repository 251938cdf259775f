"""The parts by themselves: the journal, what a suspension waits for, the retry policies, the SDK's state machine."""

from __future__ import annotations

import pytest

from durascope.models.scenario import RestateRetry
from durascope.models.steps import Retry, Run
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.restate.journal import (
    CANCEL,
    CANCEL_SIGNAL,
    INPUT,
    Command,
    Entry,
    Failure,
    Journal,
    Notification,
    NotificationId,
)
from durascope.simulators.restate.protocol import Start
from durascope.simulators.restate.retries import PolicyCursor, RunPolicy, Verdict
from durascope.simulators.restate.state_machine import UNKNOWN, JournalMismatchError, StateMachine
from durascope.simulators.restate.store import Target
from durascope.simulators.restate.waiting import Waiting

OUTPUT = Command("Output")


def test_entries_are_written_as_in_the_cases() -> None:
    assert Command("Run", "charge", (3,)).line == "Run charge #3"
    assert Command("Sleep", None, (3,)).line == "Sleep #3"
    assert Command("Call", "child", (2, 3)).line == "Call child #2 #3"
    assert Command("Output", failure=Failure(409, "cancelled")).line == "Output failed 409"
    assert Notification("Run", 3, None, Failure(500, "no")).line == "> Run #3 failed 500"
    assert CANCEL_SIGNAL.line == "> Signal 1 (cancel)"
    assert Notification("Signal", -17).line == "> Signal 17"
    assert Notification("Signal", "go").line == "> Signal go"


def test_a_journal_numbers_its_entries_and_counts_the_steps_of_the_code() -> None:
    journal = Journal()
    call, get, run = Command("Call", "ship", (1, 2)), Command("GetEagerState", "n"), Command("Run", "a", (3,))
    entries = (INPUT, call, Notification("Call", 2), get, run, OUTPUT)
    assert [journal.append(entry) for entry in entries] == [0, 1, 2, 3, 4, 5]
    assert journal.steps == 3


def test_a_restart_keeps_the_prefix_and_what_completes_it_later() -> None:
    journal = Journal()
    for entry in (INPUT, Command("Run", "a", (1,)), Command("Sleep", "nap", (2,)), Notification("Run", 1)):
        journal.append(entry)
    assert journal.prefix(1).lines == ["Input", "Run a #1", "> Run #1"]
    assert journal.prefix(0).lines == ["Input"]


def test_a_gather_wakes_once_under_protocol_7_and_at_each_completion_under_6() -> None:
    flat = Waiting("first-completed", (1, 2, CANCEL))
    gathered = Waiting("first-completed", (CANCEL,), (Waiting("all-completed", (1, 2)),))
    one: dict[NotificationId, Notification] = {1: Notification("Sleep", 1)}
    assert flat.over(one)
    assert not gathered.over(one)
    assert gathered.over({**one, 2: Notification("Sleep", 2)})
    assert gathered.over({CANCEL: CANCEL_SIGNAL})
    assert Waiting("all-succeeded-or-first-failed", (1, 2)).over({1: Notification("Run", 1, None, Failure(500, "no"))})


def test_the_invocation_policy_only_ever_delays_longer() -> None:
    cursor = PolicyCursor(
        RestateRetry.model_validate({"initial": "500ms", "max_interval": "1500ms", "max_attempts": 5})
    )
    assert [cursor.next(lambda: 0.0) for _ in range(5)] == [503_000, 1_003_000, 1_503_000, 1_503_000, None]
    assert PolicyCursor(RestateRetry.model_validate({"initial": "100ms"})).next(lambda: 0.999_999_9) == 129_999


def test_a_run_without_options_leaves_its_retries_to_the_invocation() -> None:
    assert RunPolicy.of(Run(run="a")).verdict(1, 0, None) == Verdict(give_up=False)
    assert RunPolicy.of(Run(run="a")).verdict(50, 0, 300_000) == Verdict(give_up=False, delay=300_000)


def test_a_run_with_any_option_has_the_sdk_set_the_delays() -> None:
    policy = RunPolicy.of(Run(run="a", retry=Retry(max_attempts=5)))
    delays = [policy.verdict(count, 0, None).delay for count in range(1, 5)]
    assert delays == [50_000, 100_000, 200_000, 400_000]
    assert policy.verdict(5, 0, None).give_up
    assert RunPolicy.of(Run.model_validate({"run": "a", "total_timeout": "1s"})).verdict(1, 1_000_000, None).give_up


def machine(*entries: Entry, state: dict[str, object] | None = None, partial: bool = True) -> StateMachine:
    run = RunInfo("run 1", "work", 1, None, {}, "run 1")
    return StateMachine(Start(run, Target("work", "work"), entries, state, partial, 0, 0, 1, False, 6))


def test_replayed_commands_are_matched_and_not_sent() -> None:
    vm = machine(INPUT, Command("Run", "a", (1,)), Notification("Run", 1))
    assert vm.replaying
    assert not vm.command(Command("Run", "a", (vm.completion_id(),)))
    assert not vm.replaying
    assert vm.command(Command("Run", "b", (vm.completion_id(),)))
    assert [str(getattr(each, "line", each)) for each in vm.output] == ["Run b #2"]


def test_another_command_than_the_recorded_one_is_a_mismatch_and_ends_it() -> None:
    vm = machine(INPUT, Command("Run", "a", (1,)))
    with pytest.raises(JournalMismatchError) as mismatch:
        vm.command(Command("Run", "renamed", (1,)))
    assert mismatch.value.error.code == 570
    with pytest.raises(JournalMismatchError):
        vm.command(Command("Sleep", "nap", (2,)))
    assert not vm.output


def test_an_eager_read_takes_an_id_and_sends_none() -> None:
    vm = machine(INPUT, state={"n": 1}, partial=False)
    assert vm.get_state("n") == (1, 1)
    assert vm.get_state("other") == (2, None)
    assert vm.completion_id() == 3


def test_a_lazy_read_asks_unless_the_attempt_knows() -> None:
    vm = machine(INPUT)
    assert vm.get_state("n") == (1, UNKNOWN)
    vm.state.values["n"] = 2
    assert vm.get_state("n") == (2, 2)
    assert vm.get_state_keys() == (3, UNKNOWN)
    vm.state.clear_all()
    assert vm.get_state("other") == (4, None)


def test_notifications_are_ready_in_the_order_of_the_journal() -> None:
    vm = machine(INPUT, Command("Run", "a", (1,)), Notification("Sleep", 2), Notification("Run", 1))
    assert [vm.pop(), vm.pop(), vm.pop()] == [Notification("Sleep", 2), Notification("Run", 1), None]
