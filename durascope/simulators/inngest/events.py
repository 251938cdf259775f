"""Events: what the event API takes in, and what the event stream carries to the runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from json import JSONEncoder
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite
from typing import Any, Final

from durascope.simulators.kernel.runs import RunInfo

_ULID: Final = "0" * 26
_NOW: Final = 1_795_305_600_000
_JSON: Final = JSONEncoder(separators=(",", ":"), default=str, check_circular=False).encode


@dataclass(slots=True, eq=False)
class Event:
    """One event; whoever receives it stamps the time."""

    name: str
    data: Mapping[str, Any]
    at: int
    """When it was received, in microseconds."""
    number: int
    """How many the server's client had sent before."""
    id: str | None = None
    """The sender's own id: the key of idempotency."""
    ts: int = 0
    """Its own time, where that is not when it was received: when a run that it starts is due, if that is to come."""
    start: RunInfo | None = None
    """The workload's start that it is."""
    luck: str | None = None
    """The address for luck of a run that it starts."""
    function: str | None = None
    """The function that it invokes or tells about."""
    parent: RunInfo | None = None
    """The run that it comes from."""
    correlation: str | None = None
    """Of an invocation: the waiting step."""

    @property
    def time(self) -> int:
        """Its own time."""
        return self.ts or self.at

    def size(self) -> int:
        """Bytes of its JSON, as a request carries it."""
        size = _BARE + _size(self.name) + max(len(self.data) - 1, 0)
        for name, value in self.data.items():
            size += _size(name) + 1 + _size(value)
        return size


_BARE: Final = len(_JSON({"data": {}, "id": _ULID, "name": "", "ts": _NOW, "user": {}})) - len(_JSON(""))


def _size(value: object) -> int:
    """Bytes of a value's JSON; what most values are is not worth an encoder of its own."""
    if isinstance(value, str):
        return len(quoted(value))
    if type(value) is int or (type(value) is float and isfinite(value)):
        return len(repr(value))
    return len(_JSON(value))
