"""What `import` asks of Restate's part of it."""

from __future__ import annotations

from collections.abc import Sequence

from durascope.importing.files import Importer, RecordingFile
from durascope.importing.imported import Imported
from durascope.importing.restate.reading import EXPORT, Invocation, invocations, looks_like
from durascope.importing.restate.scenario import imported
from durascope.importing.unreadable import MISSHAPEN, UnreadableRecording, in_short


def _imported(files: Sequence[RecordingFile], name: str) -> Imported:
    documents = [each for file in files for each in file.documents]
    told = invocations(documents, files[0].name)
    try:
        return imported(told, name)
    except MISSHAPEN as error:
        raise _blamed(told, files[0].name, error) from error


def _blamed(told: Sequence[Invocation], file: str, error: Exception) -> UnreadableRecording:
    """The journal that cannot be understood by itself."""
    for invocation in told:
        try:
            imported([invocation], "alone")
        except MISSHAPEN:
            return UnreadableRecording(
                file, f"the journal of {invocation.id[:60]} cannot be understood ({in_short(error)})", EXPORT
            )
    return UnreadableRecording(file, f"the rows cannot be understood ({in_short(error)})", EXPORT)


IMPORTER = Importer(looks_like, _imported, EXPORT)
