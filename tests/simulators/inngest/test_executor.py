"""The executor between the queue and a host: requests out, answers in, and what becomes of the item (§5, §17)."""

from __future__ import annotations

import pytest

from durascope.models.trace import Kind
from durascope.models.units import SECOND
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import FAILED, FINISHED, Functions
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.items import EDGE, PAUSE, State
from durascope.simulators.inngest.protocol import (
    SLEEP,
    STEP_ERROR,
    STEP_FAILED,
    STEP_PLANNED,
    STEP_RUN,
    WAIT_FOR_EVENT,
    Answer,
    Op,
    SleepOpts,
    WaitOpts,
    done,
    failed,
)
from durascope.simulators.inngest.runner import Runner
from durascope.simulators.kernel.defaults import latencies
from tests.simulators.inngest.parts import SCENARIO, Server, event, function

HOUR = 3_600 * SECOND
WHILE = 5 * SECOND
"""Long enough for the queue, too short for a lease to end."""


def asked(server: Server) -> list[str]:
    """The requests that were made, as records show them."""
    return [each.exchange.request.line for each in server.host.dispatches if each.exchange is not None]


def answer(server: Server, *ops: Op, status: int = 206, **more: object) -> None:
    """The host answers the latest request, and a while passes."""
    server.executor.execute(server.host.last.answered, Answer(status, ops, **more))  # pyright: ignore[reportArgumentType]
    server.pass_time(WHILE)


def charged(name: str = "charge") -> Op:
    return Op(STEP_RUN, name, name, done(name, {}, 20))


@pytest.fixture
def server() -> Server:
    server = Server()
    server.create(function())
    server.pass_time(WHILE)
    return server


def test_a_run_begins_with_a_request_without_memos(server: Server) -> None:
    assert asked(server) == ["POST step attempt=0 memo=[]"]


def test_a_steps_result_is_saved_and_travels_with_the_next_request(server: Server) -> None:
    answer(server, charged())
    assert asked(server)[1:] == ["POST step attempt=0 memo=[charge]"]


def test_200_ends_the_run_and_takes_all_of_it_away(server: Server) -> None:
    answer(server, status=200)
    assert server.runs == {"run 1": "completed"}
    assert not server.redis.state.runs
    assert not server.redis.queue.items


def test_each_planned_step_gets_a_request_of_its_own(server: Server) -> None:
    answer(server, Op(STEP_PLANNED, "a", "a"), Op(STEP_PLANNED, "b", "b"))
    assert sorted(asked(server)[1:]) == ["POST a attempt=0 memo=[]", "POST b attempt=0 memo=[]"]


def test_one_discovery_follows_when_the_last_of_a_group_is_over(server: Server) -> None:
    answer(server, Op(STEP_PLANNED, "a", "a"), Op(STEP_PLANNED, "b", "b"))
    first, second = server.host.dispatches[1:]
    for dispatch in (first, second):
        assert dispatch.item.step_name is not None
        server.executor.execute(dispatch.answered, Answer(206, (charged(dispatch.item.step_name),)))
        server.pass_time(WHILE)
    assert len(asked(server)) == 4
    assert asked(server)[-1].startswith("POST step attempt=0 memo=[")


def test_a_failed_step_costs_an_attempt_and_is_asked_for_again(server: Server) -> None:
    answer(server, Op(STEP_ERROR, "charge", "charge", failed("charge", "declined")))
    assert asked(server)[1:] == ["POST step attempt=1 memo=[]"]


def test_attempts_that_nobody_answers_end_the_run_when_they_are_used_up(server: Server) -> None:
    for _ in range(3):
        server.executor.execute(server.host.last.refused)
        server.pass_time(WHILE)
    assert len(asked(server)) == 3
    assert server.runs == {"run 1": "failed"}


def test_400_ends_the_run_at_once(server: Server) -> None:
    answer(server, status=400, no_retry=True, error="no")
    assert server.runs == {"run 1": "failed"}


def test_an_answer_may_say_when_the_next_attempt_is_due(server: Server) -> None:
    answer(server, status=500, retry_after=HOUR, error="later")
    server.pass_time(HOUR - 2 * WHILE)
    assert len(asked(server)) == 1
    server.pass_time(2 * WHILE)
    assert len(asked(server)) == 2


