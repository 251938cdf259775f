"""The README's commands are run, and what it shows is what they print.

A block ```console holds commands (`$ …`) and what they print, to the letter; `python tests/test_readme.py` writes
them anew. Commands that build or clone are looked at, not run here: `make test` and `make demo` are CI's own.
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
WRITES = ("durascope new ", "durascope import ", "durascope learn ")
"""What writes a file that later commands read."""
INCIDENT = ROOT / "tests" / "importing" / "temporal" / "crash-mid-activity.json"
"""A history that the real Temporal recorded: what `incident.json` is on the pages."""
NOT_RUN = ("git ", "make ", "cd ", "pip ", "python3 -m venv", ". ")


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


BROKEN = next(
    block
    for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text("utf-8"), re.DOTALL)
    if block.startswith("scenario: broken")
)
"""The file with mistakes that the tutorial has its readers save."""


def prepare(folder: Path) -> None:
    """What the pages' commands find in their folder."""
    (folder / "broken.yaml").write_text(BROKEN, "utf-8")
    (folder / "incident.json").write_bytes(INCIDENT.read_bytes())


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command as a reader would, in a terminal of 100 columns without colours."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PATH": path, "XDG_STATE_HOME": str(folder)}
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_readme_has_commands() -> None:
    assert any(each.command.startswith("durascope run") for each in COMMANDS)
    assert {"make demo", "make test"} <= {each.command for each in COMMANDS}


@pytest.mark.parametrize("each", RUN, ids=str)
def test_the_command_prints_what_the_page_shows(each: Shown, tmp_path: Path) -> None:
    """In a folder with what the commands before it on the page have written there."""
    prepare(tmp_path)
    for earlier in RUN[: RUN.index(each)]:
        if earlier.page == each.page and earlier.command.startswith(WRITES):
            run(earlier.command, tmp_path)
    done = run(each.command, tmp_path)
    assert "Traceback" not in done.stderr, done.stderr
    printed = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
    assert printed == list(each.output)


def refresh(page: str) -> None:
    """Writes what the commands print now into a page: `python tests/test_readme.py [PAGE …]`."""
    import tempfile

    text = (ROOT / page).read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))

        def block(found: re.Match[str]) -> str:
            lines: list[str] = []
            for command in (line[2:] for line in found[1].splitlines() if line.startswith("$ ")):
                lines.append(f"$ {command}")
                if not command.startswith(NOT_RUN):
                    done = run(command, Path(folder))
                    lines += [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
            return "```console\n" + "\n".join(lines) + "\n```"

        text = re.sub(r"```console\n(.*?)\n```", block, text, flags=re.DOTALL)
    (ROOT / page).write_text(text, "utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:] or PAGES:
        refresh(each)
