"""Temporal's constants, read from `defaults.yaml`, and delays that are drawn by what they delay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from durascope.models.durations import parse_duration
from durascope.models.spreads import Spread
from durascope.simulators.kernel.defaults import latencies
from durascope.simulators.kernel.luck import MASK, Luck


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


class Delays:
    """The model's delays in microseconds, with a scenario's own in their place.

    A delay is a function of the run's own luck and of what is delayed (an event's number), never of the order of
    draws; it is mixed from them in integer arithmetic, because a digest for each would cost more than the event.
    """

    __slots__ = (
        "_bits", "_plain", "_spreads", "call",
    )  # fmt: skip

    def __init__(self, overrides: Mapping[str, Spread], luck: Luck) -> None:
        self._bits = luck.bits
        self._plain = type(luck) is Luck
        """Nobody asks which delays were drawn, nor draws one of them again."""
        spreads = latencies(__package__ or "", overrides)
        self._spreads = {
            name: (spread, number, spread.shape) for number, (name, spread) in enumerate(spreads.items(), 1)
        }
        self.call = self("call", 0, 0)

    def fixed(self, name: str) -> int | None:
        """The delay of that name, if it is always the same."""
        spread = self._spreads[name][0]
        return spread.values[0] if spread.fixed else None

    def of(self, name: str) -> Callable[[int, int], int]:
        """The delay of that name as a function of a run's luck and the number of the thing, for what is asked often."""
        spread, index, shape = self._spreads[name]
        if shape == "fixed":
            return lambda _luck, _number: spread.values[0]
        if shape != "uniform" or not self._plain:
            return lambda luck, number: self(name, luck, number)
        low, high = spread.values
        width, offset, mask, each = high - low + 1, index * 0x9E3779B97F4A7C15, MASK, 0xD1B54A32D192ED03

        def uniform(luck: int, number: int) -> int:  # `Luck.bits`, without the call
            x = (luck + offset + number * each) & mask
            x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
            x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
            return low + (x ^ (x >> 31)) % width

        return uniform

    def __call__(self, name: str, luck: int, number: int) -> int:
        """The delay `name` of the thing `number` of the run whose luck that is."""
        spread, index, shape = self._spreads[name]
        if shape == "uniform":
            low, high = spread.values
            return low + self._bits(luck, index, number) % (high - low + 1)
        if shape == "fixed":
            return spread.values[0]
        return spread.at(self._bits(luck, index, number) / (MASK + 1))
