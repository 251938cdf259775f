"""Disturbances: what breaks, to whom, and when; values that can be sent between processes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from durascope.models.attempt_limits import start_to_close
from durascope.models.durations import format_duration
from durascope.models.faults import Fault
from durascope.models.scenario import Scenario
from durascope.models.units import MILLISECOND
from durascope.models.workload import WorkloadEvent

What = Literal["crash", "graceful", "hang", "cut", "outage", "deploy", "cancel"]

SHORT_US: Final = 50_000
"""A short time down: back before anybody notices."""
MARGIN_US: Final = 5_000_000
_LONGEST_US: Final = 10_000_000


class NothingToExplore(ValueError):
    """An exploration that cannot be made; its text says why."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that breaks, once."""

    what: What
    target: str
    """app, engine, a worker's or a service's name, or the workflow."""
    step: str | None
    moment: str
    """A step's moment, or `after`: after the event."""
    attempt: int | None
    down_us: int
    fault: str
    """The fault, or the workload's event, as JSON that `--set` takes."""
    replica: int | None = None
    """Which process of that name, from 1; None: the one that acts."""
    event: int | None = None
    """The number of the event that it follows, where it has no step's moment."""
    until: int | None = None
    """The last event after which it strikes at the same place."""
    at_us: int = 0
    """When it strikes, in the trace that its point was read off."""

    @property
    def where(self) -> str:
        """`after-effect charge-payment`, `after event 57`."""
        if self.step is None:
            return f"after event {self.event}"
        attempt = f" attempt {self.attempt}" if self.attempt not in (None, 1) else ""
        return f"{self.moment} {self.step}{attempt}"

    @property
    def phrase(self) -> str | None:
        """The words of `--crash`; None if only `--set` can say it."""
        if self.what != "crash":
            return None
        replica = "" if self.replica is None else f" replica {self.replica}"
        return f"{self.target} {self.where}{replica} down {format_duration(self.down_us)}"

    @property
    def words(self) -> str:
        """For people: `app crash after-effect charge-payment, 50ms`."""
        replica = "" if self.replica is None else f" {self.replica}"
        down = f", {format_duration(self.down_us)}" if self.down_us else ""
        return f"{self.target}{replica} {self.what} {self.where}{down}"

    @property
    def as_fault(self) -> Fault:
        """The fault itself; raises `pydantic.ValidationError` for a cancellation, which is none."""
        return _FAULT.validate_json(self.fault)

    def as_json(self) -> dict[str, Any]:
        """The shape that `durascope explore --json` promises."""
        return {
            "what": self.what, "target": self.target, "replica": self.replica, "step": self.step,
            "moment": self.moment, "attempt": self.attempt, "after": self.event,
            "at_ms": self.at_us / MILLISECOND, "down_ms": self.down_us / MILLISECOND,
        }  # fmt: skip

    def applied_to(self, scenario: Scenario) -> Scenario:
        """The scenario with this disturbance, beside the faults that it has."""
        return disturbed(scenario, (self,))


Disturbances = tuple[Disturbance, ...]
"""What breaks in one simulation, in the order in which it strikes."""

_FAULT: Final[TypeAdapter[Fault]] = TypeAdapter(Fault)


def disturbed(scenario: Scenario, disturbances: Iterable[Disturbance]) -> Scenario:
    """The scenario with these disturbances, beside the faults that it has."""
    faults, events = list(scenario.faults), list(scenario.workload.events)
    for each in disturbances:
        if each.what == "cancel":
            events.append(WorkloadEvent.model_validate_json(each.fault))
        else:
            faults.append(each.as_fault)
    workload = scenario.workload.model_copy(update={"events": tuple(events)})
    return scenario.model_copy(update={"faults": tuple(faults), "workload": workload})


def of(what: What, fault: dict[str, Any], when: dict[str, Any], **more: Any) -> Disturbance:
    """A disturbance whose fault has that moment."""
    shown = {key: value for key, value in when.items() if value is not None}
    return Disturbance(what, fault=json.dumps({**fault, "when": shown}), **more)


def calm(scenario: Scenario) -> Scenario:
    """The scenario without its faults: what is explored is what they, or any others, can do to it."""
    return scenario.model_copy(update={"faults": ()})


def long_us(scenario: Scenario) -> int:
    """A long time down: longer than the longest timeout and heartbeat of the scenario."""
    limits = [scenario.deployments.temporal.step_timeout or 0, scenario.deployments.temporal.workflow_task_timeout or 0]
    for _, step in scenario.runs():
        limits.append(start_to_close(scenario, step))
        limits.append(step.heartbeat.timeout if step.heartbeat is not None else 0)
    return max(_LONGEST_US, *limits) + MARGIN_US


def downs(scenario: Scenario, down_us: int | None) -> Sequence[int]:
    """How long things are down: shorter and longer than anybody needs to notice it, or as long as was asked for."""
    return (SHORT_US, long_us(scenario)) if down_us is None else (down_us,)
