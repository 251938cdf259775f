"""The limits of a simulation: what ends one that would never end by itself, and how that is said.

A simulation ends by itself when nothing is left to happen but daemons. Each `StopReason` is another end: runs that
are open then are not followed any further, which the trace says of each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from durascope.models.phrases import spell
from durascope.models.trace import Stopped, StopReason

DAY: Final = 86_400_000_000
"""Microseconds."""

HORIZON_US: Final = 400 * DAY
"""No simulation goes on for longer than this (400 days)."""

HOPELESS_ATTEMPT: Final = 1_000
"""A run whose step has been attempted this many times is not followed any further: it retries for ever."""

WINDOW: Final = 30_000
"""Callbacks after which the world looks whether anything durable has changed, or is still to come."""

HOPELESS_WINDOW: Final = 3_000
"""The same once a run is hopeless."""

MOST_CALLBACKS_IN_VAIN: Final = 1_500_000
"""Callbacks without durable progress after which nothing is waited for, not even a timer that is set."""

MOST_CALLBACKS_AT_ONE_MOMENT: Final = 150_000
"""The same where the clock does not even advance."""

MOST_RUNS: Final = 5_000
MOST_RUNS_EACH: Final = 20
"""This many runs are followed, and this many more for each of the workload."""

MOST_CALLBACKS: Final = 5_000_000
MOST_CALLBACKS_EACH: Final = 50_000
"""This many callbacks are simulated, and this many more for each run of the workload."""

DEEPEST: Final = 200
"""A run that was begun by a run that was begun by a run …, this many levels deep, is the last one that is followed."""

MOST_EVENTS: Final = 300_000
"""A trace keeps no more events than this; later ones are counted only."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one simulation may use."""

    runs: int
    callbacks: int

    @staticmethod
    def of(workload_runs: int) -> Limits:
        return Limits(MOST_RUNS + MOST_RUNS_EACH * workload_runs, MOST_CALLBACKS + MOST_CALLBACKS_EACH * workload_runs)


def stopped(reason: StopReason, at: int, limits: Limits) -> Stopped:
    """The end, in words."""
    why = {
        StopReason.HORIZON: f"what comes next is later than the {HORIZON_US // DAY} days that are simulated",
        StopReason.RUNS: f"more than {limits.runs:,} runs have begun",
        StopReason.DEPTH: f"runs have begun runs {DEEPEST} levels deep",
        StopReason.RETRIES: "every open run only repeats an attempt that fails",
        StopReason.NO_PROGRESS: "what still happens changes nothing durable, and nothing else is still to come",
        StopReason.IN_VAIN: (
            f"{MOST_CALLBACKS_IN_VAIN:,} callbacks in a row have changed nothing durable, although a timer is set"
        ),
        StopReason.CLOCK: (
            f"{MOST_CALLBACKS_AT_ONE_MOMENT:,} callbacks in a row, all at this moment, have changed nothing durable"
        ),
        StopReason.CALLBACKS: f"{limits.callbacks:,} callbacks have been simulated",
    }[reason]
    return Stopped(reason, at, f"The simulation stops at {spell(at)}: {why}.")
