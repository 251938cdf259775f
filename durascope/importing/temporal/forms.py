"""What is wrong with a history that no scenario can be made of: the first value whose form its name does not allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from durascope.importing.temporal.reading import Event, History

LONGEST: Final = 10 * 366 * 86_400_000_000
"""Ten years, in microseconds: longer than Temporal lets anything wait."""
_DURATION: Final = re.compile(r"\d{1,10}(\.\d{1,9})?s")
_TEXTS: Final = frozenset({
    "identity", "kind", "name", "timeoutType", "cause", "retryState", "initiator", "workflowId", "runId", "type",
    "message", "sdkName", "signalName", "markerName", "parentClosePolicy", "normalName", "timerId", "data", "step",
    "activityId", "originalExecutionRunId", "firstExecutionRunId", "continuedExecutionRunId", "reason",
})  # fmt: skip
_OBJECTS: Final = frozenset({
    "applicationFailureInfo", "timeoutFailureInfo", "workflowExecution", "taskQueue", "retryPolicy", "workflowType",
    "activityType", "indexedFields", "acceptedRequest", "outcome",
})  # fmt: skip


def wrong(history: History) -> tuple[Event, str] | None:
    """The first event with a value that cannot be right, and its name; None: no such value is found."""
    for event in history.events:
        if abs(event.at) > LONGEST:
            return event, "eventTime"
        for name, value in _values(event.a):
            if not _right(name)(value):
                return event, name
    return None


def _right(name: str) -> Callable[[Any], bool]:
    if name.endswith(("Timeout", "Interval", "Backoff")) or name == "nextRetryDelay":
        return lambda value: isinstance(value, dict) or (isinstance(value, str) and bool(_DURATION.fullmatch(value)))
    if name in ("attempt", "maximumAttempts", "backoffCoefficient"):
        return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9
    if name in _TEXTS:
        return lambda value: isinstance(value, str)
    if name in _OBJECTS:
        return lambda value: isinstance(value, dict)
    if name == "payloads":
        return lambda value: isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return lambda _value: True


def _values(value: Any) -> Iterator[tuple[str, Any]]:
    """Every named value inside."""
    if isinstance(value, Mapping):
        for name, each in cast("Mapping[str, Any]", value).items():
            yield name, each
            yield from _values(each)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in cast("Sequence[Any]", value):
            yield from _values(each)
