"""Recordings of real engines as scenarios: what was recorded can be run again, here and on the other engines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from durascope.models.scenario import Scenario

if TYPE_CHECKING:
    from durascope.importing.imported import Imported


class ImportedHistory:
    """A recording, and the scenario made of it.

    >>> history = durascope.import_history("tests/importing/temporal/happy-path.json")
    >>> history.scenario
    <Scenario happy-path: 1 workflow, 1 run, 0 faults>
    >>> history.difference() is None
    True
    """

    def __init__(self, imported: Imported) -> None:
        self._imported = imported

    @property
    def engine(self) -> str:
        """The engine that recorded it."""
        return self._imported.engine

    @property
    def scenario(self) -> Scenario:
        """The scenario: `durascope.run` and all others take it."""
        return self._imported.scenario

    @property
    def yaml(self) -> str:
        """The scenario's file, with comments on what was inferred."""
        return self._imported.text

    @property
    def records(self) -> Mapping[str, Sequence[str]]:
        """What was recorded, by run, in the lines that `Result.records` has."""
        return self._imported.records

    @property
    def notes(self) -> Sequence[str]:
        """What the recording does not say, and what was taken instead."""
        return self._imported.notes

    def difference(self, *, seed: int = 0) -> str | None:
        """The first difference between what is predicted and what was recorded; None: every line is the same."""
        from durascope.importing.checking import check

        found = check(self._imported, seed)
        return str(found[0]) if found else None

    def save(self, path: str | Path) -> None:
        """Writes the scenario's file; its stem should be the scenario's id."""
        from durascope.models.files import write_whole

        write_whole(Path(path), self.yaml)

    def __repr__(self) -> str:
        lines = sum(map(len, self.records.values()))
        return f"<ImportedHistory {self.scenario.scenario} of {self.engine}: {lines:,} lines>"


def import_history(files: str | Path | Iterable[str | Path], *, name: str | None = None) -> ImportedHistory:
    """Makes a scenario of what an engine has recorded.

    Args:
        files: JSON files of one engine: event histories of Temporal (those of children and continued runs beside them),
            rows of Restate's `sys_invocation` and `sys_journal`, or run traces of Inngest.
        name: The scenario's id; default: made of the first file's name.

    Raises:
        UnreadableRecording: A file is no recording, or damaged; the text names the event.

    >>> durascope.import_history("tests/importing/temporal/retry-twice-then-success.json")
    <ImportedHistory retry-twice-then-success of temporal: 35 lines>
    """
    from durascope.importing.files import imported

    paths = [files] if isinstance(files, str | Path) else list(files)
    return ImportedHistory(imported([Path(each) for each in paths], name))
