"""Writes a scenario as a person would: short mappings on one line, only what is not the default, and comments.

A value that needs explaining is `Noted`: its comment stands above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from durascope.models.writing import one_line

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
    yield from _after(f"{indent}{one_line(key)}:", value, depth, short=key not in BLOCKS)


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
    if isinstance(value, str) and "\n" in value:
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
    """The value on one line; None where it has comments, or steps inside that deserve lines of their own."""
    return None if _long(value) else one_line(value)


def _long(value: Any) -> bool:
    if isinstance(value, Noted):
        return True
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value)
        return any(_long(each) or (key in ("steps", "do") and each) for key, each in inner.items())
    return isinstance(value, list) and (
        any(map(_long, cast("list[Any]", value))) or sum(isinstance(each, Mapping) for each in value) > 1
    )


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