def test_a_sleep_is_an_item_that_is_due_later(server: Server) -> None:
    answer(server, Op(SLEEP, "nap", "nap", opts=SleepOpts(None, 60)))
    server.pass_time(50 * SECOND)
    assert len(asked(server)) == 1
    server.pass_time(10 * SECOND)
    assert asked(server)[1:] == ["POST step attempt=0 memo=[nap]"]


def test_a_wait_that_nobody_ends_gives_nothing_when_its_time_is_over(server: Server) -> None:
    answer(server, Op(WAIT_FOR_EVENT, "reply", "reply", opts=WaitOpts("paid", None, 60 * SECOND)))
    assert len(asked(server)) == 1
    server.pass_time(60 * SECOND)
    assert asked(server)[1:] == ["POST step attempt=0 memo=[reply]"]


def waiting(server: Server) -> Runner:
    """The run waits a minute for `paid`; who hands the server's events on is the runner."""
    answer(server, Op(WAIT_FOR_EVENT, "reply", "reply", opts=WaitOpts("paid", None, 60 * SECOND)))
    redis = server.redis
    return Runner(
        server.world, functions=Functions(SCENARIO, server.world.luck), pauses=redis.pauses, history=server.history,
        scheduler=server.scheduler, batcher=server.batcher, resumer=server.resumer, finalizer=server.finalizer,
        hops=Hops(server.world, latencies("durascope.simulators.inngest", {})), records=False,
    )  # fmt: skip


def paid(at: int) -> Event:
    return Event("paid", {}, at, 9)


def test_the_event_of_a_wait_takes_its_timeout_out_of_the_queue(server: Server) -> None:
    runner = waiting(server)
    assert [item.kind for item in server.redis.queue.items.values()] == [PAUSE]
    runner.handle((paid(server.world.now),))
    assert [item.kind for item in server.redis.queue.items.values()] == [EDGE]


def test_an_event_that_comes_when_the_time_of_a_wait_is_over_does_not_end_it(server: Server) -> None:
    runner = waiting(server)
    (pause,) = server.redis.pauses.matching(paid(0))
    server.executor.crash()  # nobody is there to take the timeout off the queue
    server.pass_time(60 * SECOND)
    assert pause.expires < server.world.now
    runner.handle((paid(server.world.now),))
    assert list(server.redis.pauses.matching(paid(0))) == [pause]


def test_a_timeout_that_is_worked_on_already_does_nothing_when_its_run_is_over(server: Server) -> None:
    waiting(server)
    (timeout,) = server.redis.queue.items.values()
    server.pass_time(timeout.due - server.world.now - 50_000)
    assert timeout.state is State.LEASED, "it waits in memory for its time"
    server.finalizer.cancel("run 1")
    server.pass_time(WHILE)
    assert Kind.TIMER_FIRED not in [event.kind for event in server.world.recorder.events]


def test_an_event_that_was_received_before_the_wait_began_does_not_end_it(server: Server) -> None:
    runner = waiting(server)
    (pause,) = server.redis.pauses.matching(paid(0))
    runner.handle((paid(pause.created_at - 1),))
    assert list(server.redis.pauses.matching(paid(0))) == [pause]


def test_a_step_error_of_the_last_attempt_is_memoised_like_a_failure(server: Server) -> None:
    for _ in range(3):
        answer(server, Op(STEP_ERROR, "charge", "charge", failed("charge", "no")))
    assert server.runs == {"run 1": "running"}
    assert asked(server)[-1] == "POST step attempt=0 memo=[charge!]"


def test_the_end_of_a_run_that_fails_is_told_twice(server: Server) -> None:
    answer(server, status=400, no_retry=True, error="no")
    assert sorted(event.name for event in server.told) == [FAILED, FINISHED]


@pytest.mark.parametrize(("version", "requests"), [(1, 5), (2, 4)])
def test_a_discovery_follows_each_member_of_a_group_in_request_version_1(
    server: Server, version: int, requests: int
) -> None:
    answer(server, *(Op(STEP_PLANNED, name, name) for name in "ab"), version=version)
    for dispatch in tuple(server.host.dispatches[1:3]):
        name = dispatch.item.step or ""
        server.executor.execute(dispatch.answered, Answer(206, (charged(name),), version=version))
        server.pass_time(WHILE)
    assert len(asked(server)) == requests


