"""What a workflow hears: signals, updates, queries."""

from __future__ import annotations

from durascope.models.scenario import Update
from durascope.render.code import conditions
from durascope.render.code.body import NO_SCOPE
from durascope.render.code.conditions import TYPESCRIPT, Term
from durascope.render.code.layout import call
from durascope.render.code.names import quoted
from durascope.render.code.temporal.facts import matched_field
from durascope.render.code.temporal.typescript.statements import Statements
from durascope.render.code.typescript import field_name, obj


class Handlers(Statements):
    """Writes a workflow's handlers."""

    def handlers(self) -> None:
        """All of them."""
        for name in dict.fromkeys((*self.workflow.signals, *self.told.waits)):
            if name not in self.workflow.updates:
                self._signal(name)
        for name, update in self.workflow.updates.items():
            self._update(name, update)
        for name in self.workflow.queries:
            self._handle(f"setHandler({self.project.queries[name]}, () => at);")

    def _handle(self, line: str) -> None:
        self.imported.add("setHandler")
        self.source(line)

    def _signal(self, name: str) -> None:
        source, signal = self.source, self.workflow.signals.get(name)
        then = signal.then if signal is not None else "ignore"
        match = None if self.entity else matched_field(self.book, self.told, name)
        waited = name in self.told.waits
        definition = self.project.signals[name]
        if then == "ignore" and not waited:
            self.comment(f"{name} is recorded in the history; the run does nothing about it.")
            self._handle(f"setHandler({definition}, () => {{}});")
            return
        used = waited or match is not None
        self.imported.add("setHandler")
        with source.block(f"setHandler({definition}, ({'event' if used else ''}) =>", ");"):
            if match is not None:
                field = f"event.{field_name(match)}"
                source(f"if ({field} !== undefined && {field} !== input.{field_name(match)}) return;")
            if waited:
                source(f"{self.arrived(name)}.push(event);")
            if then == "cancel":
                source("cancelRequested = true;")
            elif then == "cancel-now":
                source("cancelRequested = true;", "scope.cancel();")

    def _update(self, name: str, update: Update) -> None:
        source = self.source
        definition = self.project.updates[name]
        waited = name in self.told.waits
        self.imported.add("setHandler")
        if update.rejects is None:
            with source.block(f"setHandler({definition}, async ({'request' if waited else ''}) =>", ");"):
                self._work(name, update)
            return
        condition = conditions.expression(update.rejects, lambda asked: self._asked(asked, name), TYPESCRIPT)
        self.imported.add("ApplicationFailure")
        source("setHandler(")
        with source.deeper():
            source(f"{definition},")
            with source.block(f"async ({'request' if waited else ''}) =>", ","):
                self._work(name, update)
            source("{")
            with source.deeper(), source.block("validator: (request) =>", ","), self.when(condition):
                message = f"{name} is rejected: {update.rejects}"
                failure = obj(("message", quoted(message)), ("type", quoted("Rejected")))
                source.statement("throw ", call("ApplicationFailure.create", failure))
            source("},")
        source(");")

    def _work(self, name: str, update: Update) -> None:
        """What the run does when it is asked."""
        source, before = self.source, len(self.source.lines)
        self.nested += 1
        if update.steps and update.one_at_a_time:
            self.needs.add(("./lock", "Lock"))
            with source.block(f"await {self.lock_of(name)}.hold(async () =>", ");"):
                self.inside(update.steps, NO_SCOPE)
        else:
            self.block(update.steps)
        self.nested -= 1
        if name in self.told.waits:
            source(f"{self.arrived(name)}.push(request);")
        self.not_empty(before)

    def lock_of(self, update: str) -> str:
        """The lock that lets one request at a time do its work."""
        return self.locals.of(f"{update} lock", "lock")

    def _asked(self, name: str, update: str) -> Term | None:
        fields = self.book.events[update].fields
        if name in fields:
            return Term(f"request.{field_name(name)}", fields[name], optional=True)
        return self.field(name)
