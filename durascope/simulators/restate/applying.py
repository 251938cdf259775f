"""Applying: which function does what a record says. A record's fields are that function's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from durascope.simulators.restate import entries, lifecycle, operators, records, termination
from durascope.simulators.restate.leader import Leader
from durascope.simulators.restate.log import Record
from durascope.simulators.restate.store import Partition


def _asked(leader: Leader, ingress: str, request: int, record: Record) -> None:
    leader.apply(record)
    leader.answer(ingress, request)


def _fired(leader: Leader, partition: Partition, number: int) -> None:
    """Applies what the timer is for, unless it has been dropped since."""
    timer = partition.timers.pop(number, None)
    if timer is not None:
        leader.apply(timer.record)


def _arrived(leader: Leader, sender: Partition, number: int) -> None:
    """Applies a message of another partition's outbox, unless its sequence number has been seen."""
    message = sender.outbox.pop(number, None)
    if message is not None:
        leader.apply(message.record)


HOW: Final[dict[type[Any], Callable[..., None]]] = {
    records.Asked: _asked,
    records.Accept: lifecycle.accept,
    records.Signalled: entries.signalled,
    records.Cancel: termination.cancel,
    records.Kill: termination.kill,
    records.PauseByHand: operators.pause,
    records.ResumeByHand: operators.resume,
    records.RestartAsNew: operators.restart,
    records.ResetAsNew: operators.reset,
    records.Pin: lifecycle.pin,
    records.StoreCommand: entries.store_command,
    records.StoreProposal: entries.store_proposal,
    records.Suspend: lifecycle.suspend,
    records.Pause: lifecycle.pause,
    records.TransientError: lifecycle.transient_error,
    records.End: lifecycle.end,
    records.Fired: _fired,
    records.Arrived: _arrived,
    records.Begin: lifecycle.begin,
    records.Due: lifecycle.due,
    records.Notified: lifecycle.notified,
}
"""By kind of record; each function takes the leader first."""
