"""Source code as formatters lay it out: a call stands on one line where it fits, else an argument a line."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 100
"""The longest line of generated code; its formatters are told so, too."""


@dataclass(frozen=True, slots=True)
class Group:
    """Parts between brackets, one or many a line: a call, a list, an object."""

    head: str
    parts: tuple[Expression, ...]
    tail: str = ")"
    broken: bool = False
    """Always a part a line."""


Expression = str | Group


def call(function: str, *parts: Expression, broken: bool = False) -> Group:
    """A call."""
    return Group(f"{function}(", parts, ")", broken=broken)


def flat(expression: Expression) -> str:
    """The expression in one line."""
    if isinstance(expression, str):
        return expression
    return f"{expression.head}{', '.join(map(flat, expression.parts))}{expression.tail}"


def _must_break(expression: Expression) -> bool:
    if isinstance(expression, str):
        return "\n" in expression
    return (expression.broken and bool(expression.parts)) or any(map(_must_break, expression.parts))


class Source:
    """Lines that are being written, at a depth of indentation."""

    def __init__(self, step: int) -> None:
        self.lines: list[str] = []
        self.step = step
        self.depth = 0

    def __call__(self, *lines: str) -> None:
        for line in lines:
            self.lines.append(f"{' ' * self.depth * self.step}{line}" if line else "")

    @contextmanager
    def deeper(self) -> Generator[None]:
        """What is written inside stands one step deeper."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def statement(self, before: str, expression: Expression, after: str = "", remark: str = "") -> None:
        """A statement that holds one expression: `before` and `after` stand around it.

        `remark` is a comment that ends its first line; it does not count for the width, as ruff has it of pragmas.
        """
        line = f"{before}{flat(expression)}{after}"
        fits = len(line) + self.depth * self.step <= WIDTH and not _must_break(expression)
        if isinstance(expression, str) or fits or not expression.parts:
            self(f"{line}{remark}")
            return
        self(f"{before}{expression.head}{remark}")
        with self.deeper():
            for part in expression.parts:
                self._part(part)
        self(f"{expression.tail}{after}")

    def _part(self, part: Expression) -> None:
        self.statement("", part, ",")

    def text(self) -> str:
        """All of it; no more than two empty lines on end, none at the end."""
        return "\n".join(self.lines).rstrip("\n") + "\n"


def wrapped(text: str, width: int) -> Sequence[str]:
    """A comment's text in lines of at most that width (a word may be longer)."""
    import textwrap

    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
