"""The workload's events: signals, updates, queries and what an operator does, each at its moment."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.render.code import python
from durascope.render.code.events import SENDS, for_many, one_run, run_id
from durascope.render.code.layout import Expression, Source, call
from durascope.render.code.names import in_f_string, one_line, quoted
from durascope.render.code.temporal.facts import is_entity
from durascope.render.code.temporal.python.names import UNTYPED
from durascope.render.code.temporal.python.starting import Starter
from durascope.render.code.temporal.queues import workflow_queue

_OPERATORS: Final = {"cancel": "cancel", "kill": "terminate"}


class Senders(Starter):
    """Writes the functions that send events."""

    def _events(self, source: Source) -> list[str]:
        """Writes a function for each event; returns the calls."""
        calls: list[str] = []
        moments = any(event.when is not None and event.when.step is not None for event in self.workload.events)
        if moments:
            self._reached(source)
        for event in self.workload.events:
            made = self._event(source, event)
            if made is not None:
                calls.append(made)
        return calls

    def _reached(self, source: Source) -> None:
        self.needs.add(("temporalio.client", "Client"))
        source("", "", "async def reached(client: Client, workflow_id: str, activity: str) -> None:")
        source('    """Waits until that workflow has asked for that activity."""')
        source("    while True:")
        source("        try:")
        source("            handle = client.get_workflow_handle(workflow_id)")
        source("            async for event in handle.fetch_history_events(wait_new_event=True):")
        source("                scheduled = event.activity_task_scheduled_event_attributes")
        source("                if scheduled.activity_type.name == activity:")
        source("                    return")
        source("            return")
        source("        except RPCError:  # it is not started yet")
        source("            await asyncio.sleep(0.05)")
        self.needs.add(("temporalio.service", "RPCError"))

    def _event(self, source: Source, event: WorkloadEvent) -> str | None:
        if event.operator is not None and event.operator not in _OPERATORS:
            return None
        target = self._target(event)
        started = self.book.started_by(event.name) if event.kind == "send" and target is None else ()
        if target is None and not started:
            return None
        function = self.names.new(f"{event.kind} {event.name}")
        source("", "", f"async def {function}(client: Client) -> None:")
        with source.deeper():
            source(f'"""{one_line(f"{SENDS[event.kind]} {event.name}.")}"""')
            if event.when is not None and event.when.step is not None:
                first = event.to if isinstance(event.to, int) else 1
                source.statement("await ", call("reached", "client", quoted(run_id(self.book, first)),
                                                quoted(self._activity(event.when.step))))  # fmt: skip
            delay = (event.at or 0) + (event.when.after if event.when is not None else 0)
            if delay:
                source(f"await asyncio.sleep({python.seconds(delay)})")
            if target is None:
                for name in started:
                    if name in self.starts:
                        source(f"await {self.starts[name]}(client, {self.workload.runs + 1})")
                    else:
                        self._begin(source, name, event)
                return f"{function}(client)"
            indent = source
            if for_many(event):
                share = float(event.to[:-1]) / 100 if isinstance(event.to, str) and event.to != "each" else 1.0
                source(f"for number in range(1, {self.workload.runs + 1}):")
                with source.deeper():
                    if share < 1:
                        self.needs.add(("random", ""))
                        source(f"if random.random() < {share!r}:")
                    with source.deeper() if share < 1 else nullcontext():
                        source(f"handle = client.get_workflow_handle({target})")
                        self._act(indent, event)
            else:
                source(f"handle = client.get_workflow_handle({target})")
                self._act(indent, event)
        return f"{function}(client)"

    def _begin(self, source: Source, name: str, event: WorkloadEvent) -> None:
        """Starts a workflow that the workload starts by an event only."""
        told = self.book.workflows[name]
        self.needs |= {("app.workflows", self.project.classes[name]), ("app.messages", self.project.inputs[name])}
        parts: list[Expression] = []
        for field, kind in told.input.items():
            value = self._drawn(field, told.workflow.input.get(field, "unique"), kind, "1")
            if field in event.with_:
                value = self._typed(event.with_[field], kind)
            parts.append(f"{python.field_name(field)}={value}")
        source.statement("given = ", call(self.project.inputs[name], *parts))
        options = [f"id={self._id(told, '1')}", f"task_queue={quoted(workflow_queue(self.project.deployment, name))}"]
        entity = is_entity(told.workflow)
        run = f"{self.project.classes[name]}.run"
        source.statement("await ", call("client.start_workflow", run, *([] if entity else ["given"]), *options))

    def _activity(self, label: str) -> str:
        found = (each.name for each in self.book.operations if each.step.run == label)
        return next(found, label)

    def _target(self, event: WorkloadEvent) -> str | None:
        if not for_many(event):
            run = one_run(self.book, event)
            return None if run is None else quoted(run)
        first = self.book.workflows[self.project.scenario.started[0]]
        key, prefix = first.workflow.key, in_f_string(first.name)
        if key is None:
            return f'f"{prefix}/{{number}}"'
        return f'f"{prefix}/{{{self.inputs[first.name]}(number).{python.field_name(key)}}}"'

    def _act(self, source: Source, event: WorkloadEvent) -> None:
        match event.kind:
            case "send":
                source.statement(
                    "await ", call("handle.signal", quoted(event.name), self._payload(event.name, event.with_))
                )
            case "update":
                payload = self._payload(event.name, event.with_)
                source.statement("await ", call("handle.execute_update", quoted(event.name), payload), remark=UNTYPED)
            case "query":
                source(f"print(await handle.query({quoted(event.name)}))")
            case _:
                source(f"await handle.{_OPERATORS[str(event.operator)]}()")
