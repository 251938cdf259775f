"""The steps that stay inside of a workflow: timers, waits, state, patches, ends."""

from __future__ import annotations

from durascope.models.steps import Fail, Patched, Repeat, Sleep, WaitFor
from durascope.render.code.body import Scope
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import quoted
from durascope.render.code.temporal.facts import continues
from durascope.render.code.temporal.typescript.other_runs import OtherRuns
from durascope.render.code.typescript import duration, obj


class Statements(OtherRuns):
    """Writes the steps that reach nothing outside."""

    def sleep(self, step: Sleep) -> None:
        if not step.sleep:
            self.source("await Promise.resolve();")
            return
        self.imported.add("sleep")
        if step.name is not None:
            self.comment(step.name)
        self.source(f"await sleep({duration(step.sleep)});")

    def wait_for(self, step: WaitFor, scope: Scope) -> bool:
        source, event = self.source, step.wait_for
        self.needs.add(("./waiting", "nextEvent"))
        timeout = [] if step.timeout is None else [duration(step.timeout)]
        waiting = call("nextEvent", self.arrived(event), *timeout)
        fields = [name for name in self.book.events[event].fields if name in self.variables]
        branches = step.timeout is not None and (step.then or step.on_timeout)
        if step.times > 1:
            return self._wait_for_many(step, waiting, fields, scope)
        if not branches and not fields:
            source.statement("await ", waiting)
            return self.block(step.then, scope)
        arrived = self.locals.new(event)
        source.statement(f"const {arrived} = await ", waiting)
        self.take(arrived, fields)
        if not branches:
            return self.block(step.then, scope)
        return self.either(f"{arrived} !== undefined", step.then, step.on_timeout, scope, f"{arrived} === undefined")

    def _wait_for_many(self, step: WaitFor, waiting: Expression, fields: list[str], scope: Scope) -> bool:
        source, arrived = self.source, self.locals.new(step.wait_for)
        count, counted = self.locals.new("count"), step.timeout is not None and bool(step.then)
        if counted:
            source(f"let {count} = 0;")
        more = f"{count} < {step.times}"
        head = f"while ({more})" if counted else f"for (let {count} = 0; {more}; {count}++)"
        with source.block(head):
            if step.timeout is None and not fields:
                source.statement("await ", waiting)
            else:
                source.statement(f"const {arrived} = await ", waiting)
                self.take(arrived, fields)
            if step.timeout is not None:
                with self.when(f"{arrived} === undefined"):
                    if self.block(step.on_timeout, scope):
                        source("break;")
            if counted:
                source(f"{count}++;")
        if not counted:
            return self.block(step.then, scope)
        with self.when(f"{count} === {step.times}"):
            self.inside(step.then, scope)
        return True

    def patched(self, step: Patched, scope: Scope) -> bool:
        self.imported.add("patched")
        return self.either(f"patched({quoted(step.patched)})", step.do, step.otherwise, scope)

    def throw(self, step: Fail) -> None:
        self.imported.add("ApplicationFailure")
        failure = call("ApplicationFailure.create", self.failure(step.fail, "WorkflowFailure"))
        self.source.statement("throw ", failure)

    def failure(self, message: str, type_: str) -> Expression:
        """What a failure of the application's own is made of."""
        return obj(("message", quoted(message)), ("type", quoted(type_)))

    def repeat(self, step: Repeat, scope: Scope) -> None:
        every = step.continue_as_new_every
        if not continues(step) or every is None or step not in self.workflow.steps or self.entity:
            super().repeat(step, scope)
            return
        variable, inner = self.rounds(step, scope, used=True)
        with self.source.block(f"for (let {variable} = begin + 1; {variable} <= {step.repeat}; {variable}++)"):
            if self.block(step.do, inner):
                self.imported.add("continueAsNew")
                last = f"{variable} < {step.repeat}"
                due = f"{variable} % {every} === 0 && {last}" if every > 1 else last
                with self.when(due):
                    function = self.project.functions[self.told.name]
                    self.source(f"await continueAsNew<typeof {function}>(input, {variable});")
