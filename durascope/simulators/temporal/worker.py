"""A worker process: it polls, runs workflow tasks on its cached runs, executes activities, and reports.

Everything in it is volatile: the cache, the slots, the heartbeats under way, the results of local activities of the
workflow task in flight (§1, §10). Whatever it knows after a crash, the server tells it again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, Final
from zlib import crc32

from durascope.models.scenario import TemporalWorker, Workflow
from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import NumberedDelays
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import Callback, World
from durascope.simulators.program.loop import Block
from durascope.simulators.temporal.activity_execution import ActivityWorker
from durascope.simulators.temporal.app import App
from durascope.simulators.temporal.calls import REPORTS
from durascope.simulators.temporal.channel import Channel, Listener
from durascope.simulators.temporal.commands import ScheduleActivityTask, TaskCompletion
from durascope.simulators.temporal.failure import TaskFailedCause
from durascope.simulators.temporal.host import LocalDone
from durascope.simulators.temporal.local_activities import LocalActivities
from durascope.simulators.temporal.local_activity import LocalActivity
from durascope.simulators.temporal.messages import ActivityTask, TaskForWorker
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.temporal.pollers import ALWAYS_ENOUGH, Balance, PollLoop, Slots
from durascope.simulators.temporal.sdks import NORMAL_SHARE, rules_of
from durascope.simulators.temporal.task_queues import QueueId, activity_queue, queue_of, sticky_queue, workflow_queue
from durascope.simulators.temporal.workflow_instance import HEARTBEAT, WorkflowInstance

_WORK_STARTED: Final = Kind.WORK_STARTED
_WORK_ENDED: Final = Kind.WORK_ENDED
MAX_EAGER: Final = 3
"""Activities per workflow task that may start eagerly (A12)."""
DEADLOCK_US: Final = 2_000_000
"""The Python SDK fails a task whose code does not yield for so long (§10)."""


class Processing:
    """A workflow task in a worker's hands."""

    __slots__ = (
        "_worker", "activation", "blocked_us", "buffered", "eager", "heartbeat", "instance", "replays", "steps", "task",
        "waits_for_local",
    )  # fmt: skip

    def __init__(self, worker: Worker, task: TaskForWorker, instance: WorkflowInstance) -> None:
        self._worker = worker
        self.task = task
        self.instance = instance
        self.replays = not instance.processed and len(task.events) > 3
        """Whether the code begins again from the top."""
        self.buffered: TaskForWorker | None = None
        """Another task of the same run that came meanwhile."""
        self.steps: Generator[Block | None, str | None, TaskCompletion] = instance.process(task)
        self.heartbeat: Callback | None = None
        self.waits_for_local = False
        self.activation = 0
        self.eager = 0
        """Slots taken for activities that may start with its completion."""
        self.blocked_us = 0
        """How long the code has been busy in that activation."""

    def completed(self, answer: Any) -> None:
        self._worker.completed(self, answer)


