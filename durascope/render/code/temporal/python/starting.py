"""The workload's starts: their inputs and their options."""

from __future__ import annotations

from durascope.models.scenario import InputPool, InputShare, InputUniform
from durascope.render.code import python
from durascope.render.code.layout import Expression, Group, Source, call, flat
from durascope.render.code.names import in_f_string, one_line, python_names, quoted
from durascope.render.code.program import Told
from durascope.render.code.python import timedelta
from durascope.render.code.temporal.python.names import REQUEST, UNTYPED, Named
from durascope.render.code.temporal.python.retrying import retry_policy
from durascope.render.code.temporal.queues import workflow_queue

Needs = set[tuple[str, str]]


class Starter:
    """Writes the functions that start runs."""

    def __init__(self, project: Named) -> None:
        self.project = project
        self.book = project.book
        self.workload = project.scenario.workload
        self.needs: Needs = {("asyncio", ""), ("os", ""), ("temporalio.client", "Client")}
        self.names = python_names("client", "number", "main", "start", "asyncio", "os", "messages", "workflows")
        self.started = list(dict.fromkeys(project.scenario.started))
        self.inputs = {name: self.names.new(f"{name} input") for name in self.started}
        self.starts = {name: self.names.new(f"start {name}") for name in self.started}

    def _input(self, source: Source, told: Told) -> None:
        name = self.project.inputs[told.name]
        self.needs.add(("app.messages", name))
        keys = self.workload.keys or ()
        parts: list[Expression] = []
        for field, kind in told.input.items():
            spec: object = told.workflow.input.get(field, "unique")
            if field == told.workflow.key and keys:
                every = Group("[", tuple(quoted(str(key)) for key in keys), "]")
                text = f"{flat(every)}[(number - 1) % {len(keys)}]"
            else:
                text = self._drawn(field, spec, kind)
            given = [each.get(field) for each in self.workload.inputs or ()]
            if any(each is not None for each in given) and field != told.workflow.key:
                rows = {n: value for n, value in enumerate(given, 1) if value is not None}
                table = "{" + ", ".join(f"{n}: {self._typed(v, kind)}" for n, v in rows.items()) + "}"
                text = f"{table}.get(number, {text})"
            parts.append(f"{python.field_name(field)}={text}")
        uses = any("number" in str(part) for part in parts)
        source("", "", f"def {self.inputs[told.name]}({'number' if uses else '_number'}: int) -> {name}:")
        with source.deeper():
            source('"""The input of a run, by its number."""')
            source.statement("return ", call(name, *parts))

    def _typed(self, value: object, kind: str) -> str:
        return python.literal(value) if kind != "text" else quoted(str(value))

    def _numbered(self, prefix: str, number: str) -> str:
        """A text that ends with the run's number: a literal where that is known."""
        return quoted(f"{prefix}{number}") if number.isdigit() else f'f"{in_f_string(prefix)}{{{number}}}"'

    def _drawn(self, field: str, spec: object, kind: str, number: str = "number") -> str:
        """An expression for a field of an input."""
        match spec:
            case InputPool(pool=pool):
                self.needs.add(("random", ""))
                return f'f"{in_f_string(field)}-{{random.randint(1, {pool})}}"'
            case InputUniform(uniform=(low, high)):
                self.needs.add(("random", ""))
                return f"round(random.uniform({low!r}, {high!r}), 2)"
            case InputShare(share=share):
                self.needs.add(("random", ""))
                return f"random.random() < {share!r}"
            case "unique":
                return self._numbered(f"{field}-", number) if kind == "text" else python.ZERO[kind]  # pyright: ignore[reportArgumentType]
            case _:
                return python.literal(spec)

    def _start(self, source: Source, told: Told) -> None:
        workflow = told.workflow
        run = f"{self.project.classes[told.name]}.run"
        self.needs.add(("app.workflows", self.project.classes[told.name]))
        options: list[Expression] = [
            f"id={self._id(told)}",
            f"task_queue={quoted(workflow_queue(self.project.deployment, told.name))}",
        ]
        if workflow.run_timeout is not None:
            options.append(f"run_timeout={self._time(workflow.run_timeout)}")
        if workflow.retry is not None:
            self.needs.add(("temporalio.common", "RetryPolicy"))
            text = retry_policy(workflow.retry, "retry_policy=")
            if "timedelta" in flat(text):
                self.needs.add(("datetime", "timedelta"))
            options.append(text)
        entity = workflow.one_at_a_time and workflow.key is not None
        source("", "", f"async def {self.starts[told.name]}(client: Client, number: int) -> None:")
        with source.deeper():
            source(f'"""Starts a run of {one_line(told.name)} and waits for its end."""')
            source(f"given = {self.inputs[told.name]}(number)")
            start = self.workload.start_with
            update = REQUEST if entity else start.update if start is not None else None
            if update is not None:
                self._with_update(source, told, run, options, update)
            else:
                self._plain(source, told, run, options)

    def _id(self, told: Told, number: str = "number") -> str:
        if told.workflow.key is None:
            return self._numbered(f"{told.name}/", number)
        return f'f"{in_f_string(told.name)}/{{given.{python.field_name(told.workflow.key)}}}"'

    def _plain(self, source: Source, told: Told, run: str, options: list[Expression]) -> None:
        start = self.workload.start_with
        if start is not None and start.send is not None:
            options += [f"start_signal={quoted(start.send)}",
                        Group("start_signal_args=[", (self._payload(start.send, start.with_),), "]")]  # fmt: skip
        if self.workload.after:
            options.append(f"start_delay={self._time(self.workload.after)}")
        if told.workflow.id_conflict == "use-existing":
            self.needs.add(("temporalio.common", "WorkflowIDConflictPolicy"))
            options.append("id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING")
        source.statement("handle = await ", call("client.start_workflow", run, "given", *options))
        source('print(f"{handle.id} has started")')
        source('print(f"{handle.id} has ended: {await handle.result()}")')

    def _with_update(self, source: Source, told: Told, run: str, options: list[Expression], update: str) -> None:
        self.needs |= {("temporalio.client", "WithStartWorkflowOperation"),
                       ("temporalio.common", "WorkflowIDConflictPolicy")}  # fmt: skip
        entity = told.workflow.one_at_a_time and told.workflow.key is not None
        options.append("id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING")
        parts: list[Expression] = [run, *([] if entity else ["given"]), *options]
        source.statement("entity = " if entity else "start = ", call("WithStartWorkflowOperation", *parts))
        operation = "entity" if entity else "start"
        with_ = self.workload.start_with.with_ if self.workload.start_with is not None else {}
        payload: Expression = "given" if entity else self._payload(update, with_)
        arguments: list[Expression] = [quoted(update), payload, f"start_workflow_operation={operation}"]
        source.statement("await ", call("client.execute_update_with_start_workflow", *arguments), remark=UNTYPED)
        if entity:
            source('print(f"request {number} is done")')
        else:
            source("handle = await start.workflow_handle()")
            source('print(f"{handle.id} has ended: {await handle.result()}")')

    def _payload(self, event: str, values: object) -> Expression:
        self.needs.add(("app.messages", self.project.events[event]))
        given = values if isinstance(values, dict) else {}
        fields = self.book.events[event].fields
        parts = [
            f"{python.field_name(str(n))}={self._typed(v, fields[str(n)])}"
            for n, v in given.items()
            if str(n) in fields
        ]
        return call(self.project.events[event], *parts)

    def _time(self, us: int) -> str:
        self.needs.add(("datetime", "timedelta"))
        return timedelta(us)
