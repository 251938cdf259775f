"""Written values that remember where they stand: a text, its places, and the values in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from durascope.models.problems import Problem

_LINE_END: Final = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")

Path = tuple[str | int, ...]
"""Where a value stands in a file: the keys and indices that lead to it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text and the name that messages give it."""

    name: str
    text: str

    def line(self, number: int) -> str:
        """The line of that number, from 1; empty if there is none."""
        lines = _LINE_END.split(self.text, number)
        return lines[number - 1] if number <= len(lines) else ""

    def problem(self, code: str, message: str, *, line: int = 1, column: int = 1, help: str = "") -> Problem:  # noqa: A002
        """A problem at a place of this text."""
        return Problem(self.name, line, column, code, message, help, self.line(line))


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text; lines and columns count from 1."""

    source: Source
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Value:
    """A written value and where it stands: a scalar, or the values of a mapping or list."""

    place: Place
    scalar: str | int | float | bool | None = None
    inside: Mapping[str, Value] | tuple[Value, ...] | None = None
    key: Place | None = None
    """The place of its key in the mapping around it."""

    @property
    def plain(self) -> Any:
        """The value alone: text, numbers, booleans, None, lists and dicts."""
        if isinstance(self.inside, Mapping):
            return {key: value.plain for key, value in self.inside.items()}
        return self.scalar if self.inside is None else [value.plain for value in self.inside]

    def get(self, part: str | int) -> Value | None:
        """The value at a key or index. A list of one may be written without its brackets: it is its own first."""
        if isinstance(self.inside, Mapping):
            return self if part == 0 else self.inside.get(str(part))
        if self.inside is None:
            return self if part == 0 else None
        return self.inside[part] if isinstance(part, int) and 0 <= part < len(self.inside) else None

    def existing(self, path: Path) -> Path:
        """The path as far as there is a value, as it is written: without the indices of lists without brackets."""
        value, written = self, list[str | int]()
        for part in path:
            found = value.get(part)
            if found is None:
                break
            if found is not value:
                written.append(part)
            value = found
        return tuple(written)

    def find(self, path: Path) -> Value:
        """The value at a path, or the nearest one around it."""
        value = self
        for part in path:
            found = value.get(part)
            if found is None:
                break
            value = found
        return value

    def problem(self, code: str, message: str, path: Path = (), *, key: bool = False, help: str = "") -> Problem:  # noqa: A002
        """A problem with the value at a path, or with its key."""
        found = self.find(path)
        place = (found.key if key else None) or found.place
        return place.source.problem(code, message, line=place.line, column=place.column, help=help)

    def replaced(self, path: Path, value: Value | None) -> Value:
        """The same with another value at a path that exists up to its last part; None takes it out."""
        if not path:
            return value or self
        first, *rest = path
        old = self.get(first)
        new = old.replaced(tuple(rest), value) if rest and old is not None else value
        if old is self:
            return new or self
        if isinstance(self.inside, Mapping):
            return replace(self, inside=_with(self.inside, str(first), new))
        items = list(self.inside or ())
        items[cast("int", first) : cast("int", first) + 1] = [] if new is None else [new]
        return replace(self, scalar=None, inside=tuple(items))

    def texts(self) -> Iterator[str]:
        """Every text and key in it."""
        if isinstance(self.inside, Mapping):
            yield from self.inside
        for value in self.inside.values() if isinstance(self.inside, Mapping) else self.inside or ():
            yield from value.texts()
        if isinstance(self.scalar, str):
            yield self.scalar


def _with(mapping: Mapping[str, Value], key: str, value: Value | None) -> Mapping[str, Value]:
    changed = {**mapping, **({} if value is None else {key: value})}
    if value is None:
        changed.pop(key, None)
    return changed