class Worker(Component):
    """One replica of a pool of workers."""

    __slots__ = (
        "_delays", "_lossy", "_options", "_replays", "_reports", "_server", "_takes", "activities", "app", "cache",
        "cache_size", "channel", "code", "draining", "eager_limit", "local_activities", "many", "polls", "process_name",
        "queue", "rules", "runs_activities", "runs_workflows", "slots", "sticky", "sticky_queue", "tasks",
        "uncached", "workflow_slots",
    )  # fmt: skip

    def __init__(
        self, world: World, name: str, options: TemporalWorker, *, app: App, server: Listener, delays: NumberedDelays,
        lossy: bool,
    ) -> None:  # fmt: skip
        """`lossy`: messages can get lost without anybody being told."""
        self.app = app
        self.queue = queue_of(options)
        """The task queue that it polls, for whatever it runs."""
        self._options = options
        self._server = server
        self._lossy = lossy
        self._delays = delays
        self._takes, self._replays, self._reports = (delays.of(name) for name in ("workflow_task", "replay", "report"))
        self.channel: Channel
        self.rules = rules_of(options.sdk)
        self.cache_size = max(options.cache, self.rules.fewest_cached) if options.cache else 0
        self.slots = options.slots
        self.many = self.rules.polls + ALWAYS_ENOUGH
        """With more slots than this, polls alone never use them all."""
        self.eager_limit = MAX_EAGER if app.deployment.eager_activities and options.runs == "both" else 0
        self.runs_workflows = options.runs != "activities"
        self.runs_activities = options.runs != "workflows"
        super().__init__(world, name)

    def reset(self) -> None:
        old = getattr(self, "channel", None)
        if old is not None:
            old.close()
        self.channel = Channel(self, self._server, lossy=self._lossy, pushed=self._take_eager_start)
        self.cache: OrderedDict[int, WorkflowInstance] = OrderedDict()
        self.tasks: dict[int, Processing] = {}
        """Workflow tasks under way, by run."""
        self.draining = False
        self.code: dict[str, Workflow] = {}
        self.process_name = ""
        self.workflow_slots = Slots(self._slots_for_workflows())
        services = self.app.services
        self.activities = ActivityWorker(
            self, self.channel, services, self._delays, slots=self.slots, threads=self._options.threads, many=self.many,
            reports=self._reports, sent=self._drained,
        )  # fmt: skip
        self.local_activities = LocalActivities(self, services, self.slots)
        self.uncached: deque[TaskForWorker] = deque()
        """Tasks of runs for which the cache has no place as long as all that are in it have tasks of their own."""
        self.polls: list[PollLoop] = []

    def started(self) -> None:
        """The process comes up: with the code as it is now, an empty cache, and polls on its queues."""
        self.code = dict(self.app.latest)
        self.process_name = self.app.process_started() if self.runs_workflows else self.name
        self.sticky_queue = f"{self.name} #{self.incarnation}"
        self.sticky = (self.sticky_queue, self.app.deployment.sticky_timeout) if self.cache_size else None
        if self.runs_workflows:
            self._poll_for_workflow_tasks()
        if self.runs_activities:
            most, activities = min(self.rules.polls, self.slots), self.activities
            self.polls.append(
                self._poll(activities.slots, activity_queue(self.queue), most, activities.execute, few=False)
            )
        for loop in self.polls:
            loop.ask()

    def _poll(self, slots: Slots, queue: QueueId, most: int, take: Callable[[Any], Any], *, few: bool) -> PollLoop:
        return PollLoop(self, self.channel, slots, queue, most, take, few=few)

    def _slots_for_workflows(self) -> int:
        rules = self.rules
        if not self.cache_size:
            return self.slots
        most = self.cache_size if rules.slots_within_cache else self.slots
        return max(rules.fewest_slots, min(self.slots, most))

    def _poll_for_workflow_tasks(self) -> None:
        """The loop for the normal queue is the first to ask for a slot; without a cache there is no sticky one."""
        slots, take, count = self.workflow_slots, self._take_workflow_task, self._slots_for_workflows()
        queue, few, polls = workflow_queue(self.queue), count <= self.many, self.rules.polls
        most = max(1, int(polls * NORMAL_SHARE)) if self.cache_size else polls
        normal = self._poll(slots, queue, most, take, few=few)
        self.polls.append(normal)
        if self.cache_size:
            sticky = self._poll(slots, sticky_queue(self.sticky_queue), polls - most, take, few=few)
            self.polls.append(sticky)
            if few:
                Balance(normal, sticky, count)

    # ---- workflow tasks ------------------------------------------------------------------------------------

    def _take_workflow_task(self, task: TaskForWorker) -> None:
        """Finds the run in the cache, or makes it anew from its whole history (§10). The task has its slot already."""
        run_id = task.run_id
        under_way = self.tasks.get(run_id)
        if under_way is not None:
            under_way.buffered = task
            return
        instance = self.cache.pop(run_id, None)
        if instance is None:
            if not self._makes_room():
                self.uncached.append(task)
                return
            if not task.full:
                self._fetch_history(task)
                return
            instance = WorkflowInstance(self, run_id, task.options, self.code[task.run.workflow])
        processing = self.tasks[run_id] = Processing(self, task, instance)
        world = self.world
        if world.full:
            world.emit(self.name, _WORK_STARTED, task.run, detail="query" if task.task is None else "workflow task")
        else:
            world.recorder.count += 1
        if processing.replays:
            world.emit(self.name, Kind.REPLAY_STARTED, task.run)
        self._go_on(processing, None)

    def _makes_room(self) -> bool:
        """Whether the cache has, or gets, a place for another run: one whose task is under way keeps its own, unless
        it only waits for local activities. Then these are cancelled, and the task is never completed (core,
        `reconcile_buffered`; recorded: local-activity-in-a-full-cache-0 and -1)."""
        cache, size = self.cache, max(1, self.cache_size)
        while cache and len(cache) + len(self.tasks) >= size:
            self._evict(cache.popitem(last=False)[1])
        if len(self.tasks) < size:
            return True
        waiting = next((each for each in self.tasks.values() if each.waits_for_local), None)
        if waiting is None:
            return False
        self._lose(waiting)
        return True

    def _lose(self, processing: Processing) -> None:
        """Its run is evicted while the task is under way: nobody will complete it."""
        processing.steps.close()
        processing.waits_for_local = False
        self.cancel(processing.heartbeat)
        del self.tasks[processing.task.run_id]
        self._evict(processing.instance)
        self.world.emit(self.name, _WORK_ENDED, processing.task.run, detail="evicted")
        self.workflow_slots.give_back()

    def _take_eager_start(self, task: TaskForWorker) -> None:
        """A first task that came with the answer to its run's start, in a slot that was free then (A12b)."""
        self.workflow_slots.free -= 1
        self._take_workflow_task(task)

    def _fetch_history(self, task: TaskForWorker) -> None:
        came = partial(self._history_came, task)
        self.channel.call("get history", (task.run_id,), came, REPORTS, task.run)

    def _history_came(self, task: TaskForWorker, events: Any) -> None:
        if not isinstance(events, tuple) or not events:
            return
        known: Sequence[Any] = events  # pyright: ignore[reportUnknownVariableType]
        made_up = [event for event in task.events if event.id > task.last_written_id]
        until = task.last_written_id if task.task is not None else len(known)
        task.events = [*known[:until], *made_up]
        task.full = True
        self._take_workflow_task(task)

    def _go_on(self, processing: Processing, news: str | None) -> None:
        """Runs the code on: until it is busy, waits for local activities, or has done its task."""
        try:
            step = processing.steps.send(news)
        except StopIteration as end:
            self._done(processing, end.value)
            return
        if step is None:
            processing.waits_for_local = True
            if processing.heartbeat is None:
                timeout = processing.task.options.task_timeout(self.app.deployment.workflow_task_timeout) * 4 // 5
                processing.heartbeat = self.after(timeout, self._heartbeat, processing)
        else:
            self._busy(processing, step)

    def _busy(self, processing: Processing, block: Block) -> None:
        """The code does not yield: nothing else happens to the run meanwhile."""
        run = block.run or processing.task.run
        attempt = self.app.times_busy(run, block.name)
        self.world.moment(self.name, Kind.STEP_STARTED, run, block.name, attempt)
        if processing.activation != processing.instance.activations:
            processing.activation, processing.blocked_us = processing.instance.activations, 0
        processing.blocked_us += block.us
        if processing.blocked_us > DEADLOCK_US:
            left = DEADLOCK_US - (processing.blocked_us - block.us)
            self.after(left, self._deadlocked, processing)
        else:
            self.after(block.us, self._computed, processing, block, attempt)

    def _computed(self, processing: Processing, block: Block, attempt: int) -> None:
        run = block.run or processing.task.run
        self.world.moment(self.name, Kind.STEP_REPORTED, run, block.name, attempt)
        self._go_on(processing, None)

    def _deadlocked(self, processing: Processing) -> None:
        processing.steps.close()
        message = "Potential deadlock detected: workflow didn't yield within 2 second(s)."
        self._done(processing, TaskCompletion(failed=TaskFailedCause.WORKER_UNHANDLED_FAILURE, failure_message=message))

    def _heartbeat(self, processing: Processing) -> None:
        processing.heartbeat = None
        if processing.waits_for_local:
            processing.waits_for_local = False
            self._go_on(processing, HEARTBEAT)

    def _done(self, processing: Processing, done: TaskCompletion) -> None:
        """The task's answer leaves after the time that the SDK takes for it."""
        if processing.heartbeat is not None:
            self.cancel(processing.heartbeat)
        task = processing.task
        takes = self._takes
        took = takes(task.luck, task.last_written_id)
        if processing.replays:
            took += self._replays(task.luck, task.last_written_id)
        self.after(took, self._answer, processing, done)

    def _answer(self, processing: Processing, done: TaskCompletion) -> None:
        task, instance = processing.task, processing.instance
        run = task.run
        world = self.world
        if processing.replays:
            world.emit(self.name, Kind.REPLAY_ENDED, run)
        if world.full:
            world.emit(self.name, _WORK_ENDED, run, detail="done" if done.failed is None else done.failed.value)
        else:
            world.recorder.count += 1
        if task.task is None:
            self._free(processing, instance)
            self.channel.call("answer query", (task.query, "answered"), None, REPORTS, run=run)
        elif done.failed is None:
            done.sticky = self.sticky
            done.queries = task.queries
            if self.eager_limit and done.commands:
                done.eager = processing.eager = self._eager_slots(done)
            args = (task.run_id, task.task, done)
            self.channel.call("complete workflow task", args, processing.completed, REPORTS, run)
        else:
            self._free(processing, None)
            if task.attempt <= 1:  # later failures are not reported (W8)
                self.channel.call(
                    "fail workflow task", (task.run_id, task.task, done.failed, done.failure_message),
                    None, REPORTS, run=run,
                )  # fmt: skip
        if self.draining:
            self._drained()

    def _eager_slots(self, done: TaskCompletion) -> int:
        """Takes slots for activities that may start with the completion that schedules them (A12)."""
        if self.draining:
            return 0
        queue, taken, slots = self.queue, 0, self.activities.slots
        for command in done.commands:
            if isinstance(command, ScheduleActivityTask) and command.asked.options.queue == queue:
                if taken == self.eager_limit or not slots.take():
                    break
                taken += 1
        return taken

    def completed(self, processing: Processing, answer: Any) -> None:
        """The server has taken the completion: eager activities and an inline task come with it (A12, W9)."""
        instance = processing.instance
        accepted = isinstance(answer, tuple)
        eager: Sequence[ActivityTask] = ()
        inline: TaskForWorker | None = None
        if accepted:
            _, eager, inline, started_id = answer  # pyright: ignore[reportUnknownVariableType]
            if started_id > instance.processed:
                instance.processed = started_id
        for _ in range(processing.eager - len(eager)):
            self.activities.slots.give_back()
        self._free(processing, instance if accepted else None, inline)
        if eager:
            self.activities.execute_in_turn(eager)
        if self.draining:
            self._drained()

    def _free(
        self, processing: Processing, instance: WorkflowInstance | None, inline: TaskForWorker | None = None
    ) -> None:
        """The task is done: its run stays in the cache if there is room, its slot is for what follows inline."""
        run_id, tasks = processing.task.run_id, self.tasks
        if tasks.get(run_id) is processing:
            del tasks[run_id]
        if instance is None:
            self._evict(processing.instance)
        elif instance.finished:
            instance.close()
        elif self.uncached:
            self._evict(instance)  # others have been waiting for its place
        elif self.cache_size or instance.local.open:
            self.cache[run_id] = instance
        else:
            instance.close()
        if inline is None:
            self.workflow_slots.give_back()
        else:
            self._take_workflow_task(inline)
        if processing.buffered is not None:
            self._take_workflow_task(processing.buffered)
        if self.uncached and self._makes_room():
            self._take_workflow_task(self.uncached.popleft())

    def _evict(self, instance: WorkflowInstance) -> None:
        for local in instance.local.open.values():
            self.local_activities.cancel(local)
        instance.close()

    # ---- what runs in its cache ask of it ------------------------------------------------------------------

    def step_replayed(self, run: RunInfo, name: str) -> None:
        """The code comes to a step that the replay passes."""
        self.app.replayed_step(self.process_name, name)
        self.world.emit(self.name, Kind.REPLAY_STEP, run, name)

    def run_local_activity(self, local: LocalActivity, options: StartOptions, done: LocalDone) -> None:
        self.local_activities.run(local, options, done)

    def cancel_local_activity(self, local: LocalActivity) -> None:
        self.local_activities.cancel(local)

    def local_news(self, run_id: int) -> None:
        """News for a run that may be waiting for it in this very task."""
        processing = self.tasks.get(run_id)
        if processing is not None and processing.waits_for_local:
            processing.waits_for_local = False
            self._go_on(processing, "local")

    # ---- the end -------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """SIGTERM: it takes the process some ms to come to it, and what ends meanwhile is reported as ever (A13)."""
        if self.alive and self.asked_to_stop is None:
            self.asked_to_stop = self.world.now
            self.after(self._delays("stop", crc32(self.sticky_queue.encode()), 0), self.shut_down)

    def shut_down(self) -> None:
        """With a grace period of 0: attempts are reported as failed, the sticky queue is given up (A13).

        The workflow tasks that it has begun are ended first, local activities and all.
        """
        if not self.alive or self.draining:
            return
        self.draining = True
        if self.asked_to_stop is None:
            self.asked_to_stop = self.world.now
        for loop in self.polls:
            loop.stop()
        self.activities.shut_down()
        if self.channel.connection is not None:
            self.channel.call("shut down worker", (sticky_queue(self.sticky_queue),), None, REPORTS)
        self._drained()

    def _drained(self) -> None:
        if self.draining and not self.tasks and not self.activities.leaving:
            wanted = self.down_for is not None
            self.die()
            if wanted:
                self.world.process(self.restarts(0))

    def resume(self) -> None:
        """Goes on after a hang: the SDK's own timers are served before the code of attempts that it has given up."""
        if self.alive and self.hung is not None:
            now = self.world.now
            late = [
                each for each in (*self.activities.running, *self.local_activities.attempts) if each.limit_at <= now
            ]
            self.hung[:0] = [(each.timed_out, ()) for each in late]
            if self._delays.fixed("worker_waking") is None:
                held, self.hung = self.hung, []
                luck = crc32(self.sticky_queue.encode())
                for number, (fn, args) in enumerate(held):
                    self.after(self._delays("worker_waking", luck, number), fn, *args)
        super().resume()
