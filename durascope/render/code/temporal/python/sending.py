"""The workload's events: signals, updates, queries and what an operator does, each at its moment."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.render.code import python
from durascope.render.code.events import SENDS, awaited_step, begun_by, delay_of, for_many, one_run
from durascope.render.code.layout import Source, call
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
        if any(awaited_step(self.book, event) is not None for event in self.workload.events):
            self._reached(source)
        return super()._events(source)

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
        started = begun_by(self.book, event)
        if target is None and not started:
            return None
        function = self.names.new(f"{event.kind} {event.name}")
        source("", "", f"async def {function}(client: Client) -> None:")
        with source.deeper():
            source(f'"""{one_line(f"{SENDS[event.kind]} {event.name}.")}"""')
            awaited, delay = awaited_step(self.book, event), delay_of(event)
            if awaited is not None:
                run, step = awaited
                source.statement("await ", call("reached", "client", quoted(run), quoted(self._activity(step))))
            if delay:
                source(f"await asyncio.sleep({python.seconds(delay)})")
            if target is None:
                for name in started:
                    if name in self.starts:
                        source(f"await {self.starts[name]}(client, {self.workload.runs + 1})")
                    else:
                        self._begin(source, name, event)
                return f"{function}(client)"
            with self._for_each(source, event) if for_many(event) else nullcontext():
                source(f"handle = client.get_workflow_handle({target})")
                self._act(source, event)
        return f"{function}(client)"

    def _begin(self, source: Source, name: str, event: WorkloadEvent) -> None:
        """Starts a workflow that the workload starts by an event only."""
        told = self.book.workflows[name]
        self.needs |= {("app.workflows", self.project.classes[name]), ("app.messages", self.project.inputs[name])}
        self._given(source, told, event)
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
