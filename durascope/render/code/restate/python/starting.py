"""The workload's starts: their inputs, keys and delays."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar

from durascope.models.targets import Target
from durascope.render.code import python
from durascope.render.code.layout import Expression, Source, call
from durascope.render.code.names import in_f_string, one_line, python_names, quoted
from durascope.render.code.program import Told
from durascope.render.code.python_workload import Workload
from durascope.render.code.restate.python.names import Named


class Starter(Workload):
    """Writes the functions that start runs."""

    client: ClassVar[str] = "Server"

    def __init__(self, project: Named) -> None:
        names = python_names(
            "client",
            "number",
            "main",
            "start",
            "asyncio",
            "os",
            "random",
            "given",
            "result",
            "key",
            "unique",
            "awaiting",
        )
        super().__init__(project.book, project.inputs, project.events, names)
        self.project = project
        self.needs |= {("asyncio", ""), ("os", ""), ("app.restate_server", "Server")}
        self.starts = {name: self.names.new(f"start {name}") for name in self.started}

    @contextmanager
    def connected(self, source: Source) -> Generator[None]:
        source("async with Server() as client:")
        with source.deeper():
            source('await client.register(os.environ.get("SERVICE", "http://localhost:9080"))')
            yield

    def key(self, told: Told, number: str = "number") -> str:
        """An expression of a run's key: of its input's field, else its number."""
        if told.workflow.key is not None:
            return f"given.{python.field_name(told.workflow.key)}"
        return quoted(number) if number.isdigit() else f"str({number})"

    def path(self, target: Target, key: str) -> str:
        """An expression of the path of a handler; `key` is one, too."""
        if target.service_kind == "service" or key.startswith(("'", '"')):
            return quoted(target.path(literal_eval(key) if key.startswith(("'", '"')) else None))
        self.needs.add(("urllib.parse", "quote"))
        return f"""f"/{in_f_string(target.service)}/{{quote({key}, safe='')}}/{in_f_string(target.handler)}\""""

    def _start(self, source: Source, told: Told) -> None:
        target = self.project.targets.of(told.name)
        source("", "", f"async def {self.starts[told.name]}(client: Server, number: int) -> None:")
        with source.deeper():
            source(f'"""Starts a run of {one_line(told.name)} and waits for its end."""')
            source(f"given = {self.inputs[told.name]}(number)")
            run = self.run_expression(told)
            parts: list[Expression] = [run, self.path(target, self.key(told)), "given"]
            if self.workload.after:
                parts.append(f"delay={python.seconds(self.workload.after)}")
            if target.service_kind != "workflow":  # a workflow is known by its key
                parts.append(f"idempotency_key={self._idempotency_key()}")
            source.statement("invocation = await ", call("client.start", *parts))
            source(f'print(f"{in_f_string(told.name)} {{number}} has started: {{invocation}}")')
            start = self.workload.start_with
            if start is not None:
                self.with_start(source, told, str(start.send or start.update))
            source("result = await client.result(invocation)")
            source(f'print(f"{in_f_string(told.name)} {{number}} has ended: {{result}}")')

    def with_start(self, source: Source, told: Told, event: str) -> None:
        """Sends what comes with a start."""

    def run_expression(self, told: Told) -> str:
        """What the run is called here."""
        if told.workflow.key is None:
            return self._numbered(f"{told.name}/", "number")
        return f'f"{in_f_string(told.name)}/{{given.{python.field_name(told.workflow.key)}}}"'

    def _idempotency_key(self) -> str:
        keys = self.workload.idempotency_keys
        if keys is None:
            self.needs.add(("app.restate_server", "unique"))
            return "unique()"
        table = "{" + ", ".join(f"{n}: {quoted(key)}" for n, key in enumerate(keys, 1)) + "}"
        return f"{table}.get(number)"
