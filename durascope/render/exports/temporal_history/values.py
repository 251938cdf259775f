"""Values as proto JSON writes them: times, durations, payloads, and what many events have in common."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

Json = dict[str, Any]
Event = Mapping[str, Any]
"""An event, as the trace holds it (see `durascope.simulators.temporal.history_export`)."""
History = Mapping[str, Any]
"""An execution, as the trace holds it."""

EPOCH: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
"""When the simulation begins."""
SECOND: Final = 1_000_000


def by_task(event: Event) -> Json:
    return {"workflowTaskCompletedEventId": str(event["workflow_task_completed_event_id"])}


def of_child(event: Event) -> Json:
    return {"initiatedEventId": str(event["initiated_event_id"]), "startedEventId": str(event["started_event_id"])}


def queue(name: str) -> Json:
    return {"name": name, "kind": "TASK_QUEUE_KIND_NORMAL"}


def policy(known: Mapping[str, Any]) -> Json:
    """A retry policy; without a limit of attempts that field is left out."""
    most = {"maximumAttempts": known["max_attempts"]} if known["max_attempts"] else {}
    return {
        "initialInterval": duration(known["initial"]),
        "backoffCoefficient": float(known["factor"]),
        "maximumInterval": duration(known["max_interval"]),
        **most,
    }


def result(name: str, values: Mapping[str, Any] | None, size: int | None) -> Json:
    """What a step's body returns, padded to its size."""
    returned: Json = {"ok": name, "values": values or {}}
    if size:
        returned["padding"] = "x" * max(0, size - len(str(returned)))
    return returned


def retry_state(word: str) -> str:
    return f"RETRY_STATE_{upper(word)}"


def upper(words: str) -> str:
    return words.upper().replace("-", "_")


def payloads(value: object, *, sort: bool = True) -> Json:
    """The one argument or result that a value is; `sort`: its fields by name, as the Python SDK sorts them."""
    return {"payloads": [payload(value, sort=sort)]}


def payload(value: object, *, sort: bool = True) -> Json:
    """As the SDK's converter writes a value.

    >>> payload({"amount": 5})
    {'metadata': {'encoding': 'anNvbi9wbGFpbg=='}, 'data': 'eyJhbW91bnQiOjV9'}
    """
    if value is None:
        return {"metadata": {"encoding": encoded("binary/null")}}
    text = json.dumps(value, separators=(",", ":"), sort_keys=sort)
    return {"metadata": {"encoding": encoded("json/plain")}, "data": encoded(text)}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def time(us: int, more: timedelta = timedelta()) -> str:
    """RFC 3339, as proto JSON writes it: no fraction, or three digits, or six."""
    at = EPOCH + timedelta(microseconds=us) + more
    return f"{at:%Y-%m-%dT%H:%M:%S}{_fraction(us % SECOND)}Z"


def duration(us: int) -> str:
    """`2s`, `0.600s`

    >>> duration(1_500_000)
    '1.500s'
    """
    return f"{us // SECOND}{_fraction(us % SECOND)}s"


def _fraction(us: int) -> str:
    if not us:
        return ""
    return f".{us // 1000:03}" if us % 1000 == 0 else f".{us:06}"


def span(us: int) -> Json:
    """A duration as the SDK's core writes it in a marker."""
    return {"seconds": us // SECOND, "nanos": us % SECOND * 1000}


def stamp(us: int) -> Json:
    """A time as the SDK's core writes it in a marker."""
    return span(int(EPOCH.timestamp()) * SECOND + us)
