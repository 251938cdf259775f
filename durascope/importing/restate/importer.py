"""What `import` asks of Restate's part of it."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.importing.files import Importer, RecordingFile
from durascope.importing.imported import Imported
from durascope.importing.restate.reading import EXPORT, invocations, looks_like
from durascope.importing.restate.scenario import imported


def _imported(files: Sequence[RecordingFile], name: str) -> Imported:
    documents = [each for file in files for each in file.documents]
    return imported(invocations(documents, files[0].name), name)


IMPORTER = Importer(looks_like, _imported, EXPORT)
