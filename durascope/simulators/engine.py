"""What every engine model offers to the world around it: to the workload, to faults, and to whoever reads the trace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from durascope.models.scenario import Scenario, StartWith, Workflow
from durascope.models.trace import Unconsumed, Unended
from durascope.simulators.app_code import AppCode
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Network
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.services import Services


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A request from outside to start a run."""

    run: RunInfo
    """Named `run N`, N being the number of the start."""
    after: int = 0
    """A delayed start, asked of the engine, in microseconds."""
    idempotency_key: str | None = None
    start_with: StartWith | None = None


@dataclass(frozen=True, slots=True)
class OutsideEvent:
    """Something sent from outside to a run, or to whoever it may concern."""

    number: int
    """Its place among the scenario's events of its kind, from 1 (`event 1`, `query 1`)."""
    kind: str
    """send · update · query · operator"""
    name: str
    """Of the event, update, query or operator's command."""
    run: RunInfo | None
    """The start it is addressed to; None: addressed to a key, or to nobody."""
    key: str | None
    """The entity it is addressed to."""
    payload: Mapping[str, Any]
    from_entry: int | None = None
    """operator restart: the journal entry to start from."""
    deployment: int | None = None
    """operator resume: the deployment to resume on, from 1."""
    step: str | None = None
    """operator reset: the step that the run is to go on from."""
    time: int | None = None
    """The event's own time, where it is not the time at which it is sent."""


def label_of(event: OutsideEvent, run: str) -> str:
    """What the handler that an event, query or update invokes beside a run is called.

    `event N`, `query N`, `update N`, or for what comes with a start (it has no number): `update of run N`.
    """
    kind = "event" if event.kind == "send" else event.kind
    return f"{kind} {event.number}" if event.number else f"{kind} of {run}"


@dataclass(slots=True)
class Findings:
    """What an engine's model has to tell at the end of a simulation; see `models.trace.Trace` for each."""

    records: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    status: dict[str, str] = field(default_factory=dict[str, str])
    counters: dict[str, float] = field(default_factory=dict[str, float])
    facts: dict[str, object] = field(default_factory=dict[str, object])
    notes: list[str] = field(default_factory=list[str])
    unended: list[Unended] = field(default_factory=list[Unended])
    unconsumed: list[Unconsumed] | None = None
    recorded_as: dict[str, str] = field(default_factory=dict[str, str])
    no_runs: dict[str, str] = field(default_factory=dict[str, str])


class Engine(ABC):
    """One engine with the apps that it runs, built for one scenario in one world.

    Its parts are components on the network; a request from outside reaches it over the network too, from the
    component `client`, which lives as long as the world and repeats a request that is refused.
    """

    name: str

    def __init__(self, world: World, scenario: Scenario, *, records: bool = True) -> None:
        self.world = world
        self.scenario = scenario
        self.records = records
        """Whether the runs' records are to be kept (they are not for a load of many runs)."""
        self.network = Network(world)
        self.services = Services(world, scenario)
        self.client = Component(world, "client")
        self.code: dict[str, Workflow] = dict(scenario.workflows)
        """The latest code of each workflow."""
        self.app_code = AppCode(world.scenario_luck)
        """What the apps of every engine have in common; these four are its methods."""
        self.compute_time = self.app_code.compute_time
        self.handles = self.app_code.handles
        self.computed = self.app_code.computed
        self.code_fails = self.app_code.code_fails

    # ---- for the workload ----------------------------------------------------------------------------------

    @abstractmethod
    def start(self, requests: Sequence[StartRequest]) -> None:
        """Takes the starts of one instant; called in the client."""

    @abstractmethod
    def send(self, event: OutsideEvent) -> None:
        """Takes an event, update, query or operator's command; called in the client."""

    # ---- for faults ----------------------------------------------------------------------------------------

    @abstractmethod
    def replicas(self, name: str) -> Sequence[Sequence[Component]]:
        """The processes of that name (`app`, `engine`, a worker's name), each as the components that die with it."""

    @abstractmethod
    def deploy(self, name: str, workflow: Workflow, down_for: int | None, *, in_place: bool) -> None:
        """New code of the workflow `name` (already in `self.code`) goes live."""

    # ---- for the trace -------------------------------------------------------------------------------------

    @abstractmethod
    def findings(self) -> Findings:
        """Read when the simulation is over."""
