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
    between: str = ","
    """What parts them; nothing in a comprehension."""
    pad: str = ""
    """What stands inside of the brackets where all is on one line: a space in `{ a: 1 }`."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A function in place: `() => …`."""

    head: str
    body: Expression


Expression = str | Group | Arrow


def call(function: str, *parts: Expression, broken: bool = False) -> Group:
    """A call.

    >>> flat(call("charge", "order", "amount=3"))
    'charge(order, amount=3)'
    """
    return Group(f"{function}(", parts, ")", broken=broken)


def keyed(key: str, value: Expression) -> Expression:
    """A member of an object: `key: value`, or the name alone where both are the same.

    >>> keyed("amount", "amount"), keyed("amount", "3")
    ('amount', 'amount: 3')
    """
    if isinstance(value, Group):
        return Group(f"{key}: {value.head}", value.parts, value.tail, broken=value.broken, pad=value.pad)
    if isinstance(value, Arrow):
        return Arrow(f"{key}: {value.head}", value.body)
    return key if key == value else f"{key}: {value}"


def flat(expression: Expression) -> str:
    """The expression in one line.

    >>> flat(Arrow("() =>", call("charge", Group("{", ("a: 1",), "}", pad=" "))))
    '() => charge({ a: 1 })'
    """
    if isinstance(expression, str):
        return expression
    if isinstance(expression, Arrow):
        return f"{expression.head} {flat(expression.body)}"
    pad = expression.pad if expression.parts else ""
    return f"{expression.head}{pad}{f'{expression.between} '.join(map(flat, expression.parts))}{pad}{expression.tail}"


def _must_break(expression: Expression) -> bool:
    if isinstance(expression, str):
        return "\n" in expression
    if isinstance(expression, Arrow):
        return _must_break(expression.body)
    return (expression.broken and bool(expression.parts)) or any(map(_must_break, expression.parts))


class Source:
    """Lines that are being written, at a depth of indentation.

    >>> source = Source(4)
    >>> source("def main():")
    >>> with source.deeper():
    ...     source.statement("return ", call("charge", "order", "amount", broken=True))
    >>> print(source.text(), end="")
    def main():
        return charge(
            order,
            amount,
        )
    """

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
        if isinstance(expression, str | Arrow) or self.fits(line, expression) or not expression.parts:
            self(f"{line}{remark}")
            return
        self(f"{before}{expression.head}{remark}")
        with self.deeper():
            for part in expression.parts:
                self.statement("", part, expression.between)
        self(f"{expression.tail}{after}")

    def fits(self, line: str, expression: Expression = "") -> bool:
        """Whether that line may stand here."""
        return len(line) + self.depth * self.step <= WIDTH and not _must_break(expression)

    def text(self) -> str:
        """All of it; no more than two empty lines on end, none at the end."""
        return "\n".join(self.lines).rstrip("\n") + "\n"


class Braces(Source):
    """Source code with blocks in braces, as Prettier lays it out.

    >>> source = Braces(2)
    >>> with source.block("if (paid)"):
    ...     source.statement("", call("ship", "order"))
    >>> with source.block("else"):
    ...     source("return;")
    >>> print(source.text(), end="")
    if (paid) {
      ship(order);
    } else {
      return;
    }
    """

    @contextmanager
    def block(self, head: str, tail: str = "") -> Generator[None]:
        """A block; one that goes on after another begins where that ends: `} else {`."""
        if head.split(" ", maxsplit=1)[0] in ("else", "catch", "finally") and self.lines[-1].strip() == "}":
            self.lines.pop()
            head = f"}} {head}"
        self(f"{head} {{")
        with self.deeper():
            yield
        self(f"}}{tail}")

    def statement(self, before: str, expression: Expression, after: str = ";", remark: str = "") -> None:
        """A statement that holds one expression; a last argument in brackets is opened before all the others are."""
        line = f"{before}{flat(expression)}{after}"
        if isinstance(expression, str) or self.fits(line, expression):
            self(f"{line}{remark}")
        elif isinstance(expression, Arrow):
            self(f"{before}{expression.head}")
            with self.deeper():
                self.statement("", expression.body, after)
        elif expression.parts and self._opens_last(before, expression):
            self._opened_last(before, expression, after)
        else:
            super().statement(before, expression, after, remark)

    def _opens_last(self, before: str, group: Group) -> bool:
        *others, last = group.parts
        if not group.head.endswith("(") or isinstance(last, str) or any(map(_must_break, others)):
            return False
        if isinstance(last, Group) and last.head not in ("{", "["):
            return False
        if isinstance(last, Group) and not last.parts:
            return False
        return self.fits(f"{before}{self._first(group)}{last.head}")

    def _first(self, group: Group) -> str:
        """The call up to its last argument."""
        return group.head + "".join(f"{flat(each)}, " for each in group.parts[:-1])

    def _opened_last(self, before: str, group: Group, after: str) -> None:
        last = group.parts[-1]
        if isinstance(last, Arrow):
            self(f"{before}{self._first(group)}{last.head}")
            with self.deeper():
                self.statement("", last.body, ",")
            self(f"{group.tail}{after}")
            return
        assert isinstance(last, Group)
        self(f"{before}{self._first(group)}{last.head}")
        with self.deeper():
            for part in last.parts:
                self.statement("", part, last.between)
        self(f"{last.tail}{group.tail}{after}")


def wrapped(text: str, width: int) -> Sequence[str]:
    """A comment's text in lines of at most that width (a word may be longer).

    >>> wrapped("the card is charged once", 12)
    ['the card is', 'charged once']
    """
    import textwrap

    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
