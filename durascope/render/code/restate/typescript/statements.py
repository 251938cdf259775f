"""The steps that stay inside of a handler: timers, waits, state, ends."""

from __future__ import annotations

from durascope.models.steps import Awakeable, Clear, Fail, Get, Patched, Set, Sleep, WaitFor
from durascope.render.code.body import Scope
from durascope.render.code.layout import Group, call
from durascope.render.code.names import quoted
from durascope.render.code.restate.facts import CONTEXTS
from durascope.render.code.restate.typescript.other_runs import OtherRuns
from durascope.render.code.restate.typescript.steps import SDK
from durascope.render.code.typescript import TYPES, field_name, literal, span


class Statements(OtherRuns):
    """Writes the steps that reach nothing outside."""

    def sleep(self, step: Sleep) -> None:
        self.awaited("", self.future(step, {}))

    # ---- waits -------------------------------------------------------------------------------------------------

    def wait_for(self, step: WaitFor, scope: Scope) -> bool:
        if step.times > 1:
            return self._wait_for_many(step, scope)
        arrived = self._await_event(step)
        if step.timeout is None or not (step.then or step.on_timeout):
            return self.block(step.then, scope)
        known, unknown = f"{arrived} !== undefined", f"{arrived} === undefined"
        return self.either(known, step.then, step.on_timeout, scope, unknown)

    def _await_event(self, step: WaitFor) -> str:
        """Waits once; returns the name of the event, which is undefined where the time is over first."""
        fields = [name for name in self.book.events[step.wait_for].fields if name in self.variables]
        event = self._event(step.wait_for)
        if step.timeout is not None:
            tail = f".orTimeout({span(step.timeout)})"
            event = Group(event.head, event.parts, event.tail + tail) if isinstance(event, Group) else f"{event}{tail}"
        asked = bool(fields) or (step.timeout is not None and bool(step.then or step.on_timeout or step.times > 1))
        arrived = self.locals.new(step.wait_for) if asked else ""
        before = f"const {arrived} = " if asked else ""
        if step.timeout is None:
            self.awaited(before, event)
        elif self.in_branch:
            self.side_by_side.add("inTime")
            self.source.statement(f"{before}yield* ", call("inTime", event))
        else:
            self.needs.add(("./waiting", "inTime"))
            self.source.statement(f"{before}await ", call("inTime", event))
        self.take(arrived, fields)
        return arrived

    def _event(self, event: str) -> Group | str:
        """What is awaited: a promise of the workflow, a named signal, or an awakeable whose id is published."""
        payload = self.project.events[event]
        self.needs.add(("./messages", f"type {payload}"))
        if self.waits_by == "promise":
            return Group(f"ctx.promise<{payload}>(", (quoted(event),), ").get()")
        if self.waits_by == "signal":
            self._publish(event, "ctx.request().id")
            return call(f"ctx.signal<{payload}>", quoted(event))
        if self.made.get(event):
            return self.made[event].pop(0)
        return self._make(event)

    def _make(self, event: str) -> str:
        payload = self.project.events[event]
        self.needs.add(("./messages", f"type {payload}"))
        made = self.locals.new(event)
        self.source(f"const {made} = ctx.awakeable<{payload}>();")
        self._publish(event, f"{made}.id")
        return f"{made}.promise"

    def _publish(self, event: str, identifier: str) -> None:
        """Tells who may end the wait; others find this run by its key, where it has one."""
        self.needs.add(("./awaiting", "* as awaiting"))
        key = self.workflow.key
        address = "ctx.request().id" if key is None else f"input.{field_name(key)}"
        self.source.statement("", call("awaiting.publish", address, quoted(event), identifier))

    def awakeable(self, step: Awakeable) -> None:
        if self.waits_by == "awakeable":
            self.made.setdefault(step.awakeable, []).append(self._make(step.awakeable))

    def _wait_for_many(self, step: WaitFor, scope: Scope) -> bool:
        arrived = self.locals.new("arrived")
        self.source(f"let {arrived} = 0;")
        with self.source.block(f"while ({arrived} < {step.times})"):
            event = self._await_event(step)
            if step.timeout is not None:
                self.source(f"if ({event} === undefined) break;")
            self.source(f"{arrived}++;")
        if step.timeout is None or not (step.then or step.on_timeout):
            return self.block(step.then, scope)
        all_came, not_all = f"{arrived} === {step.times}", f"{arrived} < {step.times}"
        return self.either(all_came, step.then, step.on_timeout, scope, not_all)

    # ---- state -------------------------------------------------------------------------------------------------

    def state(self, step: Get | Set | Clear) -> None:
        if not self.keyed:
            super().state(step)
            return
        match step:
            case Get(get="*"):
                self.source(f"{self._read('ctx.stateKeys()', 'string[]')};")
            case Get(get=name):
                variable = self.variables.get(name)
                kind = self.told.values[name].kind if variable is not None else "any"
                shown = "" if kind == "any" else f"<{TYPES[kind]}>"
                got = self._read(f"ctx.get{shown}({quoted(name)})", f"{TYPES[kind]} | null" if shown else "unknown")
                self.source(f"{got};" if variable is None else f"{variable} = ({got}) ?? {self.initial(name)};")
            case Set(set=name, value=value):
                text = "true" if value is None else literal(value)
                self.source(f"{self._writer()}.set({quoted(name)}, {text});")
                if name in self.variables:
                    self.source(f"{self.variables[name]} = {text};")
            case Clear(clear=name):
                what = "clearAll()" if name == "*" else f"clear({quoted(name)})"
                self.source(f"{self._writer()}.{what};")

    def _writer(self) -> str:
        """What state is written by. The SDK's types keep a handler beside the run from it; the server would, too."""
        if not self.reads_only:
            return "ctx"
        self.needs.add(SDK)
        self.comment("Restate refuses this (RT0017): beside the run, state can only be read.")
        return f"(ctx as restate.{CONTEXTS['workflow'][0]})"

    def _read(self, reading: str, kind: str) -> str:
        """Waits for the state that is read. In a branch it is yielded; the SDK's types hide what it is."""
        if not self.in_branch:
            return f"await {reading}"
        self.needs.add(SDK)
        self.side_by_side.add("result")
        return f"yield* result({reading} as restate.RestatePromise<{kind}>)"

    # ---- code of its own, and ends -----------------------------------------------------------------------------

    def patched(self, step: Patched, scope: Scope) -> bool:
        self.comment(f"{step.patched}: runs that began on the old code end on its own deployment; this is the new one.")
        return super().patched(step, scope)

    def throw(self, step: Fail) -> None:
        self.needs.add(SDK)
        code = [f"{{ errorCode: {step.code} }}"] if step.code != 500 else []
        self.source.statement("throw ", call("new restate.TerminalError", quoted(step.fail), *code))
