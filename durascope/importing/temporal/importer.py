"""What `import` asks of Temporal's part of it."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.importing.files import Importer, RecordingFile
from durascope.importing.imported import Imported
from durascope.importing.temporal.forms import wrong
from durascope.importing.temporal.reading import EXPORT, History, histories, looks_like
from durascope.importing.temporal.scenario import imported
from durascope.importing.unreadable import MISSHAPEN, UnreadableRecording, in_short


def _imported(files: Sequence[RecordingFile], name: str) -> Imported:
    told = [each for file in files for each in histories(file.documents, file.name)]
    try:
        return imported(told, name)
    except MISSHAPEN as error:
        raise _blamed(told, error) from error


def _blamed(told: Sequence[History], error: Exception) -> UnreadableRecording:
    """The event whose values are not what their names say."""
    for history in told:
        place = wrong(history)
        if place is not None:
            event, what = place
            return UnreadableRecording(history.file, f"event {event.id} ({event.kind}) has a wrong {what}", EXPORT)
    return UnreadableRecording(told[0].file, f"the history cannot be understood ({in_short(error)})", EXPORT)


IMPORTER = Importer(looks_like, _imported, EXPORT)
