"""The client: it starts runs, and signals, updates, queries and ends them, as the workload asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from durascope.models.scenario import Scenario, Workflow
from durascope.models.trace import Kind
from durascope.models.units import SECOND
from durascope.simulators.engine import OutsideEvent, StartRequest
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import NumberedDelays
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.calls import REPORTS, REQUESTS
from durascope.simulators.temporal.channel import Channel
from durascope.simulators.temporal.commands import REQUEST
from durascope.simulators.temporal.findings import Accounts
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.temporal.workflow_ids import WorkflowIds
from durascope.simulators.workload import run_info

OVERTAKES: Final = 0.05
"""Share of the calls of one instant that overtake those before them."""


class Client:
    """What asks the server on the workload's behalf; it lives as long as the world."""

    __slots__ = (
        "_accounts", "_arrivals", "_channel", "_client", "_code", "_delays", "_ids", "_scenario", "_starting",
        "_starts_eagerly", "_world",
    )  # fmt: skip

    def __init__(
        self, client: Component, channel: Channel, delays: NumberedDelays, scenario: Scenario, *,
        code: Mapping[str, Workflow], ids: WorkflowIds, accounts: Accounts, starts_eagerly: Callable[[str], bool],
    ) -> None:  # fmt: skip
        """`code`: the workflows' code as it is now; `starts_eagerly`: whether a workflow's first task is asked for
        with its start."""
        self._world = client.world
        self._client = client
        self._channel = channel
        self._delays = delays
        self._scenario = scenario
        self._code = code
        self._ids = ids
        self._accounts = accounts
        self._starts_eagerly = starts_eagerly
        self._starting: dict[str, list[Callable[[], Any]]] = {}
        """What waits for a start to be answered, by workflow id."""
        self._arrivals: dict[str, tuple[int, int, int]] = {}
        """When the last request to a workflow id arrives, and how many there were."""

    def _ask(
        self, workflow_id: str, method: str, args: tuple[Any, ...], on_reply: Callable[[Any], Any], run: RunInfo | None
    ) -> None:
        """Sends a request; what is asked of one workflow id arrives in the order in which it was asked.

        Calls of one instant are made side by side: now and then one overtakes those before it (U4).
        """
        now = self._world.now
        before, asked, asked_at = self._arrivals.get(workflow_id, (0, 0, -1))
        luck = int(self._world.luck("request", workflow_id, asked) * (1 << 53))
        delays = self._delays
        arrives = now + delays("request", luck, asked)
        if asked_at != now or self._world.luck("request overtakes", workflow_id, asked) >= OVERTAKES:
            arrives = max(arrives, before + delays("lock", luck, asked))
        if len(self._arrivals) > 10_000:
            self._arrivals = {each: last for each, last in self._arrivals.items() if last[0] > now - SECOND}
        self._arrivals[workflow_id] = (max(arrives, before), asked + 1, now)
        self._channel.call(method, args, on_reply, REQUESTS, run=run, delay=arrives - now)

    def _when_started(self, workflow_id: str, ask: Callable[[], Any]) -> None:
        """A client addresses a run once its start has been answered."""
        waiting = self._starting.get(workflow_id)
        if waiting is None:
            ask()
        else:
            waiting.append(ask)

    def _start_again(self, request: StartRequest, tries: int) -> None:
        """A request that met an entity at its end is sent again, as any call is."""
        if tries < REPORTS.max_tries:
            pause = min(REPORTS.max_interval, int(REPORTS.initial * REPORTS.factor ** (tries - 1)))
            self._client.after(pause, self.start, request, tries + 1)
        else:
            self._world.run_ended(self._client.name, request.run, "failed")

    def start(self, request: StartRequest, tries: int = 1) -> None:
        run = request.run
        workflow = self._code[run.workflow]
        workflow_id = self._ids.of(run)
        with_ = request.start_with
        entity = workflow.one_at_a_time and run.key is not None
        signal = update = None
        if entity:
            update = (f"{run.name} request {tries}", REQUEST, {"run": run})  # asked again, it is another update
        elif with_ is not None and with_.send is not None:
            signal = (with_.send, dict(with_.with_))
        elif with_ is not None:
            update = (f"{run.name} update", str(with_.update), dict(with_.with_))
        options = StartOptions(
            run=run,
            workflow_id=workflow_id,
            delay=request.after,
            run_timeout=workflow.run_timeout or 0,
            retry=workflow.retry,
            entity=entity,
        )
        eager = not request.after and update is None and self._starts_eagerly(run.workflow)
        args = (options, workflow.id_conflict, signal, update, eager, f"{run.name} #{tries}")
        if update is None:
            self._starting.setdefault(workflow_id, [])

        def answered(answer: Any) -> None:
            for ask in self._starting.pop(workflow_id, ()):
                ask()
            started = answer
            if update is not None:
                started, answer = answer
            if entity:
                if answer in ("not found", "aborted"):  # the entity has ended without it: it takes a new one
                    self._start_again(request, tries)
                return
            if update is not None:
                self._accounts.answer(update[1], answer)
            self._accounts.start(run, started)

        self._ask(workflow_id, "start workflow", args, answered, run)

    def send(self, event: OutsideEvent) -> None:
        for workflow_id, run in self._targets(event):
            self._when_started(workflow_id, partial(self._send, event, workflow_id, run))

    def _targets(self, event: OutsideEvent) -> list[tuple[str, RunInfo | None]]:
        if event.run is not None:
            return [(self._ids.of(event.run), event.run)]
        if event.key is not None:
            return [(self._ids.meant(event.key, event.name), None)]
        starts = self._ids.started_by(event.name) if event.kind == "send" else []
        for workflow in starts:
            run = run_info(
                self._world, self._scenario, workflow, f"{workflow} run {event.number}", 0, given=event.payload
            )
            self.start(StartRequest(run))
        if starts:
            return []
        found = self._ids.found_by(event.name, event.payload)
        if found is not None:
            return [(found, None)]
        self._accounts.note(
            f"event {event.name}: Temporal has no events that find their receivers; address it with `to:`, or look "
            "the workflow ids up (search attributes) and signal each"
        )
        return []

    def _send(self, event: OutsideEvent, workflow_id: str, run: RunInfo | None) -> None:
        payload, name = dict(event.payload), event.name

        def answered(answer: Any) -> None:
            if event.kind in ("update", "query"):
                self._accounts.answer(name, answer)
            elif answer != "accepted":
                if name == "reset":
                    self._accounts.note(f"reset of {workflow_id}: no workflow task has scheduled {event.step} yet")
                elif event.key is not None:
                    self._accounts.note(f"{name}: refused ({answer}), because no open run has the key {event.key}")
                self._world.emit(self._client.name, Kind.MESSAGE_REFUSED, run, detail=(name, answer))

        match event.kind, name:
            case "send", _:
                self._ask(workflow_id, "signal", (workflow_id, name, payload), answered, run)
            case "update", _:
                update_id = f"{workflow_id} update {event.number}"
                self._ask(workflow_id, "update", (workflow_id, update_id, name, payload), answered, run)
            case "query", _:
                self._ask(workflow_id, "query", (workflow_id, name), answered, run)
            case _, "cancel":
                self._ask(workflow_id, "cancel", (workflow_id,), answered, run)
            case _, "kill":
                self._ask(workflow_id, "terminate", (workflow_id,), answered, run)
            case _, "reset":
                self._ask(workflow_id, "reset", (workflow_id, event.step or ""), answered, run)
            case _:
                self._accounts.note(
                    f"operator {name}: Temporal cannot {name} a run like this; cancel or kill it and start it again "
                    "(or reset it to an earlier workflow task)"
                )
