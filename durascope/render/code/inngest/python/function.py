"""One workflow as a function: its options, its steps, and what becomes of a run that fails or is cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable

from durascope.render.code import python
from durascope.render.code.body import NO_SCOPE
from durascope.render.code.facts import finishes_in_a_branch
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.python.body import FunctionBody
from durascope.render.code.inngest.python.names import Named
from durascope.render.code.inngest.python.options import options
from durascope.render.code.layout import Group, Source, call
from durascope.render.code.names import one_line, quoted
from durascope.render.code.program import Operation, Told
from durascope.render.code.python import STEP


class Function:
    """Writes the functions of one workflow."""

    def __init__(self, project: Named, told: Told) -> None:
        self.project = project
        self.told = told
        self.workflow = told.workflow
        self.needs: set[tuple[str, str]] = {("inngest", ""), ("app.client", "inngest_client")}
        self.finishes_inside = False
        self.versioned = False

    def write(self) -> str:
        """The function, what follows a failed run, and what undoes a cancelled one."""
        source, name = Source(STEP), self.told.name
        if self.workflow.on_failure:
            about = f"Runs after a run of {one_line(name)} has failed."
            data = 'cast(Any, ctx.event.data)["event"]["data"]'
            self._handler(source, self.project.failed[name], about, data, self._on_failure)
            source("", "")
        made = call("@inngest_client.create_function", *options(self.project, self.told), broken=True)
        source.statement("", made)
        text = "\n".join(source.lines)
        self.needs |= {("datetime", "timedelta")} if "timedelta(" in text else set()
        about = f"{one_line(self.workflow.title or name)}."
        self._handler(source, self.project.functions[name], about, "ctx.event.data", self._steps)
        if name in self.project.cancelled:
            self._cancelled(source)
        return source.text()

    # ---- handlers ----------------------------------------------------------------------------------------------

    def _handler(self, source: Source, name: str, about: str, data: str, write: Callable[[FunctionBody], None]) -> None:
        """A function of the SDK's context."""
        body = FunctionBody(self.project, self.told)
        body.source.depth = 1
        write(body)
        text = body.source.text()
        returns = "str | None" if "return " in text else "None"
        used = re.search(r"\bctx\b", text) is not None
        source(f"async def {name}({'ctx' if used else '_ctx'}: inngest.Context) -> {returns}:")
        with source.deeper():
            source(f'"""{about}"""')
            self._values(source, body, text, data)
        source.lines += text.rstrip("\n").split("\n")
        if returns != "None" and not self._ends(text):
            source("    return None")
        self.needs |= body.needs
        self.finishes_inside |= body.finishes_inside
        self.versioned |= body.versioned

    def _ends(self, text: str) -> bool:
        """Whether its last line at the outermost level leaves the function."""
        return text.rstrip("\n").rsplit("\n", maxsplit=1)[-1].startswith(("    return ", "    raise "))

    def _values(self, source: Source, body: FunctionBody, text: str, data: str) -> None:
        """The variables that the steps use."""
        lines = [
            f"{body.place(value.name)}: {body.type_of(value.name)} = {body.initial(value.name)}"
            for value in self.told.values.values()
            if value.source == "carried" and _uses(text, body.place(value.name))
        ]
        if "compensations" in text:
            body.needs |= {("collections.abc", "Awaitable"), ("collections.abc", "Callable")}
            lines.append("compensations: list[Callable[[], Awaitable[object]]] = []")
        class_ = self.project.inputs[self.told.name]
        if _uses(" ".join([text, *lines]), "given"):
            body.needs.add(("app.messages", class_))
            body.needs |= {("typing", "Any"), ("typing", "cast")} if "cast(" in data else set()
            if facts.cron(self.workflow) is not None:
                fields = (f"{python.field_name(n)}={python.ZERO[k]}" for n, k in self.told.input.items())
                lines.insert(0, f"given = {class_}({', '.join(fields)})  # a schedule brings nothing")
            else:
                lines.insert(0, f"given = {class_}.model_validate({data})")
        source(*lines)
        if text.lstrip().startswith("async def"):
            source("")

    def _steps(self, body: FunctionBody) -> None:
        """The steps, and what becomes of a run that fails."""
        source, undo = body.source, self.told.uses_undo
        finishes = finishes_in_a_branch(self.workflow)
        if not undo and not finishes:
            body.inside(self.workflow.steps, NO_SCOPE)
            return
        with body.opened("try"):
            body.inside(self.workflow.steps, NO_SCOPE)
        if body.finishes_inside:
            source("except Finished as finished:", "    return str(finished)")
        if not undo:
            return
        with body.opened("except (inngest.StepError, inngest.NonRetriableError)"):
            source("for undo in reversed(compensations):", "    await undo()")
            if self.workflow.after_undo == "complete":
                source("if compensations:", '    return "undone"')
            source("raise")

    def _on_failure(self, body: FunctionBody) -> None:
        body.unwinding = True
        body.inside(self.workflow.on_failure, NO_SCOPE)

    # ---- cancelled runs ----------------------------------------------------------------------------------------

    def _cancelled(self, source: Source) -> None:
        """A cancellation ends a run at once and tells nobody: another function undoes what it had begun."""
        project, name = self.project, self.told.name
        given = project.inputs[name]
        self.needs |= {("app.begun", "begun_in"), ("app", "steps"), ("app.messages", given)}
        self.needs |= {("typing", "Any"), ("typing", "cast")}
        self.needs |= {("collections.abc", "Awaitable"), ("collections.abc", "Callable")}
        about = ('event="inngest/function.cancelled"', f"expression={quoted(project.about(name))}")
        trigger = call("inngest.TriggerEvent", *about)
        parts = (
            f"fn_id={quoted(f'{name}-cancelled')}",
            Group(f"trigger={trigger.head}", trigger.parts),
            f"retries={project.deployment.retries}",
        )
        source("", "")
        source.statement("", call("@inngest_client.create_function", *parts, broken=True))
        source(f"async def {project.cancelled[name]}(ctx: inngest.Context) -> None:")
        with source.deeper():
            source(f'"""Undoes what a cancelled run of {one_line(name)} had begun: `cancel` ends it at once."""')
            source("cancelled = cast(Any, ctx.event.data)")
            source(f'given = {given}.model_validate(cancelled["event"]["data"])')
            body = FunctionBody(project, self.told)
            undo_steps = dict.fromkeys(facts.undo_steps(self.project.book, self.told))
            referred = any(operation.referred for operation in undo_steps)
            members = tuple(self._undoing(body, operation, referred) for operation in undo_steps)
            type_ = f"dict[str, Callable[[{'str' if referred else ''}], Awaitable[object]]]"
            source.statement(f"undoing: {type_} = ", Group("{", members, "}", broken=True))
            source('for step_id, undo in begun_in(cancelled["run_id"]):')
            given = ', f"{ctx.run_id}/{step_id}"' if referred else ""
            source(f"    await ctx.step.run(step_id, undoing[undo]{given})")

    def _undoing(self, body: FunctionBody, operation: Operation, referred: bool) -> str:
        function, *given = body.operation(operation, dict.fromkeys(operation.variables, "0"), "reference", attempt="1")
        head = f"lambda{'' if not referred else ' reference' if operation.referred else ' _reference'}"
        return f"{quoted(self.project.steps[operation])}: {head}: {function}({', '.join(given)})"


def _uses(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", text) is not None
