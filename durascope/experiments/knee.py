"""The knee of a load sweep: from which load on runs take longer, and where they then wait."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.experiments.statistics import Interval
from durascope.models.scenario import Scenario
from durascope.models.spans import ripe, spans
from durascope.models.units import MILLISECOND, SECOND
from durascope.models.workload import Workload
from durascope.simulators.simulate import simulate

TIMES: Final = 1.25
"""The knee is the first load at which the duration, with its whole interval, is above this many times the lightest
load's."""
FILLED: Final = 10
"""A load tells something about queues if its runs arrive over this many times the duration of one run."""
LOOKED_AT: Final = 3_000
"""At most this many runs are kept in full to see where tasks wait: fewer would not fill the queue."""


@dataclass(frozen=True, slots=True)
class Knee:
    """Where the load becomes too much for one engine."""

    engine: str
    at: str | None
    """The axis' value; None: nowhere in the sweep."""
    times: float
    """How many times as long a run takes there (or at the heaviest load) as under the lightest."""
    queue: str | None = None
    """The queue in which tasks wait longest there."""
    wait_ms: float = 0.0
    """How long, on average."""
    too_short_ms: float | None = None
    """No knee was found, but all runs arrive within so long, in which no queue could fill."""
    enough_runs: int | None = None
    """How many runs would fill one."""

    def as_json(self) -> dict[str, object]:
        return {
            "engine": self.engine, "at": self.at, "times": self.times, "queue": self.queue, "wait_ms": self.wait_ms,
            "too_short_ms": self.too_short_ms, "enough_runs": self.enough_runs,
        }  # fmt: skip


def knee_of(engine: str, series: Sequence[tuple[str, Interval | None, Scenario]], seed: int) -> Knee | None:
    """The knee in a series of (load, duration, scenario), the lightest load first; None: no run completed there."""
    found = [(load, interval, scenario) for load, interval, scenario in series if interval is not None]
    if not found or not found[0][1].value:
        return None
    lightest = found[0][1].value
    for load, interval, scenario in found:
        if interval.low > TIMES * lightest:
            queue, wait = _longest_wait(scenario, engine, seed)
            return Knee(engine, load, interval.value / lightest, queue, wait)
    _, heaviest, scenario = found[-1]
    between = _between_us(scenario.workload)
    lasts = None if between is None else scenario.workload.runs * between / MILLISECOND
    times = heaviest.value / lightest
    if lasts is None or between is None or lasts >= FILLED * heaviest.value:
        return Knee(engine, None, times)
    enough = math.ceil(FILLED * heaviest.value * MILLISECOND / between)
    return Knee(engine, None, times, too_short_ms=lasts, enough_runs=enough)


def _between_us(workload: Workload) -> float | None:
    """The mean time between two arrivals; None if they are not spread over time."""
    if workload.arrivals.poisson is not None:
        return SECOND / workload.arrivals.poisson
    return None if workload.arrivals.every is None else float(workload.arrivals.every)


def _longest_wait(scenario: Scenario, engine: str, seed: int) -> tuple[str | None, float]:
    """The queue with the longest mean wait, and that wait in ms."""
    workload = scenario.workload.model_copy(update={"runs": min(scenario.workload.runs, LOOKED_AT)})
    few = scenario.model_copy(update={"workload": workload})
    trace = simulate(few, engine, seed=seed, full=True, records=False)
    waits: Mapping[str, list[int]] = defaultdict(list)
    for span in ripe(spans(trace, few)):
        if span.kind == "queued":
            waits[span.detail or span.lane].append(span.lasts)
    means = {queue: sum(each) / len(each) for queue, each in waits.items()}
    if not means:
        return None, 0.0
    longest = max(means, key=lambda queue: means[queue])
    return longest, means[longest] / MILLISECOND
