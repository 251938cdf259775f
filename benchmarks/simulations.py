"""How long one simulation takes, and the commands that make one, as a user waits for them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from benchmarks.bars import Bar
from durascope.models.engine import compared

RUNS: Final = 10_000
SECONDS: Final = 5
MEGABYTES: Final = 300
TIMEOUTS: Final = 6
"""Raw SimPy timeouts that an event of the trace may cost."""
LINEAR: Final = 1.25
"""What four times the runs, or ten times the steps, may cost more for each: 1 is linear."""
COMMAND: Final = 1.6
"""The command's wall time over one simulation's, though it makes two: with and without faults."""
COMMAND_SECONDS: Final = 12


def simulate() -> Iterator[Bar]:
    """10,000 order-fulfillment runs at 50/s, metrics only."""
    for engine in compared():
        found = _simulated(engine, RUNS)
        yield Bar(f"10,000 runs, {engine}", found["seconds"], SECONDS, "s", f"{found['events']:,} events")
        yield Bar("  peak memory", found["peak_mb"], MEGABYTES, "MB")
        more = f"{found['us_per_event']} µs an event"
        yield Bar("  an event, in raw SimPy timeouts", found["timeouts_per_event"], TIMEOUTS, "", more)


def growth() -> Iterator[Bar]:
    """What more runs and longer workflows cost."""
    for engine in compared():
        ratio = _simulated(engine, RUNS)["seconds"] / _simulated(engine, RUNS // 4)["seconds"] / 4
        yield Bar(f"a run of 10,000 over one of 2,500, {engine}", ratio, LINEAR)
        ratio = _simulated(engine, 5, 1_000)["seconds"] / _simulated(engine, 50, 100)["seconds"]
        yield Bar("  a step of 1,000 over one of 100", ratio, LINEAR)
    yield Bar("peak memory of 100,000 runs, temporal", _simulated("temporal", 100_000)["peak_mb"], MEGABYTES, "MB")


def run() -> Iterator[Bar]:
    """`durascope run` with 10,000 runs, with faults and the undisturbed twin."""
    for engine in compared():
        took, alone = _command(engine), _simulated(engine, RUNS)["seconds"]
        yield Bar(f"10,000 runs over one simulation, {engine}", took / alone, COMMAND, "", f"{took:.1f} s")
    yield Bar("10,000 runs on each engine", _command(*compared()), COMMAND_SECONDS, "s")


def start() -> Iterator[Bar]:
    """Cold starts, each the best of five."""
    for line, most in (("--help", 0.3), ("run order-fulfillment", 1)):
        took = min(_durascope(*line.split()) for _ in range(5))
        yield Bar(f"durascope {line}", took, most, "s", "best of five")


@cache
def _simulated(engine: str, runs: int, steps: int = 0) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.load", engine, str(runs), str(steps)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _command(*engines: str) -> float:
    chosen = [part for engine in engines for part in ("-e", engine)]
    return _durascope("run", "order-fulfillment", "--runs", str(RUNS), "--rate", "50/s", *chosen)


def _durascope(*arguments: str) -> float:
    """The command's wall time in seconds."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "durascope", *arguments], check=True, capture_output=True)
    return time.perf_counter() - begun
