"""A comparison's three sentences."""

from __future__ import annotations

from typing import Any

from durascope.render.answer import answer


def compared(means_ms: dict[str, float], apart_ms: float, *, shown: bool = True) -> dict[str, Any]:
    """What `compare` found of two engines: no duplicates, all completed, no prices."""

    def figure(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 100, "high": value + 100}

    rates = {"duplicates_per_million": figure(0), "stuck": figure(0), "failed": figure(0)}
    return {
        "engines": {name: {"latency_ms": {"mean": figure(ms)}, **rates} for name, ms in means_ms.items()},
        "differences": [{"engine": "inngest", "other": "temporal", "shown": shown, "ms": figure(apart_ms)}],
        "faults": True,
        "costs": {},
        "runs_per_month": 1,
    }


def how_long(data: dict[str, Any]) -> str:
    return answer(data, str.title)[1]


def test_means_that_read_differently_are_told_one_by_one() -> None:
    told = how_long(compared({"temporal": 5_000, "inngest": 9_000}, 4_000))
    assert told == "A run takes, on average and with the faults, 5 ± 0.1 s on Temporal and 9 ± 0.1 s on Inngest."


def test_means_that_read_alike_because_of_a_long_wait_are_told_with_their_distance() -> None:
    hours = 3 * 3_600_000.0
    told = how_long(compared({"temporal": hours, "inngest": hours + 2_000}, 2_000))
    assert "3 h on each engine; Inngest takes 2 ± 0.1 s longer than Temporal." in told
    told = how_long(compared({"temporal": hours, "inngest": hours + 10}, 10, shown=False))
    assert "3 h on each engine; between Inngest and Temporal the data shows no difference." in told
