"""A worker process: it polls, runs workflow tasks on its cached runs, executes activities, and reports.

Everything in it is volatile: the cache, the slots, the heartbeats under way, the results of local activities of the
workflow task in flight (§1, §10). Whatever it knows after a crash, the server tells it again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from durascope.models.scenario import TemporalWorker, Workflow
from durascope.models.trace import Kind
from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import Call as Callback
from durascope.simulators.kernel.world import World
from durascope.simulators.program import Block
from durascope.simulators.temporal.activity_execution import ActivityExecution
from durascope.simulators.temporal.calls import REPORTS
from durascope.simulators.temporal.channel import Channel
from durascope.simulators.temporal.commands import Failure, TaskCompletion
from durascope.simulators.temporal.handles import LocalActivity
from durascope.simulators.temporal.local_activities import LocalExecution
from durascope.simulators.temporal.messages import ActivityTask, TaskForWorker
from durascope.simulators.temporal.pollers import ALWAYS_ENOUGH, Balance, PollLoop, Slots
from durascope.simulators.temporal.sdks import NORMAL_SHARE, rules_of
from durascope.simulators.temporal.workflow_instance import HEARTBEAT, WorkflowInstance

if TYPE_CHECKING:
    from durascope.simulators.temporal.engine import Temporal

_WORK_STARTED: Final = Kind.WORK_STARTED
_WORK_ENDED: Final = Kind.WORK_ENDED
MAX_EAGER: Final = 3
"""Activities per workflow task that may start eagerly (A12)."""
DEADLOCK_US: Final = 2_000_000
"""The Python SDK fails a task whose code does not yield for so long (§10)."""


class Processing:
    """A workflow task in a worker's hands."""

    __slots__ = (
        "activation", "blocked_us", "buffered", "eager", "heartbeat", "instance", "replays", "steps", "task",
        "waits_for_local",
    )  # fmt: skip

    def __init__(self, task: TaskForWorker, instance: WorkflowInstance) -> None:
        self.task = task
        self.instance = instance
        self.replays = instance.primary is None and len(task.events) > 3
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
        self.instance.worker.completed(self, answer)


