"""The steps of a function: `ctx.step.run`, `sleep`, `wait_for_event`, `invoke`, `send_event`, `ctx.group.parallel`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import ClassVar

from durascope.models.steps import (
    Call,
    Fail,
    ForEach,
    Parallel,
    Patched,
    Race,
    Run,
    Send,
    Sleep,
    Start,
    Step,
    WaitFor,
)
from durascope.models.units import MILLISECOND
from durascope.render.code import python
from durascope.render.code.body import NO_SCOPE, Scope
from durascope.render.code.facts import uses_attempt
from durascope.render.code.inngest import facts
from durascope.render.code.inngest.body import InngestBody
from durascope.render.code.inngest.python.names import Named
from durascope.render.code.layout import Expression, Group, call, flat
from durascope.render.code.names import quoted
from durascope.render.code.program import Operation, Told
from durascope.render.code.python_body import formatted
from durascope.render.code.python_values import PythonValues


class FunctionBody(PythonValues, InngestBody):
    """Writes the steps of a function."""

    differs: ClassVar[str] = "differs each time that the function is called; a step would keep its value."
    run_id: ClassVar[str] = "ctx.run_id"

    def __init__(self, project: Named, told: Told) -> None:
        super().__init__(project, told, *project.taken)
        self.project = project
        self.workflow = told.workflow
        self.versioned = False
        """Whether it asks since when the new code is in force."""
        self.name_variables()
        self.written: list[set[str]] = [set()]
        """By function, the innermost last: the values that it writes."""

    def unique(self) -> str:
        self.needs.add(("uuid", "uuid4"))
        return "str(uuid4())"

    def random_number(self) -> str:
        self.needs.add(("random", ""))
        return "random.random()"

    def assign(self, name: str, text: str) -> None:
        self.written[-1].add(name)
        super().assign(name, text)

    # ---- ctx.step.run ------------------------------------------------------------------------------------------

    def future(self, step: Run, scope: Scope) -> Expression:
        """The call of the step."""
        operation = self.book.operation(self.told.name, step)
        parts: list[Expression] = [formatted(step.run, scope)]
        if step.undo is not None and self.told.name in self.project.cancelled and not self.unwinding:
            self.needs.add(("app.begun", "begin"))
            undo = self.book.operation(self.told.name, step.undo)
            parts += ["begin", "ctx.run_id", quoted(self.project.steps[undo]), formatted(step.undo.run, scope)]
        parts += self.operation(operation, scope, self.found_by(step, scope))
        if operation in self.project.results:
            self.needs.add(("app.messages", self.project.results[operation]))
            parts.append(f"output_type={self.project.results[operation]}")
        return call("ctx.step.run", *parts)

    def operation(
        self, operation: Operation, scope: Scope, found_by: str, attempt: str = "ctx.attempt + 1"
    ) -> list[str]:
        """What a step does, and what it is given; `found_by` is the reference of its call."""
        self.needs.add(("app", "steps"))
        variables = [scope.get(name, "0") for name in operation.variables]
        more = [*([found_by] if operation.referred else []), *([attempt] if uses_attempt(operation) else [])]
        return [f"steps.{self.project.steps[operation]}", self.given, *variables, *more]

    def undo_later(self, undo: Run, scope: Scope) -> None:
        operation = self.book.operation(self.told.name, undo)
        bound = ", ".join(f"{each}={each}" for each in scope.values())
        given = self.operation(operation, scope, self.found_by(undo, scope))
        made = flat(call("ctx.step.run", formatted(undo.run, scope), *given))
        self.source.statement("", call("compensations.append", f"lambda{' ' if bound else ''}{bound}: {made}"))

    # ---- what waits --------------------------------------------------------------------------------------------

    def sleep(self, step: Sleep, scope: Scope = NO_SCOPE) -> None:
        self.needs.add(("datetime", "timedelta"))
        made = call("ctx.step.sleep", formatted(step.label, scope), python.timedelta(step.sleep))
        self.source.statement("await ", made)

    def wait_for(self, step: WaitFor, scope: Scope) -> bool:
        source, event = self.source, step.wait_for
        self.needs.add(("datetime", "timedelta"))
        if step.timeout is None:
            self.comment("Inngest demands a timeout: a year stands for none.")
        parts = [formatted(step.label, scope), f"event={quoted(event)}"]
        field = facts.matched(self.workflow, step)
        if field is not None:
            parts.append(f"if_exp={quoted(self.project.matches(field))}")
        parts.append(f"timeout={python.timedelta(facts.YEAR if step.timeout is None else step.timeout)}")
        waiting = call("ctx.step.wait_for_event", *parts)
        fields = [name for name in self.project.fields[event] if name in self.variables]
        if step.times > 1:
            return self._wait_for_many(step, waiting, fields, scope)
        if not step.then and not step.on_timeout and not fields:
            source.statement("await ", waiting)
            return True
        arrived = self.locals.new(event)
        source.statement(f"{arrived} = await ", waiting)
        self._taken(arrived, event, fields)
        return self.either(f"{arrived} is not None", step.then, step.on_timeout, scope, f"{arrived} is None")

    def _taken(self, arrived: str, event: str, fields: list[str]) -> None:
        """The fields of an event become values of the run."""
        if not fields:
            return
        class_ = self.project.class_of(event)
        self.needs.add(("app.messages", class_))
        payload = self.locals.new(f"{event} data")
        with self.when(f"{arrived} is not None"):
            self.source(f"{payload} = {class_}.model_validate({arrived}.data)")
            for name in fields:
                field = f"{payload}.{python.field_name(name)}"
                always = self.project.fields[event][name].always
                with nullcontext() if always else self.when(f"{field} is not None"):
                    self.assign(name, field)

    def _wait_for_many(self, step: WaitFor, waiting: Expression, fields: list[str], scope: Scope) -> bool:
        source, event, count = self.source, step.wait_for, self.locals.new("count")
        arrived = self.locals.new(event)
        source(f"{count} = 0")
        with self.opened(f"while {count} < {step.times}"):
            source.statement(f"{arrived} = await ", waiting)
            source(f"if {arrived} is None:", "    break")
            self._taken(arrived, event, fields)
            source(f"{count} += 1")
        return self.either(f"{count} == {step.times}", step.then, step.on_timeout, scope, f"{count} < {step.times}")

    # ---- other functions ---------------------------------------------------------------------------------------

    def call(self, step: Call, scope: Scope) -> None:
        self.register(step, scope)
        data = flat(self.input_of(step.call, self.reference(step.key, scope)))
        parts = [
            formatted(step.label, scope),
            f"function={self.project.functions[step.call]}",
            f"data={data}.model_dump()",
        ]
        if step.timeout is not None:
            self.needs.add(("datetime", "timedelta"))
            parts.append(f"timeout={python.timedelta(step.timeout)}")
        self.source.statement("await ", call("ctx.step.invoke", *parts))

    def start(self, step: Start, scope: Scope) -> None:
        workflow = self.book.workflows[step.start].workflow
        if facts.cron(workflow) is not None:
            self.comment(f"{step.start} is not started: a schedule starts it.")
            return
        data = f"{flat(self.input_of(step.start, self.reference(step.key, scope)))}.model_dump()"
        self._post(step, facts.trigger(step.start, workflow), data, scope)

    def send(self, step: Send, scope: Scope) -> None:
        members: list[str] = []
        keys = facts.keys(self.book)
        for name, field in self.project.fields[step.send].items():
            term = self.value(name, scope) or self.field(name)
            if step.to is not None and name in keys:
                text = self.addressed(step.to, name, scope)
            elif term is not None:
                text = term.text
            elif field.always:
                text = self.stand_in(field.kind)
            else:
                continue
            members.append(f"{quoted(python.field_name(name))}: {text}")
        self._post(step, step.send, "{" + ", ".join(members) + "}", scope)

    def _post(self, step: Send | Start, event: str, data: str, scope: Scope) -> None:
        parts = [f"name={quoted(event)}", f"data={data}"]
        if step.after:
            self.needs.add(("time", ""))
            parts.append(f"ts=round(time.time() * 1000) + {step.after // MILLISECOND}")
        made = call("ctx.step.send_event", formatted(step.label, scope), call("inngest.Event", *parts))
        self.source.statement("await ", made)

    # ---- side by side ------------------------------------------------------------------------------------------

    @contextmanager
    def opened_function(self, head: str) -> Generator[None]:
        """A function inside; what it writes of the function around is `nonlocal`."""
        at = len(self.source.lines)
        self.written.append(set())
        with self.opened(head):
            yield
        written = self.written.pop()
        if written:
            indent = " " * (self.source.depth + 1) * self.source.step
            places = ", ".join(sorted(self.place(name) for name in written))
            self.source.lines.insert(at + 1, f"{indent}nonlocal {places}")
        self.written[-1] |= written

    def function(self, name: str) -> AbstractContextManager[None]:
        return self.opened_function(f"async def {name}() -> None")

    def step(self, step: Step, scope: Scope) -> bool:
        if isinstance(step, Sleep):
            self.sleep(step, scope)
            return True
        if not isinstance(step, Parallel | Race):
            return super().step(step, scope)
        branches: list[Expression] = []
        for each in step.blocks():
            made = flat(self.branch(each, scope))
            branches.append(made.removesuffix("()") if made.endswith("_branch()") else f"lambda: {made}")
        race = step.mode == "race" if isinstance(step, Parallel) else step.mode == "first"
        if isinstance(step, Race):
            self.comment("The Python SDK cannot go on with the first: all branches are awaited.")
        self._group(branches, race=race)
        return True

    def _group(self, branches: list[Expression], *, race: bool) -> None:
        members = Group("(", tuple(branches), ",)" if len(branches) == 1 else ")")
        mode = ("inngest.ParallelMode.RACE",) if race else ()
        self.source.statement("await ", call("ctx.group.parallel", members, *mode))

    def every(
        self, function: str, variable: str, step: ForEach, scope: Scope, *, used: bool, limit: int | None
    ) -> None:
        last = step.for_each + 1
        self.blank()
        if limit is not None:
            numbers = self.locals.new("numbers")
            self.source(f"{numbers} = iter(range(1, {last}))", "")
            lane = self.opened_function(f"async def {function}() -> None")
            with lane, self.opened(f"for {variable if used else f'_{variable}'} in {numbers}"):
                self._inside(step, scope)
            self.source("")
            self.source.statement("await ", call("ctx.group.parallel", f"({function},) * {limit}"))
            return
        self.needs.add(("functools", "partial"))
        with self.opened_function(f"async def {function}({variable if used else f'_{variable}'}: int) -> None"):
            self._inside(step, scope)
        self.source("")
        made = f"tuple(partial({function}, {variable}) for {variable} in range(1, {last}))"
        self.source.statement("await ", call("ctx.group.parallel", made))

    def _inside(self, step: ForEach, scope: Scope) -> None:
        self.nested += 1
        self.inside(step.do, scope)
        self.nested -= 1

    # ---- versions and ends ---------------------------------------------------------------------------------

    def patched(self, step: Patched, scope: Scope) -> bool:
        """Inngest has no versions of a function's code: the run's event is older than the new code, or is not."""
        self.versioned = True
        self.comment(f"{step.patched}: runs that had begun before the new code go on with the old.")
        new, old = "ctx.event.ts >= NEW_CODE_SINCE", "ctx.event.ts < NEW_CODE_SINCE"
        return self.either(new, step.do, step.otherwise, scope, old)

    def throw(self, step: Fail) -> None:
        self.source.statement("raise ", call("inngest.NonRetriableError", quoted(step.fail)))
