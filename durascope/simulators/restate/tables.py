"""The rows of the stores as plain data: what `sys_journal`, `sys_invocation` and `sys_journal_events` are made of.

One mapping for each invocation, in the order in which they were accepted; times are microseconds of the simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from durascope.simulators.restate.journal import Command, Entry, Notification, signal_label
from durascope.simulators.restate.observer import Observer
from durascope.simulators.restate.store import Invocation, Status

_DISPLAYED = {Status.INBOXED: "pending", Status.INVOKED: "running"}
"""What `sys_invocation.status` calls a stored state, where it has another word (restate.md §7)."""


def invocations(rows: Iterator[Invocation], observer: Observer, protocol: int) -> list[dict[str, Any]]:
    """The rows that are left at the end; `protocol`: the version of the service protocol."""
    return [_invocation(row, observer, protocol) for row in rows if row.status is not Status.FREE]


def _invocation(row: Invocation, observer: Observer, protocol: int) -> dict[str, Any]:
    target, attempts = row.target, observer.attempts.get(row.name, [])
    kind = "virtual_object" if target.service_kind == "object" else target.service_kind
    return {
        "name": row.name,
        "service": target.service,
        "service_type": kind,
        "key": target.key,
        "handler": target.handler,
        "source": row.source,
        "status": _DISPLAYED.get(row.status, row.status.value),
        "ended": row.ended,
        "failure": None if row.failure is None else f"[{row.failure.code}] {row.failure.message}",
        "created_at": row.accepted_at,
        "modified_at": row.modified_at,
        "scheduled_start_at": row.due,
        "running_at": attempts[0].at if attempts else None,
        "completed_at": row.completed_at,
        "deployment": row.pinned,
        "protocol": protocol,
        "waiting": [] if row.waiting is None else list(row.waiting.flat()),
        "entries": list(_entries(row)),
        "events": [each._asdict() for each in row.events or ()],
    }


def _entries(row: Invocation) -> Iterator[dict[str, Any]]:
    children = iter(row.children or ())
    for entry in row.journal.entries:
        yield _entry(entry, children)


def _entry(entry: Entry, children: Iterator[Invocation]) -> dict[str, Any]:
    failure = None if entry.failure is None else entry.failure._asdict()
    shared: dict[str, Any] = {"type": entry.type, "failure": failure, "size": entry.size}
    if isinstance(entry, Notification):
        signal = entry.type == "Signal"
        number = signal_label(entry.id) if signal and isinstance(entry.id, str) else entry.id
        return shared | {"command": False, "id": -number if signal and isinstance(number, int) else number}
    return shared | {"command": True, "name": entry.name, "ids": list(entry.ids), **_details(entry, children)}


def _details(command: Command, children: Iterator[Invocation]) -> dict[str, Any]:
    match command.type:
        case "Sleep":
            return {"wake_up_at": command.detail}
        case "Call" | "OneWayCall":
            child = next(children, None)
            target = {} if child is None else {
                "child": child.name, "service": child.target.service, "key": child.target.key,
                "workflow": child.target.workflow,
            }  # fmt: skip
            return {"invoke_at": command.detail.invoke_at, **target}
        case "SendSignal":
            found, signal = command.detail
            return {"target": None if found is None else found.name, "signal": -signal if signal == -1 else signal}
        case _:
            return {}
