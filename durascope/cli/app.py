"""The command line's frame: which commands there are, and what becomes of what goes wrong in them.

Exit status: 0 done; 1 an expectation or invariant failed; 2 the scenario or the command line is wrong; 3 a bug in
durascope. Data goes to stdout, words to stderr, and no traceback to anybody who has not asked for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import typer

from durascope import __version__
from durascope.cli.terminal import complain, forgive_encodings, say
from durascope.models.problems import ScenarioProblems, printable

DONE: Final = 0
FAILED: Final = 1
WRONG: Final = 2
BUG: Final = 3
INTERRUPTED: Final = 130

COMMANDS: Final = (
    "run",
    "compare",
    "explore",
    "diagram",
    "report",
    "export",
    "verify",
    "sweep",
    "check",
    "list",
    "show",
    "new",
    "schema",
    "doctor",
)
"""In the order of the help; the module of a command that is not there yet is passed over."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    forgive_encodings()
    try:
        status: Any = build()(args=arguments, prog_name="durascope", standalone_mode=False)
        sys.stdout.flush()
    except ScenarioProblems as problems:
        complain(problems)
        return WRONG
    except (KeyboardInterrupt, typer.Abort):
        say("durascope: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's own flush at exit is quiet
        return DONE
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's, of a command line that is wrong
            return _misused(error)
        return _broken(error)
    return status if isinstance(status, int) else DONE


def build() -> typer.Typer:
    """The application with all commands that are there."""
    app = typer.Typer(
        help="What will this workflow do on Temporal, on Inngest and on Restate, when things break?",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in COMMANDS:
        module = f"durascope.cli.{name}"
        if find_spec(module) is not None:
            app.command(name)(import_module(module).command)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"durascope {__version__}")
        raise typer.Exit


def _options(
    *,
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """What will this workflow do on Temporal, on Inngest and on Restate, when things break?"""


def _misused(error: Any) -> int:
    """A command line that is wrong: what is wrong with it, and where its help is."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "durascope"
    message = printable(str(error.format_message())) or "nothing to do"
    say(f"durascope: error: {message}\n  help: {path} --help")
    return WRONG


def _broken(error: Exception) -> int:
    """A bug in durascope: one line, or everything for those who look for it."""
    if os.environ.get("DURASCOPE_DEBUG") == "1":
        raise error
    what = printable(f"{type(error).__name__}: {error}")[:500]
    say(f"durascope: internal error {what}, please report (DURASCOPE_DEBUG=1 shows where it happened)")
    return BUG