def test_the_request_version_of_a_run_is_that_of_its_first_answer(server: Server) -> None:
    answer(server, charged("first"), version=1)
    answer(server, *(Op(STEP_PLANNED, name, name) for name in "ab"), version=2)
    for dispatch in tuple(server.host.dispatches[2:4]):
        server.executor.execute(dispatch.answered, Answer(206, (charged(dispatch.item.step or ""),), version=2))
        server.pass_time(WHILE)
    assert len(asked(server)) == 6, "a discovery after each member"


def test_a_result_that_was_saved_before_is_kept(server: Server) -> None:
    state = server.redis.state.runs["run 1"]
    first = done("charge", {"by": "first"}, 20)
    state.save("charge", first)
    answer(server, Op(STEP_RUN, "charge", "charge", done("charge", {"by": "second"}, 20)))
    assert state.steps["charge"] is first


def test_what_comes_for_a_run_that_is_over_is_dropped(server: Server) -> None:
    server.finalizer.cancel("run 1")
    answer(server, charged())
    assert server.runs == {"run 1": "cancelled"}
    assert len(asked(server)) == 1
    assert not server.redis.queue.items
    told = [event.kind for event in server.world.recorder.events]
    assert Kind.STEP_DROPPED in told
    assert Kind.STEP_RECORDED not in told


def test_a_request_for_a_run_that_is_over_is_not_made_again_when_it_fails(server: Server) -> None:
    server.finalizer.cancel("run 1")
    server.executor.execute(server.host.last.refused)
    server.pass_time(HOUR)
    assert len(asked(server)) == 1
    assert Kind.TIMER_SET not in [event.kind for event in server.world.recorder.events]


def test_a_process_that_has_died_hears_nothing_of_its_requests(server: Server) -> None:
    old = server.host.last
    server.executor.crash()
    server.executor.restart()
    server.executor.execute(old.answered, Answer(200))
    assert server.runs == {"run 1": "running"}


def test_an_item_whose_worker_died_is_asked_for_again_when_its_lease_is_over(server: Server) -> None:
    leased_at = server.host.last.item.leased_at
    server.executor.crash()
    server.executor.restart()
    server.pass_time(70 * SECOND)
    assert len(asked(server)) == 2
    assert server.host.last.item.attempt == 0, "a lost lease costs no attempt"
    assert server.host.last.item.leased_at >= leased_at + 30 * SECOND


def test_the_lease_of_what_is_still_worked_on_is_extended(server: Server) -> None:
    item = server.host.last.item
    server.pass_time(40 * SECOND)
    assert item.lease_until > server.world.now
    assert len(asked(server)) == 1


def test_a_request_that_lasts_two_hours_is_taken_for_lost(server: Server) -> None:
    server.pass_time(2 * HOUR + 60 * SECOND)
    assert server.relay.records["run 1"][1].endswith("-> lost")


def test_a_run_of_too_many_steps_fails() -> None:
    server = Server(step_limit=2)
    server.create(function())
    server.pass_time(WHILE)
    answer(server, charged("a"))
    answer(server, charged("b"))
    assert server.runs == {"run 1": "failed"}


def test_a_step_that_failed_for_good_is_memoised_as_an_error(server: Server) -> None:
    answer(server, Op(STEP_FAILED, "charge", "charge", failed("charge", "declined")))
    assert asked(server)[1:] == ["POST step attempt=0 memo=[charge!]"]


@pytest.mark.parametrize(("free", "taken"), [(4, 0), (5, 5), (6, 6)])
def test_the_queue_is_scanned_again_when_five_workers_are_free(free: int, taken: int) -> None:
    server = Server(workers=6)
    for _ in range(20):
        server.create(function())
    server.pass_time(WHILE)
    assert len(asked(server)) == 6
    for dispatch in tuple(server.host.dispatches[:free]):
        server.executor.execute(dispatch.answered, Answer(200))
    server.pass_time(WHILE)
    assert len(asked(server)) == 6 + taken


def test_a_finish_timeout_counts_from_the_first_request() -> None:
    server = Server()
    server.create(function(timeouts={"finish": "10s"}))
    server.pass_time(WHILE)
    assert server.runs == {"run 1": "running"}
    server.pass_time(10 * SECOND)
    assert server.runs == {"run 1": "cancelled"}


def test_an_event_that_has_come_twice_starts_one_run() -> None:
    server = Server()
    for number in (1, 2):
        again = event(number)
        again.id = "order-7"
        server.scheduler.create(function(), (again,), 0)
    assert list(server.runs) == ["run 1"]
