"""One workflow as a function: its state, its handlers, its steps, and what becomes of a run that fails."""

from __future__ import annotations

import re
from typing import Final

from durascope.render.code.body import NO_SCOPE
from durascope.render.code.facts import finishes_in_a_branch
from durascope.render.code.layout import Braces, Group
from durascope.render.code.names import one_line
from durascope.render.code.temporal.facts import (
    cancels_now,
    continues,
    returns_text,
)
from durascope.render.code.temporal.typescript.handlers import Handlers
from durascope.render.code.typescript import STEP, documented

_INPUT: Final = re.compile(r"\binput\b")


class WorkflowFunction(Handlers):
    """Writes one workflow."""

    def write(self) -> str:
        """The function."""
        self.name_variables()
        source, given = self.source, self.project.inputs[self.told.name]
        self.needs.add(("./messages", f"type {given}"))
        with source.deeper():
            if self.entity:
                self._entity(given)
            else:
                self._plain()
                self.not_empty(0)
        body = source.text()
        head = Braces(STEP)
        documented(head, f"{one_line(self.workflow.title or self.told.name)}.")
        function = f"export async function {self.project.functions[self.told.name]}"
        used = _INPUT.search(body) is not None
        parameters = Group("(", self._parameters(given, used=used))
        head.statement(function, parameters, f": Promise<{self.returns(whole=True)}> {{")
        return f"{head.text()}{body}}}\n"

    def _parameters(self, given: str, *, used: bool) -> tuple[str, ...]:
        if self.entity:
            return (f"input?: {given}",) if self.told.called else ()
        begin = ("begin = 0",) if self._resumes else ()
        return (f"{'' if used else '_'}input: {given}", *begin)

    @property
    def _resumes(self) -> bool:
        return any(continues(step) for step in self.workflow.steps)

    def returns(self, *, whole: bool = False) -> str:
        """What comes of the steps; `whole`: of the run, which in an entity takes many requests."""
        if self.entity and whole:
            return "void"
        return "string | undefined" if returns_text(self.told) else "void"

    # ---- sections ----------------------------------------------------------------------------------------------

    def _gap(self) -> None:
        """An empty line between two sections."""
        lines = self.source.lines
        if lines and lines[-1] and not lines[-1].endswith("{"):
            self.source("")

    def _plain(self) -> None:
        self.source(*self._values(), *self._own_state())
        self._gap()
        self.handlers()
        self._gap()
        self._helpers()
        self._gap()
        self._guarded()

    def _entity(self, given: str) -> None:
        source = self.source
        self.needs.add(("./lock", "Lock"))
        self.imported |= {"setHandler", "condition", "allHandlersFinished"}
        self.source("const lock = new Lock();", "let asked = false;", *self._own_state())
        self._gap()
        returns = self.returns()
        begun = len(source.lines)
        with source.block(f"async function serve(_input: {given}): Promise<{returns}>"):
            self.source(*self._values())
            self._gap()
            self._helpers()
            self._gap()
            self._guarded()
        if any(_INPUT.search(line) for line in source.lines[begun + 1 :]):
            source.lines[begun] = source.lines[begun].replace("(_input", "(input", 1)
        self._gap()
        self.handlers()
        self.comment(f"One request at a time for a {self.workflow.key}: the next waits until that before it is done.")
        with source.block(f"setHandler({self.project.requests[self.told.name]}, (input) =>", ");"):
            source("asked = true;", "return lock.hold(() => serve(input));")
        self._gap()
        if self.told.called:
            source("if (input !== undefined) return void (await serve(input));")
        self.comment("An entity: it takes its requests as updates, and ends when none is left.")
        source("await condition(() => asked && allHandlersFinished());")

    def _values(self) -> list[str]:
        """What the run carries from step to step, and what it has to undo."""
        lines = [self.declared(value) for value in self.told.values.values() if value.source == "carried"]
        if self.told.uses_undo:
            lines.append("const compensations: (() => Promise<unknown>)[] = [];")
        return lines

    def _own_state(self) -> list[str]:
        """What handlers and steps share."""
        lines: list[str] = []
        for event in self.told.waits:
            self.needs.add(("./messages", f"type {self.project.events[event]}"))
            lines.append(f"const {self.arrived(event)}: {self.project.events[event]}[] = [];")
        if self.told.cancels:
            lines.append("let cancelRequested = false;")
        if cancels_now(self.workflow):
            self.imported.add("CancellationScope")
            lines.append("const scope = new CancellationScope();")
        if self.asks:
            lines.append('let at = "begin";')
        for name, update in self.workflow.updates.items():
            if update.one_at_a_time and update.steps:
                lines.append(f"const {self.lock_of(name)} = new Lock();")
        return lines

    def _helpers(self) -> None:
        source = self.source
        if self.told.cancels:
            documented(source, "Stands between the steps: the step in flight may end, nothing new begins.")
            with source.block("function stopIfCancelled(): void"):
                source("if (cancelRequested) throw new CancelRequested();")
        if self.told.cancels and self.told.uses_undo:
            source("")
        if self.told.uses_undo:
            documented(source, "Undoes what was done, last first.")
            with source.block("async function compensate(): Promise<void>"):
                source("for (const undo of compensations.reverse()) await undo();")

    # ---- the steps ---------------------------------------------------------------------------------------------

    def _guarded(self) -> None:
        """The steps, and what becomes of a run that fails or is cancelled."""
        source, told = self.source, self.told
        guarded = told.uses_undo or told.cancels or self.workflow.on_failure or finishes_in_a_branch(self.workflow)
        if cancels_now(self.workflow):
            with source.block(f"async function steps(): Promise<{self.returns()}>"):
                if self._steps():
                    source("return undefined;")
            source("")
        if not guarded:
            self._steps()
            return
        with source.block("try"):
            before = len(source.lines)
            if cancels_now(self.workflow):
                source("return await scope.run(steps);")
            else:
                self._steps()
            self.not_empty(before)
        with source.block("catch (error)"):
            self._caught()

    def _steps(self) -> bool:
        """Returns whether their end is reached."""
        if self.told.cancels:
            self.source("stopIfCancelled();")
        if not self._resumes:
            return self.block(self.workflow.steps)
        at = next(n for n, step in enumerate(self.workflow.steps) if continues(step))
        if at:
            with self.when("begin === 0"):
                self.inside(self.workflow.steps[:at], NO_SCOPE)
        return self.block(self.workflow.steps[at:])

    def _caught(self) -> None:
        source, undo, now = self.source, self.told.uses_undo, cancels_now(self.workflow)
        if self.finishes_inside:
            source("if (error instanceof Finished) return error.message;")
        if self.told.cancels:
            with self.when("error instanceof CancelRequested"):
                source(*(["await compensate();"] if undo else []), 'return "cancelled";')
        complete = undo and self.workflow.after_undo == "complete"
        if undo or self.workflow.on_failure:
            self.imported.add("TemporalFailure")
            source("if (!(error instanceof TemporalFailure)) throw error;")
        if complete:
            source("const undone = compensations.length > 0;")
        if undo:
            self.imported.add("CancellationScope")
            source("await CancellationScope.nonCancellable(compensate);")
        if now or self.workflow.on_failure or complete:
            self.imported.add("isCancellation")
        if now:
            source('if (cancelRequested && isCancellation(error)) return "cancelled";')
        if self.workflow.on_failure or complete:
            source("if (isCancellation(error)) throw error;")
        if complete:
            source('if (undone) return "undone";')
        self.unwinding = True
        reached = self.block(self.workflow.on_failure)
        self.unwinding = False
        if reached:
            source("throw error;")
