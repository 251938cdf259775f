"""Steps that reach other runs: calls, one-way calls, promises, awakeables and signals."""

from __future__ import annotations

from durascope.models.steps import Call, Send, Start
from durascope.render.code.body import Scope
from durascope.render.code.events import key_of_run
from durascope.render.code.layout import Expression, Group, call
from durascope.render.code.names import quoted
from durascope.render.code.python import timedelta
from durascope.render.code.python_body import formatted
from durascope.render.code.restate.facts import TIMED_OUT, kind_of_wait
from durascope.render.code.restate.python.runs import Runs


class OtherRuns(Runs):
    """Writes what a handler does with other invocations."""

    def _call(self, way: str, target: str, reference: object, scope: Scope, after: int | None = None) -> Group:
        """A call or a one-way call of a workflow's handler."""
        handler = self.project.targets.of(target)
        key = self.reference(reference, scope)
        parts: list[Expression] = [self.project.handlers[handler]]
        if handler.service_kind != "service":
            stand_in = self.unique() if handler.service_kind == "workflow" else quoted(target)
            parts.append(f"key={stand_in if key is None else self.key_text(key)}")
        parts.append(_named("arg", self.input_of(target, key)))
        if after:
            self.needs.add(("datetime", "timedelta"))
            parts.append(f"send_delay={timedelta(after)}")
        return call(f"ctx.{handler.service_kind}_{way}", *parts)

    def call(self, step: Call, scope: Scope) -> None:
        self.register(step, scope)
        future = self._call("call", step.call, step.key, scope)
        if step.timeout is None:
            self.awaited("", future)
            return
        which = self.locals.new("which")
        name = formatted(step.label, scope)
        limit = self.timer(step.timeout, formatted(f"{step.label}-timeout", scope))
        self.comment("A call has no time limit of its own; the one that is too late goes on.")
        self.selected(f"{which}, _ = ", done=future, timeout=limit)
        with self.when(f'{which} == "timeout"'):
            message = name[:-1] + " timed out" + name[-1]
            self.source.statement("raise ", call("restate.TerminalError", message, f"status_code={TIMED_OUT}"))

    def start(self, step: Start, scope: Scope) -> None:
        sent = self._call("send", step.start, step.key, scope, step.after)
        if step.confirm and not self.in_branch:
            self.source.statement("await ", Group(sent.head, sent.parts, f"{sent.tail}.invocation_id()"))
        else:
            self.source.statement("", sent)

    def begin(self, step: Send, target: str, scope: Scope) -> None:
        self.source.statement("", self._call("send", target, step.to, scope, step.after))

    def deliver(self, step: Send, target: str, scope: Scope) -> None:
        kind = kind_of_wait(self.project.scenario, target)
        event = self.project.events[step.send]
        self.needs.add(("app.messages", event))
        payload = call(event, *(f"{name}={text}" for name, text in self.fields_of(step.send, scope)))
        if isinstance(step.to, int):
            key = quoted(key_of_run(self.book, step.to))
        else:
            key = self.key_text(self.reference(step.to, scope) or "")
        if kind == "promise":
            handler = self.project.handlers[self.project.targets.of(target, "complete-promise", step.send)]
            parts: list[Expression] = [handler, f"key={key}", _named("arg", payload)]
            if step.after:
                self.needs.add(("datetime", "timedelta"))
                parts.append(f"send_delay={timedelta(step.after)}")
            self.source.statement("", call("ctx.workflow_send", *parts))
            return
        self.needs.add(("app", "awaiting"))
        found = f"awaiting.find({key}, {quoted(step.send)})"
        if kind == "signal":
            self.source.statement("", call("ctx.resolve_signal", found, quoted(step.send), payload))
        else:
            self.source.statement("", call("ctx.resolve_awakeable", found, payload))


def _named(name: str, expression: Expression) -> Expression:
    """An argument by name."""
    if isinstance(expression, Group):
        return Group(f"{name}={expression.head}", expression.parts, expression.tail)
    return f"{name}={expression}"
