"""What `import` asks of Inngest's part of it."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.importing.files import Importer, RecordingFile
from durascope.importing.imported import Imported
from durascope.importing.inngest.reading import EXPORT, looks_like, run_traces
from durascope.importing.inngest.scenario import imported
from durascope.importing.unreadable import MISSHAPEN, UnreadableRecording, in_short


def _imported(files: Sequence[RecordingFile], name: str) -> Imported:
    found = [each for file in files for each in run_traces(file.documents, file.name)]
    try:
        return imported(found, name)
    except MISSHAPEN as error:
        raise UnreadableRecording(
            files[0].name, f"the trace cannot be understood ({in_short(error)})", EXPORT
        ) from error


IMPORTER = Importer(looks_like, _imported, EXPORT)
