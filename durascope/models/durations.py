"""Durations as scenarios write them: `250ms`, `1m30s`; an exact integer number of microseconds inside.

Nothing is rounded, so that a trace is the same on every machine.
"""

from __future__ import annotations

import difflib
import re
from typing import Final

MICROSECOND: Final = 1
MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000

FOREVER: Final = 1 << 62
"""A duration that never ends, in microseconds (`down_for: forever`)."""

MAX_LENGTH: Final = 100
"""The longest text that is looked at as a quantity, in characters."""

UNITS: Final = {
    "us": 1,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3_600 * SECOND,
    "d": 86_400 * SECOND,
    "w": 604_800 * SECOND,
}
PATTERN: Final = r"^(\d+(\.\d+)?(us|ms|s|m|h|d|w))+$"
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h|d|w)")
_SPOKEN: Final = {
    "us": ("µs", "usec", "micros", "microsecond", "microseconds"),
    "ms": ("msec", "msecs", "millis", "millisecond", "milliseconds"),
    "s": ("sec", "secs", "second", "seconds"),
    "m": ("min", "mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
    "w": ("week", "weeks"),
}
_UNIT_OF: Final = {word: unit for unit, words in _SPOKEN.items() for word in (unit, *words)}
_WRITTEN: Final = "write a number and a unit: 250ms, 2s, 1m30s, 7d (units: us ms s m h d w)"


class Misread(ValueError):
    """A written value that is not what it should be.

    The message says what is wrong, `help` what to write instead, and `at` where inside of the value.
    """

    def __init__(self, message: str, help: str = "", at: tuple[str | int, ...] = ()) -> None:  # noqa: A002
        super().__init__(message)
        self.help = help
        self.at = at

    def inside(self, *at: str | int) -> Misread:
        """The same, seen from the value that this one is a part of."""
        return Misread(str(self), self.help, (*at, *self.at))


def shown(value: object) -> str:
    """A value as a message quotes it: on one line, and short."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def parse_duration(value: object) -> int:
    """`"1m30s"` → 90_000_000 µs. Raises `Misread` if the value is not a duration.

    >>> parse_duration("1m30s")
    90000000
    >>> parse_duration("90")
    Traceback (most recent call last):
        ...
    durascope.models.durations.Misread: a duration needs a unit
    """
    if (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdecimal()):
        raise Misread("a duration needs a unit", f"write {value!s:.20}s or {value!s:.20}ms")
    if not isinstance(value, str):
        raise Misread("expected a duration", _WRITTEN)
    if not value or len(value) > MAX_LENGTH:
        raise Misread(f"{shown(value)} is not a duration", _WRITTEN)
    position, total = 0, 0
    for part in _PART.finditer(value):
        if part.start() != position:
            break
        total += _exactly(part[1], UNITS[part[2]], value)
        position = part.end()
    if position != len(value):
        raise Misread(f"{shown(value)} is not a duration", _meant(value) or _WRITTEN)
    if total >= FOREVER:
        raise Misread(f"{shown(value)} is longer than durascope can count", "the most is about 146 000 years")
    return total


def _exactly(number: str, unit: int, value: str) -> int:
    whole, _, fraction = number.partition(".")
    scaled, rest = divmod(int(fraction or "0") * unit, 10 ** len(fraction))
    if rest:
        raise Misread(f"{shown(value)} is not a whole number of microseconds", "use a smaller unit")
    return int(whole) * unit + scaled


def _meant(value: str) -> str:
    """`did you mean …` for units in other words or letters (`5 Sec`), nothing where that is no duration either."""
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)\s*([^\W\d_]+)", value)
    if not parts or re.sub(r"[0-9.\s]|[^\W\d_]", "", value):
        return ""
    units = [unit_meant(word) for _, word in parts]
    if not all(units):
        return ""
    meant = "".join(f"{number}{unit}" for (number, _), unit in zip(parts, units, strict=True))
    return f"did you mean `{meant}`? (units: us ms s m h d w)"


def unit_meant(word: str) -> str | None:
    """The unit in the language's letters: `min` and `Minute` are `m`; None if it is none."""
    return _UNIT_OF.get(word) or _UNIT_OF.get(word.lower()) or _nearest_unit(word.lower())


def _nearest_unit(word: str) -> str | None:
    found = difflib.get_close_matches(word, _UNIT_OF, n=1, cutoff=0.7)
    return _UNIT_OF[found[0]] if found else None


def format_duration(us: int) -> str:
    """The exact way to write a duration that `parse_duration` reads back (`90_000_000` → `1m30s`).

    >>> format_duration(90_000_000)
    '1m30s'
    """
    if us >= FOREVER:
        return "forever"
    if us == 0:
        return "0s"
    parts: list[str] = []
    for unit in ("d", "h", "m", "s"):
        count, us = divmod(us, UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    if us:
        parts.append(f"{us}us" if us % MILLISECOND else f"{us // MILLISECOND}ms")
    return "".join(parts)
