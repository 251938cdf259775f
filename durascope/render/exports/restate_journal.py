"""Rows as Restate's SQL interface gives them: `sys_journal`, `sys_invocation` and `sys_journal_events`.

Columns and their order are those of restate-server 1.7.12. What no model can know is null (`raw`, the trace id, the
versions), payloads are empty; ids are made of the runs' names, and the simulation begins at the epoch.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final, cast

from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace

Row = dict[str, Any]

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "sys_journal": (
        "partition_key", "id", "index", "entry_type", "name", "completed", "invoked_id", "invoked_target",
        "sleep_wakeup_at", "promise_name", "raw", "raw_length", "version", "entry_json", "entry_lite_json",
        "appended_at",
    ),
    "sys_invocation": (
        "id", "vqueue_id", "target", "target_service_name", "target_service_key", "target_handler_name",
        "target_service_ty", "scope", "limit_key", "idempotency_key", "invoked_by", "invoked_by_service_name",
        "invoked_by_id", "invoked_by_subscription_id", "invoked_by_target", "restarted_from", "pinned_deployment_id",
        "pinned_service_protocol_version", "trace_id", "journal_size", "journal_commands_size", "created_at",
        "created_using_restate_version", "modified_at", "inboxed_at", "scheduled_at", "scheduled_start_at",
        "running_at", "completed_at", "completion_retention", "journal_retention",
        "suspended_waiting_for_completions", "suspended_waiting_for_signals", "suspended_waiting_future_json",
        "retry_count", "last_start_at", "next_retry_at", "last_attempt_deployment_id", "last_attempt_server",
        "last_failure", "last_failure_error_code", "last_failure_related_entry_index",
        "last_failure_related_entry_name", "last_failure_related_entry_type", "last_failure_related_command_index",
        "last_failure_related_command_name", "last_failure_related_command_type", "last_awaiting_on_future_json",
        "status", "completion_result", "completion_failure",
    ),
    "sys_journal_events": (
        "partition_key", "id", "after_journal_entry_index", "appended_at", "event_type", "event_json",
    ),
}  # fmt: skip
"""The tables' columns, in the order of `information_schema.columns`."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
RETENTION: Final = "PT86400S"
VOID: Final = ("Sleep", "CompletePromise")
"""Notifications that carry no value."""


def write(trace: Trace, _scenario: Scenario) -> bytes:
    """All rows of the three tables, one JSON object a line: of each invocation its row, its journal, its events."""
    found = tables(trace)
    return "".join(_lines(row for name in COLUMNS for row in found[name])).encode("utf-8")


def files(trace: Trace, _scenario: Scenario) -> dict[str, bytes]:
    """Each table as JSON Lines and as CSV, by the suffix of its file."""
    written: dict[str, bytes] = {}
    for name, rows in tables(trace).items():
        written[f"{name}.jsonl"] = "".join(_lines(rows)).encode("utf-8")
        written[f"{name}.csv"] = _sheet(name, rows).encode("utf-8")
    return written


def tables(trace: Trace) -> dict[str, list[Row]]:
    """The rows of each table; a trace without the model's rows (a load of many runs) has none.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> order = load_scenario("order-fulfillment")
    >>> trace = simulate(order, "restate")
    >>> list(tables(trace))
    ['sys_journal', 'sys_invocation', 'sys_journal_events']
    """
    invocations = cast("Sequence[Mapping[str, Any]]", trace.facts.get("invocations", ()))
    written = _written(trace)
    known = {each["name"]: each for each in invocations}
    rows: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    for each in invocations:
        identity = {"partition_key": _partition_key(each), "id": invocation_id(each["name"])}
        rows["sys_invocation"].append(_shaped("sys_invocation", _invocation(each, known)))
        times = written.get(each["name"], [])
        missing = [each["created_at"]] * (len(each["entries"]) - len(times))
        for index, (entry, at) in enumerate(zip(each["entries"], (*missing, *times), strict=False)):
            row = identity | {"index": index, "version": 2, "appended_at": _time(at)} | _entry(entry, each)
            rows["sys_journal"].append(_shaped("sys_journal", row))
        for event in each["events"]:
            rows["sys_journal_events"].append(_shaped("sys_journal_events", identity | _event(event)))
    return rows


