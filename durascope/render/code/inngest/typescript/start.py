"""`src/start.ts`: sends the events that the workload says."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.models.units import MILLISECOND
from durascope.render.code.events import for_many
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.typescript.names import Named
from durascope.render.code.layout import Braces, Expression, Group, call
from durascope.render.code.names import one_line, quoted, typescript_names
from durascope.render.code.program import Told
from durascope.render.code.typescript import ZERO, documented, field_name, milliseconds, obj
from durascope.render.code.typescript_workload import TypeScriptWorkload

_TAKEN: Final = ("number", "main", "later", "inngest", "setTimeout", "at", "cancel", "events", "fetch", "id", "ids",
                 "response", "runs", "server", "started")  # fmt: skip


def start_file(project: Named) -> str:
    """The module."""
    return Starter(project).text()


def input_functions(project: Named) -> dict[str, str]:
    """By workflow that the workload starts: the function that makes the data of its event."""
    return Starter(project).inputs


class Starter(TypeScriptWorkload):
    """Writes the functions that send events."""

    about = "Sends the events of the scenario."

    def __init__(self, project: Named) -> None:
        super().__init__(project.book, project.inputs, "./messages", typescript_names(*_TAKEN, *project.taken))
        self.project = project
        self.cancels = any(event.operator in ("cancel", "kill") for event in self.workload.events)

    def head(self, source: Braces) -> None:
        if self.cancels:
            source("", 'const server = process.env["INNGEST_BASE_URL"] ?? "http://localhost:8288";')
            documented(source, "The id of the event that has started each run.")
            source("const started = new Map<number, string>();")

    def events(self, source: Braces) -> list[str]:
        if self.cancels:
            self._cancel(source)
        return super().events(source)

    @contextmanager
    def connected(self, source: Braces) -> Generator[None]:
        yield

    # ---- starts ------------------------------------------------------------------------------------------------

    def start(self, source: Braces, told: Told) -> None:
        name, schedule = one_line(told.name), facts.cron(told.workflow)
        source("")
        documented(
            source,
            f"Sends the event that starts a run of {name}." if schedule is None else f"A schedule starts {name}.",
        )
        head = f"async function {self.starts[told.name]}"
        if schedule is not None:
            with source.block(f"{head}(number: number): Promise<void>"):
                source.statement("", call("console.log", quoted(f"{name} is started by its schedule; run"), "number"))
            return
        with source.block(f"{head}(number: number): Promise<void>"):
            source(f"const input = {self.inputs[told.name]}(number);")
            made = self._created(facts.trigger(told.name, told.workflow), "input", self._options())
            start_with = self.workload.start_with
            if start_with is not None and start_with.send is not None:
                both = (made, self._with(start_with.send, start_with.with_, told))
                self._send(source, Group("[", both, "]"))
            elif self.cancels:
                self._send(source, made, "const { ids } = ")
                source("started.set(number, ids[0] as string);")
            else:
                self._send(source, made)

    def _options(self) -> tuple[Expression, ...]:
        members: list[tuple[str, Expression]] = []
        ids = self.workload.idempotency_keys or ()
        if ids:
            members.append(("id", f"[{', '.join(map(quoted, ids))}][number - 1] as string"))
        if self.workload.after:
            members.append(("ts", f"Date.now() + {milliseconds(self.workload.after)}"))
        return (obj(*members),) if members else ()

    def _created(self, event: str, data: Expression, options: tuple[Expression, ...] = ()) -> Expression:
        self.needs.add(("./messages", self.project.events[event]))
        return call(f"{self.project.events[event]}.create", data, *options)

    def _send(self, source: Braces, made: Expression, before: str = "") -> None:
        self.needs.add(("./client", "inngest"))
        source.statement(f"{before}await ", call("inngest.send", made))

    def _with(self, event: str, values: object, told: Told) -> Expression:
        return self._created(event, self._data(event, values, "input", told))

    # ---- what else is sent -------------------------------------------------------------------------------------

    def event(self, source: Braces, event: WorkloadEvent) -> str | None:
        if event.kind not in ("send", "operator") or (event.kind == "operator" and not self._is_cancelled(event)):
            return None
        function = self.names.new(f"{event.kind} {event.name}")
        source("")
        documented(source, f"{'Sends' if event.kind == 'send' else 'Has the server'} {one_line(event.name)}.")
        with source.block(f"async function {function}(): Promise<void>"):
            delay = self._delay(source, event)
            if delay:
                self.wait(source, milliseconds(delay))
            self._to_all(source, event)
        return f"{function}()"

    def _is_cancelled(self, event: WorkloadEvent) -> bool:
        return event.operator in ("cancel", "kill") and not isinstance(event.to, str)

    def _delay(self, source: Braces, event: WorkloadEvent) -> int:
        """How long after the start it is sent, in microseconds."""
        if event.when is None:
            return event.at or 0
        first = event.to if isinstance(event.to, int) else 1
        source("// Nobody outside is told what a run is at: this is about when.")
        if event.when.step is None:
            return event.when.after
        return facts.about_when(self.book, self._workflow(first).name, event.when.step) + event.when.after

    def _workflow(self, run: int) -> Told:
        started = self.book.scenario.started
        return self.book.workflows[started[min(run, len(started)) - 1]]

    def _to_all(self, source: Braces, event: WorkloadEvent) -> None:
        to = event.to
        if not for_many(event):
            self._one(source, event, to if isinstance(to, int) else None)
            return
        with self.for_each(source, event):
            self._one(source, event, 0)

    def _one(self, source: Braces, event: WorkloadEvent, run: int | None) -> None:
        """Sends it to a run by its number; 0: the one that `number` is; None: to whom it may concern."""
        if event.kind == "operator":
            source(f"await cancel({run or 1});")
            return
        told = None if run is None else self._workflow(run or 1)
        shown = "number" if run == 0 else str(run)
        given = "" if told is None else f"{self.inputs[told.name]}({shown})"
        options = ()
        if event.time is not None:
            apart = (event.time - (event.at or 0)) // MILLISECOND
            options = (obj(("ts", f"Date.now() {'-' if apart < 0 else '+'} {abs(apart)}")),)
        data = self._data(event.name, event.with_, given, told, event.to if run is None else None)
        self._send(source, self._created(event.name, data, options))

    def _data(self, event: str, values: object, given: str, told: Told | None, key: object = None) -> Expression:
        """What an event brings: the values that are stated, and the fields of the run that it is for."""
        stated = values if isinstance(values, dict) else {}
        keys = facts.keys(self.book)
        members: list[tuple[str, Expression]] = []
        for name, field in self.project.fields[event].items():
            if name in stated:
                members.append((field_name(name), self.typed(stated[name], field.kind)))
            elif told is not None and name in told.input:
                members.append((field_name(name), f"{given}.{field_name(name)}"))
            elif key is not None and name in keys:
                members.append((field_name(name), quoted(str(key))))
            elif field.always:
                drawn = self.drawn(name, "unique", field.kind, str(self.workload.runs + 1))
                members.append((field_name(name), drawn or ZERO[field.kind]))
        return obj(*members)

    def _cancel(self, source: Braces) -> None:
        source("")
        documented(source, "Has the server cancel the run of that number.")
        with source.block("async function cancel(number: number): Promise<void>"):
            source("const response = await fetch(`${server}/v1/events/${started.get(number)}/runs`);")
            source("const { data: runs } = (await response.json()) as { data: { run_id: string }[] };")
            with source.block("for (const { run_id: id } of runs)"):
                source('await fetch(`${server}/v1/runs/${id}`, { method: "DELETE" });')
