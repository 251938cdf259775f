"""What `import` asks of Temporal's part of it."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.importing.files import Importer, RecordingFile
from durascope.importing.imported import Imported
from durascope.importing.temporal.reading import EXPORT, histories, looks_like
from durascope.importing.temporal.scenario import imported


def _imported(files: Sequence[RecordingFile], name: str) -> Imported:
    return imported([each for file in files for each in histories(file.documents, file.name)], name)


IMPORTER = Importer(looks_like, _imported, EXPORT)
