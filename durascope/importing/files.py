"""Files of recordings: which engine each is of, and the scenario that they are a recording of together."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from durascope.importing.imported import Imported
from durascope.importing.json_text import documents
from durascope.importing.unreadable import UnreadableRecording
from durascope.models.engine import engines


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A file, read."""

    name: str
    documents: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Importer:
    """What an engine's part of `importing` offers."""

    recognises: Callable[[object], bool]
    """Whether a JSON document may be a recording of this engine."""
    imported: Callable[[Sequence[RecordingFile], str], Imported]
    """The scenario of these files; its id. Raises `UnreadableRecording`."""
    how: str
    """How to get a recording out of this engine."""


@contextmanager
def _nothing_collected() -> Generator[None]:
    """Everything that is read stays: looking for garbage in a long recording takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_nothing_collected()
def imported(paths: Sequence[Path], name: str | None = None) -> Imported:
    """The scenario that the files are a recording of; `name` is its id (default: made of the first file's name).

    Raises `UnreadableRecording`, and OSError for a file that cannot be opened.
    """
    files = [RecordingFile(path.name, documents(path)) for path in paths]
    engine, importer = _engine_of(files)
    for file in files:
        if not any(map(importer.recognises, file.documents)):
            raise UnreadableRecording(file.name, f"this is not a recording of {engine}, as the files before it are")
    return importer.imported(files, name or scenario_id(files[0].name))


def _engine_of(files: Sequence[RecordingFile]) -> tuple[str, Importer]:
    """Whose recording the first file is."""
    known = [(each.title, each.importer.load()) for each in engines() if each.importer]
    for title, importer in known:
        if any(map(importer.recognises, files[0].documents)):
            return title, importer
    raise UnreadableRecording(
        files[0].name,
        f"this JSON is not a recording of {' or '.join(title for title, _ in known)}",
        "; ".join(importer.how for _, importer in known),
    )


def scenario_id(file: str) -> str:
    """An id made of a file's name: `Order 17.history.json` gives `order-17`."""
    stem = re.sub(r"(\.(history|journal|trace|events))?\.\w+$", "", file)
    words = re.findall(r"[a-z0-9]+", stem.lower())
    return "-".join(words)[:90].strip("-") or "imported"
