"""Points: the disturbances of a trace. They are read off it, never typed.

A point is a step's moment × attempt × (whoever acts, the engine), or an event × (the process in whose lane it is, each
other process once, the engine). Events after which a process dies at one and the same place are one point (`places`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from durascope.experiments.exploration.disturbances import (
    Disturbance,
    NothingToExplore,
    What,
    downs,
    of,
)
from durascope.models.faults import Deploy
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.workload import MOMENTS
from durascope.simulators.places import ENGINE, Process, Undisturbed, same_places

AFTER: Final = "after"


def points(
    scenario: Scenario,
    undisturbed: Undisturbed,
    whats: Sequence[What],
    *,
    down_us: int | None = None,
    events: bool = True,
    merge: bool = True,
) -> Iterator[Disturbance]:
    """Every disturbance of these kinds at every point of the undisturbed simulation, in the order of the trace.

    Without `events` only the moments of steps are points; without `merge` no two events are one. Raises
    `NothingToExplore`.
    """
    yield from at_moments(scenario, undisturbed.trace, whats, down_us=down_us)
    for what in whats if events else ():
        yield from _at_events(scenario, undisturbed, what, downs(scenario, down_us), merge=merge)


def at_moments(
    scenario: Scenario, trace: Trace, whats: Sequence[What], *, down_us: int | None = None, since: int = 0
) -> Iterator[Disturbance]:
    """Every disturbance at each moment of each attempt of each step that first passes from that event on.

    Raises `NothingToExplore`.
    """
    if "deploy" in whats and not _deploys(scenario):
        raise NothingToExplore("there is no deploy to explore: the scenario has no fault `deploy` with a change")
    times = downs(scenario, down_us)
    for (step, attempt, moment), number in _moments(trace).items():
        if number < since:
            continue
        when = {"step": step, "attempt": attempt, "moment": moment}
        for what in whats:
            for target, down, fault in _faults(scenario, what, times):
                yield of(
                    what, fault, when, target=target, step=step, moment=moment, attempt=attempt, down_us=down,
                    at_us=trace.events[number].at,
                )  # fmt: skip


def _moments(trace: Trace) -> dict[tuple[str, int, str], int]:
    """Each moment of each attempt of each step, of any run once, and the number of its event."""
    seen: dict[tuple[str, int, str], int] = {}
    for number, event in enumerate(trace.events):
        if event.step is not None and event.kind.value in MOMENTS:
            seen.setdefault((event.step, event.attempt or 1, event.kind.value), number)
    return seen


def _deploys(scenario: Scenario) -> list[Deploy]:
    return [fault for fault in scenario.faults if isinstance(fault, Deploy)]


def _faults(scenario: Scenario, what: What, times: Sequence[int]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """(target, how long, the fault without its moment)."""
    match what:
        case "crash":
            for target in ("app", ENGINE):
                for down in times:
                    yield target, down, _fault(what, target, down)
        case "graceful":
            yield "app", times[0], _fault(what, "app", times[0])
        case "hang":
            yield "app", times[-1], _fault(what, "app", times[-1])
        case "cut":
            for down in times:
                yield "app and engine", down, {"cut": ["app", ENGINE], "for": f"{down}us"}
        case "outage":
            for service in scenario.services:
                yield service, times[0], {"outage": service, "for": f"{times[0]}us"}
        case "deploy":
            for deploy in _deploys(scenario):
                yield deploy.deploy, 0, {key: value for key, value in _plain(deploy).items() if key != "at"}
        case "cancel":
            yield scenario.started[0], 0, {"operator": "cancel", "to": 1}


def _fault(what: What, target: str, down: int) -> dict[str, Any]:
    """A fault of a process, without its moment."""
    match what:
        case "hang":
            return {"hang": target, "for": f"{down}us"}
        case "graceful":
            return {"crash": target, "down_for": f"{down}us", "graceful": True}
        case _:
            return {"crash": target, "down_for": f"{down}us"}


def _plain(fault: Deploy) -> dict[str, Any]:
    return {k: v for k, v in fault.model_dump(mode="json", by_alias=True, exclude_unset=True).items() if k != "when"}


def _at_events(
    scenario: Scenario, undisturbed: Undisturbed, what: What, times: Sequence[int], *, merge: bool
) -> Iterator[Disturbance]:
    """Whoever acts and the engine, for each time down; the processes that do not act, for the longest."""
    if what in ("cut", "deploy"):
        faults = list(_faults(scenario, what, times))
        for number in range(over(undisturbed.trace) + 1):
            for target, down, fault in faults:
                yield _after(what, undisturbed.trace, fault, target, None, number, number, down)
        return
    for process, number, until, down in _in_processes(undisturbed, what, times, merge=merge):
        fault = _fault(what, process.name, down)
        named = fault if process.replica is None else {**fault, "replica": process.replica}
        yield _after(what, undisturbed.trace, named, process.name, process.replica, number, until, down)


def _in_processes(
    undisturbed: Undisturbed, what: What, times: Sequence[int], *, merge: bool
) -> Iterator[tuple[Process, int, int, int]]:
    """(who, after which event, the last that is the same point, for how long)."""
    if what in ("outage", "cancel"):
        return  # a service's and a user's part: what matters is the step that it meets
    last = over(undisturbed.trace)
    for process in undisturbed.processes:
        if process.name == ENGINE and what != "crash":
            continue
        groups = same_places(undisturbed, process) if merge else ((n, n) for n in range(len(undisturbed.trace.events)))
        for number, until in groups:
            if number > last:
                break
            acts = process.name == ENGINE or _acts(undisturbed, process, number)
            for down in _times(what, times, acts=acts):
                yield process, number, until, down


def _after(
    what: What,
    trace: Trace,
    fault: dict[str, Any],
    target: str,
    replica: int | None,
    number: int,
    until: int,
    down: int,
) -> Disturbance:
    return of(
        what, fault, {"event": number}, target=target, step=None, moment=AFTER, attempt=None, down_us=down,
        replica=replica, event=number, until=until, at_us=trace.events[number].at,
    )  # fmt: skip


def after_event(trace: Trace, target: str, number: int, down: int) -> Disturbance:
    """A crash of whoever acts, or of the engine, after one event of that trace."""
    return _after("crash", trace, _fault("crash", target, down), target, None, number, number, down)


def _acts(undisturbed: Undisturbed, process: Process, number: int) -> bool:
    return undisturbed.trace.events[number].lane in process.lanes


def _times(what: What, times: Sequence[int], *, acts: bool) -> Sequence[int]:
    match what:
        case "hang":
            return times[-1:]
        case "graceful":
            return times[:1]
        case _:
            return times if acts else times[-1:]


def over(trace: Trace) -> int:
    """The last event at which a run is open; later ones are of processes that have nothing to do."""
    ends = [run.ended_at for run in trace.started]
    if not ends or None in ends:
        return len(trace.events) - 1
    end = max(end for end in ends if end is not None)
    return max(number for number, event in enumerate(trace.events) if event.at <= end)


def how_many(
    scenario: Scenario,
    undisturbed: Undisturbed,
    whats: Sequence[What],
    *,
    down_us: int | None = None,
    events: bool = True,
    merge: bool = True,
) -> int:
    """How many points `points` yields, without making them."""
    count = sum(1 for _ in at_moments(scenario, undisturbed.trace, whats, down_us=down_us))
    times = downs(scenario, down_us)
    for what in whats if events else ():
        if what in ("cut", "deploy"):
            count += (over(undisturbed.trace) + 1) * sum(1 for _ in _faults(scenario, what, times))
        else:
            count += sum(1 for _ in _in_processes(undisturbed, what, times, merge=merge))
    return count
