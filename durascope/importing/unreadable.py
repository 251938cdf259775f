"""What is wrong with a recording that cannot be read, in a sentence for whoever has the file."""

from __future__ import annotations

from typing import Final

from durascope.models.problems import ScenarioProblems

MISSHAPEN: Final = (KeyError, IndexError, TypeError, ValueError, AttributeError, OSError, ScenarioProblems)
"""What comes of a recording whose values have another form than their names say."""


class UnreadableRecording(ValueError):
    """A file that is no recording of that engine, or a damaged one. Its text names the file and the place in it."""

    def __init__(self, file: str, what: str, help: str = "") -> None:  # noqa: A002
        super().__init__(file, what, help)  # from which another process makes it again
        self.file = file
        self.what = what
        self.help = help

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def in_short(error: Exception) -> str:
    """What an error says, in half a line."""
    told = error.problems[0].message if isinstance(error, ScenarioProblems) else str(error)
    return told.splitlines()[0][:120] if told else type(error).__name__
