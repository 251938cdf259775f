"""Quantities as scenarios write them: durations, shares, rates, sizes, money and time spreads.

Each is read from its written form and written back in a form that reads back equal.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from durascope.models.durations import (
    FOREVER,
    MAX_LENGTH,
    MICROSECOND,
    MILLISECOND,
    PATTERN,
    SECOND,
    Misread,
    format_duration,
    parse_duration,
    shown,
    unit_meant,
)
from durascope.models.spreads import Spread

__all__ = [
    "FOREVER",
    "MICROSECOND",
    "MILLISECOND",
    "SECOND",
    "Duration",
    "DurationOrDefault",
    "DurationOrForever",
    "DurationOrNever",
    "Misread",
    "Money",
    "Rate",
    "Share",
    "ShareOrNever",
    "Size",
    "Spread",
    "format_duration",
    "format_money",
    "format_rate",
    "format_share",
    "format_size",
    "parse_duration",
    "parse_money",
    "parse_rate",
    "parse_share",
    "parse_size",
    "rate_meant",
]

_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)?)"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_BYTES: Final = {
    "B": 1,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}


def _read(form: str, value: object, message: str, help: str) -> re.Match[str]:  # noqa: A002
    match = re.fullmatch(form, value) if isinstance(value, str) and len(value) <= MAX_LENGTH else None
    if match is None:
        raise Misread(f"{shown(value)} is not {message}" if isinstance(value, str) else f"expected {message}", help)
    return match


def parse_share(value: object) -> float:
    """`"0.5%"` → 0.005; a number between 0 and 1 is taken as it is. Raises `Misread`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        share = float(value) if abs(value) <= 1 else 2.0
    else:
        share = float(_read(rf"{_NUMBER}%", value, "a share", "write a percentage such as 0.5%, or 0.005")[1]) / 100
    if not 0 <= share <= 1:
        raise Misread(f"{shown(value)} is not between 0% and 100%", "write a percentage such as 0.5%, or 0.005")
    return share


def format_share(share: float) -> str | float:
    """`0.005` → `"0.5%"`; a number where no short percentage is exactly that share."""
    text = f"{share * 100:.10g}%"
    return text if "e" not in text and parse_share(text) == share else share


def parse_rate(value: object) -> float:
    """`"300/m"` → 5.0 per second. Raises `Misread`."""
    meant = rate_meant(value)
    help = "write 5/s, 300/m or 20/h" if meant is None else f"did you mean `{meant}`?"  # noqa: A001
    match = _read(rf"{_NUMBER}/(s|m|h|d)", value, "a rate", help)
    rate = float(Fraction(match[1]) / _SECONDS[match[2]])
    if not 0 < rate < math.inf:
        raise Misread("a rate must be above zero", "write 5/s, 300/m or 20/h")
    return rate


def rate_meant(written: object) -> str | None:
    """The rate that is meant by other words for its unit: `2 per min` is `2/m`; None if it is no rate either."""
    if not isinstance(written, str) or len(written) > MAX_LENGTH:
        return None
    match = re.fullmatch(rf"{_NUMBER}\s*(?:/|per)\s*([a-zA-Z]+)", written)
    unit = None if match is None else unit_meant(match[2])
    return f"{match[1]}/{unit}" if match is not None and unit in _SECONDS else None


def format_rate(rate: float) -> str:
    """`5.0` per second → `"5/s"`."""
    for unit, seconds in _SECONDS.items():
        count = f"{rate * seconds:.10g}"
        if "e" not in count and float(count) >= 1 and parse_rate(f"{count}/{unit}") == rate:
            return f"{count}/{unit}"
    return f"{_plainly(rate)}/s"


def parse_size(value: object) -> int:
    """`"2KB"` → 2000 bytes, `"4MiB"` → 4_194_304. Raises `Misread`."""
    form = rf"{_NUMBER}(B|KB|MB|GB|KiB|MiB|GiB)"
    match = _read(form, value, "a size", "write 512B, 2KB or 4MiB (KB = 1000, KiB = 1024)")
    return round(Fraction(match[1]) * _BYTES[match[2]])


def format_size(size: int) -> str:
    """`2000` → `"2KB"`: the largest unit that is exact."""
    unit = max((each for each in _BYTES if size and size % _BYTES[each] == 0), key=_BYTES.__getitem__, default="B")
    return f"{size // _BYTES[unit]}{unit}"


