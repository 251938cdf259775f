"""Rows of Restate's SQL tables out of files: `sys_invocation`, `sys_journal`, and `sys_journal_events` if it is there.

A file holds a list of rows (`restate sql --json`), `{"rows": […]}` (the admin API's `/query`), or a row a line. Which
table a row is of, its columns say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from durascope.importing.unreadable import UnreadableRecording

Row = Mapping[str, Any]

EXPORT: Final = (
    'export them with: restate sql --json "SELECT * FROM sys_invocation" > invocations.json, '
    "and the same of sys_journal and sys_journal_events"
)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One entry of a journal."""

    index: int
    at: int
    """Microseconds of the Unix epoch."""
    kind: str
    """`Run`, `Sleep`, …; of a notification what it is the answer to, or `Signal`."""
    command: bool
    fields: Mapping[str, Any]
    row: Row

    @property
    def id(self) -> int | None:
        """The completion that answers it, or that it is."""
        told = self.fields.get("result_completion_id", self.fields.get("completion_id"))
        return told if isinstance(told, int) else None

    @property
    def failure(self) -> tuple[int, str] | None:
        """Code and message, where it is one."""
        result = self.fields.get("result")
        if not isinstance(result, dict) or "Failure" not in result:
            return None
        told = cast("dict[str, Any]", result)["Failure"]
        return int(told.get("code", 500)), str(told.get("message", ""))


@dataclass(frozen=True, slots=True)
class Invocation:
    """An invocation with its journal."""

    row: Row
    entries: Sequence[Entry]
    events: Sequence[Row]
    """Its transient errors and pauses."""

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def service(self) -> str:
        return str(self.row.get("target_service_name") or "service")

    @property
    def handler(self) -> str:
        return str(self.row.get("target_handler_name") or "handler")

    @property
    def key(self) -> str | None:
        told = self.row.get("target_service_key")
        return None if told is None else str(told)

    @property
    def kind(self) -> str:
        """service · object · workflow"""
        told = str(self.row.get("target_service_ty") or "service").lower()
        return "object" if "object" in told else "workflow" if "workflow" in told else "service"

    @property
    def began(self) -> int:
        return moment(self.row.get("created_at")) or (self.entries[0].at if self.entries else 0)


def looks_like(document: object) -> bool:
    """Whether a JSON document may hold rows of these tables."""
    return any(map(_table, _rows(document)))


def invocations(documents: Sequence[object], file: str) -> list[Invocation]:
    """The invocations among the rows, in the order in which they were made. Raises `UnreadableRecording`."""
    rows: dict[str, list[Row]] = {"sys_invocation": [], "sys_journal": [], "sys_journal_events": []}
    for document in documents:
        for row in _rows(document):
            table = _table(row)
            if table:
                rows[table].append(row)
    if not rows["sys_invocation"]:
        raise UnreadableRecording(file, "there are no rows of sys_invocation", EXPORT)
    journals: dict[str, list[Entry]] = {}
    for number, row in enumerate(rows["sys_journal"], 1):
        journals.setdefault(str(row["id"]), []).append(_entry(row, number, file))
    events: dict[str, list[Row]] = {}
    for row in rows["sys_journal_events"]:
        events.setdefault(str(row["id"]), []).append(row)
    found: list[Invocation] = []
    for row in rows["sys_invocation"]:
        entries = sorted(journals.get(str(row["id"]), []), key=lambda entry: entry.index)
        for index, entry in enumerate(entries):
            if entry.index != index:
                raise UnreadableRecording(file, f"entry {index} of {row['id']} is missing from its journal", EXPORT)
        found.append(Invocation(row, entries, events.get(str(row["id"]), [])))
    return sorted(found, key=lambda each: each.began)


def moment(told: object) -> int | None:
    """A time of a row, in microseconds of the Unix epoch; None: there is none."""
    if isinstance(told, (int, float)) and not isinstance(told, bool):
        return int(told) * 1000
    if not isinstance(told, str):
        return None
    try:
        return round(datetime.fromisoformat(told.replace("Z", "+00:00").replace(" ", "T")).timestamp() * 1e6)
    except ValueError:
        return None


def _rows(document: object) -> Iterator[Row]:
    if isinstance(document, dict):
        inner = cast("dict[str, object]", document)
        if isinstance(inner.get("rows"), list):
            yield from _rows(inner["rows"])
        else:
            yield inner
    elif isinstance(document, list):
        for each in cast("list[object]", document):
            if isinstance(each, dict):
                yield cast("Row", each)


def _table(row: Row) -> str:
    """Which table a row is of; empty: of none that is read."""
    if "id" not in row:
        return ""
    if "entry_type" in row or "entry_json" in row:
        return "sys_journal"
    if "after_journal_entry_index" in row:
        return "sys_journal_events"
    return "sys_invocation" if "target_service_name" in row or "target" in row else ""


def _entry(row: Row, number: int, file: str) -> Entry:
    def wrong(what: str) -> UnreadableRecording:
        return UnreadableRecording(file, f"row {number} of sys_journal {what}", EXPORT)

    at, index, told = moment(row.get("appended_at")), row.get("index"), row.get("entry_json")
    if not isinstance(index, int):
        raise wrong("has no index")
    if not isinstance(told, str):
        raise wrong("has no entry_json: select all columns")
    if at is None:
        raise wrong("has no time in appended_at")
    try:
        entry = json.loads(told)
        command = "Command" in entry
        kind, fields = next(iter(entry["Command" if command else "Notification"].items()))
        if not command and kind == "Completion":
            kind, fields = next(iter(fields.items()))
        return Entry(index, at, str(kind), command, fields if isinstance(fields, dict) else {}, row)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        raise wrong("has an entry_json that is none") from None
