"""The queue on its own: items in, leased items out, by the clock of whoever scans it."""

from __future__ import annotations

from typing import Any

from durascope.models.flow import Flow
from durascope.models.units import MILLISECOND, SECOND
from durascope.simulators.inngest.functions import Function, Rules
from durascope.simulators.inngest.items import CANCEL, EDGE, START, Item
from durascope.simulators.inngest.queue import Queue
from durascope.simulators.kernel.runs import RunInfo

HALF = SECOND // 2
"""How much of the server's second is over at time 0."""


def function(name: str = "order", **flow: Any) -> Function:
    rules = Flow.model_validate(flow)
    return Function(name, name, "function", name, None, None, 5, rules, Rules.of(rules), (), None)


def item(
    of: Function, run: int, *, kind: str = EDGE, at: int = 0, score: int | None = None, key: str | None = None
) -> Item:
    info = RunInfo(f"run {run}", of.name, run, None, {}, f"run {run}")
    made = Item(kind, f"run {run} {kind}", at, info, of)
    made.score = at // MILLISECOND if score is None else score
    made.concurrency_key = key
    return made


def queue() -> Queue:
    return Queue("python", HALF)


def scan(line: Queue, now: int) -> list[str]:
    return [leased.job for leased in line.lease(now, 100)]


def test_a_scan_looks_up_to_the_next_whole_second_but_one() -> None:
    line, order = queue(), function()
    line.enqueue(item(order, 1, at=10 * SECOND), 0)
    assert line.worth_scanning_at() == 10 * SECOND - HALF
    assert scan(line, 10 * SECOND - HALF - 1) == []
    assert scan(line, 10 * SECOND - HALF) == ["run 1 edge"]


def test_the_best_score_goes_first_whatever_came_first() -> None:
    line, order = queue(), function()
    line.enqueue(item(order, 2, score=500), 0)
    line.enqueue(item(order, 1, score=100), 0)
    assert scan(line, SECOND) == ["run 1 edge", "run 2 edge"]


def test_a_job_is_enqueued_once_even_when_it_is_gone() -> None:
    line, order = queue(), function()
    first = item(order, 1)
    assert line.enqueue(first, 0) is not None
    line.dequeue(first)
    assert line.enqueue(item(order, 1), 0) is None


def test_a_limit_of_the_function_holds_its_partition_until_an_item_leaves() -> None:
    line, order = queue(), function(concurrency={"limit": 1})
    first, second = item(order, 1), item(order, 2)
    line.enqueue(first, 0)
    line.enqueue(second, 0)
    assert scan(line, SECOND) == ["run 1 edge"]
    line.release(first)
    assert scan(line, 2 * SECOND) == []  # trunc(now) + 4 s is not there yet, though there is a slot again
    line.dequeue(first)
    assert scan(line, 2 * SECOND) == ["run 2 edge"]


def test_a_held_partition_is_looked_at_again_four_seconds_after_the_whole_second() -> None:
    line, order = queue(), function(concurrency={"limit": 1})
    first = item(order, 1)
    line.enqueue(first, 0)
    line.enqueue(item(order, 2), 0)
    scan(line, SECOND)
    line.release(first)
    assert scan(line, 4 * SECOND + HALF) == []
    assert scan(line, 4 * SECOND + HALF + 1) == ["run 2 edge"]


def test_an_item_behind_the_limit_of_a_key_is_passed_over_in_the_same_scan_only() -> None:
    line, order = queue(), function(concurrency={"limit": 1, "key": "user"})
    line.enqueue(item(order, 1, key="u1"), 0)
    line.enqueue(item(order, 2, key="u1"), 0)
    line.enqueue(item(order, 3, key="u2"), 0)
    assert scan(line, SECOND) == ["run 1 edge", "run 3 edge"]
    line.enqueue(item(order, 4, key="u3"), SECOND)
    assert scan(line, 2 * SECOND) == []


def test_each_key_has_a_slot_of_its_own() -> None:
    line, order = queue(), function(concurrency={"limit": 1, "key": "user"})
    for run in range(1, 6):
        line.enqueue(item(order, run, key=f"u{run}"), 0)
    assert len(scan(line, SECOND)) == 5


def test_functions_share_the_slots_of_an_account() -> None:
    limit = {"limit": 1, "scope": "account", "key": "shop"}
    line = queue()
    line.enqueue(item(function("order", concurrency=limit), 1, key="s"), 0)
    line.enqueue(item(function("invoice", concurrency=limit), 2, key="s"), 0)
    assert len(scan(line, SECOND)) == 1


def test_a_retry_within_five_seconds_passes_the_limit_and_takes_no_slot() -> None:
    line, order = queue(), function(concurrency={"limit": 1, "key": "user"})
    first = item(order, 1, key="u")
    line.enqueue(first, 0)
    assert scan(line, SECOND) == ["run 1 edge"]
    line.requeue(first, 2 * SECOND)
    line.release(first)
    line.enqueue(item(order, 2, key="u", score=0), SECOND)
    assert scan(line, 3 * SECOND) == ["run 2 edge", "run 1 edge"]
    assert first.slot is None


def test_a_retry_after_five_seconds_waits_for_its_slot() -> None:
    line, order = queue(), function(concurrency={"limit": 1, "key": "user"})
    first = item(order, 1, key="u")
    line.enqueue(first, 0)
    scan(line, SECOND)
    line.requeue(first, 20 * SECOND)
    line.release(first)
    line.enqueue(item(order, 2, key="u", score=0), 20 * SECOND)
    assert scan(line, 20 * SECOND) == ["run 2 edge"]


def test_throttled_starts_wait_for_their_time_and_steps_do_not() -> None:
    line, order = queue(), function(throttle={"limit": 1, "period": "10s", "burst": 0})
    for run in (1, 2):
        line.enqueue(item(order, run, kind=START, score=run), 0)
    line.enqueue(item(order, 3), 0)
    assert scan(line, SECOND) == ["run 3 edge", "run 1 start"]
    assert line.worth_scanning_at() == 11 * SECOND
    assert scan(line, 11 * SECOND) == ["run 2 start"]


def test_the_systems_own_items_stand_in_no_functions_line() -> None:
    line, order = queue(), function(concurrency={"limit": 1})
    line.enqueue(item(order, 1), 0)
    line.enqueue(item(order, 2), 0)
    scan(line, SECOND)
    line.enqueue(item(order, 2, kind=CANCEL), SECOND)
    assert scan(line, SECOND + 1) == ["run 2 cancel"]


def test_what_a_run_had_in_the_queue_goes_with_it() -> None:
    line, order = queue(), function()
    line.enqueue(item(order, 1), 0)
    line.enqueue(item(order, 2), 0)
    line.dequeue_run("run 1")
    assert scan(line, SECOND) == ["run 2 edge"]


def test_a_start_that_is_not_ready_yet_is_not_found() -> None:
    line, order = queue(), function()
    start = item(order, 1, kind=START)
    start.found_at = SECOND
    line.enqueue(start, 0)
    assert scan(line, SECOND - 1) == []
    assert scan(line, SECOND) == ["run 1 start"]
    assert start.lease_until == SECOND + 30 * SECOND
