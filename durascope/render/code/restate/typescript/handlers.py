"""A workflow's handlers: its run, and those beside it that complete promises, answer queries and serve updates."""

from __future__ import annotations

import re
from collections.abc import Sequence

from durascope.models.scenario import Update
from durascope.models.steps import Step
from durascope.models.targets import Target
from durascope.render.code import conditions
from durascope.render.code.body import NO_SCOPE
from durascope.render.code.conditions import TYPESCRIPT, Term
from durascope.render.code.facts import finishes_in_a_branch
from durascope.render.code.layout import Braces, Group, call
from durascope.render.code.names import one_line, quoted
from durascope.render.code.program import asked_by, within
from durascope.render.code.restate.facts import CONTEXTS, REJECTED, returns_text, run_remarks, shared
from durascope.render.code.restate.typescript.statements import Statements
from durascope.render.code.restate.typescript.steps import SDK
from durascope.render.code.typescript import STEP, documented, field_name


class Handlers(Statements):
    """Writes the handlers of one workflow."""

    def write(self) -> str:
        """All of them."""
        return "\n".join(self._handler(each) for each in self.project.targets if each.workflow == self.told.name)

    def _handler(self, target: Target) -> str:
        body = self.source = Braces(STEP)
        self.reads_only = shared(target)
        with self.source.deeper():
            match target.kind:
                case "run":
                    self._run()
                case "complete-promise":
                    event = self.project.events[target.name]
                    self.source(f"await ctx.promise<{event}>({quoted(target.name)}).resolve(event);")
                case "query":
                    self._query(target.name)
                case "update":
                    self._update(self.workflow.updates[target.name], target.name)
            self.not_empty(0)
        text = "\n".join(body.lines)
        self.source = Braces(STEP)
        self._head(target, text)
        self.source("}")
        self.source.lines[-1:-1] = body.lines
        return self.source.text()

    def _head(self, target: Target, body: str) -> None:
        """What stands before the body; it begins what the body does not use with an underscore."""
        self.needs.add(SDK)
        parts = [f"ctx: restate.{CONTEXTS[target.service_kind][shared(target)]}"]
        returns = "void"
        match target.kind:
            case "run":
                given, returns = self.project.inputs[target.workflow], self._returns()
                about = f"{one_line(self.workflow.title or self.told.name)}."
            case "complete-promise":
                given = self.project.events[target.name]
                about = f"{one_line(target.name)} has come: the run that waits for it, or will, goes on."
            case "update":
                given = self.project.requests[target]
                about = f"{one_line(target.name)}, asked of the same key, or beside any run."
            case _:
                given, returns, about = "", "unknown", f"Reads {one_line(target.name)}, beside the run."
        if given:
            self.needs.add(("./messages", f"type {given}"))
            parts.append(f"{'event' if target.kind == 'complete-promise' else 'input'}: {given}")
        documented(self.source, about)
        parts = [each if re.search(rf"\b{each.split(':')[0]}\b", body) else f"_{each}" for each in parts]
        head = f"async function {self.project.handlers[target]}"
        self.source.statement(head, Group("(", tuple(parts)), f": Promise<{returns}> {{")

    def _returns(self) -> str:
        return "string | undefined" if returns_text(self.told) else "void"

    # ---- the run -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        source = self.source
        for remark in run_remarks(self.told):
            self.comment(remark)
        self._declared((*self.workflow.steps, *self.workflow.on_failure))
        caught = self.told.uses_undo or self.workflow.on_failure
        if self.told.uses_undo:
            source("const undo: (() => Promise<unknown>)[] = [];")
        if caught or finishes_in_a_branch(self.workflow):
            with source.block("try"):
                reached = self.inside(self.workflow.steps, NO_SCOPE)
            self._catch()
        else:
            reached = self.block(self.workflow.steps)
        if self._returns() != "void" and reached:
            source("return undefined;")

    def _declared(self, steps: Sequence[Step]) -> None:
        """The values that these steps ask for and write; `self.variables` has the names of just those."""
        asked = asked_by(within(tuple(steps)))
        carried = [each for each in self.told.values.values() if each.source == "carried" and each.name in asked]
        self.variables = {each.name: self.locals.new(each.name) for each in carried}
        for each in carried:
            self.source(self.declared(each))

    def _catch(self) -> None:
        source, workflow = self.source, self.workflow
        undone = self.told.uses_undo or workflow.on_failure
        if not undone and not self.finishes_inside:
            return
        with source.block("catch (error)"):
            if self.finishes_inside:
                source("if (error instanceof Finished) return error.message;")
            if undone:
                self.needs.add(SDK)
                source("if (!(error instanceof restate.TerminalError)) throw error;")
            if self.told.uses_undo:
                source("for (const each of undo.reverse()) await each();")
            complete = self.told.uses_undo and workflow.after_undo == "complete"
            if complete or workflow.on_failure:
                source("if (error instanceof restate.CancelledError) throw error;")
            if complete:
                source('if (undo.length > 0) return "undone";')
            self.unwinding = True
            reached = self.block(workflow.on_failure)
            self.unwinding = False
            if reached:
                source("throw error;")

    # ---- beside the run ----------------------------------------------------------------------------------------

    def _query(self, name: str) -> None:
        promise = self.waits_by == "promise" and name in self.told.waits
        asked = f"promise({quoted(name)}).peek()" if promise else f"get({quoted(name)})"
        self.source(f"return await ctx.{asked};")

    def _update(self, update: Update, name: str) -> None:
        if update.rejects is not None:
            condition = conditions.expression(update.rejects, lambda asked: self._asked(asked, name), TYPESCRIPT)
            message = quoted(f"{name} is rejected: {update.rejects}")
            with self.source.block(f"if ({condition})"):
                made = call("new restate.TerminalError", message, f"{{ errorCode: {REJECTED} }}")
                self.source.statement("throw ", made)
        self._declared(update.steps)
        self.registers = False
        self.block(update.steps)
        self.registers = True

    def _asked(self, name: str, update: str) -> Term | None:
        fields = self.book.events[update].fields
        if name in fields:
            return Term(f"input.{field_name(name)}", fields[name], optional=True)
        return self.field(name)
