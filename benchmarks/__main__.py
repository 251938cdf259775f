"""All figures at once: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import chain
from typing import Any

from benchmarks import player
from benchmarks.bars import Bar
from benchmarks.decisions import command, figures
from benchmarks.pages import figures as pages
from durascope.models.engine import compared


def measured(engine: str, runs: int, steps: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.load", engine, str(runs), str(steps)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def timed(*arguments: str, times: int = 5) -> float:
    """The best of several cold starts of the command, in seconds."""
    best = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "durascope", *arguments], check=False, capture_output=True)
        best = min(best, time.perf_counter() - begun)
    return best


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    say("10,000 order-fulfillment runs at 50/s, metrics only (at most 5 s, 300 MB, 6 raw SimPy timeouts an event)")
    for engine in compared():
        all_runs, quarter = measured(engine, 10_000, 0), measured(engine, 2_500, 0)
        growth = all_runs["seconds"] / quarter["seconds"] / 4
        say(
            f"  {engine:9} {all_runs['seconds']:6.2f} s  {all_runs['peak_mb']:4} MB  {all_runs['events']:9,} events"
            f"  {all_runs['us_per_event']:5.2f} µs an event = {all_runs['timeouts_per_event']:.1f} timeouts"
            f"  cost of a run at 10,000 over 2,500: {growth:.2f}"
        )
    say("durascope run with 10,000 runs, faults and the undisturbed twin (at most 1.6 of the above each, 12 s for all)")
    for engine in compared():
        say(f"  {engine:9} {command(engine):6.2f} s")
    say(f"  all       {command(*compared()):6.2f} s")
    fewer, more = measured("temporal", 60_000, 0), measured("temporal", 100_000, 0)
    say(f"peak memory of 60,000 and 100,000 runs: {fewer['peak_mb']} and {more['peak_mb']} MB")
    say("a workflow of 1,000 steps over one of 100, cost of a step (1.0 is linear)")
    for engine in compared():
        long, short = measured(engine, 5, 1_000), measured(engine, 50, 100)
        say(f"  {engine:9} {long['seconds'] / short['seconds']:.2f}")
    say("many simulations (explore: at most 1 s and 8 s; processes: 1.9)")
    for line in figures():
        say(line)
    say("cold starts, best of five")
    say(f"  durascope --help                   {timed('--help'):.2f} s (at most 0.3)")
    say(f"  durascope run order-fulfillment    {timed('run', 'order-fulfillment'):.2f} s (at most 1)")
    sys.exit(0 if the_player() else 1)


def the_player() -> bool:
    """Its figures; whether they all hold."""
    say("the player: its pages, and in Chromium, if there is one")
    missed = 0
    for figure in chain(pages(), player.figures()):
        say(str(figure))
        missed += isinstance(figure, Bar) and not figure.held
    return missed == 0


if __name__ == "__main__":
    main() if sys.argv[1:] != ["player"] else sys.exit(0 if the_player() else 1)
