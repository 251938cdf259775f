"""The records of a partition's log: what has been decided, as data.

A record's fields are the arguments of the function that applies it (`applying`); what an invocation's record finds it
in, another may have changed since it was appended, and then it does nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from durascope.simulators.restate.journal import Command, Failure, Notification, NotificationId
from durascope.simulators.restate.log import Record
from durascope.simulators.restate.protocol import Proposal
from durascope.simulators.restate.store import Invocation, Partition
from durascope.simulators.restate.waiting import Waiting

# ---- from the ingress --------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """A request from outside; who asked is answered once it has been applied."""

    ingress: str
    request: int
    record: Record


class Accept(NamedTuple):
    """A call or send."""

    invocation: Invocation
    idempotency_key: str | None
    ingress: str


class Signalled(NamedTuple):
    """A signal, or an awakeable's result."""

    invocation: Invocation
    signal: NotificationId
    value: Any = None


class Cancel(NamedTuple):
    invocation: Invocation


class Kill(NamedTuple):
    invocation: Invocation


class PauseByHand(NamedTuple):
    invocation: Invocation


class ResumeByHand(NamedTuple):
    invocation: Invocation
    deployment: int | None


class RestartAsNew(NamedTuple):
    """A finished one begins anew as another, with the journal's entries 0 to `last`."""

    invocation: Invocation
    new: Invocation
    last: int


class ResetAsNew(NamedTuple):
    """The same, with what comes before that step."""

    invocation: Invocation
    new: Invocation
    step: str


# ---- from the invoker --------------------------------------------------------------------------------------------


class Pin(NamedTuple):
    """The first attempt has met that deployment."""

    invocation: Invocation
    deployment: int


class StoreCommand(NamedTuple):
    invocation: Invocation
    command: Command


class StoreProposal(NamedTuple):
    """The result of a run's closure."""

    invocation: Invocation
    proposal: Proposal


class Suspend(NamedTuple):
    invocation: Invocation
    waiting: Waiting
    tell: bool
    """Whether the journal's events are to tell of it."""


class Pause(NamedTuple):
    invocation: Invocation
    failure: tuple[str, str] | None


class TransientError(NamedTuple):
    invocation: Invocation
    code: str
    message: str


class End(NamedTuple):
    """Its last attempt has ended; without a word on how: as its Output says."""

    invocation: Invocation
    ended: str | None = None
    failure: Failure | None = None


# ---- from timers and other partitions ----------------------------------------------------------------------------


class Fired(NamedTuple):
    """A timer is due."""

    partition: Partition
    number: int


class Arrived(NamedTuple):
    """A message from that partition's outbox."""

    sender: Partition
    number: int


class Begin(NamedTuple):
    """What another invocation has called or sent."""

    invocation: Invocation


class Due(NamedTuple):
    """The time of a delayed start has come."""

    invocation: Invocation


class Notified(NamedTuple):
    invocation: Invocation
    notification: Notification
