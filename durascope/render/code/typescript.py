"""What every TypeScript project has in common: literals, types, durations, imports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from durascope.models.spreads import Spread
from durascope.models.units import MILLISECOND, SECOND
from durascope.render.code.conditions import TYPESCRIPT
from durascope.render.code.layout import Braces, Expression, Group, keyed
from durascope.render.code.names import camel, in_template, one_line, quoted
from durascope.render.code.program import Kind

STEP: Final = 2
TYPES: Final[Mapping[Kind, str]] = {"text": "string", "number": "number", "flag": "boolean", "any": "any"}
ZERO: Final[Mapping[Kind, str]] = {"text": '""', "number": "0", "flag": "false", "any": "undefined"}

_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def field_name(name: str) -> str:
    """The identifier of a field of a message: its name, where that is one and means nothing else in the language.

    >>> field_name("amount"), field_name("order-id"), field_name("constructor")
    ('amount', 'orderId', 'constructor_')
    """
    made = name if _IDENTIFIER.fullmatch(name) else camel(name)
    return f"{made}_" if made in ("__proto__", "constructor", "prototype") else made


def literal(value: object) -> str:
    """A plain value (text, number, flag, list, mapping) as TypeScript writes it.

    >>> print(literal({"paid": True, "items": ["a", 2.0, None]}))
    { paid: true, items: ["a", 2, undefined] }
    """
    match value:
        case None:
            return "undefined"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number(value)
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            return "{ " + ", ".join(f"{field_name(str(key))}: {literal(each)}" for key, each in value.items()) + " }"
        case _:
            return quoted(str(value))


def number(value: float) -> str:
    """A number as formatters write it.

    >>> number(2.0), number(0.0000001)
    ('2', '1e-7')
    """
    return TYPESCRIPT.number(value)


_UNITS: Final = (
    ("day", 86_400 * SECOND), ("hour", 3600 * SECOND), ("minute", 60 * SECOND), ("second", SECOND)
)  # fmt: skip


def duration(us: int) -> str:
    """A duration as packages that read `ms` take it: `"7 days"`; a part of a millisecond as a number of them.

    >>> print(duration(604_800_000_000), duration(1_500_000), duration(1_500))
    "7 days" "1500ms" 1.5
    """
    for unit, size in _UNITS:
        if us and us % size == 0:
            count = us // size
            return f'"{count} {unit}{"" if count == 1 else "s"}"'
    return f'"{us // MILLISECOND}ms"' if us % MILLISECOND == 0 else number(us / MILLISECOND)


def span(us: int) -> str:
    """A duration as an object, as Restate's SDK takes it: `{ days: 7 }`.

    >>> span(604_800_000_000), span(1_500)
    ('{ days: 7 }', '{ milliseconds: 1.5 }')
    """
    for unit, size in _UNITS:
        if us and us % size == 0:
            return f"{{ {unit}s: {us // size} }}"
    return f"{{ milliseconds: {milliseconds(us)} }}"


def milliseconds(us: int) -> str:
    """A duration as a number of milliseconds."""
    return number(us / MILLISECOND)


def template(*parts: tuple[str, bool]) -> str:
    """A template literal of texts and, where the flag is set, code; a plain literal where there is no code.

    >>> print(template(("item ", False), ("number", True)), template(("item", False)))
    `item ${number}` "item"
    """
    if not any(code for _, code in parts):
        return quoted("".join(text for text, _ in parts))
    return "`" + "".join(f"${{{text}}}" if code else in_template(text) for text, code in parts) + "`"


def obj(*members: tuple[str, Expression], broken: bool = False) -> Group:
    """An object.

    >>> obj(("id", "id"), ("amount", "3")).parts
    ('id', 'amount: 3')
    """
    return Group("{", tuple(keyed(key, value) for key, value in members), "}", broken=broken, pad=" ")


def spread(takes: Spread) -> Expression:
    """A time spread as a call of one of the functions of `services.ts`."""
    values = [milliseconds(value) for value in takes.values]
    match takes.shape:
        case "log-normal":
            return Group("logNormal(", (obj(("p50", values[0]), ("p99", values[1])),))
        case "fixed":
            return f"always({values[0]})"
        case "samples":
            return f"oneOf({', '.join(values)})"
        case shape:
            return f"{shape}({', '.join(values)})"


def spread_function(takes: Spread) -> str:
    """The function of `services.ts` that the spread is made with."""
    return {"log-normal": "logNormal", "fixed": "always", "samples": "oneOf"}.get(takes.shape, takes.shape)


Needs = set[tuple[str, str]]
"""What a file imports: (module, name); `type Name` is a type, `* as name` the module itself."""


def imports(needed: Iterable[tuple[str, str]]) -> str:
    """Import lines: packages first, then the project's own files."""
    by_line: dict[tuple[str, bool], list[str]] = {}
    for module, name in sorted(set(needed)):
        only_type = name.startswith("type ")
        by_line.setdefault((module, only_type), []).append(name.removeprefix("type "))
    source = Braces(STEP)
    ordered = sorted(by_line.items(), key=lambda each: (each[0][0].startswith("."), each[0][0], each[0][1]))
    own_begun = False
    for (module, only_type), names in ordered:
        if module.startswith(".") and not own_begun and source.lines:
            source("")
        own_begun = own_begun or module.startswith(".")
        word = "import type " if only_type else "import "
        for whole in (name for name in names if name.startswith("* as ")):
            source(f'{word}{whole} from "{module}";')
        parts = tuple(sorted((name for name in names if not name.startswith("* as ")), key=str.lower))
        if parts:
            source.statement(word, Group("{", parts, "}", pad=" "), f' from "{module}";')
    return source.text()


def documented(source: Braces, text: str) -> None:
    """A comment in front of a declaration; the text is one line."""
    source(f"/** {text} */")


def declared(source: Braces, name: str, about: str, fields: Mapping[str, str]) -> None:
    """Declares a type with those fields, by their names in the code."""
    source("", f"/** {one_line(about)} */")
    if not fields:
        source(f"export type {name} = Record<string, never>;")
        return
    with source.block(f"export interface {name}"):
        source(*(f"{field}: {kind};" for field, kind in fields.items()))
