"""The workload's starts: their inputs and their options."""

from __future__ import annotations

from typing import Final

from durascope.render.code.layout import Braces, Expression, Group, call
from durascope.render.code.names import one_line, quoted, typescript_names
from durascope.render.code.program import Told
from durascope.render.code.temporal.facts import is_entity
from durascope.render.code.temporal.queues import workflow_queue
from durascope.render.code.temporal.typescript.activity_calls import retry_policy
from durascope.render.code.temporal.typescript.names import Named
from durascope.render.code.typescript import documented, duration, field_name, obj, template
from durascope.render.code.typescript_workload import TypeScriptWorkload

_TAKEN: Final = ("client", "number", "main", "reached", "later", "connection", "address", "input", "handle",
          "setTimeout", "Client", "Connection", "WithStartWorkflowOperation", "at", "events", "runs")  # fmt: skip


def input_functions(project: Named) -> dict[str, str]:
    """By workflow that the workload starts: the function that makes a run's input."""
    names = typescript_names(*_TAKEN, *project.taken)
    return {name: names.new(f"{name} input") for name in dict.fromkeys(project.scenario.started)}


class Starter(TypeScriptWorkload):
    """Writes the functions that start runs."""

    arguments = ("client",)

    def __init__(self, project: Named) -> None:
        super().__init__(project.book, project.inputs, "./messages", typescript_names(*_TAKEN, *project.taken))
        self.project = project
        self.needs |= {("@temporalio/client", "Client"), ("@temporalio/client", "Connection")}

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
            return self.numbered(f"{told.name}/", run)
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
