"""`run` steps of a workflow, the undo steps that they register, and branches side by side."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

from durascope.models.steps import ForEach, Parallel, Race, Run, Sleep, Step
from durascope.render.code import python
from durascope.render.code.body import Scope
from durascope.render.code.facts import is_numbered, uses_attempt
from durascope.render.code.layout import Expression, Group, call
from durascope.render.code.names import python_names, snake
from durascope.render.code.program import Told
from durascope.render.code.python import timedelta
from durascope.render.code.python_body import formatted
from durascope.render.code.python_values import PythonValues
from durascope.render.code.restate.facts import remarks, singles
from durascope.render.code.restate.python.names import Named
from durascope.render.code.restate.runs import RestateRuns


class Runs(PythonValues, RestateRuns):
    """Writes what a handler does with `ctx.run`.

    The SDK's combinators take single calls of the context. Branches of several steps are generators that say which
    call they wait for next: `all_of` and `first` of `side_by_side.py` go on with whichever has completed.
    """

    unused: ClassVar[str] = "a plain service has no state, and nothing here uses it."
    differs: ClassVar[str] = "differs on each replay in the scenario; ctx.random() does not."

    def __init__(self, project: Named, told: Told) -> None:
        super().__init__(project, told, *project.module)
        self.project = project

    def unique(self) -> str:
        return "str(ctx.uuid())"

    def random_number(self) -> str:
        return "ctx.random().random()"

    def step(self, step: Step, scope: Scope) -> bool:
        for remark in remarks(step):
            self.comment(remark)
        if isinstance(step, Parallel) and not self.in_branch and self.plain(step, scope):
            self._gathered([self.future(each, scope) for each in singles(step) or ()])
            return True
        if isinstance(step, Race) and not self.in_branch and self.plain(step, scope):
            self._selected([self.future(each, scope) for each in singles(step) or ()], step)
            return True
        return super().step(step, scope)

    # ---- one call of the context -------------------------------------------------------------------------------

    def future(self, step: Run | Sleep, scope: Scope) -> Group:
        """The call; awaited, it is the step's result."""
        if isinstance(step, Sleep):
            return self.timer(step.sleep, None if step.name is None else formatted(step.name, scope))
        operation = self.book.operation(self.told.name, step)
        self.needs |= {("app", "steps"), ("restate", "")}
        parts: list[Expression] = [formatted(step.run, scope), f"steps.{self.project.steps[operation]}"]
        options = self._options(step)
        if options:
            parts.append(call("restate.RunOptions", *options))
        parts.append(f"given={self.given}")
        parts += [f"{snake(name)}={scope.get(name, '0')}" for name in operation.variables]
        if operation.referred:
            parts.append(f"reference={self.found_by(step, scope)}")
        if operation in self.project.timed:
            parts.append(f"timeout={'None' if step.timeout is None else python.seconds(step.timeout)}")
        if uses_attempt(operation):
            parts.append("run=ctx.request().id")
        return call("ctx.run_typed", *parts)

    def timer(self, us: int, name: str | None) -> Group:
        self.needs.add(("datetime", "timedelta"))
        return call("ctx.sleep", timedelta(us), *([] if name is None else [name]))

    def _options(self, step: Run) -> list[str]:
        """The step's own retry policy; without one the attempt fails, and the invocation's policy applies."""
        retry = step.retry
        times = {"max_duration": step.total_timeout}
        if retry is not None:
            times |= {"initial_retry_interval": retry.initial, "max_retry_interval": retry.max_interval}
        options = [f"{name}={timedelta(us)}" for name, us in times.items() if us is not None]
        if options:
            self.needs.add(("datetime", "timedelta"))
        if retry is not None and retry.factor is not None:
            options.append(f"retry_interval_factor={float(retry.factor)!r}")
        if retry is not None and retry.max_attempts is not None:
            options.append(f"max_attempts={retry.max_attempts}")
        return options

    def awaited(self, before: str, future: Expression) -> None:
        """A statement that waits for one call of the context."""
        if self.in_branch:
            self.side_by_side.add("result")
            self.source.statement(f"{before}yield from ", call("result", future))
        else:
            self.source.statement(f"{before}await ", future)

    def selected(self, before: str, **futures: Expression) -> None:
        """A statement that waits for the first of several calls."""
        parts = [Group(f"{name}={each.head}", each.parts, each.tail) if isinstance(each, Group) else f"{name}={each}"
                 for name, each in futures.items()]  # fmt: skip
        if self.in_branch:
            self.side_by_side.add("first")
            self.source.statement(f"{before}yield from ", call("first", *parts))
        else:
            self.needs.add(("restate", ""))
            self.source.statement(f"{before}await ", call("restate.select", *parts))

    def undo_later(self, undo: Run, scope: Scope) -> None:
        made = self.future(undo, scope)
        used = dict.fromkeys(each for name, each in scope.items() if f"{{{name}}}" in undo.run or is_numbered(undo))
        head = f"lambda {', '.join(f'{name}={name}' for name in used)}: " if used else "lambda: "
        self.source.statement("", call("undo.append", Group(f"{head}{made.head}", made.parts, made.tail)))

    # ---- branches ----------------------------------------------------------------------------------------------

    def _gathered(self, futures: list[Group]) -> None:
        """All of them, and then the first failure, if any."""
        self.needs.add(("restate", ""))
        self.source.statement("for each in await ", call("restate.gather", *futures), ":")
        self.source("    await each")

    def _selected(self, futures: list[Group], step: Race) -> None:
        names = python_names()
        self.selected("", **{names.new(branch[0].label): each for branch, each in zip(step.race, futures, strict=True)})

    def for_each(self, step: ForEach, scope: Scope) -> None:
        only = self.only_call(step)
        if only is None:
            super().for_each(step, scope)
            return
        variable, inner = self.rounds(step, scope, used=self.uses(step))
        made = self.future(only, inner)
        rounds = f"for {variable} in range(1, {step.for_each + 1})"
        self._gathered([Group("*(", (made, rounds), ")", between="")])

    def function(self, name: str) -> AbstractContextManager[None]:
        return self._branch(f"def {name}() -> Branch")

    @contextmanager
    def _branch(self, head: str) -> Generator[None]:
        self.side_by_side.add("Branch")
        outer, self.in_branch = self.in_branch, True
        with self.opened(head):
            begin = len(self.source.lines)
            yield
            body = "\n".join(self.source.lines[begin:])
            indent = " " * self.source.depth * self.source.step
            written = [each for each in self.variables.values() if re.search(rf"^ *{each} = ", body, re.MULTILINE)]
            first = [f"{indent}nonlocal {', '.join(written)}"] if written else []
            if "yield" not in body:
                first.append(f"{indent}yield from ()")
            self.source.lines[begin:begin] = first
        self.in_branch = outer

    def every(
        self, function: str, variable: str, step: ForEach, scope: Scope, *, used: bool, limit: int | None
    ) -> None:
        self.blank()
        with self._branch(f"def {function}({variable if used else f'_{variable}'}: int) -> Branch"):
            self.nested += 1
            self.inside(step.do, scope)
            self.nested -= 1
        self.source("")
        numbers = f"range(1, {step.for_each + 1})"
        if limit is None:
            self.gather([f"*({function}({variable}) for {variable} in {numbers})"])
            return
        left, lane = self.locals.new("left"), self.locals.new("lane")
        self.source(f"{left} = iter({numbers})", "", f"def {lane}() -> Branch:")
        self.source(f"    for {variable} in {left}:", f"        yield from {function}({variable})", "")
        self.gather([f"*({lane}() for _ in range({limit}))"])

    def gather(self, branches: list[Expression]) -> None:
        self._together("all_of", branches)

    def race(self, branches: list[Expression]) -> None:
        self._together("first_of", branches)

    def _together(self, combinator: str, branches: list[Expression]) -> None:
        self.side_by_side.add(combinator)
        made = call(combinator, *branches)
        if self.in_branch:
            self.source.statement("yield from ", made)
            return
        self.side_by_side.add("run")
        self.source.statement("await ", call("run", made))
