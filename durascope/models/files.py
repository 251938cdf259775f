"""Files are written whole or not at all: whatever stops the writer, the old file is there until the new one is."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from secrets import token_hex
from typing import Final

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_whole(path: Path, content: bytes | str) -> Path:
    """Writes the file beside its place and moves it there. Returns the path; raises OSError with its name.

    A disk that is full, Ctrl-C or SIGTERM leave what was there before. Devices and pipes are written in place.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return path
    draft = path.with_name(f".{path.name[:40]}.{token_hex(4)}.part")  # named first: a signal may come at any moment
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    try:
        with os.fdopen(os.open(draft, _NEW, 0o666 if mode is None else mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            draft.chmod(mode)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise type(error)(error.errno, error.strerror, str(path)) from error
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path


def writable(folder: Path, *, made: bool = False) -> None:
    """Raises OSError, with the place that is wrong, if no file can be written there: before the work, not after it.

    With `made`, a folder that is missing will be made.
    """
    while made and not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "this is a file, not a folder", str(folder))
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, "nothing can be written there", str(folder))
