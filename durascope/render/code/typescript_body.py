"""The steps of a workflow as TypeScript statements."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import ClassVar

from durascope.models.steps import Finish, ForEach, Repeat
from durascope.render.code import typescript
from durascope.render.code.body import Scope
from durascope.render.code.conditions import TYPESCRIPT, Words
from durascope.render.code.layout import Arrow, Braces, Expression, Group, call
from durascope.render.code.names import parts_of, quoted, typescript_names
from durascope.render.code.program import Book, Kind, Told
from durascope.render.code.typescript import STEP, template
from durascope.render.code.values import Values


class TypeScriptBody(Values):
    """Writes the steps of one workflow."""

    words: ClassVar[Words] = TYPESCRIPT
    remark: ClassVar[str] = "//"
    const: ClassVar[str] = "const "
    end: ClassVar[str] = ";"
    zero: ClassVar[Mapping[Kind, str]] = typescript.ZERO
    to_text: ClassVar[str] = "String"
    source: Braces

    def __init__(self, book: Book, told: Told, *taken: str) -> None:
        super().__init__(book, told, Braces(STEP), typescript_names(*taken))

    def field_name(self, name: str) -> str:
        return typescript.field_name(name)

    def template(self, *parts: tuple[str, bool]) -> str:
        return typescript.template(*parts)

    def literal(self, value: object) -> str:
        return typescript.literal(value)

    def not_empty(self, before: int) -> None:
        if len(self.source.lines) == before:
            self.source("// nothing to be done")

    def when(self, condition: str, *, first: bool = True) -> AbstractContextManager[None]:
        return self.source.block(f"{'if' if first else 'else if'} ({condition})")

    def otherwise(self) -> AbstractContextManager[None]:
        return self.source.block("else")

    def loop(self, variable: str, last: int) -> AbstractContextManager[None]:
        return self.source.block(f"for (let {variable} = 1; {variable} <= {last}; {variable}++)")

    def rounds(self, step: Repeat | ForEach, scope: Scope, used: bool) -> tuple[str, Scope]:
        """The condition of a loop uses its variable."""
        return super().rounds(step, scope, used=True)

    def function(self, name: str) -> AbstractContextManager[None]:
        return self.source.block(f"async function {name}(): Promise<void>")

    def every(
        self, function: str, variable: str, step: ForEach, scope: Scope, *, used: bool, limit: int | None
    ) -> None:
        self.blank()
        argument = variable if used else f"_{variable}"
        with self.source.block(f"async function {function}({argument}: number): Promise<void>"):
            self.nested += 1
            self.inside(step.do, scope)
            self.nested -= 1
        self.source("")
        self.side_by_side.add("each_of")
        options = () if limit is None else (Group("{", (f"atOnce: {limit}",), "}", pad=" "),)
        self.source.statement("await ", call("eachOf", str(step.for_each), function, *options))

    def gather(self, branches: list[Expression]) -> None:
        self.side_by_side.add("all_of")
        self.source.statement("await ", call("allOf", Group("[", tuple(branches), "]")))

    def race(self, branches: list[Expression]) -> None:
        self.side_by_side.add("first_of")
        started = tuple(Arrow("() =>", each) for each in branches)
        self.source.statement("await ", call("firstOf", Group("[", started, "]")))

    def finish(self, step: Finish) -> None:
        self.finishes_inside |= self.nested > 0
        text = quoted(step.finish)
        self.source(f"throw new Finished({text});" if self.nested else f"return {text};")


def formatted(text: str, scope: Scope) -> str:
    """`"round"`, or a template literal where the text has variables of the scope."""
    return template(*parts_of(text, scope))
