"""One workflow as a function: its options, its steps, and what becomes of a run that fails or is cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from durascope.render.code.facts import finishes_in_a_branch
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.typescript.body import FunctionBody
from durascope.render.code.inngest.typescript.names import Named
from durascope.render.code.inngest.typescript.options import options
from durascope.render.code.layout import Arrow, Braces, Group, flat, keyed
from durascope.render.code.names import one_line, quoted
from durascope.render.code.program import Told
from durascope.render.code.typescript import STEP, ZERO, Needs, documented, field_name, obj

_CONTEXT: Final = ("event", "step", "group", "attempt", "runId")
"""What a function may ask of its context, in the order in which it is written."""


class Function:
    """Writes the functions of one workflow."""

    def __init__(self, project: Named, told: Told) -> None:
        self.project = project
        self.told = told
        self.workflow = told.workflow
        self.needs: Needs = {("./client", "inngest")}
        self.side_by_side: set[str] = set()
        self.finishes_inside = False
        self.versioned = False

    def write(self) -> str:
        """The function, and the one that undoes its cancelled runs."""
        source, name = Braces(STEP), self.project.functions[self.told.name]
        documented(source, f"{one_line(self.workflow.title or self.told.name)}.")
        source(f"export const {name} = inngest.createFunction(")
        with source.deeper():
            source("{")
            with source.deeper():
                for key, value in options(self.project, self.told, self.needs):
                    source.statement("", keyed(key, value), ",")
                if self.workflow.on_failure:
                    self._handler(source, "onFailure: ", "event.data.event.data", self._on_failure)
            source("},")
            self._handler(source, "", "event.data", self._steps)
        source(");")
        if self.told.name in self.project.cancelled:
            self._cancelled(source)
        return source.text()

    # ---- handlers ----------------------------------------------------------------------------------------------

    def _handler(self, source: Braces, before: str, data: str, write: Callable[[FunctionBody], None]) -> None:
        """A function of the SDK's context, with what it uses of it."""
        body = FunctionBody(self.project, self.told)
        body.source.depth = source.depth + 1
        write(body)
        text = body.source.text()
        declared = self._declared(body, text, data)
        used = [each for each in _CONTEXT if _uses("\n".join([text, *declared]), each)]
        with source.block(f"{before}async ({'{ ' + ', '.join(used) + ' }' if used else ''}) =>", ","):
            source(*declared)
            if declared and text.lstrip().startswith("async function"):
                source("")
            source.lines += text.rstrip("\n").split("\n")
        self.needs |= body.needs
        self.side_by_side |= body.side_by_side
        self.finishes_inside |= body.finishes_inside
        self.versioned |= body.versioned

    def _declared(self, body: FunctionBody, text: str, data: str) -> list[str]:
        """The variables that the steps use."""
        lines = [
            body.declared(value)
            for value in self.told.values.values()
            if value.source == "carried" and _uses(text, body.variables[value.name])
        ]
        if _uses(text, "compensations"):
            lines.append("const compensations: (() => Promise<unknown>)[] = [];")
        if _uses(" ".join([text, *lines]), "input"):
            lines.insert(0, self._input(data))
        return lines

    def _input(self, data: str) -> str:
        """What the run is given."""
        if facts.cron(self.workflow) is not None:
            self.needs.add(("./messages", f"type {self.project.inputs[self.told.name]}"))
            fields = obj(*((field_name(name), ZERO[kind]) for name, kind in self.told.input.items()))
            return f"const input: {self.project.inputs[self.told.name]} = {flat(fields)}; // a schedule brings nothing"
        if data == "event.data":
            return "const input = event.data;"
        self.needs.add(("./messages", f"type {self.project.inputs[self.told.name]}"))
        return f"const input: {self.project.inputs[self.told.name]} = {data};"

    def _steps(self, body: FunctionBody) -> None:
        """The steps, and what becomes of a run that fails."""
        source, undo = body.source, self.told.uses_undo
        if not undo and not finishes_in_a_branch(self.workflow):
            body.inside(self.workflow.steps, {})
            return
        with source.block("try"):
            body.inside(self.workflow.steps, {})
        with source.block("catch (error)"):
            if body.finishes_inside:
                source("if (error instanceof Finished) return error.message;")
            if undo:
                self.needs |= {("inngest", "NonRetriableError"), ("inngest", "StepError")}
                source("if (!(error instanceof StepError || error instanceof NonRetriableError)) throw error;")
                complete = self.workflow.after_undo == "complete"
                source(*(["const undone = compensations.length > 0;"] if complete else []))
                source("for (const undo of compensations.reverse()) await undo();")
                source(*(['if (undone) return "undone";'] if complete else []))
            source("throw error;")

    def _on_failure(self, body: FunctionBody) -> None:
        body.unwinding = True
        body.inside(self.workflow.on_failure, {})

    # ---- cancelled runs ----------------------------------------------------------------------------------------

    def _cancelled(self, source: Braces) -> None:
        """cancelOn ends a run at once and tells nobody: another function undoes what it had begun."""
        project, name = self.project, self.told.name
        input_ = project.inputs[name]
        self.needs |= {("./begun", "begunIn"), ("./steps", "* as steps"), ("./messages", f"type {input_}")}
        source("")
        documented(source, f"Undoes what a cancelled run of {one_line(name)} had begun: cancelOn ends it at once.")
        source(f"export const {project.cancelled[name]} = inngest.createFunction(")
        with source.deeper():
            about = obj(("event", '"inngest/function.cancelled"'), ("if", quoted(project.about(name))))
            source("{")
            with source.deeper():
                source(f"id: {quoted(f'{name}-cancelled')},")
                source.statement("triggers: ", Group("[", (about,), "]"), ",")
                source(f"retries: {project.deployment.retries},")
            source("},")
            undo_steps = dict.fromkeys(facts.undo_steps(self.project.book, self.told))
            referred = any(operation.referred for operation in undo_steps)
            with source.block(f"async ({{ event, step{', runId' if referred else ''} }}) =>", ","):
                source(f"const input: {input_} = event.data.event.data;")
                type_ = f"({'reference: string' if referred else ''}) => Promise<unknown>"
                with source.block(f"const undoing: Record<string, {type_}> =", ";"):
                    body = FunctionBody(project, self.told)
                    for operation in undo_steps:
                        made = body.operation(
                            operation, dict.fromkeys(operation.variables, "0"), "reference", attempt="1"
                        )
                        head = "(reference) =>" if operation.referred else "() =>"
                        source.statement("", keyed(project.steps[operation], Arrow(head, made)), ",")
                with source.block("for (const { id, undo } of begunIn(event.data.run_id))"):
                    work = "() => undoing[undo](`${runId}/${id}`)" if referred else "undoing[undo]"
                    source(f"await step.run(id, {work});")
        source(");")


def _uses(text: str, name: str) -> bool:
    """Whether the code names it, outside of literals and comments; the key of a member is something else."""
    return re.search(rf"(?<![\w.$]){re.escape(name)}(?![\w$:])", _TEXTS.sub(_code_of, text)) is not None


_TEXTS: Final = re.compile(r"""//[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`""")


def _code_of(found: re.Match[str]) -> str:
    """The code in a template literal; of other literals and comments nothing."""
    return " ".join(re.findall(r"\$\{([^}]*)\}", found[0])) if found[0].startswith("`") else ""
