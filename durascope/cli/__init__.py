"""The `durascope` command: one thin module per command, each with a function `command`."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit status; see `durascope.cli.app`."""
    try:
        from durascope.cli.app import main as run
    except KeyboardInterrupt:  # while modules are being imported
        if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stderr.write("durascope: interrupted\n")
        return 130
    return run(arguments)


__all__ = ["main"]
