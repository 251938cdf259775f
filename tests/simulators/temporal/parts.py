"""Parts of Temporal, put together by hand: no worker's process, no channel, no engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from durascope.models.attempt_limits import start_to_close
from durascope.models.scenario import Scenario, TemporalDeployment, Workflow
from durascope.models.steps import Run
from durascope.models.trace import StopReason
from durascope.simulators.app_code import AppCode
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.services import Services
from durascope.simulators.temporal.activity_options import activity_options
from durascope.simulators.temporal.app import App
from durascope.simulators.temporal.calls import REPORTS, Call
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.commands import (
    Asked,
    Command,
    LocalEnd,
    ScheduleActivityTask,
    StartTimer,
    TaskCompletion,
)
from durascope.simulators.temporal.constants import delays_of
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.history_service import HistoryService
from durascope.simulators.temporal.host import LocalDone
from durascope.simulators.temporal.lines import line
from durascope.simulators.temporal.local_activity import LocalActivity
from durascope.simulators.temporal.matching import Matching, MatchingStore
from durascope.simulators.temporal.messages import ActivityTask, TaskForWorker
from durascope.simulators.temporal.mutable_state import MutableState, StartOptions
from durascope.simulators.temporal.queries import Query
from durascope.simulators.temporal.sdks import PYTHON
from durascope.simulators.temporal.shard import HistoryStore, Shard
from durascope.simulators.temporal.task_queues import QueueId, activity_queue, workflow_queue
from durascope.simulators.temporal.workflow_ids import WorkflowIds

E = TypeVar("E", bound=HistoryEvent)

NORMAL = workflow_queue("default")
ACTIVITY = activity_queue("default")
RUN = RunInfo("run 1", "order", 1, None, {}, "run 1")


class Wire(Link):
    """A worker's connection that keeps what it is answered."""

    def __init__(self, worker: str = "worker") -> None:
        self.worker = worker
        self.queues = {}
        self.open = True
        self.answers: list[Any] = []

    def reply(self, call: Call, answer: Any) -> None:
        if self.open:
            self.answers.append(answer)


def call(method: str, *args: Any) -> Call:
    return Call(1, method, args, lambda _: None, REPORTS)


def poll(queue: QueueId) -> Call:
    return call("poll", queue, False)


class History(HistoryService):
    """The history service and matching over their stores, in a process without a frontend."""

    def __init__(self, *, rates: Mapping[str, float] | None = None) -> None:
        """`rates`: tasks per second of task queues of activities."""
        world = self.world = World(0, full=True)
        self.process = Component(world, "server")
        self.store, self.on_disk = HistoryStore(), MatchingStore()
        self.matching = Matching(self.process, self.on_disk, rates=rates)
        shard = Shard(self.process, self.store, delays_of({}, world.luck))
        super().__init__(
            shard, self.matching, TemporalDeployment(), poller=lambda _: None, on_run_closed=lambda _: None
        )
        self.wire = Wire()

    def started(self, *, workflow_id: str = "order 1", **options: Any) -> MutableState:
        """A run that has just been started."""
        return self.executions.create(StartOptions(RUN, workflow_id, **options))

    def lines(self, state: MutableState, since: int = 0) -> list[str]:
        return [line(event) for event in state.history.events[since:]]

    def pass_time(self, us: int) -> None:
        """Lets so many microseconds pass."""
        self.world.after(us, self.world.stop, StopReason.CALLBACKS)
        self.world.run()
        self.world.stopped = None

    def dies_and_comes_back(self) -> None:
        """The server's process dies: what its parts keep in memory is gone."""
        self.process.crash()
        self.matching.reset()
        self.reset()
        self.process.restart()

    def takes_task(self, state: MutableState, wire: Wire | None = None) -> TaskForWorker:
        """A worker takes the run's pending workflow task off the queue on which it is."""
        assert state.wft is not None
        took = self.tasks.start(state, state.wft, wire or self.wire, state.wft.queue_kind)
        assert took is not None
        return took

    def takes_activity(self, state: MutableState) -> ActivityTask:
        """A worker takes the run's first pending activity."""
        took = self.activities.start(state, next(iter(state.activities.values())), "worker")
        assert took is not None
        return took

    def completes(
        self,
        state: MutableState,
        *commands: Command,
        sticky: bool = False,
        eager: int = 0,
        queries: Sequence[Query] = (),
    ) -> Any:
        """The worker that has the workflow task completes it with these commands; what it is answered."""
        done = TaskCompletion(list(commands))
        done.eager, done.queries = eager, queries
        done.sticky = ("worker #1", 10_000_000) if sticky else None
        self.completions.completed(self.wire, call("complete workflow task", state.run_id, state.wft, done))
        return self.wire.answers[-1]


def schedules(seq: int, name: str, **step: Any) -> ScheduleActivityTask:
    """The code asks for an activity."""
    options = activity_options(Run.model_validate({"run": name, **step}), "default", 10_000_000)
    return ScheduleActivityTask(seq, name, Asked(RUN, name, options))


def starts_timer(seq: int, seconds: int) -> Command:
    return StartTimer(seq, "nap", seconds * 1_000_000)


def numbered(event: E, number: int, at: int = 0) -> E:
    """An event of that number, without a history around it."""
    event.id, event.at = number, at
    return event


class Process:
    """A worker's process as a run in its cache knows it; it keeps what it is asked for."""

    rules = PYTHON

    def __init__(self, *steps: Any, **workflow: Any) -> None:
        scenario = Scenario.model_validate(
            {"scenario": "parts", "workflows": {"order": {"steps": list(steps), **workflow}}}
        )
        world, deployment = World(0, full=True), scenario.deployments.temporal
        self.code: dict[str, Workflow] = dict(scenario.workflows)
        self.app = App(
            deployment, latest=self.code, code=AppCode(world.scenario_luck), services=Services(world, scenario),
            ids=WorkflowIds(world, scenario), replayed_step=lambda _process, _step: None,
            start_to_close=partial(start_to_close, scenario),
        )  # fmt: skip
        self.replayed: list[str] = []
        self.local: list[tuple[LocalActivity, LocalDone]] = []
        self.cancelled: list[str] = []
        self.news = 0
        self.ends_at_once: LocalEnd | None = None
        """How a local activity ends as soon as it has begun; None: when the test says so."""

    def step_replayed(self, run: RunInfo, name: str) -> None:
        self.replayed.append(name)

    def run_local_activity(self, local: LocalActivity, options: StartOptions, done: LocalDone) -> None:
        self.local.append((local, done))
        local.running = done
        if self.ends_at_once is not None:
            done(local, self.ends_at_once)

    def cancel_local_activity(self, local: LocalActivity) -> None:
        self.cancelled.append(local.name)

    def local_news(self, run_id: int) -> None:
        self.news += 1
