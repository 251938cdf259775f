"""`app/start.py`: sends the events that the workload says."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.models.units import MILLISECOND
from durascope.render.code import python
from durascope.render.code.events import for_many
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.python.names import Named
from durascope.render.code.layout import Expression, Group, Source, call
from durascope.render.code.names import one_line, python_names, quoted
from durascope.render.code.program import Told
from durascope.render.code.python_workload import Workload

_TAKEN: Final = ("asyncio", "client", "inngest", "inngest_client", "later", "main", "number", "random", "runs", "time",
                 "AT", "at", "cancel", "started", "httpx", "os", "given")  # fmt: skip


def start_file(project: Named) -> str:
    """The module."""
    return Starter(project).text()


def input_functions(project: Named) -> dict[str, str]:
    """By workflow that the workload starts: the function that makes the data of its event."""
    return Starter(project).inputs


class Starter(Workload):
    """Writes the functions that send events."""

    client = "inngest.Inngest"
    about = "Sends the events of the scenario."

    def __init__(self, project: Named) -> None:
        names = python_names(*_TAKEN, *project.taken)
        super().__init__(project.book, project.inputs, project.events, names)
        self.project = project
        self.starts = {name: names.new(f"start {name}") for name in self.started}
        self.cancels = any(self._cancelled(event) for event in self.workload.events)
        self.needs |= {("asyncio", ""), ("inngest", ""), ("app.client", "inngest_client")}

    def _head(self, source: Source) -> None:
        if self.cancels:
            self.needs |= {("os", ""), ("httpx", "")}
            source("", 'SERVER = os.environ.get("INNGEST_BASE_URL", "http://localhost:8288")')
            source("STARTED: dict[int, str] = {}", '"""The id of the event that has started each run."""')

    def _events(self, source: Source) -> list[str]:
        if self.cancels:
            self._cancel(source)
        return super()._events(source)

    @contextmanager
    def connected(self, source: Source) -> Generator[None]:
        source("client = inngest_client")
        yield

    # ---- starts ------------------------------------------------------------------------------------------------

    def _start(self, source: Source, told: Told) -> None:
        name, schedule = one_line(told.name), facts.cron(told.workflow)
        client = "client" if schedule is None else "_client"
        source("", "", f"async def {self.starts[told.name]}({client}: inngest.Inngest, number: int) -> None:")
        with source.deeper():
            if schedule is not None:
                source(f'"""A schedule starts {name}."""')
                source.statement("", call("print", quoted(f"{name} is started by its schedule; run"), "number"))
                return
            source(f'"""Sends the event that starts a run of {name}."""')
            made = self._sent(facts.trigger(told.name, told.workflow), f"{self.inputs[told.name]}(number).model_dump()")
            start_with = self.workload.start_with
            if start_with is not None and start_with.send is not None:
                data = self._data(start_with.send, start_with.with_, f"{self.inputs[told.name]}(number)", told)
                made = Group("[", (made, call("inngest.Event", f"name={quoted(start_with.send)}", f"data={data}")), "]")
            if self.cancels:
                source.statement("STARTED[number], *_ = await ", call("client.send", made))
            else:
                source.statement("await ", call("client.send", made))

    def _sent(self, event: str, data: str) -> Expression:
        parts = [f"name={quoted(event)}", f"data={data}"]
        ids = self.workload.idempotency_keys or ()
        if ids:
            parts.append(f"id=[{', '.join(map(quoted, ids))}][number - 1]")
        if self.workload.after:
            self.needs.add(("time", ""))
            parts.append(f"ts=round(time.time() * 1000) + {self.workload.after // MILLISECOND}")
        return call("inngest.Event", *parts)

    # ---- what else is sent -------------------------------------------------------------------------------------

    def _cancelled(self, event: WorkloadEvent) -> bool:
        return event.operator in ("cancel", "kill") and not isinstance(event.to, str)

    def _event(self, source: Source, event: WorkloadEvent) -> str | None:
        if event.kind != "send" and not self._cancelled(event):
            return None
        function = self.names.new(f"{event.kind} {event.name}")
        client = "client" if event.kind == "send" else "_client"
        source("", "", f"async def {function}({client}: inngest.Inngest) -> None:")
        with source.deeper():
            source(f'"""{"Sends" if event.kind == "send" else "Has the server"} {one_line(event.name)}."""')
            delay = self._delay(source, event)
            if delay:
                source(f"await asyncio.sleep({python.seconds(delay)})")
            self._to_all(source, event)
        return f"{function}(client)"

    def _delay(self, source: Source, event: WorkloadEvent) -> int:
        """How long after the start it is sent, in microseconds."""
        if event.when is None:
            return event.at or 0
        source("# Nobody outside is told what a run is at: this is about when.")
        if event.when.step is None:
            return event.when.after
        first = event.to if isinstance(event.to, int) else 1
        return facts.about_when(self.book, self._workflow(first).name, event.when.step) + event.when.after

    def _workflow(self, run: int) -> Told:
        started = self.book.scenario.started
        return self.book.workflows[started[min(run, len(started)) - 1]]

    def _to_all(self, source: Source, event: WorkloadEvent) -> None:
        to = event.to
        if not for_many(event):
            self._to_one(source, event, to if isinstance(to, int) else None)
            return
        with self._for_each(source, event):
            self._to_one(source, event, 0)

    def _to_one(self, source: Source, event: WorkloadEvent, run: int | None) -> None:
        """Sends it to a run by its number; 0: the one that `number` is; None: to whom it may concern."""
        if event.kind == "operator":
            source(f"await cancel({run or 1})")
            return
        told = None if run is None else self._workflow(run or 1)
        given = "" if told is None else f"{self.inputs[told.name]}({'number' if run == 0 else run})"
        data = self._data(event.name, event.with_, given, told, event.to if run is None else None)
        parts = [f"name={quoted(event.name)}", f"data={data}"]
        if event.time is not None:
            self.needs.add(("time", ""))
            apart = (event.time - (event.at or 0)) // MILLISECOND
            parts.append(f"ts=round(time.time() * 1000) {'-' if apart < 0 else '+'} {abs(apart)}")
        source.statement("await ", call("client.send", call("inngest.Event", *parts)))

    def _data(self, event: str, values: object, given: str, told: Told | None, key: object = None) -> str:
        """What an event brings: the values that are stated, and the fields of the run that it is for."""
        stated = values if isinstance(values, dict) else {}
        keys = facts.keys(self.book)
        members: list[str] = []
        for name, field in self.project.fields[event].items():
            if name in stated:
                text = self._typed(stated[name], field.kind)
            elif told is not None and name in told.input:
                text = f"{given}.{python.field_name(name)}"
            elif key is not None and name in keys:
                text = quoted(str(key))
            elif field.always:
                text = self._drawn(name, "unique", field.kind, str(self.workload.runs + 1))
            else:
                continue
            members.append(f"{quoted(python.field_name(name))}: {text}")
        return "{" + ", ".join(members) + "}"

    def _cancel(self, source: Source) -> None:
        source("", "", "async def cancel(number: int) -> None:")
        source('    """Has the server cancel the run of that number."""')
        source("    async with httpx.AsyncClient(base_url=SERVER) as server:")
        source('        runs = (await server.get(f"/v1/events/{STARTED[number]}/runs")).json()["data"]')
        source("        for run in runs:")
        source("            await server.delete(f\"/v1/runs/{run['run_id']}\")")
