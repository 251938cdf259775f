"""The shard: what the parts of the history service share. Its store, its timers, and the write that ends a transition.

A state transition is one write: whatever a part changes is durable when `commit` is called, and only then does
anything of it pass as a moment or leave as a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import NumberedDelays
from durascope.simulators.temporal.calls import Call
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.constants import limit
from durascope.simulators.temporal.history import LARGE, LONG
from durascope.simulators.temporal.lines import line
from durascope.simulators.temporal.mutable_state import MutableState, StartOptions
from durascope.simulators.temporal.timer_queue import TimerQueue, TimerStore

HISTORY: Final = "history"


@dataclass(slots=True)
class HistoryStore:
    """Everything the history service keeps in its database."""

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
    transfers: dict[int, tuple[str, tuple[Any, ...]]] = field(default_factory=dict[int, tuple[str, tuple[Any, ...]]])
    """Transfer tasks that concern other runs."""
    last_transfer: int = 0

    def open_run(self, workflow_id: str) -> MutableState | None:
        """The open run of that workflow id, if there is one."""
        run_id = self.current.get(workflow_id)
        state = None if run_id is None else self.runs.get(run_id)
        return state if state is not None and state.open else None

    def latest_run(self, workflow_id: str) -> MutableState | None:
        """The latest run of that workflow id, open or closed, if it is still kept."""
        return self.runs.get(self.current.get(workflow_id, 0))


def _nothing(*_: object) -> None:
    """What a shard does where no part has said otherwise."""


class Shard:
    """One shard in the server's process; the three `on_…` are what a write may lead to, set by the parts concerned."""

    __slots__ = (
        "_buffered", "_closing", "_limits", "_outbox", "after", "cancel", "delays", "on_closed", "on_full_buffer",
        "on_limit", "store", "timers", "world",
    )  # fmt: skip

    def __init__(self, server: Component, store: HistoryStore, delays: NumberedDelays, luck: int = 0) -> None:
        self.world = server.world
        self.store = store
        self.delays = delays
        self.timers = TimerQueue(server, store.timers, delays, luck)
        self.after = server.after
        """Calls a function after a while, unless the process has died by then."""
        self.cancel = server.cancel
        self.on_full_buffer: Callable[[MutableState], object] = _nothing
        """More events are buffered than may be."""
        self.on_limit: Callable[[MutableState, str], object] = _nothing
        """The history of an open run exceeds a limit; the reason to give."""
        self.on_closed: Callable[[MutableState, StartOptions | None], object] = _nothing
        """The end of a run is written; with what the run that follows it starts."""
        self._limits = limit("events"), limit("bytes")
        self._buffered = limit("buffered").error
        self.reset()

    def reset(self) -> None:
        self._outbox: list[tuple[Link, Call, Any]] = []
        """Answers that leave once the transition is written."""
        self._closing: list[tuple[MutableState, StartOptions | None]] = []
        """Runs that the transition has closed, with what those that follow them start with."""
        self.timers.reset()

    def answer(self, link: Link, call: Call, answer: Any) -> None:
        """Answers a call as soon as the transition that is under way is written."""
        self._outbox.append((link, call, answer))

    def close(self, state: MutableState, successor: StartOptions | None) -> None:
        """The transition that is under way has closed the run."""
        self._closing.append((state, successor))

    def commit(self, state: MutableState) -> None:
        """The transition's write: from here on it has happened."""
        world, history = self.world, state.history
        if history.buffer and len(history.buffer) > self._buffered:
            self.on_full_buffer(state)
        if self.timers.to_read:
            self.timers.read()
        events = len(history.events)
        if world.full:
            for event in history.uncommitted():
                world.emit(HISTORY, Kind.RECORDED, state.run, detail=line(event))
        else:
            world.recorder.count += events - history.committed
            history.committed = events
        if not self._closing:
            world.cut()
        if self._outbox:
            outbox, self._outbox = self._outbox, []
            for link, call, answer in outbox:
                link.reply(call, answer)
        if self._closing:
            closing, self._closing = self._closing, []
            for closed, successor in closing:
                self.on_closed(closed, successor)
        elif events > LONG or history.payload_bytes > LARGE:
            self._check_limits(state)

    def _check_limits(self, state: MutableState) -> None:
        """Warns above the server's thresholds, terminates above its limits (§13)."""
        (events, size) = len(state.history.events), state.history.size
        by_events, by_size = self._limits
        if events > by_events.warn or size > by_size.warn:
            state.warned = True
        if state.open and (events > by_events.error or size > by_size.error):
            self.on_limit(state, "history exceeds its limit")
