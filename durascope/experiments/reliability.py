"""Faults at the rates at which things really fail: laid over a long load, or, for rare ones, weighed.

A crash once a month hits one run of a million: waiting for it in a simulation tells little. So a single run is crashed
once in each stretch between two of its events, and what that leads to is weighed with how long the stretch is (a crash
falls into it with probability length / MTBF). Both ways estimate the same figures; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from durascope.experiments.metrics import delay_ms
from durascope.experiments.statistics import Interval, mean
from durascope.models.durations import parse_duration
from durascope.models.faults import Crash, Fault, Outage
from durascope.models.problems import suggestion
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.units import MILLISECOND, Misread
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.simulate import simulate

MTTR_US: Final = 60_000_000
"""How long something is down where nothing says so (1 min)."""
MOST_FAULTS: Final = 10_000
MILLION: Final = 1_000_000
SEEDS: Final = 5


class RatesError(ValueError):
    """Rates that cannot be used; its text says why and what to write instead."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often things fail, and for how long: by `app`, `engine`, a worker's or a service's name, in microseconds."""

    mtbf: Mapping[str, int]
    """Mean time between two failures."""
    mttr: Mapping[str, int]
    """Time to repair."""

    @classmethod
    def parse(cls, mtbf: str, mttr: str | None, scenario: Scenario) -> Rates:
        """`app=30d,stripe=7d` and `2s`, or `app=2s,stripe=5m`. Raises `RatesError`."""
        between = _pairs("--mtbf", mtbf)
        known = (*_processes(scenario), *scenario.services)
        for name in between:
            if name not in known:
                raise RatesError(f"--mtbf: there is no {name!r} here; {suggestion(name, known, 'what can fail')}")
        if mttr is None:
            return cls(between, dict.fromkeys(between, MTTR_US))
        if "=" not in mttr:
            return cls(between, dict.fromkeys(between, _duration("--mttr", mttr)))
        repair = _pairs("--mttr", mttr)
        strange = next((name for name in repair if name not in between), None)
        if strange is not None:
            raise RatesError(f"--mttr: {strange!r} has no --mtbf")
        return cls(between, {name: repair.get(name, MTTR_US) for name in between})

    def faults(self, scenario: Scenario, seed: int, until: int) -> tuple[Fault, ...]:
        """A Poisson process of faults for each thing that fails, up to `until`. Raises `RatesError` for too many."""
        luck = Luck(seed)
        found: list[tuple[int, Fault]] = []
        for name, between in self.mtbf.items():
            at, number = 0, 0
            while True:
                number += 1
                at += self.mttr[name] * (number > 1) + _exponential(luck("mtbf", name, number), between)
                if at >= until:
                    break
                if len(found) >= MOST_FAULTS:
                    raise RatesError(f"more than {MOST_FAULTS:,} faults in this load: a longer --mtbf, or fewer runs")
                found.append((at, self.fault(scenario, name, at)))
        return tuple(fault for _, fault in sorted(found, key=lambda each: each[0]))

    def fault(self, scenario: Scenario, name: str, at: int) -> Fault:
        """The failure of that name at that time."""
        for_ = f"{self.mttr[name]}us"
        if name in scenario.services:
            return Outage.model_validate({"outage": name, "at": f"{at}us", "for": for_})
        return Crash.model_validate({"crash": name, "at": f"{at}us", "down_for": for_})


def _processes(scenario: Scenario) -> tuple[str, ...]:
    workers = scenario.deployments.temporal.workers
    return ("app", "engine", *(worker.name for worker in workers))


def _pairs(option: str, text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in text.split(","):
        name, equals, duration = part.strip().rpartition("=")
        if not equals or not name:
            raise RatesError(f"{option}: {part.strip()!r} is not NAME=DURATION, for instance app=30d")
        found[name] = _duration(option, duration)
    return found


def _duration(option: str, text: str) -> int:
    try:
        found = parse_duration(text.strip())
    except Misread as error:
        raise RatesError(f"{option}: {error}") from None
    if found <= 0:
        raise RatesError(f"{option}: {text} is not a positive time: write a duration above zero")
    return found


def _exponential(u: float, expected: int) -> int:
    from math import log1p

    return max(1, round(-log1p(-u) * expected))


# ---- rare faults, weighed --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expected:
    """What one kind of fault costs, per run, at its rate."""

    target: str
    duplicates_per_million: Interval
    delay_us: Interval
    """Added to a run on average."""
    lost_per_million: Interval
    """Runs that do not complete because of it."""
    simulated: int
    """How many points were simulated."""


def expected(scenario: Scenario, engine: str, rates: Rates, *, seed: int = 0, seeds: int = SEEDS) -> list[Expected]:
    """What the faults cost at their rates, each alone: every stretch between two events of a run is crashed once."""
    workload = scenario.workload.model_copy(update={"runs": 1})
    single = scenario.model_copy(update={"faults": (), "workload": workload})
    return [_expected(single, engine, rates, target, range(seed, seed + seeds)) for target in rates.mtbf]


def _expected(single: Scenario, engine: str, rates: Rates, target: str, seeds: Sequence[int]) -> Expected:
    duplicates: list[float] = []
    delays: list[float] = []
    lost: list[float] = []
    simulated = 0
    for seed in seeds:
        calm = simulate(single, engine, seed=seed, full=True, records=False)
        per_run = [0.0, 0.0, 0.0]
        for at, length in _stretches(calm):
            disturbed = single.model_copy(update={"faults": (rates.fault(single, target, at),)})
            struck = simulate(disturbed, engine, seed=seed, full=False, records=False)
            simulated += 1
            weight = length / rates.mtbf[target]
            per_run[0] += weight * (_twice(struck) - _twice(calm))
            per_run[1] += weight * (delay_ms(struck, calm) or 0.0) * MILLISECOND
            per_run[2] += weight * (_completed(calm) - _completed(struck))
        duplicates.append(per_run[0] * MILLION)
        delays.append(per_run[1])
        lost.append(per_run[2] * MILLION)
    twice, late, gone = mean(duplicates), mean(delays), mean(lost)
    assert twice is not None
    assert late is not None
    assert gone is not None
    return Expected(target, twice, late, gone, simulated)


def _stretches(calm: Trace) -> Iterator[tuple[int, int]]:
    """The middle and the length of each stretch between two events of the run, from its start to its end."""
    run = calm.started[0]
    end = calm.ended_at if run.ended_at is None else run.ended_at
    times = sorted({min(max(event.at, run.started_at), end) for event in calm.events} | {run.started_at, end})
    for low, high in pairwise(times):
        yield (low + high) // 2, high - low


def _twice(trace: Trace) -> float:
    return trace.counters.get("duplicate_effects", 0.0)


def _completed(trace: Trace) -> int:
    return sum(run.status == "completed" for run in trace.started)
