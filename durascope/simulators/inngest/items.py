"""Queue items: one piece of work for the executor (inngest.md §3, §4)."""

from __future__ import annotations

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
CRON: Final = "cron"

_CALLS: Final = frozenset((START, EDGE, EDGE_ERROR, SLEEP))


class Item:
    """One queue item; its state is the queue's to change.

    new ──▶ waiting ──▶ ready ──▶ leased ──▶ gone, and from leased back to waiting when it is requeued.
    """

    calls: bool
    """Whether it makes a request to the function host, and so takes a slot of the function's concurrency."""
    attempt: int = 0
    generation: int = 0
    """How often it has been dispatched."""
    outgoing: str | None = None
    """The step whose completion caused it."""
    step: str | None = None
    """The planned step that it is targeted at."""
    step_name: str | None = None
    coalesce: str | None = None
    """What the members of a parallel group share: one discovery follows them."""
    race: bool = False
    """`parallelMode: race`: a discovery follows each member."""
    payload: Any = None
    concurrency_key: str | None = None
    throttle_key: str | None = None
    score: int = 0
    """Milliseconds; the lowest goes first."""
    tie: float = 0.0
    luck: float = 0.0
    """Drawn when it is enqueued: decides how long the next dispatch takes."""
    sequence: int = 0
    state: str = "new"
    leased_at: int = 0
    lease_until: int = 0
    slot: Any = None

    def __init__(self, kind: str, job: str, due: int, *, run: RunInfo | None, function: Function | None) -> None:
        self.kind = kind
        self.calls = kind in _CALLS
        self.job = job
        """Its id; constant over its retries."""
        self.due = due
        self.found_at = due
        """Scans before this do not find it."""
        self.run = run
        self.function = function
        self.max_attempts = 1 if function is None else function.max_attempts
