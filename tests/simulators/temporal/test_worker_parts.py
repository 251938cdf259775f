"""Parts of a worker, and the way from it to the server, by themselves: channel, activities, local activities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from durascope.models.scenario import Scenario
from durascope.models.steps import Run
from durascope.models.trace import StopReason
from durascope.models.units import SECOND
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Network
from durascope.simulators.kernel.world import World
from durascope.simulators.services import Services
from durascope.simulators.temporal.activity_execution import ActivityWorker
from durascope.simulators.temporal.activity_options import activity_options
from durascope.simulators.temporal.calls import GAVE_UP, REPORTS, REQUESTS, Call
from durascope.simulators.temporal.channel import Channel, Link, Listener
from durascope.simulators.temporal.commands import LocalEnd
from durascope.simulators.temporal.constants import delays_of
from durascope.simulators.temporal.context import WorkflowContext
from durascope.simulators.temporal.failure import Failure, FailureKind
from durascope.simulators.temporal.local_activities import LocalActivities
from durascope.simulators.temporal.local_activity import LocalActivity
from durascope.simulators.temporal.messages import ActivityTask
from durascope.simulators.temporal.mutable_state import StartOptions
from tests.simulators.temporal.parts import RUN

SCENARIO = Scenario.model_validate({"scenario": "parts", "workflows": {"order": {"steps": [{"run": "charge"}]}}})


class Wires:
    """A worker's process, a server that answers as the test says, and the network between them."""

    def __init__(self, answer: Any = "recorded") -> None:
        world = self.world = World(0, full=True)
        self.delays = delays_of({}, world.luck)
        self.server = Listener(world, "temporal-server", Network(world), self.delays)
        self.answer = answer
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        methods = ("signal", "complete activity", "fail activity", "heartbeat", "report cancelled activity")
        self.server.api = dict.fromkeys(methods, self._called)
        self.process = Component(world, "worker")
        self.channel = Channel(self.process, self.server, lossy=False)
        self.services = Services(world, SCENARIO)
        self.heard: list[Any] = []

    def _called(self, link: Link, call: Call) -> None:
        self.calls.append((call.method, call.args))
        link.reply(call, self.answer(call.method) if callable(self.answer) else self.answer)

    def pass_time(self, us: int) -> None:
        self.world.after(us, self.world.stop, StopReason.CALLBACKS)
        self.world.run()
        self.world.stopped = None

    @property
    def called(self) -> list[str]:
        return [method for method, _ in self.calls]


@pytest.fixture
def wires() -> Wires:
    return Wires()


# ---- the channel ---------------------------------------------------------------------------------------------


def test_a_call_is_answered_once_over_a_connection_that_it_opens(wires: Wires) -> None:
    wires.channel.call("signal", ("order 1",), wires.heard.append, REQUESTS)
    wires.pass_time(SECOND)
    assert wires.calls == [("signal", ("order 1",))]
    assert wires.heard == ["recorded"]


def test_a_call_to_a_dead_server_is_made_again_until_it_is_back(wires: Wires) -> None:
    wires.server.crash()
    wires.channel.call("signal", (), wires.heard.append, REQUESTS)
    wires.pass_time(30 * SECOND)
    assert wires.heard == []
    wires.server.restart()
    wires.pass_time(10 * SECOND)
    assert wires.heard == ["recorded"]


def test_a_report_is_given_up_after_ten_seconds(wires: Wires) -> None:
    wires.server.crash()
    wires.channel.call("complete activity", (), wires.heard.append, REPORTS)
    wires.pass_time(11 * SECOND)
    assert wires.heard == [GAVE_UP]


def test_nobody_hears_an_answer_whose_caller_has_died(wires: Wires) -> None:
    wires.channel.call("signal", (), wires.heard.append, REQUESTS)
    wires.pass_time(2_500)
    assert wires.called == [], "the call is on its way"
    wires.process.crash()
    wires.pass_time(SECOND)
    assert wires.called == ["signal"], "what was sent counts all the same"
    assert wires.heard == []


# ---- activities ----------------------------------------------------------------------------------------------


def activities(wires: Wires, *, slots: int = 10, threads: int | None = None) -> ActivityWorker:
    return ActivityWorker(
        wires.process, wires.channel, wires.services, wires.delays, slots=slots, threads=threads, many=5,
        reports=lambda _luck, _number: 0, sent=lambda: None,
    )  # fmt: skip


