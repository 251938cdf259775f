"""One workflow as a class: its state, its run, and what becomes of a run that fails."""

from __future__ import annotations

from durascope.render.code.body import NO_SCOPE
from durascope.render.code.facts import finishes_in_a_branch
from durascope.render.code.layout import Source
from durascope.render.code.names import one_line, quoted
from durascope.render.code.python import STEP
from durascope.render.code.temporal.facts import cancels_now, continues, returns_text
from durascope.render.code.temporal.python.handlers import Handlers
from durascope.render.code.temporal.python.names import REQUEST


class WorkflowClass(Handlers):
    """Writes one workflow."""

    def write(self) -> str:
        told, workflow = self.told, self.workflow
        self.name_variables(self.names)
        body = Source(STEP)
        self.source = body
        with body.deeper():
            self._run()
            self._handlers()
            self._helpers()
        head = Source(STEP)
        head(f"@workflow.defn(name={quoted(told.name)})", f"class {self.project.classes[told.name]}:")
        with head.deeper():
            head(f'"""{one_line(workflow.title or told.name)}."""', "")
            self._init(head)
        return head.text() + "\n" + body.text()

    def _init(self, source: Source) -> None:
        given = self.project.inputs[self.told.name]
        self.needs.add(("app.messages", given))
        lines: list[str] = []
        if not self.entity:
            lines += [
                f"self.{attribute}: {self.type_of(name)} = {self.initial(name, given='given')}"
                for name, attribute in self.variables.items()
            ]
        for event in self.told.waits:
            self.needs.add(("app.messages", self.project.events[event]))
            lines.append(f"self.{self._arrived(event)}: list[{self.project.events[event]}] = []")
        if self.told.uses_undo and not self.entity:
            self._needs_undo()
            lines.append("self.undo: list[Callable[[], Awaitable[object]]] = []")
        if self.told.cancels:
            lines.append("self.cancel_requested = False")
        if cancels_now(self.workflow):
            self.needs.add(("asyncio", ""))
            lines.append("self.task: asyncio.Task[object] | None = None")
        if self.asks:
            lines.append('self.at = "begin"')
        if self.entity:
            self.needs.add(("asyncio", ""))
            lines += ["self.lock = asyncio.Lock()", "self.asked = self.begun = False"]
        for name, update in self.workflow.updates.items():
            if update.one_at_a_time:
                self.needs.add(("asyncio", ""))
                lines.append(f"self.{self.names.of(f'{name} lock')} = asyncio.Lock()")
        given_here = not self.entity
        source("@workflow.init")
        if self.entity:
            optional = f"request: {given} | None = None" if self.told.called else ""
            source(f"def __init__(self{f', _{optional}' if optional else ''}) -> None:")
        else:
            begin = ", _begin: int = 0" if self.resumes else ""
            source(f"def __init__(self, given: {given}{begin}) -> None:")
        with source.deeper():
            if given_here:
                source("self.input = given")
            source(*lines)
        source("")

    def _needs_undo(self) -> None:
        self.needs |= {("collections.abc", "Awaitable"), ("collections.abc", "Callable")}

    def _run(self) -> None:
        source, given = self.source, self.project.inputs[self.told.name]
        returns = self._returns()
        source("@workflow.run")
        if self.entity:
            self._entity_run(given)
            return
        begin = ", begin: int = 0" if self.resumes else ""
        source(f"async def run(self, _given: {given}{begin}) -> {returns}:")
        with source.deeper():
            if cancels_now(self.workflow):
                source("self.task = asyncio.current_task()")
            self._guarded()

    def _returns(self) -> str:
        return "str | None" if returns_text(self.told) else "None"

    def _guarded(self) -> None:
        """The steps, and what becomes of a run that fails or is cancelled."""
        source = self.source
        before = len(source.lines)
        undone = self.told.uses_undo or self.told.cancels or self.workflow.on_failure
        if not undone and not finishes_in_a_branch(self.workflow):
            reached = self._steps()
        else:
            source("try:")
            with source.deeper():
                reached = self._steps()
                if not any(line.strip() and not line.strip().startswith("#") for line in source.lines[before + 1 :]):
                    source("pass")
            self._excepts()
        if all(line.lstrip().startswith("#") for line in source.lines[before:]):
            source("pass")
        if self._returns() != "None" and reached:
            source("return None")

    def _steps(self) -> bool:
        source = self.source
        if self.told.cancels:
            source("self.stop_if_cancelled()")
        if not self.resumes:
            return self.block(self.workflow.steps)
        at = next(n for n, step in enumerate(self.workflow.steps) if continues(step))
        if at:
            with self.opened("if begin == 0"):
                self.inside(self.workflow.steps[:at], NO_SCOPE)
        return self.block(self.workflow.steps[at:])

    def _excepts(self) -> None:
        source, undo = self.source, self.told.uses_undo
        if self.finishes_inside:
            source("except Finished as finished:")
            source("    return str(finished)")
        if self.told.cancels:
            source("except CancelRequested:")
            with source.deeper():
                source(*(["await self.compensate()"] if undo else []), 'return "cancelled"')
        if not (undo or cancels_now(self.workflow) or self.workflow.on_failure):
            return
        self.needs |= {("asyncio", ""), ("temporalio.exceptions", "FailureError")}
        own_end = self.workflow.on_failure or self.workflow.after_undo == "complete"
        named = bool(own_end or cancels_now(self.workflow))
        source(f"except (FailureError, asyncio.CancelledError){' as failure' if named else ''}:")
        with source.deeper():
            complete = undo and self.workflow.after_undo == "complete"
            if complete:
                source("undone = bool(self.undo)")
            if undo:
                source("await self.compensate()")
            if named:
                self.needs.add(("temporalio.exceptions", "is_cancelled_exception"))
            if cancels_now(self.workflow):
                source("if self.cancel_requested and is_cancelled_exception(failure):", '    return "cancelled"')
            if own_end:
                source("if is_cancelled_exception(failure):", "    raise")
            if complete:
                source("if undone:", '    return "undone"')
            self.unwinding = True
            reached = self.block(self.workflow.on_failure)
            self.unwinding = False
            if reached:
                source("raise")

    def _entity_run(self, given: str) -> None:
        source = self.source
        if self.told.called:
            source(f"async def run(self, request: {given} | None = None) -> None:")
        else:
            source("async def run(self) -> None:")
        with source.deeper():
            if self.told.called:
                source("if request is not None:", "    await self.serve(request)", "    return")
            source("self.begun = True")
            self.comment("An entity: it takes its requests as updates, and ends when none is left.")
            source("await workflow.wait_condition(lambda: self.asked and workflow.all_handlers_finished())")
        source("", f"@workflow.update(name={quoted(REQUEST)})")
        source(f"async def {REQUEST}(self, request: {given}) -> {self._returns()}:")
        with source.deeper():
            source(
                f'"""One request for this {one_line(self.workflow.key or "key")}; the next waits until it is done."""'
            )
            source("self.asked = True", "await workflow.wait_condition(lambda: self.begun)")
            source(
                "async with self.lock:",
                f"    {'return ' if self._returns() != 'None' else ''}await self.serve(request)",
            )
        source("", f"async def serve(self, request: {given}) -> {self._returns()}:")
        self.given = "request"
        with source.deeper():
            for value in self.told.values.values():
                if value.source == "carried":
                    source(f"{self.place(value.name)}: {self.type_of(value.name)} = {self.initial(value.name)}")
            if self.told.uses_undo:
                self._needs_undo()
                source("self.undo: list[Callable[[], Awaitable[object]]] = []")
            self._guarded()
