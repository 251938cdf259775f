"""The command line's frame: which commands there are, and how errors become exit statuses.

Exit status: 0 done; 1 an expectation or invariant failed; 2 the scenario or the command line is wrong; 3 a bug in
durascope. Data goes to stdout, words to stderr, and no traceback to anybody who has not asked for it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import typer

from durascope.cli.signals import INTERRUPTED, heed, received
from durascope.cli.terminal import complain, prepare_streams, say
from durascope.importing.unreadable import UnreadableRecording
from durascope.models.engine import BrokenEngine, UnknownEngine
from durascope.models.problems import ScenarioProblems, printable
from durascope.render.fonts.missing import NoGlyphs
from durascope.version import __version__

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_UNWRITABLE: Final = (*_FULL, errno.EFBIG, errno.EIO, errno.EBADF)
"""Why a stream cannot be written to."""

DONE: Final = 0
FAILED: Final = 1
WRONG: Final = 2
BUG: Final = 3

COMMANDS: Final[Mapping[str, str]] = {
    "run": "Simulate a scenario on the engines, and tell what happened.",
    "compare": "Compare the engines: times, duplicates, costs, limits.",
    "explore": "Break a scenario at every moment: what is guaranteed?",
    "replay": "Play a finding of `explore` again, from its token.",
    "diagram": "Draw a scenario: architecture, timeline, sequence, queues, …",
    "report": "Write an HTML page that plays a scenario and its crashes.",
    "play": "Play a scenario in the browser; crash anything, any time.",
    "export": "Write traces, histories or code that other tools read.",
    "verify": "Run a scenario on the real engine and compare the records.",
    "import": "Make a scenario from an engine's recording.",
    "explain": "Explain a recording: where time went, what was repeated.",
    "sweep": "Vary fields of a scenario, and measure each combination.",
    "diff": "Compare two designs of a workflow.",
    "check": "Check scenario files, and list every problem with its place.",
    "check-trace": "Check a trace against the laws of conservation and causality.",
    "list": "List the built-in scenarios.",
    "show": "Print a scenario with all its defaults, as YAML.",
    "new": "Write a starter scenario.",
    "learn": "Learn durable execution by breaking things, in ten lessons.",
    "schema": "Print the JSON Schema of scenario files, for editors.",
    "doctor": "Say what is installed, and how to install the rest.",
}
"""Each with its line in the list of commands, which a terminal of 80 columns shows whole."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    prepare_streams()
    heed()
    try:
        given = sys.argv[1:] if arguments is None else list(arguments)
        status: Any = build(given)(args=given, prog_name="durascope", standalone_mode=False)
        sys.stdout.flush()
    except ScenarioProblems as problems:
        complain(problems)
        return WRONG
    except (UnreadableRecording, NoGlyphs) as error:
        say(f"durascope: error: {printable(str(error))}{f'{chr(10)}  help: {error.help}' if error.help else ''}")
        return WRONG
    except (BrokenEngine, UnknownEngine) as error:
        say(f"durascope: error: {printable(str(error))}")
        return WRONG
    except (KeyboardInterrupt, typer.Abort):
        say("durascope: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except SystemExit as leaving:
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":  # typer's own answer to a broken pipe
            return _nobody_reads()
        return leaving.code if isinstance(leaving.code, int) else WRONG
    except MemoryError:
        say("durascope: error: there is not enough memory for that\n  help: fewer runs (`--runs`), or no `--records`")
        return WRONG
    except OSError as error:
        if error.filename is None and error.errno in _UNWRITABLE:
            _forget_stdout()
            say(f"durascope: error: standard output: {error.strerror}\n  help: send it to another place")
            return WRONG
        if error.filename is None:
            return _broken(error)
        place = "free some space, or name another place" if error.errno in _FULL else "name another place"
        say(f"durascope: error: {printable(str(error.filename))}: {error.strerror or error}\n  help: {place}")
        return WRONG
    except Exception as error:
        if (status := received()) is not None:
            say("durascope: interrupted")
            return status
        if type(error).__name__ == "BrokenProcessPool":  # its module takes as long to import as all else
            say(
                "durascope: error: a process that ran simulations was killed\n"
                "  help: is there enough memory? use fewer runs"
            )
            return WRONG
        if hasattr(error, "format_message"):  # typer's, of a command line that is wrong
            return _misused(error)
        return _broken(error)
    return status if isinstance(status, int) else DONE


def _nobody_reads() -> int:
    """The reader has closed the pipe, as `head` does: no failure."""
    _forget_stdout()
    return DONE


def _forget_stdout() -> None:
    """What has not been written goes nowhere, so that Python's own flush at exit is quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application with all commands that are there; only the module of the one that is asked for is imported."""
    app = typer.Typer(
        help="What will this workflow do on Temporal, on Inngest and on Restate, when things break?",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    asked = next((each for each in arguments if not each.startswith("-")), None)
    for name, short in COMMANDS.items():
        module = f"durascope.cli.{name.replace('-', '_')}"
        app.command(name, short_help=short)(import_module(module).command if name == asked else _unread)
    return app


def _unread() -> None:
    """In place of a command that is not asked for: the list of commands needs no more."""
    raise NotImplementedError


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
    told = str(error.format_message()).replace("Value error, ", "")  # how pydantic begins what somebody else says
    message = "\n".join(map(printable, told.splitlines()))
    if message.startswith("Usage:"):  # nothing was asked for: the help is the answer
        say(message)
    else:
        say(f"durascope: error: {message}\n  help: {path} --help")
    return WRONG


def _broken(error: Exception) -> int:
    """A bug in durascope: one line, or everything for those who look for it."""
    if os.environ.get("DURASCOPE_DEBUG") == "1":
        raise error
    what = printable(f"{type(error).__name__}: {error}")[:500]
    say(f"durascope: internal error {what}, please report (DURASCOPE_DEBUG=1 shows where it happened)")
    return BUG
