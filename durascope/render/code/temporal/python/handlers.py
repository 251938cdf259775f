"""A workflow's signals, updates and queries."""

from __future__ import annotations

from durascope.models.scenario import Update
from durascope.render.code import conditions, python
from durascope.render.code.body import NO_SCOPE
from durascope.render.code.conditions import Term
from durascope.render.code.layout import call
from durascope.render.code.names import one_line, python_names, quoted
from durascope.render.code.temporal.facts import matched_field
from durascope.render.code.temporal.python.statements import Statements


class Handlers(Statements):
    """Writes the handlers of a workflow's messages."""

    def _handlers(self) -> None:
        source = self.source
        heard = dict.fromkeys((*self.workflow.signals, *self.told.waits))
        for name in heard:
            if name not in self.workflow.updates:
                self._signal(name)
        for name, update in self.workflow.updates.items():
            self._update(name, update)
        for name in self.workflow.queries:
            method = self.names.of(name, "query")
            source("", f"@workflow.query(name={quoted(name)})", f"def {method}(self) -> str:")
            source('    """The step that the run is at."""', "    return self.at")

    def _signal(self, name: str) -> None:
        source, signal = self.source, self.workflow.signals.get(name)
        event = self.project.events[name]
        self.needs.add(("app.messages", event))
        method = self.names.of(name, "signal")
        then = signal.then if signal is not None else "ignore"
        match = matched_field(self.book, self.told, name)
        waited = name in self.told.waits
        used = waited or (match is not None and then != "ignore")
        source("", f"@workflow.signal(name={quoted(name)})")
        source(f"def {method}(self, {'' if used else '_'}event: {event}) -> None:")
        with source.deeper():
            if then == "ignore" and not waited:
                source('"""Recorded in the history; the run does nothing about it."""')
                return
            if match is not None and not self.entity:
                source(
                    f"if event.{python.field_name(match)} not in (None, self.input.{python.field_name(match)}):",
                    "    return",
                )
            if waited:
                source(f"self.{self._arrived(name)}.append(event)")
            if then == "cancel":
                source("self.cancel_requested = True")
            elif then == "cancel-now":
                source("if not self.cancel_requested and self.task is not None:", "    self.task.cancel()")
                source("self.cancel_requested = True")

    def _update(self, name: str, update: Update) -> None:
        source, event = self.source, self.project.events[name]
        self.needs.add(("app.messages", event))
        method = self.names.of(name, "update")
        outer, self.locals = self.locals, python_names("workflow", "activities", "request", "event")
        waited = name in self.told.waits
        source("", f"@workflow.update(name={quoted(name)})")
        used = waited or update.rejects is not None
        source(f"async def {method}(self, {'' if used else '_'}request: {event}) -> None:")
        with source.deeper():
            source(f'"""{one_line(name)}, asked of a run in flight."""')
            if update.one_at_a_time and update.steps:
                with self.opened(f"async with self.{self.names.of(f'{name} lock')}"):
                    self.nested += 1
                    self.inside(update.steps, NO_SCOPE)
                    self.nested -= 1
            else:
                self.nested += 1
                self.block(update.steps)
                self.nested -= 1
            if waited:
                source(f"self.{self._arrived(name)}.append(request)")
        self.locals = outer
        if update.rejects is None:
            return
        condition = conditions.expression(update.rejects, lambda asked: self._asked(asked, name))
        self.needs.add(("temporalio.exceptions", "ApplicationError"))
        source("", f"@{method}.validator", f"def {self.names.of(f'validate {name}')}(self, request: {event}) -> None:")
        with source.deeper():
            source(f"if {condition}:")
            with source.deeper():
                message = quoted(f"{name} is rejected: {update.rejects}")
                source.statement("raise ", call("ApplicationError", message, 'type="Rejected"'))

    def _asked(self, name: str, update: str) -> Term | None:
        fields = self.book.events[update].fields
        if name in fields:
            return Term(f"request.{python.field_name(name)}", fields[name], optional=True)
        return self.field(name)

    def _helpers(self) -> None:
        source = self.source
        if self.told.cancels:
            source("", "def stop_if_cancelled(self) -> None:")
            source('    """Stands between the steps: the step in flight may end, nothing new begins."""')
            source("    if self.cancel_requested:", "        raise CancelRequested")
        if self.told.uses_undo:
            source("", "async def compensate(self) -> None:")
            source('    """Undoes what was done, last first."""')
            source("    while self.undo:", "        await self.undo.pop()()")
