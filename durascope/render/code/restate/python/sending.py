"""The workload's events: promises, awakeables, signals, updates, queries and what an operator does, in their time."""

from __future__ import annotations

from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.render.code import python
from durascope.render.code.events import SENDS, awaited_step, begun_by, delay_of, for_many, one_run, receiver
from durascope.render.code.layout import Source, call
from durascope.render.code.names import one_line, quoted
from durascope.render.code.program import Told
from durascope.render.code.restate.facts import kind_of_wait
from durascope.render.code.restate.names import SIGNALS
from durascope.render.code.restate.python.starting import Starter

_OPERATORS: Final = {"cancel": "cancel", "kill": "kill", "pause": "pause", "resume": "resume",
                     "restart": "restart-as-new"}  # fmt: skip


class Senders(Starter):
    """Writes the functions that send events."""

    def _event(self, source: Source, event: WorkloadEvent) -> str | None:
        if event.operator is not None and event.operator not in _OPERATORS:
            return None
        told = receiver(self.book, event)
        body = Source(python.STEP)
        body.depth = source.depth + 1
        self._delay(body, event)
        before = len(body.lines)
        for name in begun_by(self.book, event):
            self._begin(body, name, event)
        if told is not None and for_many(event):
            self._many(body, event, told)
        elif told is not None:
            run = one_run(self.book, event) or ""
            self._act(body, event, told, quoted(run), quoted(run.removeprefix(f"{told.name}/")))
        if len(body.lines) == before:
            return None
        function = self.names.new(f"{event.kind} {event.name}")
        source("", "", f"async def {function}(client: Server) -> None:")
        source(f'    """{one_line(f"{SENDS[event.kind]} {event.name}.")}"""')
        source.lines += body.lines
        return f"{function}(client)"

    def _delay(self, source: Source, event: WorkloadEvent) -> None:
        step, delay = awaited_step(self.book, event), delay_of(event)
        if step is not None:
            source(f"await client.reached({', '.join(map(quoted, step))})")
        if delay:
            source(f"await asyncio.sleep({python.seconds(delay)})")

    def _many(self, source: Source, event: WorkloadEvent, told: Told) -> None:
        with self._for_each(source, event):
            before = len(source.lines)
            if told.workflow.key is not None:
                source(f"given = {self.inputs[told.name]}(number)")
            self._act(source, event, told, self.run_expression(told), self.key(told))
            if len(source.lines) == before:
                source("pass")

    def _begin(self, source: Source, name: str, event: WorkloadEvent) -> None:
        """Starts a workflow by an event."""
        if name in self.starts:
            source(f"await {self.starts[name]}(client, {self.workload.runs + 1})")
            return
        told = self.book.workflows[name]
        self.needs.add(("app.messages", self.project.inputs[name]))
        self._given(source, told, event)
        path = self.path(self.project.targets.of(name), self.key(told, "1"))
        source.statement("await ", call("client.start", quoted(f"{name}/1"), path, "given"))

    def with_start(self, source: Source, told: Told, event: str) -> None:
        start = self.workload.start_with
        assert start is not None
        kind = "send" if start.send is not None else "update"
        given = {kind: event, "with": start.with_}
        self._act(source, WorkloadEvent.model_validate(given), told, self.run_expression(told), self.key(told))

    def _act(self, source: Source, event: WorkloadEvent, told: Told, run: str, key: str) -> None:
        """What is done to one run; `run` and `key` are expressions."""
        match event.kind:
            case "send":
                self._send(source, event, told, run, key)
            case "operator":
                source(f"await client.operate({run}, {quoted(_OPERATORS[str(event.operator)])})")
            case kind:
                target = self.project.targets.find(told.name, kind, event.name)
                if target is None:
                    source(f"# {event.kind} {one_line(event.name)}: a plain service has none")
                    return
                if kind == "query":
                    source.statement("", call("print", f"await client.call({self.path(target, key)})"))
                    return
                given = f"{self.inputs[told.name]}({self._number(event)})"
                fields = [
                    f"{python.field_name(str(n))}={self._typed(v, self.book.events[event.name].fields[str(n)])}"
                    for n, v in event.with_.items()
                    if str(n) in self.book.events[event.name].fields
                ]
                request = self.project.requests[target]
                self.needs.add(("app.messages", request))
                asked = call(request, *fields, f"**{given}.model_dump()")
                source.statement("await ", call("client.call", self.path(target, key), asked))

    def _number(self, event: WorkloadEvent) -> str:
        return "number" if for_many(event) else str(event.to if isinstance(event.to, int) else 1)

    def _send(self, source: Source, event: WorkloadEvent, told: Told, run: str, key: str) -> None:
        signal = told.workflow.signals.get(event.name)
        if signal is not None and signal.then != "ignore":
            source(f'await client.operate({run}, "cancel")')
            return
        if event.name not in told.waits:
            source(f"# {one_line(event.name)} is not sent: nobody listens for it")
            return
        payload = self._payload(event.name, event.with_)
        kind = kind_of_wait(self.project.scenario, told.name)
        if kind == "promise":
            target = self.project.targets.of(told.name, "complete-promise", event.name)
            source.statement("await ", call("client.call", self.path(target, key), payload))
            return
        self.needs.add(("app", "awaiting"))
        address = key if told.workflow.key is not None else f"await client.invocation({run})"
        found = f"awaiting.find({address}, {quoted(event.name)})"
        if kind == "awakeable":
            source.statement("await ", call("client.resolve", found, payload))
            return
        source.statement("payload = ", payload)
        request = f'{{"invocation": {found}, "signal": {quoted(event.name)}, "payload": payload.model_dump()}}'
        source.statement("await ", call("client.call", quoted(f"/{SIGNALS}/send"), request))
