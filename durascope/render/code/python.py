"""What every Python project has in common: literals, types, durations, imports."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from durascope.models.spreads import Spread
from durascope.models.units import SECOND
from durascope.render.code.layout import WIDTH, Expression, call
from durascope.render.code.names import in_f_string, quoted, snake
from durascope.render.code.program import Kind

STEP: Final = 4
TYPES: Final[Mapping[Kind, str]] = {"text": "str", "number": "float", "flag": "bool", "any": "Any"}
ZERO: Final[Mapping[Kind, str]] = {"text": '""', "number": "0.0", "flag": "False", "any": "None"}


def field_name(name: str) -> str:
    """The identifier of a field of a message: its name, where that is one.

    >>> field_name("amount"), field_name("class"), field_name("order-id")
    ('amount', 'class_', 'order_id')
    """
    made = name if name.isidentifier() and name.isascii() else snake(name)
    return f"{made}_" if keyword.iskeyword(made) else made


def literal(value: object) -> str:
    """A plain value (text, number, flag, list, mapping) as Python writes it.

    >>> print(literal({"paid": True, "items": ["a", 2]}))
    {"paid": True, "items": ["a", 2]}
    """
    match value:
        case str():
            return quoted(value)
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            return "{" + ", ".join(f"{quoted(str(key))}: {literal(each)}" for key, each in value.items()) + "}"
        case _:
            return repr(value)


_UNITS: Final = (("days", 86_400 * SECOND), ("hours", 3600 * SECOND), ("minutes", 60 * SECOND), ("seconds", SECOND))


def timedelta(us: int) -> str:
    """A duration in microseconds: `timedelta(days=7)`.

    >>> timedelta(604_800_000_000), timedelta(1_500_000), timedelta(7)
    ('timedelta(days=7)', 'timedelta(milliseconds=1500)', 'timedelta(microseconds=7)')
    """
    for unit, size in _UNITS:
        if us and us % size == 0:
            return f"timedelta({unit}={us // size})"
    if us % 1000 == 0:
        return f"timedelta(milliseconds={us // 1000})"
    return f"timedelta(microseconds={us})"


def seconds(us: int) -> str:
    """A duration in seconds, as a number.

    >>> seconds(2_000_000), seconds(20_500)
    ('2', '0.0205')
    """
    whole, rest = divmod(us, SECOND)
    return str(whole) if not rest else f"{us / SECOND:.6f}".rstrip("0")


def template(*parts: tuple[str, bool]) -> str:
    """An f-string of texts and, where the flag is set, code; a plain literal where there is no code.

    >>> print(template(("item ", False), ("number", True)), template(("item {n}", False)))
    f"item {number}" "item {n}"
    """
    if not any(code for _, code in parts):
        return quoted("".join(text for text, _ in parts))
    made = ("{" + text.replace('"', "'") + "}" if code else in_f_string(text) for text, code in parts)
    return 'f"' + "".join(made) + '"'


def spread(takes: Spread) -> Expression:
    """A time spread as a call of one of the functions of `services.py`."""
    values = [seconds(value) for value in takes.values]
    match takes.shape:
        case "log-normal":
            return call("log_normal", f"p50={values[0]}", f"p99={values[1]}")
        case "fixed":
            return call("always", values[0])
        case "samples":
            return call("one_of", *values)
        case shape:
            return call(shape, *values)


def spread_function(takes: Spread) -> str:
    """The function of `services.py` that the spread is made with."""
    return {"log-normal": "log_normal", "fixed": "always", "samples": "one_of"}.get(takes.shape, takes.shape)


def imports(needed: Iterable[tuple[str, str]], width: int = WIDTH) -> list[str]:
    """Import lines for (module, name) pairs, in ruff's order; an empty name imports the module itself."""
    by_module: dict[str, set[str]] = {}
    for module, name in needed:
        by_module.setdefault(module, set()).add(name)
    written: list[str] = []
    for section in (_is_future, _is_standard, _is_third, _is_own):
        modules = sorted(filter(section, by_module), key=str.lower)
        lines = [f"import {module}" for module in modules if "" in by_module[module]]
        for module in modules:
            names = sorted(by_module[module] - {""}, key=_isort)
            line = f"from {module} import {', '.join(names)}"
            if names and len(line) <= width:
                lines.append(line)
            elif names:
                lines += [f"from {module} import (", *(f"    {name}," for name in names), ")"]
        written += ["", *lines] if written and lines else lines
    return written


def _is_future(module: str) -> bool:
    return module == "__future__"


def _is_own(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == "app"


def _is_standard(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in sys.stdlib_module_names and not _is_future(module)


def _is_third(module: str) -> bool:
    return not (_is_future(module) or _is_own(module) or _is_standard(module))


def _isort(name: str) -> tuple[int, str]:
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name)
