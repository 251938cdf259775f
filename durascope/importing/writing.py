"""Writes a scenario as a person would: short mappings on one line, only what is not the default, and comments.

A value that needs explaining is `Noted`: its comment stands above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

from durascope.models.reading import scenario_of as read
from durascope.models.scenario import Scenario
from durascope.models.source import Place, Source, Value
from durascope.models.writing import one_line

_WORDS: Final = "true|false|null|yes|no|on|off|y|n"
_PLAIN: Final = re.compile(rf"(?!(?:{_WORDS})$)[a-z][a-z0-9_-]*|\d+(?:us|ms|s|m|h|d|w)(?:\d+(?:us|ms|s))?")
"""Words and durations, which are plain text in any YAML."""
WIDTH: Final = 110
"""Columns of a line."""
BLOCKS: Final = ("workflows", "deployments", "workload", "services", "faults", "expect")
"""What is never written on one line."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A value with what is to be said of it."""

    value: Any
    comment: str


def written(document: Mapping[str, Any]) -> str:
    """The document as YAML; a blank line stands between its parts."""
    parts: list[str] = []
    for key, value in document.items():
        block = "\n".join(_entry(key, value, 0))
        parts.append(("\n" if key in BLOCKS else "") + block)
    return "\n".join(parts) + "\n"


def _entry(key: str, value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    value, comment = _split(value)
    yield from _comment(comment, indent)
    yield from _after(f"{indent}{flow(key)}:", value, depth, short=key not in BLOCKS)


def _item(value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    value, comment = _split(value)
    yield from _comment(comment, indent)
    text = _short(value)
    if text is not None and len(indent) + 2 + len(text) <= WIDTH:
        yield f"{indent}- {text}"
        return
    lines = list(_mapping(value, depth + 1) if isinstance(value, Mapping) else _list(value, depth + 1))
    first = next((number for number, line in enumerate(lines) if not line.lstrip().startswith("#")), 0)
    yield from (line[2:] for line in lines[:first])
    yield f"{indent}- {lines[first].lstrip()}"
    yield from lines[first + 1 :]


def _after(head: str, value: Any, depth: int, *, short: bool) -> Iterator[str]:
    text = _short(value) if short or not value else None
    if isinstance(value, str) and "\n" in value and all(map(str.isprintable, value.split("\n"))):
        yield f"{head} |"
        yield from (f"{'  ' * (depth + 1)}{line}".rstrip() for line in value.rstrip("\n").split("\n"))
    elif isinstance(value, (Mapping, list)) and (text is None or len(head) + 1 + len(text) > WIDTH):
        yield head
        yield from _mapping(value, depth + 1) if isinstance(value, Mapping) else _list(value, depth + 1)
    else:
        yield f"{head} {text}"


def _mapping(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    for key, each in value.items():
        yield from _entry(key, each, depth)


def _list(value: list[Any], depth: int) -> Iterator[str]:
    for each in value:
        yield from _item(each, depth)


def _short(value: Any) -> str | None:
    """The value on one line; None if it has comments, or steps inside that deserve lines of their own."""
    return None if _long(value) else flow(value)


def _long(value: Any) -> bool:
    if isinstance(value, Noted):
        return True
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value)
        return any(_long(each) or (key in ("steps", "do") and each) for key, each in inner.items())
    return isinstance(value, list) and (
        any(map(_long, cast("list[Any]", value))) or sum(isinstance(each, Mapping) for each in value) > 1
    )


def flow(value: Any) -> str:
    """A value on one line: plain words as they are, what YAML could take for something else as its writer does."""
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        return f"{{{', '.join(f'{flow(key)}: {flow(each)}' for key, each in inner.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, cast('list[Any]', value)))}]"
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else _text(value)
    return one_line(value)


@cache
def _text(value: str) -> str:
    return one_line([value])[1:-1]


def _split(value: Any) -> tuple[Any, str]:
    return (value.value, value.comment) if isinstance(value, Noted) else (value, "")


def _comment(text: str, indent: str) -> Iterator[str]:
    width, line = WIDTH - len(indent) - 2, ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield f"{indent}# {line}"
            line = ""
        line = f"{line} {word}" if line else word
    if line:
        yield f"{indent}# {line}"


def without_comments(value: Any) -> Any:
    """The same plain value, without what is said of it."""
    if isinstance(value, Noted):
        return without_comments(value.value)
    if isinstance(value, dict):
        return {key: without_comments(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_comments(each) for each in value]
    return value


def scenario_of(document: Mapping[str, Any], name: str) -> Scenario:
    """The scenario that the document describes: what reading its text gives, without the reading."""
    place = Place(Source(f"{name}.yaml", ""), 1, 1)

    def value(plain: Any) -> Value:
        if isinstance(plain, dict):
            inner = cast("dict[str, Any]", plain)
            return Value(place, inside={key: value(each) for key, each in inner.items()})
        if isinstance(plain, list):
            return Value(place, inside=tuple(map(value, cast("list[Any]", plain))))
        return Value(place, plain)

    return read(value(without_comments(dict(document))))