def parse_money(value: object) -> float:
    """`"0.02 USD"` → 0.02. Raises `Misread`."""
    amount = (
        re.fullmatch(rf"\$?\s?{_NUMBER}\s?\$?", value) if isinstance(value, str) and len(value) <= MAX_LENGTH else None
    )
    help = "write 0.02 USD" if amount is None else f"did you mean `{amount[1]} USD`?"  # noqa: A001
    return float(_read(rf"{_NUMBER} ?USD", value, "an amount of money", help)[1])


def format_money(amount: float) -> str:
    """`0.02` → `"0.02 USD"`."""
    cents = f"{amount:.2f}"
    return f"{cents if float(cents) == amount else _plainly(amount)} USD"


def _plainly(number: float) -> str:
    """The shortest digits that read back equal, without an exponent."""
    return format(Decimal(repr(number)), "f")


def _forever_too(value: object) -> int:
    return FOREVER if value == "forever" else parse_duration(value)


def _never_too(value: object) -> object:
    return value if value is None or value == "never" else parse_duration(value)


def _default_too(value: object) -> object:
    return value if value == "default" else parse_duration(value)


def _share_or_never(value: object) -> object:
    return value if value == "never" else parse_share(value)


def _format_duration_or_word(value: int | str | None) -> str | None:
    return format_duration(value) if isinstance(value, int) else value


def _format_share_or_word(value: float | str) -> float | str:
    return value if isinstance(value, str) else format_share(value)


def _written(format: Any) -> PlainSerializer:  # noqa: A002
    return PlainSerializer(format, when_used="json")


def _schema(**keys: Any) -> WithJsonSchema:
    return WithJsonSchema(keys)


_DURATION: Final = {"type": "string", "pattern": PATTERN, "examples": ["250ms", "2s", "1m30s"]}
_SHARE: Final = [
    {"type": "string", "pattern": r"^\d+(\.\d+)?%$", "examples": ["0.5%"]},
    {"type": "number", "minimum": 0, "maximum": 1},
]
_SIZE: Final = r"^\d+(\.\d+)?(B|KB|MB|GB|KiB|MiB|GiB)$"

Duration = Annotated[int, BeforeValidator(parse_duration), _written(format_duration), WithJsonSchema(_DURATION)]
"""A duration in microseconds."""
DurationOrForever = Annotated[
    int,
    BeforeValidator(_forever_too),
    _written(format_duration),
    _schema(anyOf=[_DURATION, {"const": "forever"}]),
]
"""A duration in microseconds; `FOREVER` for `forever`."""
DurationOrNever = Annotated[
    int | Literal["never"] | None,
    BeforeValidator(_never_too),
    _written(_format_duration_or_word),
    _schema(anyOf=[_DURATION, {"const": "never"}, {"type": "null"}]),
]
"""A duration in microseconds, or `never`."""
DurationOrDefault = Annotated[
    Literal["default"] | int,
    BeforeValidator(_default_too),
    _written(_format_duration_or_word),
    _schema(anyOf=[_DURATION, {"const": "default"}]),
]
"""A duration in microseconds, or `default`."""
Share = Annotated[float, BeforeValidator(parse_share), _written(format_share), _schema(anyOf=_SHARE)]
"""A share between 0 and 1."""
ShareOrNever = Annotated[
    float | Literal["never"],
    BeforeValidator(_share_or_never),
    _written(_format_share_or_word),
    _schema(anyOf=[*_SHARE, {"const": "never"}]),
]
"""A share between 0 and 1, or `never`."""
Rate = Annotated[
    float,
    BeforeValidator(parse_rate),
    _written(format_rate),
    _schema(type="string", pattern=r"^\d+(\.\d+)?/(s|m|h|d)$", examples=["5/s"]),
]
"""How often something happens, per second."""
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    _written(format_size),
    _schema(type="string", pattern=_SIZE, examples=["2KB"]),
]
"""A size in bytes."""
Money = Annotated[
    float,
    BeforeValidator(parse_money),
    _written(format_money),
    _schema(type="string", pattern=r"^\d+(\.\d+)? ?USD$", examples=["0.02 USD"]),
]
"""An amount of US dollars."""
