"""The app: what its worker processes have in common, its code above all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from durascope.models.scenario import TemporalDeployment, Workflow
from durascope.models.steps import Run
from durascope.simulators.app_code import AppCode
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.services import Services
from durascope.simulators.temporal.activity_options import OptionsOfSteps
from durascope.simulators.temporal.task_queues import queue_of_activities
from durascope.simulators.temporal.workflow_ids import WorkflowIds


class App:
    """One app of workers; it keeps nothing that a process would lose, only counts what has happened to all of them."""

    __slots__ = (
        "_busy", "_processes", "activity_options", "code", "deployment", "ids", "latest", "replayed_step", "services",
    )  # fmt: skip

    def __init__(
        self, deployment: TemporalDeployment, *, latest: Mapping[str, Workflow], code: AppCode, services: Services,
        ids: WorkflowIds, replayed_step: Callable[[str, str], object], start_to_close: Callable[[Run], int],
    ) -> None:  # fmt: skip
        """`latest`: the workflows' code as it is now; `code`: what it is like on every engine; `replayed_step` is told
        of each step that a process (by its name) has replayed; `start_to_close` is the limit of an attempt in µs."""
        self.deployment = deployment
        self.latest = latest
        self.code = code
        self.services = services
        self.ids = ids
        self.replayed_step = replayed_step
        self.activity_options = OptionsOfSteps(queue_of_activities(deployment), start_to_close)
        self._busy: dict[tuple[str, str], int] = {}
        self._processes = 0

    def process_started(self) -> str:
        """The name of a process that runs workflows: `worker-1` is the first that has started, and so on."""
        self._processes += 1
        return f"worker-{self._processes}"

    def times_busy(self, run: RunInfo, name: str) -> int:
        """Counts one more time that the run's code is busy there; how many that makes."""
        count = self._busy[run.name, name] = self._busy.get((run.name, name), 0) + 1
        return count
