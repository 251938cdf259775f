"""What the command line says: data to stdout, words to stderr, colour only where somebody sees it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer

from durascope.models.problems import Problem, ScenarioProblems

if TYPE_CHECKING:
    from rich.console import Console

_CODE: Final = re.compile(r"(?m)(?<=: )(error|warning)\[[\w-]+\]")


def say(text: str) -> None:
    """Words, to stderr."""
    typer.echo(text, err=True)


def put(text: str) -> None:
    """Data, to stdout."""
    typer.echo(text)


def put_json(data: Any) -> None:
    """Data as JSON, to stdout."""
    put(json.dumps(data, indent=2, ensure_ascii=False))


def complain(problems: ScenarioProblems) -> None:
    """What is wrong with a scenario, and how much it is."""
    text = str(problems)
    if colourful():
        text = _CODE.sub(_in_red, text)
    count = len(problems.problems)
    what = "warning" if all(each.severity == "warning" for each in problems.problems) else "problem"
    say(f"{text}\n\n{count} {what}{'' if count == 1 else 's'}")


def _in_red(code: re.Match[str]) -> str:
    return typer.style(code[0], fg="red" if code[0].startswith("error") else "yellow", bold=True)


def colourful() -> bool:
    """Whether stderr is a terminal whose user has nothing against colours (`NO_COLOR`)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def problem_as_json(problem: Problem) -> dict[str, str | int]:
    """A problem as `--json` writes it."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "code": problem.code,
        "message": problem.message,
        "help": problem.help,
        "severity": problem.severity,
    }


def forgive_encodings() -> None:
    """A character that the terminal's encoding lacks is written as an escape; it is no reason to stop."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def console() -> Console:
    """Where stories are printed: stdout, as wide as the terminal (100 columns where there is none)."""
    from rich.console import Console

    class Story(Console):
        def on_broken_pipe(self) -> None:
            """Whoever reads has had enough, as `head` has: that is no failure (rich would exit with 1)."""
            raise BrokenPipeError

    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 100
    return Story(width=width, highlight=False, soft_wrap=False)


@contextmanager
def busy(long: bool) -> Generator[Callable[[str], None]]:
    """Says on a terminal what is being worked on, where that takes long; yields the function that says it."""
    if not long or not sys.stderr.isatty():
        yield lambda _what: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update
