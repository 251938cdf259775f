"""What is wrong with a recording that cannot be read, in a sentence for whoever has the file."""

from __future__ import annotations


class UnreadableRecording(ValueError):
    """A file that is no recording of that engine, or a damaged one. Its text names the file and the place in it."""

    def __init__(self, file: str, what: str, help: str = "") -> None:  # noqa: A002
        super().__init__(f"{file}: {what}")
        self.file = file
        self.what = what
        self.help = help
