"""What the command line says: data to stdout, words to stderr, colour only where somebody sees it."""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from durascope.models.problems import Problem, ScenarioProblems
from durascope.models.visible import visible, visible_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.segment import Segment

NARROWEST: Final = 20
"""Columns below which nothing can be told."""

_CODE: Final = re.compile(r"(?m)(?<=: )(error|warning)\[[\w-]+\]")


def say(text: str) -> None:
    """Words, to stderr."""
    typer.echo(text if colourful() else visible(text), err=True)


def put(text: str) -> None:
    """Data, to stdout."""
    typer.echo(visible(text))


def put_json(data: Any) -> None:
    """Data as JSON, to stdout."""
    put(visible_json(json.dumps(data, indent=2, ensure_ascii=False)))


def complain(problems: ScenarioProblems) -> None:
    """What is wrong with a scenario, and how much it is."""
    text = visible(str(problems))
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


_DRAWN: Final = {
    **dict.fromkeys("─━═╌┄┈", "-"), **dict.fromkeys("│┃║╎┆┊", "|"), **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╞╪╡╟╫╢┏┓┗┛", "+"),
    **dict.fromkeys("█▓▉▊▋▌", "#"), **dict.fromkeys("▒░▍▎▏▁▂▃▄▅▆▇", ":"), **dict.fromkeys("●◆■★▲▼", "*"),
    **dict.fromkeys("○◇□☆△▽◌", "o"), **dict.fromkeys("–—−", "-"), **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'), "→": ">", "▶": ">", "▸": ">", "←": "<", "◀": "<", "↑": "^", "↓": "v", "↻": "@",
    "✓": "v", "✔": "v", "✗": "x", "✘": "x", "✖": "x", "╳": "x", "⁄": "/", "×": "x", "·": ".", "•": "*", "…": ".",
    "µ": "u", "⋮": ":", "≈": "~", "≤": "<", "≥": ">", "‹": "<", "›": ">",
}  # fmt: skip
"""What stands for a character of a drawing where the stream's encoding lacks it; one for one, so that columns hold."""


def _as_ascii(error: UnicodeError) -> tuple[str, int]:
    """Python's handler of what a stream cannot encode: drawn in ASCII, or as an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_DRAWN.get(each) or each.encode("ascii", "backslashreplace").decode() for each in lacking), error.end


class _Closed(io.TextIOBase):
    """A stream that the caller has closed: what is written to it is refused, and not lost in silence."""

    def write(self, text: str, /) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "standard output")


def prepare_streams() -> None:
    """A character that a stream's encoding lacks is drawn in ASCII; a stream that is closed is no reason to fall."""
    codecs.register_error("drawn-in-ascii", _as_ascii)
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stdout = _Closed()
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="drawn-in-ascii")


def console() -> Console:
    """Where stories are printed: stdout, as wide as the terminal (100 columns where there is none)."""
    from rich.console import Console

    class Story(Console):
        def on_broken_pipe(self) -> None:
            """Raises BrokenPipeError: the reader has closed the pipe, as `head` does (rich would exit with 1)."""
            raise BrokenPipeError

        def _render_buffer(self, buffer: Iterable[Segment]) -> str:
            shown = (each if each.control else each._replace(text=visible(each.text)) for each in buffer)
            return super()._render_buffer(shown)

    return Story(width=_width(), highlight=False, soft_wrap=False)


def _width() -> int | None:
    """Columns: what `COLUMNS` says if that is a width, else the terminal's own (None), else 100."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return max(NARROWEST, int(told))
    if sys.stdout.isatty():
        return max(NARROWEST, os.get_terminal_size(sys.stdout.fileno()).columns or 100)
    return 100


@contextmanager
def busy(long: bool) -> Generator[Callable[[str], None]]:
    """Says on a terminal what is being worked on, where that takes long; yields the function that says it."""
    if not long or not sys.stderr.isatty():
        yield lambda _what: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update


@contextmanager
def progress_bar(what: str, long: bool = True) -> Generator[Callable[[int, int], None]]:
    """Shows on a terminal how much is done and how long it still takes; yields what is told (done, of)."""
    if not long or not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, of: shown.update(task, completed=done, total=of)
