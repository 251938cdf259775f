"""`src/start.ts`: does what the workload says."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.models.targets import Target
from durascope.render.code.events import SENDS, awaited_step, begun_by, delay_of, for_many, one_run, receiver
from durascope.render.code.layout import Braces, Expression, Group, call
from durascope.render.code.names import one_line, quoted, typescript_names
from durascope.render.code.program import Told
from durascope.render.code.project import filled
from durascope.render.code.restate.facts import kind_of_wait
from durascope.render.code.restate.names import SIGNALS
from durascope.render.code.restate.typescript.names import Named
from durascope.render.code.typescript import STEP, documented, field_name, milliseconds, obj, template
from durascope.render.code.typescript_workload import TypeScriptWorkload

_TAKEN: Final = ("number", "main", "later", "setTimeout", "at", "runs", "input", "invocation", "result", "call",
                 "start", "register", "resolve", "operate", "reached", "randomUUID", "find")  # fmt: skip
_OPERATORS: Final = {"cancel": "cancel", "kill": "kill", "pause": "pause", "resume": "resume",
                     "restart": "restart-as-new"}  # fmt: skip


def start_file(project: Named) -> str:
    """The module."""
    return Starter(project).text()


def test_file(project: Named) -> str:
    """`src/handlers.test.ts`: a server of the test's own, the endpoint, one start."""
    name = project.scenario.started[0]
    starter = Starter(project)
    told = project.book.workflows[name]
    source = Braces(STEP)
    source.depth = 1
    path = starter.path(project.target(name), starter.key(told, "1"))
    source.statement("const invocation = await ", call("start", quoted("test"), path, "input"))
    return filled("restate_typescript_test.ts.jinja", input=starter.inputs[name], start=source.text().rstrip("\n"))


