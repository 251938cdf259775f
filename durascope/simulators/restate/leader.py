"""What applying a record may ask of the partition's leader: to store, and to act.

The functions that apply records (`lifecycle`, `entries`, `operators`, `termination`) know this and the store, nothing
else: not who runs attempts, nor how a message gets to another partition.
"""

from __future__ import annotations

from typing import Protocol

from durascope.simulators.kernel.world import World
from durascope.simulators.restate.journal import Command, Entry, Notification
from durascope.simulators.restate.log import Record
from durascope.simulators.restate.retention import Retention
from durascope.simulators.restate.store import Invocation, Partition


class Leader(Protocol):
    """The leader's side of applying."""

    world: World
    name: str
    records: bool
    """Whether rows of ended invocations are kept for reports."""
    retention: Retention

    # ---- the store ---------------------------------------------------------------------------------------------

    def apply(self, record: Record) -> None:
        """Applies a record within the one that is being applied."""
        ...

    def write(self, invocation: Invocation, entry: Entry) -> int:
        """Stores an entry of the invocation's journal."""
        ...

    def set_timer(self, invocation: Invocation, due: int, label: str, record: Record) -> None:
        """Stores a timer; when it is due its record is appended."""
        ...

    def drop_timers(self, invocation: Invocation) -> None:
        """The timers of one that has ended would change nothing when they are due."""
        ...

    def send(self, partition: Partition, to: Partition, record: Record) -> None:
        """Puts a message to another invocation into the outbox."""
        ...

    def child(self, caller: Invocation, command: Command) -> Invocation:
        """The row of what a call or send asks for."""
        ...

    # ---- acting ------------------------------------------------------------------------------------------------

    def received(self, invocation: Invocation, what: str) -> None:
        """Notes in the trace that something of an attempt has come to be applied."""
        ...

    def invoke(self, invocation: Invocation, *, resumed: bool = False) -> None:
        """Has an attempt made."""
        ...

    def forward(self, invocation: Invocation, notification: Notification) -> None:
        """Hands a new notification to the attempt in flight."""
        ...

    def abort(self, invocation: Invocation) -> None:
        """Has the attempt in flight broken off."""
        ...

    def stop_attempt(self, invocation: Invocation) -> None:
        """Has the attempt ended so that the invocation can pause."""
        ...

    def retry_now(self, invocation: Invocation) -> None:
        """Has the next attempt of one that backs off made at once."""
        ...

    def answer(self, ingress: str, request: int) -> None:
        """Lets an ingress answer a request."""
        ...
