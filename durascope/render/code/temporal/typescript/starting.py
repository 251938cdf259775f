"""The workload's starts: their inputs and their options."""

from __future__ import annotations

from durascope.models.scenario import InputPool, InputShare, InputUniform
from durascope.render.code.layout import Braces, Expression, Group, call
from durascope.render.code.names import one_line, quoted, typescript_names
from durascope.render.code.program import Told
from durascope.render.code.temporal.facts import is_entity
from durascope.render.code.temporal.queues import workflow_queue
from durascope.render.code.temporal.typescript.activity_calls import retry_policy
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.typescript import (
    ZERO,
    Needs,
    documented,
    duration,
    field_name,
    literal,
    number,
    obj,
    template,
)

_TAKEN = ("client", "number", "main", "reached", "later", "connection", "address", "input", "handle", "setTimeout",
          "Client", "Connection", "WithStartWorkflowOperation", "at", "events", "runs")  # fmt: skip


def input_functions(project: Named) -> dict[str, str]:
    """By workflow that the workload starts: the function that makes a run's input."""
    names = typescript_names(*_TAKEN, *project.taken)
    return {name: names.new(f"{name} input") for name in dict.fromkeys(project.scenario.started)}


class Starter:
    """Writes the functions that start runs."""

    def __init__(self, project: Named) -> None:
        self.project = project
        self.book = project.book
        self.workload = project.scenario.workload
        self.needs: Needs = {("@temporalio/client", "Client"), ("@temporalio/client", "Connection")}
        self.started = list(dict.fromkeys(project.scenario.started))
        self.inputs = input_functions(project)
        self.names = typescript_names(*_TAKEN, *project.taken, *self.inputs.values())
        self.starts = {name: self.names.new(f"start {name}") for name in self.started}

    # ---- inputs ------------------------------------------------------------------------------------------------

    def input(self, source: Braces, told: Told) -> None:
        """The function that makes the input of a run."""
        name = self.project.inputs[told.name]
        self.needs.add(("./messages", f"type {name}"))
        members = [(field_name(field), self._field(told, field)) for field in told.input]
        used = any("number" in str(value) for _, value in members)
        source("")
        documented(source, "The input of a run, by its number.")
        with source.block(f"export function {self.inputs[told.name]}({'' if used else '_'}number: number): {name}"):
            source.statement("return ", obj(*members))

    def _field(self, told: Told, field: str) -> str:
        kind = told.input[field]
        keys = self.workload.keys or ()
        if field == told.workflow.key:
            if keys:
                return f"[{', '.join(quoted(str(key)) for key in keys)}][(number - 1) % {len(keys)}]"
            return self.drawn(field, told.workflow.input.get(field, "unique"), kind)
        text = self.drawn(field, told.workflow.input.get(field, "unique"), kind)
        given = {n: each[field] for n, each in enumerate(self.workload.inputs or (), 1) if each.get(field) is not None}
        if not given:
            return text
        last = max(given)
        values = [self.typed(given[n], kind) if n in given else "undefined" for n in range(1, last + 1)]
        return f"[{', '.join(values)}][number - 1] ?? {text}"

    def typed(self, value: object, kind: str) -> str:
        """A value as a literal of that kind."""
        return literal(value) if kind != "text" else quoted(str(value))

    def drawn(self, field: str, spec: object, kind: str, run: str = "number") -> str:
        """An expression for a field of an input."""
        match spec:
            case InputPool(pool=pool):
                return template((f"{field}-", False), (f"1 + Math.floor(Math.random() * {pool})", True))
            case InputUniform(uniform=(low, high)):
                spread = number(round(high - low, 6))
                return f"Math.round(({number(low)} + Math.random() * {spread}) * 100) / 100"
            case InputShare(share=share):
                return f"Math.random() < {number(share)}"
            case "unique":
                return self._numbered(f"{field}-", run) if kind == "text" else ZERO[kind]  # pyright: ignore[reportArgumentType]
            case _:
                return literal(spec)

    def _numbered(self, prefix: str, run: str) -> str:
        """A text that ends with the run's number: a literal where that is known."""
        return template((prefix, False), (run, not run.isdigit()))

    # ---- starts ------------------------------------------------------------------------------------------------

    def start(self, source: Braces, told: Told) -> None:
        """The function that starts a run."""
        self.needs.add(("./workflows", self.project.functions[told.name]))
        start_with = self.workload.start_with
        entity = is_entity(told.workflow)
        source("")
        documented(source, f"Starts a run of {one_line(told.name)} and waits for its end.")
        with source.block(f"async function {self.starts[told.name]}(client: Client, number: number): Promise<void>"):
            source(f"const input = {self.inputs[told.name]}(number);")
            if entity:
                self._request(source, told)
            elif start_with is not None and start_with.update is not None:
                self._with_update(source, told, start_with.update, start_with.with_)
            else:
                self._plain(source, told)

    def options(self, told: Told, run: str = "number", *, given: bool = True) -> list[tuple[str, Expression]]:
        """The options of a start."""
        workflow = told.workflow
        members: list[tuple[str, Expression]] = [("args", "[input]")] if given else []
        members += [
            ("workflowId", self.id(told, run)),
            ("taskQueue", quoted(workflow_queue(self.project.deployment, told.name))),
        ]
        if workflow.run_timeout is not None:
            members.append(("workflowRunTimeout", duration(workflow.run_timeout)))
        if workflow.retry is not None:
            members.append(("retry", retry_policy(workflow.retry)))
        return members

    def id(self, told: Told, run: str = "number") -> str:
        """The workflow id of a run."""
        if told.workflow.key is None:
            return self._numbered(f"{told.name}/", run)
        return template((f"{told.name}/", False), (f"input.{field_name(told.workflow.key)}", True))

    def _plain(self, source: Braces, told: Told) -> None:
        start, function = self.workload.start_with, self.project.functions[told.name]
        members, method = self.options(told), "start"
        if start is not None and start.send is not None:
            method = "signalWithStart"
            members += [
                ("signal", quoted(start.send)),
                ("signalArgs", Group("[", (self.payload(start.send, start.with_),), "]")),
            ]
        if self.workload.after:
            members.append(("startDelay", duration(self.workload.after)))
        if told.workflow.id_conflict == "use-existing":
            members.append(("workflowIdConflictPolicy", '"USE_EXISTING"'))
        source.statement(
            "const handle = await ", call(f"client.workflow.{method}", function, obj(*members, broken=True))
        )
        source("console.log(`${handle.workflowId} has started`);")
        source("console.log(`${handle.workflowId} has ended: ${await handle.result()}`);")

    def _operation(self, source: Braces, told: Told, name: str, *, given: bool) -> None:
        self.needs.add(("@temporalio/client", "WithStartWorkflowOperation"))
        members = [*self.options(told, given=given), ("workflowIdConflictPolicy", '"USE_EXISTING"')]
        function = self.project.functions[told.name]
        source.statement(
            f"const {name} = ", call("new WithStartWorkflowOperation", function, obj(*members, broken=True))
        )

    def _request(self, source: Braces, told: Told) -> None:
        self._operation(source, told, "entity", given=False)
        update = self.project.requests[told.name]
        self.needs.add(("./workflows", update))
        options = obj(("args", "[input]"), ("startWorkflowOperation", "entity"), broken=True)
        source.statement("await ", call("client.workflow.executeUpdateWithStart", update, options))
        source("console.log(`request ${number} is done`);")

    def _with_update(self, source: Braces, told: Told, update: str, values: object) -> None:
        self._operation(source, told, "start", given=True)
        payload = Group("[", (self.payload(update, values),), "]")
        options = obj(("args", payload), ("startWorkflowOperation", "start"), broken=True)
        definition = self.project.updates.get(update)
        if definition is not None:
            self.needs.add(("./workflows", definition))
        source.statement(
            "await ", call("client.workflow.executeUpdateWithStart", definition or quoted(update), options)
        )
        source("const handle = await start.workflowHandle();")
        source("console.log(`${handle.workflowId} has ended: ${await handle.result()}`);")

    def payload(self, event: str, values: object) -> Expression:
        """What goes with an event."""
        given = values if isinstance(values, dict) else {}
        fields = self.book.events[event].fields
        return obj(*((field_name(str(n)), self.typed(v, fields[str(n)])) for n, v in given.items() if str(n) in fields))