class Worker(Component):
    """One replica of a pool of workers."""

    __slots__ = (
        "_replays", "_reports", "_takes", "activities", "activity_slots", "cache", "cache_size", "channel", "code",
        "delays", "draining", "eager_limit", "engine", "local_attempts", "local_slots", "many", "options", "polls",
        "process_name", "rules", "runs_activities", "runs_workflows", "server", "services", "slots", "sticky",
        "sticky_queue", "tasks", "threads", "uncached", "wanted_again", "workflow_slots",
    )  # fmt: skip

    def __init__(self, world: World, engine: Temporal, options: TemporalWorker, name: str) -> None:
        self.engine = engine
        self.options = options
        self.server = engine.server
        self.services = engine.services
        delays = self.delays = engine.server.delays
        self._takes, self._replays, self._reports = (delays.of(name) for name in ("workflow_task", "replay", "report"))
        self.channel: Channel
        self.cache_size = options.cache
        self.slots = options.slots
        self.rules = rules_of(options.sdk)
        self.many = self.rules.polls + ALWAYS_ENOUGH
        """So many slots are never all in use by polls alone."""
        self.eager_limit = MAX_EAGER if engine.options.eager_activities and options.runs == "both" else 0
        self.runs_workflows = options.runs != "activities"
        self.runs_activities = options.runs != "workflows"
        super().__init__(world, name)

    def reset(self) -> None:
        old = getattr(self, "channel", None)
        if old is not None:
            old.close()
        self.channel = Channel(self, self.server, lossy=self.engine.lossy, pushed=self._take_eager_start)
        self.cache: OrderedDict[int, WorkflowInstance] = OrderedDict()
        self.tasks: dict[int, Processing] = {}
        """Workflow tasks under way, by run."""
        self.activities: dict[ActivityExecution, None] = {}
        self.draining = self.wanted_again = False
        self.code: dict[str, Workflow] = {}
        self.process_name = ""
        self.workflow_slots = Slots(self._slots_for_workflows())
        self.activity_slots = Slots(self.slots)
        self.local_slots = Slots(self.slots)
        self.threads = None if self.options.threads is None else Slots(self.options.threads)
        """Where activities block a thread each: the threads that run them, fewer than the slots."""
        self.local_attempts: dict[LocalExecution, None] = {}
        self.uncached: deque[TaskForWorker] = deque()
        """Tasks of runs for which the cache has no place as long as all that are in it have tasks of their own."""
        self.polls: list[PollLoop] = []

    def started(self) -> None:
        """The process comes up: with the code as it is now, an empty cache, and polls on its queues."""
        self.code = dict(self.engine.code)
        self.process_name = self.engine.process_started(self)
        self.sticky_queue = f"{self.name} #{self.incarnation}"
        self.sticky = (self.sticky_queue, self.engine.options.sticky_timeout) if self.cache_size else None
        if self.runs_workflows:
            self._poll_for_workflow_tasks()
        if self.runs_activities:
            queue = ("activity", self.engine.queue_of_activities(self))
            most = min(self.rules.polls, self.slots)
            self.polls.append(PollLoop(self, self.activity_slots, queue, most, self._execute, few=False))
        for loop in self.polls:
            loop.ask()

    def _slots_for_workflows(self) -> int:
        return max(self.slots, self.rules.fewest_slots) if self.cache_size else self.slots

    def _poll_for_workflow_tasks(self) -> None:
        """The loop for the normal queue is the first to ask for a slot; without a cache there is no sticky one."""
        slots, take, count = self.workflow_slots, self._take_workflow_task, self._slots_for_workflows()
        queue, few, polls = ("workflow", self.engine.workflow_queue(self)), count <= self.many, self.rules.polls
        most = max(1, int(polls * NORMAL_SHARE)) if self.cache_size else polls
        normal = PollLoop(self, slots, queue, most, take, few=few)
        self.polls.append(normal)
        if self.cache_size:
            sticky = PollLoop(self, slots, ("sticky", self.sticky_queue), polls - most, take, few=few)
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
        processing = self.tasks[run_id] = Processing(task, instance)
        world = self.world
        if world.full:
            world.emit(self.name, _WORK_STARTED, task.run, detail="query" if task.task is None else "workflow task")
        else:
            world.recorder.count += 1
        if processing.replays:
            world.emit(self.name, Kind.REPLAY_STARTED, task.run)
        self._go_on(processing, None)

    def _makes_room(self) -> bool:
        """Whether the cache has, or gets, a place for another run: one whose task is under way keeps its own."""
        cache, size = self.cache, max(1, self.cache_size)
        while cache and len(cache) + len(self.tasks) >= size:
            self._evict(cache.popitem(last=False)[1])
        return len(self.tasks) < size

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
                timeout = processing.task.options.task_timeout(self.engine.options.workflow_task_timeout) * 4 // 5
                processing.heartbeat = self.after(timeout, self._heartbeat, processing)
        else:
            self._busy(processing, step)

    def _busy(self, processing: Processing, block: Block) -> None:
        """The code does not yield: nothing else happens to the run meanwhile."""
        run = block.run or processing.task.run
        attempt = self.engine.computes(run, block.name)
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
        self._done(processing, TaskCompletion(failed="workflow-worker-unhandled-failure", failure_message=message))

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
            world.emit(self.name, _WORK_ENDED, run, detail=done.failed or "done")
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
            if task.attempt <= 1:  # later failures are kept to itself (W8)
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
        queue, taken = self.engine.workflow_queue(self), 0
        for command in done.commands:
            if command.kind == "ScheduleActivityTask" and command.attributes["options"].queue == queue:
                if taken == self.eager_limit or not self.activity_slots.take():
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
            self.activity_slots.give_back()
        self._free(processing, instance if accepted else None, inline)
        for activity in eager:
            self._execute(activity)
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
        elif self.cache_size or instance.local:
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
        for local in instance.local.values():
            self.cancel_local_activity(local)
        instance.close()

    # ---- local activities ----------------------------------------------------------------------------------

    def run_local_activity(self, instance: WorkflowInstance, local: LocalActivity) -> None:
        local.running = LocalExecution(self, instance, local)
        local.running.begin()

    def local_activity_done(self, instance: WorkflowInstance) -> None:
        """News for a run that may be waiting for it in this very task."""
        processing = self.tasks.get(instance.run_id)
        if processing is not None and processing.instance is instance and processing.waits_for_local:
            processing.waits_for_local = False
            self._go_on(processing, "local")

    def cancel_local_activity(self, local: LocalActivity) -> None:
        if local.running is not None:
            local.running.cancel()
            local.running = None

    def step_replayed(self, instance: WorkflowInstance, name: str) -> None:
        """The code comes to a step that the replay passes."""
        self.engine.replayed_step(self.process_name, name)
        self.world.emit(self.name, Kind.REPLAY_STEP, instance.options.run, name)

    # ---- activities ----------------------------------------------------------------------------------------

    def _execute(self, task: ActivityTask) -> None:
        """Begins an attempt; one that comes while the worker stops is cancelled as soon as it has begun (A13)."""
        execution = ActivityExecution(self, task)
        self.activities[execution] = None
        execution.begin()
        if self.draining and execution in self.activities:
            execution.shut_down()

    def activity_over(self, execution: ActivityExecution) -> None:
        """An attempt has ended without a report: nobody wants to know."""
        if self.activities.pop(execution, 0) is None:
            self.activity_slots.give_back()

    def report(self, method: str, execution: ActivityExecution, content: Outcome | Failure | None) -> None:
        """Reports an attempt's end; its slot is free once that has been answered (§10)."""
        if self.activities.pop(execution, 0) is not None:
            return
        task = execution.task
        args = (task,) if content is None else (task, content)
        delay_of = self._reports
        delay = delay_of(task.luck, task.scheduled_id * 1000 + task.attempt)
        slots, answered = self.activity_slots, None
        if slots.free > self.many:  # nobody waits for this one
            slots.free += 1
        else:
            answered = self._reported
        self.channel.call(method, args, answered, REPORTS, task.run, delay)

    def _reported(self, _answer: Any) -> None:
        self.activity_slots.give_back()

    # ---- the end -------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """SIGTERM with a grace period of 0: attempts are reported as failed, the sticky queue is given up (A13)."""
        if not self.alive:
            return
        self.draining = True
        for loop in self.polls:
            loop.stop()
        for execution in tuple(self.activities):
            execution.shut_down()
        if self.channel.connection is not None:
            self.channel.call("shut down worker", (("sticky", self.sticky_queue),), None, REPORTS)
        self._drained()

    def _drained(self) -> None:
        if self.draining and not self.tasks:
            wanted = self.wanted_again
            self.crash()
            if wanted:
                self.world.ahead(0, self.restart)

    def resume(self) -> None:
        """Goes on after a hang: the SDK's own timers are served before the code of attempts that it has given up."""
        if self.alive and self.hung is not None:
            now = self.world.now
            late = [each for each in (*self.activities, *self.local_attempts) if each.limit_at <= now]
            self.hung[:0] = [(each.timed_out, ()) for each in late]
        super().resume()

    def restart(self) -> None:
        """A process that stops first ends the workflow tasks that it has begun, local activities and all."""
        if self.draining:
            self.wanted_again = True
        else:
            super().restart()
