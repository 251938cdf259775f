"""Time spreads: how long something takes, as a fixed duration or a distribution that is sampled by its inverse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Final, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from durascope.models.durations import PATTERN, Misread, format_duration, parse_duration

_FORMS: Final = (
    "write a duration, {p50: 180ms, p99: 900ms}, {exponential: 20ms}, {uniform: [10ms, 30ms]} "
    "or {samples: [9ms, 11ms, 30ms]}"
)
_NORMAL: Final = NormalDist()
_EDGE: Final = 1e-12
_Z99: Final = _NORMAL.inv_cdf(0.99)


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something takes, in microseconds.

    `at(u)` inverts the distribution: of a uniform number it makes a duration.
    """

    shape: str
    """fixed · log-normal · exponential · uniform · samples"""
    values: tuple[int, ...]
    """fixed: (d,) · log-normal: (p50, p99) · exponential: (mean,) · uniform: (low, high) · samples: all of them"""
    sigma: float = field(default=0.0, init=False, repr=False, compare=False)
    """Of the log-normal one's logarithm."""

    def __post_init__(self) -> None:
        if self.shape == "log-normal" and 0 < self.values[0] < self.values[1]:
            object.__setattr__(self, "sigma", math.log(self.values[1] / self.values[0]) / _Z99)

    @classmethod
    def of(cls, us: int) -> Spread:
        """Always that many microseconds."""
        return cls("fixed", (us,))

    @property
    def fixed(self) -> bool:
        """Whether it takes the same time always."""
        return self.shape == "fixed"

    @property
    def typical(self) -> int:
        """The median, in microseconds: what a picture writes beside it."""
        return self.at(0.5)

    def at(self, u: float) -> int:
        """The duration in microseconds at which the distribution reaches the share `u`, in [0, 1)."""
        shape, values = self.shape, self.values
        if shape == "log-normal":
            z = _NORMAL.inv_cdf(u if _EDGE < u < 1 - _EDGE else min(max(u, _EDGE), 1 - _EDGE))
            return round(values[0] * math.exp(self.sigma * z))
        if shape == "uniform":
            return values[0] + int(u * (values[1] - values[0] + 1))
        if shape == "exponential":
            return round(-math.log1p(-u) * values[0])
        if shape == "samples":
            return values[int(u * len(values))]
        return values[0]

    def __str__(self) -> str:
        text = [format_duration(value) for value in self.values]
        return {
            "fixed": text[0],
            "log-normal": f"p50 {text[0]}, p99 {text[-1]}",
            "exponential": f"exponential {text[0]}",
            "uniform": f"{text[0]} to {text[-1]}",
            "samples": f"one of {', '.join(text)}",
        }[self.shape]

    def written(self) -> object:
        """The spread as a scenario file writes it."""
        text = [format_duration(value) for value in self.values]
        match self.shape:
            case "fixed":
                return text[0]
            case "log-normal":
                return {"p50": text[0], "p99": text[1]}
            case "exponential":
                return {"exponential": text[0]}
            case shape:
                return {shape: text}

    @classmethod
    def parse(cls, value: object) -> Spread:
        """A duration or one of the mappings of the scenario language. Raises `Misread`."""
        if isinstance(value, Spread):
            return value
        if not isinstance(value, dict):
            return cls.of(parse_duration(value))
        mapping = cast("dict[object, object]", value)
        match sorted(map(str, mapping)):
            case ["p50", "p99"]:
                p50, p99 = _part(mapping, "p50"), _part(mapping, "p99")
                if p99 < p50:
                    raise Misread("p99 must not be below p50", at=("p99",))
                return cls("log-normal", (p50, p99))
            case ["exponential"]:
                return cls("exponential", (_part(mapping, "exponential"),))
            case ["uniform"]:
                values = _parts(mapping, "uniform")
                if len(values) != 2 or values[1] < values[0]:
                    raise Misread("uniform takes two durations, the least and the most", at=("uniform",))
                return cls("uniform", values)
            case ["samples"]:
                return cls("samples", _parts(mapping, "samples"))
            case _:
                raise Misread("this is not a time spread", _FORMS)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(Spread.written, when_used="json")
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        duration = {"type": "string", "pattern": PATTERN}
        many = {"type": "array", "items": duration, "minItems": 1}
        return {
            "anyOf": [
                duration,
                _mapping(p50=duration, p99=duration),
                _mapping(exponential=duration),
                _mapping(uniform={**many, "minItems": 2, "maxItems": 2}),
                _mapping(samples=many),
            ],
        }


def _part(mapping: Mapping[object, object], key: str) -> int:
    try:
        return parse_duration(mapping[key])
    except Misread as misread:
        raise misread.inside(key) from None


def _parts(mapping: Mapping[object, object], key: str) -> tuple[int, ...]:
    listed = mapping[key]
    if not isinstance(listed, list) or not listed:
        raise Misread(f"{key} takes a list of durations", _FORMS, (key,))
    durations: list[int] = []
    for index, each in enumerate(cast("list[object]", listed)):
        try:
            durations.append(parse_duration(each))
        except Misread as misread:
            raise misread.inside(key, index) from None
    return tuple(durations)


def _mapping(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
