"""Queues against queueing theory: M/M/c with Erlang's C, Little's law, and utilisation."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from typing import Any, Final

import pytest

from durascope.experiments.statistics import Interval, mean
from durascope.models.scenario import Scenario
from durascope.models.spans import spans
from durascope.models.trace import Kind, Trace
from durascope.simulators.simulate import simulate

SERVICE_S: Final = 0.1
RUNS: Final = 1_500
SEEDS: Final = 6
LOADS: Final = ((1, 0.5), (4, 0.8))
"""Servers, and their utilisation."""
QUEUES: Final = {"temporal": "steps", "inngest": "start", "queue": "jobs", "state-machine": "due rows"}


def deployment(engine: str, servers: int) -> dict[str, Any]:
    """One thing that is scarce: slots for activities, concurrency of a function, consumers, hands of a poller."""
    return {
        "temporal": {
            "workers": [
                {"name": "code", "runs": "workflows", "queue": "code"},
                {"name": "steps", "runs": "activities", "queue": "steps", "slots": servers},
            ]
        },
        "inngest": {"flow": {"concurrency": {"limit": servers}}},
        "queue": {"consumers": servers},
        "state-machine": {"at_once": servers, "poll_interval": "1ms"},
    }[engine]


@cache
def load(engine: str, servers: int, utilisation: float, seed: int) -> tuple[Scenario, Trace]:
    rate = utilisation * servers / SERVICE_S
    asked = Scenario.model_validate(
        {
            "scenario": "mmc",
            "workflows": {"w": {"steps": [{"run": "a", "takes": {"exponential": f"{SERVICE_S}s"}}]}},
            "deployments": {engine: deployment(engine, servers)},
            "workload": {"runs": RUNS, "arrivals": {"poisson": f"{rate}/s"}},
        }
    )
    return asked, simulate(asked, engine, seed=seed, full=True, records=False)


def erlang_c(servers: int, offered: float) -> float:
    """The probability that a job has to wait."""
    idle = sum(offered**k / math.factorial(k) for k in range(servers))
    busy = offered**servers / math.factorial(servers) * servers / (servers - offered)
    return busy / (idle + busy)


def expected_wait_s(servers: int, utilisation: float) -> float:
    return erlang_c(servers, utilisation * servers) * SERVICE_S / servers / (1 - utilisation)


def waits_s(engine: str, servers: int, utilisation: float, seed: int) -> list[float]:
    asked, trace = load(engine, servers, utilisation, seed)
    queued = [span for span in spans(trace, asked) if span.kind == "queued" and span.detail == QUEUES[engine]]
    return [span.lasts / 1e6 for span in queued]


def mean_wait_s(engine: str, servers: int, utilisation: float) -> Interval:
    means = [math.fsum(each) / len(each) for n in range(SEEDS) if (each := waits_s(engine, servers, utilisation, n))]
    found = mean(means)
    assert found is not None
    return found


def test_erlang_c_of_textbooks() -> None:
    assert erlang_c(1, 0.5) == pytest.approx(0.5)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("servers", "utilisation"), LOADS)
@pytest.mark.parametrize(("engine", "overhead_s"), [("temporal", 0.012), ("queue", 0.002), ("state-machine", 0.012)])
def test_tasks_wait_as_erlang_says(engine: str, overhead_s: float, servers: int, utilisation: float) -> None:
    """`overhead_s`: what a hand-over takes beside the work itself, which occupies the server, too."""
    wanted, found = expected_wait_s(servers, utilisation), mean_wait_s(engine, servers, utilisation)
    busier = utilisation * (1 + overhead_s / SERVICE_S)
    longer = expected_wait_s(servers, busier) * (1 + overhead_s / SERVICE_S) + overhead_s
    assert found.low <= longer
    assert found.high >= wanted


@pytest.mark.parametrize(("servers", "utilisation"), LOADS)
def test_inngest_never_runs_more_than_its_limit_and_tasks_wait_longer_than_erlang_says(
    servers: int, utilisation: float
) -> None:
    """A queue at its limit is looked at again after a pause: a free place is not taken at once."""
    assert mean_wait_s("inngest", servers, utilisation).low > expected_wait_s(servers, utilisation)
    _, trace = load("inngest", servers, utilisation, 0)
    running, most = 0, 0
    for event in trace.events:
        running += (event.kind is Kind.STEP_STARTED) - (event.kind is Kind.STEP_REPORTED)
        most = max(most, running)
    assert most == servers


@pytest.mark.parametrize(("servers", "utilisation"), LOADS)
@pytest.mark.parametrize("engine", list(QUEUES))
def test_little_s_law(engine: str, servers: int, utilisation: float) -> None:
    """The depth that the events show over time is the arrival rate times the mean wait that the spans show."""
    _, trace = load(engine, servers, utilisation, 0)
    depth, area, before, arrived = 0, 0, 0, Counter[str]()
    for event in trace.events:
        if event.kind in (Kind.TASK_QUEUED, Kind.TASK_PICKED_UP) and event.detail == QUEUES[engine]:
            area += depth * (event.at - before)
            before = event.at
            depth += 1 if event.kind is Kind.TASK_QUEUED else -1
            arrived[event.kind] += 1
    assert depth == 0
    waits = waits_s(engine, servers, utilisation, 0)
    assert arrived[Kind.TASK_QUEUED] == len(waits)
    assert area / 1e6 == pytest.approx(math.fsum(waits), rel=1e-6)


@pytest.mark.parametrize(("servers", "utilisation"), LOADS)
@pytest.mark.parametrize("engine", ["temporal", "queue", "state-machine"])
def test_servers_are_busy_for_as_long_as_the_work_takes(engine: str, servers: int, utilisation: float) -> None:
    shares: list[float] = []
    for seed in range(SEEDS):
        asked, trace = load(engine, servers, utilisation, seed)
        busy = sum(span.lasts for span in spans(trace, asked) if span.kind == "running")
        last = max(run.ended_at or 0 for run in trace.runs)
        shares.append(busy / last / servers)
    found = mean(shares)
    assert found is not None
    assert found.low <= utilisation <= found.high
