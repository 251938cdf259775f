"""Reads YAML 1.2 (core schema) into values with places, safely and within bounds.

`on`, `yes` and `no` are text, dates too; only `true` and `false` are booleans. No tag is honoured, nothing is
executed, and size, depth, number of values and the growth through aliases have limits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from durascope.models.durations import shown
from durascope.models.problems import Problem, ScenarioProblems
from durascope.models.source import Place, Source, Value

MAX_DEPTH: Final = 60
MAX_VALUES: Final = 50_000
"""The most values of a file, those that aliases repeat included."""
MAX_INTEGER: Final = 1 << 63
UNREAD: Final = "bad-number"
"""The code of what is wrong with a number that cannot be read: something else stands in its place."""


class Refusal(Exception):
    """The text is no YAML that durascope reads, and cannot be read on."""

    def __init__(self, message: str, mark: Any, help: str = "") -> None:  # noqa: A002
        super().__init__(message)
        self.mark = mark
        self.help = help


class CoreSchema(BaseResolver):
    """What a plain word is in YAML 1.2 (core schema, section 10.3)."""


SCALARS: Final = tuple(
    (f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{form})$"), first)
    for tag, form, first in (
        ("null", r"~|null|Null|NULL|", ("", *"~nN")),
        ("bool", r"true|True|TRUE|false|False|FALSE", (*"tTfF",)),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", (*"-+0123456789",)),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", (*"-+.0123456789",)),
        ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", (*"-+.",)),
    )
)
"""The plain words that are no text: their tag, their form, and how they begin (core schema, section 10.3.2)."""
for _tag, _form, _first in SCALARS:
    CoreSchema.add_implicit_resolver(_tag, _form, list(_first))


class _Composer(Reader, Scanner, Parser, Composer, CoreSchema):
    """PyYAML's, with limits and without tags."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        CoreSchema.__init__(self)
        self.depth = 0
        self.nodes = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """PyYAML's own, within limits. Raises `Refusal` for tags, too many values, and values nested too deep."""
        event: Any = self.peek_event()
        if getattr(event, "tag", None) is not None:
            raise Refusal("tags (`!…`) are not part of the scenario language", event.start_mark, "remove the tag")
        self.depth += 1
        self.nodes += 1
        if self.depth > MAX_DEPTH:
            raise Refusal(f"this is nested more than {MAX_DEPTH} levels deep", event.start_mark)
        if self.nodes > MAX_VALUES:
            raise Refusal(f"a file holds at most {MAX_VALUES} values", event.start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def compose(source: Source, text: str | None = None) -> tuple[Value, list[Problem]]:
    """The values of a text, and what is wrong with it that does not keep the rest from being read.

    `text` is read in place of the source's own, whose places it must keep. Raises `ScenarioProblems` if the
    text cannot be read at all.
    """
    composer: _Composer | None = None
    try:
        composer = _Composer(source.text if text is None else text)
        node = composer.get_single_node()
        if node is None:
            empty = source.problem("empty", "there is nothing in it", help="`durascope new NAME` writes a starter file")
            raise ScenarioProblems([empty])
        reading = _Reading(source)
        return reading.value(node), reading.problems
    except ReaderError as error:
        problem = _bad_character(source, error)
    except yaml.MarkedYAMLError as error:
        problem = _syntax(source, error)
    except Refusal as refusal:
        problem = _at(source, "refused", str(refusal), refusal.mark, refusal.help)
    except (ValueError, OverflowError):  # PyYAML's own, on numbers in escapes and directives
        line, column = (composer.line + 1, composer.column + 1) if composer else (1, 1)
        problem = source.problem("yaml-syntax", "this is not YAML", line=line, column=column)
    raise ScenarioProblems([problem])


class _Reading:
    """Turns composed nodes into values, once per place where an alias repeats them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.count = 0
        self.open: set[int] = set()

    def value(self, node: Node, key: Place | None = None) -> Value:
        """The value of a node, with its place. Raises `Refusal`."""
        self.count += 1
        if self.count > MAX_VALUES:
            raise Refusal(
                f"a file holds at most {MAX_VALUES} values, those repeated by aliases included", node.start_mark
            )
        if isinstance(node, ScalarNode):
            return Value(self.place(node), self.scalar(node), key=key)
        if id(node) in self.open:
            raise Refusal("this alias contains itself", node.start_mark)
        self.open.add(id(node))
        if isinstance(node, MappingNode):
            value = Value(self.place(node), inside=self.mapping(node), key=key)
        else:
            items = cast("list[Node]", node.value)
            value = Value(self.place(node), inside=tuple(self.value(each) for each in items), key=key)
        self.open.discard(id(node))
        return value

    def mapping(self, node: MappingNode) -> Mapping[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in cast("list[tuple[Node, Node]]", node.value):
            if not isinstance(key_node, ScalarNode):
                self.wrong(key_node, "bad-key", "a key is a plain word", "lists and mappings cannot be keys")
                continue
            key = str(key_node.value)
            if key == "<<" and key_node.style is None:
                self.wrong(key_node, "bad-key", "`<<` merges nothing in YAML 1.2", "write the fields themselves")
                continue
            if key in values:
                first = values[key].key
                where = f"it is also on line {first.line}" if first else ""
                self.wrong(
                    key_node, "duplicate-key", f"the key `{key[:60]}` is there twice", where and f"{where}; keep one"
                )
                continue
            self.text(key_node, key)
            values[key] = self.value(value_node, self.place(key_node))
        return values

    def scalar(self, node: ScalarNode) -> str | int | float | bool | None:
        text = str(node.value)
        match str(node.tag).rpartition(":")[2]:
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return self.integer(node, text)
            case "float":
                number = float(re.sub(r"\.(inf|nan)$", r"\1", text.lower()))
                if math.isfinite(number):
                    return number
                self.wrong(node, UNREAD, f"{shown(text)} is not a number here", "write a finite number")
                return 0.0
            case _:
                return self.text(node, text)

    def integer(self, node: ScalarNode, text: str) -> int:
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        number = MAX_INTEGER if len(text) > 30 else int(text, base)
        if -MAX_INTEGER <= number < MAX_INTEGER:
            return number
        digits = text if len(text) <= 40 else f"{text[:39]}…"
        self.wrong(node, UNREAD, f"{digits} is too big a number", "whole numbers have at most 63 bits")
        return 0

    def text(self, node: ScalarNode, text: str) -> str:
        if any("\ud800" <= each <= "\udfff" for each in text):
            self.wrong(node, "bad-character", "half of a surrogate pair is no character", "write the character itself")
            return text.encode("utf-8", "replace").decode()
        return text

    def wrong(self, node: Node, code: str, message: str, help: str) -> None:  # noqa: A002
        self.problems.append(_at(self.source, code, message, node.start_mark, help))

    def place(self, node: Node) -> Place:
        mark: Any = node.start_mark
        return Place(self.source, mark.line + 1, mark.column + 1)


def _at(source: Source, code: str, message: str, mark: Any, help: str = "") -> Problem:  # noqa: A002
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return source.problem(code, message, line=line, column=column, help=help)


def _bad_character(source: Source, error: ReaderError) -> Problem:
    before = source.text[: error.position]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return source.problem("bad-character", "YAML does not allow this character", line=line, column=column)


def _syntax(source: Source, error: yaml.MarkedYAMLError) -> Problem:
    problem = (error.problem or "this is not YAML").replace("'", "`")
    help = f"{error.context.replace(chr(39), '`')}" if error.context else ""  # noqa: A001
    if "found character `\\t`" in problem or "\\t" in problem:
        help = "YAML is indented with spaces, not tabs"  # noqa: A001
    elif "while parsing a flow" in help and re.search(r"got `[\[{]`", problem):
        help = 'put a value that has { } [ ] , or : in it into quotes: "step-{i}"'  # noqa: A001
    return _at(source, "yaml-syntax", problem, error.problem_mark or error.context_mark, help)
