"""The `durascope` command: one thin module per command, each with a function `command`."""

from durascope.cli.app import main

__all__ = ["main"]
