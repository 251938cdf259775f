"""The stores as Restate's SQL introspection shows them: `sys_journal`, `sys_invocation`, `sys_journal_events`.

Structured, for exports and for comparison with a real server; ids are the names of the cases, times are microseconds
since the start of the simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from durascope.simulators.restate.invocation import Invocation, Status
from durascope.simulators.restate.journal import Command, Entry, Notification, signal_label

if TYPE_CHECKING:
    from durascope.simulators.restate.engine import Restate

Row = dict[str, object]

_SHOWN = {Status.INBOXED: "pending", Status.INVOKED: "running"}


def sys_journal(invocation: Invocation) -> Iterator[Row]:
    """One row per entry: `Command: Run`, `Notification: Run`, … with its ids and its failure."""
    for index, entry in enumerate(invocation.journal.entries):
        yield {"id": invocation.name, "index": index, **_entry(entry), "version": 2}


def _entry(entry: Entry) -> Row:
    failure = None if entry.failure is None else {"code": entry.failure.code, "message": entry.failure.message}
    if isinstance(entry, Command):
        ids: Row = {"completion_ids": list(entry.ids)}
        row: Row = {"entry_type": f"Command: {entry.type}", "name": entry.name, **ids, "failure": failure}
        if isinstance(entry.detail, int) and entry.type == "Sleep":
            row["sleep_wakeup_at"] = entry.detail
        return row
    return {"entry_type": f"Notification: {entry.type}", "name": None, **_notified(entry), "failure": failure}


def _notified(entry: Notification) -> Row:
    if entry.type == "Signal":
        return {"signal": signal_label(entry.id)}
    return {"completion_ids": [entry.id]}


def sys_invocation(invocation: Invocation) -> Row:
    target = invocation.target
    key = "" if target.key is None else f"/{target.key}"
    failure = invocation.failure
    return {
        "id": invocation.name,
        "target": f"{target.service or target.workflow}{key}/{target.handler}",
        "target_service_name": target.service or target.workflow,
        "target_service_key": target.key,
        "target_handler_name": target.handler,
        "status": _SHOWN.get(invocation.status, invocation.status.value),
        "completion_result": _result(invocation),
        "completion_failure": None if failure is None else f"[{failure.code}] {failure.message}",
        "invoked_by": "ingress" if invocation.source == "ingress" else "service",
        "invoked_by_id": None if invocation.source == "ingress" else invocation.source,
        "pinned_deployment_id": None if invocation.pinned is None else invocation.pinned.number,
        "created_at": invocation.accepted_at,
        "modified_at": invocation.modified_at,
        "completed_at": invocation.completed_at,
        "journal_size": len(invocation.journal),
        "journal_commands_size": sum(isinstance(each, Command) for each in invocation.journal.entries),
    }


def _result(invocation: Invocation) -> str | None:
    if invocation.status is not Status.COMPLETED:
        return None
    return "success" if invocation.failure is None else "failure"


def sys_journal_events(invocation: Invocation) -> Iterator[Row]:
    for event in invocation.events or ():
        yield {
            "id": invocation.name,
            "after_journal_entry_index": event.after,
            "appended_at": event.at,
            "event_type": event.type,
            "restate_doc_error_code": event.code,
            "error_message": event.message,
        }


def every_row(engine: Restate) -> Iterator[Invocation]:
    """Every invocation that was accepted, each followed by what it called."""
    for row in engine.rows:
        yield from _with_children(row)


def _with_children(row: Invocation) -> Iterator[Invocation]:
    yield row
    for child in row.children or ():
        yield from _with_children(child)


def introspection(engine: Restate) -> dict[str, list[Row]]:
    """The three tables, over every invocation that left a trace in them."""
    rows = [row for row in every_row(engine) if row.ended not in ("attached", "refused", "removed")]
    rows = [row for row in rows if row.status is not Status.FREE]
    return {
        "sys_invocation": [sys_invocation(row) for row in rows],
        "sys_journal": [entry for row in rows for entry in sys_journal(row)],
        "sys_journal_events": [event for row in rows for event in sys_journal_events(row)],
    }
