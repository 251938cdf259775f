"""Steps that reach other runs: calls, one-way calls, promises, awakeables and signals."""

from __future__ import annotations

from durascope.models.steps import Call, Send, Start
from durascope.models.targets import Target
from durascope.render.code.body import Scope
from durascope.render.code.events import key_of_run
from durascope.render.code.layout import Expression, Group, call
from durascope.render.code.names import quoted
from durascope.render.code.restate.facts import TIMED_OUT, kind_of_wait
from durascope.render.code.restate.typescript.runs import Runs
from durascope.render.code.restate.typescript.steps import SDK
from durascope.render.code.typescript import obj, span
from durascope.render.code.typescript_body import formatted


class OtherRuns(Runs):
    """Writes what a handler does with other invocations."""

    def _key(self, reference: object, scope: Scope) -> str | None:
        key = self.reference(reference, scope)
        return None if key is None else self.key_text(key)

    def _client(self, way: str, handler: Target, key: str | None, given: Expression, after: int | None) -> Expression:
        self.needs.add(SDK)
        parts: list[Expression] = [given]
        if after:
            later = self.locals.new("later")
            project, run = self.project, handler.kind == "run"
            message = project.inputs[handler.workflow] if run else project.events[handler.name]
            self.needs.add(("./messages", f"type {message}"))
            opts = call(f"restate.rpc.sendOpts<{message}>", obj(("delay", span(after))))
            self.source.statement(f"const {later} = ", opts)
            parts.append(later)
        keys = [] if handler.service_kind == "service" else [key or quoted(handler.workflow)]
        service = ", ".join([self.project.services[handler.service], *keys])
        return call(f"ctx.{handler.service_kind}{way}Client({service}).{handler.handler}", *parts)

    def _call(self, way: str, target: str, reference: object, scope: Scope, after: int | None = None) -> Expression:
        """A call or a one-way call of a workflow's handler."""
        handler = self.project.target(target)
        key = self._key(reference, scope)
        given = obj(*self.fields_for(target, self.reference(reference, scope)))
        if key is None and handler.service_kind == "workflow":
            key = self.unique()
        return self._client(way, handler, key, given, after)

    def call(self, step: Call, scope: Scope) -> None:
        self.register(step, scope)
        made = self._call("", step.call, step.key, scope)
        if step.timeout is None:
            self.awaited("", made)
            return
        assert isinstance(made, Group)
        self.comment("A call has no time limit of its own; the one that is too late goes on.")
        limited = Group(made.head, made.parts, f").orTimeout({span(step.timeout)})")
        if self.in_branch:
            self.awaited("", limited)
            return
        with self.source.block("try"):
            self.awaited("", limited)
        with self.source.block("catch (error)"):
            name = formatted(step.label, scope)
            message = f"{name[:-1]} timed out{name[-1]}"
            late = call("new restate.TerminalError", message, f"{{ errorCode: {TIMED_OUT} }}")
            with self.source.block("if (error instanceof restate.TimeoutError)"):
                self.source.statement("throw ", late)
            self.source("throw error;")

    def start(self, step: Start, scope: Scope) -> None:
        sent = self._call("Send", step.start, step.key, scope, step.after)
        if step.confirm and not self.in_branch:
            handle = self.locals.new("sent")
            self.source.statement(f"const {handle} = ", sent)
            self.source(f"await {handle}.invocationId;")
        else:
            self.source.statement("", sent)

    def begin(self, step: Send, target: str, scope: Scope) -> None:
        self.source.statement("", self._call("Send", target, step.to, scope, step.after))

    def deliver(self, step: Send, target: str, scope: Scope) -> None:
        kind = kind_of_wait(self.project.scenario, target)
        payload = obj(*self.fields_of(step.send, scope))
        key = quoted(key_of_run(self.book, step.to)) if isinstance(step.to, int) else self._key(step.to, scope) or ""
        if kind == "promise":
            handler = self.project.target(target, "complete-promise", step.send)
            self.source.statement("", self._client("Send", handler, key, payload, step.after))
            return
        self.needs.add(("./awaiting", "* as awaiting"))
        found = f"awaiting.find({key}, {quoted(step.send)})"
        if kind == "signal":
            self.needs.add(SDK)
            invocation, signal = self.locals.new("invocation"), self.locals.new("signal")
            self.source.statement(f"const {invocation} = ", call("restate.InvocationIdParser.fromString", found))
            self.source(f"const {signal} = ctx.invocation({invocation}).signal({quoted(step.send)});")
            self.source.statement("", call(f"{signal}.resolve", payload))
        else:
            self.source.statement("", call("ctx.resolveAwakeable", found, payload))
