"""The workload's starts: their inputs and their options."""

from __future__ import annotations

from typing import ClassVar

from durascope.render.code import python
from durascope.render.code.layout import Expression, Group, Source, call, flat
from durascope.render.code.names import in_f_string, one_line, python_names, quoted
from durascope.render.code.program import Told
from durascope.render.code.python import timedelta
from durascope.render.code.python_workload import Workload
from durascope.render.code.temporal.facts import is_entity
from durascope.render.code.temporal.python.names import REQUEST, UNTYPED, Named
from durascope.render.code.temporal.python.retrying import retry_policy
from durascope.render.code.temporal.queues import workflow_queue


class Starter(Workload):
    """Writes the functions that start runs."""

    client: ClassVar[str] = "Client"

    def __init__(self, project: Named) -> None:
        names = python_names("client", "number", "main", "start", "asyncio", "os", "messages", "workflows")
        super().__init__(project.book, project.inputs, project.events, names)
        self.project = project
        self.needs |= {("asyncio", ""), ("os", ""), ("temporalio.client", "Client")}
        self.starts = {name: self.names.new(f"start {name}") for name in self.started}

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
        entity = is_entity(workflow)
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
        entity = is_entity(told.workflow)
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

    def _time(self, us: int) -> str:
        self.needs.add(("datetime", "timedelta"))
        return timedelta(us)
