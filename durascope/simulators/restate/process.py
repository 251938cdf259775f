"""The process that serves handlers, as its attempts know it: what their code can ask, and where its messages go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from durascope.models.scenario import RestateService, Workflow
from durascope.models.steps import Bug, Compute, Fail, Send
from durascope.models.trace import Kind
from durascope.simulators.app_code import AppCode
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import Delays
from durascope.simulators.kernel.network import Connection, Network
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.restate.constants import constant
from durascope.simulators.restate.journal import Command, Notification
from durascope.simulators.restate.observer import Observer
from durascope.simulators.restate.outside import Outside
from durascope.simulators.restate.protocol import Message, Reply, label_of
from durascope.simulators.restate.routing import Outgoing
from durascope.simulators.services import Services

UNSTOPPABLE = ("typescript",)
"""SDKs whose closures cannot be stopped (restate.md §8)."""


class Process(Component, ABC):
    """One process with the service's code."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        network: Network,
        services: Services,
        observer: Observer,
        outside: Outside,
        client: Component,
        app_code: AppCode,
        code: Mapping[str, Workflow],
        service: RestateService,
        delays: Delays,
    ) -> None:
        """`outside` is what `client` knows; `app_code`: what the code is like on every engine, `code`: the code."""
        self.network = network
        self.services = services
        self.observer = observer
        self.outside = outside
        self.client = client
        self.app_code = app_code
        self.code = dict(code)
        self.delay = delays
        self.typescript = service.sdk in UNSTOPPABLE
        self.longest_request = service.longest_request
        self.signals = service.wait_for == "signal"
        self.entry_bytes = int(constant("entry_bytes"))
        self.stored_us = int(constant("stored_us"))
        super().__init__(world, name)

    def emit(self, kind: Kind, run: RunInfo, step: str | None = None, detail: object = None) -> None:
        self.world.emit(self.name, kind, run, step, None, detail)

    @abstractmethod
    def over(self, connection: Connection) -> None:
        """The attempt on that connection has ended."""

    def send(self, connection: Connection, reply: Reply, messages: Sequence[Message]) -> None:
        what = ", ".join(map(label_of, messages)) if self.world.full else "messages"
        connection.send(self, reply, connection, messages, what=what)

    def turn(self, run: RunInfo, attempt: int, notification: Notification) -> int:
        """How long it takes from what has come to what the code does next."""
        return self.delay("sdk", run.luck, attempt, notification.id)

    # ---- what the handlers' code knows -----------------------------------------------------------------------

    def compute_time(self, run: RunInfo, step: Compute, key: str) -> int:
        return self.app_code.compute_time(run, step, key)

    def computed(self, run: RunInfo, key: str) -> int:
        return self.app_code.computed(run, key)

    def handles(self, run: RunInfo, event: str, count: int) -> None:
        self.app_code.handles(run.name, event, count)

    def code_fails(self, run: RunInfo, step: Fail | Bug, key: str) -> bool:
        return self.app_code.code_fails(run, step, key)

    def publish(self, run: RunInfo, event: str, index: int) -> None:
        """Tells the outside the id of an awakeable: code outside of the context, so it happens in every attempt."""
        outside = self.outside
        delay = self.delay("network", run.luck, event, index)
        self.network.send(self, self.client, delay, outside.learn, run.name, event, index, what="awakeable id", run=run)

    def outgoing(self, run: RunInfo, workflow: str, key: object, luck: str, after: int) -> Outgoing:
        """The target of a call; its key is a field of the input, or given literally."""
        named = None if key is None else str(run.input.get(str(key), key))
        return Outgoing(workflow, named, luck, self.world.now + after if after else None)

    def event_handlers(self, run: RunInfo, step: Send, luck: str) -> Sequence[tuple[str, Outgoing]]:
        return self.outside.handlers_of(run, step, luck, self.world.now)

    def event_signal(self, run: RunInfo, step: Send, luck: str) -> Command | None:
        return self.outside.signal_of(run, step, luck)
