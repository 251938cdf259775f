"""The steps of a function: `step.run`, `step.sleep`, `step.waitForEvent`, `step.invoke`, `step.sendEvent`."""

from __future__ import annotations

from typing import ClassVar

from durascope.models.steps import (
    Call,
    Fail,
    Parallel,
    Patched,
    Race,
    Run,
    Send,
    Sleep,
    Start,
    Step,
    WaitFor,
)
from durascope.models.units import MILLISECOND
from durascope.render.code.body import NO_SCOPE, Scope
from durascope.render.code.facts import uses_attempt
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.body import InngestBody
from durascope.render.code.inngest.typescript.names import Named
from durascope.render.code.layout import Arrow, Expression, Group, call
from durascope.render.code.names import quoted
from durascope.render.code.program import Operation, Told, all_steps
from durascope.render.code.typescript import duration, field_name, number, obj
from durascope.render.code.typescript_body import formatted
from durascope.render.code.typescript_values import TypeScriptValues


class FunctionBody(TypeScriptValues, InngestBody):
    """Writes the steps of a function."""

    differs: ClassVar[str] = "differs each time that the function is called; a step would keep its value."
    run_id: ClassVar[str] = "runId"

    def __init__(self, project: Named, told: Told) -> None:
        super().__init__(project.book, told, *project.taken)
        self.project = project
        self.workflow = told.workflow
        self.versioned = False
        """Whether it asks since when the new code is in force."""

        self.name_variables()

    def unique(self) -> str:
        self.needs.add(("node:crypto", "randomUUID"))
        return "randomUUID()"

    def random_number(self) -> str:
        return "Math.random()"

    # ---- step.run ----------------------------------------------------------------------------------------------

    def future(self, step: Run, scope: Scope) -> Expression:
        """The call of the step."""
        operation = self.book.operation(self.told.name, step)
        self.needs.add(("./steps", "* as steps"))
        body: Expression = self.operation(operation, scope, self.found_by(step, scope))
        if step.undo is not None and self.told.name in self.project.cancelled and not self.unwinding:
            self.needs.add(("./begun", "begin"))
            undo = self.book.operation(self.told.name, step.undo)
            body = call(
                "begin",
                "runId",
                quoted(self.project.steps[undo]),
                formatted(step.undo.run, scope),
                Arrow("() =>", body),
            )
        return call("step.run", formatted(step.run, scope), Arrow("() =>", body))

    def operation(self, operation: Operation, scope: Scope, found_by: str, attempt: str = "attempt + 1") -> Group:
        """The call of what a step does; `found_by` is the reference of its own call."""
        variables = (scope.get(name, "0") for name in operation.variables)
        more = (*([found_by] if operation.referred else []), *([attempt] if uses_attempt(operation) else []))
        return call(f"steps.{self.project.steps[operation]}", "input", *variables, *more)

    def undo_later(self, undo: Run, scope: Scope) -> None:
        operation = self.book.operation(self.told.name, undo)
        self.needs.add(("./steps", "* as steps"))
        made = call(
            "step.run",
            formatted(undo.run, scope),
            Arrow("() =>", self.operation(operation, scope, self.found_by(undo, scope))),
        )
        self.source.statement("", call("compensations.push", Arrow("() =>", made)))

    # ---- what waits --------------------------------------------------------------------------------------------

    def sleep(self, step: Sleep, scope: Scope = NO_SCOPE) -> None:
        self.source.statement("await ", call("step.sleep", formatted(step.label, scope), duration(step.sleep)))

    def wait_for(self, step: WaitFor, scope: Scope) -> bool:
        source, event = self.source, step.wait_for
        if step.timeout is None:
            self.comment("Inngest demands a timeout: a year stands for none.")
        members: list[tuple[str, Expression]] = [
            ("event", self.event(event)),
            ("timeout", duration(facts.YEAR if step.timeout is None else step.timeout)),
        ]
        field = facts.matched(self.workflow, step)
        if field is not None:
            members.append(("if", quoted(self.project.matches(field))))
        waiting = call("step.waitForEvent", formatted(step.label, scope), obj(*members))
        fields = [name for name in self.project.fields[event] if name in self.variables]
        branches = bool(step.then or step.on_timeout)
        if step.times > 1:
            return self._wait_for_many(step, waiting, fields, scope)
        if not branches and not fields:
            source.statement("await ", waiting)
            return True
        arrived = self.locals.new(event)
        source.statement(f"const {arrived} = await ", waiting)
        self.take(arrived, fields, "?.data.")
        return self.either(f"{arrived} !== null", step.then, step.on_timeout, scope, f"{arrived} === null")

    def _wait_for_many(self, step: WaitFor, waiting: Expression, fields: list[str], scope: Scope) -> bool:
        source, arrived, count = self.source, self.locals.new(step.wait_for), self.locals.new("count")
        source(f"let {count} = 0;")
        with source.block(f"while ({count} < {step.times})"):
            source.statement(f"const {arrived} = await ", waiting)
            source(f"if ({arrived} === null) break;")
            self.take(arrived, fields, "?.data.")
            source(f"{count}++;")
        return self.either(f"{count} === {step.times}", step.then, step.on_timeout, scope, f"{count} < {step.times}")

    def event(self, name: str) -> str:
        """The definition of an event."""
        self.needs.add(("./messages", self.project.events[name]))
        return self.project.events[name]

    # ---- other functions ---------------------------------------------------------------------------------------

    def call(self, step: Call, scope: Scope) -> None:
        self.register(step, scope)
        if step.call in self._callers():
            # Each other's types would be inferred from each other.
            self.needs.add(("inngest", "referenceFunction"))
            function: Expression = call("referenceFunction", obj(("functionId", quoted(step.call))))
        else:
            function = self.project.functions[step.call]
        members: list[tuple[str, Expression]] = [
            ("function", function),
            ("data", self._data(step.call, step.key, scope)),
        ]
        if step.timeout is not None:
            members.append(("timeout", duration(step.timeout)))
        made = call("step.invoke", formatted(step.label, scope), obj(*members, broken=True))
        self.source.statement("await ", made)

    def _callers(self) -> set[str]:
        """This workflow, and all that call it, and so on."""
        found, before = {self.told.name}, 0
        while len(found) > before:
            before = len(found)
            for told in self.book.workflows.values():
                if any(isinstance(step, Call) and step.call in found for step in all_steps(told.workflow)):
                    found.add(told.name)
        return found

    def start(self, step: Start, scope: Scope) -> None:
        told = self.book.workflows[step.start]
        event = facts.trigger(told.name, told.workflow)
        if event not in self.project.events:
            self.comment(f"{step.start} is not started: a schedule starts it.")
            return
        self._post(step, event, self._data(step.start, step.key, scope), scope)

    def send(self, step: Send, scope: Scope) -> None:
        members: list[tuple[str, Expression]] = []
        keys = facts.keys(self.book)
        for name, field in self.project.fields[step.send].items():
            term = self.value(name, scope) or self.field(name)
            if step.to is not None and name in keys:
                members.append((field_name(name), self.addressed(step.to, name, scope)))
            elif term is not None:
                members.append((field_name(name), term.text))
            elif field.always:
                members.append((field_name(name), self.stand_in(field.kind)))
        self._post(step, step.send, obj(*members), scope)

    def _post(self, step: Send | Start, event: str, data: Expression, scope: Scope) -> None:
        later = () if not step.after else (obj(("ts", f"Date.now() + {number(step.after / MILLISECOND)}")),)
        made = call(f"{self.event(event)}.create", data, *later)
        self.source.statement("await ", call("step.sendEvent", formatted(step.label, scope), made))

    def _data(self, target: str, reference: object, scope: Scope) -> Expression:
        """What the other function is given: the fields of the same names, else stand-ins."""
        told = self.book.workflows[target]
        key = self.reference(reference, scope)
        members: list[tuple[str, Expression]] = []
        event = facts.trigger(target, told.workflow)
        fields = self.project.fields.get(event, {}) if facts.cron(told.workflow) is None else {}
        for name in told.input if facts.cron(told.workflow) is not None else fields:
            kind = fields[name].kind if name in fields else told.input[name]
            if name == told.workflow.key and key is not None:
                text = self.key_text(key)
            elif self.told.input.get(name) == kind:
                text = f"input.{field_name(name)}"
            elif name in fields and not fields[name].always:
                continue
            else:
                text = self.stand_in(kind)
            members.append((field_name(name), text))
        return obj(*members)

    # ---- side by side ------------------------------------------------------------------------------------------

    def step(self, step: Step, scope: Scope) -> bool:
        if isinstance(step, Sleep):
            self.sleep(step, scope)
            return True
        if not isinstance(step, Parallel | Race):
            return super().step(step, scope)
        branches = [self.branch(each, scope) for each in step.blocks()]
        parallel = isinstance(step, Parallel)
        race = step.mode == "race" if isinstance(step, Parallel) else step.mode == "first"
        together = call("Promise.all" if parallel else "Promise.race", Group("[", tuple(branches), "]"))
        if race:
            self.source.statement("await ", call("group.parallel", Arrow("() =>", together)))
        else:
            self.source.statement("await ", together)
        return True

    # ---- versions and ends -------------------------------------------------------------------------------------

    def patched(self, step: Patched, scope: Scope) -> bool:
        """Inngest has no versions of a function's code: the run's event is older than the new code, or is not."""
        self.versioned = True
        since = "(event.ts ?? 0) >= newCodeSince"
        self.comment(f"{step.patched}: runs that had begun before the new code go on with the old.")
        return self.either(since, step.do, step.otherwise, scope, "(event.ts ?? 0) < newCodeSince")

    def throw(self, step: Fail) -> None:
        self.needs.add(("inngest", "NonRetriableError"))
        self.source.statement("throw ", call("new NonRetriableError", quoted(step.fail)))