class Starter(TypeScriptWorkload):
    """Writes the functions that start runs and send events."""

    def __init__(self, project: Named) -> None:
        super().__init__(project.book, project.inputs, "./messages", typescript_names(*_TAKEN))
        self.project = project

    @contextmanager
    def connected(self, source: Braces) -> Generator[None]:
        self._server("register")
        source('await register(process.env["SERVICE"] ?? "http://localhost:9080");')
        yield

    def _server(self, name: str) -> str:
        self.needs.add(("./server", name))
        return name

    # ---- who it is for -----------------------------------------------------------------------------------------

    def key(self, told: Told, run: str = "number") -> str:
        """An expression of a run's key: of its input's field, else its number."""
        if told.workflow.key is not None:
            return f"input.{field_name(told.workflow.key)}"
        return quoted(run) if run.isdigit() else f"String({run})"

    def run_expression(self, told: Told) -> str:
        """What the run is called here."""
        key = "number" if told.workflow.key is None else f"input.{field_name(told.workflow.key)}"
        return template((f"{told.name}/", False), (key, True))

    def path(self, target: Target, key: str) -> str:
        """An expression of the path of a handler; `key` is one, too."""
        if target.service_kind == "service":
            return quoted(target.path(None))
        if key.startswith(("'", '"')):
            return quoted(target.path(literal_eval(key)))
        text = (f"encodeURIComponent({key})", True)
        return template((f"/{target.service}/", False), text, (f"/{target.handler}", False))

    # ---- starts ------------------------------------------------------------------------------------------------

    def start(self, source: Braces, told: Told) -> None:
        target = self.project.target(told.name)
        source("")
        documented(source, f"Starts a run of {one_line(told.name)} and waits for its end.")
        with source.block(f"async function {self.starts[told.name]}(number: number): Promise<void>"):
            source(f"const input = {self.inputs[told.name]}(number);")
            options: list[tuple[str, Expression]] = []
            if self.workload.after:
                options.append(("delay", milliseconds(self.workload.after)))
            if target.service_kind != "workflow":  # a workflow is known by its key
                options.append(("idempotencyKey", self._idempotency_key()))
            parts: list[Expression] = [self.run_expression(told), self.path(target, self.key(told)), "input"]
            source.statement(
                "const invocation = await ", call(self._server("start"), *parts, *([obj(*options)] if options else []))
            )
            source(f"console.log({self._saying(told, 'started')}, invocation);")
            start = self.workload.start_with
            if start is not None:
                kind = "send" if start.send is not None else "update"
                event = WorkloadEvent.model_validate({kind: str(start.send or start.update), "with": start.with_})
                self._act(source, event, told, self.run_expression(told), self.key(told))
            source(f"console.log({self._saying(told, 'ended')}, await {self._server('result')}(invocation));")

    def _saying(self, told: Told, what: str) -> str:
        return template((f"{told.name} ", False), ("number", True), (f" has {what}:", False))

    def _idempotency_key(self) -> str:
        keys = self.workload.idempotency_keys
        if keys is None:
            self.needs.add(("node:crypto", "randomUUID"))
            return "randomUUID()"
        return f"[{', '.join(map(quoted, keys))}][number - 1] as string"

    # ---- events ------------------------------------------------------------------------------------------------

    def event(self, source: Braces, event: WorkloadEvent) -> str | None:
        if event.operator is not None and event.operator not in _OPERATORS:
            return None
        told = receiver(self.book, event)
        body = Braces(STEP)
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
        source("")
        documented(source, one_line(f"{SENDS[event.kind]} {event.name}."))
        source(f"async function {function}(): Promise<void> {{")
        source.lines += body.lines
        source("}")
        return f"{function}()"

    def _delay(self, source: Braces, event: WorkloadEvent) -> None:
        step, delay = awaited_step(self.book, event), delay_of(event)
        if step is not None:
            source.statement("await ", call(self._server("reached"), *map(quoted, step)))
        if delay:
            self.wait(source, milliseconds(delay))

    def _many(self, source: Braces, event: WorkloadEvent, told: Told) -> None:
        with self.for_each(source, event):
            if told.workflow.key is not None:
                source(f"const input = {self.inputs[told.name]}(number);")
            self._act(source, event, told, self.run_expression(told), self.key(told))

    def _begin(self, source: Braces, name: str, event: WorkloadEvent) -> None:
        """Starts a workflow by an event."""
        if name in self.starts:
            source(f"await {self.starts[name]}({self.workload.runs + 1});")
            return
        told = self.book.workflows[name]
        source.statement("const input = ", self.given(told, event))
        path = self.path(self.project.target(name), self.key(told, "1"))
        source.statement("await ", call(self._server("start"), quoted(f"{name}/1"), path, "input"))

    def _act(self, source: Braces, event: WorkloadEvent, told: Told, run: str, key: str) -> None:
        """What is done to one run; `run` and `key` are expressions."""
        match event.kind:
            case "send":
                self._send(source, event, told, run, key)
            case "operator":
                command = quoted(_OPERATORS[str(event.operator)])
                source.statement("await ", call(self._server("operate"), run, command))
            case kind:
                target = self.project.find(told.name, kind, event.name)
                if target is None:
                    source(f"// {kind} {one_line(event.name)}: a plain service has none")
                    return
                path, asked = self.path(target, key), self._server("call")
                if kind == "query":
                    source.statement("", call("console.log", Group(f"await {asked}(", (path,))))
                    return
                run_number = "number" if for_many(event) else str(event.to if isinstance(event.to, int) else 1)
                payload = self.payload(event.name, event.with_)
                fields = payload.parts if isinstance(payload, Group) else ()
                given = Group("{", (f"...{self.inputs[told.name]}({run_number})", *fields), "}", pad=" ")
                source.statement("await ", call(asked, path, given))

    def _send(self, source: Braces, event: WorkloadEvent, told: Told, run: str, key: str) -> None:
        signal = told.workflow.signals.get(event.name)
        if signal is not None and signal.then != "ignore":
            source.statement("await ", call(self._server("operate"), run, quoted("cancel")))
            return
        if event.name not in told.waits:
            source(f"// {one_line(event.name)} is not sent: nobody listens for it")
            return
        payload = self.payload(event.name, event.with_)
        kind = kind_of_wait(self.project.scenario, told.name)
        if kind == "promise":
            target = self.project.target(told.name, "complete-promise", event.name)
            source.statement("await ", call(self._server("call"), self.path(target, key), payload))
            return
        self.needs.add(("./awaiting", "find"))
        address = key
        if told.workflow.key is None:
            address = f"await {self._server('invocation')}({run})"
        found = f"find({address}, {quoted(event.name)})"
        if kind == "awakeable":
            source.statement("await ", call(self._server("resolve"), found, payload))
            return
        request = obj(("invocation", found), ("signal", quoted(event.name)), ("payload", payload))
        source.statement("await ", call(self._server("call"), quoted(f"/{SIGNALS}/send"), request))