def task(number: int = 1, **step: Any) -> ActivityTask:
    """A task with one of several activities of a run."""
    options = activity_options(Run.model_validate({"run": f"step {number}", **step}), "default", 10 * SECOND)
    name = f"step {number}"
    return ActivityTask(1, RUN, 0, number, 1, name, name, options.step, options.timeouts)


def test_an_attempt_has_its_effect_and_is_reported(wires: Wires) -> None:
    worker = activities(wires)
    token = task(takes="200ms")
    worker.execute(token)
    wires.pass_time(SECOND)
    ((method, (reported, outcome)),) = wires.calls
    assert (method, reported) == ("complete activity", token)
    assert outcome.ok
    assert wires.services.effects == {"step 1": 1}
    assert not worker.running


def test_attempts_wait_for_a_thread_where_they_block_one(wires: Wires) -> None:
    worker = activities(wires, threads=1)
    for number in (1, 2):
        worker.execute(task(number, takes="1s"))
    wires.pass_time(1_500_000)
    assert wires.called == ["complete activity"]
    wires.pass_time(SECOND)
    assert wires.called == ["complete activity"] * 2


def test_the_answer_to_a_heartbeat_cancels_the_attempt() -> None:
    def answer(method: str) -> str:
        return "cancel" if method == "heartbeat" else "recorded"

    wires = Wires(answer)
    activities(wires).execute(task(takes="8s", heartbeat={"timeout": "5s", "every": "1s"}))
    wires.pass_time(8 * SECOND)
    assert wires.called == ["heartbeat", "report cancelled activity"]
    assert wires.services.effects == {"step 1": 0}


def test_a_worker_that_stops_reports_what_it_runs_as_failed(wires: Wires) -> None:
    worker = activities(wires)
    worker.execute(task(takes="8s"))
    wires.pass_time(SECOND)
    worker.shut_down()
    wires.pass_time(SECOND)
    ((method, (_, failure)),) = wires.calls
    assert method == "fail activity"
    assert failure.retryable


# ---- local activities ----------------------------------------------------------------------------------------


class Locally:
    """Local activities of a process, and how they ended."""

    def __init__(self, wires: Wires, slots: int = 10) -> None:
        self.worker = LocalActivities(wires.process, wires.services, slots)
        self.context = WorkflowContext(StartOptions(RUN, "order 1"), SCENARIO.workflows["order"])
        self.ends: list[tuple[str, LocalEnd]] = []

    def run(self, name: str = "look", **step: Any) -> LocalActivity:
        of = Run.model_validate({"run": name, "local": True, **step})
        local = LocalActivity(self.context, of, name, name, of.timeout or 10 * SECOND)
        self.worker.run(local, self.context.options, self._done)
        return local

    def _done(self, local: LocalActivity, end: LocalEnd) -> None:
        self.ends.append((local.name, end))


@pytest.fixture
def locally(wires: Wires) -> Callable[..., Locally]:
    def make(**options: Any) -> Locally:
        return Locally(wires, **options)

    return make


def test_a_local_activity_ends_without_a_word_to_the_server(wires: Wires, locally: Callable[..., Locally]) -> None:
    here = locally()
    here.run(takes="100ms")
    wires.pass_time(SECOND)
    ((name, end),) = here.ends
    assert (name, end.attempt, end.failure) == ("look", 1, None)
    assert wires.calls == []


def test_as_many_local_activities_run_as_there_are_slots(wires: Wires, locally: Callable[..., Locally]) -> None:
    here = locally(slots=1)
    for name in ("a", "b"):
        here.run(name, takes="1s")
    wires.pass_time(1_500_000)
    assert [name for name, _ in here.ends] == ["a"]
    wires.pass_time(SECOND)
    assert [name for name, _ in here.ends] == ["a", "b"]


def test_a_backoff_of_more_than_a_minute_is_left_to_a_timer(wires: Wires, locally: Callable[..., Locally]) -> None:
    here = locally()
    here.run(takes="2s", timeout="1s", retry={"initial": "90s"})
    wires.pass_time(3 * SECOND)
    ((_, end),) = here.ends
    assert end.backoff is not None
    assert end.backoff[:2] == (90 * SECOND, 2)
    assert end.failure == Failure("start-to-close timeout", FailureKind.TIMEOUT)


def test_a_cancelled_local_activity_has_no_effect_and_frees_its_slot(
    wires: Wires, locally: Callable[..., Locally]
) -> None:
    here = locally(slots=1)
    local = here.run(takes="1s")
    wires.pass_time(500_000)
    here.worker.cancel(local)
    wires.pass_time(SECOND)
    assert here.ends == []
    assert wires.services.effects == {"look": 0}
    assert here.worker.slots.free == 1
