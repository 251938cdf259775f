"""The server's API for hosts and operators: checkpoints, a run's state, cancelling, reruns (inngest.md §3, §9, §11)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.inngest.billing import Meter
from durascope.simulators.inngest.finalize import Finalizer
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.lines import Relay
from durascope.simulators.inngest.protocol import Op, Request
from durascope.simulators.inngest.queue import Queue
from durascope.simulators.inngest.runner import EventApi
from durascope.simulators.inngest.scheduling import Scheduler
from durascope.simulators.inngest.state import StateStore
from durascope.simulators.inngest.stores import History
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection, Handler, Network
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

_EVENT_RECEIVED: Final = Kind.EVENT_RECEIVED
_STEP_RECORDED: Final = Kind.STEP_RECORDED


class Api(Component):
    """Answers requests to `/v0` and `/v1`."""

    def __init__(
        self,
        world: World,
        *,
        states: StateStore,
        line: Queue,
        finalizer: Finalizer,
        scheduler: Scheduler,
        history: History,
        relay: Relay,
        meter: Meter,
    ) -> None:
        self.notes: list[str] = []
        """What could not be done that an operator asked for."""
        self._states = states
        self._scheduler = scheduler
        self._history = history
        self._line = line
        self._finalizer = finalizer
        self._relay = relay
        self._meter = meter
        super().__init__(world, "api")

    def rerun(self, run: RunInfo, step: str) -> None:
        """POST /api/v2/runs/<id>/rerun."""
        self.world.emit(self.name, _EVENT_RECEIVED, run, detail=f"rerun from {step}")
        refused = self._scheduler.rerun(run.name, step)
        if refused is not None:
            self.notes.append(f"Inngest does not rerun {run.name} from {step}: {refused}.")

    def cancel_run(self, run: RunInfo) -> None:
        """DELETE /v1/runs/<id>."""
        self.world.emit(self.name, _EVENT_RECEIVED, run, detail="cancel")
        self._finalizer.cancel(run.name)

    def checkpoint(self, request: Request, ops: Sequence[Op]) -> bool:
        """POST /v1/checkpoint/<run>/async: saves the steps, and gives the item all its attempts back (§6.2)."""
        run, meter = request.run, self._meter
        meter.checkpoints += 1
        state = self._states.get(run.name)
        if state is None:
            self._relay.checkpoint(run, ops, " -> 400")
            return False
        self._relay.checkpoint(run, ops)
        meter.steps += len(ops)
        for op in ops:
            assert op.memo is not None
            state.save(op.id, op.memo)
            self._history.saw(state, op)
            self.world.moment(self.name, _STEP_RECORDED, run, op.name)
        item = self._line.items.get(request.job)
        if item is not None:
            item.attempt = 0
        return True


class ApiClient:
    """A host's calls to the server: each on a connection of its own, answered or refused."""

    def __init__(self, network: Network, hops: Hops, *, api: Api, event_api: EventApi, relay: Relay) -> None:
        self._network = network
        self._hops = hops
        self._api = api
        self._event_api = event_api
        self._relay = relay

    def get(self, host: Component, run: RunInfo, what: str, answered: Handler, refused: Handler) -> None:
        """GET /v0/runs/<id>/batch or /actions."""
        api = self._api

        def arrived(connection: Connection) -> None:
            connection.send(api, partial(_hear, connection), answered, what=what)

        self._call(host, api, run, self._hops("http", run.name), what, arrived, refused)

    def post_event(self, host: Component, run: RunInfo, event: Any, accepted: Handler, refused: Handler) -> None:
        """POST /e/<key> from inside a step."""
        event_api = self._event_api

        def arrived(connection: Connection) -> None:
            self._relay.other(run, f"send {event.name}")
            event_api.post((event,))
            connection.send(event_api, partial(_hear, connection), accepted, what="200")

        delay = self._hops("http", run.name)
        self._call(host, event_api, run, delay, f"send {event.name}", arrived, refused)

    def checkpoint(
        self, host: Component, request: Request, ops: Sequence[Op], saved: Handler, refused: Handler
    ) -> None:
        """POST /v1/checkpoint/<run>/async; `refused`: nobody is there, the connection is lost, or a 400."""
        api, run = self._api, request.run

        def arrived(connection: Connection) -> None:
            answer, what = (saved, "checkpointed") if api.checkpoint(request, ops) else (refused, "400")
            connection.send(api, partial(_hear, connection), answer, what=what)

        def unheard() -> None:
            self._relay.checkpoint(run, ops, " -> refused")
            refused()

        delay = self._hops("checkpoint", request.job)
        connection = self._network.connect(host, api, delay, arrived, on_refused=unheard, what="checkpoint", run=run)
        connection.on_lost[host] = refused

    def _call(
        self,
        host: Component,
        server: Component,
        run: RunInfo,
        delay: int,
        what: str,
        arrived: Handler,
        refused: Handler,
    ) -> None:
        connection = self._network.connect(host, server, delay, arrived, on_refused=refused, what=what, run=run)
        connection.on_lost[host] = refused


def _hear(connection: Connection, handler: Handler) -> None:
    connection.close()
    handler()
