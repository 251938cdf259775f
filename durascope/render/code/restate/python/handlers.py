"""A workflow's handlers: its run, and those beside it that complete promises, answer queries and serve updates."""

from __future__ import annotations

from durascope.models.scenario import Update
from durascope.models.targets import Target
from durascope.render.code import conditions, python
from durascope.render.code.body import NO_SCOPE
from durascope.render.code.conditions import Term
from durascope.render.code.facts import finishes_in_a_branch
from durascope.render.code.layout import Source, call
from durascope.render.code.names import one_line, quoted
from durascope.render.code.program import asked_by, within
from durascope.render.code.python import STEP, timedelta
from durascope.render.code.restate.facts import (
    CANCELLED,
    CONTEXTS,
    REJECTED,
    inactivity,
    returns_text,
    run_remarks,
    shared,
)
from durascope.render.code.restate.python.statements import Statements


class Handlers(Statements):
    """Writes the handlers of one workflow."""

    def write(self) -> str:
        """All of them."""
        return "\n\n".join(self._handler(each) for each in self.project.targets if each.workflow == self.told.name)

    def _handler(self, target: Target) -> str:
        self.source = Source(STEP)
        self._head(target)
        with self.source.deeper():
            match target.kind:
                case "run":
                    self._run()
                case "complete-promise":
                    self._complete(target.name)
                case "query":
                    self._query(target.name)
                case "update":
                    self._update(self.workflow.updates[target.name], target.name)
        return self.source.text()

    def _head(self, target: Target) -> None:
        service = self.project.services[target.service]
        main = target.service_kind == "workflow" and not shared(target)
        options = [quoted(target.handler)]
        if target.service_kind == "object" and shared(target):
            options.append('kind="shared"')
        timeout = inactivity(self.project.scenario, target.workflow)
        if timeout is not None:
            self.needs.add(("datetime", "timedelta"))
            options.append(f"inactivity_timeout={timedelta(timeout)}")
        self.needs.add(("restate", ""))
        self.source.statement("@", call(f"{service}.{'main' if main else 'handler'}", *options))
        parts = [f"ctx: restate.{CONTEXTS[target.service_kind][shared(target)]}"]
        match target.kind:
            case "run":
                given, returns = self.project.inputs[target.workflow], self._returns()
            case "complete-promise":
                given, returns = self.project.events[target.name], "None"
            case "update":
                given, returns = self.project.requests[target], "None"
            case _:
                given, returns = "", "Any"
                self.needs.add(("typing", "Any"))
        if given:
            self.needs.add(("app.messages", given))
            parts.append(f"{'event' if target.kind == 'complete-promise' else 'given'}: {given}")
        self.source.statement(f"async def {self.project.handlers[target]}", call("", *parts), f" -> {returns}:")

    def _returns(self) -> str:
        return "str | None" if returns_text(self.told) else "None"

    # ---- the run -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        source = self.source
        source(f'"""{one_line(self.workflow.title or self.told.name)}."""')
        for remark in run_remarks(self.told):
            self.comment(remark)
        self._variables((*self.workflow.steps, *self.workflow.on_failure))
        before = len(source.lines)
        caught = self.told.uses_undo or self.workflow.on_failure
        if self.told.uses_undo:
            self.needs |= {("collections.abc", "Awaitable"), ("collections.abc", "Callable")}
            source("undo: list[Callable[[], Awaitable[object]]] = []")
        if caught or finishes_in_a_branch(self.workflow):
            source("try:")
            with source.deeper():
                reached = self.inside(self.workflow.steps, NO_SCOPE)
            self._excepts()
        else:
            reached = self.block(self.workflow.steps)
            self.not_empty(before)
        if self._returns() != "None" and reached:
            source("return None")

    def _variables(self, steps: tuple[object, ...]) -> None:
        """The values that these steps ask for and write; `self.variables` has the names of just those."""
        asked = asked_by(within(steps))  # pyright: ignore[reportArgumentType]
        carried = [each for each in self.told.values.values() if each.source == "carried" and each.name in asked]
        self.variables = {each.name: self.locals.new(each.name) for each in carried}
        for name, variable in self.variables.items():
            self.source(f"{variable}: {self.type_of(name)} = {self.initial(name)}")

    def _excepts(self) -> None:
        source, workflow = self.source, self.workflow
        if self.finishes_inside:
            source("except Finished as finished:", "    return str(finished)")
        if not (self.told.uses_undo or workflow.on_failure):
            return
        complete = self.told.uses_undo and workflow.after_undo == "complete"
        named = complete or bool(workflow.on_failure)
        source(f"except restate.TerminalError{' as failure' if named else ''}:")
        with source.deeper():
            if self.told.uses_undo:
                source("for each in reversed(undo):", "    await each()")
            if named:
                source(f"if failure.status_code == {CANCELLED}:  # cancelled", "    raise")
            if complete:
                source("if undo:", '    return "undone"')
            self.unwinding = True
            reached = self.block(workflow.on_failure)
            self.unwinding = False
            if reached:
                source("raise")

    # ---- beside the run ----------------------------------------------------------------------------------------

    def _complete(self, event: str) -> None:
        self.source(f'"""{one_line(event)} has come: the run that waits for it, or will, goes on."""')
        self.source(f"await ctx.promise({quoted(event)}, type_hint={self.project.events[event]}).resolve(event)")

    def _query(self, name: str) -> None:
        promise = self.waits_by == "promise" and name in self.told.waits
        self.source(f'"""Reads {one_line(name)}, beside the run."""')
        self.source(f"return await ctx.{'promise' if promise else 'get'}({quoted(name)}){'.peek()' if promise else ''}")

    def _update(self, update: Update, name: str) -> None:
        source = self.source
        source(f'"""{one_line(name)}, asked of the same key, or beside any run."""')
        if update.rejects is not None:
            condition = conditions.expression(update.rejects, lambda asked: self._asked(asked, name))
            source(f"if {condition}:")
            with source.deeper():
                message = quoted(f"{name} is rejected: {update.rejects}")
                source.statement("raise ", call("restate.TerminalError", message, f"status_code={REJECTED}"))
        self._variables(update.steps)
        before = len(source.lines)
        self.registers = False
        self.block(update.steps)
        self.registers = True
        self.not_empty(before)

    def _asked(self, name: str, update: str) -> Term | None:
        fields = self.book.events[update].fields
        if name in fields:
            return Term(f"given.{python.field_name(name)}", fields[name], optional=True)
        return self.field(name)
