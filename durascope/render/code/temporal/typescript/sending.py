"""The workload's events: signals, updates, queries and what an operator does, each at its moment."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.render.code.events import SENDS, for_many, one_run, run_id
from durascope.render.code.layout import Braces, Expression, Group, call
from durascope.render.code.names import one_line, quoted
from durascope.render.code.temporal.facts import is_entity
from durascope.render.code.temporal.typescript.starting import Starter
from durascope.render.code.typescript import documented, field_name, milliseconds, number, obj, template

_OPERATORS: Final = {"cancel": "cancel", "kill": "terminate"}


class Senders(Starter):
    """Writes the functions that send events."""

    def events(self, source: Braces) -> list[str]:
        """Writes a function for each event; returns the calls."""
        if any(event.when is not None and event.when.step is not None for event in self.workload.events):
            self._reached(source)
        made = [self._event(source, event) for event in self.workload.events]
        return [each for each in made if each is not None]

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

    def _event(self, source: Braces, event: WorkloadEvent) -> str | None:
        if event.operator is not None and event.operator not in _OPERATORS:
            return None
        target = self._target(event)
        started = self.book.started_by(event.name) if event.kind == "send" and target is None else ()
        if target is None and not started:
            return None
        function = self.names.new(f"{event.kind} {event.name}")
        source("")
        documented(source, one_line(f"{SENDS[event.kind]} {event.name}."))
        with source.block(f"async function {function}(client: Client): Promise<void>"):
            if event.when is not None and event.when.step is not None:
                first = event.to if isinstance(event.to, int) else 1
                parts = ("client", quoted(run_id(self.book, first)), quoted(self._activity(event.when.step)))
                source.statement("await ", call("reached", *parts))
            delay = (event.at or 0) + (event.when.after if event.when is not None else 0)
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
        share = 1.0 if event.to == "each" else float(str(event.to)[:-1]) / 100
        each = source.block(f"for (let number = 1; number <= {self.workload.runs}; number++)")
        with each, source.block(f"if (Math.random() < {number(share)})") if share < 1 else nullcontext():
            self._act(source, event, target)

    def _begin(self, source: Braces, name: str, event: WorkloadEvent) -> None:
        """Starts a workflow that the workload starts by an event only."""
        told = self.book.workflows[name]
        function, given = self.project.functions[name], self.project.inputs[name]
        self.needs |= {("./workflows", function), ("./messages", f"type {given}")}
        members: list[tuple[str, Expression]] = []
        for field, kind in told.input.items():
            drawn = self.drawn(field, told.workflow.input.get(field, "unique"), kind, "1")
            members.append((field_name(field), self.typed(event.with_[field], kind) if field in event.with_ else drawn))
        source.statement(f"const input: {given} = ", obj(*members))
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
