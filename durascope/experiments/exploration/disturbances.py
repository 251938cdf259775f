"""Disturbances: what breaks, at which point of the undisturbed trace. Points are read off the trace, never typed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, get_args

from durascope.models.durations import format_duration
from durascope.models.faults import Deploy, Fault
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.models.workload import MOMENTS
from durascope.models.writing import as_plain

What = Literal["crash", "graceful", "hang", "cut", "outage", "deploy", "cancel"]
WHATS: Final[tuple[What, ...]] = get_args(What)

SHORT_US: Final = 50_000
"""A short time down: back before anybody notices."""
MARGIN_US: Final = 5_000_000
_LONGEST_US: Final = 10_000_000


class NothingToExplore(ValueError):
    """An exploration that cannot be made; its text says why."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that breaks, once; a value that can be sent between processes."""

    what: What
    target: str
    """app, engine, a worker's or a service's name, or the workflow."""
    step: str | None
    moment: str
    """A step's moment, or `at 350ms`."""
    attempt: int | None
    down_us: int
    fault: str
    """The fault, or the workload's event, as JSON that `--set` takes."""

    @property
    def phrase(self) -> str | None:
        """The words of `--crash`; None where only `--set` can say it."""
        if self.what != "crash" or "replica" in self.fault:
            return None
        where = self.moment if self.step is None else f"{self.moment} {self.step}"
        attempt = f" attempt {self.attempt}" if self.attempt not in (None, 1) else ""
        return f"{self.target} {where}{attempt} down {format_duration(self.down_us)}"

    @property
    def words(self) -> str:
        """For people: `app crash after-effect charge-payment, down 50ms`."""
        where = self.moment if self.step is None else f"{self.moment} {self.step}"
        attempt = f" (attempt {self.attempt})" if self.attempt not in (None, 1) else ""
        down = f", {format_duration(self.down_us)}" if self.down_us else ""
        return f"{self.target} {self.what} {where}{attempt}{down}"

    def applied_to(self, scenario: Scenario) -> Scenario:
        """The scenario with this disturbance, beside the faults that it has."""
        plain = as_plain(scenario)
        if self.what == "cancel":
            plain["workload"].setdefault("events", []).append(json.loads(self.fault))
        else:
            plain.setdefault("faults", []).append(json.loads(self.fault))
        return Scenario.model_validate(plain)


def calm(scenario: Scenario) -> Scenario:
    """The scenario without its faults: what is explored is what they, or any others, can do to it."""
    return scenario.model_copy(update={"faults": ()})


def long_us(scenario: Scenario) -> int:
    """A long time down: longer than the longest timeout and heartbeat of the scenario."""
    limits = [scenario.deployments.temporal.step_timeout or 0, scenario.deployments.temporal.workflow_task_timeout or 0]
    for _, step in scenario.runs():
        limits.append(step.timeout or 0)
        limits.append(step.heartbeat.timeout if step.heartbeat is not None else 0)
    return max(_LONGEST_US, *limits) + MARGIN_US


def disturbances(
    scenario: Scenario, trace: Trace, whats: Sequence[What], *, down_us: int | None = None, between: bool = True
) -> list[Disturbance]:
    """Every disturbance of these kinds at every point of the undisturbed trace.

    Points are the moments of each attempt of each step and, with `between`, one time in each stretch between two
    events, at which the process that acted last dies, or the engine. Raises `NothingToExplore`.
    """
    downs = (SHORT_US, long_us(scenario)) if down_us is None else (down_us,)
    deploys = [fault for fault in scenario.faults if isinstance(fault, Deploy)]
    if "deploy" in whats and not deploys:
        raise NothingToExplore("there is no deploy to explore: the scenario has no fault `deploy` with a change")
    found: list[Disturbance] = []
    for step, attempt, moment in _moments(trace):
        when = {"step": step, "attempt": attempt, "moment": moment}
        for what in whats:
            for target, down, fault in _faults(scenario, what, downs, deploys):
                found.append(
                    Disturbance(what, target, step, moment, attempt, down, json.dumps({**fault, "when": when}))
                )
    if between and "crash" in whats:
        for at, lane in _stretches(trace):
            for down in downs:
                for target, named in _processes(scenario, trace, lane):
                    fault = {**named, "at": f"{at}us", "down_for": f"{down}us"}
                    moment = f"at {format_duration(at)}"
                    found.append(Disturbance("crash", target, None, moment, None, down, json.dumps(fault)))
    return list(dict.fromkeys(found))


def _moments(trace: Trace) -> Iterator[tuple[str, int, str]]:
    """Each moment of each attempt of each step, in the order of the trace, of any run once."""
    seen: dict[tuple[str, int, str], None] = {}
    for event in trace.events:
        if event.step is not None and event.kind.value in MOMENTS:
            seen.setdefault((event.step, event.attempt or 1, event.kind.value))
    yield from seen


def _faults(
    scenario: Scenario, what: What, downs: Sequence[int], deploys: Sequence[Deploy]
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """(target, how long, the fault without its moment)."""
    match what:
        case "crash":
            for target in ("app", "engine"):
                for down in downs:
                    yield target, down, {"crash": target, "down_for": f"{down}us"}
        case "graceful":
            yield "app", downs[0], {"crash": "app", "down_for": f"{downs[0]}us", "graceful": True}
        case "hang":
            yield "app", downs[-1], {"hang": "app", "for": f"{downs[-1]}us"}
        case "cut":
            for down in downs:
                yield "app and engine", down, {"cut": ["app", "engine"], "for": f"{down}us"}
        case "outage":
            for service in scenario.services:
                yield service, downs[0], {"outage": service, "for": f"{downs[0]}us"}
        case "deploy":
            for deploy in deploys:
                plain: dict[str, Any] = {**_plain(deploy), "at": None}
                yield deploy.deploy, 0, {key: value for key, value in plain.items() if value is not None}
        case "cancel":
            yield scenario.started[0], 0, {"operator": "cancel", "to": 1}


def _plain(fault: Fault) -> dict[str, Any]:
    return {k: v for k, v in fault.model_dump(mode="json", by_alias=True, exclude_unset=True).items() if k != "when"}


def _stretches(trace: Trace) -> Iterator[tuple[int, str]]:
    """The middle of each stretch between two events, and the lane of what happened last before it."""
    times = sorted({event.at for event in trace.events})
    lanes = {event.at: event.lane for event in trace.events}
    ends = [run.ended_at for run in trace.started]
    over = max((end for end in ends if end is not None), default=trace.ended_at) if None not in ends else trace.ended_at
    for low, high in pairwise(times):
        if high - low > 1 and low < over:
            yield (low + high) // 2, lanes[low]


def _processes(scenario: Scenario, trace: Trace, lane: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The engine, and the process of the app that acted last: (name, the fault's own fields)."""
    yield "engine", {"crash": "engine"}
    numbered = re.fullmatch(r"(.+?)-(\d+)", lane)
    workers = {worker.name for worker in scenario.deployments.temporal.workers} if trace.engine == "temporal" else set()
    if numbered is not None and numbered[1] in workers:
        yield lane, {"crash": numbered[1], "replica": int(numbered[2])}
    elif lane in _apps(trace):
        yield "app", {"crash": "app"}


def _apps(trace: Trace) -> frozenset[str]:
    return frozenset(event.lane for _, event in trace.of_kind(Kind.STEP_STARTED, Kind.WORK_STARTED))
