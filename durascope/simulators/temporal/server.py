"""The Temporal Server: frontend, history and matching in one process (the dev server), over durable stores.

A state transition is one write: whatever a handler changes is durable when `commit` is called, and only then does
anything of it pass as a moment or leave as a message. A crash drops the parts' volatile state; `started` begins from
the stores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from durascope.models.scenario import TemporalDeployment
from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.activities import Activities
from durascope.simulators.temporal.command_handler import CommandHandler
from durascope.simulators.temporal.constants import Delays, limit
from durascope.simulators.temporal.executions import Executions
from durascope.simulators.temporal.externals import Externals
from durascope.simulators.temporal.frontend import Frontend
from durascope.simulators.temporal.history import LARGE, LONG
from durascope.simulators.temporal.lines import line
from durascope.simulators.temporal.matching import Matching, MatchingStore, Poll, QueuedTask, QueueId
from durascope.simulators.temporal.mutable_state import MutableState, StartOptions
from durascope.simulators.temporal.queries import Queries
from durascope.simulators.temporal.resetting import Resets
from durascope.simulators.temporal.timer_queue import TimerQueue, TimerStore, TimerTask
from durascope.simulators.temporal.transfer_queue import TransferQueue
from durascope.simulators.temporal.updates import Updates
from durascope.simulators.temporal.user_timers import UserTimers
from durascope.simulators.temporal.workflow_tasks import TaskForWorker, WorkflowTasks

if TYPE_CHECKING:
    from durascope.simulators.temporal.channel import Call, Channel

HISTORY: Final = "history"
DEFAULT_QUEUE: Final = "default"


@dataclass(slots=True)
class ServerStore:
    """Everything the server keeps in its database."""

    runs: dict[int, MutableState] = field(default_factory=dict[int, MutableState])
    """Open runs, and closed ones as long as they are of interest."""
    current: dict[str, int] = field(default_factory=dict[str, int])
    """The latest run of each workflow id."""
    started: dict[str, str] = field(default_factory=dict[str, str])
    """The request that started the latest run of a workflow id: the same one again starts nothing."""
    last_updates: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """How the updates of a workflow id's closed runs ended: they are not done again."""
    last_run_id: int = 0
    timers: TimerStore = field(default_factory=TimerStore)
    matching: MatchingStore = field(default_factory=MatchingStore)
    transfers: dict[int, tuple[str, tuple[Any, ...]]] = field(default_factory=dict[int, tuple[str, tuple[Any, ...]]])
    """Transfer tasks that concern other runs."""
    last_transfer: int = 0


class Link:
    """One worker's (or the client's) connection, as the server sees it."""

    __slots__ = (
        "_caller", "_delay", "_hear", "channel", "connection", "network", "open", "queues", "server", "worker",
    )  # fmt: skip

    def __init__(self, server: Server, channel: Channel, connection: Connection) -> None:
        self.server = server
        self.network = server.network
        self._delay = server.delays.call
        self.connection = connection
        self.worker = connection.client.name
        self.channel = channel
        self._caller = channel.owner
        self._hear = channel.hear
        self.queues: dict[QueueId, None] = {}
        self.open = True

    def reply(self, call: Call, answer: Any) -> None:
        """Answers a call; a caller that is gone will not hear it."""
        if not self.open:
            return
        if call.on_reply is None:  # nothing at either end depends on when it arrives: it needs no message
            hear = self._hear
            hear(call, answer)
            return
        server = self.server
        if server.answers_late:
            late = server.delays("answer", server.luck, call.number)
            server.after(late, self._answer, call, answer)
            return
        self._answer(call, answer)

    def _answer(self, call: Call, answer: Any) -> None:
        if not self.open:
            return
        self.network.post(self.server, self._caller, self._delay, self._hear, (call, answer), call.method, call.run)

    def push(self, task: TaskForWorker) -> None:
        """Hands a worker a task that it has not polled for (A12b)."""
        channel = self.channel
        self.network.send(
            self.server, channel.owner, self.server.delays.call, channel.pushed, task,
            what="start workflow: answer", run=task.run,
        )  # fmt: skip


