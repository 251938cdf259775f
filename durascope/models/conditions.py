"""Conditions on results and input fields (`in_stock and amount > 100`): parsed once, never run as code.

Python's own parser reads the text; only names, numbers, strings, true/false, comparisons, `and`, `or` and `not`
are let through, and they are evaluated here, over a mapping of plain values.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from durascope.models.durations import Misread, shown

MAX_LENGTH: Final = 500
_PARTS: Final = "names, numbers, text, comparisons, `and`, `or`, `not`"
_FORM: Final = "write `in_stock` or `amount > 100 and not vip`"
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_WORDS: Final = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition; `names` are the values it asks for.

    >>> Condition.parse("in_stock and amount > 100").holds({"in_stock": True, "amount": 120})
    True
    >>> Condition.parse("amount > 100").holds({"amount": 99})
    False
    """

    text: str
    names: frozenset[str]
    _tree: ast.expr = field(repr=False, compare=False)

    def holds(self, values: Mapping[str, object]) -> bool:
        """Whether the condition is true; an unknown name counts as false, things that do not compare too."""
        return bool(_value(self._tree, values))

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, value: object) -> Condition:
        """Raises `Misread` with what is allowed where the text is not a condition."""
        if isinstance(value, Condition):
            return value
        if isinstance(value, bool):
            value = "true" if value else "false"
        if not isinstance(value, str) or not value.strip():
            raise Misread("expected a condition", _FORM)
        if len(value) > MAX_LENGTH:
            raise Misread(f"a condition has at most {MAX_LENGTH} characters", _FORM)
        tree = _parsed(value.strip())
        names: set[str] = set()
        _check(tree, names)
        return cls(value.strip(), frozenset(names), tree)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "type": "string",
            "maxLength": MAX_LENGTH,
            "examples": ["in_stock", "amount > 100 and not vip"],
        }


def _parsed(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on text that is not meant for it
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise Misread(f"{shown(text)} is not a condition", _FORM) from None


def _check(node: ast.expr, names: set[str]) -> None:
    match node:
        case ast.BoolOp(values=values):
            for each in values:
                _check(each, names)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            _check(operand, names)
        case ast.Compare(left=left, ops=ops, comparators=comparators) if all(type(op) in _COMPARE for op in ops):
            for each in (left, *comparators):
                _check(each, names)
        case ast.Name(id=name):
            if name not in _WORDS:
                names.add(name)
        case ast.Constant(value=bool() | int() | float() | str()):
            pass
        case _:
            raise Misread(f"a condition cannot hold `{ast.unparse(node)[:60]}`", f"it has only {_PARTS}")


def _value(node: ast.expr, values: Mapping[str, object]) -> Any:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, values) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, values)
        case ast.UnaryOp(operand=operand):
            number = _value(operand, values)
            return -number if isinstance(number, (int, float)) else None
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            terms = [_value(term, values) for term in (left, *comparators)]
            try:
                return all(_COMPARE[type(op)](a, b) for op, a, b in zip(ops, terms, terms[1:], strict=False))
            except TypeError:
                return False
        case ast.Name(id=name):
            return _WORDS[name] if name in _WORDS else values.get(name)
        case ast.Constant(value=value):
            return value
        case _:
            raise AssertionError(node)
