"""Clients of the server: whoever starts runs by events, sends other events, or cancels runs by the API.

They live as long as the world, and repeat what nobody takes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import partial
from typing import Final

from durascope.models.cron import next_time
from durascope.simulators.engine import OutsideEvent, StartRequest
from durascope.simulators.inngest.api import Api
from durascope.simulators.inngest.app import App
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import SCHEDULED, Function, Functions
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.runner import EventApi, Runner
from durascope.simulators.inngest.state import StateStore
from durascope.simulators.inngest.stores import History, Status
from durascope.simulators.inngest.stream import EventStream
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.network import Network
from durascope.simulators.kernel.runs import RunInfo

_AGAIN: Final = 1_000_000
"""How long a client waits before it repeats a request that was refused, in microseconds."""


class Client:
    """Everybody outside of the server and the app."""

    def __init__(
        self,
        process: Component,
        network: Network,
        hops: Hops,
        *,
        functions: Functions,
        stream: EventStream,
        event_api: EventApi,
        runner: Runner,
        api: Api,
        states: StateStore,
        history: History,
        app: App,
        records: bool,
    ) -> None:
        self._process = process
        self._network = network
        self._world = process.world
        self._hops = hops
        self._functions = functions
        self._stream = stream
        self._event_api = event_api
        self._runner = runner
        self._api = api
        self._states = states
        self._history = history
        self._app = app
        self._records = records
        self._cron_until: dict[str, int] = {}
        self._numbers = array("q")
        self.sent: dict[str, int] = {}
        """When each start of the workload was sent, where records are kept; in microseconds."""

    def started(self) -> list[str]:
        """The starts of the workload, in order."""
        return [f"run {number}" for number in self._numbers]

    # ---- starts --------------------------------------------------------------------------------------------

    def start(self, requests: Sequence[StartRequest]) -> None:
        """The starts of one instant: one POST."""
        events: list[Event] = []
        for request in requests:
            function = self._functions[request.run.workflow]
            if function.cron is not None:
                self._schedule(request.run, function, function.cron)
                continue
            events.append(self._start_event(request, function))
            if request.start_with is not None and request.start_with.send is not None:
                data = {**request.run.input, **request.start_with.with_}
                events.append(Event(request.start_with.send, data, 0, self._stream.next_number()))
        if events:
            self._post(events)

    def _start_event(self, request: StartRequest, function: Function) -> Event:
        now, run = self._world.now, request.run
        self._note(run, now)
        due, number = now + request.after if request.after else 0, self._stream.next_number()
        return Event(function.event, run.input, now, number, request.idempotency_key, due, run, run.luck)

    def _note(self, run: RunInfo, at: int) -> None:
        self._numbers.append(run.number)
        if self._records:
            self.sent[run.name] = at

    def _schedule(self, run: RunInfo, function: Function, cron: str) -> None:
        """A run of a schedule: the next time it comes round."""
        world = self._world
        after = max(self._cron_until.get(function.name, -1), world.now)
        at = next_time(cron, after)
        if at is None:
            return
        self._cron_until[function.name] = at
        self._note(run, at)
        event = Event(SCHEDULED, run.input, at, self._stream.next_number(), start=run, luck=run.luck)
        world.after(at - world.now, self._runner.scheduled, event, function)

    # ---- requests ------------------------------------------------------------------------------------------

    def _post(self, events: Sequence[Event]) -> None:
        """POST to the event API, again every second while nobody is there."""
        first, api = events[0], self._event_api
        delay = self._hops("event_api", first.name, first.number)
        again = partial(self._post_again, events)
        what = f"POST {first.name}"
        self._network.send(self._process, api, delay, api.post, events, what=what, run=first.start, on_refused=again)

    def _post_again(self, events: Sequence[Event]) -> None:
        self._process.after(_AGAIN, self._post, events)

    def send(self, event: OutsideEvent) -> None:
        """An event from outside, or an operator's command."""
        if event.kind == "send":
            data = dict(event.run.input) if event.run is not None else self._app.addressed(event.key)
            number = self._stream.next_number()
            self._post([Event(event.name, {**data, **event.payload}, 0, number, ts=event.time or 0)])
        elif event.kind == "operator" and event.name in ("cancel", "kill"):
            for run in self._meant(event):
                self._cancel(run)
        elif event.kind == "operator" and event.name == "reset":
            run = event.run or self._latest_of(event.key)
            if run is not None:
                self._rerun(run, event.step or "")

    def _meant(self, event: OutsideEvent) -> list[RunInfo]:
        """Whom a command is for: a run, or all of that key, as the operator sees them in the server's list."""
        if event.run is not None:
            return [event.run]
        known = (self._states.get(name) for name, status in self._history.status.items() if status is Status.RUNNING)
        return [state.info for state in known if state is not None and state.info.key == event.key]

    def _latest_of(self, key: str | None) -> RunInfo | None:
        """The youngest run of that key that the server shows, whether it is over or not."""
        known = [spans.state.info for spans in self._history.spans.values() if spans.state.info.key == key]
        return known[-1] if known else None

    def _rerun(self, run: RunInfo, step: str) -> None:
        """POST /api/v2/runs/<id>/rerun."""
        self._network.send(
            self._process,
            self._api,
            self._hops("http", run.name),
            self._api.rerun,
            run,
            step,
            what="rerun",
            run=run,
            on_refused=lambda: self._process.after(_AGAIN, self._rerun, run, step),
        )

    def _cancel(self, run: RunInfo) -> None:
        """DELETE /v1/runs/<id>."""
        self._network.send(
            self._process,
            self._api,
            self._hops("http", run.name),
            self._api.cancel_run,
            run,
            what="DELETE run",
            run=run,
            on_refused=lambda: self._process.after(_AGAIN, self._cancel, run),
        )
