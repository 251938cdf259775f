"""One measured simulation in a process of its own: `python -m benchmarks.load ENGINE RUNS STEPS`.

Prints one JSON line: seconds, trace events, the cost of an event as a multiple of a raw SimPy timeout in the same
process, and the peak of the memory. STEPS 0 is the built-in order fulfillment at 50 runs a second; else one program
of so many steps, run after run.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Generator

import simpy

from durascope.models.loading import load
from durascope.models.scenario import Scenario, Workflow, Workload
from durascope.simulators.simulate import simulate


def raw_timeout_seconds(count: int = 200_000) -> float:
    """What one SimPy timeout costs here, at best of three."""

    def ticking(env: simpy.Environment) -> Generator[simpy.Event, None, None]:
        for _ in range(count):
            yield env.timeout(1)

    best = float("inf")
    for _ in range(3):
        env = simpy.Environment()
        env.process(ticking(env))
        begun = time.process_time()
        env.run()
        best = min(best, time.process_time() - begun)
    return best / count


def scenario(runs: int, steps: int) -> Scenario:
    built_in = load("order-fulfillment")
    assert isinstance(built_in, Scenario)
    rate = {"poisson": "50/s"} if not steps else {"every": "1s"}
    changes: dict[str, object] = {
        "workload": Workload.model_validate({"runs": runs, "arrivals": rate, "of": "fulfill-order"}),
        "faults": (),
    }
    if steps:
        program = [{"run": f"step-{number}", "takes": "5ms"} for number in range(steps)]
        changes["workflows"] = {"fulfill-order": Workflow.model_validate({"steps": program})}
    return built_in.model_copy(update=changes)


def main(engine: str, runs: int, steps: int) -> None:
    timeout = raw_timeout_seconds()
    asked = scenario(runs, steps)
    simulate(scenario(2, steps), engine, full=False, records=False)  # imports are no part of a run's cost
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    trace = simulate(asked, engine, full=False, records=False)
    seconds = time.process_time() - begun
    figures = {
        "engine": engine,
        "runs": runs,
        "steps": steps or 5,
        "seconds": round(seconds, 3),
        "events": trace.event_count,
        "us_per_event": round(seconds / trace.event_count * 1e6, 2),
        "timeouts_per_event": round(seconds / trace.event_count / timeout, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "mb_before": before // 1024,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
