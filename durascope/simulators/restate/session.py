"""One invocation in the invoker: its state, its journal as it has been read, and the attempt that runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.states import after
from durascope.simulators.kernel.world import Callback
from durascope.simulators.restate.deployments import Deployment
from durascope.simulators.restate.journal import Entry
from durascope.simulators.restate.retries import PolicyCursor
from durascope.simulators.restate.store import Invocation


class State(StrEnum):
    """Of an invocation in the invoker.

    queued ─▶ admitted ─▶ in flight ─┬─▶ draining ─▶ backing off: once all that still comes is thrown away
                              ▲      └───────────────────▶ │
                              └────────(retried)────────────┘
    """

    QUEUED = "queued"
    ADMITTED = "admitted"
    IN_FLIGHT = "in flight"
    DRAINING = "draining"
    BACKING_OFF = "backing off"


NEXT: Final = {
    (State.QUEUED, "admission"): State.ADMITTED,
    (State.ADMITTED, "attempt"): State.IN_FLIGHT,
    (State.BACKING_OFF, "attempt"): State.IN_FLIGHT,
    (State.IN_FLIGHT, "drain"): State.DRAINING,
    (State.IN_FLIGHT, "failure"): State.BACKING_OFF,
    (State.DRAINING, "failure"): State.BACKING_OFF,
}
"""The transitions of a session: what each state becomes with an event."""


class Session:
    """One invocation in the invoker. Volatile."""

    __slots__ = (
        "connection", "cursor", "deployment", "drained_for", "entries", "input_closed", "invocation", "last_activity",
        "last_error", "pause_requested", "pin_proposed", "retry_count", "state", "stored_at", "timer",
    )  # fmt: skip

    def __init__(self, invocation: Invocation, cursor: PolicyCursor) -> None:
        self.invocation = invocation
        self.entries: list[Entry] | None = None
        """The journal as it has been read for the attempt that is about to begin."""
        self.cursor = cursor
        self.state = State.QUEUED
        self.retry_count = 0
        """Failed attempts since the last stored command: goes with `Start`."""
        self.last_error: tuple[str, str, str | None] | None = None
        self.pause_requested = False
        self.drained_for: tuple[str, str] = "", ""
        """The failure that is handled when the stream has been drained."""
        self.connection: Connection | None = None
        self.deployment: Deployment | None = None
        self.pin_proposed = False
        self.input_closed = False
        self.last_activity = 0
        self.timer: Callback | None = None
        self.stored_at = 0
        """When all that was proposed so far will have been stored."""

    def become(self, event: str) -> None:
        """Takes the transition that the event stands for. Raises `UnexpectedEvent` if the table has none."""
        self.state = after(NEXT, self.invocation.name, self.state, event)
