"""`run` steps of a workflow, the undo steps that they register, and branches side by side."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

from durascope.models.steps import ForEach, Parallel, Race, Run, Sleep, Step
from durascope.render.code.body import Scope
from durascope.render.code.facts import uses_attempt
from durascope.render.code.layout import Arrow, Expression, Group, call
from durascope.render.code.program import Told
from durascope.render.code.restate.facts import remarks, singles
from durascope.render.code.restate.runs import RestateRuns
from durascope.render.code.restate.typescript.names import Named
from durascope.render.code.restate.typescript.steps import SDK
from durascope.render.code.typescript import milliseconds, number, obj, span
from durascope.render.code.typescript_body import formatted
from durascope.render.code.typescript_values import TypeScriptValues


class Runs(TypeScriptValues, RestateRuns):
    """Writes what a handler does with `ctx.run`.

    The SDK's combinators take single calls of the context. Branches of several steps are generators that say which
    call they wait for next: `allOf` and `firstOf` of `side-by-side.ts` go on with whichever has completed.
    """

    differs: ClassVar[str] = "differs on each replay in the scenario; ctx.rand does not."

    def __init__(self, project: Named, told: Told) -> None:
        super().__init__(project.book, told, *project.module)
        self.project = project

    def unique(self) -> str:
        return "ctx.rand.uuidv4()"

    def random_number(self) -> str:
        return "ctx.rand.random()"

    def step(self, step: Step, scope: Scope) -> bool:
        for remark in remarks(step):
            self.comment(remark)
        if isinstance(step, Parallel | Race) and not self.in_branch and self.plain(step, scope):
            futures = [self.future(each, scope) for each in singles(step) or ()]
            self._combined("all" if isinstance(step, Parallel) else "race", futures)
            return True
        return super().step(step, scope)

    # ---- one call of the context -------------------------------------------------------------------------------

    def future(self, step: Run | Sleep, scope: Scope) -> Expression:
        """The call; awaited, it is the step's result."""
        if isinstance(step, Sleep):
            name = [] if step.name is None else [formatted(step.name, scope)]
            return call("ctx.sleep", span(step.sleep), *name)
        operation = self.book.operation(self.told.name, step)
        self.needs.add(("./steps", "* as steps"))
        given = ["input", *(scope.get(name, "0") for name in operation.variables)]
        if operation.referred:
            given.append(self.found_by(step, scope))
        if uses_attempt(operation):
            given.append("ctx.request().id")
        if operation in self.project.timed and step.timeout is not None:
            given.append(milliseconds(step.timeout))
        made = Arrow("() =>", call(f"steps.{self.project.steps[operation]}", *given))
        options = self._options(step)
        return call("ctx.run", formatted(step.run, scope), made, *([obj(*options)] if options else []))

    def _options(self, step: Run) -> list[tuple[str, Expression]]:
        """The step's own retry policy; without one the attempt fails, and the invocation's policy applies."""
        retry = step.retry
        options: list[tuple[str, Expression]] = []
        if step.total_timeout is not None:
            options.append(("maxRetryDuration", span(step.total_timeout)))
        if retry is None:
            return options
        if retry.initial is not None:
            options.append(("initialRetryInterval", span(retry.initial)))
        if retry.max_interval is not None:
            options.append(("maxRetryInterval", span(retry.max_interval)))
        if retry.factor is not None:
            options.append(("retryIntervalFactor", number(retry.factor)))
        if retry.max_attempts is not None:
            options.append(("maxRetryAttempts", str(retry.max_attempts)))
        return options

    def awaited(self, before: str, future: Expression) -> None:
        """A statement that waits for one call of the context."""
        if self.in_branch:
            self.side_by_side.add("result")
            self.source.statement(f"{before}yield* ", call("result", future))
        else:
            self.source.statement(f"{before}await ", future)

    def undo_later(self, undo: Run, scope: Scope) -> None:
        self.source.statement("", call("undo.push", Arrow("() =>", self.future(undo, scope))))

    # ---- branches ----------------------------------------------------------------------------------------------

    def _combined(self, combinator: str, futures: list[Expression]) -> None:
        self.needs.add(SDK)
        made = call(f"restate.RestatePromise.{combinator}", Group("[", tuple(futures), "]"))
        self.source.statement("await ", made)

    def for_each(self, step: ForEach, scope: Scope) -> None:
        only = self.only_call(step)
        if only is None:
            super().for_each(step, scope)
            return
        self.needs.add(SDK)
        used = self.uses(step)
        index = self.locals.new("index")
        inner = {**scope, step.as_ or "number": f"{index} + 1"}
        made = self.future(only, inner)
        head = f"(_, {index}) =>" if used else "() =>"
        rounds = call("Array.from", obj(("length", str(step.for_each))), Arrow(head, made))
        self.source.statement("await ", call("restate.RestatePromise.all", rounds))

    def function(self, name: str) -> AbstractContextManager[None]:
        return self._branch(f"function* {name}(): Branch")

    @contextmanager
    def _branch(self, head: str) -> Generator[None]:
        self.side_by_side.add("type Branch")
        outer, self.in_branch = self.in_branch, True
        with self.source.block(head):
            yield
        self.in_branch = outer

    def every(
        self, function: str, variable: str, step: ForEach, scope: Scope, *, used: bool, limit: int | None
    ) -> None:
        self.blank()
        with self._branch(f"function* {function}({variable if used else f'_{variable}'}: number): Branch"):
            self.nested += 1
            self.inside(step.do, scope)
            self.nested -= 1
        self.source("")
        numbers = f"Array.from({{ length: {step.for_each} }}, (_, index) => index + 1)"
        if limit is None:
            self._together("allOf", f"{numbers}.map({function})")
            return
        left, lane = self.locals.new("left"), self.locals.new("lane")
        self.source(f"const {left} = {numbers}.values();", "")
        with self._branch(f"function* {lane}(): Branch"):
            self.source(f"for (const {variable} of {left}) yield* {function}({variable});")
        self.source("")
        self._together("allOf", f"Array.from({{ length: {limit} }}, {lane})")

    def gather(self, branches: list[Expression]) -> None:
        self._together("allOf", Group("[", tuple(branches), "]"))

    def race(self, branches: list[Expression]) -> None:
        self._together("firstOf", Group("[", tuple(branches), "]"))

    def _together(self, combinator: str, branches: Expression) -> None:
        self.side_by_side.add(combinator)
        made = call(combinator, branches)
        if self.in_branch:
            self.source.statement("yield* ", made)
            return
        self.side_by_side.add("together")
        self.source.statement("await ", call("together", made))
