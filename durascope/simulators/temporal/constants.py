"""Temporal's constants and its delays, read from `defaults.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from durascope.models.durations import parse_duration
from durascope.models.spreads import Spread
from durascope.simulators.kernel.defaults import latencies
from durascope.simulators.kernel.delays import NumberedDelays
from durascope.simulators.kernel.luck import Luck


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the server (§13): above `error` it acts, above `warn` it warns, above `suggest` it advises."""

    error: int
    warn: int = 0
    suggest: int = 0


@cache
def table(name: str) -> Mapping[str, Any]:
    """One table of the data file."""
    text = files(__package__ or "").joinpath("defaults.yaml").read_text("utf-8")
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))[name]


@cache
def duration(name: str) -> int:
    """One of the server's durations, in microseconds."""
    return parse_duration(table("server")[name]["value"])


@cache
def limit(name: str) -> Limit:
    """One of the server's limits."""
    entry = table("limits")[name]
    return Limit(entry["error"], entry.get("warn", 0), entry.get("suggest", 0))


@cache
def event_bytes() -> Mapping[str, int]:
    """Bytes of an event without its payload, by kind; `other` for the rest."""
    return {kind: size for kind, size in table("event_bytes").items() if isinstance(size, int)}


def delays_of(overrides: Mapping[str, Spread], luck: Luck) -> NumberedDelays:
    """The model's delays, with a scenario's own in their place."""
    return NumberedDelays(latencies(__package__ or "", overrides), luck)
