"""Every command's help has two examples, and those that are quick are run as written."""

from __future__ import annotations

import inspect
import re
import shlex
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from durascope.cli.app import COMMANDS
from tests.cli.commands import durascope

THERE = [name for name in COMMANDS if find_spec(f"durascope.cli.{name.replace('-', '_')}")]
SLOW = {"compare", "sweep", "diff", "explore", "verify", "run", "report", "play"}
"""Commands that take more than a second, or start an engine or a server; other tests run them."""
NEEDS_FILES = {"check-trace", "import", "explain", "learn", "replay"}
"""Examples that name a file of the user's."""


def examples(command: str) -> list[str]:
    module = import_module(f"durascope.cli.{command.replace('-', '_')}")
    paragraphs = (inspect.getdoc(module.command) or "").split("\n\n")
    return [" ".join(each.split()) for each in paragraphs if each.startswith("durascope ")]


@pytest.mark.parametrize("command", THERE)
def test_help_has_two_examples(command: str) -> None:
    found = examples(command)
    assert len(found) >= 2
    assert any(each.startswith(f"durascope {command}") for each in found)


@pytest.mark.parametrize(
    "example", [each for name in THERE if name not in SLOW | NEEDS_FILES for each in examples(name)]
)
def test_the_example_runs(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    words = shlex.split(re.sub(r" > \S+$", "", example))
    assert durascope(*words[1:]).status == 0
