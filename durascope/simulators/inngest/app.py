"""The app, as far as all its replicas share it: the code that is deployed, what its steps send, what users keep of it.

It is the world of the user's code, outside of every process: no crash touches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from durascope.models.deployments import nearest
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import ForEach, Parallel, Send, Start, WaitFor
from durascope.simulators.app_code import AppCode
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import Functions
from durascope.simulators.inngest.protocol import Request
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.inngest.state import StateStore
from durascope.simulators.inngest.stream import EventStream
from durascope.simulators.inngest.undo import UndoLog
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.program.members import Members
from durascope.simulators.services import Services


class App:
    """One deployed app."""

    def __init__(
        self,
        world: World,
        scenario: Scenario,
        *,
        latest: Mapping[str, Workflow],
        code: AppCode,
        functions: Functions,
        services: Services,
        states: StateStore,
        stream: EventStream,
        undo: UndoLog,
        records: bool,
    ) -> None:
        app = scenario.deployments.inngest.app
        self.sdk: Literal["python", "typescript"] = nearest(app.sdk)
        self.request_version = 1 if self.sdk == "typescript" and not app.optimize_parallelism else 2
        self.checkpointing = None if self.sdk == "python" else app.checkpoints
        self.longest_request = app.longest_request
        self.max_runtime = TIMES.max_runtime_http if app.transport == "http" else TIMES.max_runtime_connect
        if self.checkpointing is not None and self.checkpointing.max_runtime is not None:
            self.max_runtime = self.checkpointing.max_runtime
        self.latest = latest
        """The newest code of each workflow."""
        self.code = code
        self.services = services
        self.undo = undo
        self.records = records
        self.failures: dict[str, int] = {}
        """By step: attempts that failed before they had an effect."""
        self.prefixes: dict[str, Any] = {}
        """By run: what its replays pass over; the SDK's own."""
        self.groups: dict[int, tuple[Parallel | ForEach, Members | None]] = {}
        """By a group's identity: the group, which so stays alive, and what it is made of."""
        self._world = world
        self._workflows = scenario.workflows
        self._functions = functions
        self._states = states
        self._stream = stream
        self._passes: dict[tuple[str, str], int] = {}
        self._deployed: dict[str, int] = {}

    # ---- code ----------------------------------------------------------------------------------------------

    def handler_code(self, request: Request, code: Mapping[str, Workflow]) -> Workflow:
        """The steps of the function that is called, in that version of the code."""
        function = self._functions[request.function]
        workflow = code[function.workflow]
        if function.kind == "function":
            return workflow
        if function.kind == "on-failure":
            return Workflow(steps=workflow.on_failure)
        return Workflow(steps=self.undo.steps(str(request.run.input.get("run_id"))))

    def deployed(self, workflow: str) -> None:
        """Its latest code goes live."""
        self._deployed[workflow] = self._world.now

    def deployed_at(self, function: str) -> int:
        """When the latest code of the function went live."""
        return self._deployed.get(function, 0)

    def match_field(self, function: str, step: WaitFor) -> str | None:
        """The field that a wait's expression compares."""
        return self._functions.match_field(function, step)

    def passes(self, run: RunInfo, name: str) -> int:
        """How often the code has come to that point, over all requests; counted outside of everything."""
        count = self._passes[run.name, name] = self._passes.get((run.name, name), 0) + 1
        return count

    def failed_before_effect(self, step: str) -> None:
        self.failures[step] = self.failures.get(step, 0) + 1

    # ---- events --------------------------------------------------------------------------------------------

    def event_from_step(self, run: RunInfo, step: Send | Start, luck: str) -> Event:
        """What a `send` or `start` step posts: the run's own data, and whom it is for."""
        data, now = dict(run.input), self._world.now
        if isinstance(step, Start):
            name, function = self._functions[step.start].event, step.start
            data = self._functions.child_data(data, function, None if step.key is None else str(step.key))
        else:
            name, function = step.send, None
            data.update(self.addressed(step.to))
        due = now + step.after if step.after else 0
        return Event(name, data, now, self._stream.next_number(), ts=due, function=function, parent=run, luck=luck)

    def addressed(self, to: str | int | None) -> dict[str, Any]:
        """The data that makes an event meant for a run, by its number or by the key of its entity."""
        if to is None:
            return {}
        if isinstance(to, int):
            state = self._states.get(f"run {to}")
            return {} if state is None else dict(state.info.input)
        return {workflow.key: to for workflow in self._workflows.values() if workflow.key is not None}
