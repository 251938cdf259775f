"""Where state lives: Redis (queue and run state) and the history database (inngest.md §2).

Each is a component. `inngest dev` has both inside its own process: they die with it, and with them all they held.
`inngest start` keeps the history in a file; with `--redis-uri`, and on the cloud, Redis is a server of its own too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from durascope.models.scenario import Sdk
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.flow import Gcra
from durascope.simulators.inngest.pauses import PauseStore
from durascope.simulators.inngest.protocol import Op
from durascope.simulators.inngest.queue import Queue
from durascope.simulators.inngest.state import RunState, StateStore
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.states import after
from durascope.simulators.kernel.world import World


class Status(StrEnum):
    """Of a run, as the server shows it (§9).

    running ───▶ completed · failed · cancelled
    """

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDS: Final = {
    (Status.RUNNING, "completion"): Status.COMPLETED,
    (Status.RUNNING, "failure"): Status.FAILED,
    (Status.RUNNING, "cancellation"): Status.CANCELLED,
}
"""The transitions of a run: it ends once. A rerun is another run."""


@dataclass(slots=True, eq=False)
class DebounceEntry:
    """The last event of a debounce, and until when another one joins it."""

    job: str
    event: Event
    joins_until: int
    latest: int | None
    """When it fires at the latest."""


@dataclass(slots=True, eq=False)
class BatchEntry:
    """Events that are to start one run."""

    events: list[Event] = field(default_factory=list[Event])


class FlowState:
    """What flow control remembers."""

    def __init__(self) -> None:
        self.flush()

    def flush(self) -> None:
        """Redis has lost its memory."""
        self.rate_limits: dict[tuple[str, str | None], Gcra] = {}
        self.singletons: dict[tuple[str, str | None], str] = {}
        """The run that holds each lock."""
        self.debounces: dict[tuple[str, str | None], DebounceEntry] = {}
        self.batches: dict[str, BatchEntry] = {}
        """By job: all that have not started."""
        self.filling: dict[tuple[str, str | None], str] = {}
        """The job of the batch that takes events, by function and key."""
        self._numbers = 0

    def next_number(self) -> int:
        """The number of the next batch or debounce."""
        self._numbers += 1
        return self._numbers

    def release_singleton(self, lock: tuple[str, str | None], run: str) -> None:
        """Gives a lock back, if it is that run that holds it."""
        if self.singletons.get(lock) == run:
            del self.singletons[lock]


class Redis(Component):
    """The server of its own, or the part of the process, that holds queue, run state, pauses and flow control's state.

    Who uses one of them is handed that one.
    """

    def __init__(self, world: World, sdk: Sdk, phase: int) -> None:
        self.state = StateStore()
        self.queue = Queue(sdk, phase)
        self.pauses = PauseStore()
        self.flow = FlowState()
        super().__init__(world, "redis")

    def reset(self) -> None:
        self.state.flush()
        self.queue.flush()
        self.pauses.flush()
        self.flow.flush()


class Spans:
    """What is told of one run's steps, in the order in which the server came to know of them."""

    __slots__ = ("state", "steps")

    def __init__(self, state: RunState) -> None:
        self.state = state
        """What the run has, or had at its end."""
        self.steps: dict[str, Op] = {}
        """The last that was told of each."""


class History(Component):
    """The run list, as the server shows it, what it tells of each run's steps, and which apps are synced."""

    def __init__(self, world: World, name: str, *, keeps_spans: bool) -> None:
        """`keeps_spans`: somebody will ask for the steps of runs that are over."""
        self._keeps_spans = keeps_spans
        super().__init__(world, name)
        self.synced = True

    def reset(self) -> None:
        self.status: dict[str, Status] = {}
        self.spans: dict[str, Spans] = {}
        self.synced = False

    def began(self, state: RunState) -> None:
        self.status[state.info.name] = Status.RUNNING
        if self._keeps_spans:
            self.spans[state.info.name] = Spans(state)

    def saw(self, state: RunState, op: Op) -> None:
        """An answer or a checkpoint tells of a step."""
        spans = self.spans.get(state.info.name)
        if spans is not None:
            spans.steps[op.id] = op

    def ended(self, run: str, event: str) -> Status:
        """The run is shown with the status that the event leads to; of very many only those are kept that go on.

        One that the history has forgotten was running: its state was still there.

        Raises:
            UnexpectedEvent: The run has ended before.
        """
        status = after(ENDS, run, self.status.get(run, Status.RUNNING), event)
        if self.world.many:
            self.status.pop(run, None)
        else:
            self.status[run] = status
        return status
