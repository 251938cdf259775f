"""Flow control: events in, runs out; the scheduler and the batcher on their own stores (§10)."""

from __future__ import annotations

from durascope.models.units import SECOND
from durascope.simulators.inngest.functions import Function
from tests.simulators.inngest.parts import Server, event, function


def trigger(server: Server, of: Function, *users: str) -> None:
    for number, user in enumerate(users, 1):
        server.scheduler.trigger(of, event(number, user=user))


def test_a_rate_limit_drops_what_is_too_much() -> None:
    server = Server()
    trigger(server, function(rate_limit={"limit": 1, "period": "1m"}), "ann", "ann")
    assert list(server.runs) == ["run 1"]


def test_a_rate_limit_with_a_key_counts_each_value_apart() -> None:
    server = Server()
    trigger(server, function(rate_limit={"limit": 1, "period": "1m", "key": "user"}), "ann", "bob", "ann")
    assert list(server.runs) == ["run 1", "run 2"]


def test_of_debounced_events_the_last_starts_the_run() -> None:
    server = Server()
    trigger(server, function(debounce={"period": "5s"}), "ann", "bob")
    assert not server.runs
    server.pass_time(70 * SECOND)
    assert list(server.runs) == ["run 2"]


def test_a_debounce_is_put_off_by_the_whole_seconds_that_are_left_until_its_timeout() -> None:
    server, debounced = Server(), function(debounce={"period": "5s", "timeout": "8s"})
    trigger(server, debounced, "ann")
    server.pass_time(4_500_000)
    trigger(server, debounced, "ann", "bob")
    server.pass_time(3_500_000)
    assert not server.runs
    server.pass_time(1_000_000)
    assert list(server.runs) == ["run 2"], "4.5 s + 3 s, and 1.05 s on top"


def test_debounces_of_different_keys_do_not_wait_for_each_other() -> None:
    server = Server()
    trigger(server, function(debounce={"period": "5s", "key": "user"}), "ann", "bob")
    server.pass_time(70 * SECOND)
    assert sorted(server.runs) == ["run 1", "run 2"]


def test_a_singleton_skips_while_its_run_goes_on() -> None:
    server, single = Server(), function(singleton={"mode": "skip"})
    trigger(server, single, "ann", "bob")
    assert list(server.runs) == ["run 1"]
    server.finalizer.cancel("run 1")
    server.scheduler.trigger(single, event(3))
    assert list(server.runs) == ["run 1", "run 3"]


def test_a_singleton_in_mode_cancel_ends_the_run_before_it() -> None:
    server = Server()
    trigger(server, function(singleton={"mode": "cancel"}), "ann", "bob")
    assert server.runs == {"run 1": "cancelled", "run 2": "running"}


def test_a_full_batch_starts_one_run_with_all_its_events() -> None:
    server, batched = Server(), function(batch={"max_size": 3, "timeout": "1h"})
    server.batcher.append(batched, ("order", None), [event(number) for number in (1, 2, 3)])
    server.pass_time(10 * SECOND)
    assert list(server.runs) == ["run 1"]
    assert [each.number for each in server.redis.state.runs["run 1"].events] == [1, 2, 3]


def test_the_end_of_a_batch_is_told_with_the_first_of_its_events() -> None:
    server, batched = Server(), function(batch={"max_size": 2, "timeout": "1h"})
    server.batcher.append(batched, ("order", None), [event(1, user="ann"), event(2, user="bob")])
    server.pass_time(10 * SECOND)
    server.finalizer.cancel("run 1")
    server.pass_time(SECOND)
    assert [told.data for told in server.told] == [{"user": "ann"}] * 2


def test_a_batch_that_is_not_full_waits_for_its_timeout() -> None:
    server, batched = Server(), function(batch={"max_size": 3, "timeout": "1m"})
    server.batcher.append(batched, ("order", None), [event(1)])
    server.pass_time(10 * SECOND)
    assert not server.runs
    server.pass_time(60 * SECOND)
    assert list(server.runs) == ["run 1"]


def test_what_is_too_much_for_a_batch_begins_the_next_one() -> None:
    server, batched = Server(), function(batch={"max_size": 2, "timeout": "1m"})
    server.batcher.append(batched, ("order", None), [event(number) for number in (1, 2, 3)])
    server.pass_time(70 * SECOND)
    assert {run: len(state.events) for run, state in server.redis.state.runs.items()} == {"run 1": 2, "run 3": 1}


def test_a_start_timeout_cancels_a_run_that_no_worker_has_come_to() -> None:
    server, limited = Server(), function(concurrency={"limit": 1}, timeouts={"start": "5s"})
    for number in (1, 2):
        server.scheduler.trigger(limited, event(number))
    server.pass_time(20 * SECOND)
    assert sorted(server.runs.values()) == ["cancelled", "running"]


def test_a_run_of_higher_priority_stands_before_older_ones() -> None:
    server = Server()
    urgent = function(priority=[{"when": "vip", "is": 120}, {"otherwise": 0}])
    server.scheduler.trigger(urgent, event(1, vip=False))
    server.scheduler.trigger(urgent, event(2, vip=True))
    older, newer = server.redis.queue.items.values()
    assert newer.score < older.score


def test_a_run_of_negative_priority_starts_that_much_later_even_if_nobody_else_waits() -> None:
    server = Server()
    server.create(function(priority=[{"otherwise": -5}]))
    server.pass_time(5 * SECOND)
    assert not server.host.dispatches
    server.pass_time(SECOND // 2)
    assert len(server.host.dispatches) == 1
