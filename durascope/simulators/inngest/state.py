"""The state store: what Redis keeps of each run while it is not over (inngest.md §2).

`saveResponse.lua` is atomic: output, stack and pending set change together, and the first writer of a step wins.
"""

from __future__ import annotations

from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import Function
from durascope.simulators.inngest.protocol import Memo
from durascope.simulators.kernel.runs import RunInfo

REQUEST_VERSION_UNKNOWN = -1


class RunState:
    """One run's record: events, metadata, steps, stack, pending."""

    __slots__ = (
        "concurrency_key", "created_at", "created_ms", "event_size", "events", "force_step_plan", "function", "info",
        "pending", "priority", "request_version", "singleton", "size", "stack", "started_at", "steps", "tie",
    )  # fmt: skip

    def __init__(self, info: RunInfo, function: Function, events: tuple[Event, ...], now: int) -> None:
        self.info = info
        self.function = function
        self.events = events
        self.created_at = now
        self.created_ms = now // 1_000
        """The time in the run's id: older runs go first (§10)."""
        self.steps: dict[str, Memo] = {}
        self.stack: list[str] = []
        """Finished steps in order of completion."""
        self.pending: dict[str, None] = {}
        """The members of the parallel group that are not finished."""
        self.size = 0
        self.force_step_plan = False
        self.request_version = REQUEST_VERSION_UNKNOWN
        self.started_at: int | None = None
        """When its first request was made."""
        self.priority = 0
        self.tie = 0
        """Decides between runs of the same millisecond; among the items of one run luck does."""
        self.concurrency_key: str | None = None
        self.singleton: tuple[str, str | None] | None = None
        self.event_size = 0
        """Bytes of its events' JSON."""

    def save(self, step: str, memo: Memo) -> bool:
        """SaveStep stores a step's output; once only. False if the step had another one already, which is kept."""
        known = self.steps.get(step)
        if known is not None:
            return known == memo
        self.steps[step] = memo
        self.stack.append(step)
        self.size += memo.size
        if self.pending:
            self.pending.pop(step, None)
        return True


class StateStore:
    """All runs that are not over, by name."""

    def __init__(self) -> None:
        self.flush()

    def flush(self) -> None:
        """Redis has lost its memory."""
        self.runs: dict[str, RunState] = {}
        self._event_ids: dict[tuple[str, str], int] = {}

    def create(self, state: RunState) -> None:
        self.runs[state.info.name] = state

    def get(self, run: str) -> RunState | None:
        return self.runs.get(run)

    def delete(self, run: str) -> RunState | None:
        return self.runs.pop(run, None)

    def first_of(self, function: str, event_id: str, now: int, period: int) -> bool:
        """Whether that function has not been started by an event of that id within the period; it has from now on."""
        key = (function, event_id)
        seen = self._event_ids.get(key)
        if seen is not None and now < seen + period:
            return False
        self._event_ids[key] = now
        return True
