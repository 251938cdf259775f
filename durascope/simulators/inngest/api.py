"""The server's API for hosts and operators: checkpoints, the state of a run, cancelling (inngest.md §3, §11)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from durascope.models.trace import Kind
from durascope.simulators.inngest.protocol import Op, Request
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Connection
from durascope.simulators.kernel.runs import RunInfo

if TYPE_CHECKING:
    from durascope.simulators.inngest.engine import Inngest
    from durascope.simulators.inngest.host import FunctionHost
    from durascope.simulators.kernel.network import Handler

_EVENT_RECEIVED: Final = Kind.EVENT_RECEIVED
_STEP_RECORDED: Final = Kind.STEP_RECORDED


class Api(Component):
    """Answers requests to `/v0` and `/v1`."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine
        super().__init__(engine.world, "api")

    def cancel_run(self, run: RunInfo) -> None:
        """DELETE /v1/runs/<id>."""
        self.world.emit(self.name, _EVENT_RECEIVED, run, detail="cancel")
        self.engine.finalizer.cancel(run.name)

    def checkpoint(self, request: Request, ops: Sequence[Op]) -> bool:
        """POST /v1/checkpoint/<run>/async: saves the steps, and gives the item all its attempts back (§6.2)."""
        engine, run, world = self.engine, request.run, self.world
        redis, meter = engine.redis, engine.meter
        meter.checkpoints += 1
        state = redis.state.runs.get(run.name)
        if state is None:
            engine.relay.checkpoint(run, ops, " -> 400")
            return False
        if engine.relay.silent:
            world.recorder.count += 1
        else:
            engine.relay.checkpoint(run, ops)
        meter.steps += len(ops)
        for op in ops:
            assert op.memo is not None
            state.save(op.id, op.memo)
            world.moment(self.name, _STEP_RECORDED, run, op.name)
        item = redis.queue.items.get(request.job)
        if item is not None:
            item.attempt = 0
        return True


class ApiClient:
    """A host's calls to the server but its checkpoints: each on a connection of its own, answered or refused."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine

    def get(self, host: FunctionHost, run: RunInfo, what: str, answered: Handler, refused: Handler) -> None:
        """GET /v0/runs/<id>/batch or /actions."""
        engine = self.engine

        def arrived(connection: Connection) -> None:
            connection.send(engine.api, partial(_hear, connection), answered, what=what)

        self._call(host, engine.api, run, engine.delay("http", run.name), what, arrived, refused)

    def post_event(self, host: FunctionHost, run: RunInfo, event: Any, accepted: Handler, refused: Handler) -> None:
        """POST /e/<key> from inside a step."""
        engine = self.engine

        def arrived(connection: Connection) -> None:
            engine.relay.other(run, f"send {event.name}")
            engine.event_api.post((event,))
            connection.send(engine.event_api, partial(_hear, connection), accepted, what="200")

        delay = engine.delay("http", run.name)
        self._call(host, engine.event_api, run, delay, f"send {event.name}", arrived, refused)

    def _call(
        self,
        host: FunctionHost,
        server: Component,
        run: RunInfo,
        delay: int,
        what: str,
        arrived: Handler,
        refused: Handler,
    ) -> None:
        connection = self.engine.network.connect(host, server, delay, arrived, on_refused=refused, what=what, run=run)
        connection.on_lost[host] = refused


def _hear(connection: Connection, handler: Handler) -> None:
    connection.close()
    handler()
