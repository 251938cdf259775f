"""The workload's events: signals, updates, queries and what an operator does, each at its moment."""

from __future__ import annotations

from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.render.code.events import SENDS, awaited_step, begun_by, delay_of, for_many, one_run
from durascope.render.code.layout import Braces, Group, call
from durascope.render.code.names import one_line, quoted
from durascope.render.code.temporal.facts import is_entity
from durascope.render.code.temporal.typescript.starting import Starter
from durascope.render.code.typescript import documented, field_name, milliseconds, obj, template

_OPERATORS: Final = {"cancel": "cancel", "kill": "terminate"}


class Senders(Starter):
    """Writes the functions that send events."""

    def events(self, source: Braces) -> list[str]:
        """Writes a function for each event; returns the calls."""
        if any(awaited_step(self.book, event) is not None for event in self.workload.events):
            self._reached(source)
        return super().events(source)

    def _reached(self, source: Braces) -> None:
        source("")
        documented(source, "Waits until that workflow has asked for that activity.")
        source.statement(
            "async function reached",
            Group("(", ("client: Client", "workflowId: string", "activity: string")),
            ": Promise<void> {",
        )
        self.needs.add(("@temporalio/client", "WorkflowNotFoundError"))
        with source.deeper():
            source("const handle = client.workflow.getHandle(workflowId);")
            with source.block("for (;;)"):
                with source.block("try"):
                    source("const { events } = await handle.fetchHistory();")
                    source("const scheduled = events?.map((event) => event.activityTaskScheduledEventAttributes);")
                    source("if (scheduled?.some((each) => each?.activityType?.name === activity)) return;")
                with source.block("catch (error)"):
                    source("if (!(error instanceof WorkflowNotFoundError)) throw error; // else it is not started yet")
                self.wait(source, "50")
        source("}")

    def event(self, source: Braces, event: WorkloadEvent) -> str | None:
        if event.operator is not None and event.operator not in _OPERATORS:
            return None
        target = self._target(event)
        started = begun_by(self.book, event)
        if target is None and not started:
            return None
        function = self.names.new(f"{event.kind} {event.name}")
        source("")
        documented(source, one_line(f"{SENDS[event.kind]} {event.name}."))
        with source.block(f"async function {function}(client: Client): Promise<void>"):
            awaited, delay = awaited_step(self.book, event), delay_of(event)
            if awaited is not None:
                run, step = awaited
                source.statement("await ", call("reached", "client", quoted(run), quoted(self._activity(step))))
            if delay:
                self.wait(source, milliseconds(delay))
            if target is not None:
                self._send(source, event, target)
                return f"{function}(client)"
            for name in started:
                if name in self.starts:
                    source(f"await {self.starts[name]}(client, {self.workload.runs + 1});")
                else:
                    self._begin(source, name, event)
        return f"{function}(client)"

    def _send(self, source: Braces, event: WorkloadEvent, target: str) -> None:
        if not for_many(event):
            self._act(source, event, target)
            return
        with self.for_each(source, event):
            self._act(source, event, target)

    def _begin(self, source: Braces, name: str, event: WorkloadEvent) -> None:
        """Starts a workflow that the workload starts by an event only."""
        told = self.book.workflows[name]
        function, given = self.project.functions[name], self.project.inputs[name]
        self.needs |= {("./workflows", function), ("./messages", f"type {given}")}
        source.statement(f"const input: {given} = ", self.given(told, event))
        options = self.options(told, "1", given=not is_entity(told.workflow))
        source.statement("await ", call("client.workflow.start", function, obj(*options, broken=True)))

    def _activity(self, label: str) -> str:
        found = (self.project.activities[each] for each in self.book.operations if each.step.run == label)
        return next(found, label)

    def _target(self, event: WorkloadEvent) -> str | None:
        if not for_many(event):
            run = one_run(self.book, event)
            return None if run is None else quoted(run)
        first = self.book.workflows[self.project.scenario.started[0]]
        key = first.workflow.key
        number = "number" if key is None else f"{self.inputs[first.name]}(number).{field_name(key)}"
        return template((f"{first.name}/", False), (number, True))

    def _act(self, source: Braces, event: WorkloadEvent, target: str) -> None:
        source.statement("const handle = ", call("client.workflow.getHandle", target))
        match event.kind:
            case "send":
                payload = self.payload(event.name, event.with_)
                source.statement("await ", call("handle.signal", quoted(event.name), payload))
            case "update":
                args = Group("[", (self.payload(event.name, event.with_),), "]")
                source.statement("await ", call("handle.executeUpdate", quoted(event.name), obj(("args", args))))
            case "query":
                source(f"console.log(await handle.query({quoted(event.name)}));")
            case _:
                source(f"await handle.{_OPERATORS[str(event.operator)]}();")