class Server(Component):
    """The server's process."""

    transactional = True

    __slots__ = (
        "_api", "_buffered", "_due", "_limits", "activities", "answers_late", "channels", "closing", "commands",
        "delays", "executions", "externals", "keep", "links", "luck", "matching", "network", "options", "outbox",
        "queries", "queue_of", "resets", "store", "timers", "transfer", "updates", "user_timers", "workflow_tasks",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        network: Network,
        store: ServerStore,
        options: TemporalDeployment,
        *,
        keep: Callable[[MutableState], Any],
        queue_of: Callable[[str], str],
    ) -> None:
        self.world = world
        self.network = network
        self.store = store
        self.options = options
        self.keep = keep
        """Told of every run that has closed."""
        self.queue_of = queue_of
        """The task queue that a workflow's starter names."""
        self.delays = Delays(options.latencies, world.luck)
        self.luck = int(world.luck("server") * (1 << 53))
        """What the delays of its own hang on, those of no run."""
        self.answers_late = self.delays.fixed("answer") != 0
        """An answer takes its time to leave, and is lost where the server dies meanwhile."""
        self.channels: list[Channel] = []
        self._limits = limit("events"), limit("bytes")
        self._buffered = limit("buffered").error
        self.timers = TimerQueue(self, world, store.timers)
        rates = {worker.queue or DEFAULT_QUEUE: worker.queue_rate for worker in options.workers if worker.queue_rate}
        self.matching = Matching(self, world, store.matching, options.server.partitions, rates)
        self.transfer = TransferQueue(self)
        self.activities = Activities(self)
        self.commands = CommandHandler(self)
        self.workflow_tasks = WorkflowTasks(self)
        self.user_timers = UserTimers(self)
        self.externals = Externals(self)
        self.updates = Updates(self)
        self.queries = Queries(self)
        self.executions = Executions(self)
        self.resets = Resets(self)
        self._api = Frontend(self).methods
        self._due: dict[str, Callable[[MutableState, Any], Any]] = {
            "workflow_task_not_started": self.workflow_tasks.not_started,
            "workflow_task_not_closed": self.workflow_tasks.not_closed,
            "activity_timeout": self.activities.timeout_due,
            "activity_retry": self.activities.retry_due,
            "user_timer": self.user_timers.due,
            "run_timeout": self.executions.run_timeout,
            "first_workflow_task": self.executions.first_workflow_task,
        }
        super().__init__(world, "temporal-server")

    def reset(self) -> None:
        self.links: dict[Connection, Link] = {}
        self.outbox: list[tuple[Link, Call, Any]] = []
        """Answers that leave once the transition is written."""
        self.closing: list[tuple[MutableState, StartOptions | None]] = []
        """Runs that the transition has closed, with those that follow them."""
        self.timers.reset()
        self.matching.reset()
        self.updates.reset()
        self.queries.reset()

    def started(self) -> None:
        """Recovers: what was in memory only is gone, what waits in the queues goes on."""
        self.timers.recover()
        self.transfer.recover()
        for state in self.store.runs.values():
            if state.open:
                self.executions.recover(state)
        for channel in self.channels:
            channel.hope()

    def resume(self) -> None:
        """Goes on after a hang: calls that wait and timers that are due are all awake at once."""
        if self.hung:
            late = [self.delays("waking", self.luck, number) for number in range(len(self.hung))]
            self.hung = [self.hung[number] for number in sorted(range(len(late)), key=late.__getitem__)]
        Component.resume(self)

    # ---- connections ---------------------------------------------------------------------------------------

    def accept(self, channel: Channel, connection: Connection) -> None:
        link = self.links[connection] = Link(self, channel, connection)
        connection.on_lost[self] = lambda: self._lost(link)

    def _lost(self, link: Link) -> None:
        link.open = False
        self.links.pop(link.connection, None)
        self.matching.lost(link)

    def receive(self, connection: Connection, incarnation: int, channel: Channel, call: Call) -> None:
        """A call has arrived; one that was sent to an earlier process is lost with it."""
        if incarnation != self.incarnation:
            return
        link = self.links.get(connection)
        if link is None:  # the caller has died since: what it said still counts, an answer has no reader
            link = Link(self, channel, connection)
            link.open = False
        self._api[call.method](link, call)

    # ---- tasks that have become due, or found a worker -----------------------------------------------------

    def timer_due(self, task: TimerTask) -> None:
        state: MutableState = task.state
        if state.open:
            self._due[task.handler](state, task.subject)

    def start_task(self, task: QueuedTask, poll: Poll, queue_kind: str) -> bool:
        """A poll and a task have met; False if the task is none any more."""
        kind, state, subject, _ = task
        link, call, _ = poll
        started: object = None
        if kind == "workflow":
            started = self.workflow_tasks.start(state, subject, link, queue_kind)
        elif kind == "activity":
            started = self.activities.start(state, subject, link.worker)
        else:
            started = self.queries.start(state, subject, queue_kind)
        if started is None:
            return False
        link.reply(call, started)
        return True

    # ---- transitions ---------------------------------------------------------------------------------------

    def commit(self, state: MutableState) -> None:
        """The transition's write: from here on it has happened."""
        world, history = self.world, state.history
        if history.buffer and len(history.buffer) > self._buffered:
            self.workflow_tasks.buffer_is_full(state)
        events = len(history.events)
        if world.full:
            for event in history.uncommitted():
                world.emit(HISTORY, Kind.RECORDED, state.run, detail=line(event))
        else:
            world.recorder.count += events - history.committed
            history.committed = events
        if not self.closing:
            world.cut()
        if self.outbox:
            outbox, self.outbox = self.outbox, []
            for link, call, answer in outbox:
                link.reply(call, answer)
        if self.closing:
            closing, self.closing = self.closing, []
            for closed, successor in closing:
                self.executions.after_close(closed, successor)
        elif events > LONG or history.payload_bytes > LARGE:
            self._check_limits(state)

    def _check_limits(self, state: MutableState) -> None:
        """Warns above the server's thresholds, terminates above its limits (§13)."""
        (events, size) = len(state.history.events), state.history.size
        by_events, by_size = self._limits
        if events > by_events.warn or size > by_size.warn:
            state.warned = True
        if state.open and (events > by_events.error or size > by_size.error):
            self.executions.terminate(state, "history exceeds its limit")
