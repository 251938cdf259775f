"""Shortens long waits for a real run, by one monotone rule for the whole scenario.

A duration up to `KEPT` stays as it is. Longer ones are shrunk by one factor, so that the longest becomes `LONGEST`: as
a whole where they stay longer than all that is kept (a story of days, whose sums then stay in proportion, too), else
what is beyond `KEPT` of them. Both rules keep every order of durations. They apply to sleeps, timeouts of waits, and
the times of starts, events and faults; how long steps take and the engines' own timeouts stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from durascope.models.scenario import Scenario
from durascope.models.units import FOREVER, MILLISECOND, SECOND

KEPT: Final = 10 * SECOND
LONGEST: Final = 20 * SECOND


@dataclass(frozen=True, slots=True)
class Scale:
    """The factor by which durations above `KEPT` are shrunk; 1.0: not at all."""

    factor: float
    whole: bool = False
    """Whether a long duration is shrunk as a whole, or only what is beyond `KEPT`."""

    def __call__(self, us: int) -> int:
        if us <= KEPT or us >= FOREVER or self.factor == 1.0:
            return us
        if self.whole:
            return max(MILLISECOND, round(us * self.factor / MILLISECOND) * MILLISECOND)
        scaled = KEPT + (us - KEPT) * self.factor
        return round(scaled / SECOND) * SECOND if scaled > KEPT else KEPT

    def __str__(self) -> str:
        if self.factor == 1.0:
            return "times as they are"
        return f"{'times' if self.whole else 'what is'} beyond 10 s scaled by {self.factor:.3g}"


def scale_of(scenario: Scenario) -> Scale:
    """The scale that makes the scenario's longest wait at most `LONGEST`."""
    durations = [each for each in _durations(scenario) if each]
    longest = max(durations, default=0)
    if longest <= LONGEST:
        return Scale(1.0)
    whole = LONGEST / longest
    kept = max((each for each in durations if each <= KEPT), default=0)
    if min(each for each in durations if each > KEPT) * whole > kept:
        return Scale(whole, whole=True)
    return Scale((LONGEST - KEPT) / (longest - KEPT))


def scaled(scenario: Scenario, scale: Scale) -> Scenario:
    """The scenario with its waits shrunk."""
    return scenario if scale.factor == 1.0 else _map(scenario, scale)


def _durations(part: Any) -> Iterator[int]:
    if isinstance(part, BaseModel):
        for name in type(part).model_fields:
            value = getattr(part, name)
            if _is_scaled(part, name) and isinstance(value, (int, tuple)):
                times: tuple[int, ...] = value if isinstance(value, tuple) else (value,)
                yield from (each for each in times if each < FOREVER)
            else:
                yield from _durations(value)
    elif isinstance(part, (tuple, list)):
        for each in part:  # pyright: ignore[reportUnknownVariableType]
            yield from _durations(each)
    elif isinstance(part, dict):
        for each in part.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _durations(each)


def _is_scaled(part: BaseModel, name: str) -> bool:
    kind = type(part).__name__
    if name == "sleep" or (kind == "WaitFor" and name == "timeout"):
        return True
    return name in ("at", "after", "every", "down_for", "for_") and kind in {
        "Arrivals", "WorkloadEvent", "Trigger", "Crash", "Hang", "Outage", "Cut", "Deploy", "Workload", "Start", "Send",
    }  # fmt: skip


def _map(part: Any, scale: Callable[[int], int]) -> Any:
    if isinstance(part, BaseModel):
        update: dict[str, Any] = {}
        for name in type(part).model_fields:
            value = getattr(part, name)
            if _is_scaled(part, name) and isinstance(value, int):
                update[name] = scale(value)
            elif _is_scaled(part, name) and isinstance(value, tuple):
                update[name] = tuple(scale(each) for each in value)  # pyright: ignore[reportUnknownVariableType]
            elif isinstance(value, (BaseModel, tuple, list, dict)):
                update[name] = _map(value, scale)
        return part.model_copy(update=update)
    if isinstance(part, tuple):
        return tuple(_map(each, scale) for each in part)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(part, list):
        return [_map(each, scale) for each in part]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(part, dict):
        return {key: _map(value, scale) for key, value in part.items()}  # pyright: ignore[reportUnknownVariableType]
    return part
