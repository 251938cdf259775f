"""The steps that stay inside of a workflow: timers, waits, state, patches, ends."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.models.steps import (
    Fail,
    Patched,
    Repeat,
    Sleep,
    Step,
    WaitFor,
)
from durascope.render.code.body import Scope
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import quoted
from durascope.render.code.python import timedelta
from durascope.render.code.temporal.facts import continues
from durascope.render.code.temporal.python.other_runs import OtherRuns


class Statements(OtherRuns):
    """Writes the steps that reach nothing outside."""

    def step(self, step: Step, scope: Scope) -> bool:
        reached = super().step(step, scope)
        if reached and step.kind in (
            "run",
            "sleep",
            "wait_for",
            "call",
            "start",
            "send",
            "parallel",
            "race",
            "for_each",
        ):
            self.after(step)
        return reached

    def after(self, source_step: Step) -> None:
        """What stands after each step: a look at whether the run is to be cancelled."""
        if self.told.cancels and not self.unwinding:
            self.source("self.stop_if_cancelled()")

    def sleep(self, step: Sleep) -> None:
        if not step.sleep:
            self.needs.add(("asyncio", ""))
            self.source("await asyncio.sleep(0)")
            return
        self.needs.add(("datetime", "timedelta"))
        if step.name is not None:
            self.comment(step.name)
        self.source(f"await workflow.sleep({timedelta(step.sleep)})")

    def wait_for(self, step: WaitFor, scope: Scope) -> bool:
        source, event = self.source, step.wait_for
        self.needs.add(("app.waiting", "next_event"))
        timeout: list[Expression] = []
        if step.timeout is not None:
            self.needs.add(("datetime", "timedelta"))
            timeout = [f"timeout={timedelta(step.timeout)}"]
        waiting = call("next_event", f"self.{self._arrived(event)}", *timeout)
        fields = [name for name in self.book.events[event].fields if name in self.variables]
        branches = step.timeout is not None and (step.then or step.on_timeout)
        if step.times > 1:
            return self._wait_for_many(step, waiting, fields, scope)
        if not branches and not fields:
            source.statement("await ", waiting)
        else:
            arrived = self.locals.new(event)
            source.statement(f"{arrived} = await ", waiting)
            self.take(arrived, fields)
            if branches:
                return self.either(f"{arrived} is not None", step.then, step.on_timeout, scope, f"{arrived} is None")
        return self.block(step.then, scope)

    def _wait_for_many(self, step: WaitFor, waiting: Expression, fields: Sequence[str], scope: Scope) -> bool:
        source, arrived = self.source, self.locals.new(step.wait_for)
        source(f"for _ in range({step.times}):")
        with source.deeper():
            if step.timeout is None and not fields:
                source.statement("await ", waiting)
            else:
                source.statement(f"{arrived} = await ", waiting)
                self.take(arrived, fields)
            if step.timeout is not None:
                source(f"if {arrived} is None:")
                with source.deeper():
                    if self.block(step.on_timeout, scope):
                        source("break")
        return self.after_all(step, scope)

    def patched(self, step: Patched, scope: Scope) -> bool:
        return self.either(f"workflow.patched({quoted(step.patched)})", step.do, step.otherwise, scope)

    def throw(self, step: Fail) -> None:
        self.needs.add(("temporalio.exceptions", "ApplicationError"))
        self.source.statement("raise ", call("ApplicationError", quoted(step.fail), 'type="WorkflowFailure"'))

    def repeat(self, step: Repeat, scope: Scope) -> None:
        every = step.continue_as_new_every
        if not continues(step) or every is None or step not in self.workflow.steps or self.entity:
            super().repeat(step, scope)
            return
        variable, inner = self.rounds(step, scope, used=True)
        self.source(f"for {variable} in range(begin + 1, {step.repeat + 1}):")
        with self.source.deeper():
            if self.block(step.do, inner):
                due = (
                    f"{variable} % {every} == 0 and {variable} < {step.repeat}"
                    if every > 1
                    else f"{variable} < {step.repeat}"
                )
                self.source(f"if {due}:", f"    workflow.continue_as_new(args=[self.input, {variable}])")
