"""Figures as people read them, with their 95 % intervals: `12 ± 0.1 s`, `29.5 to 33.5 s`, `0 (at most 9,332)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from durascope.models.phrases import spell

NONE: Final = "–"
MS: Final = 1_000
"""Microseconds in a millisecond, in which data has its durations."""


def figure(name: str, value: float | None) -> str:
    """A measure's value for people.

    >>> figure("p50_ms", 1234.5)
    '1.23 s'
    """
    if value is None:
        return "–"
    if name.endswith(("_ms", "_ms_per_crash")):
        return spell(value * MS)
    if "_usd" in name:
        return f"${value:,.4f}"
    if "_tokens" in name:
        return f"{value:,.0f}"
    if name.endswith("_per_million"):
        return f"{value:,.0f}"
    return f"{value:.1%}".replace(".0%", "%")


def between(ms: Mapping[str, float | None] | None) -> str:
    """A duration with its interval: `12 ± 0.1 s`, or `31.2 s (29.5 to 33.5 s)` where it is lopsided."""
    if ms is None or ms["value"] is None:
        return NONE
    text = spell(ms["value"] * MS)
    low, high, value = ms["low"], ms["high"], ms["value"]
    if low is None or high is None:
        return f"{text} ({span(ms)})"
    half = (high - low) / 2
    if half <= abs(value) / 500:
        return text
    number, _, unit = text.partition(" ")
    if abs((high + low) / 2 - value) > half / 5:
        return f"{text} ({span(ms).removesuffix(f' {unit}')})"
    if " " in unit:  # two units
        return f"{text} ± {spell(half * MS)}"
    reach = half / _UNIT_MS[unit]
    return f"{number} ± {reach:.2g} {unit}" if reach < 10 else f"{number} ± {reach:.0f} {unit}"


_UNIT_MS: Final = {"µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6, "d": 8.64e7}


def span(ms: Mapping[str, float | None]) -> str:
    """From the low to the high bound: `29.5 to 33.5 s`."""
    low, high = ms["low"], ms["high"]
    if low is None and high is None:
        return "no interval from a single value"
    if high is None:
        return f"over {spell((low or 0) * MS)}"
    lowest, highest = spell((low or 0) * MS), spell(high * MS)
    if lowest == highest:
        return lowest
    number, unit = lowest.rsplit(" ", 1) if " " in lowest else (lowest, "")
    short = number if highest.endswith(f" {unit}") and " " not in number else lowest
    return f"{short} to {highest}"


def absolute(ms: Mapping[str, float | None]) -> Mapping[str, float | None]:
    value = ms["value"] or 0.0
    if value >= 0:
        return ms
    low, high = ms["low"], ms["high"]
    return {"value": -value, "low": None if high is None else -high, "high": None if low is None else -low}


def share(found: Mapping[str, float] | None) -> str:
    if found is None:
        return NONE
    text = f"{found['value']:.1%}".replace(".0%", "%")
    if found["value"] == 1:
        return f"{text} (at least {found['low']:.1%})"
    if found["value"] == 0:
        return f"{text} (at most {found['high']:.1%})"
    return f"{text} ({found['low']:.1%} to {found['high']:.1%})"


def count(found: Mapping[str, float | None] | None) -> str:
    if found is None or found["value"] is None:
        return NONE
    value, low, high = found["value"], found["low"], found["high"]
    if not value:
        return "0" if not high else f"0 (at most {high:,.0f})"
    if value < 10:
        return (
            f"{value:.3g}"
            if low == high
            else f"{value:.2g}"
            if low is None or high is None
            else f"{value:.2g} ({max(low, 0.0):.2g} to {high:.2g})"
        )
    if low is None or high is None or low == high:
        return f"{value:,.0f}"
    return f"{value:,.0f} ± {(high - low) / 2:,.0f}"


def some(found: Mapping[str, float | None] | None) -> str:
    """A mean count; nothing where it is 0."""
    return count(found) if found is not None and found["value"] else NONE


def amount(found: Mapping[str, float | None] | None, unit: str = "") -> str:
    """A quantity of a month with its interval: `0.34 ± 0.01`, `28 GB`."""
    if found is None or found["value"] is None:
        return NONE
    value, low, high = found["value"], found["low"], found["high"]
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2g}"
    if low is None or high is None or high - low < abs(value) / 100:
        return f"{text}{unit}"
    half = (high - low) / 2
    return f"{text} ± {half:.0f}{unit}" if half >= 10 else f"{text} ± {half:.1g}{unit}"


def money(found: Mapping[str, float | None] | None) -> str:
    if found is None or not found["value"]:
        return NONE
    low, high = found["low"], found["high"]
    text = f"${found['value']:.4f}"
    return text if low is None or high is None or low == high else f"{text} ({low:.4f} to {high:.4f})"


def usd(amount: float) -> str:
    return f"${amount:,.2f}"


def dollars(found: Mapping[str, float | None] | None) -> str:
    """A month's bill with its interval: `$386.03 ± 0.82`; without one where it would not show."""
    if found is None or found["value"] is None:
        return NONE
    text, low, high = usd(found["value"]), found["low"], found["high"]
    if low is None or high is None:
        return f"{text} ({'over' if high is None else 'up to'} {usd((low if high is None else high) or 0.0)})"
    half = (high - low) / 2
    if half < 0.005:
        return text
    if abs((low + high) / 2 - found["value"]) > half / 5:
        return f"{text} ({low:,.2f} to {high:,.2f})"
    return f"{text} ± {half:,.2f}"


def plainly(found: Mapping[str, float | None] | None) -> str:
    """A quantity of a run with its interval: `11.02 ± 0.018`, `3,308`."""
    if found is None or found["value"] is None:
        return NONE
    value, low, high = found["value"], found["low"], found["high"]
    text = f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
    half = 0.0 if low is None or high is None else (high - low) / 2
    return text if half <= abs(value) / 2000 else f"{text} ± {half:,.2g}" if half < 10 else f"{text} ± {half:,.0f}"


def listed(names: Sequence[str], word: str) -> str:
    """The names as words list them, `word` before the last.

    >>> listed(["run 1", "run 2", "run 3"], "and")
    'run 1, run 2 and run 3'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
