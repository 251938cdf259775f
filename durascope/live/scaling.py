"""Long waits made short enough to be waited for, by one monotone rule for the whole scenario.

A duration up to `KEPT` stays as it is; what is above it is shrunk by one factor, so that the longest becomes `LONGEST`.
The rule keeps every order of durations. It applies to sleeps, timeouts of waits, and the times of events and faults;
how long steps take and the engines' own timeouts stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from durascope.models.scenario import Scenario
from durascope.models.units import FOREVER, SECOND

KEPT: Final = 10 * SECOND
LONGEST: Final = 20 * SECOND


@dataclass(frozen=True, slots=True)
class Scale:
    """How durations above `KEPT` are shrunk; 1.0: not at all."""

    factor: float

    def __call__(self, us: int) -> int:
        if us <= KEPT or us >= FOREVER or self.factor == 1.0:
            return us
        scaled = KEPT + (us - KEPT) * self.factor
        return round(scaled / SECOND) * SECOND if scaled > KEPT else KEPT

    def __str__(self) -> str:
        return "times as they are" if self.factor == 1.0 else f"what is beyond 10 s scaled by {self.factor:.3g}"


def scale_of(scenario: Scenario) -> Scale:
    """The scale that makes the scenario's longest wait at most `LONGEST`."""
    longest = max(_durations(scenario), default=0)
    return Scale(1.0 if longest <= LONGEST else (LONGEST - KEPT) / (longest - KEPT))


def scaled(scenario: Scenario, scale: Scale) -> Scenario:
    """The scenario with its waits shrunk."""
    return scenario if scale.factor == 1.0 else _map(scenario, scale)


def _durations(part: Any) -> Iterator[int]:
    if isinstance(part, BaseModel):
        for name in type(part).model_fields:
            value = getattr(part, name)
            if _is_scaled(part, name) and isinstance(value, int) and value < FOREVER:
                yield value
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
    return name in ("at", "after") and kind in {
        "WorkloadEvent", "Trigger", "Crash", "Hang", "Outage", "Cut", "Deploy", "Workload", "Start", "Send",
    }  # fmt: skip


def _map(part: Any, scale: Callable[[int], int]) -> Any:
    if isinstance(part, BaseModel):
        update: dict[str, Any] = {}
        for name in type(part).model_fields:
            value = getattr(part, name)
            if _is_scaled(part, name) and isinstance(value, int):
                update[name] = scale(value)
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
