"""The README's commands are run, and what it shows is what they print.

A block ```console holds commands (`$ …`) and what they print; a line `…` stands for any lines, a line that ends in ` …`
for any rest. Commands that build or clone are looked at, not run here: `make test` and `make demo` are CI's own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")))
NOT_RUN = ("git ", "make ", "cd ", "pip ", "python -m venv", ". ")


@dataclass(frozen=True)
class Shown:
    """A command in a page, and what the page says that it prints."""

    page: str
    line: int
    command: str
    output: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.command}"


def shown(page: str) -> Iterator[Shown]:
    command, begun, output, inside = "", 0, list[str](), False
    for number, line in enumerate((ROOT / page).read_text("utf-8").splitlines(), 1):
        if line.startswith("```"):
            if inside and command:
                yield Shown(page, begun, command, tuple(output))
            inside, command, output = line.strip() == "```console", "", []
        elif inside and line.startswith("$ "):
            if command:
                yield Shown(page, begun, command, tuple(output))
            command, begun, output = line[2:], number, []
        elif inside:
            output.append(line.rstrip())


COMMANDS = [each for page in PAGES for each in shown(page)]
RUN = [each for each in COMMANDS if not each.command.startswith(NOT_RUN)]


def pattern(output: tuple[str, ...]) -> str:
    parts: list[str] = []
    for line in output:
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        elif line.endswith(" …"):
            parts.append(re.escape(line[:-2]) + r".*\n")
        else:
            parts.append(re.escape(line) + r" *\n")
    return "".join(parts)


def test_the_readme_has_commands() -> None:
    assert any(each.command.startswith("durascope run") for each in COMMANDS)
    assert {"make demo", "make test"} <= {each.command for each in COMMANDS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all commands of the pages, in their order: what one writes, the next may read."""
    return tmp_path_factory.mktemp("reader")


@pytest.mark.parametrize("each", RUN, ids=str)
def test_the_command_prints_what_the_page_shows(each: Shown, folder: Path) -> None:
    environment = {
        **os.environ,
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        each.command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert "Traceback" not in done.stderr, done.stderr
    printed = done.stdout + done.stderr
    if each.output:
        assert re.fullmatch(pattern(each.output), printed.rstrip("\n") + "\n"), f"{each.command} prints\n{printed}"
    else:
        assert done.returncode in (0, 1), printed
