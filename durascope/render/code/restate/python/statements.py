"""The steps that stay inside of a handler: timers, waits, state, ends."""

from __future__ import annotations

from durascope.models.steps import Awakeable, Clear, Fail, Get, Patched, Set, Sleep, WaitFor
from durascope.render.code import python
from durascope.render.code.body import Scope
from durascope.render.code.layout import Expression, call
from durascope.render.code.names import quoted
from durascope.render.code.python_body import formatted
from durascope.render.code.restate.python.other_runs import OtherRuns


class Statements(OtherRuns):
    """Writes the steps that reach nothing outside."""

    def sleep(self, step: Sleep) -> None:
        self.awaited("", self.future(step, {}))

    # ---- waits -------------------------------------------------------------------------------------------------

    def wait_for(self, step: WaitFor, scope: Scope) -> bool:
        if step.times > 1:
            return self._wait_for_many(step, scope)
        which, arrived = self._await_event(step, scope)
        if step.timeout is None or not (step.then or step.on_timeout):
            return self.block(step.then, scope)
        del arrived
        return self.either(f'{which} == "event"', step.then, step.on_timeout, scope, f'{which} == "timeout"')

    def _await_event(self, step: WaitFor, scope: Scope) -> tuple[str, str]:
        """Waits once; returns the names of what was first, and of the event."""
        fields = [name for name in self.book.events[step.wait_for].fields if name in self.variables]
        event = self._event(step.wait_for)
        if step.timeout is None:
            arrived = self.locals.new(step.wait_for) if fields else ""
            self.awaited(f"{arrived} = " if fields else "", event)
            self._take_known(arrived, fields)
            return "", arrived
        branches = bool(step.then or step.on_timeout) or step.times > 1
        which = self.locals.new("which") if branches else "_"
        arrived = self.locals.new(step.wait_for) if fields else "_"
        timer = self.timer(step.timeout, formatted(f"{step.label}-timeout", scope))
        before = f"{which}, {arrived} = " if branches or fields else ""
        self.selected(before, event=event, timeout=timer)
        self.take(arrived, fields)
        return which, arrived

    def _take_known(self, arrived: str, fields: list[str]) -> None:
        for name in fields:
            field = f"{arrived}.{python.field_name(name)}"
            self.source(f"if {field} is not None:", f"    {self.place(name)} = {field}")

    def _event(self, event: str) -> Expression:
        """What is awaited: a promise of the workflow, a named signal, or an awakeable whose id is published."""
        payload = self.project.events[event]
        self.needs.add(("app.messages", payload))
        hint = f"type_hint={payload}"
        if self.waits_by == "promise":
            made = call("ctx.promise", quoted(event), hint)
            return type(made)(made.head, made.parts, ").value()")
        if self.waits_by == "signal":
            self.needs.add(("app", "awaiting"))
            self.source.statement("", call("awaiting.publish", self._address(), quoted(event), "ctx.request().id"))
            return call("ctx.signal", quoted(event), hint)
        if self.made.get(event):
            return self.made[event].pop(0)
        return self._make(event)

    def _make(self, event: str) -> str:
        payload = self.project.events[event]
        self.needs |= {("app", "awaiting"), ("app.messages", payload)}
        identifier, future = self.locals.new(f"{event} id"), self.locals.new(event)
        self.source.statement(f"{identifier}, {future} = ", call("ctx.awakeable", f"type_hint={payload}"))
        self.source.statement("", call("awaiting.publish", self._address(), quoted(event), identifier))
        return future

    def _address(self) -> str:
        """By what others find this run: its key, where it has one."""
        key = self.workflow.key
        return "ctx.request().id" if key is None else f"{self.given}.{python.field_name(key)}"

    def awakeable(self, step: Awakeable) -> None:
        if self.waits_by == "awakeable":
            self.made.setdefault(step.awakeable, []).append(self._make(step.awakeable))

    def _wait_for_many(self, step: WaitFor, scope: Scope) -> bool:
        source = self.source
        with self.opened(f"for _ in range({step.times})"):
            which, _ = self._await_event(step, scope)
            if step.timeout is not None:
                with self.when(f'{which} == "timeout"'):
                    if self.block(step.on_timeout, scope):
                        source("break")
        return self.after_all(step, scope)

    # ---- state -------------------------------------------------------------------------------------------------

    def state(self, step: Get | Set | Clear) -> None:
        if not self.keyed:
            super().state(step)
            return
        match step:
            case Get(get="*"):
                self.awaited("", "ctx.state_keys()")
            case Get(get=name):
                kept = name in self.variables
                kind = self.told.values[name].kind if kept else "any"
                hint = [] if kind == "any" else [f"type_hint={python.TYPES[kind]}"]
                before = f"{self.place(name)} = " if kept else ""
                self.awaited(before, call("ctx.get", quoted(name), *hint))
            case Set(set=name, value=value):
                text = "True" if value is None else python.literal(value)
                self.source(f"ctx.set({quoted(name)}, {text})")
                if name in self.variables:
                    self.source(f"{self.place(name)} = {text}")
            case Clear(clear=name):
                self.source("ctx.clear_all()" if name == "*" else f"ctx.clear({quoted(name)})")

    # ---- code of its own, and ends -----------------------------------------------------------------------------

    def patched(self, step: Patched, scope: Scope) -> bool:
        self.comment(f"{step.patched}: runs that began on the old code end on its own deployment; this is the new one.")
        return super().patched(step, scope)

    def throw(self, step: Fail) -> None:
        self.needs.add(("restate", ""))
        code = [f"status_code={step.code}"] if step.code != 500 else []
        self.source.statement("raise ", call("restate.TerminalError", quoted(step.fail), *code))
