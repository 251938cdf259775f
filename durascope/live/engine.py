"""What a real engine offers to a verification; each engine's module implements it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from durascope.live.ledger import Ledger
from durascope.live.line import Line
from durascope.live.processes import LiveProblem, Managed, Stage
from durascope.live.timing import Timing
from durascope.models.faults import Cut
from durascope.models.scenario import Scenario, Workflow
from durascope.simulators.engine import OutsideEvent, StartRequest


@dataclass(frozen=True, slots=True)
class Recording:
    """What a real engine recorded of a scenario, in the form of its conformance cases."""

    server: str
    """Name and version of the server."""
    sdk: str
    records: Mapping[str, Sequence[str]]
    status: Mapping[str, str]
    effects: Mapping[str, int]
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    lasts: Mapping[str, int] = field(default_factory=dict[str, int])
    """The duration of each run that has ended, by the server's clock, in microseconds."""
    timing: Timing | None = None


class LiveEngine(ABC):
    """A real engine with real apps, on one stage."""

    heard_late: ClassVar[frozenset[str]] = frozenset()
    """Moments after which a fault strikes some ms late, because the recorder learns of them from the record."""

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger, *, seed: int) -> None:
        self.scenario = scenario
        self.stage = stage
        self.ledger = ledger
        self.seed = seed
        self.program: str | None = None
        """The path of the engine's server, where one was given."""
        self.marked: Callable[[str, int | None], None] = lambda _event, _run: None
        """To be told of what a run has begun: `SleepStarted`, `WaitStarted`, and the run's number."""
        self.moment: Callable[[int | None, str, int | None, str], None] = lambda _run, _step, _attempt, _moment: None
        """To be told of a moment that the ledger does not see: the run's number, the step, its attempt, the moment."""

    @classmethod
    def adapted(cls, scenario: Scenario) -> tuple[Scenario, Sequence[str]]:
        """The scenario as it can be run here, which is also what is predicted; and what differs from what was asked."""
        return scenario, ()

    @classmethod
    def loosened(cls, scenario: Scenario) -> Scenario:
        """The scenario with the model's delays as long as they can be on a busy machine."""
        return scenario

    @abstractmethod
    def open(self) -> None:
        """Starts the server and the apps, and returns when both are ready. Raises `LiveProblem`."""

    @abstractmethod
    def start(self, requests: Sequence[StartRequest]) -> None:
        """Starts the runs of one instant."""

    @abstractmethod
    def send(self, event: OutsideEvent) -> None:
        """Sends an event, update, query or operator's command."""

    @abstractmethod
    def replicas(self, name: str) -> Sequence[Managed]:
        """The processes of that name: `app`, `engine`, or a worker's."""

    @abstractmethod
    def restart(self, process: Managed) -> None:
        """Starts a process again and returns when it works."""

    @abstractmethod
    def deploy(
        self, name: str, workflow: Workflow, down_for_s: float | None, *, in_place: bool
    ) -> Callable[[], None] | None:
        """Puts new code live; the apps are down for `down_for` seconds.

        Returns what is left to do while whoever stands at this moment, and is not replaced, goes on; None: nothing.
        """

    def lines(self, name: str) -> Sequence[Line]:
        """The lines between the engine and the processes of that name. Raises `LiveProblem` if none can be cut."""
        raise LiveProblem(f"the line between the engine and {name} can't be cut here")

    @property
    def cuts(self) -> frozenset[str]:
        """The processes that the scenario's faults cut off from the engine. Raises `LiveProblem` for any other cut."""
        names: set[str] = set()
        for fault in self.scenario.faults:
            if isinstance(fault, Cut):
                if "engine" not in fault.cut:
                    raise LiveProblem(f"only lines to the engine can be cut, not that of {' and '.join(fault.cut)}")
                names.update(each for each in fault.cut if each != "engine")
        return frozenset(names)

    @abstractmethod
    def over(self) -> bool:
        """Whether every run has ended."""

    @abstractmethod
    def recording(self) -> Recording:
        """What it recorded; read when all is over."""

    def close(self) -> None:
        """Lets go of clients; the stage ends the processes."""
