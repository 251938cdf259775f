"""Conditions as expressions of a language, with the same outcome: what is unknown or incomparable is false."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from durascope.models.conditions import Condition
from durascope.render.code.names import quoted
from durascope.render.code.program import Kind, kind_of


@dataclass(frozen=True, slots=True)
class Term:
    """A value in source code."""

    text: str
    kind: Kind
    optional: bool = False
    """Whether it may be unknown at that moment."""
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """How a language says it."""

    true: str
    false: str
    and_: str
    or_: str
    not_: str
    """With the space behind it, where there is one."""
    equal: str
    unequal: str
    known: str
    """What stands behind a value that is not unknown."""
    number: Callable[[float], str]


def _true_number(value: float) -> str:
    """JavaScript has one kind of number, and formatters write it without what is not needed."""
    return str(int(value)) if float(value).is_integer() else repr(value).replace("e-0", "e-").replace("e+", "e")


PYTHON: Final = Words("True", "False", "and", "or", "not ", "==", "!=", "is not None", repr)
TYPESCRIPT: Final = Words("true", "false", "&&", "||", "!", "===", "!==", "!== undefined", _true_number)

Resolve = Callable[[str], Term | None]
"""What a name stands for; None: nothing, which is false."""


_ORDER: Final = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_OR, _AND, _NOT, _ATOM = range(4)
"""How tightly an expression holds together."""


def expression(condition: Condition, resolve: Resolve, words: Words = PYTHON) -> str:
    """The condition as an expression that is true or false.

    >>> known = {"total": Term("given.total", "number"), "vip": Term("vip", "flag", optional=True)}
    >>> condition = Condition.parse("total > 100 and not vip")
    >>> expression(condition, known.get)
    'given.total > 100 and not vip'
    >>> expression(condition, known.get, TYPESCRIPT)
    'given.total > 100 && !vip'

    What the workflow does not know is false:

    >>> expression(Condition.parse("weight < 3"), known.get)
    'False'
    """
    return _Writer(resolve, words).truth(ast.parse(condition.text, mode="eval").body)[0]


class _Writer:
    def __init__(self, resolve: Resolve, words: Words) -> None:
        self.resolve = resolve
        self.words = words

    def truth(self, node: ast.expr) -> tuple[str, int]:
        """The node as something true or false, and how tightly it holds together."""
        match node:
            case ast.BoolOp(op=op, values=values):
                level = _AND if isinstance(op, ast.And) else _OR
                word = self.words.and_ if level == _AND else self.words.or_
                parts = [self._inside(self.truth(value), level) for value in values]
                return f" {word} ".join(parts), level
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                text, level = self.truth(operand)
                if text in (self.words.true, self.words.false):
                    return (self.words.false if text == self.words.true else self.words.true), _ATOM
                grouped = level < _NOT or (level == _NOT and self.words.not_ == "!" and not text.startswith("!"))
                return f"{self.words.not_}({text})" if grouped else f"{self.words.not_}{text}", _NOT
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                terms = [self.term(each) for each in (left, *comparators)]
                pairs = [self._pair(a, op, b) for a, op, b in zip(terms, ops, terms[1:], strict=False)]
                if self.words.false in pairs:
                    return self.words.false, _ATOM
                known = dict.fromkeys(t.text for t in terms if t is not None and t.optional and not t.literal)
                parts = [*(f"{text} {self.words.known}" for text in known), *pairs]
                return f" {self.words.and_} ".join(parts), _NOT if len(parts) == 1 else _AND
            case _:
                return self._flag(node)

    def _inside(self, part: tuple[str, int], level: int) -> str:
        text, own = part
        return f"({text})" if own < level else text

    def _flag(self, node: ast.expr) -> tuple[str, int]:
        term = self.term(node)
        if term is None:
            return self.words.false, _ATOM
        if term.literal:
            value = ast.literal_eval(term.text) if term.text not in _WORDS else _WORDS[term.text]
            return (self.words.true if value else self.words.false), _ATOM
        return term.text, _ATOM

    def _pair(self, left: Term | None, op: ast.cmpop, right: Term | None) -> str:
        """One comparison; False where it can never hold."""
        if left is None or right is None:
            return self.words.false
        alike = left.kind == right.kind or "any" in (left.kind, right.kind)
        if isinstance(op, ast.Eq | ast.NotEq):
            if not alike:
                return self.words.true if isinstance(op, ast.NotEq) else self.words.false
            return f"{left.text} {self.words.equal if isinstance(op, ast.Eq) else self.words.unequal} {right.text}"
        if not alike or left.kind == "flag":
            return self.words.false
        return f"{left.text} {_ORDER[type(op)]} {right.text}"  # pyright: ignore[reportArgumentType]

    def term(self, node: ast.expr) -> Term | None:
        """A name or a constant."""
        match node:
            case ast.Name(id="true"):
                return Term(self.words.true, "flag", literal=True)
            case ast.Name(id="false"):
                return Term(self.words.false, "flag", literal=True)
            case ast.Name(id=name):
                return self.resolve(name)
            case ast.Constant(value=bool() as flag):
                return Term(self.words.true if flag else self.words.false, "flag", literal=True)
            case ast.Constant(value=str() as text):
                return Term(quoted(text), "text", literal=True)
            case ast.Constant(value=int() | float() as value):
                return Term(self.words.number(value), kind_of(value), literal=True)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.term(operand)
                return (
                    None
                    if inner is None or inner.kind != "number"
                    else Term(f"-{inner.text}", "number", inner.optional)
                )
            case _:
                text, _ = self.truth(node)
                return Term(f"({text})", "flag")


_WORDS: Final = {"true": True, "false": False, "True": True, "False": False}
