"""The steps of a workflow as Python statements."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import ClassVar

from durascope.models.steps import Finish, ForEach, WaitFor
from durascope.render.code import python
from durascope.render.code.body import Scope
from durascope.render.code.conditions import PYTHON, Words
from durascope.render.code.layout import Expression, Source, call
from durascope.render.code.names import parts_of, python_names, quoted
from durascope.render.code.program import Book, Kind, Told
from durascope.render.code.python import STEP
from durascope.render.code.values import Values


class PythonBody(Values):
    """Writes the steps of one workflow."""

    words: ClassVar[Words] = PYTHON
    remark: ClassVar[str] = "#"
    zero: ClassVar[Mapping[Kind, str]] = python.ZERO
    to_text: ClassVar[str] = "str"

    def __init__(self, book: Book, told: Told, *taken: str) -> None:
        super().__init__(book, told, Source(STEP), python_names(*taken))

    def field_name(self, name: str) -> str:
        return python.field_name(name)

    def template(self, *parts: tuple[str, bool]) -> str:
        return python.template(*parts)

    def literal(self, value: object) -> str:
        return python.literal(value)

    def not_empty(self, before: int) -> None:
        if all(line.lstrip().startswith("#") for line in self.source.lines[before:]):
            self.source("pass")

    @contextmanager
    def opened(self, head: str) -> Generator[None]:
        """A block under that head."""
        self.source(f"{head}:")
        with self.source.deeper():
            yield

    def when(self, condition: str, *, first: bool = True) -> AbstractContextManager[None]:
        return self.opened(f"{'if' if first else 'elif'} {condition}")

    def otherwise(self) -> AbstractContextManager[None]:
        return self.opened("else")

    def after_all(self, step: WaitFor, scope: Scope) -> bool:
        """What follows a loop of waits that a timeout leaves; returns whether the code after it can be reached."""
        if step.timeout is None or not step.then:
            return self.block(step.then, scope)
        with self.otherwise():
            self.inside(step.then, scope)
        return True

    def loop(self, variable: str, last: int) -> AbstractContextManager[None]:
        return self.opened(f"for {variable} in range(1, {last + 1})")

    def function(self, name: str) -> AbstractContextManager[None]:
        return self.opened(f"async def {name}() -> None")

    def every(
        self, function: str, variable: str, step: ForEach, scope: Scope, *, used: bool, limit: int | None
    ) -> None:
        lane = self.locals.new("at once") if limit is not None else ""
        if lane:
            self.needs.add(("asyncio", ""))
            self.source(f"{lane} = asyncio.Semaphore({limit})")
        self.blank()
        head = f"async def {function}({variable if used else f'_{variable}'}: int) -> None"
        with self.opened(head), self.opened(f"async with {lane}") if lane else nullcontext():
            self.nested += 1
            self.inside(step.do, scope)
            self.nested -= 1
        self.source("")
        self.gather([f"*({function}({variable}) for {variable} in range(1, {step.for_each + 1}))"])

    def gather(self, branches: list[Expression]) -> None:
        self.side_by_side.add("all_of")
        self.source.statement("await ", call("all_of", *branches))

    def race(self, branches: list[Expression]) -> None:
        self.side_by_side.add("first_of")
        self.source.statement("await ", call("first_of", *branches))

    def finish(self, step: Finish) -> None:
        self.finishes_inside |= self.nested > 0
        text = quoted(step.finish)
        self.source(f"raise Finished({text})" if self.nested else f"return {text}")


def formatted(text: str, scope: Scope) -> str:
    """`"round"`, or `f"round-{n}"` where the text has variables of the scope."""
    return python.template(*parts_of(text, scope))
