"""JSON of unknown origin, read within bounds: several documents in a text, no traceback for anything in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from durascope.importing.unreadable import UnreadableRecording

LARGEST: Final = 512 << 20
"""Bytes: ten times the most that Temporal keeps of a history."""


def documents(path: Path) -> list[Any]:
    """Every JSON document of a file, one after the other. Raises `UnreadableRecording`."""
    return documents_in(_text(path), path.name)


def documents_in(text: str, file: str) -> list[Any]:
    """Every JSON document of a text. Raises `UnreadableRecording`."""
    found: list[Any] = []
    decoder, at, end = json.JSONDecoder(), _after_space(text, 0), len(text)
    while at < end:
        try:
            document, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise _damaged(file, text, error) from None
        except RecursionError:
            raise UnreadableRecording(file, "its JSON is nested too deep") from None
        except ValueError:  # Python's own limit, and its advice is for programmers
            why = f"its JSON has a number of more than {sys.get_int_max_str_digits():,} digits"
            raise UnreadableRecording(file, why, "no engine records such a number") from None
        found.append(document)
        at = _after_space(text, at)
    if not found:
        raise UnreadableRecording(file, "it is empty", "a recording is JSON")
    return found


def _text(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGEST:
        raise UnreadableRecording(path.name, f"it has {size:,} bytes; at most {LARGEST:,} are read")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableRecording(path.name, f"byte {error.start:,} is not UTF-8", "a recording is JSON") from None


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _damaged(file: str, text: str, error: json.JSONDecodeError) -> UnreadableRecording:
    """Where the text stops being JSON; one that stops altogether is cut off."""
    where = f"line {error.lineno}, column {error.colno}"
    events = text.count('"eventId"', 0, error.pos)
    inside = f", in event {events}" if events else ""
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return UnreadableRecording(file, f"the JSON is cut off at {where}{inside}", "copy the whole file")
    return UnreadableRecording(file, f"{where}{inside}: this is not JSON ({error.msg})", "a recording is JSON")
