"""Commands and events are records: no text stands for a kind of them, no dictionary for what one says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from durascope.simulators import temporal
from durascope.simulators.temporal import commands, events, history
from durascope.simulators.temporal.commands import Command
from durascope.simulators.temporal.history import HistoryEvent

PLAIN = ("history_export.py",)
"""What writes whole histories for the trace, as plain values."""
FILES = sorted(file for file in Path(temporal.__file__).parent.glob("*.py") if file.name not in PLAIN)


COMMANDS = [each for each in vars(commands).values() if isinstance(each, type) and issubclass(each, Command)]
EVENTS = [
    each
    for module in (history, events)
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, HistoryEvent) and each.__module__ == module.__name__
]


def names_in_quotes(source: str) -> Iterator[str]:
    known = {kind.__name__ for kind in (*COMMANDS, *EVENTS)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in known:
            yield f"line {node.lineno}: {node.value}"


def untyped(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript) and ast.unparse(node) == "dict[str, Any]":
            yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_kind_of_command_or_event_is_a_class_and_no_text(file: Path) -> None:
    assert list(names_in_quotes(file.read_text("utf-8"))) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_record_says_is_no_dictionary_of_anything(file: Path) -> None:
    assert list(untyped(file.read_text("utf-8"))) == []


def test_texts_and_dictionaries_are_noticed() -> None:
    assert list(names_in_quotes('x = "TimerFired"\ny = "Timer"')) == ["line 1: TimerFired"]
    assert list(untyped("a: dict[str, Any] = {}")) == ["line 1: dict[str, Any]"]


@pytest.mark.parametrize("kind", [*COMMANDS, *EVENTS], ids=lambda kind: kind.__name__)
def test_a_record_has_its_fields_and_no_others(kind: type) -> None:
    assert kind.__dictoffset__ == 0, "it has slots, all the way up"


def test_an_event_is_called_what_its_class_is_called() -> None:
    assert [kind.kind for kind in EVENTS[1:]] == [kind.__name__ for kind in EVENTS[1:]]
    assert len(EVENTS) > 43, "so many kinds of events, and what some have in common"
