"""Queue items: one piece of work for the executor (inngest.md §3, §4)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from durascope.simulators.inngest.functions import Function
from durascope.simulators.kernel.runs import RunInfo

START: Final = "start"
EDGE: Final = "edge"
EDGE_ERROR: Final = "edge-error"
SLEEP: Final = "sleep"
PAUSE: Final = "pause"
CANCEL: Final = "cancel"
DEBOUNCE: Final = "debounce"
BATCH: Final = "batch"

BY_AGE: Final = frozenset((START, EDGE, EDGE_ERROR, SLEEP, PAUSE))
"""What stands in line by the age of its run, if it is due within 2 s when it is enqueued; all else, by its own time."""
_CALLS: Final = frozenset((START, EDGE, EDGE_ERROR, SLEEP))


class State(StrEnum):
    """Of an item; the queue's to change.

    new ──▶ queued ──▶ leased ──▶ gone, from leased back to queued when it is requeued, and from each to gone if its run
    is over.
    """

    NEW = "new"
    """Not in the queue, or on its way there."""
    QUEUED = "queued"
    LEASED = "leased"
    GONE = "gone"


NEXT: Final = {
    (State.NEW, "queue"): State.QUEUED,
    (State.QUEUED, "queue"): State.QUEUED,
    (State.LEASED, "queue"): State.QUEUED,
    (State.QUEUED, "lease"): State.LEASED,
    (State.NEW, "drop"): State.GONE,
    (State.QUEUED, "drop"): State.GONE,
    (State.LEASED, "drop"): State.GONE,
}
"""The transitions of an item: what each state becomes with an event."""


class Item:
    """One queue item."""

    __slots__ = (
        "acquired_at", "attempt", "calls", "coalesce", "concurrency_key", "due", "found_at", "function", "generation",
        "job", "kind", "lease_until", "leased_at", "luck", "max_attempts", "outgoing", "payload", "race", "run",
        "score", "sequence", "slot", "state", "step", "step_name", "throttle_key", "tie",
    )  # fmt: skip

    def __init__(self, kind: str, job: str, due: int, run: RunInfo | None, function: Function | None) -> None:
        self.kind = kind
        self.calls = kind in _CALLS
        """Whether it makes a request to the function host, and so takes a slot of the function's concurrency."""
        self.job = job
        """Its id; constant over its retries."""
        self.due = due
        self.found_at = 0
        """When it comes into the queue."""
        self.run = run
        self.function = function
        self.attempt = 0
        self.max_attempts = 1 if function is None else function.max_attempts
        self.generation = 0
        """How often it has been dispatched."""
        self.outgoing: str | None = None
        """The step whose completion caused it."""
        self.step: str | None = None
        """The planned step that it is targeted at."""
        self.step_name: str | None = None
        self.coalesce: str | None = None
        """What the members of a parallel group share: one discovery follows them."""
        self.race = False
        """`parallelMode: race`: a discovery follows each member."""
        self.payload: Any = None
        self.concurrency_key: str | None = None
        self.throttle_key: str | None = None
        self.score = 0
        """Milliseconds; the lowest goes first, and none before its time."""
        self.tie = 0.0
        self.luck = 0.0
        """Drawn when it is enqueued: decides how long the next dispatch takes."""
        self.sequence = 0
        self.state = State.NEW
        self.leased_at = 0
        self.lease_until = 0
        self.slot: Any = None
        self.acquired_at: int | None = None
        """When it got its capacity last."""