def invocation_id(name: str) -> str:
    """An id of the server's form, the same for the same run: `inv_1…`."""
    return f"inv_1{_digest(name, 33)}"


# ---- rows ----------------------------------------------------------------------------------------------------


def _invocation(found: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Row:
    caller = known.get(found["source"])
    commands = sum(entry["command"] for entry in found["entries"])
    completed = found["status"] == "completed"
    deployment = None if found["deployment"] is None else f"dp_1{_digest(str(found['deployment']), 23)}"
    waiting = found["waiting"] if found["status"] == "suspended" else None
    return {
        "id": invocation_id(found["name"]),
        "target": _target(found),
        "target_service_name": found["service"],
        "target_service_key": found["key"],
        "target_handler_name": found["handler"],
        "target_service_ty": found["service_type"],
        "invoked_by": "ingress" if caller is None else "service",
        "invoked_by_service_name": None if caller is None else caller["service"],
        "invoked_by_id": None if caller is None else invocation_id(caller["name"]),
        "invoked_by_target": None if caller is None else _target(caller),
        "pinned_deployment_id": deployment,
        "pinned_service_protocol_version": None if deployment is None else found["protocol"],
        "journal_size": len(found["entries"]),
        "journal_commands_size": commands,
        "created_at": _time(found["created_at"]),
        "modified_at": _time(found["modified_at"]),
        "scheduled_start_at": _time(found["scheduled_start_at"]),
        "running_at": _time(found["running_at"]),
        "completed_at": _time(found["completed_at"]) if completed else None,
        "completion_retention": RETENTION,
        "journal_retention": RETENTION,
        "suspended_waiting_for_completions": waiting and [each for each in waiting if _is_completion(each)],
        "suspended_waiting_for_signals": waiting
        and [-each for each in waiting if isinstance(each, int) and not _is_completion(each)],
        "status": found["status"],
        "completion_result": None if not completed else "failure" if found["failure"] else "success",
        "completion_failure": found["failure"] if completed else None,
    }


def _is_completion(number: object) -> bool:
    return isinstance(number, int) and number > 0


def _target(found: Mapping[str, Any]) -> str:
    keyed = f"/{found['key']}" if found["service_type"] != "service" else ""
    return f"{found['service']}{keyed}/{found['handler']}"


def _entry(entry: Mapping[str, Any], invocation: Mapping[str, Any]) -> Row:
    kind = "Command" if entry["command"] else "Notification"
    full, lite = (_command if entry["command"] else _notification)(entry, invocation)
    return {
        "entry_type": f"{kind}: {entry['type']}",
        "name": (entry["name"] or "" if entry["type"] in ("Run", "Sleep") else "") if entry["command"] else None,
        "raw_length": entry["size"],
        "entry_json": json.dumps({kind: full}, ensure_ascii=False, separators=(",", ":")),
        "entry_lite_json": json.dumps({kind: lite}, ensure_ascii=False, separators=(",", ":")),
    }


def _command(entry: Mapping[str, Any], invocation: Mapping[str, Any]) -> tuple[Row, Row]:
    kind, ids = entry["type"], entry["ids"]
    fields: Row = {}
    match kind:
        case "Run":
            fields = {"completion_id": ids[0]}
        case "Sleep":
            fields = {"wake_up_time": entry["wake_up_at"] // 1000, "completion_id": ids[0]}
        case "Call" | "OneWayCall":
            return _call(entry, invocation)
        case "SendSignal":
            fields = {
                "target_invocation_id": invocation_id(str(entry["target"])),
                "signal_id": _signal(entry["signal"]),
            }
        case "GetLazyStateKeys":
            fields = {"completion_id": ids[0]}
        case "GetLazyState" | "GetPromise" | "PeekPromise" | "CompletePromise":
            fields = {"key": entry["name"], "completion_id": ids[0]}
        case "GetEagerState" | "SetState" | "ClearState":
            fields = {"key": entry["name"]}
        case "Output":
            return (
                {kind: {"result": _result(entry), "name": ""}},
                {kind: {"result": "Failure" if entry["failure"] else "Success"}},
            )
        case _:
            pass
    named = {"name": entry["name"] or ""} if kind in ("Run", "Sleep") else {}
    return {kind: {**fields, "name": "", **named}}, {kind: {**fields, **named}}


def _call(entry: Mapping[str, Any], invocation: Mapping[str, Any]) -> tuple[Row, Row]:
    kind, ids = entry["type"], entry["ids"]
    asked: Row = {
        "invocation_id": invocation_id(str(entry.get("child"))),
        "invocation_target": _invocation_target(entry, invocation),
    }
    more: Row = {} if kind == "Call" else {"invoke_time": (entry["invoke_at"] or 0) // 1000}
    numbers = {"invocation_id_completion_id": ids[0]}
    if kind == "Call":
        numbers["result_completion_id"] = ids[1]
    return {kind: {"request": asked, **more, **numbers, "name": ""}}, {kind: {**asked, **more, **numbers}}


def _invocation_target(entry: Mapping[str, Any], invocation: Mapping[str, Any]) -> Row:
    handler, service = entry["name"], entry.get("service")
    if service is None:
        return {"Service": {"name": invocation["service"], "handler": handler, "scope": None}}
    shared: Row = {"name": service, "key": entry.get("key"), "handler": handler}
    if service == entry.get("workflow"):
        return {"Workflow": {**shared, "handler_ty": "Workflow", "scope": None}}
    return {"VirtualObject": {**shared, "handler_ty": "Exclusive", "scope": None}}


def _notification(entry: Mapping[str, Any], _invocation: Mapping[str, Any]) -> tuple[Row, Row]:
    result = _result(entry)
    lite = "Failure" if entry["failure"] else "Void" if entry["type"] in VOID else "Success"
    if entry["type"] == "Signal":
        number = entry["id"]
        short = {"SignalIndex": number} if isinstance(number, int) else {"SignalName": number}
        full = {"Signal": {"id": _signal(number), "result": result}}
        return full, {"ty": "Signal", "id": short, "result": lite}
    fields = {"completion_id": entry["id"]} | ({} if entry["type"] == "Sleep" else {"result": result})
    return (
        {"Completion": {entry["type"]: fields}},
        {"ty": {"Completion": entry["type"]}, "id": {"CompletionId": entry["id"]}, "result": lite},
    )


def _signal(number: int | str) -> Row:
    return {"Index": number} if isinstance(number, int) else {"Name": number}


def _result(entry: Mapping[str, Any]) -> object:
    if entry["failure"]:
        return {"Failure": entry["failure"]}
    return "Void" if entry["type"] in VOID else {"Success": []}


def _event(event: Mapping[str, Any]) -> Row:
    told = {"restate_doc_error_code": event["code"], "error_message": event["message"]}
    return {
        "after_journal_entry_index": event["after"],
        "appended_at": _time(event["at"]),
        "event_type": event["type"],
        "event_json": json.dumps({"ty": event["type"], **{k: v for k, v in told.items() if v is not None}}),
    }


# ---- cells ---------------------------------------------------------------------------------------------------


def _shaped(table: str, row: Row) -> Row:
    """All columns of the table, in its order; what the row does not have is null."""
    return {column: row.get(column) for column in COLUMNS[table]}


def _written(trace: Trace) -> dict[str, list[int]]:
    """When each entry of each journal was appended."""
    times: dict[str, list[int]] = {}
    for _, event in trace.of_kind(Kind.RECORDED):
        times.setdefault(str(event.run), []).append(event.at)
    return times


def _time(us: int | None) -> str | None:
    """Milliseconds since the simulation's beginning, as the server writes a time."""
    if us is None:
        return None
    return (EPOCH + timedelta(milliseconds=us // 1000)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _partition_key(found: Mapping[str, Any]) -> int:
    """Of the key, or random: 64 bits."""
    source = f"{found['service']}/{found['key']}" if found["key"] is not None else found["name"]
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:8], "big")


_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _digest(text: str, length: int) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(digits)


def _lines(rows: Iterator[Row] | Sequence[Row]) -> Iterator[str]:
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _sheet(table: str, rows: Sequence[Row]) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(COLUMNS[table])
    for row in rows:
        writer.writerow(
            "" if each is None else json.dumps(each) if isinstance(each, list) else each for each in row.values()
        )
    return sheet.getvalue()
