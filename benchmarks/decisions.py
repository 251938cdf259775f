"""How long the commands take that simulate many times: explore, compare, sweep."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from durascope.experiments.exploration.explore import explore
from durascope.experiments.grid import Axis
from durascope.experiments.measures import DEFAULT
from durascope.experiments.pool import mapped
from durascope.experiments.study import study
from durascope.experiments.sweep import SEEDS, Task, compute, sweep
from durascope.models.loading import load_scenario
from durascope.models.overrides import Overrides

ENGINES = ("temporal", "inngest", "restate")


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = work()
    return time.perf_counter() - begun, found


def sweep_tasks(axis: Axis) -> list[Task]:
    """The points of a sweep, with nothing around them."""
    return [
        Task(
            load_scenario("order-fulfillment", Overrides((f"{axis.path}={value}",), (), None, None)),
            "restate", 0, SEEDS, DEFAULT,
        )
        for value in axis.values
    ]  # fmt: skip


def command(*engines: str) -> float:
    """The wall time of `durascope run` with 10,000 runs, as a user waits for it."""
    chosen = [part for engine in engines for part in ("-e", engine)]
    line = [sys.executable, "-m", "durascope", "run", "order-fulfillment", "--runs", "10000", "--rate", "50/s", *chosen]
    took, _ = seconds(lambda: subprocess.run(line, check=False, capture_output=True))
    return took


def figures() -> list[str]:
    """One line a figure."""
    asked = load_scenario("order-fulfillment")
    lines: list[str] = []
    for name, between in (("step moments", False), ("all single points", True)):
        took, found = seconds(partial(explore, asked, ENGINES, between=between, processes=2))
        points = sum(each.points for each in found.engines.values())
        lines.append(f"  explore, {name:18} {took:6.2f} s  {points:,} points  {took / points * 1e3:.2f} ms a point")
    took, found = seconds(partial(explore, asked, ENGINES, between=False, crashes=2, processes=2))
    pairs = sum(each.pairs.simulated for each in found.engines.values() if each.pairs)
    lines.append(f"  explore, pairs of moments   {took:6.2f} s  {pairs:,} pairs  {took / pairs * 1e3:.2f} ms a pair")
    one, _ = seconds(partial(explore, asked, ENGINES, between=True, processes=1))
    two, _ = seconds(partial(explore, asked, ENGINES, between=True, processes=2))
    lines.append(f"  explore, one process over two:   {one / two:.2f}")
    took, found = seconds(partial(study, asked, ENGINES))
    lines.append(f"  compare, {found.count} replications      {took:6.2f} s")
    axis = Axis("services.stripe.failures", tuple(f"{n / 10}%" for n in range(1, 201)))
    times: list[float] = []
    for processes in (1, 2):
        took, _ = seconds(
            lambda processes=processes: sweep(
                "order-fulfillment", [axis], ["restate"], mapper=partial(mapped, processes=processes)
            )
        )
        times.append(took)
    alone, _ = seconds(lambda: [compute(task) for task in sweep_tasks(axis)])
    lines.append(f"  sweep of 200 points, one process over the simulations alone: {times[0] / alone:.2f}")
    lines.append(f"  sweep of 200 points, one process over two: {times[0] / times[1]:.2f}  ({times[1]:.2f} s on two)")
    return lines
