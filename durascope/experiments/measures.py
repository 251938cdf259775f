"""The figures that sweeps and comparisons of designs are about, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from durascope.experiments.statistics import Interval
from durascope.experiments.study import Estimates
from durascope.models.units import MILLISECOND

Unit = Literal["ms", "share", "per million", "tokens", "USD"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: what it is called, its unit, and which way is better."""

    name: str
    title: str
    unit: Unit
    less_is_better: bool
    of: Callable[[Estimates], Interval | None]


def _ms(name: str) -> Callable[[Estimates], Interval | None]:
    return lambda found: _scaled(found.latency_us.get(name))


def _scaled(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    return Interval(interval.value / MILLISECOND, interval.low / MILLISECOND, interval.high / MILLISECOND)


MEASURES: Final[Mapping[str, Measure]] = {
    measure.name: measure
    for measure in (
        Measure("mean_ms", "mean duration", "ms", True, _ms("mean")),
        Measure("p50_ms", "duration p50 (median)", "ms", True, _ms("p50")),
        Measure("p90_ms", "duration p90", "ms", True, _ms("p90")),
        Measure("p99_ms", "duration p99", "ms", True, _ms("p99")),
        Measure("completed", "completed", "share", False, lambda found: found.completed),
        Measure("failed", "failed or cancelled", "share", True, lambda found: found.failed),
        Measure("stuck", "not ended", "share", True, lambda found: found.stuck),
        Measure("delay_ms", "delay caused by faults", "ms", True, lambda found: _scaled(found.delay_us)),
        Measure("recovery_ms", "recovery time", "ms", True, lambda found: _scaled(found.recovery_us)),
        Measure("duplicates_per_million", "duplicate effects per million runs", "per million", True,
                lambda found: found.duplicates_per_million),
        Measure("repeated_ms", "work repeated per run", "ms", True, lambda found: _scaled(found.repeated_us)),
        Measure("repeated_usd", "money spent again per run", "USD", True, lambda found: found.repeated_usd),
        Measure("repeated_ms_per_crash", "work repeated per crash", "ms", True,
                lambda found: _scaled(found.per_crash.get("us"))),
        Measure("repeated_tokens_per_crash", "tokens used again per crash", "tokens", True,
                lambda found: found.per_crash.get("tokens")),
        Measure("repeated_usd_per_crash", "money spent again per crash", "USD", True,
                lambda found: found.per_crash.get("usd")),
        Measure("assignment_ms", "waiting for a worker or a request", "ms", True,
                lambda found: _scaled(found.parts_us.get("assignment"))),
    )
}  # fmt: skip

DEFAULT: Final = ("p50_ms", "p99_ms", "completed", "duplicates_per_million")


def measured(estimates: Estimates, names: tuple[str, ...]) -> dict[str, Interval | None]:
    """The figures of those names; KeyError if there is none of that name."""
    return {name: MEASURES[name].of(estimates) for name in names}
