"""Rows of the server's SQL tables as the lines, events and status of the conformance cases.

`sys_journal.entry_json` holds an entry with its ids: `{"Command": {"Run": {"completion_id": 3, …}}}`,
`{"Notification": {"Completion": {"Run": {…}}}}` or `{"Notification": {"Signal": {…}}}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

Row = Mapping[str, Any]
Entry = Mapping[str, Any]

CANCEL_SIGNAL: Final = 1
LOST: Final = "RT0010"
"""The server's code for a connection that was lost, or refused."""
FAILED: Final = "RT0007"
"""Its code for an attempt that the service has ended with an error."""


def tells_of(row: Row, code: str) -> bool:
    """Whether a row of `sys_journal_events` is an error with that code."""
    return code in str(row.get("event_json"))


def line(row: Row, label: Callable[[str], str] = str) -> str:
    """The line of a row of `sys_journal`; `label` gives the scenario's name of a handler."""
    entry = json.loads(row["entry_json"])
    if "Command" in entry:
        kind, fields = _only(entry["Command"])
        return " ".join([kind, *_named(kind, fields, row, label), *_ids(fields)]) + _failed(fields)
    kind, fields = _only(entry["Notification"])
    if kind == "Signal":
        return f"> Signal {_signal(fields['id'])}"
    kind, fields = _only(fields)
    return f"> {kind} #{fields['completion_id']}{_failed(fields)}"


def lines(rows: Sequence[Row], label: Callable[[str], str] = str) -> list[str]:
    """The lines of an invocation's rows, whatever their order."""
    return [line(row, label) for row in sorted(rows, key=lambda row: int(row["index"]))]


def called(rows: Sequence[Row]) -> Iterator[str]:
    """The ids of the invocations that an invocation has called and sent to, in order."""
    for row in sorted(rows, key=lambda row: int(row["index"])):
        if row["entry_type"] in ("Command: Call", "Command: OneWayCall"):
            fields = _only(json.loads(row["entry_json"])["Command"])[1]
            yield str(fields["request"]["invocation_id"])


def ended(rows: Sequence[Row]) -> Iterator[str]:
    """The names of the steps whose results an invocation has, in the order in which they came."""
    begun: dict[object, str] = {}
    for row in sorted(rows, key=lambda row: int(row["index"])):
        entry = json.loads(row["entry_json"])
        if row["entry_type"] == "Command: Run":
            begun[_only(entry["Command"])[1]["completion_id"]] = str(row["name"])
        elif row["entry_type"] == "Notification: Run":
            yield begun[_only(_only(entry["Notification"])[1])[1]["completion_id"]]


def event(row: Row) -> str:
    """The line of a row of `sys_journal_events`."""
    kind = str(row["event_type"])
    fields = json.loads(row.get("event_json") or "{}")
    code = fields.get("restate_doc_error_code")
    shown = [kind, str(code)] if code and kind == "TransientError" else [kind]
    return f"{' '.join(shown)} after {row['after_journal_entry_index']}"


def status(row: Row | None) -> str:
    """How an invocation ended, in the words of the cases, from its row of `sys_invocation`; None: no row is left."""
    if row is None:
        return "removed"
    if row["status"] == "paused":
        return "paused"
    if row["status"] != "completed":
        return "running"
    if row.get("completion_result") != "failure":
        return "completed"
    failure = str(row.get("completion_failure")).lower()  # the TypeScript SDK says "Cancelled"
    return {"[409] killed": "killed", "[409] cancelled": "cancelled"}.get(failure, "failed")


def _only(mapping: Mapping[str, Any]) -> tuple[str, Any]:
    return next(iter(mapping.items()))


def _named(kind: str, fields: Entry, row: Row, label: Callable[[str], str]) -> Iterator[str]:
    """What the command is about: its own name, a handler, a promise, a state's name, a signal."""
    if kind in ("Call", "OneWayCall"):
        yield label(_only(fields["request"]["invocation_target"])[1]["handler"])
    elif kind == "SendSignal":
        yield _signal(fields["signal_id"])
    elif row.get("name"):
        yield str(row["name"])
    elif fields.get("key"):
        yield str(fields["key"])


def _ids(fields: Entry) -> Iterator[str]:
    for name in ("invocation_id_completion_id", "completion_id", "result_completion_id"):
        if fields.get(name) is not None:
            yield f"#{fields[name]}"


def _failed(fields: Entry) -> str:
    result = fields.get("result")
    if isinstance(result, dict) and "Failure" in result:
        return f" failed {result['Failure']['code']}"
    return ""


def _signal(number: Mapping[str, Any]) -> str:
    """A named signal's name, or its index; 1 is the cancellation."""
    kind, value = _only(number)
    if kind in ("Name", "SignalName"):
        return str(value)
    return "1 (cancel)" if value == CANCEL_SIGNAL else str(value)
